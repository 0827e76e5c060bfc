"""The inline metadata of a script: a block of TOML in comments.

https://packaging.python.org/en/latest/specifications/inline-script-metadata/ (PEP 723).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomli

from bisector.errors import UsageError, near

_BLOCK = re.compile(r"^# /// script$\n(?P<content>(?:^#(?:| .*)$\n)+)^# ///$", re.MULTILINE)
_LONGEST = 1000
"""Characters beyond which nothing is a version, a specifier or a requirement."""

_SHOWN = 80
"""Characters of a value that are shown where it is wrong."""


class Metadata:
    """The inline metadata of one script, which knows the line of what is wrong with it."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text
        self.data: dict[str, Any] = {}
        blocks = list(_BLOCK.finditer(text))
        opened = re.search(r"^# /// script\s*$", text, re.MULTILINE)
        self.start = opened.start() if opened else 0
        if opened and not blocks:
            stray = re.compile(r"^(?!#$|# ).*", re.MULTILINE).search(text, opened.end() + 1)
            if stray and stray[0].startswith("#"):
                reason = "a line of the metadata must begin with `# `"
                raise self.error(_line(text, stray.start()), reason)
            raise self.error(_line(text, opened.start()), "the metadata block is not closed")
        if len(blocks) > 1:
            raise self.error(_line(text, blocks[1].start()), "there is a second metadata block")
        if blocks:
            start = _line(text, blocks[0].start("content"))
            lines = blocks[0]["content"].splitlines()
            content = "\n".join(line[2:] if line.startswith("# ") else "" for line in lines)
            try:
                self.data = tomli.loads(content)
            except (ValueError, RecursionError) as error:  # also numbers that Python doesn't read
                match = re.search(r"line (\d+)", str(error))
                line = start + int(match[1]) - 1 if match else start + len(lines) - 1
                reason = re.sub(r"\s*\(at [^)]*\)$", "", str(error))
                raise self.error(line, reason) from error

    def error(self, line: int, reason: str) -> UsageError:
        """Return the error that a line of the script is."""
        return UsageError(
            f"{self.path}, line {line}: {reason}",
            "the metadata is TOML in comments, from `# /// script` to `# ///` (PEP 723)",
        )

    def line_of(self, key: str) -> int:
        """Return the line that a key stands on; 1 where it isn't found."""
        line = re.compile(rf"^# \[?(?:[\w.-]*\.)?{re.escape(key)}\b", re.MULTILINE)
        match = line.search(self.text, self.start)
        return _line(self.text, match.start()) if match else 1

    def table(self, value: object, key: str) -> dict[str, Any]:
        """Return ``value`` where it is a table; raises UsageError where it isn't."""
        if not isinstance(value, dict):
            raise self.error(self.line_of(key), f"{key} is not a table")
        return value

    def only(self, table: dict[str, Any], fields: Mapping[str, type | tuple[type, ...]]) -> None:
        """Raise UsageError where a table has other keys than ``fields``, or of other types."""
        for key, value in table.items():
            if key not in fields:
                meant = near(key, fields)
                hint = f"did you mean {meant[0]}?" if meant else f"known: {', '.join(fields)}"
                raise self.error(self.line_of(key), f"unknown key {_shown(key)}; {hint}")
            kind = fields[key]
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise self.error(self.line_of(key), f"{key} has the wrong type: {_shown(value)}")
            if isinstance(value, list) and key != "claims":
                self.strings(value, key)

    def strings(self, value: object, key: str) -> list[str]:
        """Return ``value`` where it is a list of strings; raises UsageError where it isn't."""
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(self.line_of(key), f"{key} is not a list of strings")
        return value

    def parse(self, kind: Callable[[str], Any], value: object, key: str) -> Any:
        """Return what ``value`` is as a ``kind``; raises UsageError where it is none."""
        try:
            if isinstance(value, str) and len(value) > _LONGEST:
                raise ValueError
            return kind(value)  # type: ignore[arg-type]  # a wrong type raises, and is told below
        except (ValueError, TypeError, AttributeError, RecursionError):
            wanted = kind.__name__
            raise self.error(
                self.line_of(key), f"{_shown(value)} is not a valid {wanted}"
            ) from None


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _shown(value: object) -> str:
    """Return how a value is written, or the beginning of that."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of too many digits, say
        return f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
