"""Results as they were stored before: a file per run, per search and for what was held.

``VERSION-DIGEST.json``, ``search.DIGEST.json`` and ``conditions.json`` in a folder per search.
They are read as the lines that would be written today, and never written any more.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bisector.store.codec import (
    CONDITIONS,
    MEASUREMENT,
    SEARCH,
    SHARED,
    conditions_from_json,
    measurement_from_json,
    search_from_json,
)
from bisector.store.journal import content
from bisector.store.keys import key as key_of
from bisector.store.lines import Line, split

_RUN = re.compile(r".+-[^-]+\.json")
_SEARCH = re.compile(r"search(\..*)?\.json")
UNREADABLE = (OSError, ValueError, TypeError, RecursionError)


class Read(NamedTuple):
    """A file as a line, with the lines that it names as its parts; or why it is none."""

    path: Path
    line: Line | None = None
    parts: tuple[Line, ...] = ()
    wrong: str = ""


def is_one(name: str) -> bool:
    """Return whether a file's name is one that was given to a stored file."""
    return bool(name == "conditions.json" or _SEARCH.fullmatch(name) or _RUN.fullmatch(name))


def read(folder: Path, key: str) -> Iterator[Read]:
    """Yield the runs and searches in a folder, as lines of the search that the key names."""
    for path in sorted(folder.iterdir(), key=lambda path: path.stem):
        try:
            if _SEARCH.fullmatch(path.name):
                data = _of(json.loads(content(path)), SEARCH)
                search_from_json(data)
                yield _read(path, key, data)
            elif _RUN.fullmatch(path.name):
                yield _run(path, key)
        except UNREADABLE as error:
            yield Read(path, wrong=str(error))


def described(folder: Path) -> Read:
    """Return what was held in a folder, as a line of the search that it names."""
    path = folder / "conditions.json"
    try:
        data = _of(json.loads(content(path)), CONDITIONS)
        key = key_of(*conditions_from_json(data))
        if not folder.name.endswith(f"-{key[:8]}"):
            raise ValueError("it is not what its folder is named for")
        return _read(path, key[:16], data)
    except FileNotFoundError:
        return Read(path)
    except UNREADABLE as error:
        return Read(path, wrong=str(error))


def _run(path: Path, key: str) -> Read:
    text = content(path)
    if path.stem.rpartition("-")[2] != hashlib.sha256(text).hexdigest()[:12]:
        raise ValueError("its content is not what it was written with")
    data = _of(json.loads(text), MEASUREMENT)
    measurement_from_json(data)
    return _read(path, key, data)


def _read(path: Path, key: str, data: dict[str, Any]) -> Read:
    one, parts = split(key, data, SHARED[data["schema"]])
    return Read(path, one, tuple(parts))


def _of(data: Any, schema: str) -> dict[str, Any]:
    """Return an object of that schema; raises ValueError where it is none."""
    if not isinstance(data, dict):
        raise ValueError(f"it is no object of schema {schema!r}")
    if data.get("schema") != schema:
        raise ValueError(f"its schema is {data.get('schema')!r}, not {schema!r}")
    return data
