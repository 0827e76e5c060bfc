"""What changed and was executed, most suspicious first, with a clause for each.

Suspiciousness is Ochiai's (Abreu, Zoeteweij, van Gemund: "On the Accuracy of Spectrum-based Fault
Localization", TAICPART 2007): of a piece that ``failed`` runs that fail enter, and ``passed`` of
those that don't, failed / sqrt(all that fail · (failed + passed)). There are two runs, one on each
side, so that it only tells what the bad side alone entered from what both did; before that counts
what points at the failure: its traceback, memory that grew, what its message quotes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from bisector.cause.changes import Changes, Known
from bisector.cause.definitions import MODULE, at
from bisector.cause.trace import Entered, Trace, distances
from bisector.explanation import Edit, Edited, Sort, Suspect
from bisector.finding import Kind

MOST = 20
"""Suspects beyond which nobody reads on."""

_MUCH_BYTES = 1 << 20
"""Growth inside a function below which it tells nothing: heaps grow by such steps anyway."""

_QUOTED = re.compile(r"(?<!from )(?<!module )['`\"]([A-Za-z_]\w*)['`\"]")
"""What a message quotes and is an identifier, but for the module that something isn't in."""

_NEAR = 3
"""Calls up to which it is worth saying how far it is to the failure."""

_SOON = 5
"""The last functions entered that count as near the failure."""


@dataclass(frozen=True, slots=True)
class Side:
    """What a run of one release executed of the modules that differ.

    ``entered`` are pieces by path and name, ``names`` the identifiers that what was entered reads,
    ``frames`` the pieces in the traceback, innermost first. ``distances`` say how many calls lie
    between a piece and where the run failed.
    """

    entered: Mapping[tuple[str, str], Entered] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    frames: tuple[tuple[str, str], ...] = ()
    distances: Mapping[tuple[str, str], int] = field(default_factory=dict)
    trace: Trace = field(default_factory=Trace)


def side(trace: Trace, known: Known) -> Side:
    """Return what a run executed, by the pieces that its modules define."""
    entered: dict[tuple[str, str], Entered] = {}
    names: set[str] = set()
    apart: dict[tuple[str, str], int] = {}
    away = distances(trace)
    for function, entry in trace.functions.items():
        definition = at(known.get(function.path, ()), function.line, function.name)
        if definition is None:
            continue
        piece = (function.path, definition.name)
        # A lambda or a comprehension in a function is no other place than that.
        exact = definition.short == function.name or definition.name == MODULE
        if piece not in entered or exact:
            entered[piece] = entry
        if function in away:
            apart[piece] = min(away[function], apart.get(piece, away[function]))
        if definition.sort is Sort.FUNCTION:
            names |= definition.named
    frames = []
    for frame in reversed(trace.frames):
        definition = at(known.get(frame.path, ()), frame.line, frame.name)
        if definition is not None:
            frames.append((frame.path, definition.name))
    return Side(entered, frozenset(names), tuple(frames), apart, trace)


def ochiai(failed: int, passed: int, all_failed: int = 1) -> float:
    """Return the suspiciousness of what ``failed`` and ``passed`` runs enter; 0 of none."""
    return failed / math.sqrt(all_failed * (failed + passed)) if failed else 0.0


def suspects(
    changed: Changes, old: Trace, new: Trace, kind: Kind, message: str = ""
) -> tuple[Suspect, ...]:
    """Return what may have changed the outcome, most suspicious first, at most ``MOST``.

    ``old`` and ``new`` are the runs of the earlier and the later release; ``kind`` says which of
    them failed, with that ``message``.
    """
    sides = side(old, changed.old), side(new, changed.new)
    quoted = frozenset(_QUOTED.findall(message))
    weighed = [
        replace(
            _evidence(edited, sides, kind),
            quoted=_quoted(edited, changed, quoted) if quoted else "",
        )
        for edited in changed.edited
    ]
    ranked = sorted(filter(_matters, weighed), key=_order)
    return tuple(_suspect(evidence, kind) for evidence in ranked[:MOST])


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What speaks for a piece: how it was entered on the bad and on the good side.

    ``frame`` is its place in the traceback, innermost first, ``distance`` how many calls it is away
    from the failure; ``read`` whether a function that was
    entered on the bad side reads it. ``quoted`` is what the failure's message quotes of what became
    other in it.
    """

    edited: Edited
    bad: Entered | None
    good: Entered | None
    frame: int | None = None
    distance: int | None = None
    read: bool = False
    quoted: str = ""

    @property
    def score(self) -> float:
        """Its suspiciousness; what a function reads was there wherever that was entered."""
        if self.edited.sort in (Sort.VARIABLE, Sort.CLASS) and not self.bad:
            return ochiai(self.read, self.edited.edit is not Edit.ADDED)
        return ochiai(bool(self.bad), bool(self.good))

    @property
    def ratio(self) -> float:
        """How many times more often one side entered it than the other, as a logarithm."""
        calls = [entered.calls if entered else 0 for entered in (self.bad, self.good)]
        return abs(math.log((calls[0] + 1) / (calls[1] + 1)))

    @property
    def grown_bytes(self) -> int:
        """How much more the process grew inside it on the bad side; 0 where that is little."""
        grown = [entered.grown_bytes if entered else 0 for entered in (self.bad, self.good)]
        return more if (more := grown[0] - grown[1]) >= _MUCH_BYTES else 0


def _evidence(edited: Edited, sides: tuple[Side, Side], kind: Kind) -> _Evidence:
    old, new = sides
    piece = (edited.path, edited.name)
    before = piece
    if edited.edit is Edit.MOVED:
        path, _, name = edited.origin.partition(":")
        before = (path, name)
    entered = _entered(edited, old, before), _entered(edited, new, piece)
    introduced = kind is Kind.INTRODUCED
    failing, there = (new, piece) if introduced else (old, before)
    bad, good = reversed(entered) if introduced else entered
    frame = failing.frames.index(there) if there in failing.frames else None
    names = {name.strip().rpartition(".")[2] for name in edited.name.split(",")}
    imported = (there[0], MODULE) in failing.entered
    read = imported and bool(names & failing.names)
    return _Evidence(edited, bad, good, frame, failing.distances.get(there), read)


def _quoted(edited: Edited, changed: Changes, quoted: frozenset[str]) -> str:
    """Return a word that a message quotes and that only one of a piece's two sides has."""
    before = {d for d in changed.old.get(edited.path, ()) if d.name == edited.name}
    after = {d for d in changed.new.get(edited.path, ()) if d.name == edited.name}
    words = [{word for d in side for word in (d.short, *d.words)} for side in (before, after)]
    return min(quoted & (words[0] ^ words[1]), default="")


def _entered(edited: Edited, side: Side, piece: tuple[str, str]) -> Entered | None:
    """Return how a piece was entered: a function, the functions of an extension, a data file."""
    if edited.sort is Sort.DATA and (opened := side.trace.files.get(edited.path)):
        return Entered(opened, 0, 0)
    if edited.sort is Sort.EXTENSION:
        module = edited.path.partition(".")[0].replace("/", ".")
        calls = [n for name, n in side.trace.native.items() if name.startswith(f"{module}.")]
        return Entered(sum(calls), 0, 0) if calls else None
    if edited.sort is Sort.MODULE:
        first = (f for f in side.trace.functions if f.path == edited.path)
        return next((side.trace.functions[f] for f in first), None)
    return side.entered.get(piece)


def _matters(evidence: _Evidence) -> bool:
    """Return whether a piece was executed, or read by what was, or acts before anything runs."""
    sort = evidence.edited.sort
    if evidence.quoted:
        return True
    if sort in (Sort.VARIABLE, Sort.CLASS) or evidence.edited.name == MODULE:
        return evidence.read or (evidence.edited.name == MODULE and bool(evidence.bad))
    return bool(evidence.bad or evidence.good) or sort is Sort.REQUIREMENT


def _order(evidence: _Evidence) -> tuple[float, ...]:
    """Return what a piece is sorted by: the less, the more suspicious."""
    return (
        _unlikely(evidence),
        not evidence.quoted,
        math.inf if evidence.frame is None else evidence.frame,
        -evidence.grown_bytes,
        -evidence.score,
        -evidence.ratio,
        math.inf if evidence.distance is None else evidence.distance,
        evidence.bad.last if evidence.bad else math.inf,
    )


def _unlikely(evidence: _Evidence) -> int:
    """Return how far a piece is from what usually breaks: code that the bad side executes."""
    edited = evidence.edited
    if evidence.quoted and edited.name != MODULE:
        return 0
    if edited.edit in (Edit.ANNOTATED, Edit.MOVED):
        return 3
    if edited.sort is Sort.REQUIREMENT or edited.name == MODULE:
        return 3
    if edited.sort in (Sort.VARIABLE, Sort.CLASS):
        return 1
    return 0 if evidence.bad else 2


def _suspect(evidence: _Evidence, kind: Kind) -> Suspect:
    calls = [entered.calls if entered else 0 for entered in (evidence.good, evidence.bad)]
    if kind is Kind.FIXED:
        calls.reverse()
    because = ", ".join(_clauses(evidence))
    return Suspect(evidence.edited, round(evidence.score, 3), because, (calls[0], calls[1]))


def _clauses(evidence: _Evidence) -> Iterator[str]:
    """Yield what speaks for a piece, in words."""
    edited, bad, good = evidence.edited, evidence.bad, evidence.good
    yield _EDITS[edited.edit].format(origin=edited.origin)
    if evidence.quoted:
        yield f"the failure names {evidence.quoted}, which only one side of it has"
    if evidence.grown_bytes:
        more = " more" if good else ""
        yield f"the process grew by {evidence.grown_bytes / (1 << 20):.1f} MiB{more} inside it"
    if evidence.frame == 0:
        yield "where the failure came from"
    elif evidence.frame is not None:
        yield "in the traceback"
    elif evidence.distance is not None and evidence.distance <= _NEAR:
        calls = "one call" if evidence.distance == 1 else f"{evidence.distance} calls"
        yield f"{calls} away from where the failure came from"
    if edited.sort is Sort.REQUIREMENT:
        yield "decides which releases of it are installed"
    elif edited.sort is Sort.DATA:
        yield "opened by the bad side" if bad else "opened by the good side alone"
    elif edited.sort in (Sort.VARIABLE, Sort.CLASS):
        yield from ["read by what the bad side executes"] if evidence.read else []
    elif edited.name == MODULE or edited.sort is Sort.MODULE:
        yield "executed when it is imported"
    elif bad and good:
        same = bad.calls == good.calls
        times = _times(bad.calls)
        yield (
            f"called {times} on both sides"
            if same
            else (f"called {times} on the bad side, {_times(good.calls)} on the good one")
        )
    elif bad:
        yield f"called {_times(bad.calls)}, on the bad side alone"
    elif good:
        yield f"called {_times(good.calls)}, on the good side alone"
    if bad and bad.raised and not (good and good.raised):
        yield "left by an exception on the bad side"
    elif bad and bad.last < _SOON and edited.sort is Sort.FUNCTION:
        yield "among the last that were entered"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


_EDITS = {
    Edit.CHANGED: "changed",
    Edit.ADDED: "new",
    Edit.REMOVED: "removed",
    Edit.MOVED: "moved from {origin}, its body as it was",
    Edit.ANNOTATED: "changed in its annotations alone",
}
