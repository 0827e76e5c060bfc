"""Unmodified scripts, in a real environment that has the harness, by the real ``run``."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import virtualenv

import bisector
from bisector.model import ProcessPeak
from bisector.run.memory import peaks
from bisector.run.process import Completed, Ended, Limits, run, scrubbed_environ
from bisector.run.records import Frame, Uncaught, crash_frames, install, uncaught

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1024 * 1024
HARNESS = Path(bisector.__file__).with_name("run") / "harness.py"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="exact where there is VmHWM")


@dataclass(frozen=True)
class Measured:
    completed: Completed
    records: Path

    @property
    def peaks(self) -> tuple[ProcessPeak, ...]:
        return peaks(self.records, self.completed.pid, self.completed.sampled_peaks)

    @property
    def main(self) -> ProcessPeak:
        return next(peak for peak in self.peaks if peak.main)

    @property
    def children(self) -> list[ProcessPeak]:
        return [peak for peak in self.peaks if not peak.main]

    @property
    def uncaught(self) -> Uncaught | None:
        return uncaught(self.records, self.completed.pid)


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the harness."""
    folder = tmp_path_factory.mktemp("environment")
    command = [str(folder), "--no-seed", "--python", sys.executable]
    session = virtualenv.session_via_cli(command, setup_logging=False)
    session.run()
    install(Path(str(session.creator.purelib)))
    return Path(str(session.creator.exe))


@pytest.fixture
def measure(interpreter: Path, tmp_path: Path) -> Callable[..., Measured]:
    def measure_script(code: str, *, timeout_s: float = 60, recorded: bool = True) -> Measured:
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(code), encoding="utf-8")
        records = tmp_path / "records"
        records.mkdir(exist_ok=True)
        extra = {"BISECTOR_RECORDS": str(records)} if recorded else {}
        completed = run(
            [str(interpreter), str(script)],
            environ=scrubbed_environ(tmp_path, tmp_path, [interpreter.parent], extra),
            cwd=tmp_path,
            marks=[tmp_path],
            limits=Limits(timeout_s),
        )
        return Measured(completed, records)

    return measure_script


def test_it_is_written_in_old_syntax() -> None:
    ast.parse(HARNESS.read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("minor", range(6, 16))
def test_it_works_on_every_interpreter_there_is(minor: int, tmp_path: Path) -> None:
    asked = subprocess.run(
        [shutil.which(f"python3.{minor}") or "false", "-c", "import sys; print(sys.executable)"],
        capture_output=True,
        text=True,
    )
    if asked.returncode != 0:
        pytest.skip("no such interpreter")
    executable = asked.stdout.strip()
    shutil.copy(HARNESS, tmp_path / "_bisector_harness.py")
    environ = {"PYTHONPATH": str(tmp_path), "BISECTOR_RECORDS": str(tmp_path)}
    code = "import _bisector_harness; {}['gone']"
    completed = run([executable, "-c", code], environ=environ, limits=Limits(60))
    measured = Measured(completed, tmp_path)
    assert measured.main.sampled == (sys.platform != "linux")
    assert measured.uncaught == Uncaught("KeyError", "'gone'", (Frame("<string>", 1, "<module>"),))
    code = "import _bisector_harness, os; os.abort()"
    completed = run([executable, "-c", code], environ=environ, limits=Limits(60))
    assert crash_frames(tmp_path, completed.pid) == (Frame("<string>", 1, "<module>"),)


@linux_only
def test_spike_of_ten_milliseconds_is_seen(measure: Callable[..., Measured]) -> None:
    measured = measure("import time; held = bytearray(200 << 20); time.sleep(0.01); del held")
    assert not measured.main.sampled
    assert 200 * MIB < measured.main.peak_memory_bytes < 230 * MIB
    assert measured.main.command.endswith("script.py")


@linux_only
def test_process_that_hardly_lives_is_exact(measure: Callable[..., Measured]) -> None:
    measured = measure("import os; os.wait() if os.fork() else (bytearray(50 << 20), os._exit(0))")
    (child,) = measured.children
    assert not child.sampled
    assert 50 * MIB < child.peak_memory_bytes < 80 * MIB


@linux_only
def test_peak_is_its_own_whatever_the_driver_holds(interpreter: Path, tmp_path: Path) -> None:
    driver = """
        import sys
        from pathlib import Path
        from bisector.run.process import Limits, run
        from bisector.run.memory import peaks
        held = bytearray(int(sys.argv[1]) << 20)
        folder = Path(sys.argv[3])
        environ = {"BISECTOR_RECORDS": str(folder)}
        command = [sys.argv[2], "-c", "held = bytearray(20 << 20)"]
        completed = run(command, environ=environ, limits=Limits(60), marks=[folder])
        (peak,) = peaks(folder, completed.pid, completed.sampled_peaks)
        print(peak.peak_memory_bytes, peak.sampled)
    """

    def peak_bytes(held_mib: int) -> int:
        folder = tmp_path / str(held_mib)
        folder.mkdir()
        printed = subprocess.check_output(
            [sys.executable, "-c", textwrap.dedent(driver), str(held_mib), interpreter, folder],
            env={**os.environ, "PYTHONPATH": str(HARNESS.parents[1])},
            text=True,
        )
        assert printed.split()[1] == "False"
        return int(printed.split()[0])

    peak_bytes(1)  # the first one compiles the harness
    assert peak_bytes(1024) == pytest.approx(peak_bytes(10), rel=0.05)


@linux_only
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_are_seen(
    method: str, measure: Callable[..., Measured]
) -> None:
    code = f"""
        import multiprocessing
        def work():
            bytearray(100 << 20)
        if __name__ == "__main__":
            child = multiprocessing.get_context("{method}").Process(target=work)
            child.start()
            child.join()
    """
    measured = measure(code)
    assert measured.main.peak_memory_bytes < 60 * MIB
    (worker,) = [child for child in measured.children if child.peak_memory_bytes > 100 * MIB]
    assert not worker.sampled


@linux_only
def test_children_of_subprocess_are_seen(measure: Callable[..., Measured]) -> None:
    """The child's own size, though it starts as a copy of a parent that is larger."""
    code = """
        import subprocess, sys
        held = bytearray(200 << 20)
        for options in ({}, {"preexec_fn": int}):
            subprocess.run([sys.executable, "-c", "bytearray(50 << 20)"], **options)
    """
    measured = measure(code)
    assert len(measured.children) == 2
    for child in measured.children:
        assert not child.sampled
        assert 50 * MIB < child.peak_memory_bytes < 90 * MIB
        assert child.command.endswith("-c 'bytearray(50 << 20)'")


@linux_only
def test_memory_used_before_another_program_took_over_counts(
    measure: Callable[..., Measured],
) -> None:
    code = """
        import os, sys
        held = bytearray(100 << 20)
        os.execlp("python", "python", "-c", "pass")
    """
    measured = measure(code)
    assert [peak.main for peak in measured.peaks] == [True]
    assert measured.main.peak_memory_bytes > 100 * MIB


@linux_only
def test_other_exit_handlers_are_measured_too(measure: Callable[..., Measured]) -> None:
    measured = measure("import atexit; atexit.register(bytearray, 100 << 20)")
    assert measured.main.peak_memory_bytes > 100 * MIB


@linux_only
def test_process_that_is_killed_is_sampled(measure: Callable[..., Measured]) -> None:
    measured = measure("import time; held = bytearray(100 << 20); time.sleep(600)", timeout_s=1)
    assert measured.completed.ended is Ended.TIMEOUT
    assert measured.main.sampled
    assert 100 * MIB < measured.main.peak_memory_bytes < 130 * MIB


@linux_only
def test_script_without_descriptors_left_is_exact(measure: Callable[..., Measured]) -> None:
    code = """
        import os
        held = []
        while True: held.append(os.open("/", os.O_RDONLY))
    """
    measured = measure(code)
    assert not measured.main.sampled
    assert measured.uncaught is not None
    assert (measured.uncaught.exception, measured.uncaught.errno) == ("OSError", 24)


def test_uncaught_exception_is_told_with_its_frames(
    measure: Callable[..., Measured], tmp_path: Path
) -> None:
    code = """
        import json
        class Broken(json.JSONDecodeError): pass
        def fail():
            raise Broken("ünïcode \\U0001f600 \\udc80", "", 0)
        fail()
    """
    script = str(tmp_path / "script.py")
    assert measure(code).uncaught == Uncaught(
        exception="__main__.Broken",
        message="ünïcode \U0001f600 ?: line 1 column 1 (char 0)",
        frames=(Frame(script, 6, "<module>"), Frame(script, 5, "fail")),
    )


def test_missing_module_is_told_by_name(measure: Callable[..., Measured]) -> None:
    found = measure("import spam.eggs").uncaught
    assert found is not None
    assert (found.exception, found.name) == ("ModuleNotFoundError", "spam")


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit('on purpose')",
        "import os\ntry: 1 / 0\nfinally: os._exit(1)",
        # As a test runner does with a failure that it reports itself.
        """if True:
            import json, sys
            try:
                json.loads("?")
            except ValueError as error:
                sys.last_value, sys.last_traceback = error, error.__traceback__.tb_next
        """,
    ],
)
def test_what_was_not_uncaught_is_not_told(code: str, measure: Callable[..., Measured]) -> None:
    measured = measure(code)
    assert len(measured.peaks) == 1
    assert measured.uncaught is None


def test_frames_of_a_crash_are_told(measure: Callable[..., Measured], tmp_path: Path) -> None:
    code = """
        import os, signal, threading
        def crash():
            os.kill(os.getpid(), signal.SIGSEGV)
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        crash()
    """
    measured = measure(code)
    script = str(tmp_path / "script.py")
    assert measured.completed.signal == "SIGSEGV"
    assert crash_frames(measured.records, measured.completed.pid) == (
        Frame(script, 6, "<module>"),
        Frame(script, 4, "crash"),
    )


@pytest.mark.parametrize(
    "code",
    [
        "import sys; print(sys.excepthook is sys.__excepthook__, sys.path, sys.argv)",
        "1 / 0",
        "import sys; sys.exit('text')",
        "import os; os.abort()",
        "import os; os._exit(7)",
        "import sys; sys.excepthook = lambda *_: print('mine'); 1 / 0",
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
        "import os; os.environ.clear(); os.chdir('/'); os.closerange(3, 1024); print(1)",
        "import faulthandler, os; faulthandler.enable(); os.abort()",
        "import shutil, os; shutil.rmtree('records', ignore_errors=True)",
    ],
)
def test_script_prints_and_ends_as_without_it(code: str, measure: Callable[..., Measured]) -> None:
    bare, measured = measure(code, recorded=False).completed, measure(code).completed
    addresses = b"0x"
    assert bare.output.partition(addresses)[0] == measured.output.partition(addresses)[0]
    assert (bare.exit_status, bare.signal) == (measured.exit_status, measured.signal)


@linux_only
def test_script_finds_one_descriptor_more_from_start_to_end(
    measure: Callable[..., Measured],
) -> None:
    code = "import os; print(*sorted(map(int, os.listdir('/proc/self/fd'))))"
    # The 3 is that of the folder as it is listed.
    assert measure(code, recorded=False).completed.output == b"0 1 2 3\n"
    assert measure(code).completed.output == b"0 1 2 3 250\n"


def test_whatever_is_not_a_record_is_passed_over(
    measure: Callable[..., Measured], tmp_path: Path
) -> None:
    good = """{"pid": %s, "argv": %s, "peak_memory_bytes": %s, "exact": %s, "ended_by": "exit",
               "exception": {"type": 1, "message": [], "errno": "", "name": 2, "frames": %s}}"""
    contents = [
        "", "{", "[]", "null", "{}", "[" * 100_000, "1" * 10_000, "\0\xff", "NaN",
        good % ("true", "[]", "1", "true", "[]"),
        good % ("1", "[1]", "1", "true", "[]"),
        good % ("1", '"a"', "1", "true", "[]"),
        good % ("1", "[]", "-1", "true", "[]"),
        good % ("1", "[]", "1e999", "true", "[]"),
        good % ("1", "[]", "1" * 30, "true", "[]"),
        good % ("1", "[]", "1", "1", "[]"),
        good % ("%PID%", "[]", "1", "true", "[[1, 2]]"),
        good % ("%PID%", "[]", "1", "true", '[["a", 1e999, "b"]]'),
        good % ("%PID%", "[]", "1", "true", '"text"'),
        '{"padding": "' + "x" * 3 * MIB + '"}',
    ]  # fmt: skip
    measured = measure("import time; time.sleep(0.3)")  # long enough to be seen from outside
    expected = measured.peaks
    for number, content in enumerate(contents):
        text = content.replace("%PID%", str(measured.completed.pid))
        (measured.records / f"{number}.json").write_text(text, encoding="latin-1")
    os.mkfifo(measured.records / "fifo.json")
    (measured.records / "folder.json").mkdir()
    (measured.records / "zero.json").symlink_to("/dev/zero")
    (measured.records / "1.fault").write_text('Fatal Python error: \n  File "", line 99999 in \n')
    assert measured.peaks == expected
    assert measured.uncaught is None
    assert crash_frames(measured.records, 1) == (Frame("", 99999, ""),)
    done = measured.completed
    assert peaks(tmp_path / "missing", done.pid, done.sampled_peaks) != ()
