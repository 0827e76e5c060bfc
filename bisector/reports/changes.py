"""What the changes that were found say of what was searched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bisector.finding import Finding, Kind, Transition
from bisector.reports import failing
from bisector.reports.words import listed


def of_one_release(finding: Finding) -> Iterator[str]:
    """Yield what the transitions say of the one release that is held."""
    for transition in finding.transitions:
        axis = finding.axis
        words = axis.introduced if transition.kind is Kind.INTRODUCED else axis.fixed
        before, after = map(axis.shown, (transition.before, transition.after))
        untested = ", ".join(map(axis.shown, transition.untested))
        between = f", with {untested} between them untested" if untested else ""
        others = f"; {failing.otherwise(transition)}" if transition.otherwise else ""
        yield f"{words.format(before=before, after=after)}{between}{others}."


def of_releases(finding: Finding) -> Iterator[str]:
    """Yield what the transitions say of their package, without naming it.

    What is backported is one change that came to several lines: it is said once.
    """
    for position, windows in enumerate(_strands(finding)):
        for kind in Kind:
            if group := [window[kind] for window in windows if kind in window]:
                yield _together(group, finding, again=position > 0)
    for transition in finding.transitions[-1:]:
        if transition.parting:
            now = "bad" if transition.kind is Kind.INTRODUCED else "good"
            yield f"is {now} in {transition.after}, of another release line."


Window = dict[Kind, Transition]


"""The two sides of a bad window, as far as it has them."""


def _strands(finding: Finding) -> list[list[Window]]:
    """Return the bad windows, those of several release lines together that are one in time."""
    uploads = {r.version: r.upload_time for r in finding.plan.candidates}

    def later(one: Transition, other: Transition) -> bool:
        times = uploads.get(one.after), uploads.get(other.after)
        return times[0] is not None and times[1] is not None and times[0] > times[1]

    strands: list[list[Window]] = []
    parted = False
    for transition in finding.transitions:
        if transition.parting:
            parted = True
            continue
        last = strands[-1][-1] if strands else {}
        if transition.kind is Kind.FIXED and last and Kind.FIXED not in last and not parted:
            last[Kind.FIXED] = transition
        elif strands and (
            parted
            or (
                transition.kind is Kind.INTRODUCED
                and Kind.FIXED in last
                and later(last[Kind.FIXED], transition)
            )
        ):
            strands[-1].append({transition.kind: transition})
        else:
            strands.append([{transition.kind: transition}])
        parted = False
    return strands


def _together(group: Sequence[Transition], finding: Finding, *, again: bool) -> str:
    if len(group) == 1:
        return _sentence(group[0], finding, again=again)
    return _backported(group, again=again)


def _sentence(transition: Transition, finding: Finding, *, again: bool) -> str:
    """Return what a transition says of its package, without naming it."""
    before, after = transition.before, transition.after
    introduced = transition.kind is Kind.INTRODUCED
    verb, was, now = _WORDS[transition.kind]
    verb += " again" if again else ""
    untested = [v for v in transition.untested if v not in finding.conflicting]
    beside = [f"{listed(untested)} untested"] if untested else []
    beside += [failing.otherwise(transition)] if transition.otherwise else []
    beside += _zoom(transition, "" if introduced else "fixed ", was)
    aside = f" ({'; '.join(beside)})" if beside else ""
    if transition.untested or transition.otherwise:
        text = f"{verb} between {before} and {after}{aside}."
    else:
        text = f"{verb} in {after}{aside}; {before} is the last {was} release before it."
    if transition.after_not_yanked:
        text += f" {after} is yanked; the first {now} release that isn't is"
        text += f" {transition.after_not_yanked}."
    elif any(r.yanked for r in finding.plan.candidates if r.version == after):
        text += f" {after} is yanked."
    return text


_WORDS = {
    Kind.INTRODUCED: ("went bad", "good", "bad"),
    Kind.FIXED: ("was fixed", "bad", "good"),
}


def _backported(group: Sequence[Transition], *, again: bool) -> str:
    """Return what one change did that came to several release lines."""
    verb, was, _ = _WORDS[group[0].kind]
    verb += " again" if again else ""
    releases = [
        f"between {t.before} and {t.after}" if t.untested or t.otherwise else f"in {t.after}"
        for t in group
    ]
    last = _and([str(transition.before) for transition in group])
    text = f"{verb} {_and(releases)}, each of another release line;"
    return f"{text} {last} are the last {was} releases before."


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _zoom(transition: Transition, already: str, was: str) -> list[str]:
    """Return which pre-release the change is already in, or which is the last without it."""
    last, first = transition.zoom or (transition.before, transition.after)
    if first != transition.after:
        return [f"already {already}in {first}"]
    return [f"still {was} in {last}"] if last != transition.before else []
