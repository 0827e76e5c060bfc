"""Commands to copy: the one that makes a search again, and those that look further."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector.finding import Finding
from bisector.model import Excluded
from bisector.reports.facts import decided, excluded
from bisector.reports.words import safe, shown, why_not

_LOWER = (">=", ">", "~=", "==", "===")
_UPPER = ("<", "<=", "~=", "==", "===")


def replay(finding: Finding) -> str:
    """Return the command that makes the search again, as a shell takes it."""
    return _shell(_words(finding))


def further(finding: Finding) -> tuple[tuple[str, str], ...]:
    """Return, for each end at which a window is open, what is so and the command to look on.

    The command is empty where there is nothing further to look at.
    """
    outcomes = decided(finding)
    if not outcomes or finding.over or finding.plan.by_upload or finding.suspicions:
        return ()
    oldest, newest = outcomes[0][0], outcomes[-1][0]
    hints = []
    if finding.bad_at_oldest:
        older = any(release.version < oldest for release in finding.plan.prereleases)
        text = (
            f"already bad in {oldest}, the oldest release {_reached(finding, oldest, below=True)}"
        )
        beyond = [e for e in excluded(finding) if e.version < oldest]
        if beyond and not any(r.version < oldest for r in finding.plan.candidates):
            hints.append(_excluded(finding, f"{text}; {_those('older', beyond)}", beyond, older))
        else:
            hints.append((text, _wider(finding, f"<={oldest}", _LOWER, older)))
    if finding.bad_at_newest:
        newer = any(release.version > newest for release in finding.plan.prereleases)
        text = f"still bad in {newest}, the newest release {_reached(finding, newest, below=False)}"
        beyond = [e for e in excluded(finding) if e.version > newest]
        if beyond and not any(r.version > newest for r in finding.plan.candidates):
            hints.append(_excluded(finding, f"{text}; {_those('newer', beyond)}", beyond, newer))
        else:
            hints.append((text, _wider(finding, f">={newest}", _UPPER, newer)))
    return tuple(hints)


def _reached(finding: Finding, end: Version, *, below: bool) -> str:
    """Return whether a release is the outermost looked at, or just the outermost decided."""
    inside = {release.version for release in finding.plan.candidates}
    tried = {run.version for run in finding.measurements} & inside - {*finding.conflicting}
    beyond = any(version < end if below else version > end for version in tried)
    return "that could be tested" if beyond else "looked at"


def _those(which: str, beyond: Sequence[Excluded]) -> str:
    """Return that the releases beyond an end could not be tested, and why."""
    some = f"the {len(beyond)} {which} ones" if len(beyond) > 1 else f"the only {which} one"
    return f"{some} in the range could not be tested{why_not(e.detail for e in beyond)}"


def _excluded(
    finding: Finding, text: str, beyond: Sequence[Excluded], prereleases: bool
) -> tuple[str, str]:
    """Return the hint at an end beyond which every release of the range is excluded.

    A wider range would only find more of the same kind.
    """
    if any("--allow-build" in e.detail for e in beyond):
        return text, _with_option(finding, "--allow-build")
    if prereleases and (command := _with_option(finding, "--pre")):
        return text, command
    if any(e.detail != "no files" for e in beyond):
        text += "; another --python may be able to"
    return text, ""


def _with_option(finding: Finding, option: str) -> str:
    """Return the command with one more option, or nothing where it has that already."""
    words = _words(finding)
    end = words.index("--") if "--" in words else len(words)
    return "" if option in words[:end] else _shell([*words[:end], option, *words[end:]])


def _wider(finding: Finding, range_: str, bounds: Sequence[str], prereleases: bool) -> str:
    """Return the command that looks beyond an end, or nothing where nothing is left there."""
    words = _words(finding)
    end = words.index("--") if "--" in words else len(words)
    options, command = _without_witnesses(words[:end]), words[end:]
    position = options.index("--range") + 1 if "--range" in options else 0
    if position and any(spec.operator in bounds for spec in SpecifierSet(options[position])):
        options[position] = range_
    elif prereleases and "--pre" not in options:
        options.append("--pre")
    else:
        return ""
    return _shell([*options, *command])


def _without_witnesses(options: Sequence[str]) -> list[str]:
    """Return the options without --good and --bad, which would lie outside another range."""
    dropped = {
        position + n
        for position, o in enumerate(options)
        if o in ("--good", "--bad")
        for n in (0, 1)
    }
    return [option for position, option in enumerate(options) if position not in dropped]


def _words(finding: Finding) -> list[str]:
    """Return the words of the command that makes the search again."""
    try:
        return shlex.split(finding.replay)
    except ValueError:
        return [finding.replay]


def _shell(words: Iterable[str]) -> str:
    """Return the words on one line; what can't be shown as it is, as ``$'…'`` has it."""
    return " ".join(shlex.quote(w) if safe(w) == w else f"$'{_escaped(w)}'" for w in words)


def _escaped(word: str) -> str:
    marked = word.replace("\\", "\\\\").replace("'", "\\'")
    # A lone surrogate stands for a byte that isn't text, as PEP 383 has it.
    return "".join(
        f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else shown(c) for c in marked
    )
