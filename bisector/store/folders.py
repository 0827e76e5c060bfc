"""Which files below a results folder may have lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def names(folder: Path) -> list[str]:
    """Return what a folder has, in order; nothing where it can't be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries)
    except OSError:
        return []


def below(folder: Path) -> list[Path]:
    """Return the folders that a folder has, in order; none where it can't be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(folder / entry.name for entry in entries if entry.is_dir())
    except OSError:
        return []


def searches(package: Path) -> Iterator[Path]:
    """Yield the folders that the searches of a package have of their own."""
    for probe in below(package):
        yield from below(probe)


def files(folder: Path) -> list[Path]:
    """Return the files of a folder that have lines; those that end with .gz are compressed."""
    return [folder / name for name in names(folder) if name.endswith((".jsonl", ".jsonl.gz"))]


def in_old_layout(folder: Path) -> bool:
    """Return whether a search is kept in a folder as it was before there were lines."""
    return (folder / "conditions.json").exists()
