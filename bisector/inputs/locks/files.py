"""What a file pins: requirements.txt, `pip freeze`, pylock.toml, uv.lock or poetry.lock."""

from __future__ import annotations

import codecs
import errno
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, canonicalize_version

from bisector.errors import UsageError
from bisector.inputs import revisions
from bisector.inputs.locks import poetry_lock, pylock, requirements_txt, uv_lock
from bisector.inputs.locks.entry import Entry, Everywhere, Target, pinned, refuse_digits
from bisector.inputs.locks.table import REWRITE, Table, parsed
from bisector.model import Interpreter

_PIPE_S = 60.0
_LARGEST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Locked:
    """What a file pins for one interpreter.

    ``requirements`` are those of PEP 508, sorted by name, without extras and markers, most of
    them ``name==version``. ``left_out`` says by what nothing can be held, and why.
    """

    requirements: tuple[str, ...]
    left_out: tuple[str, ...] = ()


class Kind(Enum):
    """What a file is, and what to do about two pins of one name in it."""

    REQUIREMENTS = "keep one of them"
    PYLOCK = "lock again, with a marker for each"
    UV = "lock again; groups and members that conflict can be exported apart with `uv export`"
    POETRY = "lock again with poetry 2, or export it: poetry 1 doesn't say which is for what"


def read(path: Path, interpreter: Interpreter) -> Locked:
    """Return what the file at ``path`` pins for ``interpreter``.

    Raises UsageError, with the line or the package, where it can't be used as it is.
    """
    return parse(_text(path), path, interpreter)


def parse(text: str, path: Path, interpreter: Interpreter) -> Locked:
    """Return what ``text``, the content of the file at ``path``, pins; raises UsageError."""
    kind = _kind(_name(path), text, str(path))
    entries = list(_entries(kind, text, str(path), Target.of(interpreter)))
    requirements = _agreeing((_reachable(e, path.parent) for e in entries if not e.local), kind)
    local = {f"{canonicalize_name(e.name)}: {e.local}" for e in entries if e.local}
    return Locked(tuple(requirements), tuple(sorted(local)))


def every(path: Path) -> list[str]:
    """Return all that the file at ``path`` pins, for whatever interpreter, group and extra.

    Those of PEP 508, sorted, most of them ``name==version``; of one name there may be several.
    Raises UsageError where the file can't be read.
    """
    text = _text(path)
    kind = _kind(_name(path), text, str(path))
    if kind is Kind.REQUIREMENTS:
        entries = list(requirements_txt.entries(text, str(path), Everywhere(), editable=True))
    else:
        packages = parsed(text, str(path)).tables("packages" if kind is Kind.PYLOCK else "package")
        # What is taken from elsewhere than an index may have no version, or one of its own.
        entries = [pinned(package) for package in packages if _is_release(package)]
    return sorted({f"{canonicalize_name(entry.name)}{entry.at}" for entry in entries})


def _is_release(package: Table) -> bool:
    source = package.table("source").data
    elsewhere = {"editable", "virtual", "directory", "git", "url", "path", "vcs", "archive"}
    own = source.get("type") in (None, "legacy") and not elsewhere & {*source, *package.data}
    return own and "version" in package.data


def _text(path: Path) -> str:
    try:
        raw = revisions.show(path) if revisions.is_named(path) else _content(path)
        # PowerShell's ``>`` writes UTF-16.
        utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return raw.decode("utf-16" if utf16 else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"dependencies can't be read from {path}: {getattr(error, 'strerror', error)}",
            "what is read is requirements.txt, `pip freeze`, pylock.toml, uv.lock or poetry.lock",
        ) from error


def _content(path: Path) -> bytes:
    """Return what a file holds, or a pipe as `<(pip freeze)` is one; raises OSError.

    Nothing that never ends is waited for: a pipe that nobody writes to, or a device.
    """
    if path.is_file():
        return path.read_bytes()
    content, until = bytearray(), time.monotonic() + _PIPE_S
    with open(path, "rb", buffering=0, opener=_without_waiting) as pipe:
        while time.monotonic() < until and len(content) <= _LARGEST_BYTES:
            chunk = pipe.read(1 << 16)
            if chunk is None:  # there is a writer, who has written nothing yet
                time.sleep(0.01)
            elif not chunk:
                break
            else:
                content += chunk
        else:
            raise OSError(errno.ETIMEDOUT, "it doesn't end")
    if not content:
        raise OSError(errno.ENODATA, "nothing is in it")
    return bytes(content)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _name(path: Path) -> str:
    """Return the name of a file, also of one at a revision."""
    return path.name.rpartition(":")[2]


def _kind(name: str, text: str, where: str) -> Kind:
    """Return what a file is by its name, else by what is in it."""
    if name.endswith((".txt", ".in")):
        return Kind.REQUIREMENTS
    if re.fullmatch(r"pylock(\.[^.]+)?\.toml", name):
        return Kind.PYLOCK
    if named := {"uv.lock": Kind.UV, "poetry.lock": Kind.POETRY}.get(name):
        return named
    # No line of requirements begins like a table or JSON.
    if not name.endswith(".toml") and not re.search(r"^\s*[\[{]", text, re.MULTILINE):
        if not name.endswith((".yaml", ".yml")):
            return Kind.REQUIREMENTS
    elif text.lstrip()[:1] != "{":
        data = parsed(text, where).data
        metadata = data.get("metadata")
        if "packages" in data and "lock-version" in data:
            return Kind.PYLOCK
        if isinstance(metadata, dict) and "python-versions" in metadata:
            return Kind.POETRY
        if "version" in data and "requires-python" in data:
            return Kind.UV
    raise UsageError(
        f"{where} is not of a kind that pins are read from",
        "give a requirements.txt, pylock.toml, uv.lock or poetry.lock; "
        "pdm, pipenv and conda can export one",
    )


def _entries(kind: Kind, text: str, where: str, target: Target) -> Iterator[Entry]:
    if kind is Kind.REQUIREMENTS:
        return requirements_txt.entries(text, where, target)
    readers = {
        Kind.PYLOCK: pylock.entries,
        Kind.UV: uv_lock.entries,
        Kind.POETRY: poetry_lock.entries,
    }
    return readers[kind](parsed(text, where), target)


def _reachable(entry: Entry, folder: Path) -> Entry:
    """Return the entry with an address that can be used, and shown: each report has it."""
    if not entry.path and not entry.at.startswith(" @ "):
        return entry
    try:
        address = urlsplit(entry.at.removeprefix(" @ "))
        user, password = address.username, address.password
        if not entry.path and not address.scheme:
            raise ValueError(entry.at)
    except ValueError as error:
        raise UsageError(f"{entry.where} has an address that is none", REWRITE) from error
    if password or (user and address.scheme.endswith(("http", "https"))):
        raise UsageError(
            f"{entry.where} has an address with credentials in it",
            "take them out of the file; the installer finds them in ~/.netrc",
        )
    if not entry.path and address.scheme != "file":
        return entry
    from urllib.request import url2pathname  # it costs 7 ms

    path = folder.absolute() / (entry.path or url2pathname(address.path))
    if not path.exists():
        raise UsageError(
            f"{entry.where} needs {entry.path or path}, which isn't here",
            "give the lock where it was made, beside what it names"
            if entry.path
            else "write its version, as `pip list --format=freeze` does",
        )
    return replace(entry, at=f" @ {path.as_uri()}") if entry.path else entry


def _agreeing(entries: Iterable[Entry], kind: Kind) -> list[str]:
    """Return the requirements by name; raise UsageError where two of them contradict."""
    exact: dict[str, Entry] = {}
    requirements: dict[tuple[str, str], str] = {}
    for entry in entries:
        name, at = canonicalize_name(entry.name), entry.at
        written = f"{name}{at}"
        try:
            refuse_digits(written)
            Requirement(written)
        except (ValueError, RecursionError) as error:
            raise UsageError(
                f"{entry.where}: {written!r} is not a requirement: {str(error).splitlines()[0]}",
                REWRITE,
            ) from error
        if at.startswith((" @", "==")) and not at.endswith("*") and "," not in at:
            earlier = exact.setdefault(name, entry)
            if _same(earlier.at) != _same(at):
                raise UsageError(
                    f"{entry.where}: {written} contradicts {name}{earlier.at} ({earlier.where})",
                    kind.value,
                )
        requirements.setdefault((name, _same(at)), written)
    return [requirements[key] for key in sorted(requirements)]


def _same(at: str) -> str:
    """Return what is the same for each way to write one version."""
    try:
        return canonicalize_version(at.removeprefix("==")) if at.startswith("==") else at
    except ValueError:  # more digits than Python converts
        return at
