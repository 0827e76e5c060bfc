"""Annotations of a GitHub workflow: one line each, in which nothing is a command."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from histories import HOSTILE, found
from sample_findings import hostile, sample

from bisector.model import Probe
from bisector.reports.answer import answer
from bisector.reports.github import render

LINE = re.compile(r"::(error|warning|notice) title=([^:,\r\n]+)::([^\r\n]+)")


def test_an_annotation_as_a_whole() -> None:
    finding = replace(found("ggbb", probe=Probe("eggs", "spam")), replay="bisect --probe eggs")
    assert render([finding]) == (
        f"::error title=spam%3A eggs::{answer(finding)}%0A"
        "Affected: >=1.2,<=1.3%0AReplay: bisect --probe eggs\n"
    )


@pytest.mark.parametrize(
    ("letters", "level"),
    [("gb", "error"), ("gbg", "warning"), ("ggg", "notice"), ("uu", "warning")],
)
def test_it_is_an_error_only_where_the_newest_is_bad(letters: str, level: str) -> None:
    assert render([found(letters)]).startswith(f"::{level} ")


def test_each_is_one_line_whatever_is_in_it() -> None:
    """A line of its own that begins with two colons would be a command to the runner."""
    finding = replace(hostile(), replay="a\n::set-env name=X::%0A")
    lines = render([*sample(), finding]).split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(sample()) + 1
    assert all(LINE.fullmatch(line) for line in lines)
    assert "%250A" in lines[-1]
    assert HOSTILE not in lines[-1]


def test_it_is_short_enough_to_be_shown_whole() -> None:
    finding = replace(found("gb"), replay="x" * 10_000)
    assert len(render([finding])) < 4096
