"""Confines a run with Landlock, where the kernel has it and bubblewrap can't be used.

A process gives up rights for itself and all that it starts: to files, and, by newer versions of
the kernel's interface, to more (https://docs.kernel.org/userspace-api/landlock.html).
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bisector.run.sandbox import LANDLOCK, PUBLIC, SYSTEM, Access, Entrance, pythons

_CREATE_RULESET, _ADD_RULE = 444, 445
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Each version's rights to files, those of the version before included; 4 added none."""

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm")


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


@dataclass(frozen=True, slots=True)
class Landlock:
    """Landlock at a version of its interface; see ``Sandbox``."""

    version: int
    keeps_files: bool = True
    walled: bool = False

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{LANDLOCK} {self.version}"

    def ready(self, access: Access) -> Entrance:
        """Return a ruleset for a supervised program to enter; raises OSError."""
        rights = max(given for version, given in _RIGHTS.items() if version <= self.version)
        scoped = _ABSTRACT_SOCKETS | _SIGNALS if self.version >= 6 else 0
        attributes = _Ruleset(rights, 0, scoped)
        size = ctypes.sizeof(attributes) if self.version >= 6 else ctypes.sizeof(ctypes.c_uint64)
        ruleset = _syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
        try:
            for path, allowed in _allowed(access, rights):
                _add(ruleset, path, allowed & rights)
        except BaseException:
            os.close(ruleset)
            raise
        return Entrance(ruleset=ruleset)


def found() -> Landlock | None:
    """Return Landlock where this kernel has it."""
    if platform.machine() not in ("x86_64", "aarch64", "riscv64", "ppc64le", "s390x", "armv7l"):
        return None
    try:
        version = _syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _CREATE_RULESET_VERSION)
    except OSError:
        return None
    return Landlock(version)


def _allowed(access: Access, rights: int) -> Iterator[tuple[Path, int]]:
    for name in (*SYSTEM, *(f"/etc/{name}" for name in PUBLIC), "/proc", "/sys/devices/system"):
        yield Path(name), _READ
    for name in _DEVICES:
        yield Path("/dev", name), rights & ~_EXECUTE
    yield Path("/dev"), _READ_DIR
    home = Path.home()
    for path in (*pythons(access.interpreter), *access.readable):
        # Without rules that forbid, what can't be read can't lie below what can.
        if not (path.is_symlink() or home.is_relative_to(path)):
            yield path, _READ
    sealed = set(access.sealed)
    if not sealed:
        yield access.folder, rights
        return
    yield access.folder, _READ
    for path in access.folder.iterdir():
        if path not in sealed:
            yield path, rights


def _add(ruleset: int, path: Path, allowed: int) -> None:
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not path.is_dir():
                allowed &= _OF_FILES
            rule = _PathBeneath(allowed, descriptor)
            _syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
        finally:
            os.close(descriptor)


def _syscall(number: int, *arguments: object) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    result: int = library.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))
    return result
