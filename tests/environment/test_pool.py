"""Installations: lent again where nothing was changed, made ahead where a core is left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from bisector.environment import pool, venv
from bisector.environment.installers.messages import InstallFailedError
from bisector.environment.installers.uv import Uv
from bisector.environment.pool import Installations
from bisector.environment.release import Installation
from bisector.environment.task import Task
from bisector.environment.venv import Environment
from bisector.errors import InstallerError
from bisector.model import Conditions, Interpreter, Policy, Probe, Release


class Maker:
    """Stands in for making environments; says what was made, and waits while ``held``."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.fetched: list[str] = []
        self.fetching = threading.Event()
        self.fetching.set()
        self.asked = threading.Semaphore(0)
        self.failing: set[Version] = set()
        self.held = threading.Event()
        self.held.set()
        self.begun = threading.Semaphore(0)

    def fetch(self, task: Task, stopped: threading.Event) -> None:
        self.fetched.append(str(task.release.version))
        self.asked.release()
        while not self.fetching.wait(0.01) and not stopped.is_set():
            pass

    def __call__(self, task: Task, prefix: Path, stopped: threading.Event) -> Installation:
        self.made.append(str(task.release.version))
        if task.release.version in self.failing:
            self.begun.release()
            raise InstallerError("the index answers 429")
        self.begun.release()
        while not self.held.wait(0.01):
            if stopped.is_set():
                raise InstallerError("the installer was stopped")
        if task.release.yanked:
            raise InstallFailedError("unfit")
        prefix.mkdir()
        (prefix / "spam.py").write_text("GOOD = 1")
        made = Environment(prefix, prefix, prefix, prefix)
        return Installation(made, (), frozenset(), (), venv.state(made))

    def wait(self) -> None:
        assert self.begun.acquire(timeout=10)


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> Maker:
    made = Maker()
    monkeypatch.setattr(pool, "make", made)
    monkeypatch.setattr(pool, "fetch", made.fetch)
    return made


def at_once(work: Callable[..., object], *arguments: object) -> None:
    """Do what nobody waits for."""
    work(*arguments)


@pytest.fixture
def one_spare(tmp_path: Path) -> Iterator[Installations]:
    made = Installations(tmp_path, 1, at_once)
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


def borrow(
    installations: Installations, wanted: Task, stopped: threading.Event | None = None
) -> Installation:
    """Borrow and give back; return what was lent."""
    with installations.lent(wanted, stopped) as made:
        return made


def test_what_was_left_as_it_was_is_lent_again(maker: Maker, one_spare: Installations) -> None:
    other = replace(task("1.0"), probe=Probe(name="ham", case="b", package="spam"))
    first = borrow(one_spare, task("1.0"))
    assert borrow(one_spare, other) is borrow(one_spare, task("1.0")) is first
    assert maker.made == ["1.0"]


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "spam.py").write_text("GOOD = 2"),
        lambda folder: (folder / "spam.py").chmod(0o755),
        lambda folder: (folder / "spam.py").unlink(),
        lambda folder: (folder / "spam.pyc").touch(),
        lambda folder: (folder / "eggs").mkdir(),
        lambda folder: (folder / "eggs").symlink_to("spam.py"),
        lambda folder: folder.rename(folder.with_name("elsewhere")),
    ],
)
def test_what_was_changed_is_not(
    maker: Maker, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    lending = Installations(tmp_path, 0, at_once)
    with lending.lent(task("1.0")) as first:
        change(first.environment.prefix)
    assert not first.environment.prefix.exists()
    second = borrow(lending, task("1.0"))
    assert second is borrow(lending, task("1.0"))
    assert second.environment.prefix != first.environment.prefix
    assert maker.made == ["1.0", "1.0"]
    lending.close()


def test_what_is_changed_when_nobody_has_it_is_not_lent_either(
    maker: Maker, one_spare: Installations
) -> None:
    """A process that a run left behind may do so."""
    first = borrow(one_spare, task("1.0"))
    (first.environment.prefix / "spam.py").write_text("GOOD = 3")
    assert borrow(one_spare, task("1.0")) is not first
    assert not first.environment.prefix.exists()
    assert maker.made == ["1.0", "1.0"]


def test_what_a_run_has_changed_is_made_again_before_it_is_asked_for(
    maker: Maker, one_spare: Installations
) -> None:
    with one_spare.lent(task("1.0")) as made:
        maker.wait()
        one_spare.expect([task("1.0")])
        (made.environment.prefix / "spam.pyc").touch()
    maker.wait()
    borrow(one_spare, task("1.0"))
    assert maker.made == ["1.0", "1.0"]


@pytest.mark.parametrize(
    "other",
    [
        task("2.0"),
        replace(task("1.0"), probe=Probe(name="eggs", package="spam", dependencies=("ham",))),
        replace(task("1.0"), conditions=replace(task("1.0").conditions, constraints=("ham==1",))),
        replace(task("1.0"), conditions=replace(task("1.0").conditions, policy=Policy.RELEASED)),
        replace(task("1.0"), conditions=replace(task("1.0").conditions, requirements=("ham",))),
        replace(task("1.0"), installer=Uv("", Path(), allow_build=True)),
    ],
)
@pytest.mark.usefixtures("maker")
def test_what_needs_something_else_gets_its_own(one_spare: Installations, other: Task) -> None:
    assert borrow(one_spare, task("1.0")) is not borrow(one_spare, other)


@pytest.mark.usefixtures("maker")
def test_no_two_runs_have_one_at_once(one_spare: Installations) -> None:
    with one_spare.lent(task("1.0")) as first, one_spare.lent(task("1.0")) as second:
        assert first.environment.prefix != second.environment.prefix


def test_what_was_expected_is_made_before_it_is_asked_for(
    maker: Maker, one_spare: Installations
) -> None:
    one_spare.expect([task("1.0")])
    maker.wait()
    borrow(one_spare, task("1.0"))
    assert maker.made == ["1.0"]


def test_what_is_there_be_it_lent_is_not_made_ahead(maker: Maker, one_spare: Installations) -> None:
    with one_spare.lent(task("1.0")):
        one_spare.expect([task("1.0"), task("2.0")])
    one_spare.expect([task("1.0"), task("2.0")])
    borrow(one_spare, task("2.0"))
    assert maker.made == ["1.0", "2.0"]


def test_what_is_expected_no_more_is_not_begun(maker: Maker, one_spare: Installations) -> None:
    maker.held.clear()
    one_spare.expect([task("1.0"), task("2.0")])
    maker.wait()
    one_spare.expect([task("1.0"), task("3.0")])
    maker.held.set()
    borrow(one_spare, task("3.0"))
    assert "2.0" not in maker.made


def test_what_nobody_has_begun_is_made_by_who_asks(maker: Maker, one_spare: Installations) -> None:
    maker.held.clear()
    one_spare.expect([task("1.0"), task("2.0")])
    maker.wait()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(borrow, one_spare, task("2.0"))
        maker.wait()  # the spare thread is with 1.0 still
        maker.held.set()
        asked.result(10)
    assert maker.made == ["1.0", "2.0"]


def test_no_core_that_something_is_measured_on_is_used(maker: Maker, tmp_path: Path) -> None:
    made = Installations(tmp_path, 0, at_once)
    made.expect([task("1.0")])
    made.close()
    assert maker.made == []


def test_what_was_expected_is_fetched_before_it_is_asked_for(maker: Maker, tmp_path: Path) -> None:
    """Where no core is left, too; what is being fetched is waited for."""
    maker.fetching.clear()
    made = Installations(tmp_path, 0, at_once)
    made.expect([task("1.0"), task("2.0")])
    assert all(maker.asked.acquire(timeout=10) for _ in range(2))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(borrow, made, task("1.0"))
        assert not wait([asked], timeout=0.05).done
        assert maker.made == []
        maker.fetching.set()
        asked.result(10)
    borrow(made, task("2.0"))
    made.close()
    assert sorted(maker.fetched) == maker.made == ["1.0", "2.0"]


def test_a_release_that_is_to_blame_is_blamed_each_time_it_is_asked_for(
    maker: Maker, one_spare: Installations
) -> None:
    one_spare.expect([task("1.0", yanked=True)])
    maker.wait()
    for _ in range(2):
        with pytest.raises(InstallFailedError):
            borrow(one_spare, task("1.0", yanked=True))
    one_spare.expect([task("1.0", yanked=True)])
    assert maker.made == ["1.0"]


def test_who_waits_for_another_can_be_stopped(maker: Maker, one_spare: Installations) -> None:
    maker.held.clear()
    one_spare.expect([task("1.0")])
    maker.wait()
    stopped = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(borrow, one_spare, task("1.0"), stopped)
        stopped.set()
        with pytest.raises(InstallerError):
            asked.result(10)
    maker.held.set()
    borrow(one_spare, task("1.0"))
    assert maker.made == ["1.0"]


def test_what_failed_for_no_release_s_fault_is_made_again(
    maker: Maker, one_spare: Installations
) -> None:
    maker.failing = {Version("1.0")}
    one_spare.expect([task("1.0")])
    maker.wait()
    maker.failing = set()
    borrow(one_spare, task("1.0"))
    assert maker.made == ["1.0", "1.0"]


def test_closing_stops_what_is_being_made(maker: Maker, tmp_path: Path) -> None:
    maker.held.clear()
    made = Installations(tmp_path, 1, at_once)
    made.expect([task("1.0"), task("2.0")])
    maker.wait()
    made.close()
    assert maker.made == ["1.0"]
