"""A Dask scheduler and workers, each a process with a home and caches of its own, on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from e2e.command import HANG_S, Command


@dataclass
class Cluster:
    """A running scheduler, to which workers are added; ``folder`` holds a folder for each."""

    folder: Path
    address: str = ""
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def options(self) -> tuple[str, ...]:
        """What the command is told of the cluster."""
        return ("--executor", "dask", "--scheduler", self.address)

    @property
    def scheduler(self) -> subprocess.Popen[bytes]:
        return self._started[0]

    def add(
        self, *names: str, nanny: bool = False, threads: int = 1, **environ: str
    ) -> list[subprocess.Popen[bytes]]:
        """Start one worker per name; return them once they are registered."""
        kind = "--nanny" if nanny else "--no-nanny"
        options = [self.address, kind, "--nthreads", str(threads), "--nworkers", "1"]
        added = [self._start("worker", name, *options, environ=environ) for name in names]
        for name in names:
            self._wait_for(lambda: "Registered to" in self.log(name))  # noqa: B023  # at once
        return added

    def log(self, name: str) -> str:
        """What a worker, or the scheduler, has logged."""
        return (self.folder / name / "log").read_text(encoding="utf-8")

    def runs(self) -> list[str]:
        """The folders of measurements that are still there, and the probes that still run."""
        caches = self.folder.glob("*/cache/bisector")
        found = [str(path) for cache in caches for path in (cache / "work").glob("run-*")]
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                result = process.environ().get("BISECTOR_RESULT", "")
                if result.startswith(str(self.folder)):
                    found.append(result)
        return found

    def _start(
        self, kind: str, name: str, *options: str, environ: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        folder = self.folder / name
        folder.mkdir(parents=True)
        module = f"distributed.cli.dask_{kind}"
        command = [sys.executable, "-m", module, "--host", "127.0.0.1", "--no-dashboard", *options]
        surroundings = Command(folder, "").surroundings(
            # In a virtual environment's own folder, pyenv has nothing.
            {"PYENV_ROOT": str(folder), "DASK_TEMPORARY_DIRECTORY": str(folder), **environ}
        )
        with (folder / "log").open("wb") as log:
            started = subprocess.Popen(
                command, cwd=folder, env=surroundings, stdout=log, stderr=log
            )
        self._started.append(started)
        return started

    def _open(self, **environ: str) -> None:
        file = self.folder / "scheduler.json"
        options = ["--port", "0", "--scheduler-file", str(file)]
        self._start("scheduler", "scheduler", *options, environ=environ)

        def told() -> bool:
            with suppress(OSError, ValueError, KeyError):
                self.address = json.loads(file.read_text(encoding="utf-8"))["address"]
            return bool(self.address)

        self._wait_for(told)

    def _wait_for(self, something: Callable[[], bool]) -> None:
        deadline = time.monotonic() + HANG_S
        while not something():
            assert all(one.poll() is None for one in self._started), "one of them ended"
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.02)

    def _close(self) -> None:
        for one in self._started:
            with suppress(psutil.Error):
                # A nanny's worker is its child, and outlives a nanny that is killed.
                for process in [*psutil.Process(one.pid).children(recursive=True)]:
                    process.kill()
            one.kill()
            one.wait()


@contextmanager
def running(folder: Path, **environ: str) -> Iterator[Cluster]:
    """Give a cluster without workers, in ``folder``; all of it is gone afterwards."""
    cluster = Cluster(folder)
    try:
        cluster._open(**environ)
        yield cluster
    finally:
        cluster._close()
