"""Installs with pip, for those whose settings live in pip.conf."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from bisector.environment.installers.interface import (
    Resolution,
    listed,
    run,
    scratch,
    written,
)
from bisector.environment.installers.messages import (
    BuildFailedError,
    InstallFailedError,
    NotCachedError,
    Signs,
)
from bisector.errors import InstallerError
from bisector.model import File

if TYPE_CHECKING:
    import threading


_BUILD_FAILED = re.compile(r"ERROR: .* exited with -?\d+")
_LOG = "pip.log"
_SIGNS = Signs(
    release=(
        r"No matching distribution found",
        r"ResolutionImpossible",
        r"has invalid metadata",
        r"has an invalid wheel",
        r"is not compatible with this version of pip",
        r"trying to install outside the target directory",
        r"is not a supported wheel on this platform",
        r"requires a different Python",
        r"subprocess-exited-with-error",
        r"metadata-generation-failed",
        r"Failed to build",
        r"has inconsistent (name|version)",
        r"--allow-build",
        r"No permission to execute",
    ),
    unlisted=(r"\(from versions: none\)",),
    nothing=r"requirement {requirement} \(from versions: none\)",
    mismatch=(r"DO NOT MATCH THE HASHES",),
    build=r"─> \[\d+ lines of output\]\n(.*?)\n *\[end of output\]",
)
"""What pip says of releases; the last two where it was kept from building or cloning one."""


@dataclass(frozen=True, slots=True)
class Pip:
    """Installs with pip; see ``Installer``."""

    index_url: str = field(repr=False)  # it may carry a password
    folder: Path
    offline: bool = False
    allow_build: bool = False
    name: ClassVar[str] = "pip"

    @staticmethod
    def unfit() -> str:
        """Return why it can't run on this machine: never, it comes with virtualenv."""
        return ""

    def at(self, folder: Path) -> Pip:
        """Return the same, working in another folder."""
        return replace(self, folder=folder)

    def state(self) -> str:
        """Return nothing: what it goes by is in files of all kinds."""
        return ""

    def resolve(
        self,
        python: str,
        requirements: Sequence[str],
        *,
        before: str = "",
        offline: bool = False,
        fetch: bool = False,  # noqa: ARG002  # it asks the index for what is in its cache, too
        cancelled: threading.Event | None = None,
    ) -> Resolution:
        """Return the newest versions that satisfy ``requirements``, uploaded ``before`` a time."""
        options = ["--dry-run", "--ignore-installed"]
        report = self._run(python, requirements, (), before, options, cancelled, offline=offline)
        return Resolution(tuple(_pins(report)), _report_hashes(report))

    def fetch(self, *_: object, **__: object) -> bool:
        """Do nothing: it asks the index for what is in its cache, too."""
        return False

    def install(
        self,
        python: str,
        requirements: Sequence[str],
        constraints: Iterable[str] = (),
        *,
        before: str = "",
        wheels: Sequence[File] = (),  # noqa: ARG002  # it asks the index for what is listed, too
        cancelled: threading.Event | None = None,
    ) -> Mapping[str, str]:
        """Install for ``python``; return the SHA-256 of each wheel, by its name."""
        if not requirements:
            return {}
        with listed(requirements[0], _SIGNS):
            report = self._run(python, requirements, constraints, before, [], cancelled)
        return _report_hashes(report)

    def _run(
        self,
        python: str,
        requirements: Sequence[str],
        constraints: Iterable[str],
        before: str,
        options: Sequence[str],
        cancelled: threading.Event | None,
        *,
        offline: bool = False,
    ) -> dict[str, Any]:
        if self.offline or offline:
            # It has no way to take from its cache alone: it asks the index what there is.
            raise NotCachedError("pip can't install with --offline; uv can, from its cache")
        options = [*options, "--quiet", "--no-input", "--disable-pip-version-check"]
        options += [] if self.allow_build else ["--only-binary", ":all:"]
        options += ["--uploaded-prior-to", before] if before else []
        with scratch(self.folder) as folder:
            # It says what it installed; with one hash given, it would require them of everything.
            plain = [constraint.partition(" --hash=")[0] for constraint in constraints]
            constraints_file = written(folder / "constraints.txt", plain)
            report = folder / "report.json"
            command = [python, "-I", *self._program(), "install", *requirements]
            command += ["--constraint", constraints_file, "--report", str(report), "--log", _LOG]
            # Not as an argument: the address may carry a password, and arguments are public.
            environ = {"PIP_INDEX_URL": self.index_url}
            try:
                run([*command, *options], environ, folder, _SIGNS, cancelled)
            except InstallFailedError as error:
                if unread := _unread(folder / _LOG):
                    raise InstallerError(
                        f"the installer can't use the index: {unread}",
                        "look at the network, the index's address and its credentials",
                    ) from error
                if built := _build_end(folder / _LOG):
                    raise BuildFailedError(built) from error
                raise
            data: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
            return data

    def _program(self) -> list[str]:
        """Return what is given to an interpreter to run pip in it, without building if need be."""
        from virtualenv.seed.wheels.embed import get_embed_wheel

        series = f"{sys.version_info.major}.{sys.version_info.minor}"
        pip = get_embed_wheel("pip", series)
        if pip is None:
            raise InstallerError(f"virtualenv brings no pip for {series}", "use --installer uv")
        if self.allow_build:
            return [f"{pip.path}/pip"]
        return [str(Path(__file__).with_name("pip_without_building.py")), str(pip.path)]


def _unread(log: Path) -> str:
    """Return what kept pip from reading a page of the index; empty where nothing did.

    To its user it only says that it found nothing there.
    """
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    failed = re.findall(r"Could not fetch URL \S+ (.*?)(?: - skipping)?$", text, re.MULTILINE)
    return next((why for why in failed if not re.match(r"(404|410) ", why)), "")


def _pins(report: Mapping[str, Any]) -> list[str]:
    metadata = [item["metadata"] for item in report.get("install", [])]
    return sorted(f"{canonicalize_name(m['name'])}=={m['version']}" for m in metadata)


def _report_hashes(report: Mapping[str, Any]) -> dict[str, str]:
    hashes = {}
    for item in report.get("install", []):
        info = item.get("download_info", {})
        filename = unquote(urlsplit(info.get("url", "")).path).rpartition("/")[2]
        hashes[filename] = info.get("archive_info", {}).get("hashes", {}).get("sha256", "")
    return hashes


def _build_end(log: Path) -> str:
    """Return the last line of what a build that failed said; empty where none did.

    With a log, what a build says is there alone.
    """
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [re.sub(r"^\d{4}-\d\d-\d\dT\S+ ", "", line).strip() for line in text.splitlines()]
    ended = next((n for n, line in enumerate(lines) if _BUILD_FAILED.fullmatch(line)), 0)
    return next(filter(None, reversed(lines[:ended])), "")
