"""Whose fault it is that an installer failed, by what it said of it.

A release is to blame only for what an installer is known to say of one. What it says of the disk,
the network or its settings, and what isn't known here, is the machine's fault.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bisector.errors import InstallerError


class InstallFailedError(Exception):
    """A release, as it is on the index, can't be installed here; its fault, not the installer's."""


class BuildFailedError(InstallFailedError):
    """A release, or what it depends on, was to be built, and its own build code failed."""


class MismatchError(InstallerError):
    """A file isn't the one that was listed under its name."""


class SilentError(InstallerError):
    """Next to nothing came over the network for as long as it is waited for."""


class NotCachedError(Exception):
    """A release can't be had without the network, which must not be used."""


@dataclass(frozen=True, slots=True)
class Signs:
    """The regular expressions by which what one installer says is known.

    ``release`` are those of a release that can't be installed, ``unlisted`` those of a project
    without any release (an index that fails looks the same to some), ``mismatch`` those of a file
    with another digest, ``offline`` those of what is not in the cache. ``nothing`` is that of the
    ``{project}`` of a ``{requirement}`` being such a one, and ``build`` is that of a build that
    failed, whose log is its group.
    """

    release: Sequence[str]
    unlisted: Sequence[str]
    nothing: str
    mismatch: Sequence[str]
    build: str
    offline: Sequence[str] = ()


_DISK = (r"No space left on device", r"Too many open files", r"Disk quota exceeded", r"os error 28")
_NETWORK = (
    r"HTTP status (client|server) error",
    r"\b\d{3} (Client|Server) Error",
    r"error sending request",
    r"Request failed after",
    r"Connection (refused|reset)",
    r"connection-failed",
    r"Failed to establish a new connection",
    r"Failed to connect to",
    r"40[137] (Unauthorized|Forbidden|Proxy)",
    r"Max retries exceeded",
    r"Read timed out",
    r"dns error",
)


def failure(text: str, signs: Signs) -> Exception:
    """Return the error that an installer's output stands for, its kind being whose fault it is."""
    if sign := line_with(text, _DISK):
        return InstallerError(f"the installer failed: {sign}", "look at the disk and limits")
    if sign := line_with(text, signs.mismatch):
        return MismatchError(
            f"the index serves another file than it listed: {sign.rstrip(':')}",
            "--refresh lists the releases anew",
        )
    if line_with(text, signs.offline):
        return NotCachedError("not in the installer's cache, and --offline was given")
    if sign := line_with(text, _NETWORK):
        return InstallerError(
            f"the installer can't use the index: {sign}",
            "look at the network, the index's address and its credentials",
        )
    if built := _build_failure(text, signs.build):
        return BuildFailedError(built)
    if line_with(text, signs.release):
        return InstallFailedError(reason(text))
    return InstallerError(
        f"the installer failed: {reason(text)[-500:]}",
        "look at the installer's settings, its cache and the disk",
    )


def line_with(text: str, signs: Sequence[str]) -> str:
    """Return the last line that one of the ``signs`` matches; empty where there is none."""
    if not signs:
        return ""
    pattern = re.compile("|".join(signs))
    lines = [line.strip() for line in text.splitlines() if pattern.search(line)]
    return re.sub(r"^(cause|hint|error|ERROR|WARNING): ", "", lines[-1]) if lines else ""


def reason(text: str) -> str:
    """Return why an installer failed on one line, without what it says beside."""
    if re.search(r"^(ERROR: )?Exception:$", text, re.MULTILINE):  # a crash of pip, with a traceback
        raised = [line for line in text.splitlines() if line[:1].strip()]
        return raised[-1].strip()
    _, failed, error = f"\n{text}".rpartition("\nerror: ")
    text = error if failed else text
    _, caused, cause = text.partition("\n  cause: ")
    lines = (cause if caused else text).partition("\n\nhint: ")[0].splitlines()
    aside = ("WARNING: ", "ERROR: Ignored the following ")
    relevant = [
        line.strip().removeprefix("ERROR: ") for line in lines if not line.startswith(aside)
    ]
    return " ".join(filter(None, relevant)).removeprefix("error: ") or "it said nothing"


def _build_failure(text: str, sign: str) -> str:
    """Return the last line of what a build said; empty where it wasn't a build that failed.

    Its log may be thousands of lines; what went wrong is at its end.
    """
    log = re.search(sign, text, re.DOTALL)
    lines = log[1].splitlines() if log else []
    backwards = (line.strip() for line in reversed(lines))
    return next((line for line in backwards if line and not line.startswith("[std")), "")
