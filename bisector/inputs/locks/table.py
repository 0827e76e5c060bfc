"""TOML whose author is a stranger: what is read from it has the expected type, or is told of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tomli

from bisector.errors import UsageError

REWRITE = "write it anew with the tool that wrote it"


@dataclass(frozen=True, slots=True)
class Table:
    """A table and where it stands, so that what is wrong with it can be found."""

    where: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def text(self, key: str, default: str | None = None) -> str:
        """Return the string at ``key``; without a ``default`` there must be one."""
        value = self.data.get(key, default)
        if value is None:
            raise self.wrong(f"has no {key}")
        if not isinstance(value, str):
            raise self.wrong(f"has no text as {key}")
        return value

    def flag(self, key: str) -> bool:
        """Return whether ``key`` is set to true."""
        value = self.data.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(f"has neither true nor false as {key}")
        return value

    def texts(self, key: str) -> list[str]:
        """Return the strings listed at ``key``; none where there is no such key."""
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(f"has no list of texts as {key}")
        return value

    def table(self, key: str) -> Table:
        """Return the table at ``key``; an empty one where there is no such key."""
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(f"has no table as {key}")
        return Table(self.where, value)

    def tables(self, key: str) -> list[Table]:
        """Return the tables listed at ``key``, each told by its name where it has one."""
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(f"has no list of tables as {key}")
        names = [item.get("name") for item in value]
        return [
            Table(f"{self.where}, {name if isinstance(name, str) else f'{key} {number}'}", item)
            for number, (name, item) in enumerate(zip(names, value), 1)
        ]

    def wrong(self, problem: str, hint: str = "") -> UsageError:
        """Return the error that says what is wrong, here."""
        return UsageError(f"{self.where} {problem}", hint or REWRITE)


def parsed(text: str, where: str) -> Table:
    """Return the table that ``text`` is; raise UsageError where it is none."""
    try:
        return Table(where, tomli.loads(text))
    except (ValueError, RecursionError) as error:
        raise Table(where).wrong(f"is not TOML: {error}") from error
