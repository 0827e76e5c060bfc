"""Real child processes only. Times are generous upper limits against a hang, never assertions."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

import bisector
from bisector.run.leftovers import stop_marked
from bisector.run.memory import look_in_proc, look_with_psutil
from bisector.run.process import (
    Completed,
    Ended,
    Limits,
    StartError,
    capture,
    installer_environ,
    run,
    scrubbed_environ,
)
from bisector.run.sandbox import Entrance
from bisector.run.supervised import Job, Supervised

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1024 * 1024
LIMITS = Limits(timeout_s=60)
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

DAEMON = """
    import os, subprocess, sys
    child = subprocess.Popen(
        [sys.executable, "-ISc", "import time; time.sleep(600)"], {arguments}
    )
    print(child.pid, flush=True)
"""
# Two forks, a session of its own, nothing in its environment, another directory: no trace left.
ESCAPED = """
    import os, sys, time
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.chdir("/")
            os.set_inheritable(writing, True)
            program = "import os, sys, time; os.write(int(sys.argv[1]), b'%d' % os.getpid()); "
            program += THEN
            command = [sys.executable, "-ISc", program, str(writing)]
            os.execve(sys.executable, command, {})
        os._exit(0)
    os.wait()
    print(os.read(reading, 20).decode(), flush=True)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-IS", "-c", textwrap.dedent(code)]


def run_python(code: str, folder: Path, limits: Limits = LIMITS, **options: Any) -> Completed:
    environ = scrubbed_environ(folder, folder, [])
    return run(python(code), environ=environ, cwd=folder, marks=[folder], limits=limits, **options)


def escaped(then: str) -> str:
    return textwrap.dedent(ESCAPED).replace("THEN", repr(then))


def drive(code: str, *arguments: object) -> str:
    """What a driver of its own prints: for what would change this process."""
    preamble = """
        import os, subprocess, sys, threading, time
        from pathlib import Path
        from bisector.run.process import *
        def run_python(code, folder, limits=Limits(timeout_s=60), **options):
            folder = Path(folder); folder.mkdir(exist_ok=True)
            command = [sys.executable, "-IS", "-c", code]
            environ = scrubbed_environ(folder, folder, [])
            return run(
                command, environ=environ, cwd=folder, marks=[folder], limits=limits, **options
            )
    """
    program = textwrap.dedent(preamble) + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(Path(bisector.__file__).parents[1])},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=60,
    ).stdout


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return met


@pytest.mark.parametrize("status", [0, 1, 125, 255])
def test_exit_status_is_told(status: int, tmp_path: Path) -> None:
    completed = run_python(f"raise SystemExit({status})", tmp_path)
    assert (completed.exit_status, completed.signal) == (status, None)
    assert completed.ended is Ended.EXITED


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGABRT", "SIGTERM"])
def test_death_by_its_own_signal_is_told(name: str, tmp_path: Path) -> None:
    completed = run_python(f"import os, signal; os.kill(os.getpid(), signal.{name})", tmp_path)
    assert (completed.exit_status, completed.signal) == (None, name)
    assert completed.ended is Ended.EXITED


def test_flood_is_read_in_bounded_memory_and_its_end_kept(tmp_path: Path) -> None:
    code = """
        import os
        for _ in range(200):
            for _ in range(16): os.write(1, bytes(65536))
        os.write(1, b"the end")
    """
    tracemalloc.start()
    completed = run_python(code, tmp_path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert completed.output_bytes == 200 * MIB + len(b"the end")
    assert completed.output.endswith(b"\0the end")
    assert len(completed.output) == LIMITS.kept_output_bytes
    assert peak_bytes < 8 * MIB


def test_listener_sees_all_of_the_output(tmp_path: Path) -> None:
    seen: list[int] = []
    completed = run_python(
        "print('x' * 999_999)",
        tmp_path,
        Limits(timeout_s=60, kept_output_bytes=10),
        on_output=lambda chunk: seen.append(len(chunk)),
    )
    assert sum(seen) == completed.output_bytes == 1_000_000
    assert completed.output == b"x" * 9 + b"\n"


def test_failing_listener_leaves_nothing_running(tmp_path: Path) -> None:
    pids: list[int] = []

    def fail(chunk: bytes) -> None:
        pids.append(int(chunk))
        raise LookupError

    with pytest.raises(LookupError):
        run_python(
            "import os, time; print(os.getpid(), flush=True); time.sleep(600)",
            tmp_path,
            on_output=fail,
        )
    assert not is_running(pids[0])


def test_output_and_errors_come_in_the_order_they_were_written(tmp_path: Path) -> None:
    code = "import os; [os.write(n % 2 + 1, b'%d ' % n) for n in range(6)]"
    assert run_python(code, tmp_path).output == b"0 1 2 3 4 5 "


def test_errors_apart_from_output_both_longer_than_a_pipe(tmp_path: Path) -> None:
    code = "import sys; sys.stderr.write('e' * 3_000_000); sys.stdout.write('o' * 5_000_000)"
    completed = capture(
        python(code), environ=scrubbed_environ(tmp_path, tmp_path, []), timeout_s=60
    )
    assert completed.output == b"o" * 5_000_000
    assert completed.errors == b"e" * 3_000_000


def test_standard_input_is_empty(tmp_path: Path) -> None:
    assert run_python("import sys; print(repr(sys.stdin.read()))", tmp_path).output == b"''\n"


def test_hang_is_ended_and_what_it_printed_is_kept(tmp_path: Path) -> None:
    code = "import time; print('so far'); time.sleep(600)"
    # Unbuffered by its environment, which isolated mode would ignore.
    command = [sys.executable, "-c", code]
    environ = scrubbed_environ(tmp_path, tmp_path, [])
    completed = run(command, environ=environ, limits=Limits(timeout_s=1), marks=[tmp_path])
    assert (completed.ended, completed.signal) == (Ended.TIMEOUT, "SIGTERM")
    assert completed.output == b"so far\n"
    assert completed.wall_s >= 1


def test_hang_may_clean_up_when_terminated(tmp_path: Path) -> None:
    code = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("cleaned up"))
        time.sleep(600)
    """
    completed = run_python(code, tmp_path, Limits(timeout_s=1))
    assert (completed.ended, completed.exit_status) == (Ended.TIMEOUT, 1)
    assert completed.output == b"cleaned up\n"


@pytest.mark.parametrize(
    "deaf",
    [
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
    ],
)
def test_hang_that_ignores_sigterm_is_killed(deaf: str, tmp_path: Path) -> None:
    completed = run_python(f"import os, signal, time; {deaf}", tmp_path, Limits(timeout_s=0.5))
    assert (completed.ended, completed.signal) == (Ended.TIMEOUT, "SIGKILL")


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "start_new_session=True, stdout=subprocess.DEVNULL",
        "start_new_session=True, cwd='/'",
        "start_new_session=True, env={}",
    ],
    ids=["same-session", "own-session", "other-folder", "empty-environment"],
)
def test_grandchild_left_behind_is_killed(arguments: str, tmp_path: Path) -> None:
    """Where it inherits standard output, that keeps the pipe open and must not be waited for."""
    folder = tmp_path / "with space, ünïcode"
    folder.mkdir()
    completed = run_python(DAEMON.format(arguments=arguments), folder)
    assert completed.exit_status == 0
    assert not is_running(int(completed.output))


def test_grandchild_in_a_session_of_its_own_is_stopped_at_timeout(tmp_path: Path) -> None:
    code = DAEMON.format(arguments="start_new_session=True, env={}, cwd='/'")
    code += "    import time; time.sleep(600)"
    completed = run_python(code, tmp_path, Limits(timeout_s=1))
    assert completed.ended is Ended.TIMEOUT
    assert not is_running(int(completed.output))


def test_grandchild_that_is_about_to_end_may(tmp_path: Path) -> None:
    code = """
        import os, time
        if os.fork() == 0:
            time.sleep(0.02)
            open("removed what was shared", "w").close()
    """
    run_python(code, tmp_path)
    assert (tmp_path / "removed what was shared").exists()


@linux_only
def test_grandchild_without_a_trace_is_handed_to_a_subreaper(tmp_path: Path) -> None:
    driver = """
        from bisector.run.tree import become_subreaper
        assert become_subreaper()
        bystander = subprocess.Popen(["sleep", "600"])
        completed = run_python(sys.argv[1], sys.argv[2])
        print(completed.output.decode(), bystander.poll())
        print(Path("/proc/thread-self/children").read_text().split() == [str(bystander.pid)])
        bystander.kill(); bystander.wait()
    """
    output = drive(driver, escaped("time.sleep(600)"), tmp_path / "run")
    pid, bystander_status, only_child = output.split()
    assert bystander_status == "None"
    assert only_child == "True"
    assert not is_running(int(pid))


@linux_only
def test_runs_at_once_never_kill_each_others_processes(tmp_path: Path) -> None:
    """One run waits for its daemon, which nothing tells from others, while runs come and go."""
    driver = """
        from concurrent.futures import ThreadPoolExecutor
        from bisector.run import leftovers
        leftovers.adopt()
        escaping, quitting, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
        with ThreadPoolExecutor(4) as pool:
            long = pool.submit(run_python, escaping, folder / "1")
            others = [pool.submit(run_python, quitting, folder / f"1{n}") for n in range(30)]
            strays = [int(other.result().output) for other in others]
            print(long.result().exit_status)
        print(*(pid for pid in strays if Path(f"/proc/{pid}").exists()))
    """
    done = tmp_path / "1" / "done"
    waiting = escaped(f"time.sleep(1); open({str(done)!r}, 'w')")
    waiting += f"while not os.path.exists({str(done)!r}): time.sleep(0.01)\n"
    status, *strays = drive(driver, waiting, escaped("time.sleep(600)"), tmp_path).split()
    assert status == "0"
    assert not strays


def test_children_of_a_library_user_and_of_another_run_are_left_alone(tmp_path: Path) -> None:
    """Also such as start meanwhile, carrying folders whose names contain that of the run."""
    folder = tmp_path / "run-1"
    folder.mkdir()
    others: list[subprocess.Popen[bytes]] = []

    def start_others(_: bytes) -> None:
        for value in ("", tmp_path / "run-10", f"/else{folder}", f"/else{folder}/home"):
            environ = {"HOME": str(value)}
            others.append(subprocess.Popen(["sleep", "600"], env=environ, start_new_session=True))

    try:
        run_python("print()", folder, on_output=start_others)
        assert [other.poll() for other in others] == [None] * 4
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_what_a_killed_driver_left_is_swept(tmp_path: Path) -> None:
    marked = subprocess.Popen(
        ["sleep", "600"], start_new_session=True, env={"HOME": str(tmp_path / "run-1")}
    )
    configured = subprocess.Popen(
        ["sleep", "600"], start_new_session=True, env={"CACHE": str(tmp_path)}
    )
    try:
        # A program that has only just taken over shows no environment yet.
        assert wait_for(lambda: bool(psutil.Process(marked.pid).environ()))
        assert stop_marked(tmp_path) == 1
        assert marked.wait(timeout=30) == -signal.SIGKILL
        assert configured.poll() is None
    finally:
        for process in (marked, configured):
            process.kill()
            process.wait()


def test_closing_its_output_is_not_its_end(tmp_path: Path) -> None:
    code = "import os, time; os.close(1); os.close(2); time.sleep(0.2); os._exit(3)"
    assert run_python(code, tmp_path).exit_status == 3


def test_memory_bound_counts_all_processes(tmp_path: Path) -> None:
    code = """
        import os, time
        children = [os.fork() for _ in range(2)]
        held = b"x" * (100 << 20)
        time.sleep(600)
    """
    completed = run_python(code, tmp_path, Limits(timeout_s=60, memory_bytes=250 * MIB))
    assert (completed.ended, completed.signal) == (Ended.MEMORY, "SIGKILL")


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="no proportional sizes")
def test_memory_that_forked_processes_share_counts_once(tmp_path: Path) -> None:
    code = """
        import os, time
        held = b"x" * (100 << 20)
        for _ in range(4):
            if os.fork() == 0:
                time.sleep(0.3)
                os._exit(0)
        time.sleep(0.4)
    """
    completed = run_python(code, tmp_path, Limits(timeout_s=60, memory_bytes=250 * MIB))
    assert completed.ended is Ended.EXITED


def test_cancellation_from_another_thread(tmp_path: Path) -> None:
    cancelled = threading.Event()
    completed = run_python(
        "import time; print('started', flush=True); time.sleep(600)",
        tmp_path,
        cancelled=cancelled,
        on_output=lambda _: threading.Timer(0.1, cancelled.set).start(),
    )
    assert (completed.ended, completed.output) == (Ended.CANCELLED, b"started\n")


def test_cpu_time_is_that_of_the_process_and_its_children(tmp_path: Path) -> None:
    code = """
        import os, time
        used = 0.0
        if os.fork():
            os.wait()
        while time.process_time() < 0.2: pass
    """
    assert run_python(code, tmp_path).cpu_s >= 0.4


def test_death_is_seen_where_there_is_no_pidfd(tmp_path: Path) -> None:
    driver = """
        if hasattr(os, "pidfd_open"): del os.pidfd_open
        print(run_python("raise SystemExit(7)", sys.argv[1]).exit_status)
    """
    assert drive(driver, tmp_path / "run") == "7\n"


@linux_only
def test_a_look_into_proc_and_one_with_psutil_agree() -> None:
    child = subprocess.Popen(["sleep", "600"])
    try:
        assert wait_for(lambda: b"sleep" in Path(f"/proc/{child.pid}/cmdline").read_bytes())
        one, other = look_in_proc(child.pid), look_with_psutil(child.pid)
        assert one is not None
        assert (one.command, one.children) == (other.command, other.children) == ("sleep 600", ())
        assert one.peak_bytes >= one.rss_bytes > 0
    finally:
        child.kill()
        child.wait()


def test_nothing_leaks_from_the_caller_to_a_probe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/leaked")
    monkeypatch.setenv("INDEX_TOKEN", "leaked")
    monkeypatch.setenv("https_proxy", "leaked")
    environ = scrubbed_environ(tmp_path / "h", tmp_path / "t", [Path("/e/bin")], {"MINE": "1"})
    completed = run(
        [sys.executable, "-c", "import os; print(*sorted(os.environ))"],
        environ=environ,
        limits=LIMITS,
    )
    assert completed.output.decode().split() == sorted(environ)
    assert environ["PATH"].split(os.pathsep)[0] == "/e/bin"
    assert environ["MINE"] == "1"
    assert "leaked" not in "".join(environ.values())


def test_installer_gets_its_configuration_and_nothing_else() -> None:
    given = [
        "PATH", "HOME", "UV_INDEX_URL", "PIP_INDEX_URL", "SSL_CERT_FILE", "https_proxy",
        "HTTP_PROXY", "no_proxy", "ALL_PROXY", "NETRC", "XDG_CACHE_HOME",
    ]  # fmt: skip
    kept_back = ["PYTHONPATH", "GITHUB_TOKEN", "VIRTUAL_ENV", "UVX", "MY_PIP_TOKEN", "PYTHONHOME"]
    assert installer_environ(dict.fromkeys(given + kept_back, "x")) == dict.fromkeys(given, "x")


def test_missing_command_is_not_the_machines_fault(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="missing: No such file") as raised:
        run([str(tmp_path / "missing")], environ={}, limits=LIMITS)
    assert (raised.value.errno, raised.value.of_machine) == (errno.ENOENT, False)


def test_command_that_may_not_be_executed_is_not_the_machines_fault(tmp_path: Path) -> None:
    with pytest.raises(StartError) as raised:
        run([str(tmp_path)], environ={}, limits=LIMITS)
    assert (raised.value.errno, raised.value.of_machine) == (errno.EACCES, False)


def test_want_of_descriptors_is_the_machines_fault(tmp_path: Path) -> None:
    driver = """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        held = []
        try:
            while True: held.append(os.open("/", os.O_RDONLY))
        except OSError:
            [os.close(held.pop()) for _ in range(2)]
        try: run_python("pass", sys.argv[1])
        except StartError as error: print(error.of_machine, error.errno)
    """
    assert drive(driver, tmp_path / "run").split() == ["True", str(errno.EMFILE)]


def test_a_driver_that_dies_before_it_reads_an_answer_is_outlived_by_nothing(
    tmp_path: Path,
) -> None:
    """What it hasn't read makes its end of the socket one that was reset, not one that is over."""
    child = Supervised(Entrance(), errors_apart=False)
    child.begin(Job([sys.executable, "-c", "import time; time.sleep(600)"], {}, tmp_path))
    select.select([child.control], [], [], 60)
    supervisor = psutil.Process(child.pid)
    programs = supervisor.children()
    child.control.close()
    try:
        assert programs
        assert supervisor.wait(60) == 0
        assert not psutil.wait_procs(programs, timeout=60)[1]
    finally:
        for process in (supervisor, *programs):
            with suppress(psutil.Error):
                process.kill()
        for pipe in filter(None, (child.stdout, child.stderr)):
            pipe.close()
        child._popen.returncode = 0  # it was waited for
