"""``bisect results tidy``: one file for all that is stored of a package."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bisector import settings
from bisector.inputs import options
from bisector.inputs.arguments import Parser
from bisector.reports.words import count
from bisector.store.runs import Store


def run(words: Sequence[str]) -> int:
    """Put what is stored of each package into one file; print what was done."""
    parser = Parser(
        prog="bisect results",
        description="Put all that is stored of a package into one file, also what an earlier "
        "version stored, and drop what nothing refers to.",
    )
    parser.add_argument("action", choices=("tidy",))
    parser.add_argument(
        "--compress", action="store_true", help="write files that are a tenth as large (gzip)"
    )
    options.add_results_option(parser)
    given = parser.parse_args(words)
    store = Store(given.results, settings.cache_dir())
    for tidied in store.tidy(compress=given.compress):
        print(f"{tidied.path}: {count(tidied.runs, 'run')}, from {count(tidied.before, 'file')}")
    for warning in store.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return 0
