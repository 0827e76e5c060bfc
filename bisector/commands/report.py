"""``bisect report``: what to attach to a bug report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bisector import settings
from bisector.commands import output
from bisector.commands.findings import found, status
from bisector.environment.installers.choice import INSTALLERS
from bisector.errors import UsageError
from bisector.inputs import options
from bisector.inputs.arguments import Parser, request
from bisector.reports import facts
from bisector.reports.formats import FILES, FINDINGS, check
from bisector.session import numbers
from bisector.store.runs import Store, write


def run(words: Sequence[str]) -> int:
    """Write what to attach to a bug report, or print one part of it."""
    asked = request(parser(), words)
    if asked.output and asked.format != "files":
        raise UsageError(
            f"--output is a folder for files, and --format {asked.format} is printed",
            "leave out the one or the other",
        )
    if asked.format in FINDINGS:
        check(FINDINGS, asked.format, {"--verbose": asked.verbose})
    elif asked.verbose:
        raise UsageError("the files have all that is known already", "leave out --verbose")
    numbers.check(asked)
    findings = found(asked)
    if asked.format != "files":
        output.write(FINDINGS[asked.format], findings, output.view(asked))
        return status(findings)
    store = Store(asked.results, settings.cache_dir())
    for finding in findings:
        folder = asked.output or store.probe_folder(finding.probe)
        alike = [f for f in findings if facts.name(f) == facts.name(finding)]
        if len({other.conditions.interpreter.series for other in alike}) > 1:
            folder = folder / f"python-{finding.conditions.interpreter.series}"
        for name, render in FILES.items():
            if text := render(finding):
                write(folder / name, text)
                print(folder / name)
    return status(findings)


def parser() -> Parser:
    """Return what reads its arguments."""
    parser_ = Parser(
        prog="bisect report",
        description="Write what to attach to a bug report: report.md, finding.json, chart.svg, "
        "osv.json and reproducer.py; or print one of them.",
    )
    options.add_search_options(parser_, INSTALLERS)
    options.add_stored_option(parser_)
    options.add_why_options(parser_)
    options.add_number_options(parser_)
    options.add_format_option(parser_, ("files", *FINDINGS), "files")
    options.add_verbose_option(parser_)
    parser_.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where to write the files (default: the probe's folder in the results)",
    )
    return parser_
