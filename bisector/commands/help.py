"""``bisect help [TOPIC]``: what there is to know, by topic."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bisector import commands
from bisector.commands import output
from bisector.errors import UsageError
from bisector.inputs import topics
from bisector.inputs.arguments import Parser
from bisector.reports.terminal import markdown, plain, printed

if TYPE_CHECKING:
    from rich.console import RenderableType

_COLUMNS = 122
"""What the examples need, which are printed in 120: code has a margin."""


def run(words: Sequence[str]) -> int:
    """Print a topic, or the list of them."""
    parser = Parser(prog="bisect help", description="Show a topic, or list them.")
    parser.add_argument("topic", metavar="TOPIC", nargs="?")
    name = parser.parse(words).topic
    view = output.view()
    if name in commands.NAMES and name not in topics.names():
        raise UsageError(f"{name!r} is a command, not a topic", f"bisect {name} --help")
    if name is None:
        widest = max(map(len, topics.names()))
        listed = "\n".join(f"  {name:<{widest}}  {topics.title(name)}" for name in topics.names())
        parts: list[RenderableType] = [
            plain(f"bisect help TOPIC shows one of\n\n{listed}\n\nbisect --help all: options")
        ]
    else:
        parts = [markdown(topics.text(name))]
    width = min(view.width, _COLUMNS) if sys.stdout.isatty() else _COLUMNS
    sys.stdout.write(printed(parts, width=width, color=view.color))
    return 0
