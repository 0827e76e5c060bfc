"""The options of what a run is: what makes it bad, and how it is measured."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from bisector.inputs import values


def repeated(group: argparse._ActionsContainer, name: str, **settings: str) -> None:
    """Add an option that may be given several times; its value is the list of what was given."""
    group.add_argument(name, action="append", default=[], **settings)  # type: ignore[arg-type]  # argparse's own overloads


def add_symptom_options(parser: argparse.ArgumentParser) -> None:
    """Add what makes a run bad."""
    group = parser.add_argument_group(
        "what is bad, where the command's exit status doesn't say it well"
    )
    group.add_argument(
        "--bad-output",
        type=values.pattern,
        default="",
        metavar="REGEX",
        help="only a run is bad that prints a line which matches; other failures decide nothing",
    )
    group.add_argument(
        "--bad-memory",
        type=values.size,
        metavar="SIZE",
        help="... that takes more memory than that",
    )
    group.add_argument(
        "--bad-timeout", action="store_true", help="... that is still running at the --timeout"
    )
    group.add_argument(
        "--any-failure",
        action="store_true",
        help="all failures are one, whatever they say",
    )
    group.add_argument(
        "--failure",
        type=values.pattern,
        default="",
        metavar="REGEX",
        help="only failures that it matches, by what is said of them or printed, decide anything",
    )


def add_measuring_options(parser: argparse.ArgumentParser, installers: Iterable[str]) -> None:
    """Add how releases are installed, where they are measured, and what a run may do."""
    group = parser.add_argument_group("how to measure")
    group.add_argument(
        "--dependencies",
        default="newest",
        metavar="newest|released|FILE",
        help="their versions: resolved once for the newest candidate and held (default), "
        "as of each release's upload, or pinned in a requirements or lock file",
    )
    repeated(
        group,
        "--with",
        dest="requirements",
        metavar="REQ",
        help="install this as well",
    )
    group.add_argument("--installer", choices=tuple(installers), default="uv")
    group.add_argument(
        "--jobs",
        type=values.positive,
        metavar="N",
        help="measure N at once (default: one per core, or per thread of the cluster's workers)",
    )
    group.add_argument(
        "--executor",
        choices=("threads", "dask"),
        default="threads",
        help="measure on threads of this machine (default), or on the workers of a Dask cluster",
    )
    group.add_argument(
        "--scheduler", metavar="ADDRESS", help="of the Dask cluster, like tcp://host:8786"
    )
    group.add_argument(
        "--timeout", type=values.above_zero, metavar="S", help="of one run, in seconds"
    )
    group.add_argument(
        "--max-memory",
        type=values.size,
        metavar="SIZE",
        help="of one run: 500M, 2GiB (default: three quarters of the machine's)",
    )
    group.add_argument(
        "--max-disk",
        type=values.size,
        metavar="SIZE",
        help="that one run may write (default: 2GiB)",
    )
    group.add_argument(
        "--sandbox",
        choices=("auto", "require", "off"),
        default="auto",
        help="what keeps runs from the rest of the machine: bubblewrap, else what the kernel has "
        "(auto, the default); bubblewrap or nothing runs (require); nothing (off)",
    )
    group.add_argument(
        "--network", action="store_true", help="let runs use the outside network, not only loopback"
    )
    group.add_argument(
        "--isolated",
        action="store_true",
        help="run a command in an empty folder, with copies of the files that it names",
    )
    group.add_argument("--keep-environments", action="store_true", help="and say where they are")
