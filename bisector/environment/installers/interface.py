"""Resolves and installs releases: what the installers have in common."""

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

from bisector import masks, settings
from bisector.environment.installers.messages import (
    InstallFailedError,
    Signs,
    SilentError,
    failure,
    line_with,
    reason,
)
from bisector.errors import InstallerError
from bisector.model import File
from bisector.run import process

if TYPE_CHECKING:
    import threading

TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Resolution:
    """Versions that go together, as ``name==version``, and the SHA-256 of each wheel by name."""

    pins: tuple[str, ...]
    wheels: Mapping[str, str]


class Installer(Protocol):
    """Resolves and installs; those that there are stand in ``choice``."""

    def __init__(
        self, index_url: str, folder: Path, offline: bool = False, allow_build: bool = False
    ) -> None:
        """Work in ``folder``, from the index, or ``offline`` from what is cached.

        Without ``allow_build`` nothing is built, and no code of a release runs.
        """

    @property
    def name(self) -> str:
        """What ``--installer`` calls it."""

    @property
    def index_url(self) -> str:
        """The address of the index; it may carry a password."""

    @staticmethod
    def unfit() -> str:
        """Return why it can't run on this machine; empty where it can.

        It is asked on a cluster's workers, before anything is sent to one.
        """

    def at(self, folder: Path) -> Installer:
        """Return the same, working in another folder, on another machine say."""

    def state(self) -> str:
        """Return a digest that changes where it is set up otherwise.

        Empty where that can't be known: what it resolves then isn't used again.
        """

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
        for the one that is listed. Raises InstallFailedError where the requirements can't be met,
        and InstallerError where no release is to blame.
        """


def run(
    command: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    signs: Signs,
    cancelled: threading.Event | None,
) -> process.Completed:
    """Run an installer and return how it ended; its failure is told apart and raised.

    ``folder`` is its own: what is left of it when the driver is killed is found by it. ``environ``
    is set beside what any installer gets. What isn't on the index is asked for twice: an index
    that fails once may say the same.
    """
    from bisector.environment.installers.waiting import Waiting  # psutil, see `process`

    whole = {**process.installer_environ(), **environ}
    error: Exception | None = None
    while True:
        if cancelled is not None and cancelled.is_set():
            raise _stopped(process.Ended.CANCELLED.value)
        waiting = Waiting(folder, settings.patience_s(), cancelled)
        done = process.capture(
            command, environ=whole, timeout_s=TIMEOUT_S, cwd=folder, cancelled=waiting
        )
        if done.exit_status == 0:
            return done
        text = done.errors.decode(errors="replace").strip()
        for address in environ.values():
            text = text.replace(address.rstrip("/"), "the index") if "://" in address else text
        text = masks.addresses(text)
        if waiting.given_up:
            hint = "look at the network; UV_HTTP_TIMEOUT says how many seconds to wait"
            raise SilentError(waiting.given_up, hint)
        if done.ended is process.Ended.TIMEOUT:
            raise SilentError(
                f"the installer was not done after {TIMEOUT_S:g} s", reason(text)[-500:]
            )
        if done.exit_status is None or done.ended is not process.Ended.EXITED:
            how = done.signal if done.ended is process.Ended.EXITED else done.ended.value
            raise _stopped(how, reason(text)[-500:])
        again = error is None and line_with(text, signs.unlisted)
        error = failure(text, signs)
        if not (again and isinstance(error, InstallFailedError)):
            raise error


def _stopped(how: object, last: str = "") -> InstallerError:
    return InstallerError(f"the installer was stopped ({how})", last)


@contextmanager
def listed(requirement: str, signs: Signs) -> Iterator[None]:
    """Blame the index where it lists nothing of a project, whose releases are known from it."""
    project = canonicalize_name(Requirement(requirement).name)
    try:
        yield
    except InstallFailedError as error:
        names = {"project": re.escape(project), "requirement": re.escape(requirement)}
        if re.search(signs.nothing.format(**names), str(error)):
            raise InstallerError(
                f"the index lists no release of {project} to the installer",
                "look at the network, the index's address and its credentials",
            ) from error
        raise


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Give a new folder in ``folder``, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="installer-", dir=folder) as path:
        yield Path(path)


def written(path: Path, lines: Iterable[str]) -> str:
    """Write the lines and return the path, for a command line."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)
