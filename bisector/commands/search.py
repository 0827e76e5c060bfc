"""``bisect``: search for every probe, case and interpreter asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bisector import __version__
from bisector.errors import UsageError
from bisector.inputs import slips

if TYPE_CHECKING:
    from bisector.inputs.arguments import Parser
    from bisector.inputs.request import Request

_COMMANDS = """\
other commands, each with its own --help:
  bisect table             a compatibility table: releases down, probes across
  bisect report            what to attach to a bug report
  bisect why               what changed in the code that fails
  bisect probes            what there is to run
  bisect releases PROJECT  what would be searched, before anything is spent
  bisect check FILE        which pins are known to be bad
  bisect help [TOPIC]      how it is used, by topic
  bisect results tidy      one file for all that is stored of a package

exit status: 0 a transition was found; 1 none in what was looked at;
2 unusable arguments or probe; 3 undecided; 4 the index, the installer or the
cluster failed; 130 interrupted
"""

_ABOUT = """\
Find the release of a Python package in which a behaviour broke,
and the one that fixed it."""

_OPTIONS = """\
options that matter most:
  --range SPEC       releases to look at, like '>=3.10,<3.13'
  --python X.Y       the interpreter; repeat it for several
  --with REQ         install this as well, pytest say
  --bad-output REGEX, --bad-memory SIZE, --bad-timeout
                     what alone is bad, where the exit status doesn't say it
  --confidence P     run both sides of each change until it is that sure
  --dry-run          show what would be looked at, and stop there
  --refresh          measure anew what is stored
  --format NAME      text, json, markdown, github and others

all options: bisect --help all
"""


def run(words: Sequence[str]) -> int:
    """Search, compare two sets or show the plan, as the words ask for."""
    if words in (["-h"], ["--help"]):  # which nobody wants to wait for
        print(_short_help())
        return 0
    from bisector.inputs.arguments import request

    asked = request(parser(), words)
    if asked.replay:
        from bisector.commands import replay

        return replay.run(asked, words, asked.replay)
    if not (asked.probes or asked.command or asked.old or asked.new):
        raise slips.nothing_to_run()
    from bisector.commands import output
    from bisector.commands.findings import found, status
    from bisector.reports.formats import FINDINGS, check
    from bisector.session import numbers

    numbers.check(asked)
    if asked.dry_run:
        return _foresee(asked)
    if asked.old or asked.new:
        from bisector.commands import compare

        return compare.run(asked)
    check(FINDINGS, asked.format, {"--verbose": asked.verbose})
    findings = found(asked)
    output.write(FINDINGS[asked.format], findings, output.view(asked))
    return status(findings)


def parser() -> Parser:
    """Return what reads its arguments."""
    from bisector.environment.installers.choice import INSTALLERS
    from bisector.inputs import options
    from bisector.inputs.arguments import Help, Parser
    from bisector.reports.formats import FINDINGS
    from bisector.search.candidates import KINDS

    parser_ = Parser(
        prog="bisect",
        usage="%(prog)s --probe NAME_OR_PATH [options]\n"
        "       %(prog)s --package PROJECT [options] -- COMMAND...\n"
        "       %(prog)s --from OLD --to NEW [options] -- COMMAND...",
        description=_ABOUT,
        epilog=_COMMANDS,
        add_help=False,
    )
    parser_.add_argument("-h", "--help", action=Help, short=_short_help)
    parser_.add_argument("--version", action="version", version=f"bisector {__version__}")
    options.add_search_options(parser_, INSTALLERS)
    options.add_only_search_options(parser_, KINDS)
    options.add_why_options(parser_)
    options.add_format_option(parser_, FINDINGS)
    options.add_verbose_option(parser_)
    return parser_


def _short_help() -> str:
    """Return the examples, and the options and commands that matter most."""
    widest = max(len(command) for command, _ in slips.EXAMPLES)
    listed = [f"  {command:<{widest}}  {what}" for command, what in slips.EXAMPLES]
    parts = (_ABOUT, "\n".join(["examples:", *listed]), _OPTIONS, _COMMANDS)
    return "\n\n".join(part.strip() for part in parts)


def _foresee(asked: Request) -> int:
    """Print what each search would look at and where it would start; measure nothing.

    Raises UsageError where what would be looked at is known only once something is installed.
    """
    if asked.old or asked.new or asked.over != "releases":
        raise UsageError(
            "--dry-run shows what a search over releases would look at",
            "leave it out, or leave out --from and --to, or --over",
        )
    from bisector.commands import output
    from bisector.reports import as_text
    from bisector.session import scope

    output.listener()
    for python in scope.interpreters(asked):
        for wanted in scope.asked_for(asked):
            prospect = scope.prospect(asked, wanted, python)
            sys.stdout.write(
                as_text.foreseen(prospect.plan, scope.summary(prospect), prospect.witnesses)
            )
    return 0
