"""A release tries to get at what isn't its own: what gets through, by sandbox and user."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from faults.sandboxes import RUN, driver, sandbox, told

Record = Callable[[str, object], None]

SECRET = "a-secret-that-nobody-else-has"
OTHER_USER = 12345
ATTEMPTS = Path(__file__).with_name("attempts.py")

DRIVER = (
    RUN
    + """
import socket, subprocess, uuid, ctypes
from bisector.run.sandbox import shield
kind, root, attempts, secret = sys.argv[1], Path(sys.argv[2]), sys.argv[3], os.environ["TOKEN"]
shield()
home = Path.home()
for name in (
    ".netrc", ".ssh/id_ed25519", ".pypirc", ".config/pip/pip.conf", ".config/uv/uv.toml",
    ".aws/credentials", ".git-credentials", ".bash_history", ".bashrc",
):
    (home / name).parent.mkdir(parents=True, exist_ok=True)
    (home / name).write_text(secret)
def file(name):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(secret)
    return str(path)
agent = socket.socket(socket.AF_UNIX); agent.bind(str(root / "agent")); agent.listen()
abstract = "bisector-" + uuid.uuid4().hex
loose = socket.socket(socket.AF_UNIX); loose.bind("\\0" + abstract); loose.listen()
server = socket.socket(); server.bind(("0.0.0.0", 0)); server.listen()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
    try:
        route.connect(("192.0.2.1", 9))
        address = route.getsockname()[0]
    except OSError:
        address = "127.0.0.1"
libc = ctypes.CDLL(None)
shm_key = uuid.uuid4().int & 0x7FFFFFFF
shm = libc.shmget(shm_key, ctypes.c_size_t(4096), 0o1600)
shm_file = Path("/dev/shm") / f"bisector-{shm_key}"
shm_file.write_text(secret)
bystander = subprocess.Popen(["/bin/sleep", "600", ], env={"TOKEN": secret})
named = subprocess.Popen([sys.executable, "-ISc", "import time; time.sleep(600)", secret])
installed = file("work/env/installed.py")
cached = file("uv/archive/installed.py")
os.unlink(installed); os.link(cached, installed)
there = dict(
    secret=secret, home=str(home), driver=os.getpid(), bystander=bystander.pid,
    agent=str(root / "agent"), abstract=abstract, port=server.getsockname()[1], address=address,
    shm_key=shm_key, shm_file=str(shm_file), installed=installed, cached=cached,
    results=str((root / "results").absolute()), code=file("code.py"), elsewhere=file("elsewhere"),
)
(root / "results").mkdir()
own = (
    "import socket, os; s = socket.create_server(('127.0.0.1', 0));"
    "socket.create_connection(s.getsockname()); open(os.environ['HOME'] + '/own', 'w').write('x')"
)
try:
    folder = root / "work/run"
    done = run(kind, attempts, folder, readable=[root / "work/env"], arguments=[json.dumps(there)])
    assert done.exit_status == 0, done.output
    before = (done.output.splitlines()[-1]).decode()
    alone = run(kind, own, root / "work/alone")
    stat = Path(f"/proc/{bystander.pid}/stat").read_text().rpartition(")")[2].split()[0]
finally:
    for process_ in (bystander, named): process_.kill(); process_.wait()
    libc.shmctl(shm, 0, None)
    shm_file.unlink()
result = json.loads(before)
result["poisoned"] = Path(cached).read_text() != secret
result["stopped"] = stat == "T"
for name, path in (("the driver's code", "code.py"), ("/tmp", "elsewhere")):
    # Another file of that name may be in what it sees.
    if (root / path).read_text() == secret:
        result["through"] = [one for one in result["through"] if one != f"writing to {name}"]
result["forged"] = os.listdir(root / "results")
result["works"] = [alone.exit_status, alone.output.decode()]
print(json.dumps(result))
"""
)


@pytest.fixture(params=["this user", "another user"])
def user(request: pytest.FixtureRequest) -> Iterator[tuple[str, Path, Sequence[str]]]:
    """Give who it is, a folder of theirs, and what makes a command run as them."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        (root / "home").mkdir()
        if request.param == "this user":
            yield "root" if os.getuid() == 0 else "a user", root, ()
            return
        if os.getuid() != 0 or not (shutil.which("unshare") and shutil.which("setpriv")):
            pytest.skip("only root can be another user")
        for path in (root, root / "home"):
            os.chown(path, OTHER_USER, OTHER_USER)
        stash = stack.enter_context(tempfile.TemporaryDirectory(prefix="stash-"))
        yield "a user", root, ("unshare", "--mount", "sh", "-c", _opened(stash), "sh")


def _opened(stash: str) -> str:
    """Return what lets another user reach this Python, be it below a closed home."""
    lines = ["set -e"]
    needed = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve()}
    for number, prefix in enumerate(sorted(needed)):
        closed = [p for p in prefix.parents if not p.stat().st_mode & stat.S_IXOTH]
        if closed:
            kept = f"{stash}/{number}"
            lines += [f"mkdir {kept}", f"mount --bind {prefix} {kept}"]
            lines += [f"mount -t tmpfs -o mode=755 none {closed[-1]}"]
            lines += [f"mkdir -p {prefix}", f"mount --bind {kept} {prefix}"]
    user = f"--reuid {OTHER_USER} --regid {OTHER_USER} --clear-groups"
    return "\n".join([*lines, f'exec setpriv {user} "$@"'])


def escapes(kind: str, user: tuple[str, Path, Sequence[str]]) -> dict[str, Any]:
    """Return what got through."""
    _, root, wrap = user
    environ = {"HOME": str(root / "home"), "TOKEN": SECRET}
    code = ATTEMPTS.read_text(encoding="utf-8")
    result: dict[str, Any] = told(driver(DRIVER, kind, root, code, environ=environ, wrap=wrap))
    assert result["works"] == [0, ""], "it can't use loopback and its own folder"
    return result


def test_under_bubblewrap_nothing_gets_through(
    user: tuple[str, Path, Sequence[str]], record_property: Record
) -> None:
    sandbox("bubblewrap")
    result = escapes("bubblewrap", user)
    assert result["through"] == []
    assert not any(result[harm] for harm in ("poisoned", "stopped", "forged"))
    assert result["tried"] >= 50
    record_property("fault", (f"{result['tried']} escapes, bubblewrap, {user[0]}", "0 got through"))


LEFT_BY_LANDLOCK = {
    "command lines of others": "command lines of other processes",
    "the SSH agent": "sockets in the file system",
    "a server of the machine's": "outside network",
    "a server at the machine's address": "outside network",
    "datagrams to the outside": "outside network",
    "shared memory of others": "shared memory",
    "files in /dev/shm": "shared memory",
    "changing modes of what is installed": "modes and times of files",
}
"""What Landlock can't keep from a run, and how the report calls it."""


def test_with_landlock_alone_the_report_names_what_is_left(
    user: tuple[str, Path, Sequence[str]], record_property: Record
) -> None:
    from bisector.run.sandbox import left

    box = sandbox("landlock")
    result = escapes("landlock", user)
    named = left(box.name)
    through = set(result["through"])
    older = {"an abstract socket", "signals to the driver", "stopping a bystander"}
    since_6 = set() if "signals" not in named else older
    assert through <= LEFT_BY_LANDLOCK.keys() | since_6
    for name in through - since_6:
        assert LEFT_BY_LANDLOCK[name].removeprefix("your ") in named.replace("your ", "")
    assert not any(result[harm] for harm in ("poisoned", "forged"))
    told_ = f"{len(through)} got through, all of them named: {', '.join(sorted(through))}"
    record_property("fault", (f"{result['tried']} escapes, {box.name}, {user[0]}", told_))


def test_without_a_sandbox_nearly_everything_does(
    user: tuple[str, Path, Sequence[str]], record_property: Record
) -> None:
    """So that an attempt that gets nowhere elsewhere is known to be one."""
    result = escapes("none", user)
    expected = {"~/.netrc", "~/.ssh", "the SSH agent", "writing ~/.bashrc", "stopping a bystander"}
    expected |= {
        "a server of the machine's",
        "writing to what is installed",
        "command lines of others",
    }
    expected |= {"variables of any process", "an abstract socket", "writing to uv's cache"}
    assert expected <= set(result["through"])
    assert result["poisoned"]
    assert result["stopped"]
    count = len(result["through"])
    record_property("fault", (f"{result['tried']} escapes, no sandbox, {user[0]}", f"{count} do"))
