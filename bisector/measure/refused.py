"""What a run wanted and its sandbox refused: that is no release's fault, and decides nothing."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from bisector.model import Measurement, Outcome, Signature
from bisector.run import sandbox
from bisector.run.records import Uncaught
from bisector.run.sandbox import Confinement

_REFUSED_PATH = re.compile(r"\[Errno (?:1|13|30)\] [^:]+: '(?P<path>[^']+)'")
_NO_NETWORK = re.compile(r"\[Errno 101\]|Network is unreachable|Temporary failure in name resol")
_NO_MORE_FILE = re.compile(r"\[Errno 27\]")
_FILES = (errno.EPERM, errno.EACCES, errno.EROFS)


def refused(
    confinement: Confinement, cwd: Path, uncaught: Uncaught | None, signature: Signature | None
) -> str:
    """Return what the sandbox refused that made a run fail; empty where it refused nothing.

    It ran in ``cwd``. ``uncaught`` is the exception that ended the run, ``signature`` what else is
    known of that.
    """
    access = confinement.access
    message = uncaught.message if uncaught else signature.message if signature else ""
    exception = uncaught.exception if uncaught else signature.exception if signature else ""
    if access is None:
        return ""
    if (uncaught and uncaught.errno == errno.EFBIG) or _NO_MORE_FILE.search(message):
        return "it wrote a file larger than a run may: --max-disk allows more"
    if confinement.walled and not access.network:
        unreachable = uncaught is not None and uncaught.errno == errno.ENETUNREACH
        if unreachable or exception.endswith("gaierror") or _NO_NETWORK.search(message):
            return "it asked for the outside network: --network, or `network = true`, allows that"
    if not confinement.sandbox.keeps_files:
        return ""
    found = _REFUSED_PATH.search(message)
    if not found or (uncaught and uncaught.errno not in _FILES):
        return ""
    path = Path(os.path.normpath(cwd / found["path"]))
    if path.is_relative_to(access.folder):
        return ""
    return f"it wanted {path}, which {confinement.sandbox.name} keeps from it: see --sandbox"


def may_be_refused(run: Measurement) -> bool:
    """Return whether a run may have failed because it couldn't write to the caller's folder."""
    signs = ("Read-only file system", "Permission denied", "keeps from it")
    texts = (run.output_tail, run.detail)
    confined = run.sandbox not in ("", sandbox.NONE)
    return (
        confined
        and run.outcome is not Outcome.GOOD
        and any(sign in text for sign in signs for text in texts)
    )
