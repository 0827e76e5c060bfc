"""Environments made before they are asked for: for one task, once, never on a used core."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from bisector import ahead
from bisector.ahead import Ahead
from bisector.environment import Environment
from bisector.installer import InstallFailedError, Uv
from bisector.measure import Ready, Task
from bisector.model import Conditions, Interpreter, Probe, Release


class Maker:
    """Stands in for making environments; says where each was made, and waits while ``held``."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []
        self.held = threading.Event()
        self.held.set()
        self.begun = threading.Event()

    def __call__(self, task: Task, prefix: Path, _stopped: threading.Event | None = None) -> Ready:
        self.made.append((str(task.release.version), prefix.name))
        self.begun.set()
        self.held.wait(10)
        if task.release.yanked:
            raise InstallFailedError("unfit")
        return Ready(Environment(prefix, prefix, prefix, prefix), (), ())


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> Maker:
    made = Maker()
    monkeypatch.setattr(ahead, "prepare", made)
    return made


def task(version: str, *, yanked: bool = False) -> Task:
    python = Interpreter("python", "3.11.7", "cpython", "linux", ())
    return Task(
        Probe(name="eggs", package="spam"),
        Release(Version(version), (), yanked=yanked),
        Conditions(python, timeout_s=1),
        Uv("", Path()),
        Path(),
        Path(),
    )


def test_what_was_expected_is_made_before_it_is_asked_for(maker: Maker) -> None:
    with Ahead(1, Path("work")) as early:
        early.expect([task("1.0")])
        assert maker.begun.wait(10)
        assert early.prepare(task("1.0"), Path("env")).environment.prefix == Path("work/ahead-0")
        # A second run of the release gets an environment of its own.
        assert early.prepare(task("1.0"), Path("env")).environment.prefix == Path("env")
    assert maker.made == [("1.0", "ahead-0"), ("1.0", "env")]


def test_what_is_expected_no_more_is_not_begun(maker: Maker) -> None:
    maker.held.clear()
    with Ahead(1, Path("work")) as early:
        early.expect([task("1.0"), task("2.0")])
        assert maker.begun.wait(10)
        early.expect([task("1.0"), task("3.0")])
        maker.held.set()
        early.prepare(task("3.0"), Path("env"))
    assert "2.0" not in dict(maker.made)


def test_no_core_that_something_is_measured_on_is_used(maker: Maker) -> None:
    with Ahead(0, Path("work")) as early:
        early.expect([task("1.0")])
        early.prepare(task("1.0"), Path("env"))
    assert maker.made == [("1.0", "env")]


def test_another_task_about_the_same_release_gets_nothing_of_it(maker: Maker) -> None:
    other = replace(task("1.0"), probe=Probe(name="ham", package="spam", dependencies=("ham",)))
    with Ahead(1, Path("work")) as early:
        early.expect([task("1.0")])
        assert maker.begun.wait(10)
        assert early.prepare(other, Path("env")).environment.prefix == Path("env")


def test_a_release_that_is_to_blame_is_blamed_when_it_is_asked_for(maker: Maker) -> None:
    with Ahead(1, Path("work")) as early:
        early.expect([task("1.0", yanked=True)])
        assert maker.begun.wait(10)
        with pytest.raises(InstallFailedError):
            early.prepare(task("1.0", yanked=True), Path("env"))
