"""What stands between a run and the rest of the machine.

bubblewrap where it works; else Landlock, which the kernel itself has; else nothing. What was in
force is in every measurement. What each keeps from what is in ``bisect help safety``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from bisector.errors import UsageError

Mode = Literal["auto", "require", "off"]
MODES: tuple[Mode, ...] = ("auto", "require", "off")

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
"""What every program on the machine is made of."""

PUBLIC = (
    *("alternatives", "ca-certificates", "ca-certificates.conf", "debian_version", "fonts"),
    *("gai.conf", "group", "host.conf", "hostname", "hosts", "ld.so.cache", "ld.so.conf"),
    *("ld.so.conf.d", "locale.alias", "localtime", "magic", "mailcap", "mime.types"),
    *("nsswitch.conf", "os-release", "passwd", "protocols", "resolv.conf", "rpc", "services"),
    *("ssl/certs", "ssl/cert.pem", "ssl/openssl.cnf", "pki/tls/certs", "pki/tls/cert.pem"),
    *("pki/tls/openssl.cnf", "pki/ca-trust/extracted", "terminfo", "timezone"),
)
"""What of /etc programs look at that run as anybody; others' settings and keys aren't."""


SUPERVISOR = Path(__file__).with_name("supervisor.py")
PYTHON = Path(sys.executable).resolve()
"""What the supervisor runs on."""

NONE, LANDLOCK = "none", "Landlock"

_LEFT = {
    1: "the outside network, your sockets in the file system, the command lines of other "
    "processes, shared memory, modes and times of files",
    3: "truncating files",
    5: "commands to devices",
    6: "signals to your other processes, abstract sockets",
}
"""What Landlock doesn't keep from a run, by the version that first does; in 1, none so far does."""


@dataclass(frozen=True, slots=True)
class Access:
    """What one run may reach.

    It may write to ``folder``, but for what is ``sealed`` in it, and read what is ``readable``;
    ``network`` is the outside one, loopback it always has. ``interpreter`` is the Python of its
    environment.
    """

    folder: Path
    interpreter: Path
    readable: tuple[Path, ...] = ()
    sealed: tuple[Path, ...] = ()
    network: bool = False


class Entrance(NamedTuple):
    """How a supervisor gets into a sandbox; close it once it is in.

    The ``prefix`` goes before its command and the ``supervisor`` is its script as seen from inside.
    ``ruleset`` is the descriptor of a Landlock ruleset, -1 for none, and ``files`` are those of
    what the prefix reads.
    """

    prefix: Sequence[str] = ()
    supervisor: Path = SUPERVISOR
    ruleset: int = -1
    files: tuple[int, ...] = ()

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What the supervisor is to have open."""
        return (*self.files, *([self.ruleset] if self.ruleset >= 0 else []))

    def close(self) -> None:
        """Close what is open of it."""
        for descriptor in self.descriptors:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Guard:
    """What is asked for: which sandbox, whether with the outside network, how large a folder."""

    mode: Mode = "auto"
    network: bool = False
    folder_bytes: int | None = None


class Sandbox(Protocol):
    """A way of keeping a run from the rest of the machine."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def keeps_files(self) -> bool:
        """Whether nothing but a run's own folder can be written."""

    @property
    def walled(self) -> bool:
        """Whether a run sees no other process, and ends with its first."""

    def ready(self, access: Access) -> Entrance:
        """Return how a supervisor gets in; raises OSError."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """No sandbox: a run is the caller's own process."""

    name: str = NONE
    keeps_files: bool = False
    walled: bool = False

    def ready(self, access: Access) -> Entrance:  # noqa: ARG002  # the protocol's
        """Return that nothing goes before."""
        return Entrance()


@dataclass(frozen=True, slots=True)
class Confinement:
    """A sandbox, and what one run may reach in it."""

    sandbox: Sandbox
    access: Access | None

    @property
    def walled(self) -> bool:
        """Whether the run's processes are in a namespace of their own."""
        return self.sandbox.walled

    @property
    def folder(self) -> Path | None:
        """The folder that the run may write to."""
        return self.access.folder if self.access else None

    def ready(self) -> Entrance:
        """Return how a supervisor gets in; raises OSError."""
        return self.sandbox.ready(self.access) if self.access else Entrance()

    def __str__(self) -> str:
        name = self.sandbox.name
        network = self.access is not None and self.access.network and self.walled
        return f"{name}, outside network" if network else name


NOTHING = Nothing()
OPEN = Confinement(NOTHING, None)
"""That of our own tools: they need what the caller has."""


def left(name: str) -> str:
    """Return what the sandbox of that name doesn't keep from a run; empty where it keeps all."""
    kind, _, version = name.partition(",")[0].partition(" ")
    if kind == NONE:
        return "anything of yours"
    if kind != LANDLOCK or not version.isdecimal():
        return ""
    return ", ".join(what for since, what in _LEFT.items() if since == 1 or int(version) < since)


@lru_cache
def chosen(mode: Mode) -> Sandbox:
    """Return the sandbox to use; raises UsageError where one is required and there is none."""
    if mode == "off" or sys.platform != "linux":
        found: Sandbox | None = None
        why = "--sandbox off" if mode == "off" else f"there is none for {sys.platform}"
    else:
        from bisector.run import bubblewrap, landlock  # only where something is measured

        found, why = bubblewrap.found()
        if found is None and mode != "require":
            found = landlock.found()
    if found is None and mode == "require":
        raise UsageError(
            f"--sandbox require, and bubblewrap doesn't work here: {why}",
            "install it (apt install bubblewrap), or see whether user namespaces are allowed; "
            "--sandbox auto uses what there is",
        )
    return found or NOTHING


def lacking(mode: Mode) -> str:
    """Return what runs lack of a sandbox that nobody asked to do without, as a clause.

    Empty where they lack nothing. Raises UsageError as `chosen` does.
    """
    name = chosen(mode).name
    if mode == "off" or not (reach := left(name)):
        return ""
    how = "run without a sandbox" if name == NONE else f"are confined by {name}"
    return (
        f"bubblewrap doesn't work here, so that runs {how}, which doesn't keep from them: {reach}"
    )


def shield() -> None:
    """Keep the memory and the variables of this process from others of its user (prctl(2))."""
    import ctypes  # it takes some milliseconds, and an answer from what is stored needs none

    pr_set_dumpable = 4
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_dumpable, 0, 0, 0, 0)


@lru_cache
def pythons(interpreter: Path) -> tuple[Path, ...]:
    """Return what the interpreters need: the links on the way to them, and where they live."""
    return tuple(_pythons(interpreter))


def _pythons(interpreter: Path) -> Iterator[Path]:
    for python in (interpreter, PYTHON):
        link = python.absolute()
        for _ in range(40):
            if not link.is_symlink():
                break
            yield link
            link = link.parent / link.readlink()
        yield python.resolve().parent.parent


def is_below(path: Path, folders: Sequence[Path]) -> bool:
    """Return whether a path is one of the folders, or below one."""
    return any(path.is_relative_to(folder) for folder in folders)
