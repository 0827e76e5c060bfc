"""``bisect config``: the defaults of options, and where they are set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bisector import settings
from bisector.commands import search
from bisector.inputs import defaults
from bisector.inputs.arguments import Parser
from bisector.reports.words import safe


def run(words: Sequence[str]) -> int:
    """Print each option that has a default here, what it is, and what sets it."""
    parser = Parser(
        prog="bisect config",
        description="Show the defaults of options and where they are set: by [tool.bisector] of\n"
        "the nearest pyproject.toml, or by variables like BISECTOR_JOBS, which count before it.",
    )
    parser.parse(words)
    by_key = defaults.read(Path.cwd())
    search.parser().parse([])  # which raises UsageError where an option can't have its default
    lines = [
        (key, " ".join(by_key[key].texts), by_key[key].origin)
        if key in by_key
        else (key, "-", f"BISECTOR_{key.upper().replace('-', '_')} would")
        for key in defaults.KEYS
    ]
    index = settings.index_url()
    lines.append(("the index", index.shown, index.set_by.removeprefix("set by ")))
    lines.append(("the cache", str(settings.cache_dir()), "uv's cache"))
    lines.insert(0, ("option", "default", "set by"))
    first, second = (max(len(line[column]) for line in lines) for column in (0, 1))
    for key, value, origin in lines:
        print(safe(f"{key:<{first}}  {value:<{second}}  {origin}"))
    return 0
