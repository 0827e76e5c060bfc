"""``bisect releases PROJECT``: the plan on each interpreter, before anything is spent."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from packaging.specifiers import SpecifierSet

from bisector.commands import output
from bisector.inputs import options
from bisector.inputs.arguments import Parser, request
from bisector.reports import as_text
from bisector.session import scope


def run(words: Sequence[str]) -> int:
    """Print the plan for a project."""
    parser = Parser(prog="bisect releases", description="Show the plan for a project's releases.")
    parser.add_argument("package", metavar="PROJECT")
    options.add_plan_options(parser)
    options.add_index_options(parser)
    asked = request(parser, words)
    output.listener()
    listing = scope.listed(str(asked.package), asked)
    view = output.view()
    for python in scope.interpreters(asked):
        plan = scope.planned(listing, python, asked, asked.within or SpecifierSet())
        about = f"{python.implementation} {python.version}, {python.platform}"
        sys.stdout.write(
            as_text.plan_table(listing.project, plan, about, width=view.width, color=view.color)
        )
    return 0
