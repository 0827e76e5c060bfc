"""``bisect check FILE``: which pins lie in a bad window that was measured."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bisector.commands.records import measured
from bisector.inputs import options
from bisector.inputs.arguments import Parser
from bisector.inputs.locks.files import every
from bisector.inputs.request import Request
from bisector.reports import known, pins
from bisector.session import scope

_RENDER = {"text": pins.render, "json": pins.render_json}


def run(words: Sequence[str]) -> int:
    """Print which pins are known to be bad; the status is 1 where one is, else 0."""
    parser = Parser(
        prog="bisect check",
        description="Say which pins of a file lie in a bad window that was measured, in this\n"
        "results folder or among the records that come with bisector. Nothing is asked\n"
        "of any network.",
    )
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="requirements, `pip freeze`, pylock.toml, uv.lock or poetry.lock",
    )
    options.add_python_option(parser)
    options.add_results_option(parser)
    options.add_format_option(parser, _RENDER)
    given = parser.parse(words)
    knowledge = known.read(measured(given.results))
    status = 0
    requirements = every(given.file)
    for python in scope.interpreters(Request(pythons=given.pythons)):
        checked = pins.check(str(given.file), requirements, knowledge, python.series)
        sys.stdout.write(_RENDER[given.format](checked))
        status = 1 if checked.hits else status
    return status
