"""Threads that measure: what was begun is stopped, however it is left."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from bisector.environment.installers.uv import Uv
from bisector.environment.task import Task
from bisector.measure import threads
from bisector.measure.threads import Threads
from bisector.model import Conditions, Interpreter, Measurement, Outcome, Probe, Reason, Release
from bisector.store.runs import Store


def test_interrupted_as_a_run_begins_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before what began it has even returned."""
    ended: list[bool] = []

    def measure(task: Task, stopped: threading.Event, *_: object) -> Measurement:
        ended.append(stopped.wait(10))
        return Measurement(task.release.version, Outcome.UNTESTABLE, Reason.ENVIRONMENT)

    monkeypatch.setattr(threads, "measure", measure)
    pool = Threads(1, Store(tmp_path / "results"), tmp_path)
    begin = pool._pool.submit

    def interrupted(*arguments: Any) -> None:
        begin(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(pool._pool, "submit", interrupted)
    python = Interpreter("python", "3.11.7", "cpython", "linux", ())
    task = Task(
        Probe(name="eggs", package="spam"),
        Release(Version("1.0"), ()),
        Conditions(python),
        Uv("", tmp_path),
        tmp_path,
        tmp_path,
        tmp_path,
    )
    with pytest.raises(KeyboardInterrupt), pool.measuring(task) as start:
        start(task)
    pool.close()
    assert ended == [True]
