"""Compiles what is installed, once for all environments, so that no run has to.

A compiled file is kept under the digest of its source: what releases have in common is compiled
once. It carries a hash of that source, which Python checks as it imports (PEP 552): where the two
don't belong together, it compiles by itself.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bisector.errors import InstallerError
from bisector.run import process
from bisector.run.records import HARNESS_MODULE

Share = Callable[[Path, Path], None]

if TYPE_CHECKING:
    from bisector.environment.venv import Environment
    from bisector.model import Interpreter

WORTH_BYTES = 4 * 1024 * 1024
"""The sources of a distribution up to which it is compiled whole: of more, little is imported."""

_OWN = (f"{HARNESS_MODULE}.py", "_virtualenv.py")
"""What every environment has, or those of old Pythons, and no RECORD names."""

_COMPILING = threading.Lock()  # what one compiles, another needn't
_TIMEOUT_S = 300.0
_DIGEST_BYTES = 32
_SHA256 = re.compile(r"sha256=([\w-]{43})", re.ASCII)

# What doesn't compile, or not without a warning, is left for each run to say: an empty file.
_COMPILE = """
import hashlib, json, marshal, os, py_compile, sys, warnings
warnings.simplefilter("error")
checked = py_compile.PycInvalidationMode.CHECKED_HASH
with open(sys.argv[1]) as file:
    wanted = json.load(file)
for kept, source in wanted.items():
    new = "%s-%d" % (kept, os.getpid())
    try:
        py_compile.compile(source, new, doraise=True, invalidation_mode=checked)
        with open(new, "rb") as file:
            content = file.read()
        marshal.loads(content[16:])  # where the disk is full it may be cut short
        with open(new, "ab") as file:  # what follows its object no Python looks at
            file.write(hashlib.sha256(content).digest())
        os.replace(new, kept)
    except py_compile.PyCompileError:
        open(kept, "wb").close()
    except (OSError, EOFError, ValueError, TypeError):
        if os.path.exists(new):
            os.remove(new)
"""


def supply(
    environment: Environment,
    interpreter: Interpreter,
    cache: Path,
    folder: Path,
    cancelled: threading.Event | None = None,
    *,
    linked: bool,
) -> None:
    """Put bytecode beside all that is installed, but for what is too large or doesn't compile.

    It is taken from ``cache``, which gets what isn't there; how full that was makes no difference
    afterwards. What is there is used as long as it is what was put there; it is ``linked`` where
    nothing that runs can write to it, else copied. ``folder`` is for files of its own. Raises
    InstallerError.
    """
    if not interpreter.cache_tag:
        return
    compiled = cache / f"{interpreter.cache_tag}-{interpreter.version}"
    try:
        wanted = {
            environment.site_packages / source: compiled / digest
            for record in environment.site_packages.glob("*.dist-info/RECORD")
            for source, digest in _sources(record)
        }
        for own in filter(Path.exists, (environment.site_packages / name for name in _OWN)):
            wanted[own] = compiled / _digest(own.read_bytes())
        share = partial(_share, linked=linked)
        missing = _missing(wanted, interpreter.cache_tag, share)
        if missing:
            compiled.mkdir(parents=True, exist_ok=True)
            with _COMPILING:
                missing = _missing(missing, interpreter.cache_tag, share)
                _compile(environment, missing, folder, cancelled)
            _missing(missing, interpreter.cache_tag, share)
    except OSError as error:
        raise InstallerError(
            f"bytecode can't be kept in {cache}: {error.strerror}",
            "free the disk, or see whose that folder is",
        ) from error


def _sources(record: Path) -> Iterator[tuple[str, str]]:
    """Yield the modules that a distribution recorded, each with its digest; none of a large one.

    See https://packaging.python.org/en/latest/specifications/recording-installed-packages/.
    """
    modules, total_bytes = [], 0
    with record.open(newline="", encoding="utf-8", errors="replace") as lines:
        for name, hashed, size in (line for line in csv.reader(lines) if len(line) == 3):
            path, digest = Path(name), _SHA256.fullmatch(hashed)
            if path.suffix == ".py" and digest and not (path.is_absolute() or ".." in path.parts):
                modules.append((name, digest[1]))
                total_bytes += int(size) if size.isdecimal() else WORTH_BYTES
    yield from modules if total_bytes <= WORTH_BYTES else ()


def _digest(source: bytes) -> str:
    """Return what a RECORD would give for a source."""
    return base64.urlsafe_b64encode(hashlib.sha256(source).digest()).decode().rstrip("=")


def _missing(wanted: Mapping[Path, Path], cache_tag: str, share: Share) -> dict[Path, Path]:
    """Put what is compiled where it is looked for; return the sources that aren't."""
    return {
        source: compiled
        for source, compiled in wanted.items()
        if not (_is_sound(compiled) and _put(compiled, source, cache_tag, share))
    }


def _put(compiled: Path, source: Path, cache_tag: str, share: Share) -> bool:
    """Put the kept bytecode of a module where it is looked for; return whether there is one."""
    target = source.parent / "__pycache__" / f"{source.stem}.{cache_tag}.pyc"
    try:
        share(compiled, target)
    except FileNotFoundError:
        if not compiled.exists():
            return False
        with suppress(FileNotFoundError):  # of a module that was recorded and not installed
            target.parent.mkdir(exist_ok=True)
            share(compiled, target)
    return True


_sound: dict[Path, tuple[int, ...]] = {}


def _is_sound(compiled: Path) -> bool:
    """Return whether kept bytecode is what was put there; what isn't is removed.

    It ends with its own digest. What was looked at once isn't read again while it stays as it was.
    """
    try:
        status = compiled.stat()
        identity: tuple[int, ...] = (status.st_ino, status.st_size, status.st_mtime_ns)
        identity += (status.st_ctime_ns,) if status.st_nlink == 1 else ()
        if _sound.get(compiled) == identity:
            return True
        content = compiled.read_bytes()
        code, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if content and hashlib.sha256(code).digest() != digest:
            compiled.unlink()
            return False
    except FileNotFoundError:
        return False
    _sound[compiled] = identity
    return True


def _share(compiled: Path, target: Path, *, linked: bool) -> None:
    try:
        if linked:
            os.link(compiled, target)
        elif not target.exists():
            shutil.copyfile(compiled, target)
    except FileExistsError:  # pip compiles what it installs
        return
    except FileNotFoundError:
        raise
    except OSError:  # a file system without hard links, or a file of somebody else's
        shutil.copyfile(compiled, target)


def _compile(
    environment: Environment,
    missing: Mapping[Path, Path],
    folder: Path,
    cancelled: threading.Event | None,
) -> None:
    with tempfile.TemporaryDirectory(prefix="compiler-", dir=folder) as own:
        job = Path(own, "job.json")
        job.write_text(
            json.dumps({str(compiled): str(source) for source, compiled in missing.items()})
        )
        done = process.capture(
            [str(environment.python), "-I", "-S", "-c", _COMPILE, str(job)],
            environ={},
            timeout_s=_TIMEOUT_S,
            cwd=Path(own),
            cancelled=cancelled,
        )
    if done.ended is process.Ended.CANCELLED:
        raise InstallerError("compiling what is installed was stopped")
