"""Installs with uv, from its own cache by hard links.

The index's page of a project may be large, and uv asks for it anew wherever the index doesn't say
how long it lasts. What has been listed already is fetched without it, by a lock file of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import tomli
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bisector import atomic, settings
from bisector.environment.installers.interface import (
    InstallFailedError,
    MismatchError,
    NotCachedError,
    Resolution,
    listed,
    run,
    scratch,
    written,
)
from bisector.errors import InstallerError
from bisector.model import File
from bisector.run import process

if TYPE_CHECKING:
    import threading

_NO_PROJECT = "[tool.uv]\nmanaged = false\n"
"""The settings of a project that is none: without it, those of a folder above would count."""

Package = Mapping[str, Any]
"""A distribution of one version, as ``packages`` of a lock file has it (PEP 751)."""


@dataclass(frozen=True, slots=True)
class Uv:
    """Installs with uv; see ``Installer``."""

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
        kept = _kept(wheels)
        if self.offline or kept.exists() or not settings.uv_looks_around():
            return False
        told = [
            {"name": wheel.filename, "url": wheel.url, "hashes": {"sha256": wheel.sha256}}
            for wheel in wheels
        ]
        version = wheels[0].filename.split("-")[1]
        package = {"name": project, "version": version, "wheels": told}
        with self._fetched(python, [package], cancelled) as fetched:
            for metadata in fetched.glob("*.dist-info/METADATA"):
                if static := _static(metadata.read_text("utf-8", "replace")):
                    with suppress(OSError):
                        atomic.write(kept, static.encode())
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
            held = written(folder / "constraints.txt", constraints)
            command = ["install", *requirements, "--constraint", held, "--python", python]
            # What is held and in the cache already needs no index, and asking costs far more than
            # installing; only a time before which to look is a question to the index.
            if not (self.offline or before):
                cached = self._from_cache(command, wheels, folder, cancelled)
                if cached is None and wheels:
                    project = Requirement(requirements[0]).name
                    if self.fetch(python, project, wheels, cancelled=cancelled):
                        cached = self._from_cache(command, wheels, folder, cancelled)
                if cached and cached <= _held((*requirements, *constraints)):
                    return {}
                if cached is not None:
                    # The newest of what isn't held is for the index to say, not for the cache.
                    command += ["--upgrade", "--exact"]
            with listed(requirements[0]):
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
        kept, project = _kept(wheels), folder / "pyproject.toml"
        with suppress(OSError):
            shutil.copyfile(kept, project)
        try:
            return _installed(self._run(command, folder, "", cancelled, offline=True))
        except InstallFailedError:
            return None
        except (NotCachedError, MismatchError):
            with suppress(OSError):
                kept.unlink()  # without the wheel it is of no use
            return None
        finally:
            project.write_text(_NO_PROJECT, encoding="utf-8")

    @contextmanager
    def _fetched(
        self, python: str, packages: Sequence[Package], cancelled: threading.Event | None
    ) -> Iterator[Path]:
        """Give the folder with what a lock file names, be it there; it is in the cache now."""
        index = settings.without_credentials(self.index_url)
        with self._scratch() as folder:
            lock, fetched = written(folder / "pylock.toml", _lock(packages, index)), folder / "to"
            command = ["install", "--requirements", lock, "--python", python]
            with suppress(InstallFailedError, InstallerError):
                self._run([*command, "--target", str(fetched)], folder, "", cancelled)
            yield fetched

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """Give a new folder to run in, which no project's settings reach."""
        with scratch(self.folder) as folder:
            (folder / "pyproject.toml").write_text(_NO_PROJECT, encoding="utf-8")
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
        return run(whole, self.index_url, folder, cancelled)


def _lock(packages: Iterable[Package], index: str) -> Iterator[str]:
    """Yield the lines of a lock file (PEP 751) with the wheels of the ``packages``.

    Those of which no other index is told are of ``index``: under its name uv keeps them.
    """
    yield 'lock-version = "1.0"'
    yield 'created-by = "bisector"'
    for package in packages:
        wheels = [
            f"{{{named}url = {_quoted(wheel['url'])}, hashes = {{sha256 = {_quoted(sha256)}}}}}"
            for wheel in package.get("wheels", [])
            if (sha256 := wheel.get("hashes", {}).get("sha256")) and "url" in wheel
            for named in [f"name = {_quoted(wheel['name'])}, " if "name" in wheel else ""]
        ]
        if wheels and "version" in package:
            told = {"index": index, **package}
            yield "[[packages]]"
            yield from (f"{key} = {_quoted(told[key])}" for key in ("name", "version", "index"))
            yield f"wheels = [{', '.join(wheels)}]"


def _kept(wheels: Sequence[File]) -> Path:
    """Return where the metadata of that of the ``wheels`` is kept which an interpreter takes."""
    told = " ".join(str(wheel.sha256) for wheel in wheels)
    return settings.cache_dir() / "metadata" / f"{hashlib.sha256(told.encode()).hexdigest()}.toml"


def _static(metadata: str) -> str:
    """Return a wheel's core metadata as uv's settings have it, so that no index is asked for it.

    See https://docs.astral.sh/uv/reference/settings/#dependency-metadata. Empty where the metadata
    is malformed: what uv makes of that is for uv to say.
    """
    told = HeaderParser().parsestr(metadata)
    once = ("Name", "Version", "Requires-Python")
    fields = {name: told.get_all(name, []) for name in (*once, "Requires-Dist", "Provides-Extra")}
    if told.defects or any(len(fields[name]) > 1 for name in once):
        return ""
    lines = [*_NO_PROJECT.splitlines(), "[[tool.uv.dependency-metadata]]"]
    lines += [f"{name.lower()} = {_quoted(text)}" for name in once for text in fields.pop(name)]
    for name, texts in fields.items():
        lines.append(f"{name.lower()} = [{', '.join(map(_quoted, texts))}]")
    return "".join(f"{line}\n" for line in lines)


def _quoted(text: str) -> str:
    """Return a TOML string."""
    return json.dumps(text, ensure_ascii=False)


def _installed(done: process.Completed) -> set[str]:
    """Return the names of what uv says it has installed."""
    named = re.findall(r"^ \+ ([\w.-]+)==", done.errors.decode(errors="replace"), re.MULTILINE)
    return set(map(canonicalize_name, named))


def _held(requirements: Iterable[str]) -> set[str]:
    """Return the names that are pinned to one version."""
    read = (Requirement(text.partition(" --hash=")[0]) for text in requirements)
    return {canonicalize_name(r.name) for r in read if r.url or str(r.specifier).startswith("==")}
