"""The days of a search over time, and what measures one of them."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from bisector.environment.installers.uv import Uv
from bisector.environment.task import Task
from bisector.model import Conditions, Interpreter, Measurement, Outcome, Probe, Release
from bisector.search.days import held, positions
from bisector.session.days import measuring

FIRST = datetime(2024, 2, 27, 18, 30, tzinfo=timezone.utc)
HELD = Conditions(
    Interpreter("python", "3.11.7", "cpython", "linux", ()),
    policy="of each day",
    constraints=("ham==1.0",),
    wheels={"ham-1.0-py3-none-any.whl": "ab"},
    resolved="2024-05-01T00:00:00Z",
    resolved_for="1.0",
)
TASK = Task(
    Probe("eggs", "spam"),
    Release(Version("1.5"), (), upload_time=FIRST),
    HELD,
    Uv("http://index", Path("/nowhere")),
    Path("/nowhere"),
    Path("/nowhere"),
    Path("/nowhere"),
)

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
    found = [(str(release.version), release.upload_time) for release in positions(first, uploads)]
    assert found == expected


def test_a_day_has_a_version_that_sorts_as_it_does() -> None:
    found = positions(FIRST, [FIRST + timedelta(days=n) for n in (1, 2, 3, 300)])
    versions = [release.version for release in found]
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
    assert made.policy == "2024-02-28"
    assert (made.constraints, made.wheels, made.resolved, made.resolved_for) == ((), {}, "", "")
    assert made.interpreter == HELD.interpreter


class Bench:
    """Starts measurements that end when the test says so."""

    def __init__(self) -> None:
        self.started: list[Task] = []
        self.futures: list[Future[Measurement]] = []
        self.stopped: list[Future[Measurement]] = []

    def start(self, task: Task) -> Future[Measurement]:
        self.started.append(task)
        self.futures.append(Future())
        return self.futures[-1]


def test_a_day_is_a_measurement_of_the_release_under_the_days_conditions() -> None:
    bench = Bench()
    submit, stop = measuring(TASK, bench.start, bench.stopped.append)
    early, late = positions(FIRST, [FIRST + timedelta(days=5)])
    first, second = submit(early), submit(late)
    assert [task.release.version for task in bench.started] == [Version("1.5")] * 2
    assert [task.conditions.policy for task in bench.started] == ["2024-02-28", "2024-03-04"]
    bench.futures[1].set_result(Measurement(Version("1.5"), Outcome.BAD, detail="stale"))
    assert second.result(0) == Measurement(Version("2024.3.4"), Outcome.BAD, detail="stale")
    assert not first.done()
    stop(first)
    assert bench.stopped == [bench.futures[0]]
    assert not first.cancel()


def test_what_goes_wrong_with_a_day_goes_to_whoever_waits_for_it() -> None:
    bench = Bench()
    submit, _ = measuring(TASK, bench.start, bench.stopped.append)
    told = submit(positions(FIRST, [])[0])
    bench.futures[0].set_exception(RuntimeError("the disk is full"))
    with pytest.raises(RuntimeError, match="the disk is full"):
        told.result(0)
