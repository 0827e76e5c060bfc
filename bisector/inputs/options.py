"""The options of the ``bisect`` command, group by group."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

from bisector.inputs import last_failed, values
from bisector.inputs.run_options import add_measuring_options, add_symptom_options, repeated


def add_search_options(
    parser: argparse.ArgumentParser,
    installers: Iterable[str],
    assure: str = "as long as the search took, at most 30",
) -> None:
    """Add what every command has that searches.

    ``installers`` are those that there are, and ``assure`` is how long it does by default.
    """
    what = parser.add_argument_group("what to search")
    repeated(
        what,
        "--probe",
        dest="probes",
        metavar="NAME_OR_PATH",
        help="a probe's name, one case of it as NAME[CASE], or a script; repeat it for several",
    )
    what.add_argument("--package", metavar="PROJECT", help="the project, where no probe names it")
    add_plan_options(what)
    repeated(what, "--good", metavar="V", help="a release known to be good")
    repeated(what, "--bad", metavar="V", help="a release known to be bad")
    _add_extent_options(parser, assure)
    add_symptom_options(parser)
    add_measuring_options(parser, installers)
    store = parser.add_argument_group("what is known, and what is printed")
    add_results_option(store)
    store.add_argument(
        "--json-lines", action="store_true", help="tell progress to programs: an object per line"
    )
    add_index_options(store)


def _add_extent_options(parser: argparse.ArgumentParser, assure: str) -> None:
    """Add how far a search looks, and how sure it is to be."""
    how = parser.add_argument_group("how far to look")
    how.add_argument(
        "--assure",
        type=values.seconds,
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
    how.add_argument(
        "--budget",
        type=values.duration,
        metavar="TIME",
        help="the best answer within that time, like 90s, 10m or 1h",
    )
    how.add_argument("--exhaustive", action="store_true", help="leave nothing untested")
    how.add_argument(
        "--max-probes",
        type=values.positive,
        metavar="N",
        help="measure at most N times, and leave open whose fault it is",
    )
    how.add_argument(
        "--max-runs",
        dest="max_probes",
        type=values.positive,
        metavar="N",
        help="the same: every run counts, of whichever release",
    )
    how.add_argument(
        "--confidence",
        type=values.probability,
        metavar="P",
        help="run releases again, most where runs disagree, until every change is as sure as P, "
        f"between 0 and 1 (default: {values.CONFIDENCE})",
    )


def add_format_option(
    parser: argparse.ArgumentParser, formats: Iterable[str], default: str = "text"
) -> None:
    """Add what is printed, one of ``formats``."""
    parser.add_argument("--format", choices=tuple(formats), default=default)


def add_verbose_option(parser: argparse.ArgumentParser) -> None:
    """Add what shows all that is known of a search."""
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="show each measured release, and all else known",
    )


def add_stored_option(parser: argparse.ArgumentParser) -> None:
    """Add what reads the store alone."""
    parser.add_argument(
        "--stored", action="store_true", help="use what is stored; measure nothing, ask no index"
    )


def add_why_options(parser: argparse.ArgumentParser) -> None:
    """Add what goes from a release to the commit."""
    group = parser.add_argument_group("why it changed")
    group.add_argument(
        "--why",
        action="store_true",
        help="and say what of the code changed, and what of that the failure runs through",
    )
    group.add_argument(
        "--deep",
        action="store_true",
        help="compare and trace what is installed beside the package as well",
    )
    group.add_argument(
        "--repo",
        dest="repository",
        default="",
        metavar="PATH",
        help="a clone, or an address that git can reach: the commits between the two releases are "
        "built, which runs their own build code, and searched",
    )
    repeated(
        group,
        "--build-env",
        dest="build_environment",
        metavar="NAME=VALUE",
        help="set this where commits are built; repeat it for several",
    )


def add_results_option(group: argparse._ActionsContainer) -> None:
    """Add where measurements are kept."""
    group.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="the folder that measurements are kept in (default: results)",
    )


def add_python_option(group: argparse._ActionsContainer) -> None:
    """Add which interpreters."""
    repeated(
        group,
        "--python",
        dest="pythons",
        metavar="X.Y",
        help="the interpreter, a version or a path; repeat it for several (default: this one)",
    )


def add_plan_options(group: argparse._ActionsContainer) -> None:
    """Add what says which releases on which interpreters."""
    group.add_argument(
        "--range",
        type=values.specifier,
        dest="within",
        metavar="SPEC",
        help="releases to look at, like '>=3.10,<3.13' (default: the probe's, else all)",
    )
    add_python_option(group)
    group.add_argument("--pre", action="store_true", help="search pre-releases as well")
    group.add_argument(
        "--no-yanked", action="store_false", dest="yanked", help="leave yanked releases out"
    )
    group.add_argument(
        "--allow-build",
        action="store_true",
        help="build releases without a wheel; this runs their own build code",
    )


def add_index_options(group: argparse._ActionsContainer) -> None:
    """Add where releases come from, and how much of what is known is trusted."""
    group.add_argument(
        "--index-url", metavar="URL", help="the package index (default: uv's setting, pip's)"
    )
    group.add_argument(
        "--offline", action="store_true", help="use what is cached, whatever its age"
    )
    group.add_argument(
        "--refresh", action="store_true", help="trust nothing that is stored: list, measure anew"
    )


def add_number_options(parser: argparse.ArgumentParser) -> None:
    """Add what asks where a number stepped."""
    numbers = parser.add_argument_group("where a number stepped, instead of what is bad")
    numbers.add_argument(
        "--metric",
        default="",
        metavar="NAME",
        help="peak_memory_bytes, seconds, cpu_seconds, or one that the probe reports",
    )
    numbers.add_argument(
        "--metric-output",
        type=values.pattern_of_one_group,
        default="",
        metavar="REGEX",
        help="... or the number that its group matches last of what is printed at the end",
    )
    numbers.add_argument(
        "--threshold",
        type=values.share,
        metavar="SHARE",
        help="name only steps that are larger, like 5%% (default: 1%%)",
    )


def add_only_search_options(parser: argparse.ArgumentParser, kinds: Mapping[str, str]) -> None:
    """Add what only the main command has: other orders, and sets instead of releases.

    ``kinds`` are what may be searched over, the default first, with what each of them is.
    """
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be looked at, and stop there"
    )
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="FINDING.json",
        help="run both sides of each change of a finding again, here, and say whether it holds",
    )
    parser.add_argument(
        "--order",
        choices=("version", "upload"),
        default="version",
        help="of the releases that are searched (default: version)",
    )
    parser.add_argument(
        "--over",
        choices=tuple(kinds),
        default=next(iter(kinds)),
        help="what is searched (default: releases): "
        + "; ".join(f"{name}: {about}" for name, about in kinds.items()),
    )
    parser.add_argument(
        "--last-failed",
        type=Path,
        nargs="?",
        const=last_failed.CACHE,
        metavar="FILE",
        help="run only the tests that failed last: by pytest's cache, or by JUnit XML",
    )
    add_number_options(parser)
    sets = parser.add_argument_group("two sets instead of a package's releases")
    sets.add_argument(
        "--from",
        type=Path,
        dest="old",
        metavar="FILE",
        help="pins of which one is good and the other bad: requirements, `pip freeze`, "
        "pylock.toml, uv.lock or poetry.lock; also as of a Git revision, like main:uv.lock",
    )
    sets.add_argument("--to", type=Path, dest="new", metavar="FILE", help="the other pins")
