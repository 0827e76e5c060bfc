"""The key that marks what was measured here: one for each user and machine."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from bisector.store.journal import content

_BYTES = 32


def find(folder: Path) -> bytes:
    """Return the key in ``folder``; empty where there is none that nobody else can read.

    Raises OSError or ValueError where there is something else, or where others can read it.
    """
    path = folder / "key"
    try:
        secret = content(path)
    except FileNotFoundError:
        return b""
    state = path.stat()
    if len(secret) != _BYTES:
        raise ValueError("it is no key")
    if state.st_uid != os.geteuid() or stat.S_IMODE(state.st_mode) & 0o077:
        raise ValueError("others can read it")
    return secret


def find_or_make(folder: Path) -> bytes:
    """Return the key in ``folder``, made where there is none; raises as `find` does.

    It is written beside and linked into place: of several that make one at once, all use the
    same.
    """
    if secret := find(folder):
        return secret
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".key.{secrets.token_hex(4)}"
    try:
        with open(beside, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(beside, folder / "key")
    finally:
        beside.unlink(missing_ok=True)
    return find(folder)
