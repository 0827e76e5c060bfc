"""The ``bisect`` command: arguments -> objects -> one call -> exit status."""

from __future__ import annotations

import argparse
import gc
import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bisector import __version__
from bisector.errors import BisectorError
from bisector.inputs.options import (
    Parser,
    add_index_options,
    add_only_search_options,
    add_plan_options,
    add_search_options,
    add_stored_option,
)

if TYPE_CHECKING:
    from bisector.inputs.request import Request

_COMMANDS = """\
other commands, each with its own --help:
  bisect table             a compatibility table: releases down, probes across
  bisect report            what to attach to a bug report
  bisect probes            what there is to run
  bisect releases PROJECT  the plan for a project's releases, before anything is spent

exit status: 0 a transition was found; 1 none in what was looked at; 2 unusable arguments
or probe; 3 undecided; 4 the index, the installer or the cluster failed; 130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` asks for and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        # What a terminal can't show is escaped: an answer must not be lost to an encoding.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # What is stored is thousands of small values, all of which stay: looking for garbage among
    # them again and again is a tenth of an answer.
    gc.set_threshold(50_000)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        command = _SUBCOMMANDS.get(words[0] if words else "")
        status = command(words[1:]) if command else _search(words)
        sys.stdout.flush()
    except BisectorError as error:
        _complain(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        _complain("interrupted", "what was measured is kept: the same command goes on from there")
        return 130
    except BrokenPipeError:
        # The reader has gone, as `head` does; Python would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        _complain(f"{error.strerror or error}", "look at the disk, and at where the output goes")
        return 4
    except Exception as error:
        if os.environ.get("BISECTOR_TRACEBACK"):
            traceback.print_exc()
        _complain(
            f"this is a bug in bisector: {type(error).__name__}: {error}",
            "please report it, with what BISECTOR_TRACEBACK=1 prints",
        )
        return 70
    return status


def _search(words: list[str]) -> int:
    options, command = _split(words)
    parser = Parser(
        prog="bisect",
        usage="%(prog)s --probe NAME_OR_PATH [options]\n"
        "       %(prog)s --package PROJECT [options] -- COMMAND...\n"
        "       %(prog)s --from OLD --to NEW [options] -- COMMAND...",
        description="Find the release of a Python package in which a behaviour broke, "
        "and the one that fixed it.",
        epilog=_COMMANDS,
    )
    parser.add_argument("--version", action="version", version=f"bisector {__version__}")
    add_search_options(parser)
    add_only_search_options(parser)
    request = _request(parser, options, command)
    from bisector import commands

    return commands.search(request)


def _table(words: list[str]) -> int:
    options, command = _split(words)
    parser = Parser(
        prog="bisect table",
        description="Print a compatibility table, releases down and probes across, "
        "measuring what is missing; by default of every probe in the catalogue.",
    )
    add_search_options(parser, assure="0")
    parser.set_defaults(attribute=False)
    add_stored_option(parser)
    parser.add_argument(
        "--format", choices=("text", "markdown", "html", "json", "csv"), default="text"
    )
    parser.add_argument("--memory", action="store_true", help="show the peak memory as well")
    parser.add_argument("--fold", action="store_true", help="fold neighbouring equal releases")
    parser.add_argument(
        "--evidence",
        action="store_true",
        help="with markdown: claims beside measurements, and links to the stored reports",
    )
    request = _request(parser, options, command)
    from bisector import commands

    return commands.table(request)


def _report(words: list[str]) -> int:
    options, command = _split(words)
    parser = Parser(
        prog="bisect report",
        description="Write what to attach to a bug report: report.md, finding.json, chart.svg, "
        "osv.json and reproducer.py; or print one of them.",
    )
    add_search_options(parser)
    add_stored_option(parser)
    parser.add_argument(
        "--format", choices=("files", "text", "markdown", "json", "osv"), default="files"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where to write the files (default: the probe's folder in the results)",
    )
    request = _request(parser, options, command)
    from bisector import commands

    return commands.report(request)


def _releases(words: list[str]) -> int:
    parser = Parser(prog="bisect releases", description="Show the plan for a project's releases.")
    parser.add_argument("package", metavar="PROJECT")
    add_plan_options(parser)
    add_index_options(parser)
    request = _request(parser, words)
    from bisector import commands

    return commands.releases(request)


def _probes(words: list[str]) -> int:
    parser = Parser(prog="bisect probes", description="List the probes that there are to run.")
    parser.parse_args(words)
    from bisector import commands

    return commands.probes()


def _request(
    parser: argparse.ArgumentParser, options: Sequence[str], command: Sequence[str] = ()
) -> Request:
    values = vars(parser.parse_args(options))
    from bisector.inputs.request import Request

    return Request(command=tuple(command), **values)


def _split(words: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the options, and the command behind ``--``."""
    if "--" not in words:
        return list(words), ()
    place = list(words).index("--")
    return list(words[:place]), tuple(words[place + 1 :])


def _complain(message: str, hint: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


_SUBCOMMANDS = {"probes": _probes, "releases": _releases, "table": _table, "report": _report}
