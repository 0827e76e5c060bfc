"""The ``bisect`` command: arguments -> objects -> one call -> exit status."""

from __future__ import annotations

import argparse
import gc
import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from bisector import __version__
from bisector.errors import BisectorError, UsageError

if TYPE_CHECKING:
    from bisector.request import Request

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
    parser = _Parser(
        prog="bisect",
        usage="%(prog)s --probe NAME_OR_PATH [options]\n"
        "       %(prog)s --package PROJECT [options] -- COMMAND...\n"
        "       %(prog)s --from OLD --to NEW [options] -- COMMAND...",
        description="Find the release of a Python package in which a behaviour broke, "
        "and the one that fixed it.",
        epilog=_COMMANDS,
    )
    parser.add_argument("--version", action="version", version=f"bisector {__version__}")
    _add_search_options(parser)
    parser.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be looked at, and stop there"
    )
    parser.add_argument(
        "--order",
        choices=("version", "upload"),
        default="version",
        help="of the releases that are searched (default: version)",
    )
    parser.add_argument(
        "--over",
        choices=("releases", "dependencies"),
        default="releases",
        help="with dependencies, the newest release in the range is held, and searched is on "
        "which day what it depends on changed the outcome",
    )
    sets = parser.add_argument_group("two sets instead of a package's releases")
    sets.add_argument(
        "--from",
        type=Path,
        dest="old",
        metavar="FILE",
        help="pins of which one is good and the other bad: requirements, `pip freeze`, "
        "pylock.toml, uv.lock or poetry.lock",
    )
    sets.add_argument("--to", type=Path, dest="new", metavar="FILE", help="the other pins")
    request = _request(parser, options, command)
    from bisector import commands

    return commands.search(request)


def _table(words: list[str]) -> int:
    options, command = _split(words)
    parser = _Parser(
        prog="bisect table",
        description="Print a compatibility table, releases down and probes across, "
        "measuring what is missing; by default of every probe in the catalogue.",
    )
    _add_search_options(parser, assure="0")
    parser.set_defaults(attribute=False)
    _add_stored_option(parser)
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
    parser = _Parser(
        prog="bisect report",
        description="Write what to attach to a bug report: report.md, finding.json, chart.svg, "
        "osv.json and reproducer.py; or print one of them.",
    )
    _add_search_options(parser)
    _add_stored_option(parser)
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
    parser = _Parser(prog="bisect releases", description="Show the plan for a project's releases.")
    parser.add_argument("package", metavar="PROJECT")
    _add_plan_options(parser)
    _add_index_options(parser)
    request = _request(parser, words)
    from bisector import commands

    return commands.releases(request)


def _probes(words: list[str]) -> int:
    parser = _Parser(prog="bisect probes", description="List the probes that there are to run.")
    parser.parse_args(words)
    from bisector import commands

    return commands.probes()


def _request(
    parser: argparse.ArgumentParser, options: Sequence[str], command: Sequence[str] = ()
) -> Request:
    values = vars(parser.parse_args(options))
    from bisector.request import Request

    return Request(command=tuple(command), **values)


def _split(words: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the options, and the command behind ``--``."""
    if "--" not in words:
        return list(words), ()
    place = list(words).index("--")
    return list(words[:place]), tuple(words[place + 1 :])


def _add_search_options(
    parser: argparse.ArgumentParser, assure: str = "as long as the search took, at most 30"
) -> None:
    what = parser.add_argument_group("what to search")
    what.add_argument(
        "--probe",
        action="append",
        default=[],
        dest="probes",
        metavar="NAME_OR_PATH",
        help="a probe's name, one case of it as NAME[CASE], or a script; repeat it for several",
    )
    what.add_argument("--package", metavar="PROJECT", help="the project, where no probe names it")
    _add_plan_options(what)
    what.add_argument(
        "--good", action="append", default=[], metavar="V", help="a release known to be good"
    )
    what.add_argument(
        "--bad", action="append", default=[], metavar="V", help="a release known to be bad"
    )
    how = parser.add_argument_group("how far to look")
    how.add_argument(
        "--assure",
        type=_seconds,
        metavar="S",
        help="go on looking for other transitions for S seconds once the answer is settled "
        f"(default: {assure}; 0 stops at once)",
    )
    how.add_argument(
        "--no-attribution",
        action="store_false",
        dest="attribute",
        help="don't measure whose fault each change is: the package's or a dependency's",
    )
    how.add_argument("--exhaustive", action="store_true", help="leave nothing untested")
    how.add_argument("--max-probes", type=_positive, metavar="N", help="measure at most N times")
    how.add_argument(
        "--confidence",
        type=_probability,
        metavar="P",
        help="run both sides of each transition until the posterior is P, between 0 and 1",
    )
    what_is_bad = parser.add_argument_group(
        "what is bad, where the command's exit status doesn't say it well"
    )
    what_is_bad.add_argument(
        "--bad-output",
        type=_pattern,
        default="",
        metavar="REGEX",
        help="only a run is bad that prints a line which matches; other failures decide nothing",
    )
    what_is_bad.add_argument(
        "--bad-memory", type=_size, metavar="SIZE", help="... that takes more memory than that"
    )
    what_is_bad.add_argument(
        "--bad-timeout", action="store_true", help="... that is still running at the --timeout"
    )
    what_is_bad.add_argument(
        "--any-failure",
        action="store_true",
        help="every failure is bad, also one of another kind than the newest",
    )
    run = parser.add_argument_group("how to measure")
    run.add_argument(
        "--dependencies",
        default="newest",
        metavar="newest|released|FILE",
        help="their versions: resolved once for the newest candidate and held (default), "
        "as of each release's upload, or pinned in a requirements or lock file",
    )
    run.add_argument(
        "--with",
        action="append",
        default=[],
        dest="requirements",
        metavar="REQ",
        help="install this as well",
    )
    run.add_argument("--installer", choices=("uv", "pip"), default="uv")
    run.add_argument(
        "--jobs",
        type=_positive,
        metavar="N",
        help="measure N at once (default: one per core, or per thread of the cluster's workers)",
    )
    run.add_argument(
        "--executor",
        choices=("threads", "dask"),
        default="threads",
        help="measure on threads of this machine (default), or on the workers of a Dask cluster",
    )
    run.add_argument(
        "--scheduler", metavar="ADDRESS", help="of the Dask cluster, like tcp://host:8786"
    )
    run.add_argument("--timeout", type=_above_zero, metavar="S", help="of one run, in seconds")
    run.add_argument("--max-memory", type=_size, metavar="SIZE", help="of one run: 500M, 2GiB")
    run.add_argument(
        "--isolated",
        action="store_true",
        help="run a command in an empty folder, with copies of the files that it names",
    )
    run.add_argument("--keep-environments", action="store_true", help="and say where they are")
    store = parser.add_argument_group("what is known, and what is printed")
    store.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="the folder that measurements are kept in (default: results)",
    )
    _add_index_options(store)


def _add_stored_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stored", action="store_true", help="use what is stored; measure nothing, ask no index"
    )


def _add_plan_options(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--range",
        type=_specifier,
        dest="within",
        metavar="SPEC",
        help="releases to look at, like '>=3.10,<3.13' (default: the probe's, else all)",
    )
    group.add_argument(
        "--python",
        action="append",
        default=[],
        dest="pythons",
        metavar="X.Y",
        help="the interpreter, a version or a path; repeat it for several (default: this one)",
    )
    group.add_argument("--pre", action="store_true", help="search pre-releases as well")
    group.add_argument(
        "--no-yanked", action="store_false", dest="yanked", help="leave yanked releases out"
    )
    group.add_argument(
        "--allow-build",
        action="store_true",
        help="build releases without a wheel; this runs their own build code",
    )


def _add_index_options(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--index-url", metavar="URL", help="the package index (default: uv's setting, pip's)"
    )
    group.add_argument(
        "--offline", action="store_true", help="use what is cached, whatever its age"
    )
    group.add_argument(
        "--refresh", action="store_true", help="trust nothing that is stored: list, measure anew"
    )


class _Parser(argparse.ArgumentParser):
    """An argument parser that leaves it to the command to say what is wrong."""

    def __init__(self, **settings: str) -> None:
        super().__init__(
            **settings,  # type: ignore[arg-type]  # argparse's own types name each setting
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of printing and exiting."""
        raise UsageError(message, f"see `{self.prog} --help`")


def _specifier(text: str) -> SpecifierSet:
    with suppress(InvalidSpecifier):
        return SpecifierSet(text)
    with suppress(InvalidVersion):
        return SpecifierSet(f"=={Version(text)}")
    raise argparse.ArgumentTypeError(f"{text!r} is not a version specifier like '>=1.2,<2'")


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from error
    return text


def _number(text: str, wanted: str, allowed: Callable[[float], bool]) -> float:
    with suppress(ValueError):
        if isfinite(number := float(text)) and allowed(number):
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")


def _seconds(text: str) -> float:
    return _number(text, "a number of seconds", lambda number: number >= 0)


def _above_zero(text: str) -> float:
    return _number(text, "a number of seconds above 0", lambda number: number > 0)


def _probability(text: str) -> float:
    return _number(text, "a probability between 0 and 1", lambda number: 0 < number < 1)


def _positive(text: str) -> int:
    return int(_number(text, "a whole number above 0", lambda n: n >= 1 and n == int(n)))


def _size(text: str) -> int:
    units = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
    digits = text.upper().rstrip("IB").rstrip("KMGT")
    unit = text.upper().rstrip("IB")[len(digits) :]
    if unit in units:
        with suppress(argparse.ArgumentTypeError):
            return int(_number(digits, "", lambda number: number > 0) * units[unit])
    raise argparse.ArgumentTypeError(f"{text!r} is not a size like 500M or 2GiB")


def _complain(message: str, hint: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


_SUBCOMMANDS = {"probes": _probes, "releases": _releases, "table": _table, "report": _report}
