"""The folder that one run of the driver works in, and the sweeping of those that were left."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bisector import process
from bisector.errors import InstallerError

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
        raise InstallerError(
            f"environments can't be made in {root}: {error.strerror}",
            "free the disk, or move uv's cache with UV_CACHE_DIR: environments lie beside it",
        ) from error
    with owner:
        try:
            yield folder
        finally:
            process.stop_marked(folder)
            remove(folder)


def sweep(root: Path) -> None:
    """Stop and remove what owners below ``root`` left that live no more."""
    for folder in root.glob("run-*"):
        with suppress(OSError), (folder / _LOCK).open("a") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            process.stop_marked(folder)
            remove(folder)


def remove(folder: Path) -> None:
    """Remove ``folder`` with everything in it, whatever permissions a probe left behind."""
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


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
