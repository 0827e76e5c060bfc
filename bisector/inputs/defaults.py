"""Defaults of options: ``[tool.bisector]`` of the nearest pyproject.toml, and variables.

A variable counts before the file, and an option that is given before both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import tomli

from bisector.errors import UsageError, near

_FLAGS = ("allow-build", "exhaustive", "isolated", "offline", "pre")
_KEYS = (
    *("assure", "budget", "confidence", "dependencies", "executor", "index-url", "installer"),
    *("jobs", "max-memory", "max-probes", "python", "results", "scheduler", "timeout", "with"),
)
KEYS = tuple(sorted((*_KEYS, *_FLAGS)))
"""The options that have defaults, as they are written without the dashes."""

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


@dataclass(frozen=True, slots=True)
class Default:
    """One default: texts, several where the option may be repeated, and where it is set."""

    key: str
    texts: tuple[str, ...]
    origin: str

    @property
    def flag(self) -> bool | None:
        """Whether a flag is set; None where the option takes a value."""
        if self.key not in _FLAGS:
            return None
        text = self.texts[-1].lower() if self.texts else ""
        if text not in (*_TRUE, *_FALSE):
            raise UsageError(
                f"{self.key}, set by {self.origin}, is neither true nor false: {text!r}",
                "write true or false",
            )
        return text in _TRUE


def read(folder: Path, environ: Mapping[str, str] | None = None) -> dict[str, Default]:
    """Return the defaults by key for who is in ``folder``.

    Raises UsageError where a key is unknown or of the wrong type.
    """
    by_key = {default.key: default for default in _of_project(folder)}
    by_key |= {default.key: default for default in _of_environ(environ or os.environ)}
    return by_key


def _of_environ(environ: Mapping[str, str]) -> Iterator[Default]:
    for key in KEYS:
        name = f"BISECTOR_{key.upper().replace('-', '_')}"
        if name in environ:
            several = key in ("python", "with")
            texts = environ[name].split() if several else [environ[name]]
            yield Default(key, tuple(texts), name)


def _of_project(folder: Path) -> Iterator[Default]:
    files = (parent / "pyproject.toml" for parent in (folder, *folder.parents))
    path = next((file for file in files if file.is_file()), None)
    if path is None:
        return
    try:
        data = tomli.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} can't be read: {error}", "mend it") from error
    tool = data.get("tool")
    table = tool.get("bisector", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise UsageError(f"{path}: tool.bisector is no table", "write it as [tool.bisector]")
    for key, value in table.items():
        if key not in KEYS:
            meant = near(str(key), KEYS)
            hint = f"`bisect config` lists those that there are: {', '.join(KEYS)}"
            raise UsageError(
                f"{path}: tool.bisector has an unknown key {key!r}",
                f"did you mean {meant[0]}?" if meant else hint,
            )
        listed = value if isinstance(value, list) else [value]
        if not all(isinstance(item, (str, int, float)) for item in listed):
            raise UsageError(f"{path}: tool.bisector.{key} has no value", "write text or a number")
        texts = tuple(map(str, listed))
        if key == "results":
            texts = tuple(str(path.parent / text) for text in texts)
        yield Default(key, texts, str(path))
