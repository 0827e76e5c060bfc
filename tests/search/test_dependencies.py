"""The days of a search over time, and what measures one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from bisector.finding import Kind
from bisector.model import Conditions, Interpreter, Measurement, Outcome, Policy, Probe, Release
from bisector.search.dependencies import Days, held, positions
from bisector.search.knowledge import Knowledge, Options

FIRST = datetime(2024, 2, 27, 18, 30, tzinfo=timezone.utc)
HELD = Conditions(
    Interpreter("python", "3.11.7", "cpython", "linux", ()),
    policy=Policy.EACH_DAY,
    constraints=("ham==1.0",),
    wheels={"ham-1.0-py3-none-any.whl": "ab"},
    resolved="2024-05-01T00:00:00Z",
    resolved_for="1.0",
)
PROBE = Probe("eggs", "spam")
RELEASE = Release(Version("1.5"), (), upload_time=FIRST)

moments = st.datetimes(datetime(2024, 2, 25), datetime(2024, 3, 8), timezones=st.timezones()).map(
    lambda moment: moment.astimezone(timezone.utc)
)


@given(moments, st.lists(moments, max_size=8))
def test_each_day_has_something_that_the_day_before_had_not(
    first: datetime, uploads: list[datetime]
) -> None:
    """The oracle looks at every midnight: what of the uploads there was by then."""
    expected = []
    day = first.date() + timedelta(days=1)
    there: set[datetime] | None = None
    while day <= date(2024, 3, 10):
        midnight = datetime.combine(day, time(), timezone.utc)
        now = {upload for upload in uploads if first < upload < midnight}
        if now != there:
            expected.append((str(Version(f"{day.year}.{day.month}.{day.day}")), midnight))
        there = now
        day += timedelta(days=1)
    found = [(str(item.key), item.when) for item in positions(first, uploads)]
    assert found == expected


def test_a_day_has_a_version_that_sorts_as_it_does() -> None:
    found = positions(FIRST, [FIRST + timedelta(days=n) for n in (1, 2, 3, 300)])
    versions = [item.key for item in found]
    assert [str(v) for v in versions] == [
        "2024.2.28",
        "2024.2.29",
        "2024.3.1",
        "2024.3.2",
        "2024.12.24",
    ]
    assert versions == sorted(versions)


def test_a_day_holds_to_nothing_but_its_date() -> None:
    """What was resolved for another day must not be held on this one."""
    day = positions(FIRST, [])[0]
    made = held(HELD, day)
    assert made.dependencies == "2024-02-28"
    assert (made.constraints, made.wheels, made.resolved, made.resolved_for) == ((), {}, "", "")
    assert made.interpreter == HELD.interpreter


def days(uploads: Sequence[datetime]) -> Days:
    return Days(PROBE, RELEASE, HELD, positions(FIRST, uploads), "spam 1.5")


def test_a_day_is_a_measurement_of_the_release_under_the_days_conditions() -> None:
    candidates = days([FIRST + timedelta(days=5)])
    trials = [candidates.trial(item) for item in candidates.items]
    assert [trial.release for trial in trials] == [RELEASE] * 2
    assert [trial.conditions.dependencies for trial in trials] == ["2024-02-28", "2024-03-04"]
    assert [trial.label for trial in trials] == ["2024-02-28", "2024-03-04"]


def test_a_run_of_a_day_is_known_by_its_date() -> None:
    """Of the release that is measured on all days, there is no run; and no range is affected."""
    candidates = days([FIRST + timedelta(days=5)])
    knowledge = Knowledge(candidates, {}, Options(confirmations=1))
    for item, outcome in zip(candidates.items, (Outcome.GOOD, Outcome.BAD)):
        run = Measurement(Version("1.5"), outcome, detail="measured")
        assert knowledge.add(item, run) == replace(run, version=item.key)
    finding = knowledge.finding()
    early, late = Version("2024.2.28"), Version("2024.3.4")
    assert [m.version for m in finding.measurements] == [early, late]
    assert [(t.kind, t.before, t.after) for t in finding.transitions] == [
        (Kind.INTRODUCED, early, late)
    ]
    assert (finding.over, finding.affected) == ("spam 1.5", ())
    assert [r.version for r in finding.plan.candidates] == [early, late]
