"""The compatibility table as a terminal shows it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from histories import HOSTILE, found
from rich.cells import cell_len
from sample_findings import hostile, sample

from bisector.finding import Finding
from bisector.model import Probe, ProcessPeak
from bisector.reports import table_text
from bisector.reports.grid import fold, grids
from bisector.reports.words import MIB

LEGEND = f"{table_text.LEGEND}\n"


def with_memory(finding: Finding) -> Finding:
    peak = ProcessPeak("p", 45 * MIB, main=True)
    runs = tuple(replace(run, processes=(peak,)) for run in finding.measurements)
    return replace(finding, measurements=runs)


def table(*findings: Finding, width: int = 130, memory: bool = False, color: bool = False) -> str:
    return table_text.render(grids(findings), width=width, memory=memory, color=color)


def columns(number: int) -> list[Finding]:
    return [found("g-gb!x", probe=Probe(f"quite_a_long_name_{n}", "spam")) for n in range(number)]


def test_a_table_as_a_whole() -> None:
    """Every way in which a cell can be known looks different without colours."""
    assert table(found("g-gbu!x--b-b", yanked=["1.3"])) == (
        """\
spam

release       uploaded    eggs
1.0           2024-01-01  ✓ good
1.1           2024-01-02  (✓ good)
1.2           2024-01-03  ✓ good
1.3 (yanked)  2024-01-04  ✗ bad
1.4           2024-01-05  ? out-of-limits
1.5           2024-01-06  ! runs disagree
1.6           2024-01-01  ? no-wheel
1.7           2024-01-08  ·
1.8           2024-01-09  ·
1.9           2024-01-10  ✗ bad
1.10          2024-01-11  (✗ bad)
1.11          2024-01-12  ✗ bad

"""
        + LEGEND
    )


def test_columns_that_do_not_fit_by_name_are_lettered_with_a_key() -> None:
    assert table(*columns(3), width=75) == (
        """\
spam

release  uploaded    a                b                c
1.0      2024-01-01  ✓ good           ✓ good           ✓ good
1.1      2024-01-02  (✓ good)         (✓ good)         (✓ good)
1.2      2024-01-03  ✓ good           ✓ good           ✓ good
1.3      2024-01-04  ✗ bad            ✗ bad            ✗ bad
1.4      2024-01-05  ! runs disagree  ! runs disagree  ! runs disagree
1.5      2024-01-01  ? no-wheel       ? no-wheel       ? no-wheel

a          quite_a_long_name_0
b          quite_a_long_name_1
c          quite_a_long_name_2

✓ good, ✗ bad, in brackets where inferred from measured neighbours that
agree; ? untestable, ! runs disagree, · not looked at
"""
    )


def test_words_that_do_not_fit_become_signs_alone() -> None:
    lines = table(*columns(6), width=60).splitlines()
    assert lines[2:5] == [
        "release  uploaded    a    b    c    d    e    f",
        "1.0      2024-01-01  ✓    ✓    ✓    ✓    ✓    ✓",
        "1.1      2024-01-02  (✓)  (✓)  (✓)  (✓)  (✓)  (✓)",
    ]


def test_more_columns_than_fit_are_several_tables() -> None:
    told = table(*columns(30), width=80)
    heads = [line.split() for line in told.splitlines() if line.startswith("release")]
    assert [head[0] for head in heads] == ["release"] * len(heads)
    shown = [name for head in heads for name in head[1:] if name != "uploaded"]
    assert shown == [*"abcdefghijklmnopqrstuvwxyz", "aa", "ab", "ac", "ad"]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("memory", [False, True])
def test_nothing_is_cut_or_wider_than_the_terminal(width: int, memory: bool) -> None:
    for findings in (sample(), columns(12), [with_memory(f) for f in columns(5)]):
        told = table(*findings, width=width, memory=memory)
        assert max(map(cell_len, told.splitlines())) <= width
        assert "…" not in told


def test_memory_is_shown_on_request_where_it_was_measured() -> None:
    told = table(with_memory(found("g-g")), memory=True).splitlines()
    assert told[3:6] == [
        "1.0      2024-01-01  ✓ good 45.0 MiB",
        "1.1      2024-01-02  (✓ good)",
        "1.2      2024-01-03  ✓ good 45.0 MiB",
    ]


def test_several_interpreters_are_named_in_the_headings() -> None:
    finding = found("g")
    other = replace(finding.conditions.interpreter, version="3.12.1")
    newer = replace(finding, conditions=replace(finding.conditions, interpreter=other))
    assert table(finding, newer).splitlines()[2] == "release  uploaded    eggs 3.11  eggs 3.12"


def test_a_folded_table_reads_as_ranges() -> None:
    (grid,) = grids([found({"1.0.0": "g", "1.0.1": "-", "1.0.2": "g", "1.1.0": "b"})])
    told = table_text.render([fold(grid)], width=80)
    assert told.splitlines()[3:5] == [
        "1.0.0–1.0.2  2024-01-01 – 2024-01-03  (✓ good)",
        "1.1.0        2024-01-04               ✗ bad",
    ]


def test_several_packages_are_several_tables() -> None:
    eggs, ham = found("g"), found("b", probe=Probe("ham", "other"))
    assert table(eggs, ham) == f"{table(eggs)}\n{table(ham)}"


def test_colours_only_repeat_what_is_said_in_words() -> None:
    colored = table(*columns(2), color=True)
    assert "\x1b[1;31m✗ bad" in colored
    plain = [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", colored).splitlines()]
    assert plain == table(*columns(2)).splitlines()


@pytest.mark.parametrize("width", [80, 200])
def test_hostile_text_is_shown_not_acted_on(width: int) -> None:
    mine = found("gbux!", probe=Probe(HOSTILE, HOSTILE, HOSTILE, case=HOSTILE), detail=HOSTILE)
    told = table(hostile(), mine, width=width)
    assert all(line.isprintable() and cell_len(line) <= width for line in told.splitlines())
    told.encode()


def test_several_failures_are_numbered_and_named_below() -> None:
    shown = table(found("gb-b-c-cg"))
    assert shown.endswith(
        """\
1.1      2024-01-02  ✗² bad
1.2      2024-01-03  (✗² bad)
1.3      2024-01-04  ✗² bad
1.4      2024-01-05  ·
1.5      2024-01-06  ✗¹ bad
1.6      2024-01-07  (✗¹ bad)
1.7      2024-01-08  ✗¹ bad
1.8      2024-01-09  ✓ good

✗¹         TypeError: fry() takes no eggs
✗²         bad

"""
        + LEGEND
    )


def test_where_several_columns_number_failures_each_number_names_its_column() -> None:
    shown = table(*(found("gbcg", probe=Probe(name, "spam")) for name in ("eggs", "ham")))
    assert "\neggs ✗¹" in shown
    assert "\nham ✗²" in shown
