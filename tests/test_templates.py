"""Templates: made once for all that need the same, ahead where a core is left, never in vain."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from bisector import templates
from bisector.environment import Environment
from bisector.errors import InstallerError
from bisector.installer import InstallFailedError, Uv
from bisector.model import Conditions, Interpreter, Probe, Release
from bisector.task import Task
from bisector.template import Template
from bisector.templates import Templates


class Maker:
    """Stands in for making environments; says what was made, and waits while ``held``."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.fetched: set[Version] = set()
        self.failing: set[Version] = set()
        self.held = threading.Event()
        self.held.set()
        self.begun = threading.Semaphore(0)

    def __call__(
        self, task: Task, prefix: Path, stopped: threading.Event, asking: Callable[[], None]
    ) -> Template:
        self.made.append(str(task.release.version))
        if task.release.version in self.failing:
            self.begun.release()
            raise InstallerError("the index answers 429")
        if task.release.version in self.fetched:
            asking()
        self.begun.release()
        while not self.held.wait(0.01):
            if stopped.is_set():
                raise InstallerError("the installer was stopped")
        if task.release.yanked:
            raise InstallFailedError("unfit")
        made = Environment(prefix, prefix, prefix, prefix, prefix)
        return Template(made, (), frozenset(), ())

    def wait(self) -> None:
        assert self.begun.acquire(timeout=10)


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> Maker:
    made = Maker()
    monkeypatch.setattr(templates, "make", made)
    return made


@pytest.fixture
def one_spare() -> Iterator[Templates]:
    made = Templates(Path("work"), 1)
    yield made
    made.close()


def task(version: str, *, yanked: bool = False) -> Task:
    python = Interpreter("python", "3.11.7", "cpython", "linux", ())
    return Task(
        Probe(name="eggs", package="spam"),
        Release(Version(version), (), yanked=yanked),
        Conditions(python, timeout_s=1),
        Uv("", Path()),
        Path(),
        Path(),
        Path(),
    )


def test_all_that_need_the_same_get_the_same(maker: Maker, one_spare: Templates) -> None:
    other = replace(task("1.0"), probe=Probe(name="ham", case="b", package="spam"))
    first = one_spare.get(task("1.0"))
    assert one_spare.get(task("1.0")) is one_spare.get(other) is first
    assert maker.made == ["1.0"]


@pytest.mark.parametrize(
    "other",
    [
        task("2.0"),
        replace(task("1.0"), probe=Probe(name="eggs", package="spam", dependencies=("ham",))),
        replace(task("1.0"), conditions=replace(task("1.0").conditions, constraints=("ham==1",))),
        replace(task("1.0"), conditions=replace(task("1.0").conditions, policy="released")),
        replace(task("1.0"), conditions=replace(task("1.0").conditions, requirements=("ham",))),
        replace(task("1.0"), installer=Uv("", Path(), allow_build=True)),
    ],
)
@pytest.mark.usefixtures("maker")
def test_what_needs_something_else_gets_its_own(one_spare: Templates, other: Task) -> None:
    assert one_spare.get(task("1.0")) is not one_spare.get(other)


def test_those_who_ask_meanwhile_wait_for_it(maker: Maker, one_spare: Templates) -> None:
    maker.held.clear()
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(one_spare.get, task("1.0")) for _ in range(3)]
        maker.wait()
        maker.held.set()
        assert len({id(one.result(10)) for one in asked}) == 1
    assert maker.made == ["1.0"]


def test_what_was_expected_is_made_before_it_is_asked_for(
    maker: Maker, one_spare: Templates
) -> None:
    one_spare.expect([task("1.0")])
    maker.wait()
    one_spare.get(task("1.0"))
    assert maker.made == ["1.0"]


def test_what_is_expected_no_more_is_not_begun(maker: Maker, one_spare: Templates) -> None:
    maker.held.clear()
    one_spare.expect([task("1.0"), task("2.0")])
    maker.wait()
    one_spare.expect([task("1.0"), task("3.0")])
    maker.held.set()
    one_spare.get(task("3.0"))
    assert "2.0" not in maker.made


def test_what_nobody_has_begun_is_made_by_who_asks(maker: Maker, one_spare: Templates) -> None:
    maker.held.clear()
    one_spare.expect([task("1.0"), task("2.0")])
    maker.wait()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(one_spare.get, task("2.0"))
        maker.wait()  # the spare thread is with 1.0 still
        maker.held.set()
        asked.result(10)
    assert maker.made == ["1.0", "2.0"]


def test_no_core_that_something_is_measured_on_is_used(maker: Maker) -> None:
    made = Templates(Path("work"), 0)
    made.expect([task("1.0")])
    made.close()
    assert maker.made == []


def test_where_the_index_has_to_be_asked_what_is_expected_is_fetched(maker: Maker) -> None:
    maker.fetched = {Version("1.0"), Version("2.0")}
    made = Templates(Path("work"), 0)
    made.expect([task("2.0")])
    made.get(task("1.0"))
    for _ in range(2):
        maker.wait()
    assert maker.made == ["1.0", "2.0"]
    made.get(task("3.0"))  # is in the cache, so that making another would take a core
    made.expect([task("4.0")])
    made.close()
    assert "4.0" not in maker.made


def test_where_making_is_stopped_another_who_waits_makes_it(
    maker: Maker, one_spare: Templates
) -> None:
    maker.held.clear()
    stopped = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(one_spare.get, task("1.0"), stopped)
        maker.wait()
        second = pool.submit(one_spare.get, task("1.0"))
        stopped.set()
        with pytest.raises(InstallerError):
            first.result(10)
        maker.wait()
        maker.held.set()
        assert second.result(10) is one_spare.get(task("1.0"))
    assert maker.made == ["1.0", "1.0"]


def test_a_release_that_is_to_blame_is_blamed_each_time_it_is_asked_for(
    maker: Maker, one_spare: Templates
) -> None:
    one_spare.expect([task("1.0", yanked=True)])
    maker.wait()
    for _ in range(2):
        with pytest.raises(InstallFailedError):
            one_spare.get(task("1.0", yanked=True))
    assert maker.made == ["1.0"]


def test_who_waits_for_another_can_be_stopped(maker: Maker, one_spare: Templates) -> None:
    maker.held.clear()
    one_spare.expect([task("1.0")])
    maker.wait()
    stopped = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(one_spare.get, task("1.0"), stopped)
        stopped.set()
        with pytest.raises(InstallerError):
            asked.result(10)
    maker.held.set()


def test_what_failed_for_no_release_s_fault_is_made_again(
    maker: Maker, one_spare: Templates
) -> None:
    maker.failing = {Version("1.0")}
    one_spare.expect([task("1.0")])
    maker.wait()
    maker.failing = set()
    one_spare.get(task("1.0"))
    assert maker.made == ["1.0", "1.0"]


def test_closing_stops_what_is_being_made(maker: Maker) -> None:
    maker.held.clear()
    made = Templates(Path("work"), 1)
    made.expect([task("1.0"), task("2.0")])
    maker.wait()
    made.close()
    assert maker.made == ["1.0"]
