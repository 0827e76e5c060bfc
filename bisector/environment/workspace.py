"""The folder that one run of the driver works in, and the sweeping of those that were left."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TextIO

from bisector.errors import InstallerError
from bisector.run import leftovers

_LOCK = "owner"


@contextmanager
def workspace(root: Path) -> Iterator[Path]:
    """Give a new folder below ``root``, removed at the end with all that still runs in it.

    Folders whose owner is gone, killed before it could tidy up, are swept first. An owner holds
    a lock as long as it lives; the system gives it back however it dies.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root / "lock"):
            sweep(root)
            folder = Path(tempfile.mkdtemp(prefix="run-", dir=root))
            owner = (folder / _LOCK).open("w")
            fcntl.flock(owner, fcntl.LOCK_EX)
    except OSError as error:
        raise _unusable(root, error) from error
    with owner:
        try:
            yield folder
        finally:
            leftovers.stop_own(folder)
            remove(folder)


def lasting(root: Path) -> Path:
    """Return a new folder below ``root``, called after today, that nobody removes."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"{date.today()}-", dir=root))
    except OSError as error:
        raise _unusable(root, error) from error


def sweep(root: Path) -> None:
    """Stop and remove what owners below ``root`` left that live no more."""
    for folder in root.glob("run-*"):
        with suppress(OSError), (folder / _LOCK).open("a") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftovers.stop_marked(folder)
            remove(folder)


@contextmanager
def place(root: Path, work: Path) -> Iterator[Path]:
    """Give a path below ``root`` where nothing is, and that nobody else is given meanwhile.

    Few are in use, again and again. What is put there and not moved away is removed. What an owner
    that was killed left is swept, with what it still ran in its folder below ``work``.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        path, lock = next(_free(root))
    except OSError as error:
        raise _unusable(root, error) from error
    with lock:
        if path.exists():
            sweep(work)
            remove(path)
        try:
            yield path
        finally:
            remove(path)


def _free(root: Path) -> Iterator[tuple[Path, TextIO]]:
    """Yield the numbered paths that nobody holds, each with its lock, which is held now."""
    for number in itertools.count():
        lock = (root / f"{number}.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            yield root / str(number), lock


def remove(folder: Path) -> None:
    """Remove ``folder`` with everything in it, whatever permissions a probe left behind."""
    with suppress(OSError):
        shutil.rmtree(folder)
        return
    with suppress(OSError):
        folder.chmod(stat.S_IRWXU)
    # From the top down: a folder's entries are listed only once it may be read.
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(parent, name)
            with suppress(OSError):
                if not path.is_symlink():
                    path.chmod(stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)


def _unusable(root: Path, error: OSError) -> InstallerError:
    return InstallerError(
        f"environments can't be made in {root}: {error.strerror}",
        "free the disk, or move uv's cache with UV_CACHE_DIR: environments lie beside it",
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
