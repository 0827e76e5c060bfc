"""Installs with uv, from its own cache by hard links.

The index's page of a project may be large, and uv asks for it anew wherever the index doesn't say
how long it lasts. What has been listed already is fetched without it, by a lock file of its own.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import unquote, urlsplit

import tomli
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bisector import atomic, settings
from bisector.environment.installers import uv_files
from bisector.environment.installers.interface import (
    Resolution,
    listed,
    run,
    scratch,
    written,
)
from bisector.environment.installers.messages import (
    InstallFailedError,
    MismatchError,
    NotCachedError,
    Signs,
)
from bisector.errors import InstallerError
from bisector.model import File
from bisector.run import process

if TYPE_CHECKING:
    import threading

_SIGNS = Signs(
    release=(
        r"we can conclude that",
        r"was included as a URL dependency",
        r"must not use the reserved name",
        r"The wheel is invalid",
        r"`RECORD` file is invalid",
        r"\.dist-info/(RECORD|WHEEL|METADATA)`: No such file",
        r"does not match (given|filename)",
        r"Building source distributions",
        r"(The build backend|build backend) returned an error",
        r"Failed to build `",
        r"is not compatible with the current",
        r"requires a different Python",
    ),
    unlisted=(r"was not found in the package registry",),
    nothing=r"Because {project} was not found in the package registry",
    mismatch=(r"Hash mismatch",),
    build=r"Failed to build .*?\n *\[(?:stdout|stderr)\]\n(.*?)(?=\n\S|\Z)",
    offline=(r"[Nn]etwork (connectivity )?(was|is) disabled",),
)
"""What uv says of releases: its resolver concludes, the rest is said of wheels and of builds."""


@dataclass(frozen=True, slots=True)
class Uv:
    """Installs with uv; see ``Installer``."""

    index_url: str = field(repr=False)  # it may carry a password
    folder: Path
    offline: bool = False
    allow_build: bool = False
    name: ClassVar[str] = "uv"

    @staticmethod
    def unfit() -> str:
        """Return why it can't run on this machine; empty where it can."""
        try:
            settings.uv_program()
        except FileNotFoundError:
            return "it has no uv"
        return ""

    def at(self, folder: Path) -> Uv:
        """Return the same, working in another folder."""
        return replace(self, folder=folder)

    def state(self) -> str:
        """Return a digest of its settings; empty where files count whose content may change."""
        # A folder is asked each time, as with listings.
        return "" if urlsplit(self.index_url).scheme == "file" else settings.uv_state()

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
        """Return the newest versions that satisfy ``requirements``, uploaded ``before`` a time."""
        with self._scratch() as folder:
            wanted = written(folder / "requirements.txt", requirements)
            command = ["compile", wanted, "--format", "pylock.toml", "--no-header"]
            command += ["--python", python]
            done = self._run(command, folder, before, cancelled, offline=offline)
        packages = tomli.loads(done.output.decode()).get("packages", [])
        if fetch:
            with self._fetched(python, packages, cancelled):
                pass
        pins, wheels = [], {}
        for package in packages:
            if "version" in package:
                pins.append(f"{package['name']}=={package['version']}")
            for wheel in package.get("wheels", []):
                filename = wheel.get("name") or unquote(urlsplit(wheel["url"]).path)
                wheels[filename.rpartition("/")[2]] = wheel.get("hashes", {}).get("sha256", "")
        return Resolution(tuple(pins), wheels)

    def fetch(
        self,
        python: str,
        project: str,
        wheels: Sequence[File],
        *,
        cancelled: threading.Event | None = None,
    ) -> bool:
        """Put that of a release's ``wheels`` into the cache which ``python`` takes.

        Return whether that was done now; it isn't where it was before.
        """
        stored = _metadata_file(wheels)
        if self.offline or stored.exists() or not settings.uv_looks_around():
            return False
        sources = [
            {"name": wheel.filename, "url": wheel.url, "hashes": {"sha256": wheel.sha256}}
            for wheel in wheels
        ]
        version = wheels[0].filename.split("-")[1]
        package = {"name": project, "version": version, "wheels": sources}
        with self._fetched(python, [package], cancelled) as fetched:
            for metadata in fetched.glob("*.dist-info/METADATA"):
                if static := uv_files.static_metadata(metadata.read_text("utf-8", "replace")):
                    with suppress(OSError):
                        atomic.write(stored, static.encode())
                        return True
        return False

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
        """Install for ``python``; what uv installs from is known from resolving."""
        if not requirements:
            return {}
        constraints = list(constraints)
        with self._scratch() as folder:
            constraints_file = written(folder / "constraints.txt", constraints)
            command = ["install", *requirements, "--constraint", constraints_file]
            command += ["--python", python]
            # What is held and in the cache already needs no index, and asking costs far more than
            # installing; only a time before which to look is a question to the index.
            if not (self.offline or before):
                cached = self._from_cache(command, wheels, folder, cancelled)
                if cached is None and wheels:
                    project = Requirement(requirements[0]).name
                    if self.fetch(python, project, wheels, cancelled=cancelled):
                        cached = self._from_cache(command, wheels, folder, cancelled)
                if cached and cached <= _pinned((*requirements, *constraints)):
                    return {}
                if cached is not None:
                    # The newest of what isn't held is for the index to say, not for the cache.
                    command += ["--upgrade", "--exact"]
            with listed(requirements[0], _SIGNS):
                self._run(command, folder, before, cancelled)
        return {}

    def _from_cache(
        self,
        command: Sequence[str],
        wheels: Sequence[File],
        folder: Path,
        cancelled: threading.Event | None,
    ) -> set[str] | None:
        """Install without the index; return what was, or None where that can't be done."""
        stored, project = _metadata_file(wheels), folder / "pyproject.toml"
        with suppress(OSError):
            shutil.copyfile(stored, project)
        try:
            return _installed(self._run(command, folder, "", cancelled, offline=True))
        except (NotCachedError, MismatchError):
            with suppress(OSError):
                stored.unlink()  # without the wheel it is of no use
            return None
        except (InstallFailedError, InstallerError):
            return None  # whatever goes wrong does so again with the index, and is told then
        finally:
            project.write_text(uv_files.project(), encoding="utf-8")

    @contextmanager
    def _fetched(
        self, python: str, packages: Sequence[uv_files.Package], cancelled: threading.Event | None
    ) -> Iterator[Path]:
        """Give the folder with what a lock file names, be it there; it is in the cache now."""
        index = settings.without_credentials(self.index_url)
        with self._scratch() as folder:
            lock, fetched = folder / "pylock.toml", folder / "to"
            lock.write_text(uv_files.lock(packages, index), encoding="utf-8")
            command = ["install", "--requirements", str(lock), "--python", python]
            with suppress(InstallFailedError, InstallerError):
                self._run([*command, "--target", str(fetched)], folder, "", cancelled)
            yield fetched

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """Give a new folder to run in, which no project's settings reach."""
        with scratch(self.folder) as folder:
            project = folder / "pyproject.toml"
            project.write_text(uv_files.project(), encoding="utf-8")
            yield folder

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
        # Not as an argument: the address may carry a password, and arguments are public.
        environ = {"UV_DEFAULT_INDEX": self.index_url}
        # It would clone a repository before it refuses to build what is in it.
        environ |= {} if self.allow_build else {"GIT_ALLOW_PROTOCOL": "none"}
        return run(whole, environ, folder, _SIGNS, cancelled)


def _metadata_file(wheels: Sequence[File]) -> Path:
    """Return where the metadata of that of the ``wheels`` is kept which an interpreter takes."""
    digests = " ".join(str(wheel.sha256) for wheel in wheels)
    name = f"{hashlib.sha256(digests.encode()).hexdigest()}.toml"
    return settings.cache_dir() / "metadata" / name


def _installed(done: process.Completed) -> set[str]:
    """Return the names of what uv says it has installed."""
    named = re.findall(r"^ \+ ([\w.-]+)==", done.errors.decode(errors="replace"), re.MULTILINE)
    return set(map(canonicalize_name, named))


def _pinned(requirements: Iterable[str]) -> set[str]:
    """Return the names that are pinned to one version."""
    read = (Requirement(text.partition(" --hash=")[0]) for text in requirements)
    return {canonicalize_name(r.name) for r in read if r.url or str(r.specifier).startswith("==")}
