"""One probe in one environment: what is kept of a run, and what is left of it afterwards."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from e2e.projects import BROKEN, release
from local_index import LocalIndex
from packaging.version import Version
from wheels import Built, wheel

from bisector.environment.installers.choice import chosen
from bisector.environment.installers.uv import Uv
from bisector.environment.interpreter import find
from bisector.environment.pool import Installations
from bisector.environment.task import Task, requirements_of
from bisector.inputs import command, probe
from bisector.measure import measure as measuring
from bisector.measure.measure import measure
from bisector.model import Conditions, File, Outcome, Probe, Reason, Release
from bisector.run.process import StartError
from bisector.run.sandbox import Guard, Mode


@pytest.fixture
def task(tmp_path: Path, index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> Task:
    """A task for a probe that reports, about a release that is good."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "config"))
    built = release("spam", "1.0", "BROKEN = False")
    index.add(built)
    (tmp_path / "work").mkdir()
    (tmp_path / "broken.py").write_text(BROKEN)
    return Task(
        probe=probe.read(tmp_path / "broken.py"),
        release=listed(built),
        conditions=Conditions(find(), timeout_s=60.0),
        installer=Uv(index.url, tmp_path / "work"),
        folder=tmp_path / "work",
        cwd=tmp_path,
        cache=tmp_path / "cache",
    )


def listed(built: Built) -> Release:
    return Release(Version(built.version), (File(built.filename, "", sha256=built.sha256),))


def at_once(work: Callable[..., object], *arguments: object) -> None:
    """Do what nobody waits for."""
    work(*arguments)


def running(task: Task, source: str, mode: Mode = "auto") -> Task:
    """The same for a command that runs Python source."""
    probe = command.from_command(["python", "-c", source], "spam")
    return replace(task, probe=probe, guard=Guard(mode))


def left(task: Task) -> list[str]:
    """What is left of runs; what is known of the caller's folder is for the whole search."""
    return sorted(p.name for p in task.folder.iterdir() if not p.name.startswith("named-"))


def test_a_run_is_kept_with_its_evidence(task: Task) -> None:
    measured = measure(task)
    assert (measured.version, measured.outcome) == (Version("1.0"), Outcome.GOOD)
    assert [(d.name, d.version) for d in measured.installed] == [("spam", "1.0")]
    assert measured.installed[0].sha256 == task.release.files[0].sha256
    assert measured.exit_status == 0
    assert measured.command == ("python", "broken.py")
    assert measured.main_process is not None
    assert not measured.main_process.sampled
    assert measured.started.endswith("Z")
    assert left(task) == []


def test_it_is_made_of_values_that_any_executor_can_carry(task: Task) -> None:
    """A task goes to another process and a measurement comes back."""
    assert pickle.loads(pickle.dumps(task)) == task
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        measured = pool.submit(measure, task).result()
    assert measured.outcome is Outcome.GOOD


def test_a_run_has_the_environment_of_an_earlier_one_or_a_new_one(task: Task) -> None:
    """That of an earlier one only where everything in it is as it was."""
    installations = Installations(task.folder, 0, at_once)

    def prefix(code: str) -> str:
        source = f"import pathlib, spam; file = pathlib.Path(spam.__file__); spam.BROKEN; {code}"
        measured = measure(
            replace(running(task, source, "off"), cwd=Path("/")), lent=installations.lent
        )
        assert measured.outcome is Outcome.GOOD, measured.output_tail
        alike = replace(task, guard=Guard("off"))
        with installations.lent(alike) as made:  # as the next run would
            return str(made.environment.prefix)

    first = prefix("")
    assert prefix("") == first
    second = prefix("file.unlink(); file.touch()")
    third = prefix("file.with_name('ham.py').touch()")
    assert len({first, second, third}) == 3
    assert prefix("") == third
    installations.close()


def test_several_at_once_do_not_get_in_each_others_way(task: Task) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(measure, [task] * 4))
    assert {measured.outcome for measured in done} == {Outcome.GOOD}
    assert left(task) == []


def test_what_is_cancelled_decided_nothing_and_leaves_nothing(task: Task, tmp_path: Path) -> None:
    cancelled = threading.Event()
    there = tmp_path / "there"
    source = f"import pathlib, time; pathlib.Path({str(there)!r}).touch(); time.sleep(600)"
    with ThreadPoolExecutor(1) as pool:
        measuring = pool.submit(measure, running(task, source, "off"), cancelled)
        while not there.exists() and not measuring.done():
            time.sleep(0.01)
        cancelled.set()
        measured = measuring.result()
    assert (measured.outcome, measured.reason) == (Outcome.UNTESTABLE, Reason.ENVIRONMENT)
    assert measured.detail == "it was stopped"
    assert left(task) == []


def test_what_only_knows_the_environment_is_stopped_with_the_run(
    task: Task, tmp_path: Path
) -> None:
    """It would outlive the run, in a session of its own, and write into what others are lent."""
    installations = Installations(task.folder, 0, at_once)
    number = tmp_path / "pid"
    source = f"""
import os, pathlib, time
if os.fork():
    time.sleep(0.2)
elif os.fork():
    os._exit(0)
else:
    os.setsid()
    os.chdir("/")
    wait = "import os, pathlib, time; pathlib.Path({str(number)!r}).write_text(str(os.getpid()))"
    path = {{"PATH": os.environ["PATH"]}}
    os.execve("/usr/bin/env", ["env", "python", "-c", wait + "; time.sleep(600)"], path)
"""
    measure(running(task, source, "off"), lent=installations.lent)
    with suppress(psutil.NoSuchProcess):
        assert psutil.Process(int(number.read_text())).status() == psutil.STATUS_ZOMBIE
    installations.close()


def test_folders_of_this_machine_are_not_in_what_is_kept(task: Task, tmp_path: Path) -> None:
    """They mean nothing elsewhere, and differ from run to run."""
    source = "import os, spam, sys; print(spam.__file__, os.getcwd(), os.environ['HOME']); 1 / 0"
    measured = measure(running(task, source))
    assert measured.outcome is Outcome.BAD
    assert str(tmp_path) not in repr(measured)
    assert measured.output_tail.startswith("{env}/lib")
    assert "/spam.py {cwd} {run}/home" in measured.output_tail
    assert measured.signature is not None
    assert measured.signature.exception == "ZeroDivisionError"


def test_nor_are_they_in_the_message_of_a_failure(task: Task) -> None:
    """Python names the file that it didn't find something in."""
    measured = measure(running(task, "from collections import Mapping"))
    assert measured.signature is not None
    assert "{python}/lib/" in measured.signature.message
    assert sys.base_prefix not in repr(measured)


def test_where_a_failure_lies_in_the_package_is_its_signature(
    task: Task, index: LocalIndex
) -> None:
    built = release("spam", "1.1", "def fry():\n    raise ValueError('burnt')")
    index.add(built)
    measured = measure(replace(running(task, "import spam; spam.fry()"), release=listed(built)))
    assert (measured.outcome, measured.detail) == (Outcome.BAD, "ValueError: burnt")
    assert measured.signature is not None
    assert measured.signature.frame == "spam.py:fry"


def test_an_environment_is_kept_where_that_is_asked_for(task: Task) -> None:
    measure(replace(task, keep=True))
    (kept,) = task.folder.glob("1.0-*")
    assert (kept / "env" / "pyvenv.cfg").is_file()


def test_a_command_that_is_not_there_is_no_release_s_fault(task: Task) -> None:
    missing = replace(task, probe=command.from_command(["no-such-command"], "spam"))
    with pytest.raises(StartError, match="no-such-command could not be started"):
        measure(missing)
    assert left(task) == []


@pytest.mark.parametrize("broken", [False, True])
def test_on_a_full_disk_nothing_is_decided_whatever_it_came_out_at(
    task: Task, index: LocalIndex, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    """What is good must not be kept where what is bad is dropped."""
    built = release("spam", "1.1", f"BROKEN = {broken}")
    index.add(built)
    asked = replace(task, release=listed(built))
    assert measure(asked).outcome is (Outcome.BAD if broken else Outcome.GOOD)
    monkeypatch.setattr(measuring, "LEAST_FREE_BYTES", 1 << 62)  # more than any disk has
    measured = measure(asked)
    assert (measured.reason, measured.detail) == (Reason.ENVIRONMENT, "the disk is full")


def test_a_release_that_stands_in_the_interpreter_s_place_is_to_blame_itself(
    task: Task, index: LocalIndex
) -> None:
    """pip installs a script named python over the environment's own."""
    script = "#!python\nprint('mine')\n"
    built = wheel("spam", "1.1", {"spam.py": "", "spam-1.1.data/scripts/python": script})
    index.add(built)
    installer = chosen("pip")(index.url, task.folder)
    measured = measure(replace(task, release=listed(built), installer=installer))
    assert measured.reason is Reason.INSTALL_FAILED
    assert measured.detail == "it brings a script named python, which is the interpreter"


def test_what_fails_once_is_tried_again(
    task: Task, index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    index.fail(503)
    assert measure(task).outcome is Outcome.GOOD


def test_what_fails_each_time_decides_nothing(
    task: Task, index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    index.fail(503, times=100)
    measured = measure(task)
    assert (measured.outcome, measured.reason) == (Outcome.UNTESTABLE, Reason.ENVIRONMENT)
    assert measured.detail.startswith("the installer can't use the index: ")
    assert left(task) == []


def test_what_is_installed_is_the_release_with_its_extras_and_what_is_beside() -> None:
    wanted = Probe("eggs", "spam-eggs", dependencies=("Spam.Eggs[fried]>=1", "ham"))
    conditions = Conditions(find(), requirements=("spam_eggs[boiled]", "toast<2"))
    found = requirements_of(wanted, conditions, Release(Version("1.5"), ()))
    assert found == ["spam-eggs[boiled,fried]==1.5", "ham", "toast<2"]
