"""Commands to copy: the one that makes a search again, and those that look further."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from packaging.specifiers import SpecifierSet

from bisector.model import Finding
from bisector.reports.rows import decided, safe, shown

_LOWER = (">=", ">", "~=", "==", "===")
_UPPER = ("<", "<=", "~=", "==", "===")


def replay(finding: Finding) -> str:
    """Return the command that makes the search again, as a shell takes it."""
    return _shell(_words(finding))


def further(finding: Finding) -> tuple[tuple[str, str], ...]:
    """Return, for each end at which a window is open, what is so and the command to look on.

    The command is empty where there is nothing further to look at.
    """
    known = decided(finding)
    if not known:
        return ()
    oldest, newest = known[0][0], known[-1][0]
    hints = []
    if finding.bad_at_oldest:
        older = any(release.version < oldest for release in finding.plan.prereleases)
        told = f"already bad in {oldest}, the oldest release looked at"
        hints.append((told, _wider(finding, f"<={oldest}", _LOWER, older)))
    if finding.bad_at_newest:
        newer = any(release.version > newest for release in finding.plan.prereleases)
        told = f"still bad in {newest}, the newest release looked at"
        hints.append((told, _wider(finding, f">={newest}", _UPPER, newer)))
    return tuple(hints)


def _wider(finding: Finding, range_: str, bounds: Sequence[str], prereleases: bool) -> str:
    """Return the command that looks beyond an end, or nothing where nothing is left there."""
    words = _words(finding)
    end = words.index("--") if "--" in words else len(words)
    options, command = words[:end], words[end:]
    place = options.index("--range") + 1 if "--range" in options else 0
    if place and any(spec.operator in bounds for spec in SpecifierSet(options[place])):
        options[place] = range_
    elif prereleases and "--pre" not in options:
        options.append("--pre")
    else:
        return ""
    return _shell([*options, *command])


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
