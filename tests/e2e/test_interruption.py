"""The driver is killed, stopped or interrupted: what was measured counts, and nothing is left."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
from e2e.command import HANG_S, Command, changes, outcomes
from e2e.projects import BROKEN, plain, release
from local_index import LocalIndex

SLOW = BROKEN.replace("import json, os, spam", "import json, os, spam, time; time.sleep(0.05)")
GATED = """\
import pathlib, time, spam
if not spam.BROKEN and not pathlib.Path("open").exists():
    pathlib.Path("waiting").touch()
    time.sleep(600)
assert not spam.BROKEN
"""
"""A plain script that hangs where spam is good, until a file named ``open`` is there."""


def wait_for(something: Callable[[], object], running: subprocess.Popen[str]) -> None:
    """Return once ``something`` is true; fail where the command ends before."""
    deadline = time.monotonic() + HANG_S
    while not something():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def stop(running: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str, str]:
    running.send_signal(number)
    output, errors = running.communicate(timeout=HANG_S)
    return running.returncode, output, errors


def test_killed_at_twenty_random_moments_it_gives_the_same_answer(
    bisect: Command, index: LocalIndex
) -> None:
    """No completed measurement is lost or repeated; nothing is left after the next run."""
    index.add(plain("spam", "g" * 14 + "b" * 12 + "g" * 14))
    words = ("--probe", bisect.write("slow.py", SLOW), "--exhaustive", "--assure", "0")
    began = time.monotonic()
    bisect(*words, "--jobs", "2", "--max-probes", "6", "--results", "elsewhere")
    whole_s = time.monotonic() - began
    moments = random.Random(2)
    stored: set[str] = set()
    left: list[str] = []
    for _ in range(20):
        running = bisect.start(*words, "--jobs", "2")
        with suppress(subprocess.TimeoutExpired):
            running.wait(moments.uniform(0.1, 1.0) * whole_s)
        running.kill()
        running.communicate(timeout=HANG_S)
        left += bisect.left_folders()
        found = {json.dumps(run, sort_keys=True) for run in bisect.stored()}
        assert stored <= found
        stored = found
    assert left, "no kill hit a measurement, so that nothing is shown"
    assert stored, "no measurement was completed, so that nothing is shown"

    finding = bisect.json(*words, "--jobs", "2")
    assert changes(finding) == [("introduced", "1.13", "1.14"), ("fixed", "1.25", "1.26")]
    sides = {"1.13", "1.14", "1.25", "1.26"}
    runs = Counter(m["version"] for m in finding["measurements"])
    assert runs.keys() == {f"1.{n}" for n in range(40)}
    assert all(2 <= number <= 5 if side in sides else number == 1 for side, number in runs.items())
    assert sum(m["cached"] for m in finding["measurements"]) == len(stored)
    assert bisect.left_folders() == []
    assert bisect.left_processes() == []


STARTING = """
import sys
class Interrupted:
    def find_spec(self, name, *_):
        if name == "bisector.inputs.options":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from bisector.__main__ import main
sys.exit(main())
"""


def test_interrupted_while_it_starts_it_says_so() -> None:
    done = subprocess.run([sys.executable, "-c", STARTING], capture_output=True, text=True)
    hint = "hint: what was measured is kept: the same command goes on from there\n"
    assert (done.returncode, done.stderr) == (130, f"error: interrupted\n{hint}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_exits_with_130_and_goes_on_from_what_is_stored(
    bisect: Command, index: LocalIndex, number: signal.Signals
) -> None:
    index.add(plain("spam", "ggbb"))
    script = ("--package", "spam", "--assure", "0", "--jobs", "1", "--sandbox", "off")
    command = ("--", "python", bisect.write("gated.py", GATED))
    running = bisect.start(*script, *command)
    wait_for((bisect.folder / "waiting").exists, running)
    status, output, errors = stop(running, number)
    assert status == 130
    assert "The search was interrupted before it was settled." in " ".join(output.split())
    assert "Traceback" not in errors
    assert bisect.left_folders() == []
    assert bisect.left_processes() == []

    (bisect.folder / "open").touch()
    finding = bisect.json(*script, *command)
    assert changes(finding) == [("introduced", "1.1", "1.2")]
    assert outcomes(finding) == {"1.0": "good", "1.1": "good", "1.2": "bad", "1.3": "bad"}
    assert [m["version"] for m in finding["measurements"] if m["cached"]] == ["1.3"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_installer_that_hangs_is_stopped_too(
    bisect: Command, index: LocalIndex, number: signal.Signals
) -> None:
    """At once where the driver can tell it to; by the next run where it couldn't."""
    index.add(plain("spam", "gb"))
    words = ("--probe", bisect.write("broken.py", BROKEN), "--assure", "0")
    bisect("releases", "spam")
    asked = len(index.requests)
    index.delay_s = 600
    running = bisect.start(*words)
    wait_for(lambda: len(index.requests) > asked, running)
    began = time.monotonic()
    status, _, _ = stop(running, number)
    assert time.monotonic() - began < 20, "it waited for the installer"
    assert status == {signal.SIGINT: 130, signal.SIGKILL: -9}[number]
    if number is signal.SIGINT:
        assert bisect.left_processes() == []
        assert bisect.left_folders() == []

    index.delay_s = 0
    assert changes(bisect.json(*words)) == [("introduced", "1.0", "1.1")]
    assert bisect.left_processes() == []
    assert bisect.left_folders() == []


def test_interrupted_while_it_assures_it_has_its_answer(bisect: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "g" * 15 + "b" * 15))
    running = bisect.start("--probe", bisect.write("slow.py", SLOW), "--assure", "600")
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("settled: "):
            break
    status, output, _ = stop(running, signal.SIGINT)
    assert status == 0
    assert "spam went bad in 1.15; 1.14 is the last good release before it." in output
    assert "before it was settled" not in output


def test_two_at_once_share_a_store_and_leave_each_other_alone(
    bisect: Command, index: LocalIndex
) -> None:
    """Neither sweeps what the other works in; both write, and both answers are whole."""
    index.add(plain("spam", "g" * 8 + "b" * 8))
    words = ("--probe", bisect.write("slow.py", SLOW), "--exhaustive", "--assure", "0")
    both = [bisect.start(*words, "--format", "json", "--jobs", "2") for _ in range(2)]
    for running in both:
        output, errors = running.communicate(timeout=HANG_S)
        assert running.returncode == 0, errors
        assert '"first_bad": "1.8"' in output
    finding = bisect.json(*words)
    assert changes(finding) == [("introduced", "1.7", "1.8")]
    assert all(m["cached"] for m in finding["measurements"])
    assert bisect.left_folders() == []


def test_a_folder_that_lost_its_owner_is_swept_and_one_in_use_is_not(
    bisect: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "ggbb"))
    command = ("--package", "spam", "--assure", "0", "--sandbox", "off", "--", "python")
    running = bisect.start(*command, bisect.write("gated.py", GATED))
    wait_for((bisect.folder / "waiting").exists, running)
    used = bisect.left_folders()
    assert bisect("--probe", bisect.write("broken.py", BROKEN), "--assure", "0").status == 0
    assert bisect.left_folders() == used
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate(timeout=HANG_S)
    assert bisect("--probe", "broken.py", "--assure", "0").status == 0
    assert bisect.left_folders() == []
    assert bisect.left_processes() == []


def test_interrupted_while_it_tells_whose_fault_it_is_it_keeps_nothing_coarse(
    bisect: Command, index: LocalIndex
) -> None:
    """The transition is known, its cause is not: the same command goes on and tells it."""
    for number in range(3):
        source = f"import ham\nBROKEN = {number < 2} and ham.V > 3"
        built = release("spam", f"1.{number}", source, day=number, dependencies=["ham"])
        index.add(built)
    index.add(release("ham", f"{n}.0", f"V = {n}", day=2 * n - 2) for n in range(1, 8))
    bisect.write("check.py", "import time, spam\ntime.sleep(0.3)\nassert not spam.BROKEN\n")
    words = ("--package", "spam", "--assure", "0", "--jobs", "1", "--", "python", "check.py")
    running = bisect.start(*words)
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("which release of ham"):
            break
    status, output, _ = stop(running, signal.SIGINT)
    assert status == 130
    assert "It was interrupted before it was known whose fault that is." in " ".join(output.split())
    assert "ham" not in output.partition("release  ")[0]
    answer = bisect(*words).answer
    assert answer == (
        "spam was fixed in 1.2; 1.1 is the last bad release before it. "
        "spam 1.1 is bad only with ham ≥ 4.0; spam 1.2 works with it: ham broke it, spam fixed it."
    )
