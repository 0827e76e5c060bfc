"""Findings made from a few letters, each what the loop itself makes of such measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from packaging.version import Version

from bisector.finding import Finding, Stopped
from bisector.model import (
    Conditions,
    Excluded,
    Interpreter,
    Measurement,
    Outcome,
    Plan,
    Probe,
    Reason,
    Release,
    Signature,
)
from bisector.search.knowledge import Knowledge, Options
from bisector.search.releases import Releases

FIRST = datetime(2024, 1, 1, tzinfo=timezone.utc)
HOSTILE = (
    "<script>throw 1</script><!-- &lt; | a | b\n| --- |\r\n# head\n* item\n``` ~~~ `x` "
    "[a](http://b) ![i](javascript:alert) @someone #1 GH-2 www.bad.example http://bad.example "
    "me@bad.example \x1b[31mred\x1b[0m\x1b]0;title\x07 \u202eback \u200b\u2028\ufeff \udcff "
    "\\| $x$ _a_ *b* =cmd|' /C calc'!A0"
)


def found(
    letters: str | Mapping[str, str],
    *,
    pre: Mapping[str, str] | None = None,
    yanked: Sequence[str] = (),
    runs: int = 2,
    confidence: float | None = None,
    stopped: Stopped | None = None,
    probe: Probe | None = None,
    detail: str = "",
    any_failure: bool = False,
    replay: str = "bisect --probe eggs --range '>=1.0,<2' --python 3.11",
) -> Finding:
    """Return the finding of a history: a letter per release, 1.0, 1.1 and on, or one per version.

    ``g`` is good, ``b`` bad, ``c`` bad by a ``TypeError``, ``h`` hangs, ``u`` untestable, ``!``
    both good and bad, ``x`` excluded and ``-`` not measured; ``pre`` are pre-releases, kept for the
    zoom.
    """
    history = letters if not isinstance(letters, str) else dict(zip(versions(letters), letters))
    measured = {
        Version(version): [
            replace(run, detail=detail or run.detail) for run in measurements(version, letter, runs)
        ]
        for version, letter in {**history, **(pre or {})}.items()
        if letter not in "x-"
    }
    listed = [Version(version) for version in history]
    plan = Plan(
        candidates=tuple(
            release(v, n, yanked) for n, v in enumerate(listed) if history[str(v)] != "x"
        ),
        prereleases=tuple(release(Version(v), 0, yanked) for v in pre or {}),
        excluded=tuple(
            Excluded(v, Reason.NO_WHEEL, "no wheel for cp311", upload_time=FIRST)
            for v in listed
            if history[str(v)] == "x"
        ),
    )
    held = Conditions(Interpreter("", "3.11.7", "cpython", "linux-x86_64", ()))
    candidates = Releases(probe or Probe("eggs", "spam", "Eggs must be fresh."), plan, held)
    knowledge = Knowledge(
        candidates, measured, Options(confidence=confidence, any_failure=any_failure)
    )
    knowledge.stopped = stopped
    return replace(knowledge.finding(), replay=replay)


def versions(letters: str) -> list[str]:
    """Return 1.0, 1.1 and on, one per letter."""
    return [f"1.{number}" for number in range(len(letters))]


def release(version: Version, number: int, yanked: Sequence[str] = ()) -> Release:
    """Return a release, uploaded a day after the one before it."""
    return Release(
        version, (), yanked=str(version) in yanked, upload_time=FIRST + timedelta(days=number)
    )


def measurements(version: str, letter: str, runs: int = 2) -> list[Measurement]:
    """Return the runs that a letter stands for."""
    outcomes = {"g": [Outcome.GOOD] * runs, "b": [Outcome.BAD] * runs}
    outcomes |= {"c": [Outcome.BAD] * runs, "h": [Outcome.BAD] * runs}
    outcomes |= {"u": [Outcome.UNTESTABLE], "!": [Outcome.GOOD, Outcome.BAD]}
    return [
        Measurement(
            Version(version),
            outcome,
            reason={"u": Reason.OUT_OF_LIMITS, "h": Reason.TIMEOUT}.get(letter),
            signature=Signature("TypeError", "fry() takes no eggs") if letter == "c" else None,
            detail="No module named 'ham'" if letter == "u" else f"the eggs are {outcome.value}",
            wall_s=0.5,
            exit_status=int(outcome is Outcome.BAD),
            started=f"2025-10-01T12:00:{number:02}.000Z",
        )
        for number, outcome in enumerate(outcomes[letter])
    ]
