"""Resolves and installs releases: with uv, or with pip for those whose settings live there."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

import tomli
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bisector import process, settings
from bisector.errors import InstallerError

if TYPE_CHECKING:
    import threading

TIMEOUT_S = 600.0


class InstallFailedError(Exception):
    """A release, as it is on the index, can't be installed here; its fault, not the installer's."""


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
        cancelled: threading.Event | None = None,
    ) -> Resolution:
        """Return the newest versions that satisfy ``requirements``, uploaded ``before`` a time.

        Raises InstallFailedError where nothing does, NotCachedError where ``offline`` doesn't do.
        """

    def install(
        self,
        python: str,
        requirements: Sequence[str],
        constraints: Iterable[str] = (),
        *,
        before: str = "",
        cancelled: threading.Event | None = None,
        asking: Callable[[], None] | None = None,
    ) -> Mapping[str, str]:
        """Install for ``python``; return the SHA-256 of wheels that became known by it, by name.

        ``asking`` is called where the cache doesn't do and the index has to be asked.

        Constraints may carry ``--hash=sha256:…``: a file cached under the same name isn't taken
        for the one that is listed. Raises InstallFailedError where the requirements can't be met.
        """


@dataclass(frozen=True, slots=True)
class Uv:
    """Installs with uv, from its own cache by hard links."""

    index_url: str = field(repr=False)  # it may carry a password
    folder: Path
    offline: bool = False
    allow_build: bool = False

    def resolve(
        self,
        python: str,
        requirements: Sequence[str],
        *,
        before: str = "",
        offline: bool = False,
        cancelled: threading.Event | None = None,
    ) -> Resolution:
        """Return the newest versions that satisfy ``requirements``, uploaded ``before`` a time."""
        with _scratch(self.folder) as folder:
            wanted = _written(folder / "requirements.txt", requirements)
            command = ["compile", wanted, "--format", "pylock.toml", "--no-header"]
            command += ["--python", python]
            done = self._run(command, folder, before, cancelled, offline=offline)
        pins, wheels = [], {}
        for package in tomli.loads(done.output.decode()).get("packages", []):
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
        cancelled: threading.Event | None = None,
        asking: Callable[[], None] | None = None,
    ) -> Mapping[str, str]:
        """Install for ``python``; what uv installs from is known from resolving."""
        if not requirements:
            return {}
        constraints = list(constraints)
        with _scratch(self.folder) as folder:
            held = _written(folder / "constraints.txt", constraints)
            command = ["install", *requirements, "--constraint", held, "--python", python]

            def from_cache() -> bool | None:
                """Install without the index; return whether that is what it would have said.

                None where the cache doesn't have all.
                """
                with suppress(InstallFailedError, NotCachedError, MismatchError):
                    done = self._run(command, folder, before, cancelled, offline=True)
                    return _installed(done) <= _held((*requirements, *constraints))
                return None

            # What is held and in the cache already needs no index, and asking costs far more than
            # installing; only a time before which to look is a question to the index.
            if not (self.offline or before):
                if cached := from_cache():
                    return {}
                if asking:
                    asking()
                # Mostly it is the release alone that isn't there: the index needn't be asked about
                # each of those that are held.
                left_out = [*_nowhere(requirements, constraints)]
                if cached is None and left_out:
                    aside = ["--override", _written(folder / "overrides.txt", left_out)]
                    aside += ["--target", str(folder / "fetched")]
                    with _listed(requirements[0]):
                        self._run([*command, *aside], folder, before, cancelled)
                    if cached := from_cache():
                        return {}
                if cached is not None:
                    # The newest of what isn't held is for the index to say, not for the cache.
                    command.append("--upgrade")
            with _listed(requirements[0]):
                self._run(command, folder, before, cancelled)
        return {}

    def _run(
        self,
        command: Sequence[str],
        folder: Path,
        before: str,
        cancelled: threading.Event | None,
        *,
        offline: bool = False,
    ) -> process.Completed:
        options = ["--no-progress", *(["--quiet"] if "compile" in command else [])]
        options += [] if self.allow_build else ["--only-binary", ":all:"]
        options += ["--offline"] if self.offline or offline else []
        options += ["--exclude-newer", before] if before else []
        whole = [settings.uv_program(), "pip", *command, *options]
        return _run(whole, self.index_url, folder, cancelled)


@dataclass(frozen=True, slots=True)
class Pip:
    """Installs with pip, for those whose settings live in pip.conf."""

    index_url: str = field(repr=False)  # it may carry a password
    folder: Path
    offline: bool = False
    allow_build: bool = False

    def resolve(
        self,
        python: str,
        requirements: Sequence[str],
        *,
        before: str = "",
        offline: bool = False,
        cancelled: threading.Event | None = None,
    ) -> Resolution:
        """Return the newest versions that satisfy ``requirements``, uploaded ``before`` a time."""
        options = ["--dry-run", "--ignore-installed"]
        report = self._run(python, requirements, (), before, options, cancelled, offline=offline)
        return Resolution(tuple(_pins(report)), _report_hashes(report))

    def install(
        self,
        python: str,
        requirements: Sequence[str],
        constraints: Iterable[str] = (),
        *,
        before: str = "",
        cancelled: threading.Event | None = None,
        asking: Callable[[], None] | None = None,  # noqa: ARG002  # it doesn't tell
    ) -> Mapping[str, str]:
        """Install for ``python``; return the SHA-256 of each wheel, by its name."""
        if not requirements:
            return {}
        with _listed(requirements[0]):
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
        from virtualenv.seed.wheels.embed import get_embed_wheel

        series = f"{sys.version_info.major}.{sys.version_info.minor}"
        pip = get_embed_wheel("pip", series)
        if pip is None:
            raise InstallerError(f"virtualenv brings no pip for {series}", "use --installer uv")
        options = [*options, "--quiet", "--no-input", "--disable-pip-version-check"]
        options += [] if self.allow_build else ["--only-binary", ":all:"]
        options += ["--uploaded-prior-to", before] if before else []
        with _scratch(self.folder) as folder:
            # It says what it installed; with one hash given, it would require them of everything.
            plain = [constraint.partition(" --hash=")[0] for constraint in constraints]
            held, report = _written(folder / "constraints.txt", plain), folder / "report.json"
            command = [sys.executable, f"{pip.path}/pip", "--python", python, "install"]
            command += [*requirements, "--constraint", held, "--report", str(report)]
            _run([*command, *options], self.index_url, folder, cancelled)
            data: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
            return data


def _run(
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


@contextmanager
def _listed(requirement: str) -> Iterator[None]:
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
def _scratch(folder: Path) -> Iterator[Path]:
    """Give a new folder in ``folder``, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="installer-", dir=folder) as made:
        yield Path(made)


def _written(path: Path, lines: Iterable[str]) -> str:
    """Write the lines and return the path, for a command line."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def _installed(done: process.Completed) -> set[str]:
    """Return the names of what uv says it has installed."""
    named = re.findall(r"^ \+ ([\w.-]+)==", done.errors.decode(errors="replace"), re.MULTILINE)
    return set(map(canonicalize_name, named))


def _nowhere(requirements: Sequence[str], constraints: Iterable[str]) -> Iterator[str]:
    """Yield overrides by which nothing that is held is installed, but for what is required."""
    named = {canonicalize_name(Requirement(text).name) for text in requirements}
    for text in constraints:
        name = canonicalize_name(Requirement(text.partition(" --hash=")[0]).name)
        if name not in named:
            yield f"{name}; python_version < '0'"


def _held(requirements: Iterable[str]) -> set[str]:
    """Return the names that are pinned to one version."""
    read = (Requirement(text.partition(" --hash=")[0]) for text in requirements)
    return {canonicalize_name(r.name) for r in read if r.url or str(r.specifier).startswith("==")}


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
