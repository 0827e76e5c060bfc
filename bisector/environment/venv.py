"""Makes a throw-away environment, copies, moves and compares one."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bisector.environment import installed
from bisector.errors import InstallerError
from bisector.model import Distribution, Interpreter
from bisector.run import records

_LAYOUT = "layout.json"
_SHEBANG_BYTES = 1024
_TRIES = 3
_MAKING = threading.RLock()  # virtualenv's discovery and application data are not thread-safe


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment: its folder, its interpreter, where its packages and scripts lie."""

    prefix: Path
    python: Path
    site_packages: Path
    scripts: Path

    def distributions(self, wheels: Mapping[str, str]) -> tuple[Distribution, ...]:
        """Return what is installed, sorted by name, with the hash of each wheel in ``wheels``."""
        return installed.distributions(self.site_packages, wheels)

    def modules(self, package: str) -> frozenset[str]:
        """Return the names under which ``package`` is imported; none where it isn't installed.

        Of a namespace package (PEP 420) they are those below it.
        """
        return self.providers().get(package, frozenset())

    def providers(self) -> dict[str, frozenset[str]]:
        """Return the modules that each distribution brings, by its name."""
        return installed.providers(self.site_packages)


def make(prefix: Path, interpreter: Interpreter) -> Environment:
    """Return a new, empty environment at ``prefix`` that carries the harness.

    virtualenv keeps nothing in the user's folder, in which the runs of a command are watched for
    what they change.
    """
    from virtualenv import session_via_cli  # it costs 0.1 s, and an answer from the store none

    prefix = prefix.resolve()  # as virtualenv does
    arguments = [str(prefix), "--no-seed", "--python", interpreter.executable]
    arguments += ["--activators", "", "--no-periodic-update"]
    try:
        with _MAKING, tempfile.TemporaryDirectory() as app_data:
            session = session_via_cli([*arguments, "--app-data", app_data], setup_logging=False)
            session.run()
    except (OSError, RuntimeError, SystemExit) as error:  # it exits where it doesn't like a path
        raise _unmade(prefix, error) from error
    creator: Any = session.creator
    environment = Environment(
        prefix, Path(creator.exe), Path(creator.purelib), Path(creator.script_dir)
    )
    records.install(environment.site_packages)
    return environment


def empty(root: Path, interpreter: Interpreter) -> Environment:
    """Return an empty environment that is kept below ``root``, to be copied; made if need be.

    Where the harness, or what makes environments, is another than before, so is that. One that
    isn't as it was made any more is made again.
    """
    prefix = root / f"template-{_generation()}"
    for _ in range(_TRIES):
        if not (prefix / _LAYOUT).exists():
            _keep(prefix, interpreter)
        if environment := _loaded(prefix):
            return environment
        shutil.rmtree(prefix, ignore_errors=True)
    raise InstallerError(f"{prefix} is broken", "remove that folder")


def _loaded(prefix: Path) -> Environment | None:
    """Return the environment that is kept there; None where it isn't as it was made."""
    try:
        layout = json.loads((prefix / _LAYOUT).read_text(encoding="utf-8"))
        python, site_packages, scripts = (prefix / path for path in layout["places"])
        if layout["files"] == _contents(prefix):
            return Environment(prefix, python, site_packages, scripts)
    except (OSError, ValueError, TypeError, KeyError):
        pass
    return None


def _contents(prefix: Path) -> dict[str, str]:
    """Return what each file has in it, as a digest, and where each link leads."""
    contents = {}
    for entry in _entries(prefix):
        path = Path(entry.path)
        if path.name != _LAYOUT:
            linked = entry.is_symlink()
            content = (
                str(path.readlink()) if linked else hashlib.sha256(path.read_bytes()).hexdigest()
            )
            contents[str(path.relative_to(prefix))] = content
    return contents


def _keep(prefix: Path, interpreter: Interpreter) -> None:
    """Make an environment at ``prefix`` at one stroke, with what it is like written down."""
    with _MAKING:
        if prefix.exists():
            return
        new = prefix.with_name(f"{prefix.name}-{os.getpid()}")
        try:
            environment = make(new, interpreter)
            paths = (environment.python, environment.site_packages, environment.scripts)
            layout = {
                "places": [str(path.relative_to(environment.prefix)) for path in paths],
                "files": _contents(new),
            }
            (new / _LAYOUT).write_text(json.dumps(layout), encoding="utf-8")
            new.rename(prefix)
        except OSError as error:
            if not prefix.exists():  # else another process was faster
                raise _unmade(prefix, error) from error
        finally:
            shutil.rmtree(new, ignore_errors=True)


@cache
def _generation() -> str:
    parts = f"virtualenv {importlib.metadata.version('virtualenv')}".encode(), records.harness()
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def move(environment: Environment, prefix: Path) -> Environment:
    """Return the environment, moved to ``prefix``, which its scripts name from now on."""
    try:
        prefix.parent.mkdir(parents=True, exist_ok=True)
        environment.prefix.rename(prefix)
        moved = _at(prefix, environment)
        for script in moved.scripts.iterdir():
            if script.is_file() and not script.is_symlink():
                _rewrite(script, bytes(environment.prefix), bytes(prefix))
    except OSError as error:
        raise _unmade(prefix, error) from error
    return moved


def copy(environment: Environment, prefix: Path) -> Environment:
    """Return a copy at ``prefix`` of an environment without scripts that name their place."""
    try:
        shutil.copytree(environment.prefix, prefix, symlinks=True)
    except OSError as error:
        raise _unmade(prefix, error) from error
    return _at(prefix, environment)


def own(environment: Environment, *, linked: bool) -> None:
    """Give an environment files of its own, that writing to them changes nothing elsewhere.

    An installer may have put links to its cache there. Hard ones may stay (``linked``) where
    nothing that runs can write to them; symbolic ones lead to what a run needn't see.
    """
    try:
        for entry in _entries(environment.prefix):
            if entry.is_symlink():
                path = Path(entry.path)
                if path.parent == environment.scripts or path.resolve().is_relative_to(
                    environment.prefix
                ):
                    continue  # that is its interpreter, or in it
            elif linked or entry.stat(follow_symlinks=False).st_nlink == 1:
                continue
            _replace_by_copy(Path(entry.path))
    except OSError as error:
        raise _unmade(environment.prefix, error) from error


def _replace_by_copy(path: Path) -> None:
    """Put a copy in the place of a link, of what it leads to; none of it lies beside for long."""
    copied = path.with_name(f".{path.name}.copy")
    shutil.copy2(path, copied)
    copied.replace(path)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what is below a folder and isn't one, symbolic links included."""
    folders = [str(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    yield entry


def state(environment: Environment) -> str:
    """Return a digest that changes where anything in an environment is added, removed or written.

    A file is known by its inode, mode, size and times, as ``make`` knows it. The time of its last
    change nobody can set back, but a link to the same file made elsewhere sets it: of linked ones,
    which no run can write to, it doesn't count. Raises OSError where something can't be read.
    """
    statuses: list[tuple[str, tuple[int, ...]]] = []
    folders = [str(environment.prefix)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    statuses.append((entry.path, (status.st_mode,)))
                else:
                    identity: tuple[int, ...] = (
                        status.st_mode,
                        status.st_ino,
                        status.st_size,
                        status.st_mtime_ns,
                    )
                    identity += (status.st_ctime_ns,) if status.st_nlink == 1 else ()
                    statuses.append((entry.path, identity))
    return hashlib.sha256(repr(sorted(statuses)).encode()).hexdigest()


def _at(prefix: Path, environment: Environment) -> Environment:
    """Return what ``environment`` is at another place."""
    return Environment(
        prefix,
        prefix / environment.python.relative_to(environment.prefix),
        prefix / environment.site_packages.relative_to(environment.prefix),
        prefix / environment.scripts.relative_to(environment.prefix),
    )


def _rewrite(script: Path, old: bytes, new: bytes) -> None:
    """Have a script name its interpreter at a new place; others that have that file keep theirs."""
    with script.open("rb") as file:
        start = file.read(_SHEBANG_BYTES)
        if old not in start:
            return
        text = start.replace(old, new) + file.read()
    mode = script.stat().st_mode
    script.unlink()
    script.write_bytes(text)
    script.chmod(mode)


def _unmade(prefix: Path, error: object) -> InstallerError:
    return InstallerError(
        f"no environment could be made at {prefix}: {error}",
        "look at the disk's free space, at the interpreter, and at the path of uv's cache",
    )
