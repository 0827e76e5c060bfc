"""What became of a finding's claims where its sides were run again, for people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from bisector.model import Outcome
from bisector.reports import failing, steps
from bisector.reports.as_json import measured, strict
from bisector.reports.terminal import labelled, plain, printed, verbatim
from bisector.reports.words import count, safe, sure
from bisector.search.replayed import Replay, Replayed, bad_side
from bisector.store.codec import plain as plainly

if TYPE_CHECKING:
    from rich.console import RenderableType

SCHEMA = "bisector/replay/1"
_WORDS = {True: "holds", False: "does not hold", None: "undecided"}
_STYLES = {True: "green", False: "bold red", None: "yellow"}


def render(replays: Sequence[Replay], *, width: int = 100, color: bool = False) -> str:
    """Return whether each claim holds, and what that rests on."""
    return "\n".join(printed(_parts(one), width=width, color=color) for one in replays)


def answer(replay: Replay) -> str:
    """Return how many of the claims hold here, in a sentence."""
    holding = [one.holds for one in replay.replayed]
    failed, undecided = holding.count(False), holding.count(None)
    changes = count(len(holding), "change")
    if not (failed or undecided):
        both = "The change" if len(holding) == 1 else f"All {changes}"
        return f"{both} of {safe(replay.package)} still {'holds' if len(holding) == 1 else 'hold'}."
    texts = [f"{failed} no longer {'holds' if failed == 1 else 'hold'}"] if failed else []
    texts += [f"{undecided} {'is' if undecided == 1 else 'are'} undecided"] if undecided else []
    return f"Of {changes} of {safe(replay.package)}, {' and '.join(texts)}."


def _parts(replay: Replay) -> Iterator[RenderableType]:
    yield plain(f"{safe(replay.name)}, replayed\n", "bold")
    yield plain(answer(replay))
    yield ""
    for one in replay.replayed:
        yield plain(f"{_title(one)}: {_WORDS[one.holds]}", _STYLES[one.holds])
        yield plain(f"  {_basis(one)}")
    yield ""
    yield labelled(_facts(replay))
    yield verbatim(f"{'search':<11}{safe(replay.command)}")


def _facts(replay: Replay) -> Iterator[tuple[str, str]]:
    here = replay.interpreter
    yield "found", safe(f"on Python {replay.python}, {replay.platform}")
    yield "replayed", safe(f"on Python {here.version}, {here.platform}")
    for note in replay.notes:
        yield "note", safe(note)


def _title(one: Replayed) -> str:
    sides = f"{one.before} → {one.after}"
    if one.step:
        return f"{'up' if one.step.up else 'down'} {sides}"
    kind = one.transition.kind.value if one.transition else ""
    named = failing.name(one.failure) if one.failure else ""
    return f"{kind} {sides}" + (f" ({named})" if named not in ("", "bad") else "")


def _basis(one: Replayed) -> str:
    """Return what the runs of both sides came out at."""
    if one.found is None:
        return safe(one.why or "interrupted before it was run")
    if one.found.series:
        return " ".join(steps.sentences(one.found, one.found.series))
    texts = [_ran(one, side) for side in (one.before, one.after)]
    confidence = max((t.confidence for t in one.found.every_transition), default=0.0)
    sureness = f", {sure(confidence)} sure" if one.holds else ""
    return f"{'; '.join(texts)}{sureness}.{_otherwise(one)}"


def _ran(one: Replayed, side: Version) -> str:
    counts = _counts(one, side)
    decided = counts["good"] + counts["bad"]
    if not decided:
        runs = one.found.runs.get(side, []) if one.found else []
        why = f" ({safe(runs[-1].detail or 'no reason')})" if runs else ""
        return f"{side} decided nothing in {count(counts['undecided'], 'run')}{why}"
    return f"{side} was bad in {counts['bad']} of {count(decided, 'run')}"


def _otherwise(one: Replayed) -> str:
    """Return by which other failure the bad side fails now, where that is so."""
    if one.holds or one.found is None or one.transition is None:
        return ""
    side = bad_side(one.transition)
    now = next((f for f in one.found.failures if side in f.releases), None)
    if now is None or one.failure is None or failing.name(now) == failing.name(one.failure):
        return ""
    return f" {side} {failing.fails(now)} now."


def _counts(one: Replayed, side: Version) -> dict[str, int]:
    outcomes = [run.outcome for run in one.found.runs.get(side, ())] if one.found else []
    return {
        "good": outcomes.count(Outcome.GOOD),
        "bad": outcomes.count(Outcome.BAD),
        "undecided": outcomes.count(Outcome.UNTESTABLE),
    }


def render_json(replays: Sequence[Replay]) -> str:
    """Return the replays: one object, or a list where there are several."""
    objects = [_object(one) for one in replays]
    return strict(objects[0] if len(objects) == 1 else objects)


def _object(replay: Replay) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "package": replay.package,
        "probe": replay.name,
        "python": replay.interpreter.version,
        "platform": replay.interpreter.platform,
        "found_on": {"python": replay.python, "platform": replay.platform},
        "answer": answer(replay),
        "holds": _together([one.holds for one in replay.replayed]),
        "changes": [_change(one) for one in replay.replayed],
        "interrupted": replay.interrupted,
        "notes": list(replay.notes),
        "replay": replay.command,
    }


def _change(one: Replayed) -> dict[str, Any]:
    sides = {"before": str(one.before), "after": str(one.after), "holds": one.holds}
    basis = {"says": _basis(one), "measurements": measured(one.found) if one.found else []}
    if one.step:
        now = list(one.found.series.steps) if one.found and one.found.series else []
        again = [steps.step_to_json(step) for step in now]
        return {"kind": "up" if one.step.up else "down", **sides, "steps": again, **basis}
    return {
        "kind": one.transition.kind.value if one.transition else None,
        **sides,
        "failure": failing.name(one.failure) if one.failure else None,
        "signature": plainly(one.failure.signature) if one.failure else None,
        "runs": {str(side): _counts(one, side) for side in (one.before, one.after)},
        **basis,
    }


def _together(holding: Sequence[bool | None]) -> bool | None:
    """Return whether all hold: False where one doesn't, None where none is known not to."""
    if False in holding:
        return False
    return None if None in holding else True
