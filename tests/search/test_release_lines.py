"""Release lines against histories in which it is known what each release came of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from bisector.model import Release
from bisector.search.release_lines import late, line, origins, parting

FIRST = datetime(2024, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Made:
    """A release of a made-up history: when it came, of which one, and whether it is bad."""

    version: str
    day: int
    parent: str | None
    bad: bool


@st.composite
def histories(draw: st.DrawFn) -> list[Made]:
    """A project that was kept up on several lines at once, in version order.

    Each day one release is made: the first of a new line, which comes of the newest release there
    is by version, or the next of a line that there is. Either may break it, fix it, or neither.
    """
    made: list[Made] = []
    last: list[int] = []
    for day in range(draw(st.integers(1, 14))):
        begins = not last or draw(st.integers(0, 3)) == 0
        place = len(last) if begins else draw(st.integers(0, len(last) - 1))
        if begins:
            parent = f"1.{place - 1}.{last[-1]}" if last else None
            last.append(0)
        else:
            parent = f"1.{place}.{last[place]}"
            last[place] += 1
        was = next((one.bad for one in made if one.version == parent), False)
        bad = was ^ (draw(st.integers(0, 2)) == 0)
        made.append(Made(f"1.{place}.{last[place]}", day, parent, bad))
    return sorted(made, key=lambda one: Version(one.version))


def releases(made: list[Made]) -> list[Release]:
    return [
        Release(Version(one.version), (), upload_time=FIRST + timedelta(days=one.day))
        for one in made
    ]


@settings(max_examples=500)
@given(histories())
def test_lines_part_exactly_where_nothing_changed_from_what_a_release_came_of(
    made: list[Made],
) -> None:
    """Between neighbours that differ, either the newer changed against its parent, or they part."""
    listed = releases(made)
    by_version = {one.version: one for one in made}

    def alike(one: int, other: int) -> bool:
        return made[one].bad is made[other].bad

    for before, after in pairwise(range(len(made))):
        if made[before].bad is made[after].bad:
            continue
        parent = made[after].parent
        changed = parent is None or by_version[parent].bad is not made[after].bad
        assert parting(listed, before, after, alike) is not changed


@given(histories())
def test_where_a_line_came_from_is_its_parent_unless_that_stands_before_it(
    made: list[Made],
) -> None:
    place = {one.version: n for n, one in enumerate(made)}
    expected = {
        place[one.version]: place[one.parent]
        for one in made
        if one.version.endswith(".0")
        and one.parent is not None
        and place[one.parent] != place[one.version] - 1
    }
    assert origins(releases(made)) == expected


@given(histories())
def test_the_last_of_a_line_is_late_where_it_came_after_a_later_line_had_begun(
    made: list[Made],
) -> None:
    expected = []
    for place, one in enumerate(made):
        name = one.version.rpartition(".")[0]
        above = made[place + 1 :]
        ends = all(not other.version.startswith(f"{name}.") for other in above)
        if ends and any(other.day < one.day for other in above):
            expected.append(place)
    assert list(late(releases(made))) == expected


@given(histories(), st.data())
def test_nothing_parts_and_nothing_is_late_where_no_times_are_known(
    made: list[Made], data: st.DataObject
) -> None:
    undated = [Release(release.version, ()) for release in releases(made)]
    assert late(undated) == ()
    assert origins(undated) == {}
    after = data.draw(st.integers(0, len(made) - 1))
    before = data.draw(st.integers(0, after))
    assert not parting(undated, before, after, lambda _one, _other: True)


def test_lines_do_not_part_where_what_the_later_came_of_is_not_known_to_be_like_it() -> None:
    """1.1.0 came of 1.0.0; while nobody knows what that is, the change may well be 1.1.0's."""
    listed = releases(
        [
            Made("1.0.0", 0, None, True),
            Made("1.0.1", 2, "1.0.0", False),
            Made("1.1.0", 1, "1.0.0", True),
        ]
    )
    asked: list[tuple[int, int]] = []

    def unknown(one: int, other: int) -> bool:
        asked.append((one, other))
        return False

    assert not parting(listed, 1, 2, unknown)
    assert asked == [(0, 2)]
    assert parting(listed, 1, 2, lambda one, other: (one, other) == (0, 2))


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("1.4.2", "1.4"),
        ("1.4", "1.4"),
        ("3", "3.0"),
        ("1!2.3.4rc1", "1!2.3"),
        ("2024.1.7", "2024.1"),
    ],
)
def test_a_line_is_major_and_minor(version: str, name: str) -> None:
    assert line(Version(version)) == name
