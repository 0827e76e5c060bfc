"""Resolves and installs releases: with uv, or with pip for those whose settings live there."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import tomli
from packaging.utils import canonicalize_name
from uv import find_uv_bin

from bisector import process
from bisector.errors import InstallerError

TIMEOUT_S = 600.0


class InstallFailedError(Exception):
    """A release, as it is on the index, can't be installed here; its fault, not the installer's."""


class NotCachedError(Exception):
    """A release can't be had without the network, which must not be used."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """Versions that go together, as ``name==version``, and the SHA-256 of each wheel by name."""

    pins: tuple[str, ...]
    wheels: Mapping[str, str]


class Installer(Protocol):
    """Resolves and installs; the two behind it are uv and pip."""

    def resolve(self, python: str, requirements: Sequence[str], *, before: str = "") -> Resolution:
        """Return the newest versions that satisfy ``requirements``, uploaded ``before`` a time.

        Raises InstallFailedError where nothing does.
        """

    def install(
        self,
        python: str,
        requirements: Sequence[str],
        constraints: Iterable[str] = (),
        *,
        before: str = "",
    ) -> Mapping[str, str]:
        """Install for ``python``; return the SHA-256 of wheels that became known by it, by name.

        Raises InstallFailedError where the requirements can't be met.
        """


@dataclass(frozen=True, slots=True)
class Uv:
    """Installs with uv, from its own cache by hard links."""

    index_url: str
    folder: Path
    offline: bool = False
    allow_build: bool = False

    def resolve(self, python: str, requirements: Sequence[str], *, before: str = "") -> Resolution:
        """Return the newest versions that satisfy ``requirements``, uploaded ``before`` a time."""
        with _written(self.folder, "\n".join(requirements)) as wanted:
            output = self._run(
                ["compile", str(wanted), "--format", "pylock.toml", "--no-header"],
                ["--python", python],
                before,
            )
        pins, wheels = [], {}
        for package in tomli.loads(output).get("packages", []):
            if "version" in package:
                pins.append(f"{package['name']}=={package['version']}")
            for wheel in package.get("wheels", []):
                filename = wheel.get("name") or unquote(urlsplit(wheel["url"]).path)
                wheels[filename.rpartition("/")[2]] = wheel.get("hashes", {}).get("sha256", "")
        return Resolution(tuple(pins), wheels)

    def install(
        self,
        python: str,
        requirements: Sequence[str],
        constraints: Iterable[str] = (),
        *,
        before: str = "",
    ) -> Mapping[str, str]:
        """Install for ``python``; what uv installs from is known from resolving."""
        with _written(self.folder, "\n".join(constraints)) as held:
            self._run(
                ["install", *requirements, "--constraint", str(held)],
                ["--python", python],
                before,
            )
        return {}

    def _run(self, command: Sequence[str], options: Sequence[str], before: str) -> str:
        options = [*options, "--quiet", "--no-progress"]
        options += [] if self.allow_build else ["--only-binary", ":all:"]
        options += ["--offline"] if self.offline else []
        options += ["--exclude-newer", before] if before else []
        return _run([find_uv_bin(), "pip", *command, *options], self.index_url, self.folder)


@dataclass(frozen=True, slots=True)
class Pip:
    """Installs with pip, for those whose settings live in pip.conf."""

    index_url: str
    folder: Path
    offline: bool = False
    allow_build: bool = False

    def resolve(self, python: str, requirements: Sequence[str], *, before: str = "") -> Resolution:
        """Return the newest versions that satisfy ``requirements``, uploaded ``before`` a time."""
        options = ["--dry-run", "--ignore-installed"]
        report = self._run(python, requirements, (), before, options)
        return Resolution(tuple(_pins(report)), _report_hashes(report))

    def install(
        self,
        python: str,
        requirements: Sequence[str],
        constraints: Iterable[str] = (),
        *,
        before: str = "",
    ) -> Mapping[str, str]:
        """Install for ``python``; return the SHA-256 of each wheel, by its name."""
        report = self._run(python, requirements, constraints, before, [])
        return _report_hashes(report)

    def _run(
        self,
        python: str,
        requirements: Sequence[str],
        constraints: Iterable[str],
        before: str,
        options: Sequence[str],
    ) -> dict[str, Any]:
        from virtualenv.seed.wheels.embed import get_embed_wheel

        series = f"{sys.version_info.major}.{sys.version_info.minor}"
        pip = get_embed_wheel("pip", series)
        if pip is None:
            raise InstallerError(f"virtualenv brings no pip for {series}", "use --installer uv")
        options = [*options, "--quiet", "--no-input", "--disable-pip-version-check"]
        options += [] if self.allow_build else ["--only-binary", ":all:"]
        options += ["--no-index"] if self.offline else []
        options += ["--uploaded-prior-to", before] if before else []
        with (
            _written(self.folder, "\n".join(constraints)) as held,
            _written(self.folder, "") as report,
        ):
            command = [sys.executable, f"{pip.path}/pip", "--python", python, "install"]
            command += [*requirements, "--constraint", str(held), "--report", str(report)]
            _run([*command, *options], self.index_url, self.folder)
            data: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
            return data


def _run(command: Sequence[str], index_url: str, folder: Path) -> str:
    """Run an installer and return its standard output; its failure is told apart and raised."""
    environ = process.installer_environ()
    # Not as an argument: the address may carry a password, and arguments are public.
    environ |= {"UV_DEFAULT_INDEX": index_url, "PIP_INDEX_URL": index_url}
    done = process.capture(command, environ=environ, timeout_s=TIMEOUT_S, cwd=folder)
    if done.exit_status == 0:
        return done.output.decode(errors="replace")
    said = done.errors.decode(errors="replace").strip()
    said = said.replace(index_url, "the index")
    if done.exit_status is None:
        raise InstallerError(f"the installer was stopped ({done.ended.value})", said[-500:])
    if any(sign in said for sign in _MACHINE):
        raise InstallerError(f"the installer failed: {_last(said)}", "look at the disk and limits")
    if any(sign in said for sign in _OFFLINE):
        raise NotCachedError("not in the installer's cache, and --offline was given")
    if any(sign in said for sign in _NETWORK):
        raise InstallerError(
            f"the installer can't reach the index: {_last(said)}",
            "look at the network, the index's address and its credentials",
        )
    raise InstallFailedError(said)


_MACHINE = ("No space left on device", "Too many open files", "Disk quota exceeded", "os error 28")
_OFFLINE = ("the network was disabled",)
_NETWORK = (
    "error sending request",
    "Request failed after",
    "Failed to establish a new connection",
    "Max retries exceeded",
    "Read timed out",
    "401 ",
    "403 Client Error",
)


@contextmanager
def _written(folder: Path, text: str) -> Iterator[Path]:
    """Give a file with ``text``, gone afterwards."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", dir=folder, encoding="utf-8") as file:
        file.write(text)
        file.flush()
        yield Path(file.name)


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


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
