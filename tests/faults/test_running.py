"""Releases that turn against what runs them: each leaves the driver running, and nothing behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from faults.sandboxes import KINDS, RUN, driver, sandbox, told

Record = Callable[[str, object], None]

TURN = (
    RUN
    + """
kind, folder, code, limits = sys.argv[1], Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
leftovers.adopt()
done = run(kind, code, folder, Limits(**limits))
print(json.dumps([done.ended.value, done.exit_status, done.signal]))
"""
)

AGAINST = {
    "kills its parent": "os.kill(os.getppid(), signal.SIGKILL)",
    "terminates its parent": "os.kill(os.getppid(), signal.SIGTERM)",
    "stops its parent": "os.kill(os.getppid(), signal.SIGSTOP)",
    "kills its parent's group": "os.killpg(os.getpgid(os.getppid()), signal.SIGKILL)",
    "stops its parent's group": "os.killpg(os.getpgid(os.getppid()), signal.SIGSTOP)",
    "kills its own group": "os.killpg(0, signal.SIGKILL)",
    "stops itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "closes every descriptor": "os.closerange(0, 4096)",
    "floods every descriptor": "[flood(d) for d in range(3, 300)]",
    "kills its first process": "os.getppid() == 1 and os.kill(1, signal.SIGKILL)",
}
"""What a release does to what runs it."""

SOURCE = """
import os, signal, time
def flood(descriptor):
    try:
        os.write(descriptor, b"ended 2 0 0 0\\n" * 100)
    except OSError:
        pass
try:
    DO
except OSError:
    pass
time.sleep(0.3)
"""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("does", AGAINST)
def test_a_release_that_turns_against_its_parent_ends_itself_at_most(
    does: str, kind: str, tmp_path: Path, record_property: Record
) -> None:
    sandbox(kind)
    code = SOURCE.replace("DO", AGAINST[does])
    limits = '{"timeout_s": 3}'
    ended, status, by = told(driver(TURN, kind, tmp_path / "run", code, limits))
    assert ended in ("exited", "timeout")
    assert (status is None) != (by is None)
    assert left(tmp_path) == []
    record_property(
        "fault", (f"a release {does}, {kind}", f"{ended}: {status if by is None else by}")
    )


GREEDY = {
    "forks without end": (
        "while True:\n    os.fork() or time.sleep(60)",
        '{"timeout_s": 60, "processes": 40}',
        "processes",
    ),
    "writes one endless file": (
        "with open('big', 'wb') as file:\n    while True: file.write(bytes(1 << 20))",
        '{"timeout_s": 60, "folder_bytes": 8388608}',
        ("disk", "exited"),
    ),
    "writes files without end": (
        "import itertools\nfor n in itertools.count(): open(f'{n}', 'wb').write(bytes(1 << 20))",
        '{"timeout_s": 60, "folder_bytes": 8388608}',
        "disk",
    ),
    "takes memory without end": (
        "held = []\nwhile True: held.append(bytearray(1 << 24)); time.sleep(0.01)",
        '{"timeout_s": 60, "memory_bytes": 209715200}',
        "memory",
    ),
    "takes memory in its children": (
        (
            "[os.fork() for _ in range(2)]\nheld = []\n"
            "while True: held.append(bytearray(1 << 23)); time.sleep(0.02)"
        ),
        '{"timeout_s": 60, "memory_bytes": 209715200}',
        "memory",
    ),
}
"""What a release takes without end: the source, the limits, what ends it."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("does", GREEDY)
def test_a_release_that_takes_without_end_is_ended(
    does: str, kind: str, tmp_path: Path, record_property: Record
) -> None:
    sandbox(kind)
    code, limits, expected = GREEDY[does]
    ended, *_ = told(driver(TURN, kind, tmp_path / "run", f"import os, time\n{code}", limits))
    assert ended in ([expected] if isinstance(expected, str) else expected)
    assert left(tmp_path) == []
    record_property("fault", (f"a release {does}, {kind}", f"ended for {ended}"))


def test_memory_shared_by_name_is_bounded_and_gone_afterwards(
    tmp_path: Path, record_property: Record
) -> None:
    sandbox("bubblewrap")
    code = "import os\nwith open('/dev/shm/bisector-fault', 'wb') as f: f.truncate(1 << 34); "
    code += "os.posix_fallocate(f.fileno(), 0, 1 << 34)"
    _, status, _ = told(driver(TURN, "bubblewrap", tmp_path / "run", code, '{"timeout_s": 60}'))
    assert status == 1
    assert not Path("/dev/shm/bisector-fault").exists()
    record_property("fault", ("a release fills /dev/shm, bubblewrap", "refused, nothing left"))


LEAVING = """
import os, subprocess, sys, time
sleep = [sys.executable, "-ISc", "import time; time.sleep(600)", sys.argv[1]]
HOW
time.sleep(600)
"""
WAYS = {
    "runs on": "",
    "has a child": "subprocess.Popen(sleep)",
    "has a child in another session": "subprocess.Popen(sleep, start_new_session=True)",
    "has a daemon": (
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        os.chdir('/'); os.execve(sleep[0], sleep, {})\n    os._exit(0)\nos.wait()"
    ),
    "ignores every signal": (
        "import signal\nfor n in (1, 2, 3, 15): signal.signal(n, signal.SIG_IGN)"
    ),
}
"""What runs when the driver is killed."""

KILLED = (
    RUN
    + """
kind, folder, code, mark = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
leftovers.adopt()
print("begun", flush=True)
run(kind, code, folder, arguments=[mark])
"""
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_nothing_runs_two_seconds_after_the_driver_was_killed(
    way: str, kind: str, tmp_path: Path, record_property: Record
) -> None:
    sandbox(kind)
    code = LEAVING.replace("HOW", WAYS[way])
    running = driver(KILLED, kind, tmp_path / "run", code, tmp_path / "run" / "mark")
    expected = 1 if way in ("runs on", "ignores every signal") else 2
    deadline = time.monotonic() + 60
    while len(sleeping(tmp_path)) < expected:
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.2)
    before = left(tmp_path)
    running.send_signal(signal.SIGKILL)
    began = time.monotonic()
    running.communicate()
    while left(tmp_path) and time.monotonic() - began < 2:
        time.sleep(0.01)
    assert left(tmp_path) == []
    assert before
    took_s = time.monotonic() - began
    record_property(
        "fault", (f"SIGKILL of the driver; {way}, {kind}", f"gone after {took_s:.2f} s")
    )


def left(folder: Path) -> list[int]:
    """Return the processes that name the folder on their command line, or lie in it."""
    found = []
    for process in psutil.process_iter():
        try:
            lies = process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
            if lies and any(str(folder) in word for word in process.cmdline()):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def sleeping(folder: Path) -> list[int]:
    """Return those of them that the run started, but for what supervises it."""
    mark = str(folder / "run" / "mark")
    found = []
    for pid in left(folder):
        with suppress(psutil.Error):
            words = psutil.Process(pid).cmdline()
            if words[-1:] == [mark] and str(folder / "run") not in words[:-1]:
                found.append(pid)
    return found
