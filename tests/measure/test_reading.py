"""What a run says: by a report, by its exit status, by the exception that it printed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisector.environment.venv import Environment
from bisector.inputs.values import Size
from bisector.measure.reading import LineSearch, Reading, read, result, symptom
from bisector.model import Outcome, Probe, ProcessPeak, Reason, Signature, Symptom
from bisector.run.process import Completed, Ended
from bisector.run.records import Frame, Uncaught

GOOD = b'{"bisector": 1, "outcome": "good"}'


@pytest.mark.parametrize(
    ("file", "output"),
    [(GOOD, b""), (b"", GOOD), (b"", b"noise\n" + GOOD + b"\nWarning: ended\n"), (GOOD, b"{}")],
)
def test_a_report_is_read_from_its_file_or_the_output(file: bytes, output: bytes) -> None:
    assert result(file, output) == ({"bisector": 1, "outcome": "good"}, "")


def test_the_last_report_printed_counts() -> None:
    said, _ = result(b"", GOOD + b"\n" + GOOD.replace(b"good", b"bad"))
    assert said == {"bisector": 1, "outcome": "bad"}


@pytest.mark.parametrize(
    ("file", "output", "wrong"),
    [
        (b"", b"all is well", "without a report"),
        (b"", b'{"outcome": "good"}', "without a report"),
        (b"", b'{"bisector": 2, "outcome": "good"}', "with a report of version 2, not 1"),
        (b'{"bisector": 1, "outcome": "meh"}', b"", "with a report whose outcome is 'meh'"),
        (b'{"bisector": 1}', b"", "with a report whose outcome is None"),
        (
            b'{"a": ',
            b"",
            "with a report that can't be read (Expecting value: line 1 column 7 (char 6))",
        ),
    ],
)
def test_a_report_that_is_none_says_what_is_wrong(file: bytes, output: bytes, wrong: str) -> None:
    assert result(file, output) == (None, wrong)


def test_a_report_behind_an_unfinished_line_is_read() -> None:
    """Standard error has no line of its own: progress without an end may stand before."""
    said, _ = result(b"", b"progress 50 %" + GOOD + b"\n")
    assert said == {"bisector": 1, "outcome": "good"}


PREFIX = Path("/envs/1/lib/python3.11/site-packages")
MADE = Environment(Path("/envs/1"), Path("/envs/1/bin/python"), PREFIX, Path("/envs/1/bin"))
HERE = Path("/home/me")
COMMAND = Probe("check", "spam", command=("python", "check.py"), reports=False)


def ended(
    output: str = "",
    status: int | None = 1,
    signal: str | None = None,
    how: Ended = Ended.EXITED,
) -> Completed:
    data = output.encode()
    return Completed(7, status, signal, how, data, b"", len(data), 1.0, 1.0, ())


def said(completed: Completed, uncaught: Uncaught | None = None) -> Reading:
    return read(completed, (None, "without a report"), uncaught, (), COMMAND, MADE, HERE)


PYTEST = """\
F                                                                        [100%]
=================================== FAILURES ===================================
__________________________________ test_fresh __________________________________

    def test_fresh():
>       assert spam.eggs(3) == "fresh", "not fresh"
E       AssertionError: not fresh
E       assert 'stale' == 'fresh'
E
E         - fresh
E         + stale

unit/test_eggs.py:4: AssertionError
=========================== short test summary info ============================
FAILED unit/test_eggs.py::test_fresh - AssertionError: not fresh
1 failed in 0.01s
"""
PYTEST_BARE = """\
>       assert spam.eggs(3) == "fresh"
E       assert 'stale' == 'fresh'
E        +  where 'stale' = eggs(3)
E         - fresh

unit/test_eggs.py:4: AssertionError
1 failed in 0.01s
"""
PYTEST_RAISED = """\
    def eggs(n):
>       raise spam.errors.StaleError(f"{n} eggs")
E       spam.errors.StaleError: 3 eggs

unit/test_eggs.py:4: StaleError
1 failed in 0.01s
"""
PYTEST_FIXTURE = """\
file /home/me/unit/test_eggs.py, line 1
  def test_fresh(pan):
E       fixture 'pan' not found
>       available fixtures: cache, capfd, tmp_path
>       use 'pytest --fixtures [testpath]' for help on them.

/home/me/unit/test_eggs.py:1
=========================== short test summary info ============================
ERROR unit/test_eggs.py::test_fresh
1 error in 0.07s
"""
UNITTEST = """\
F
======================================================================
FAIL: test_fresh (unit.test_eggs.Eggs.test_fresh)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/home/me/unit/test_eggs.py", line 5, in test_fresh
    self.assertEqual(spam.eggs(3), "fresh")
AssertionError: 'stale' != 'fresh'
- stale
+ fresh


----------------------------------------------------------------------
Ran 1 test in 0.000s

FAILED (failures=1)
"""
CHAINED = """\
Traceback (most recent call last):
  File "check.py", line 2, in <module>
    spam.eggs()
KeyError: 'eggs'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "check.py", line 4, in <module>
    raise spam.StaleError("no eggs")
spam.StaleError: no eggs
"""
LOGGED = 'Traceback (most recent call last):\n  File "a.py", line 1\nOSError\nfailed\n'


PYTEST_CHAINED = """\
=================================== FAILURES ===================================
__________________________________ test_other __________________________________
E       ValueError: of another test
unit/test_eggs.py:2: ValueError
__________________________________ test_fresh __________________________________

    def fry():
>       {}["pan"]
E       KeyError: 'pan'

/envs/1/lib/python3.11/site-packages/spam.py:3: KeyError

The above exception was the direct cause of the following exception:

    def test_fresh():
>       spam.fry()

unit/test_eggs.py:9:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _
E       spam.StaleError: no eggs

/envs/1/lib/python3.11/site-packages/spam.py:5: StaleError
=========================== short test summary info ============================
FAILED unit/test_eggs.py::test_fresh - spam.StaleError: no eggs
"""


@pytest.mark.parametrize(
    ("output", "detail", "signature"),
    [
        (
            PYTEST,
            "AssertionError: not fresh",
            Signature("AssertionError", "not fresh", line="unit/test_eggs.py:4"),
        ),
        (
            PYTEST_BARE,
            "AssertionError: assert 'stale' == 'fresh'",
            Signature("AssertionError", "assert 'stale' == 'fresh'", line="unit/test_eggs.py:4"),
        ),
        (
            PYTEST_RAISED,
            "spam.errors.StaleError: 3 eggs",
            Signature("spam.errors.StaleError", "3 eggs", line="unit/test_eggs.py:4"),
        ),
        (
            PYTEST_CHAINED,
            "spam.StaleError: no eggs",
            Signature("KeyError", "'pan'", "spam.py:fry", line="unit/test_eggs.py:9"),
        ),
        (
            UNITTEST,
            "AssertionError: 'stale' != 'fresh'",
            Signature("AssertionError", "'stale' != 'fresh'", line="unit/test_eggs.py:5"),
        ),
        (CHAINED, "spam.StaleError: no eggs", Signature("KeyError", "'eggs'", line="check.py:4")),
        (LOGGED, "OSError", Signature("OSError", line="a.py:1")),
    ],
)
def test_the_exception_that_was_printed_is_the_failure(
    output: str, detail: str, signature: Signature
) -> None:
    """A runner catches it, or another process raised it: the output is all that there is.

    Of chained ones the first counts, and the last is what is said; the line is the caller's own.
    """
    reading = said(ended(output))
    assert reading.outcome is Outcome.BAD
    assert reading.signature == replace(signature, status=1)
    assert reading.detail == detail


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            "usage: spam\nspam: error: unrecognized arguments: --fry\n",
            "unrecognized arguments: --fry",
        ),
        ("Usage: spam\n\nError: No such option: --fry\n", "No such option: --fry"),
        ("Error: No such command 'fry'.\n", "No such command 'fry'."),
        (PYTEST_FIXTURE, "fixture 'pan' not found"),
        ("3 eggs are stale\n", ""),
    ],
)
def test_a_word_that_a_command_does_not_know_is_a_failure_of_its_own(
    output: str, message: str
) -> None:
    assert said(ended(output, 2)).signature == Signature(message=message, status=2)


def test_the_first_of_chained_exceptions_counts_and_the_last_is_said() -> None:
    """The line is that which the last one came through: the first was caught before."""
    first = Uncaught("KeyError", "'pan'", (Frame(f"{PREFIX}/spam.py", 3, "fry"),))
    frames = (Frame("/home/me/check.py", 7, "<module>"), Frame(f"{PREFIX}/spam.py", 5, "fry"))
    reading = said(ended(), Uncaught("spam.StaleError", "no eggs", frames, first=first))
    assert reading.detail == "spam.StaleError: no eggs"
    assert reading.signature == Signature("KeyError", "'pan'", "spam.py:fry", 1, line="check.py:7")


@pytest.mark.parametrize(
    ("output", "detail"),
    [
        ("", "exited with status 1"),
        ("\n  3 of 4 failed  \n\n", "exited with status 1: 3 of 4 failed"),
        ("E is not what a runner prints\n", "exited with status 1: E is not what a runner prints"),
        ("Traceback (most recent call last):\n", None),
    ],
)
def test_without_an_exception_it_is_the_last_line(output: str, detail: str | None) -> None:
    reading = said(ended(output))
    assert reading.detail == (detail or f"exited with status 1: {output.strip()}")
    assert reading.signature == Signature(status=1)


def test_the_exception_that_ended_the_process_counts_before_what_it_printed() -> None:
    """Its frame is the innermost one in the package, relative to where that is installed."""
    frames = tuple(
        Frame(file, 1, function)
        for file, function in (
            ("/home/me/check.py", "<module>"),
            (f"{PREFIX}/spam/eggs.py", "fry"),
            ("/usr/lib/python3.11/json/__init__.py", "loads"),
        )
    )
    uncaught = Uncaught("ValueError", f"no eggs in {PREFIX}/spam/eggs.txt", frames)
    reading = said(ended(CHAINED), uncaught)
    assert reading.signature == Signature(
        "ValueError",
        "no eggs in {packages}/spam/eggs.txt",
        "spam/eggs.py:fry",
        1,
        line="check.py:1",
    )


@pytest.mark.parametrize(
    ("completed", "outcome", "reason"),
    [
        (ended(PYTEST, 0), Outcome.GOOD, None),
        (ended(PYTEST, 125), Outcome.UNTESTABLE, Reason.SKIPPED_BY_PROBE),
        (ended("", None, "SIGSEGV"), Outcome.BAD, None),
        (ended("", None, "SIGKILL"), Outcome.UNTESTABLE, Reason.NO_VERDICT),
        (ended("", None, "SIGTERM", Ended.TIMEOUT), Outcome.UNTESTABLE, Reason.TIMEOUT),
        (ended("", None, "SIGKILL", Ended.MEMORY), Outcome.UNTESTABLE, Reason.OUT_OF_LIMITS),
        (ended("", None, "SIGTERM", Ended.CANCELLED), Outcome.UNTESTABLE, Reason.ENVIRONMENT),
    ],
)
def test_how_a_command_ended_decides(
    completed: Completed, outcome: Outcome, reason: Reason | None
) -> None:
    """Also where a traceback is in its output: many a test prints one and passes."""
    reading = said(completed)
    assert (reading.outcome, reading.reason) == (outcome, reason)


HOGS = (
    ProcessPeak("python check.py", 10 << 20, main=True),
    ProcessPeak("python child.py", 200 << 20),
)


@pytest.mark.parametrize(
    ("completed", "wanted", "matched", "detail"),
    [
        (ended(), Symptom("stale"), "", None),
        (ended(status=0), Symptom("stale"), "it is stale", "it is stale"),
        (ended(), Symptom(memory_bytes=Size(200 << 20, "200M")), "", None),
        (
            ended(),
            Symptom(memory_bytes=Size((200 << 20) - 1, "209715199")),
            "",
            "it took more than 209715199",
        ),
        (
            ended(how=Ended.MEMORY),
            Symptom(memory_bytes=Size(1 << 30, "1GiB")),
            "",
            "it took more than 1GiB",
        ),
        (
            ended(how=Ended.TIMEOUT),
            Symptom(timeout=True),
            "",
            "it was still running at the time limit",
        ),
        (ended(how=Ended.TIMEOUT), Symptom("stale"), "", None),
        (ended(), Symptom(timeout=True), "", None),
        (
            ended(how=Ended.TIMEOUT),
            Symptom("stale", timeout=True),
            "",
            "it was still running at the time limit",
        ),
        (ended(), Symptom("stale", timeout=True), "it is stale", "it is stale"),
    ],
)
def test_what_alone_is_bad_where_the_caller_says_so(
    completed: Completed, wanted: Symptom, matched: str, detail: str | None
) -> None:
    """Any one of what is wanted; of memory, the highest of all processes counts."""
    shown = symptom(completed, wanted, matched, HOGS)
    assert (shown.detail if shown else None) == detail
    assert shown is None or (shown.outcome, shown.reason) == (Outcome.BAD, None)


def test_what_matches_is_one_failure_whichever_line_it_was() -> None:
    first, second = (symptom(ended(), Symptom("stale"), line, ()) for line in ("3 stale", "stale!"))
    assert first is not None
    assert second is not None
    assert first.signature == second.signature == Signature(message="the output matches stale")


@given(
    st.lists(st.sampled_from(["ab", "b", "\n", "\r\n", "x1", "ä", " ", ""]), max_size=20),
    st.sampled_from(["ab", r"^b", "1$", "ä", r"b\s+x", "^$", "b$"]),
    st.data(),
)
def test_a_line_is_found_however_the_output_comes_in_pieces(
    parts: list[str], pattern: str, data: st.DataObject
) -> None:
    """The oracle has the whole output: its first line, without its end, that matches."""
    output = "".join(parts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(output)), max_size=8)))
    search = LineSearch(pattern)
    for start, end in zip([0, *cuts], [*cuts, len(output)]):
        search(output[start:end])
    found = [
        line
        for line in (text.rstrip("\r") for text in output.decode().split("\n"))
        if re.search(pattern, line)
    ]
    assert search.end() == ((found[0].strip() or repr(found[0])) if found else "")


def test_of_a_line_without_end_only_so_much_is_kept() -> None:
    """A process that writes gigabytes without a newline must not fill our memory."""
    search = LineSearch("needle$")
    for _ in range(100):
        search(b"hay " * 10_000)
    search(b"needle\n")
    assert search.end().endswith("hay needle")
    assert 60_000 < len(search.end()) <= 64 * 1024 + len("needle")


def test_what_is_no_text_is_searched_all_the_same() -> None:
    search = LineSearch("eggs")
    search(b"\xff\xfe eggs \xff\n")
    assert search.end() == "\ufffd\ufffd eggs \ufffd"


@pytest.mark.parametrize(
    ("command", "status", "detail"),
    [
        (("pytest", "-q", "t.py"), 4, "pytest can't do what it was asked for: no t.py"),
        (("python", "-m", "pytest"), 5, "pytest found no test: no t.py"),
    ],
)
def test_where_pytest_ran_no_test_nothing_was_tested(
    command: tuple[str, ...], status: int, detail: str
) -> None:
    run = ended("collecting\nno t.py\n", status)
    reading = read(run, (None, ""), None, (), replace(COMMAND, command=command), MADE, HERE)
    assert (reading.outcome, reading.reason) == (Outcome.UNTESTABLE, Reason.NO_VERDICT)
    assert reading.detail == detail
    assert said(run).outcome is Outcome.BAD, "another command's status is its own"
