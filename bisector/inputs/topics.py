"""The topics of ``bisect help``: Markdown that comes with the tool, one file each."""

from __future__ import annotations

import re
from pathlib import Path

from bisector.errors import UsageError, near

FIRST = "getting-started"
_COMMENT = re.compile(r"^<!--.*-->\n", re.MULTILINE)
_FOLDER = Path(__file__).parents[1] / "help"


def names() -> list[str]:
    """Return the topics, the one to begin with first."""
    topics = sorted(path.stem for path in _FOLDER.glob("*.md"))
    return sorted(topics, key=lambda name: name != FIRST)


def text(name: str) -> str:
    """Return a topic's Markdown, without the comments that its examples are made by.

    Raises UsageError where there is no such topic.
    """
    if name not in names():
        meant = near(name, names())
        listed = "`bisect help` lists them"
        raise UsageError(
            f"there is no topic {name!r}", f"did you mean {meant[0]}?" if meant else listed
        )
    return _COMMENT.sub("", (_FOLDER / f"{name}.md").read_text(encoding="utf-8"))


def title(name: str) -> str:
    """Return a topic's heading."""
    return text(name).partition("\n")[0].removeprefix("# ")
