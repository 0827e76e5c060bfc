"""The pictures of memory per release: well-formed, harmless, and true to the runs."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest
from histories import found
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.version import Version
from sample_findings import (
    EGGS,
    HOSTILE,
    MIB,
    between,
    finding,
    flaky,
    hostile,
    releases,
    run,
    sample,
    stepping,
    uploads,
)

from bisector.finding import Kind, Transition
from bisector.model import Outcome, Plan
from bisector.reports.chart import chart
from bisector.reports.words import sure
from bisector.series import Level, Series, Step

SVG = "{http://www.w3.org/2000/svg}"


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def texts(picture: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{SVG}text")]


def points(picture: ElementTree.Element, outcome: str) -> list[str]:
    """Return what the points of one outcome say of themselves; the legend's say nothing."""
    titles = (
        element.findtext(f"{SVG}title")
        for element in picture.iter()
        if element.get("class") == outcome
    )
    return [title for title in titles if title]


def test_every_run_is_a_point_with_the_shape_of_its_outcome() -> None:
    picture = parsed(chart(uploads()))
    measured = uploads().measurements
    for outcome in Outcome:
        runs = [m for m in measured if m.outcome is outcome]
        assert len(points(picture, outcome.value)) == len(runs)
    assert points(picture, "bad")[0] == "1.0.4 (yanked): bad, 132.5 MiB"
    assert points(picture, "untestable")[0] == "2.0.6: untestable, install-failed"
    tags = {
        element.tag.removeprefix(SVG)
        for element in picture.iter()
        if element.get("class") in ("good", "bad", "untestable")
    }
    assert tags == {"circle", "path", "rect"}


def test_transitions_are_named_and_one_across_untestable_releases_is_an_interval() -> None:
    named = texts(parsed(chart(uploads())))
    assert "introduced 1.0.4" in named
    assert "fixed 1.0.5" in named
    assert "introduced 1.2.3" in named
    assert "fixed between 2.0.5 and 2.0.8" in named


def test_runs_that_disagree_are_all_shown_and_joined() -> None:
    picture = parsed(chart(sample()[1]))
    disagreeing = [p for o in ("good", "bad") for p in points(picture, o) if "1.1.8" in p]
    assert disagreeing == ["1.1.8: good, 38.5 MiB", "1.1.8: bad, 93.0 MiB"]
    assert [e for e in picture.iter() if e.get("class") == "spread"]


def test_runs_that_disagree_lie_beside_each_other() -> None:
    picture = parsed(chart(sample()[1]))
    told = {e.findtext(f"{SVG}title"): e for e in picture.iter()}
    good, bad = told["1.1.8: good, 38.5 MiB"], told["1.1.8: bad, 93.0 MiB"]
    cross = float((bad.get("d") or "")[1:].split()[0])
    assert cross > float(good.get("cx") or 0) + float(good.get("r") or 0)


def test_no_edge_is_drawn_across_a_label() -> None:
    kinds = [e.get("class") for e in parsed(chart(uploads())).iter()]
    last = max(place for place, kind in enumerate(kinds) if kind == "edge")
    assert last < kinds.index("mark")


def spans(picture: ElementTree.Element) -> list[tuple[float, float, float]]:
    """Return where each mark's label begins and ends, and its base line."""
    marks = [e for e in picture.iter(f"{SVG}text") if e.get("class") == "mark"]
    places = []
    for e in marks:
        width = len(e.text or "") * 7.4  # of the widest label that was looked at
        start = float(e.get("x", "")) - (width if e.get("text-anchor") == "end" else 0)
        places.append((start, start + width, float(e.get("y", ""))))
    return places


def assert_apart(picture: ElementTree.Element) -> None:
    """No edge rises into a label, no labels overlap, and all of them lie in the picture."""
    labels = spans(picture)
    edges = [e.get("d", "") for e in picture.iter() if e.get("class") == "edge"]
    for x, top in ((float(d[1:].split()[0]), float(d.split()[1].split("V")[0])) for d in edges):
        assert not any(start < x < end and top < y for start, end, y in labels)
    for (start, end, y), (start2, end2, y2) in combinations(labels, 2):
        assert y != y2 or end < start2 or end2 < start
    assert all(start >= 0 and end <= 800 for start, end, _ in labels)


@given(changes=st.sets(st.integers(1, 59), max_size=12), zoomed=st.booleans())
@example(changes={31, 41}, zoomed=True)
def test_no_edge_rises_into_a_label_and_no_labels_overlap(
    *, changes: set[int], zoomed: bool
) -> None:
    versions = [f"1.{n}" for n in range(60)]
    found = finding(
        "spam",
        "p",
        "",
        versions,
        lambda v: "bad" if sum(c <= int(v[2:]) for c in changes) % 2 else "good",
    )
    if zoomed:
        found = replace(
            found,
            transitions=tuple(
                replace(t, zoom=(t.before, Version(f"{t.after}b1"))) for t in found.transitions
            ),
        )
    picture = parsed(chart(found))
    assert_apart(picture)
    assert len([e for e in picture.iter() if e.get("class") == "edge"]) == len(changes)
    assert bool(spans(picture)) == bool(changes)


def test_a_zoomed_or_unconfirmed_transition_says_so() -> None:
    found = finding("spam", "p", "", ["1.0", "1.1", "1.2"], between("1.1", "1.2"))
    (introduced,) = found.transitions
    zoomed = replace(introduced, zoom=(Version("1.1b1"), Version("1.1b2")), confirmed=False)
    named = texts(parsed(chart(replace(found, transitions=(zoomed,)))))
    assert "introduced 1.1 (1.1b2), unconfirmed" in named


def test_a_window_open_at_both_ends_is_shaded_from_end_to_end() -> None:
    found = finding("spam", "p", "", ["1.0", "1.1"], between("1.0", "1.1"))
    picture = parsed(chart(replace(found, bad_at_oldest=True, bad_at_newest=True)))
    window = next(e for e in picture.iter() if e.get("class") == "window")
    assert (window.get("x"), window.get("width")) == ("64.0", "712.0")


@pytest.mark.parametrize("number", [1, 2, 50, 300])
def test_release_labels_never_overlap(number: int) -> None:
    versions = [f"3.{n // 20}.{n % 20}" for n in range(number)]
    found = finding("spam", "p", "", versions, between("3.0.9", "3.1.4"))
    picture = parsed(chart(found))
    labels = [
        (float(e.get("x", "")), e.text or "")
        for e in picture.iter(f"{SVG}text")
        if e.text in versions
    ]
    spans = sorted((x - len(t) * 3.2, x + len(t) * 3.2) for x, t in labels)
    assert all(left[1] < right[0] for left, right in pairwise(spans))
    assert versions[0] in {text for _, text in labels}
    assert versions[-1] in {text for _, text in labels}
    assert all(left >= 0 and right <= 800 for left, right in spans)


def test_many_windows_keep_their_labels_apart() -> None:
    versions = [f"1.{n}" for n in range(60)]
    found = finding("spam", "p", "", versions, lambda v: "bad" if int(v[2:]) % 2 else "good")
    marks = [e for e in parsed(chart(found)).iter() if e.get("class") == "mark"]
    places = sorted((e.get("y"), float(e.get("x", "")), len(e.text or "") * 7) for e in marks)
    for one, other in pairwise(places):
        assert one[0] != other[0] or one[1] + one[2] < other[1]
    edges = [e for e in parsed(chart(found)).iter() if e.get("class") == "edge"]
    assert len(edges) == len(found.transitions) == 59


def boxes(picture: ElementTree.Element, kind: str) -> list[dict[str, float]]:
    """Return the places and sizes of the rectangles of a class."""
    found = (e for e in picture.iter(f"{SVG}rect") if e.get("class") == kind)
    return [{k: float(e.get(k, "")) for k in ("x", "y", "width", "height")} for e in found]


def test_where_runs_disagree_it_shows_how_often_and_where_it_may_have_changed() -> None:
    """Bars as high as their probability, in the place of their gap; an interval per release."""
    finding = flaky()
    picture = parsed(chart(finding))
    assert {"Share of runs that were bad, with its 95% interval"} <= set(texts(picture))
    (heading,) = [text for text in texts(picture) if text.startswith("Where it changed: ")]
    (before, after), highest = max(finding.posterior.items(), key=lambda pair: pair[1])
    assert heading == f"Where it changed: most likely in {after}, {sure(highest)}"
    bars = boxes(picture, "chance")
    assert len(bars) == len(finding.posterior) == 9
    tallest = max(bars, key=lambda box: box["height"])
    shares = list(finding.posterior.values())
    assert [box["height"] for box in bars] == pytest.approx([56 * s for s in shares], abs=0.1)
    ends = [str(before), str(after)]
    marks = {e.text: float(e.get("x", "")) for e in picture.iter(f"{SVG}text")}
    if all(end in marks for end in ends):
        middle = tallest["x"] + tallest["width"] / 2
        assert marks[ends[0]] < middle < marks[ends[1]]
    intervals = [e for e in picture.iter() if e.get("class") == "interval"]
    assert len(intervals) == 10
    height = float(picture.get("height", ""))
    assert all(box["y"] + box["height"] <= height for box in bars)
    assert not boxes(parsed(chart(uploads())), "chance")


@pytest.mark.parametrize("name", stepping())
def test_a_number_is_shown_with_its_intervals_and_steps(name: str) -> None:
    """Every release that has one is a point on its interval; every step is an edge."""
    found = stepping()[name]
    assert found.series is not None
    picture = parsed(chart(found))
    levels = found.series.levels
    points = [e for e in picture.iter(f"{SVG}circle") if e.get("class") == "number"]
    assert len([e for e in points if list(e)]) == len(levels)
    assert all(100 <= float(e.get("cy", "")) <= 340 for e in points if list(e))
    edges = [e for e in picture.iter() if e.get("class") == "edge"]
    assert len(edges) >= len(found.series.steps) + len(found.series.suspected)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.sampled_from(["", "bytes", "seconds"]),
    st.sampled_from(["", "byte", "<b>&"]),
    st.sets(st.integers(1, 29), max_size=6),
)
def test_any_number_fits_and_no_label_is_crossed(
    numbers: list[float], unit: str, per: str, steps: set[int]
) -> None:
    versions = [Version(f"1.{n}") for n in range(len(numbers))]
    levels = {
        version: Level(number, number - 1, number + 1, 3, (number - 0.5, number + 0.5))
        for version, number in zip(versions, numbers)
    }
    found = [
        Step(versions[n - 1], versions[n], 1.0, 2.0, 1.0, (0.9, 1.1), not per, 0.96, 6)
        for n in sorted(steps)
        if n < len(versions)
    ]
    series = Series("m", 0.01, levels, tuple(found), relative=not per, unit=unit, per=per)
    plan = Plan(releases([str(version) for version in versions]))
    picture = parsed(chart(replace(uploads(), plan=plan, series=series, transitions=())))
    heights = [float(e.get("cy", "")) for e in picture.iter(f"{SVG}circle") if list(e)]
    assert all(111 <= height <= 331 for height in heights)
    assert_apart(picture)


def test_without_any_memory_it_says_so() -> None:
    found = finding("eggs", "p", "", EGGS, lambda _version: "install-failed")
    assert "No memory was measured." in texts(parsed(chart(found)))
    nothing = replace(found, plan=Plan(()), measurements=(), transitions=())
    assert "No memory was measured." in texts(parsed(chart(nothing)))


def test_it_has_a_title_and_a_description_and_asks_for_nothing_from_elsewhere() -> None:
    text = chart(uploads())
    picture = parsed(text)
    assert picture.findtext(f"{SVG}title") == "Peak memory per release of spam: iobase_payload"
    assert "introduced in 1.0.4 (after 1.0.3)" in (picture.findtext(f"{SVG}desc") or "")
    assert "prefers-color-scheme: dark" in text
    assert text.count("http") == 1
    assert "href" not in text
    assert "@import" not in text


@given(st.text(), st.text())
@example(HOSTILE, HOSTILE)
@example("\ufffe\uffff", "]]>")
def test_whatever_a_probe_is_called_the_picture_is_well_formed(name: str, case: str) -> None:
    honest = sample()[0]
    named = replace(honest, probe=replace(honest.probe, name=name, case=case))
    picture = parsed(chart(replace(named, measurements=honest.measurements[:2])))
    assert {e.tag.removeprefix(SVG) for e in picture.iter()} <= {
        *("svg", "title", "desc", "style", "defs", "pattern", "path"),
        *("rect", "text", "circle", "polyline"),
    }
    chart(named).encode()


def test_hostile_evidence_is_only_text() -> None:
    text = chart(hostile())
    assert not list(parsed(text).iter(f"{SVG}script"))
    assert "\x1b" not in text


@given(st.lists(st.integers(min_value=0, max_value=2**41), min_size=1, max_size=8))
def test_the_axis_starts_at_zero_and_holds_every_point(sizes: list[int]) -> None:
    runs = [run("spam", f"1.{n}", "good", size / MIB) for n, size in enumerate(sizes)]
    found = replace(uploads(), plan=Plan(()), measurements=tuple(runs), transitions=())
    picture = parsed(chart(found))
    assert "0" in texts(picture)
    heights = [float(e.get("cy", "")) for e in picture.iter(f"{SVG}circle")]
    assert all(112 <= height <= 330 for height in heights[: len(runs)])
    lines = [
        e
        for e in picture.iter()
        if e.get("class") in ("grid", "axis") and "H" in (e.get("d") or "")
    ]
    assert 4 <= len(lines) <= 12


def test_an_interval_is_hatched_and_bounded_by_two_edges() -> None:
    found = finding("spam", "p", "", ["1.0", "1.1", "1.2"], between("1.2", "1.2"))
    unsure = Transition(Kind.INTRODUCED, Version("1.0"), Version("1.2"), (Version("1.1"),))
    picture = parsed(chart(replace(found, transitions=(unsure,))))
    kinds = [e.get("class") for e in picture.iter()]
    assert kinds.count("edge") == 2
    assert "introduced between 1.0 and 1.2" in texts(picture)
    assert kinds.count("unsure") == 2  # the band, and what the legend calls it


def test_windows_of_several_failures_are_told_apart_and_named() -> None:
    picture = parsed(chart(found("gbbccg")))
    windows = [e for e in picture.iter(f"{SVG}rect") if "window" in (e.get("class") or "")]
    shown = [e for e in windows if float(e.get("height") or 0) > 100]
    assert [e.get("class") for e in shown] == ["window other", "window"]
    left, right = shown
    end = float(left.get("x") or 0) + float(left.get("width") or 0)
    assert end == pytest.approx(float(right.get("x") or 0), abs=0.2)
    assert len([e for e in picture.iter() if e.get("class") == "bad other"]) == 4 + 1
    assert {"TypeError: fry() takes no eggs", "bad"} <= {*texts(picture)}
    assert not [e for e in picture.iter() if e.get("class") == "unsure"]


def test_nothing_is_shaded_between_two_failures() -> None:
    picture = parsed(chart(found("gb-cg")))
    shown = [e for e in picture.iter(f"{SVG}rect") if (e.get("class") or "").startswith("window")]
    first, second = (e for e in shown if float(e.get("height") or 0) > 100)
    end = float(first.get("x") or 0) + float(first.get("width") or 0)
    assert float(second.get("x") or 0) - end == pytest.approx(712 / 5, abs=0.2)
