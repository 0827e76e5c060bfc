"""What made the difference between two sets of pins, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bisector.finding import Comparison, Culprit
from bisector.model import Measurement, Outcome
from bisector.reports import causes, facts
from bisector.reports.as_json import strict
from bisector.reports.markdown import block, code, escape, folded
from bisector.reports.markdown import table as markdown_table
from bisector.reports.terminal import Column, labelled, plain, printed, table, verbatim
from bisector.reports.words import count, safe, shortened
from bisector.search import failures
from bisector.store.codec import measurement_to_json
from bisector.store.codec import plain as plainly

if TYPE_CHECKING:
    from rich.console import RenderableType

SCHEMA = "bisector/comparison/1"
_LONGEST = 300


def answer(comparison: Comparison) -> str:
    """Return what made the difference, in a sentence or two."""
    old, new = comparison.names
    was, now = (end.outcome for end in comparison.ends)
    changed = count(len(comparison.changes), "changed distribution")
    if not comparison.differs:
        untestable = [
            f"{name} could not be tested ({(end.reason or end.outcome).value}: {end.detail})"
            for name, end in _named_ends(comparison)
            if end.outcome is Outcome.UNTESTABLE
        ]
        if untestable:
            return safe(shortened(f"Undecided: {'; '.join(untestable)}.", 1000))
        if was is Outcome.BAD and not failures.same(*comparison.ends):
            fails = [f"with {n} {shortened(e.detail, 200)}" for n, e in _named_ends(comparison)]
            return safe(
                f"No answer: it fails with both, but not alike: {'; '.join(fails)}. "
                "Compare with pins that it passes with."
            )
        return safe(f"No difference: with {old} and with {new} it is {was.value}.")
    verb = "went bad" if now is Outcome.BAD else "was fixed"
    if among := comparison.suspects:
        named = ", ".join(change.name for change in among)
        return safe(
            f"It {verb} from {old} to {new}; the search was stopped before it was done: "
            f"of {changed}, it is among {len(among)}: {named}."
        )
    needed = comparison.culprits
    take = "it takes" if len(needed) > 1 else "it is"
    named = _named(needed)
    named = f"{named} together" if len(needed) > 1 else named.removesuffix(",")
    sentences = [f"It {verb} from {old} to {new}: of {changed}, {take} {named}."]
    sentences += [
        f"Even without that it {verb}: {_named(others)} would do as well."
        for others in comparison.alternatives
    ]
    sentences += [f"{c.change.name} {step}." for c in needed for step in causes.steps(c)]
    sentences += [
        f"Which release of {c.change.name} is not known: {c.why}." for c in needed if c.why
    ]
    return safe(" ".join(sentences))


def _named_ends(comparison: Comparison) -> Iterator[tuple[str, Measurement]]:
    return zip(comparison.names, comparison.ends)


def _named(culprits: Sequence[Culprit]) -> str:
    return " and ".join(f"{c.change.name} {_step(c)}" for c in culprits)


def render(comparisons: Sequence[Comparison], *, width: int = 100, color: bool = False) -> str:
    """Return what was found, for a terminal or a pipe."""
    return "\n".join(printed(_parts(c, width), width=width, color=color) for c in comparisons)


def _parts(comparison: Comparison, width: int) -> Iterator[RenderableType]:
    yield plain(f"{_title(comparison)}\n", "bold")
    yield plain(answer(comparison))
    yield ""
    lines = _changes(comparison)
    styles = ["bold red" if line[-1] else "" for line in lines]
    columns = [
        Column(title, [line[position] for line in lines], styles if title == "" else ())
        for position, title in enumerate(("changed", *map(safe, comparison.names), ""))
    ]
    yield table(columns, width)
    yield ""
    yield labelled(_facts(comparison))
    yield verbatim(f"{'replay':<11}{safe(comparison.replay)}")


def render_markdown(comparisons: Sequence[Comparison]) -> str:
    """Return what was found as a report to paste."""
    return "\n".join("\n\n".join(_sections(c)) + "\n" for c in comparisons)


def _sections(comparison: Comparison) -> Iterator[str]:
    yield f"# {escape(_title(comparison))}"
    yield escape(answer(comparison))
    titles = ("changed", *map(escape, comparison.names), "")
    lines = [[escape(cell) for cell in line] for line in _changes(comparison)]
    listing = markdown_table(titles, lines)
    yield (
        listing if len(lines) <= 10 else folded(count(len(lines), "changed distribution"), listing)
    )
    facts = [f"- {escape(name)}: {escape(text)}" for name, text in _facts(comparison)]
    yield "\n".join([*facts, f"- again: {code(comparison.replay)}"])
    for name, end in _named_ends(comparison):
        if end.output_tail:
            yield folded(f"{escape(name)} is {end.outcome.value}", block(end.output_tail))


def render_json(comparisons: Sequence[Comparison]) -> str:
    """Return the comparisons: one object, or a list where there are several."""
    objects = [_object(comparison) for comparison in comparisons]
    return strict(objects[0] if len(objects) == 1 else objects)


def _object(comparison: Comparison) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "probe": comparison.probe.name,
        "python": comparison.conditions.interpreter.version,
        "platform": comparison.conditions.interpreter.platform,
        "from": comparison.names[0],
        "to": comparison.names[1],
        "answer": answer(comparison),
        "differs": comparison.differs,
        "changes": [plainly(change) for change in comparison.changes],
        "culprits": [plainly(culprit) for culprit in comparison.culprits],
        "suspects": [plainly(change) for change in comparison.suspects],
        "alternatives": [[plainly(c) for c in others] for others in comparison.alternatives],
        "combinations": comparison.combinations,
        "untestable": comparison.untestable,
        "ends": [measurement_to_json(end) for end in comparison.ends],
        "replay": comparison.replay,
    }


def _title(comparison: Comparison) -> str:
    probe = comparison.probe
    return safe(f"{probe.name}: {probe.title}" if probe.title else probe.name)


def _changes(comparison: Comparison) -> list[list[str]]:
    """Return a line per change, those that matter first."""
    notes = {c.change.name: f"needed: {_step(c)}" for c in comparison.culprits}
    for others in comparison.alternatives:
        notes |= {c.change.name: f"would do as well: {_step(c)}" for c in others}
    notes |= {change.name: "perhaps" for change in comparison.suspects}
    notes = {name: step.removesuffix(",") for name, step in notes.items()}
    ordered = sorted(comparison.changes, key=lambda change: change.name not in notes)
    return [
        [
            safe(change.name),
            safe(change.before or "-"),
            safe(change.after or "-"),
            notes.get(change.name, ""),
        ]
        for change in ordered
    ]


def _step(culprit: Culprit) -> str:
    return causes.culprit(culprit).removeprefix(f"{culprit.change.name} ")


def _facts(comparison: Comparison) -> Iterator[tuple[str, str]]:
    for name, end in _named_ends(comparison):
        reason = f" ({end.reason.value})" if end.reason else ""
        text = f"{name} is {end.outcome.value}{reason}: {end.detail}"
        yield "said", safe(shortened(text, _LONGEST))
    if comparison.culprits:
        text = count(comparison.combinations, "combination")
        text += f" of {count(len(comparison.changes), 'change')}"
        if comparison.untestable:
            text += f"; {comparison.untestable} of them could not be tested"
        yield "looked at", text
    conditions = comparison.conditions
    interpreter = facts.interpreter(conditions)
    yield "conditions", interpreter
