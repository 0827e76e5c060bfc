"""What changed and was executed, ranked."""

from __future__ import annotations

import pytest

from bisector.cause.changes import changes
from bisector.cause.contents import Contents
from bisector.cause.definitions import definitions
from bisector.cause.ranking import ochiai, suspects
from bisector.cause.trace import Entered, Function, Trace
from bisector.explanation import Suspect
from bisector.finding import Kind

OLD = """\
LIMIT = 1
OTHER = 1
def ham(): return LIMIT
def eggs(): return 1
def toast(): return 1
def gone(): return 1
def hint(x): return x
def idle(): return 1
"""
NEW = """\
LIMIT = 2
OTHER = 2
def ham(): return LIMIT + 1
def eggs(): return 2
def toast(): return 2
def fresh(): return 2
def hint(x: int): return x
def idle(): return 2
"""


def trace(
    source: str,
    calls: dict[str, int],
    *,
    frames: tuple[str, ...] = (),
    called: tuple[tuple[str, str], ...] = (),
) -> Trace:
    """A run that enters these functions so often, in that order."""
    lines = {d.name: d.first for d in definitions(source.encode())}
    functions = {
        Function("spam.py", lines[name], name): Entered(n, place, len(calls) - place)
        for place, (name, n) in enumerate(calls.items())
    }
    functions[Function("spam.py", 1, "<module>")] = Entered(1, len(calls), len(calls) + 1)
    raised = tuple(Function("spam.py", lines[name], name) for name in frames)
    ends = frozenset(
        (Function("spam.py", lines[one], one), Function("spam.py", lines[other], other))
        for one, other in called
    )
    return Trace(functions, frames=raised, calls=ends)


def ranked(old: Trace, new: Trace, kind: Kind = Kind.INTRODUCED) -> tuple[Suspect, ...]:
    changed = changes(Contents({"spam.py": OLD.encode()}), Contents({"spam.py": NEW.encode()}))
    return suspects(changed, old, new, kind)


def names(found: tuple[Suspect, ...]) -> list[str]:
    return [suspect.edited.name for suspect in found]


@pytest.mark.parametrize(
    ("failed", "passed", "score"), [(1, 0, 1.0), (1, 1, 0.7071), (0, 1, 0.0), (0, 0, 0.0)]
)
def test_ochiai_over_two_runs(failed: int, passed: int, score: float) -> None:
    assert ochiai(failed, passed) == pytest.approx(score, abs=1e-4)


def test_what_was_not_executed_is_not_suspected() -> None:
    assert names(ranked(trace(OLD, {"eggs": 1}), trace(NEW, {"eggs": 1}))) == ["eggs"]


def test_what_only_the_bad_side_executes_comes_first() -> None:
    found = ranked(trace(OLD, {"eggs": 1}), trace(NEW, {"eggs": 1, "fresh": 1}))

    assert names(found) == ["fresh", "eggs"]
    assert found[0].because.startswith("new, called once, on the bad side alone")
    assert found[1].because.startswith("changed, called once on both sides")


def test_of_two_alike_the_one_that_called_what_failed_comes_first() -> None:
    calls = {"toast": 1, "idle": 1, "hint": 1, "eggs": 1}
    links = (("toast", "idle"), ("idle", "hint"))
    new = trace(NEW, calls, frames=("hint",), called=links)

    found = ranked(trace(OLD, calls), new)

    assert names(found) == ["idle", "toast", "eggs", "hint"]
    assert "one call away from where the failure came from" in found[0].because
    assert "2 calls away from" in found[1].because
    assert "away from" not in found[2].because


def test_the_module_that_a_message_names_is_no_culprit() -> None:
    old = "if ham:\n    eggs = 1\nelse:\n    eggs = 2\n"
    changed = changes(
        Contents({"spam.py": old.encode()}), Contents({"spam.py": b"def spam(): 1\n"})
    )

    found = suspects(
        changed, Trace(), Trace(), Kind.INTRODUCED, "cannot import name 'eggs' from 'spam'"
    )

    assert names(found) == ["eggs"]


def test_what_nothing_reads_is_not_said_to_be_read() -> None:
    changed = changes(
        Contents({"spam.py": b"VERSION = 1\n"}), Contents({"spam.py": b"OTHER = 2\n"})
    )

    found = suspects(changed, Trace(), Trace(), Kind.INTRODUCED, "spam has no 'VERSION'")

    assert found[0].because == "removed, the failure names VERSION, which only one side of it has"


def test_the_traceback_comes_before_all_else() -> None:
    old, new = trace(OLD, {"eggs": 1}), trace(NEW, {"eggs": 1, "fresh": 1}, frames=("eggs",))

    found = ranked(old, new)

    assert names(found) == ["eggs", "fresh"]
    assert "where the failure came from" in found[0].because


def test_the_more_the_calls_differ_the_more_suspicious() -> None:
    found = ranked(trace(OLD, {"eggs": 2, "toast": 512}), trace(NEW, {"eggs": 2, "toast": 1}))

    assert names(found) == ["toast", "eggs"]
    assert found[0].because.startswith(
        "changed, called once on the bad side, 512 times on the good"
    )
    assert found[0].calls == (512, 1)


def test_growth_of_memory_points_at_where_it_grew() -> None:
    new = trace(NEW, {"eggs": 1, "fresh": 1})
    grown = {
        f: Entered(1, 0, 0, 0, 64 << 20) if f.name == "eggs" else e
        for f, e in new.functions.items()
    }

    found = ranked(trace(OLD, {"eggs": 1}), Trace(grown))

    assert names(found) == ["eggs", "fresh"]
    assert "the process grew by 64.0 MiB more inside it" in found[0].because


def test_a_constant_is_suspected_where_what_was_executed_reads_it() -> None:
    found = ranked(trace(OLD, {"ham": 1}), trace(NEW, {"ham": 1}))

    assert names(found) == ["ham", "LIMIT"]


def test_of_a_fix_the_older_side_is_bad() -> None:
    found = ranked(trace(OLD, {"gone": 1, "eggs": 1}), trace(NEW, {"eggs": 1}), Kind.FIXED)

    assert names(found) == ["gone", "eggs"]
    assert found[0].calls == (1, 0)


def test_annotations_and_what_is_gone_come_last() -> None:
    calls = {"hint": 1, "eggs": 1}

    found = ranked(trace(OLD, {**calls, "gone": 1}), trace(NEW, calls))

    assert names(found) == ["eggs", "gone", "hint"]


def test_functions_of_an_extension_and_data_files_are_seen_by_name() -> None:
    old = Contents({"spam/fast.cpython-311-x.so": b"1", "spam/t.json": b"1", "spam/u.json": b"1"})
    new = Contents({"spam/fast.cpython-311-x.so": b"2", "spam/t.json": b"2", "spam/u.json": b"2"})
    ran = Trace(native={"spam.fast.parse": 3, "builtins.len": 1}, files={"spam/t.json": 1})

    found = suspects(changes(old, new), ran, ran, Kind.INTRODUCED)

    assert {suspect.edited.path for suspect in found} == {
        "spam/fast.cpython-311-x.so",
        "spam/t.json",
    }
    assert found[0].because == "changed, called 3 times on both sides"


def test_what_the_message_quotes_points_at_what_took_it() -> None:
    old = Contents({"spam.py": b"def ham(x, strict=0): return 1\ndef eggs(): return 1\n"})
    new = Contents({"spam.py": b"def ham(x): return 2\ndef eggs(): return 2\n"})
    ran = Trace({Function("spam.py", 1, "ham"): Entered(1, 0, 1)})
    also = Trace({Function("spam.py", 2, "eggs"): Entered(9, 0, 1)})

    message = "TypeError: ham() got an unexpected keyword argument 'strict'"
    found = suspects(changes(old, new), ran, also, Kind.INTRODUCED, message)

    assert names(found)[0] == "ham"
    assert "the failure names strict" in found[0].because


def test_a_constant_of_a_module_that_was_not_imported_is_not_suspected() -> None:
    old, new = (Contents({"a.py": s.encode(), "b.py": s.encode()}) for s in ("T = 1\n", "T = 2\n"))
    reads = "def ham(): return T\n"
    both = [
        Contents({**c.files, "c.py": f"{reads}# {n}\n".encode()}) for n, c in enumerate((old, new))
    ]
    ran = Trace(
        {
            Function("a.py", 1, "<module>"): Entered(1, 0, 2),
            Function("c.py", 1, "ham"): Entered(1, 1, 1),
        }
    )

    found = suspects(changes(*both), ran, ran, Kind.INTRODUCED)

    assert [suspect.edited.label for suspect in found] == ["a.py:T"]
