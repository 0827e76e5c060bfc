"""The number of a run: which runs have one, and what is read as one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from histories import measurements
from hypothesis import given
from hypothesis import strategies as st

from bisector.model import Json, Measurement, Outcome, ProcessPeak, Reason, Signature
from bisector.search import metric
from bisector.search.metric import Metric

GOOD = measurements("1.0", "g", 1)[0]
BAD = measurements("1.0", "b", 1)[0]


def reporting(**metrics: Json) -> Measurement:
    """A good run whose probe reports such metrics."""
    return replace(GOOD, metrics=metrics)


@pytest.mark.parametrize(
    ("run", "carries"),
    [
        (GOOD, True),
        (BAD, True),
        (replace(BAD, signature=Signature("TypeError", "no eggs")), False),
        (replace(BAD, reason=Reason.TIMEOUT), False),
        (replace(GOOD, outcome=Outcome.UNTESTABLE), False),
    ],
)
def test_a_run_has_numbers_where_it_came_to_its_end(run: Measurement, carries: bool) -> None:
    assert metric.carries(run) is carries
    assert Metric("seconds").of(run) == (0.5 if carries else None)


def test_what_is_measured_goes_before_what_a_probe_calls_the_same() -> None:
    peaks = (ProcessPeak("python", 5), ProcessPeak("python", 7, main=True))
    run = replace(reporting(seconds=9, cpu_seconds=9), wall_s=2.0, cpu_s=1.5, processes=peaks)
    found = [Metric(name).of(run) for name in ("seconds", "cpu_seconds", "peak_memory_bytes")]
    assert found == [2.0, 1.5, 7]
    assert Metric("peak_memory_bytes").of(replace(run, processes=peaks[:1])) is None


@given(st.one_of(st.integers(-(10**9), 10**9), st.floats(-1e9, 1e9)))
def test_a_number_that_is_reported_is_the_number(value: float) -> None:
    assert Metric("eggs").of(reporting(eggs=value)) == value


@pytest.mark.parametrize(
    "value", [True, "7", None, [7], 10**400, float("nan"), float("inf"), {"per": "x"}]
)
def test_anything_else_that_is_reported_is_none(value: Json) -> None:
    run = reporting(eggs=value)
    assert Metric("eggs").of(run) is None
    assert "eggs" not in metric.names([run])


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.lists(st.integers(0, 10**4), unique=True))
def test_points_on_a_line_have_its_slope(rise: float, start: float, sizes: list[int]) -> None:
    run = reporting(grown={"per": "byte", "points": [[x, start + rise * x] for x in sizes]})
    found = Metric("grown").of(run)
    assert found == (pytest.approx(rise, abs=1e-6) if len(sizes) > 1 else None)
    assert Metric("grown").per(run) == ("byte" if len(sizes) > 1 else "")


numbers = st.integers(-1000, 1000).map(float)


@given(st.dictionaries(numbers, numbers, min_size=2).map(lambda points: [*points.items()]))
def test_no_other_line_is_nearer_to_the_points_than_that_of_the_slope(
    points: list[tuple[float, float]],
) -> None:
    size_mean, value_mean = (sum(each) / len(points) for each in zip(*points))

    def misfit(rise: float) -> float:
        return float(sum((y - value_mean - rise * (x - size_mean)) ** 2 for x, y in points))

    found = metric.slope(points)
    assert found is not None
    assert misfit(found) < min(misfit(found - 0.01), misfit(found + 0.01))


@pytest.mark.parametrize("unit", ["B", "b" * 40, "10 kB of µ-law"])
def test_a_unit_has_one_to_forty_characters(unit: str) -> None:
    run = reporting(grown={"per": unit, "points": [[1, 1], [2, 4]]})
    assert (Metric("grown").of(run), Metric("grown").per(run)) == (3, unit)


@pytest.mark.parametrize("one", [Metric("seconds"), Metric("eggs", r"(\d+) eggs")])
def test_what_a_line_is_called_counts_for_nothing_where_the_number_is_not_the_probes(
    one: Metric,
) -> None:
    line: Json = {"per": "byte", "points": [[1, 1], [2, 2]]}
    run = replace(reporting(seconds=line, eggs=line), output_tail="7 eggs")
    assert one.of(run) == (0.5 if one.name == "seconds" else 7)
    assert one.per(run) == ""


@pytest.mark.parametrize(
    "value",
    [
        {"points": [[1, 1], [2, 2]]},
        {"per": "", "points": [[1, 1], [2, 2]]},
        {"per": "b" * 41, "points": [[1, 1], [2, 2]]},
        {"per": "by\nte", "points": [[1, 1], [2, 2]]},
        {"per": "byte", "points": {"1": 1}},
        {"per": "byte", "points": [[1, 1], [2]]},
        {"per": "byte", "points": [[1, 1], 2]},
        {"per": "byte", "points": [[1, 1], [2, "2"]]},
        {"per": "byte", "points": [[1, 1], ["2", 2]]},
        {"per": "byte", "points": [[1, 1], [1, 2]]},
        {"per": "byte", "points": [[0, -1.7e308], [1, 1.7e308]]},
    ],
)
def test_what_is_no_line_has_no_slope(value: Json) -> None:
    run = reporting(grown=value)
    assert Metric("grown").of(run) is None
    assert Metric("grown").per(run) == ""


@pytest.mark.parametrize(
    ("output", "number"),
    [
        ("made 3 eggs\nmade 4.5 eggs\n", 4.5),
        ("made 1,024 eggs", 1024.0),
        ("made -2e3 eggs", -2000.0),
        ("made no eggs", None),
        ("made nan eggs", None),
        ("made 9" + "9" * 400 + " eggs", None),
        ("", None),
    ],
)
def test_a_pattern_takes_the_last_number_that_is_printed(output: str, number: float | None) -> None:
    run = replace(GOOD, output_tail=output, metrics={"eggs": 7})
    printed = Metric("eggs", r"^made (\S+) eggs")
    assert printed.of(run) == number
    assert printed.per(run) == ""


def test_a_group_that_took_no_part_in_the_last_match_is_passed_over() -> None:
    run = replace(GOOD, output_tail="made 3 eggs, made eggs")
    assert Metric("eggs", r"made (?:(\d+) )?eggs").of(run) == 3


@pytest.mark.parametrize(
    ("name", "pattern", "unit", "timed"),
    [
        ("peak_memory_bytes", "", "bytes", False),
        ("growth_bytes", "", "bytes", True),
        ("cpu_seconds", "", "seconds", True),
        ("startup_s", "", "seconds", True),
        ("eggs", "", "", True),
        ("peak_memory_bytes", "(.)", "bytes", True),
    ],
)
def test_a_name_says_its_unit(name: str, pattern: str, unit: str, timed: bool) -> None:
    one = Metric(name, pattern)
    assert (one.unit, one.timed) == (unit, timed)


def test_names_are_those_measured_and_those_that_are_numbers() -> None:
    line: Json = {"per": "byte", "points": [[1, 1], [2, 2]]}
    runs = [reporting(tea=3, ham=1, seconds=2, note="x"), reporting(jam=4, eggs=line, bread=5)]
    reported = ["bread", "eggs", "ham", "jam", "tea"]
    assert metric.names(runs) == ["peak_memory_bytes", "seconds", "cpu_seconds", *reported]
