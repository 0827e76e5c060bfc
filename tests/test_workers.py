"""Threads that measure: what was begun is stopped, however it is left."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from bisector import workers
from bisector.model import Conditions, Interpreter, Measurement, Outcome, Probe, Reason, Release
from bisector.store import Store
from bisector.task import Task
from bisector.uv import Uv
from bisector.workers import Threads


def test_interrupted_as_a_run_begins_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before what began it has even returned."""
    ended: list[bool] = []

    def measure(task: Task, stopped: threading.Event, *_: object) -> Measurement:
        ended.append(stopped.wait(10))
        return Measurement(task.release.version, Outcome.UNTESTABLE, Reason.ENVIRONMENT)

    monkeypatch.setattr(workers, "measure", measure)
    threads = Threads(1, Store(tmp_path / "results"), tmp_path)
    begin = threads._pool.submit

    def interrupted(*arguments: Any) -> None:
        begin(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(threads._pool, "submit", interrupted)
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
    with pytest.raises(KeyboardInterrupt), threads.measuring(task) as (start, _):
        start(task)
    threads.close()
    assert ended == [True]
