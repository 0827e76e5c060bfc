"""The compatibility table's model: what is measured, what is inferred, and what isn't known."""

from __future__ import annotations

from dataclasses import replace

from histories import found, versions
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from bisector.finding import Finding
from bisector.model import Probe
from bisector.reports.grid import Cell, Grid, Known, fold, grids, narrow

SIGNS = {
    Known.UNTESTABLE: "u",
    Known.CONFLICTING: "!",
    Known.NOT_LOOKED_AT: "-",
}
histories = st.text("gbu!x-", min_size=1, max_size=30)


def shown(finding: Finding, *, prereleases: bool = False) -> str:
    """The column as letters: capitals where inferred."""
    (grid,) = grids([finding], prereleases=prereleases)
    return "".join(letter(line.cells[0]) for line in grid.lines)


def letter(cell: Cell) -> str:
    said = cell.outcome[:1]
    return said.upper() if cell.known is Known.INFERRED else SIGNS.get(cell.known, said)


def test_a_line_per_release_and_a_column_per_probe_of_each_package() -> None:
    eggs = found("g-gb", yanked=["1.3"])
    ham = found("gg", probe=Probe("ham", "spam", "Ham.", case="raw"))
    other = found("b", probe=Probe("eggs", "other"))
    first, second = grids([eggs, other, ham])
    assert (first.package, second.package) == ("spam", "other")
    assert [(c.name, c.python, c.title) for c in first.columns] == [
        ("eggs", "3.11", "Eggs must be fresh."),
        ("ham[raw]", "3.11", "Ham."),
    ]
    assert [line.label for line in first.lines] == ["1.0", "1.1", "1.2", "1.3"]
    assert [line.date for line in first.lines][:2] == ["2024-01-01", "2024-01-02"]
    assert [line.yanked for line in first.lines] == [False, False, False, True]
    assert ["".join(map(letter, line.cells)) for line in first.lines] == ["gg", "Gg", "g-", "b-"]


@given(histories)
def test_a_measured_cell_is_exactly_what_its_runs_say(history: str) -> None:
    """Nothing that wasn't measured is shown as if it were, nor the other way round."""
    (grid,) = grids([found(history)])
    for given_letter, line in zip(history, grid.lines, strict=True):
        (cell,) = line.cells
        assert bool(cell.runs) == (given_letter in "gbu!")
        if given_letter in "gb":
            assert (cell.known, cell.outcome[0]) == (Known.MEASURED, given_letter)
        else:
            assert cell.known is not Known.MEASURED
        if given_letter == "!":
            assert cell.known is Known.CONFLICTING
        if given_letter in "ux":
            assert (cell.known, bool(cell.reason)) == (Known.UNTESTABLE, True)


@given(histories)
def test_a_cell_is_inferred_exactly_between_two_measured_neighbours_that_agree(
    history: str,
) -> None:
    """Untestable releases tell nothing of their neighbours; ones whose runs disagree stop it."""
    column = shown(found(history))
    for place, given_letter in enumerate(history):
        if given_letter == "-":
            before = history[:place].translate(NOTHING_TOLD)[-1:]
            after = history[place:].translate(NOTHING_TOLD)[:1]
            agree = before == after and before in tuple("gb")
            assert column[place] == (before.upper() if agree else "-")


NOTHING_TOLD = str.maketrans("", "", "ux-")


@given(st.text("gb", min_size=3, max_size=30), st.data())
def test_what_inference_gets_wrong_is_shown_as_soon_as_it_is_measured(
    truth: str, data: st.DataObject
) -> None:
    """The measurement stands, and whatever leaned on its neighbours leans on it from now on."""
    looked_at = data.draw(st.sets(st.integers(0, len(truth) - 1)))
    partly = "".join(said if place in looked_at else "-" for place, said in enumerate(truth))
    wrong = [
        p for p, c in enumerate(shown(found(partly))) if c not in ("-", truth[p], truth[p].upper())
    ]
    for place in wrong:
        measured = partly[:place] + truth[place] + partly[place + 1 :]
        column = shown(found(measured))
        assert column[place] == truth[place]
        inferred = partly[:place] + "?" + partly[place + 1 :]
        nearest = [p for p in range(len(truth)) if partly[p] != "-"]
        left, right = max(p for p in nearest if p < place), min(p for p in nearest if p > place)
        assert inferred[left + 1 : place] == column[left + 1 : place]
        assert inferred[place + 1 : right] == column[place + 1 : right]


def failing(finding: Finding, *, prereleases: bool = False) -> str:
    """The column as the numbers of the failures, with what doesn't fail as ``shown`` has it."""
    (grid,) = grids([finding], prereleases=prereleases)
    cells = [line.cells[0] for line in grid.lines]
    return "".join(str(c.failure) if c.failure else letter(c) for c in cells)


def test_failures_are_told_apart_and_nothing_is_inferred_between_two_of_them() -> None:
    finding = found("gb-b-c-c-g")
    (grid,) = grids([finding])
    assert grid.columns[0].failures == ("TypeError: fry() takes no eggs", "bad")
    assert failing(finding) == "g222-111-g"
    assert shown(finding) == "gbBb-bBb-g"


def test_one_failure_has_no_number() -> None:
    (grid,) = grids([found("gc-cg")])
    assert grid.columns[0].failures == ()
    assert failing(found("gc-cg")) == "gbBbg"


def test_all_failures_are_one_where_that_was_asked_for() -> None:
    finding = found("gb-c", any_failure=True)
    assert failing(finding) == "gbBb"


def test_a_pre_release_that_fails_otherwise_stops_inference() -> None:
    finding = found({"1.0": "b", "1.1": "-", "1.2": "b", "1.3": "c"}, pre={"1.1b1": "c"})
    assert failing(finding) == "1-12"
    assert failing(finding, prereleases=True) == "12-12"


@given(st.text("gbch-u", min_size=1, max_size=20))
def test_a_cell_has_a_failure_exactly_where_a_neighbour_or_its_own_runs_show_it(
    history: str,
) -> None:
    (grid,) = grids([found(history)])
    several = len({*history} & {*"bch"}) > 1
    named = dict(zip("bch", ("bad", "TypeError: fry() takes no eggs", "hangs")))
    told = history.replace("u", "")
    seen = -1
    for given_letter, line in zip(history, grid.lines, strict=True):
        (cell,) = line.cells
        seen += given_letter != "u"
        if given_letter == "-":
            around = told[:seen].replace("-", "")[-1:], told[seen:].replace("-", "")[:1]
            given_letter = around[0] if around[0] == around[1] else ""
        failure = named.get(given_letter, "") if several else ""
        assert (grid.columns[0].failures[cell.failure - 1] if cell.failure else "") == failure


def test_a_fold_joins_no_two_failures() -> None:
    (grid,) = grids([found({"1.0.0": "g", "1.0.1": "b", "1.0.2": "b", "1.0.3": "c"})])
    folded = fold(grid)
    assert [line.label for line in folded.lines] == ["1.0.0", "1.0.1–1.0.2", "1.0.3"]
    assert [line.cells[0].failure for line in folded.lines] == [0, 1, 2]


def test_a_history_that_inference_gets_wrong() -> None:
    assert shown(found("g---g")) == "gGGGg"
    assert shown(found("g-b-g")) == "g-b-g"


def test_a_release_is_inferred_only_for_the_interpreter_that_can_have_it() -> None:
    old, new = found("gxg"), found("g-g")
    held = replace(old.conditions.interpreter, version="3.12.1")
    new = replace(new, conditions=replace(new.conditions, interpreter=held))
    (grid,) = grids([old, new])
    assert ["".join(map(letter, line.cells)) for line in grid.lines] == ["gg", "uG", "gg"]
    assert [column.python for column in grid.columns] == ["3.11", "3.12"]


def test_pre_releases_have_lines_only_where_wanted_and_measured() -> None:
    finding = found({"1.0": "g", "1.1": "b"}, pre={"1.1b1": "b", "1.1b2": "b"})
    finding = replace(finding, measurements=finding.measurements[:-4] + finding.measurements[-2:])
    assert shown(finding) == "gb"
    (grid,) = grids([finding], prereleases=True)
    assert [line.label for line in grid.lines] == ["1.0", "1.1b1", "1.1"]


def test_a_pre_release_between_two_that_agree_stops_inference_where_it_disagrees() -> None:
    finding = found({"1.0": "g", "1.1": "-", "1.2": "g"}, pre={"1.1b1": "b"})
    assert shown(finding) == "g-g"
    assert shown(finding, prereleases=True) == "gb-g"
    assert shown(found({"1.0": "g", "1.1": "-", "1.2": "g"}, pre={"1.1b1": "g"})) == "gGg"


tables = st.integers(1, 20).flatmap(
    lambda size: st.lists(st.text("gbu!x-", min_size=size, max_size=size), min_size=1, max_size=3)
)


@given(tables, st.sets(st.integers(0, 19)))
def test_a_fold_unfolds_to_the_same_outcomes(columns: list[str], yanked: set[int]) -> None:
    """It never joins what differs, and counts as measured only where all of it is."""
    marked = [f"1.{number}" for number in yanked]
    (grid,) = grids(
        [found(c, probe=Probe(f"p{n}", "spam"), yanked=marked) for n, c in enumerate(columns)]
    )
    folded = fold(grid)
    assert sum(line.releases for line in folded.lines) == len(grid.lines)
    place = 0
    for line in folded.lines:
        inside = grid.lines[place : place + line.releases]
        place += line.releases
        assert (line.first, line.last) == (inside[0].first, inside[-1].last)
        for number, cell in enumerate(line.cells):
            each = [one.cells[number] for one in inside]
            assert {c.outcome for c in each} == {cell.outcome}
            assert {c.reason for c in each} == {cell.reason}
            assert (cell.known is Known.MEASURED) == all(c.known is Known.MEASURED for c in each)
            assert cell.runs == tuple(run for c in each for run in c.runs)
        assert {one.yanked for one in inside} == {line.yanked}
    assert fold(folded) == folded


def test_a_fold_reads_as_a_range_and_ends_with_its_release_line() -> None:
    history = {"1.0.0": "g", "1.0.1": "-", "1.0.2": "g", "1.1.0": "g", "1.1.1": "b"}
    (grid,) = grids([found(history)])
    folded = fold(grid)
    assert [(line.label, line.date, line.releases) for line in folded.lines] == [
        ("1.0.0–1.0.2", "2024-01-01 – 2024-01-03", 3),
        ("1.1.0", "2024-01-04", 1),
        ("1.1.1", "2024-01-05", 1),
    ]
    assert [line.cells[0].known for line in folded.lines][:2] == [Known.INFERRED, Known.MEASURED]


def test_a_fold_of_releases_without_dates_has_none() -> None:
    (grid,) = grids([found({"1.0.0": "g", "1.0.1": "g"})])
    bare = Grid(grid.package, grid.columns, tuple(replace(line, date="") for line in grid.lines))
    assert [line.date for line in fold(bare).lines] == [""]


def test_hostile_details_and_titles_are_safe_text() -> None:
    probe = Probe("eggs", "spam", "a\nb\x1b[1m")
    (grid,) = grids([found("gx", probe=probe, detail="\udcff\n")])
    assert grid.columns[0].title == "a\\nb\\x1b[1m"
    assert [line.cells[0].detail for line in grid.lines] == ["\\udcff\\n", "no wheel for cp311"]


def test_versions_of_a_history_are_in_order() -> None:
    """What the properties above lean on: a letter's place is its release's."""
    assert sorted(map(Version, versions("g" * 30))) == [Version(v) for v in versions("g" * 30)]


def test_a_wide_table_is_one_per_probe() -> None:
    """No cell is lost or moved where the columns don't fit beside each other."""
    findings = [found("gb", probe=Probe("eggs", "spam", case=case)) for case in "abc"]
    findings.append(found("bg", probe=Probe("ham", "spam")))
    whole = grids(findings)[0]
    assert narrow(whole, 4) == (whole,)
    eggs, ham = narrow(whole, 3)
    assert [(part.probe, len(part.columns)) for part in (eggs, ham)] == [("eggs", 3), ("ham", 1)]
    for line, left, right in zip(whole.lines, eggs.lines, ham.lines):
        assert line.cells == (*left.cells, *right.cells)
