"""Which wheels an interpreter takes, by their names' tags and by what Python they require."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, parse_tag

from bisector.model import File, Interpreter


def compatible(files: Iterable[File], interpreter: Interpreter) -> list[File]:
    """Return the wheels among ``files`` whose tags ``interpreter`` supports, best first."""
    rank = _ranked(interpreter.tags)
    ranked = []
    for file in files:
        positions = [rank[str(tag)] for tag in wheel_tags(file.filename) if str(tag) in rank]
        if positions:
            ranked.append((min(positions), file))
    return [file for _, file in sorted(ranked, key=lambda pair: pair[0])]


@lru_cache(maxsize=8)
def _ranked(tags: tuple[str, ...]) -> Mapping[str, int]:
    """Return the position of each of an interpreter's tags, which hundreds of releases ask for."""
    return {tag: position for position, tag in enumerate(tags)}


def wheel_tags(filename: str) -> frozenset[Tag]:
    """Return the tags that a wheel's file name carries; none where it isn't a wheel's."""
    stem, _, kind = filename.rpartition(".")
    parts = stem.split("-")
    if kind != "whl" or len(parts) not in (5, 6):
        return frozenset()
    return _tags("-".join(parts[-3:]))


@cache
def _tags(written: str) -> frozenset[Tag]:
    """Return the tags that are ``written``; a project has thousands of wheels of a few dozen."""
    return parse_tag(written)


def admits(file: File, interpreter: Interpreter) -> bool:
    """Return whether the file's ``Requires-Python`` admits the interpreter.

    One that can't be parsed admits every interpreter, as installers have it.
    """
    try:
        allowed = SpecifierSet(file.requires_python or "")
    except InvalidSpecifier:
        return True
    return allowed.contains(interpreter.version, prereleases=True)
