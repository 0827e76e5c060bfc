"""Confines a run with bubblewrap (https://github.com/containers/bubblewrap).

It sees a root of its own: of the system what is public, what the run was given to read, and its
own folder; it is alone in its PID, IPC, network and user namespaces, and has no capability.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bisector.run.sandbox import (
    PUBLIC,
    SUPERVISOR,
    SYSTEM,
    Access,
    Entrance,
    is_below,
    pythons,
)

_SHM, _SHM_BYTES = "/dev/shm", 1 << 30  # noqa: S108  # POSIX shared memory lies there
_SUPERVISOR = Path("/run/bisector/supervisor.py")
_TIMEOUT_S = 10
_NAMESPACES = (
    *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts"),
    *("--unshare-cgroup-try", "--die-with-parent", "--new-session", "--as-pid-1"),
    *("--cap-drop", "ALL"),
)
_MADE = (
    *("--proc", "/proc", "--dev", "/dev", "--size", str(_SHM_BYTES), "--tmpfs", _SHM),
    # What root owns in /proc it could write to without a capability: the kernel's settings.
    *(
        "--remount-ro",
        "/proc",
        "--remount-ro",
        "/dev",
        "--ro-bind-try",
        "/sys/devices/system",
        "/sys/devices/system",
    ),
)
_MADE_ANEW = ("/dev", "/proc")
"""What a run has of its own; bound from outside, a device such as /dev/null can't be opened."""
_SCRATCH = ("/tmp", "/var/tmp")  # noqa: S108  # where programs write without asking


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """bubblewrap; see ``Sandbox``."""

    program: str
    name: str = "bubblewrap"
    keeps_files: bool = True
    walled: bool = True

    def ready(self, access: Access) -> Entrance:
        """Return how a supervisor gets in; raises OSError."""
        command = [self.program, *_NAMESPACES]
        command += [] if access.network else ["--unshare-net"]
        with ExitStack() as stack:
            files: list[int] = []
            for path in _public_files():
                with suppress(OSError):  # it is gone by now, or nobody's to read
                    files.append(os.open(path, os.O_RDONLY))
                    stack.callback(os.close, files[-1])
                    command += ["--file", str(files[-1]), str(path)]
            command += [*_view(access), "--"]
            stack.pop_all()
        return Entrance(command, _SUPERVISOR, files=tuple(files))


def found() -> tuple[Bubblewrap | None, str]:
    """Return bubblewrap where it works, else why it doesn't."""
    program = shutil.which("bwrap")
    if program is None:
        return None, "it isn't installed"
    command = [program, *_NAMESPACES, "--unshare-net", *_system(), *_MADE, "--", "/bin/true"]
    try:
        done = subprocess.run(
            command, env={}, cwd="/", capture_output=True, text=True, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return None, lines[-1].removeprefix("bwrap: ") if lines else "it fails"
    return Bubblewrap(program), ""


def _view(access: Access) -> Iterator[str]:
    """Yield the arguments that make up what a run sees: later ones cover earlier ones."""
    home, scratch = Path.home(), access.folder / "scratch"
    scratch.mkdir(exist_ok=True)
    yield from _system()
    yield from _MADE
    for folder in _SCRATCH:
        yield from ("--bind", str(scratch), folder)
    yield from ("--tmpfs", str(home)) if home != Path("/") else ()
    system = [Path(name) for name in (*SYSTEM, *_MADE_ANEW)]
    bound: list[Path] = []
    for path in (*pythons(access.interpreter), *access.readable):
        # What is below the home is covered by now, unless it was bound here.
        covered = path.is_relative_to(home)
        if is_below(path, bound) or (is_below(path, system) and not covered):
            continue
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif not home.is_relative_to(path):
            yield from ("--ro-bind", str(path), str(path))
            bound.append(path)
    yield from ("--bind", str(access.folder), str(access.folder))
    for path in access.sealed:
        yield from ("--ro-bind", str(path), str(path))
    yield from ("--ro-bind", str(SUPERVISOR), str(_SUPERVISOR), "--remount-ro", "/")
    yield from ("--remount-ro", str(home)) if home != Path("/") else ()


@lru_cache
def _system() -> tuple[str, ...]:
    return tuple(_of_the_system())


def _of_the_system() -> Iterator[str]:
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), name)
        elif path.is_dir():
            yield from ("--ro-bind", name, name)
    for path in _public():
        if path.is_dir():
            yield from ("--ro-bind", str(path.resolve()), str(path))


@lru_cache
def _public_files() -> tuple[Path, ...]:
    """Return the files of /etc that a run gets copies of, which cost a fifth of binding them."""
    return tuple(path for path in _public() if path.is_file())


def _public() -> Iterator[Path]:
    return (Path("/etc", name) for name in PUBLIC)
