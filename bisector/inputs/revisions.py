"""A file as it was at a Git revision: ``main:uv.lock``, as `git show` has it."""

from __future__ import annotations

import os
from pathlib import Path

from bisector.errors import UsageError
from bisector.run import process

_GIT_S = 60


def is_named(path: Path) -> bool:
    """Return whether a path is rather the name of a file at a revision."""
    revision, colon, inside = str(path).partition(":")
    return bool(revision and colon and inside) and not path.exists()


def show(path: Path) -> bytes:
    """Return what a file was at a revision; raise UsageError with what Git says of it."""
    done = process.capture(
        ["git", "show", "--no-textconv", str(path)],
        environ={**os.environ, "LC_ALL": "C", "GIT_PAGER": "cat"},
        timeout_s=_GIT_S,
    )
    if done.exit_status != 0:
        lines = done.errors.decode("utf-8", "replace").strip().splitlines()
        reason = lines[0].removeprefix("fatal: ") if lines else f"git ended by {done.ended.value}"
        raise UsageError(
            f"{path} can't be read: {reason}",
            "write REVISION:PATH, with the path from the repository's top; "
            "a shallow clone has no other revisions until they are fetched",
        )
    return done.output
