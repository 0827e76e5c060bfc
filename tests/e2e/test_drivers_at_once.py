"""Drivers on one results folder: they share what is measured, and lose nothing that is stored."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from e2e.command import HANG_S, Command, changes, outcomes, stored
from e2e.projects import BROKEN, plain
from local_index import LocalIndex

RUNNING = """
# /// script
# dependencies = ["spam"]
# [tool.bisector]
# package = "spam"
# ///
import json, os, pathlib, time, spam
from importlib.metadata import version
with open({log!r}, "a") as log:
    log.write(version("spam") + chr(10))
time.sleep(0.2)
bad = spam.BROKEN
print(json.dumps({{"bisector": 1, "outcome": "bad" if bad else "good"}}))
"""


@pytest.fixture
def bisect(bisect: Command) -> Command:
    """The command without a sandbox: what is run is seen by what it writes beside its folder."""
    return replace(bisect, sandbox="off")


def logged(ask: Command) -> tuple[str, Path]:
    """A probe that leaves a line for each time that it runs."""
    log = ask.folder / "log"
    log.touch()
    return ask.write("logged.py", RUNNING.format(log=str(log))), log


@pytest.mark.parametrize(
    ("drivers", "caches"), [(8, 1), (4, 2)], ids=["of one user", "of two users"]
)
def test_each_run_is_made_once_and_all_give_the_answer_of_one(
    bisect: Command, index: LocalIndex, tmp_path: Path, drivers: int, caches: int
) -> None:
    index.add(plain("spam", "g" * 4 + "b" * 3 + "g" * 3))
    probe, log = logged(bisect)
    words = ("--probe", probe, "--assure", "0", "--no-attribution", "--jobs", "1")
    alone = bisect.json(*words, "--results", "alone")
    once = Counter(log.read_text().split())
    log.write_text("")
    asking = [
        replace(bisect, environ={"UV_CACHE_DIR": str(tmp_path / f"cache{n % caches}/uv")})
        for n in range(drivers)
    ]
    running = [ask.start(*words, "--format", "json") for ask in asking]
    for driver in running:
        output, errors = driver.communicate(timeout=HANG_S)
        assert driver.returncode == 0, errors
        assert changes(json.loads(output)) == changes(alone)
        assert outcomes(json.loads(output)) == outcomes(alone)
    assert Counter(log.read_text().split()) == once
    assert Counter(run["version"] for run in bisect.stored()) == once
    again = bisect(*words)
    assert "warning" not in again.errors


def test_what_a_killed_driver_had_claimed_is_measured_by_the_others(
    bisect: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "ggggbbbb"))
    probe, log = logged(bisect)
    words = ("--probe", probe, "--assure", "0", "--no-attribution", "--jobs", "1")
    drivers = [bisect.start(*words, "--format", "json") for _ in range(3)]
    ends = time.monotonic() + HANG_S
    while len(log.read_text().split()) < 2:
        assert time.monotonic() < ends
        time.sleep(0.01)
    os.killpg(drivers[0].pid, signal.SIGKILL)
    drivers[0].communicate(timeout=HANG_S)
    for driver in drivers[1:]:
        output, errors = driver.communicate(timeout=HANG_S)
        assert driver.returncode == 0, errors
        assert changes(json.loads(output)) == [("introduced", "1.3", "1.4")]


WRITER = """
import sys
from pathlib import Path
from packaging.version import Version
from bisector.model import Conditions, Distribution, Interpreter, Measurement, Outcome, Probe
from bisector.store.runs import Store
root, cache, start = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
conditions = Conditions(Interpreter("python", "3.11.7", "cpython", "linux", ()))
store = Store(root, cache)
store.prepare()
print("began", flush=True)
for number in range(100_000):
    installed = (Distribution("spam", f"1.{number % 7}"), Distribution("ham", f"{number % 5}"))
    name = f"{start} {number}"
    run = Measurement(Version("1.0"), Outcome.GOOD, host=name, installed=installed,
                      output_tail="x" * (number * 97 % 3000))
    store.save(Probe("eggs", "spam", text="print()"), conditions, run)
    print(name, flush=True)
"""


@pytest.mark.parametrize("at_once", [1, 2])
def test_killed_as_it_writes_nothing_that_was_stored_is_lost(tmp_path: Path, at_once: int) -> None:
    """And nothing is left that can't be read. BISECTOR_KILLS asks for more than a few kills."""
    kills = int(os.environ.get("BISECTOR_KILLS", "12")) // at_once
    moments = random.Random(at_once)
    results, cache = tmp_path / "results", tmp_path / "cache"
    done: set[str] = set()
    for number in range(kills):
        writing = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(results), str(cache), f"{number}.{n}"],
                stdout=subprocess.PIPE,
                text=True,
            )
            for n in range(at_once)
        ]
        for one in writing:
            assert one.stdout is not None
            assert one.stdout.readline() == "began\n"
        time.sleep(moments.uniform(0, 0.1))
        for one in writing:
            one.kill()
            said = one.communicate(timeout=HANG_S)[0].split("\n")
            done.update(said[:-1])
        with suppress(ValueError):
            known = {str(run["host"]) for run in stored(results, "measurement")}
            assert done <= known
    store_says = subprocess.run(
        [sys.executable, "-c", READER, str(results), str(cache)],
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(store_says.stdout)
    assert done <= set(told["hosts"])
    assert len(told["hosts"]) == len(set(told["hosts"]))
    assert not told["elsewhere"]
    torn = [warning for warning in told["warnings"] if "is cut off" not in warning]
    assert torn == []
    assert len(told["warnings"]) <= 2  # of each file at most one
    assert done, "no kill came late enough to show anything"


READER = """
import json, sys
from pathlib import Path
from packaging.version import Version
from bisector.model import Conditions, Interpreter, Probe, Release
from bisector.store.runs import Store
conditions = Conditions(Interpreter("python", "3.11.7", "cpython", "linux", ()))
store = Store(Path(sys.argv[1]), Path(sys.argv[2]))
version = Version("1.0")
probe = Probe("eggs", "spam", text="print()")
runs = store.load(probe, conditions, {version: Release(version, ())}).get(version, [])
print(json.dumps({"hosts": [run.host for run in runs], "warnings": store.warnings,
                  "elsewhere": any(run.elsewhere for run in runs)}))
"""


def test_what_is_stored_is_used_where_nothing_can_be_written(
    bisect: Command, index: LocalIndex
) -> None:
    """By a search that has nothing to measure; one that has is told at once."""
    index.add(plain("spam", "ggbb"))
    bisect.write("broken.py", BROKEN)
    words = ("--probe", "broken.py", "--assure", "0", "--no-attribution")
    assert bisect(*words).status == 0
    read_only = [bisect.results, *bisect.results.rglob("*")]
    for path in read_only:
        path.chmod(0o555 if path.is_dir() else 0o444)
    as_user = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*as_user, *bisect.words(*more)],
            cwd=bisect.folder,
            env=bisect.surroundings({}),
            capture_output=True,
            text=True,
            timeout=HANG_S,
        )

    try:
        again = run(*words)
        assert again.returncode == 0, again.stderr
        assert "went bad in 1.2" in again.stdout
        for command in (("table", "--stored"), ("report", "--stored", "--format", "text")):
            assert run(*command).returncode == 0
        more = run(*words, "--refresh")
        assert more.returncode == 2
        assert "error: results can't be written to results: " in more.stderr
        assert more.stderr.splitlines()[-1] == "hint: choose another folder with --results DIR"
    finally:
        for path in read_only:
            path.chmod(0o755 if path.is_dir() else 0o644)
