"""What a probe reported, and what is wrong with a report that isn't one."""

from __future__ import annotations

import pytest

from bisector.reading import result

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
