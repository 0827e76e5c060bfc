"""Resolves and installs releases: what the installers have in common, and how they fail."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bisector.errors import InstallerError
from bisector.model import File
from bisector.run import process

if TYPE_CHECKING:
    import threading

TIMEOUT_S = 600.0


class InstallFailedError(Exception):
    """A release, as it is on the index, can't be installed here; its fault, not the installer's."""


class BuildFailedError(InstallFailedError):
    """A release, or what it depends on, was to be built, and its own build code failed."""


class MismatchError(InstallerError):
    """A file isn't the one that was listed under its name."""


class NotCachedError(Exception):
    """A release can't be had without the network, which must not be used."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """Versions that go together, as ``name==version``, and the SHA-256 of each wheel by name."""

    pins: tuple[str, ...]
    wheels: Mapping[str, str]


class Installer(Protocol):
    """Resolves and installs; the two behind it are uv and pip."""

    def resolve(
        self,
        python: str,
        requirements: Sequence[str],
        *,
        before: str = "",
        offline: bool = False,
        fetch: bool = False,
        cancelled: threading.Event | None = None,
    ) -> Resolution:
        """Return the newest versions that satisfy ``requirements``, uploaded ``before`` a time.

        With ``fetch`` they are put into the cache, if that can be. Raises InstallFailedError where
        nothing does, NotCachedError where ``offline`` doesn't do.
        """

    def fetch(
        self,
        python: str,
        project: str,
        wheels: Sequence[File],
        *,
        cancelled: threading.Event | None = None,
    ) -> bool:
        """Put that of a release's ``wheels`` into the cache which ``python`` takes.

        Return whether that was done now. Whatever goes wrong does so again where it is installed,
        and is told then.
        """

    def install(
        self,
        python: str,
        requirements: Sequence[str],
        constraints: Iterable[str] = (),
        *,
        before: str = "",
        wheels: Sequence[File] = (),
        cancelled: threading.Event | None = None,
    ) -> Mapping[str, str]:
        """Install for ``python``; return the SHA-256 of wheels that became known by it, by name.

        ``wheels`` are those listed for the first of the ``requirements`` that ``python`` takes,
        best first: with them the index needn't be asked what there is.

        Constraints may carry ``--hash=sha256:…``: a file cached under the same name isn't taken
        for the one that is listed. Raises InstallFailedError where the requirements can't be met.
        """


def run(
    command: Sequence[str], index_url: str, folder: Path, cancelled: threading.Event | None
) -> process.Completed:
    """Run an installer and return how it ended; its failure is told apart and raised.

    ``folder`` is its own: what is left of it when the driver is killed is found by it.
    """
    environ = process.installer_environ()
    # Not as an argument: the address may carry a password, and arguments are public.
    environ |= {"UV_DEFAULT_INDEX": index_url, "PIP_INDEX_URL": index_url}
    done = process.capture(
        command, environ=environ, timeout_s=TIMEOUT_S, cwd=folder, cancelled=cancelled
    )
    if done.exit_status == 0:
        return done
    said = done.errors.decode(errors="replace").strip()
    said = said.replace(index_url.rstrip("/"), "the index")
    if done.exit_status is None or done.ended is not process.Ended.EXITED:
        how = done.signal if done.ended is process.Ended.EXITED else done.ended.value
        raise InstallerError(f"the installer was stopped ({how})", _reason(said)[-500:])
    if sign := _sign(said, _MACHINE):
        raise InstallerError(f"the installer failed: {sign}", "look at the disk and limits")
    if sign := _sign(said, ("Hash mismatch",)):
        raise MismatchError(
            f"the index serves another file than it listed: {sign.rstrip(':')}",
            "--refresh lists the releases anew",
        )
    if _sign(said, _OFFLINE):
        raise NotCachedError("not in the installer's cache, and --offline was given")
    if sign := _sign(said, _NETWORK):
        raise InstallerError(
            f"the installer can't use the index: {sign}",
            "look at the network, the index's address and its credentials",
        )
    if built := _build_failure(said):
        raise BuildFailedError(built)
    raise InstallFailedError(_reason(said))


_MACHINE = ("No space left on device", "Too many open files", "Disk quota exceeded", "os error 28")
_OFFLINE = ("the network was disabled",)
_NETWORK = (
    "401 Unauthorized",
    "403 Forbidden",
    "HTTP status server error",
    "401 Client Error",
    "403 Client Error",
    "Server Error",
    "error sending request",
    "Request failed after",
    "Connection refused",
    "Failed to establish a new connection",
    "Max retries exceeded",
    "Read timed out",
)


def _sign(said: str, signs: Sequence[str]) -> str:
    """Return the last line with one of the ``signs`` in it; empty where there is none."""
    lines = [line.strip() for line in said.splitlines() if any(sign in line for sign in signs)]
    return re.sub(r"^(cause|hint|error|ERROR|WARNING): ", "", lines[-1]) if lines else ""


def _reason(said: str) -> str:
    """Return why an installer failed on one line, without what it says beside."""
    _, caused, cause = said.partition("\n  cause: ")
    lines = (cause if caused else said).partition("\n\nhint: ")[0].splitlines()
    aside = ("WARNING: ", "ERROR: Ignored the following ")
    told = [line.strip().removeprefix("ERROR: ") for line in lines if not line.startswith(aside)]
    return " ".join(filter(None, told)).removeprefix("error: ") or "it said nothing"


_BUILD_LOG = re.compile(
    r"Failed to build .*?\n *\[(?:stdout|stderr)\]\n(?P<uv>.*?)(?=\n\S|\Z)"
    r"|─> \[\d+ lines of output\]\n(?P<pip>.*?)\n *\[end of output\]",
    re.DOTALL,
)


def _build_failure(said: str) -> str:
    """Return the last line of what a build said; empty where it wasn't a build that failed.

    Its log may be thousands of lines; what went wrong is at its end.
    """
    found = _BUILD_LOG.search(said)
    if found is None:
        return ""
    lines = (found["uv"] or found["pip"] or "").splitlines()
    told = (line.strip() for line in reversed(lines))
    return next((line for line in told if line and not line.startswith("[std")), "")


@contextmanager
def listed(requirement: str) -> Iterator[None]:
    """Blame the index where it lists nothing of a project, whose releases are known from it."""
    project = canonicalize_name(Requirement(requirement).name)
    try:
        yield
    except InstallFailedError as error:
        unlisted = f"requirement {requirement} (from versions: none)"
        if f"Because {project} was not found in the package registry" in str(error) or (
            unlisted in str(error)
        ):
            raise InstallerError(
                f"the index lists no release of {project} to the installer",
                "look at the network, the index's address and its credentials",
            ) from error
        raise


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Give a new folder in ``folder``, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="installer-", dir=folder) as made:
        yield Path(made)


def written(path: Path, lines: Iterable[str]) -> str:
    """Write the lines and return the path, for a command line."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)
