"""The lines of one file of a results folder that are as they were written."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bisector.store import journal
from bisector.store.codec import (
    CONDITIONS,
    MEASUREMENT,
    SEARCH,
)
from bisector.store.lines import PART, Line, parsed, slot_of

_SCHEMAS = (PART, CONDITIONS, SEARCH, MEASUREMENT)


class Found(NamedTuple):
    """A line that is as it was written: where it is, and whether it was written here."""

    path: Path
    number: int
    line: Line
    here: bool

    @property
    def where(self) -> str:
        """Where it is, as people write it."""
        return f"{self.path}, line {self.number}" if self.number else str(self.path)


class Checked:
    """The lines of one file that are as they were written, each checked once, when it is wanted."""

    def __init__(self, path: Path, secret: bytes) -> None:
        self._path = path
        self._secret = secret
        self._reader = journal.Reader(path)
        self._checked: dict[bytes, tuple[int, list[Found], list[tuple[int, str]]]] = {}
        self.parts: dict[str, Line] = {}

    def refresh(self) -> list[tuple[int, str]]:
        """Read what was added; return what is wrong with it, by line. Raises as reading does."""
        before = self._reader.lines
        unfit, why = self._reader.refresh()
        if self._reader.lines is not before:
            self._checked = {}
        parts, wrong = self._of(slot_of(None, PART))
        self.parts = {found.line.digest: found.line for found in parts}
        return [*((line.number, why) for line in unfit), *wrong]

    def of(self, key: str | None, schema: str) -> tuple[list[Found], list[tuple[int, str]]]:
        """Return the lines of a search and a schema, and what is wrong with others like them."""
        schemas = [schema] if schema else [CONDITIONS, SEARCH, MEASUREMENT]
        names = [slot_of(None, schema) for schema in schemas]
        found: list[Found] = []
        wrong: list[tuple[int, str]] = []
        for slot in list(self._reader.lines):
            of, _, name = slot.partition(b" ")
            if key is not None and of != key.encode():
                continue
            if b" " + name in names or (not schema and name != b"part"):
                lines, altered = self._of(slot)
                found += lines
                wrong += altered
        return found, wrong

    def _of(self, slot: bytes) -> tuple[list[Found], list[tuple[int, str]]]:
        done, found, wrong = self._checked.setdefault(slot, (0, [], []))
        texts = self._reader.lines.get(slot, [])
        for number, text in texts[done:]:
            try:
                line = parsed(text)
                here = line.is_sealed(self._secret)
                if line.schema not in _SCHEMAS:
                    raise ValueError(f"its schema is {line.schema!r}")
                if not (here or line.is_as_written()):
                    raise ValueError("its content is not what it was written with")
                found.append(Found(self._path, number, line, here))
            except ValueError as error:
                wrong.append((number, str(error)))
        self._checked[slot] = len(texts), found, wrong
        return found, wrong
