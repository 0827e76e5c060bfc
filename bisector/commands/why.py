"""``bisect why``: what of the code changed, and what of that the failure runs through."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from bisector.commands import output
from bisector.commands.findings import found, status
from bisector.environment.installers.choice import INSTALLERS
from bisector.errors import UsageError
from bisector.inputs import options
from bisector.inputs.arguments import Parser, request
from bisector.reports.formats import EXPLANATIONS
from bisector.search import noise
from bisector.search.assessment import LEAST_RUNS

_SURE_ENOUGH = noise.sureness(LEAST_RUNS)
"""Of two releases that the caller names: each is run once more while it is traced."""


def run(words: Sequence[str]) -> int:
    """Print why each transition came to be; what is measured already isn't measured again."""
    asked = request(_parser(), words)
    if len(asked.releases) not in (0, 2):
        raise UsageError(
            "`bisect why` compares two releases, or looks at all changes that a search finds",
            _meant(asked.releases, asked.command),
        )
    if asked.releases:
        asked = replace(
            asked,
            # Held dependencies are the same on both sides.
            attribute=asked.attribute and asked.dependencies != "newest",
            confidence=asked.confidence or _SURE_ENOUGH,
        )
    findings = found(replace(asked, why=True))
    output.write(EXPLANATIONS[asked.format], findings, output.view())
    return status(findings)


def _meant(releases: Sequence[str], command: Sequence[str]) -> str:
    """Return the command that was probably meant, in the words that were given."""
    named = len(releases) == 3 and releases[0][:1].isalpha()
    project, *sides = releases if named else ("PROJECT", "1.4.2", "1.5.0")
    return f"bisect why --package {project} {' '.join(sides)} -- {shlex.join(command) or 'COMMAND'}"


def _parser() -> Parser:
    parser = Parser(
        prog="bisect why",
        usage="%(prog)s --probe NAME_OR_PATH [options]\n"
        "       %(prog)s --package PROJECT OLD NEW [options] -- COMMAND...",
        description="Say what of a package's code changed between two releases, and what of that "
        "the failure runs through.",
    )
    parser.add_argument("releases", nargs="*", metavar="RELEASE", help="the two to compare")
    options.add_search_options(parser, INSTALLERS, assure="0")
    options.add_why_options(parser)
    options.add_format_option(parser, EXPLANATIONS)
    parser.set_defaults(assure=0.0)
    return parser
