"""``bisect table``: releases down, probes across, measuring what is missing."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from bisector import settings
from bisector.commands import output
from bisector.commands.findings import INTERRUPTED, found
from bisector.environment.installers.choice import INSTALLERS
from bisector.finding import Finding
from bisector.inputs import documents, options, probe
from bisector.inputs.arguments import Parser, request
from bisector.inputs.request import Request
from bisector.model import Probe
from bisector.reports import formats
from bisector.reports.claims import claims
from bisector.reports.grid import Column
from bisector.store.runs import Store


def run(words: Sequence[str]) -> int:
    """Print the compatibility table; by default of every probe in the catalogue."""
    asked = request(parser(), words)
    given = {"--memory": asked.memory, "--fold": asked.fold, "--evidence": asked.evidence}
    formats.check(formats.TABLES, asked.format, given)
    if not (asked.probes or asked.command or asked.stored):
        named = [name for name in probe.names() if _about(name, asked.package)]
        asked = replace(asked, probes=named, package=None)
    if asked.assure is None:
        asked = replace(asked, assure=0.0)
    findings = found(asked)
    sources = _sources(asked, findings) if asked.evidence else None
    output.write(formats.TABLES[asked.format], findings, output.view(asked, sources))
    return 130 if any(finding.stopped in INTERRUPTED for finding in findings) else 0


def parser() -> Parser:
    """Return what reads its arguments."""
    parser_ = Parser(
        prog="bisect table",
        description="Print a compatibility table, releases down and probes across, "
        "measuring what is missing; by default of every probe in the catalogue.",
    )
    options.add_search_options(parser_, INSTALLERS, assure="0")
    parser_.set_defaults(attribute=False)
    options.add_stored_option(parser_)
    options.add_format_option(parser_, formats.TABLES)
    parser_.add_argument("--memory", action="store_true", help="show the peak memory as well")
    parser_.add_argument("--fold", action="store_true", help="fold neighbouring equal releases")
    parser_.add_argument(
        "--evidence",
        action="store_true",
        help="with markdown: claims beside measurements, and links to the stored reports",
    )
    return parser_


def _about(name: str, package: str | None) -> bool:
    return package is None or probe.load(name)[0].package == package


def _sources(asked: Request, findings: Sequence[Finding]) -> formats.Sources:
    """Return what a page of evidence cites, its addresses relative to the results folder."""
    store = Store(asked.results, settings.cache_dir())

    def address(column: Column) -> str:
        """Return the way from the results folder to a column's report, if there is one."""
        folder = store.probe_folder(
            Probe(name=column.probe, package=column.package, case=column.case)
        )
        files = (folder / f"python-{column.python}" / "report.md", folder / "report.md")
        there = next((file for file in files if file.is_file()), None)
        return there.relative_to(asked.results).as_posix() if there else ""

    listed = documents.read(probe.catalogue())
    if asked.probes or asked.package:
        about = {claim.document for finding in findings for claim in claims(finding)}
        listed = tuple(d for d in listed if {d.name, d.issue} & about)
    return formats.Sources(listed, _again(asked), address)


def _again(asked: Request) -> str:
    """Return the command that makes a page again from what is stored."""
    words = ["bisect", "table", "--stored"]
    words += [word for name in asked.probes for word in ("--probe", name)]
    words += ["--package", asked.package] if asked.package else []
    flags = {"--fold": asked.fold, "--memory": asked.memory, "--evidence": asked.evidence}
    words += [flag for flag, given in flags.items() if given]
    return shlex.join([*words, "--format", asked.format])
