"""The compatibility table for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from histories import HOSTILE, found
from hypothesis import example, given
from hypothesis import strategies as st
from sample_findings import hostile, uploads

from bisector.model import Probe, ProcessPeak
from bisector.reports.grid import Grid, fold, grids
from bisector.reports.table_data import render_csv, render_json


def test_a_program_reads_releases_also_where_they_are_folded() -> None:
    """A fold has its first and its last release in columns of their own."""
    folded = [fold(grid) for grid in grids([uploads()])]
    ends = [(str(line.first), str(line.last)) for line in folded[0].lines]
    assert any(first != last for first, last in ends)
    lines = csv.DictReader(io.StringIO(render_csv(folded)))
    assert [(line["release"], line["last"]) for line in lines] == ends
    cells = json.loads(render_json(folded))["cells"]
    assert [(cell["release"], cell["last"]) for cell in cells] == ends


def test_csv_as_a_whole() -> None:
    """All text is quoted: where semicolons part cells, the text of one must not make two."""
    finding = found("g-gx", probe=Probe("eggs", "spam", case="raw"), yanked=["1.1"], runs=1)
    peak = ProcessPeak("p", 4096, main=True)
    first = replace(finding.measurements[0], processes=(peak,))
    finding = replace(finding, measurements=(first, *finding.measurements[1:]))
    head, *lines = render_csv(grids([finding])).splitlines()
    assert head.replace('"', "") == (
        "package,release,last,uploaded,yanked,probe,case,python,known,outcome,reason,said,"
        "peak_memory_bytes,runs,failure"
    )
    measured = '"eggs","raw","3.11","measured","good","","the eggs are good"'
    missing = '"eggs","raw","3.11","untestable","","no-wheel"'
    assert lines == [
        f'"spam","1.0","1.0","2024-01-01",False,{measured},4096,1,""',
        '"spam","1.1","1.1","2024-01-02",True,"eggs","raw","3.11","inferred","good","","","",0,""',
        f'"spam","1.2","1.2","2024-01-03",False,{measured},"",1,""',
        f'"spam","1.3","1.3","2024-01-01",False,{missing},"no wheel for cp311","",0,""',
    ]


def test_json_as_a_whole() -> None:
    assert json.loads(render_json(grids([found("!", runs=1)]))) == {
        "schema": "bisector/table/1",
        "cells": [
            {
                "package": "spam",
                "release": "1.0",
                "last": "1.0",
                "uploaded": "2024-01-01",
                "yanked": False,
                "probe": "eggs",
                "case": "",
                "python": "3.11",
                "known": "conflicting",
                "outcome": "",
                "reason": "",
                "said": "the eggs are bad",
                "peak_memory_bytes": None,
                "runs": 2,
                "failure": "",
            }
        ],
    }


def test_a_program_reads_which_of_several_failures_a_cell_has() -> None:
    cells = json.loads(render_json(grids([found("gccgh-h")])))["cells"]
    raised = "TypeError: fry() takes no eggs"
    assert [cell["failure"] for cell in cells] == ["", raised, raised, "", *["hangs"] * 3]


@given(st.text(min_size=1))
@example(HOSTILE)
@example('a,"b"\r\n=1')
@example("=cmd|' /C calc'!A0")
@example("\t=1")
@example("\uff1d1")
def test_csv_reads_back_as_as_many_cells_none_of_them_a_formula(text: str) -> None:
    finding = found("gb", probe=Probe(text, text, case=text))
    told = render_csv(grids([finding]))
    told.encode()
    assert all(line.isprintable() for line in told.split("\n"))
    head, *lines = csv.reader(io.StringIO(told))
    assert [len(line) for line in lines] == [len(head)] * 2
    for cell in (cell for line in lines for cell in line):
        assert cell.lstrip()[:1] not in ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@pytest.mark.parametrize("render", [render_csv, render_json])
def test_no_tables_are_no_lines(render: Callable[[Sequence[Grid]], str]) -> None:
    assert render(()).count("\n") in (1, 4)


def test_hostile_text_can_be_written_and_read_as_json() -> None:
    told = render_json(grids([hostile()]))
    told.encode()
    json.dumps(json.loads(told), ensure_ascii=False).encode()
