"""The environment variables that what is started gets."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_FOR_INSTALLER = re.compile(
    r"PATH|HOME|NETRC|(UV|PIP|XDG|SSL_CERT)_.+|(HTTPS?|ALL|NO|FTP)_PROXY", re.IGNORECASE
)


def scrubbed_environ(
    home: Path, tmp: Path, path_dirs: Sequence[Path], extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment of a probe: nothing of the caller's.

    ``path_dirs`` come before the system's own. Hash seeds stay random, so that runs that agree
    mean something. Bytecode is written as usual: where some is missing, a probe's children needn't
    compile again. Output isn't buffered: what was printed last is evidence of a hang or a crash.
    """
    system = os.confstr("CS_PATH") or os.defpath
    return {
        "PATH": os.pathsep.join([*map(str, path_dirs), system]),
        "HOME": str(home),
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(tmp)),
        **dict.fromkeys(("LANG", "LC_ALL"), "C.UTF-8"),
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        **(extra or {}),
    }


def installer_environ(caller: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what an installer needs of the caller's: its configuration, and a way out."""
    return {name: value for name, value in caller.items() if _FOR_INSTALLER.fullmatch(name)}
