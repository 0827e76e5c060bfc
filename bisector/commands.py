"""What each command does with a request: it finds, it prints, it returns an exit status."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TextIO

from packaging.specifiers import SpecifierSet

from bisector.errors import UndecidedError, UsageError
from bisector.finding import Finding
from bisector.inputs import documents, probe
from bisector.inputs.request import Request
from bisector.model import Outcome, Probe
from bisector.reports import (
    as_json,
    as_text,
    chart,
    comparisons,
    osv,
    progress,
    report_markdown,
    reproducer,
    rows,
    table_data,
    table_markdown,
    table_text,
)
from bisector.reports.claims import claims
from bisector.reports.differences import differences
from bisector.reports.grid import Column, Grid, fold, grids, narrow
from bisector.reports.markdown import escape
from bisector.run import process
from bisector.session import from_store, scope
from bisector.session.session import Driver
from bisector.store.runs import Store, write

_INTERRUPTED = ("interrupted", "attribution")
_MOST_COLUMNS = 8
"""What fits beside each other where Markdown is read; a wider table is one per probe."""


def search(request: Request) -> int:
    """Search for every probe, case and interpreter asked for; print the findings."""
    if request.dry_run:
        return _foresee(request)
    if request.old or request.new:
        return _compare(request)
    findings = _found(request)
    sys.stdout.write(_rendered(findings, request.format))
    return _status(findings)


def _compare(request: Request) -> int:
    """Print which of the changes between two sets of pins make the difference."""
    if not (request.old and request.new):
        raise UsageError("--from and --to go together", "give the good set and the bad one")
    of_releases = {
        "--package": request.package,
        "--range": request.within,
        "--good": request.good,
        "--bad": request.bad,
        "--exhaustive": request.exhaustive,
        "--max-probes": request.max_probes,
        "--confidence": request.confidence,
        "--over": request.over != "releases",
        "--order": request.order != "version",
        "--dependencies": request.dependencies != "newest",
    }
    if given := [option for option, value in of_releases.items() if value]:
        raise UsageError(
            f"--from and --to compare two sets, {given[0]} is about one project's releases",
            "leave out the one or the other",
        )
    process.become_subreaper()
    said = progress.listener(sys.stderr, color=_color(sys.stderr))
    found = []
    with Driver(request, Store(request.results), said) as driving:
        for python in scope.interpreters(request):
            for one in scope.asked_for(request):
                found.append(driving.compare(one, python, (request.old, request.new)))
    sys.stdout.write(
        comparisons.render_json(found)
        if request.format == "json"
        else comparisons.render_markdown(found)
        if request.format == "markdown"
        else comparisons.render(found, width=_width(), color=_color(sys.stdout))
    )
    if any(comparison.culprits for comparison in found):
        return 0
    ends = [end for comparison in found for end in comparison.ends]
    return 3 if any(end.outcome is Outcome.UNTESTABLE for end in ends) else 1


def _foresee(request: Request) -> int:
    """Print what each search would look at and where it would start; measure nothing.

    Raises UsageError where what would be looked at is known only once something is installed.
    """
    if request.old or request.new or request.over != "releases":
        raise UsageError(
            "--dry-run shows what a search over releases would look at",
            "leave it out, or leave out --from and --to, or --over",
        )
    for python in scope.interpreters(request):
        for wanted in scope.asked_for(request):
            seen = scope.prospect(request, wanted, python)
            sys.stdout.write(as_text.foreseen(seen.plan, scope.summary(seen), seen.witnesses))
    return 0


def table(request: Request) -> int:
    """Print the compatibility table, measuring what is missing."""
    if not (request.probes or request.command or request.stored):
        named = [name for name in probe.names() if _about(name, request.package)]
        request = replace(request, probes=named, package=None)
    if request.assure is None:
        request = replace(request, assure=0.0)
    findings = _found(request)
    tables = grids(findings)
    if request.format == "markdown":
        tables = tuple(table for whole in tables for table in narrow(whole, _MOST_COLUMNS))
    tables = tuple(map(fold, tables)) if request.fold else tables
    sys.stdout.write(_table(request, findings, tables))
    return 130 if any(finding.stopped in _INTERRUPTED for finding in findings) else 0


def report(request: Request) -> int:
    """Write what to attach to a bug report, or print one part of it."""
    findings = _found(request)
    if request.format != "files":
        sys.stdout.write(_rendered(findings, request.format))
        return _status(findings)
    store = Store(request.results)
    for finding in findings:
        folder = request.output or store.probe_folder(finding.probe)
        alike = [f for f in findings if rows.name(f) == rows.name(finding)]
        if len({other.conditions.interpreter.series for other in alike}) > 1:
            folder = folder / f"python-{finding.conditions.interpreter.series}"
        for name, text in _files(finding).items():
            write(folder / name, text)
            print(folder / name)
    return _status(findings)


def releases(request: Request) -> int:
    """Print the plan for a project on each interpreter, before anything is spent."""
    listing = scope.listed(str(request.package), request)
    for python in scope.interpreters(request):
        plan = scope.planned(listing, python, request, request.within or SpecifierSet())
        about = f"{python.implementation} {python.version}, {python.platform}"
        sys.stdout.write(
            as_text.plan_table(
                listing.project, plan, about, width=_width(), color=_color(sys.stdout)
            )
        )
    return 0


def probes() -> int:
    """Print what there is to run."""
    found = [probe.load(name)[0] for name in probe.names()]
    sys.stdout.write(as_text.probes_table(found, width=_width(), color=_color(sys.stdout)))
    return 0


def _found(request: Request) -> list[Finding]:
    """Return the findings asked for: searched for, or read from what is stored."""
    store = Store(request.results)
    said = progress.listener(sys.stderr, color=_color(sys.stderr))
    if request.stored:
        known = from_store.findings(store, request.probes, request.package)
        for warning in store.warnings:
            said.say(f"warning: {warning}")
        if not known:
            raise UndecidedError(
                f"nothing of what is asked for is stored in {request.results}",
                "measure it first, without --stored",
            )
        return known
    wanted = scope.asked_for(request)
    if request.executor == "dask" or request.scheduler:
        from bisector.measure.dask import cluster  # it costs 15 ms that only a cluster's users need

        cluster.check(request, wanted)
    process.become_subreaper()
    findings: list[Finding] = []
    undecided: UndecidedError | None = None
    with Driver(request, store, said) as searches:
        for python in scope.interpreters(request):
            for one in wanted:
                if len(wanted) > 1:
                    said.say(f"{one.name}[{one.case}]" if one.case else one.name)
                try:
                    over = request.over == "dependencies"
                    if over and (request.good or request.bad):
                        raise UsageError(
                            "--over dependencies searches days, --good and --bad name releases",
                            "--range chooses the release whose dependencies are varied",
                        )
                    findings.append((searches.find_over if over else searches.find)(one, python))
                except UndecidedError as error:
                    # One of several that can't be searched must not cost the others' answer.
                    undecided = error
                    said.say(f"warning: {error.message}; {error.hint}")
                    continue
                if findings[-1].stopped in _INTERRUPTED:
                    return findings
    if undecided and not findings:
        raise undecided
    return findings


def _rendered(findings: Sequence[Finding], wanted: str) -> str:
    if wanted == "json":
        return as_json.render(findings)
    if wanted == "markdown":
        told = [*map(report_markdown.render, findings)]
        told += [f"{escape(sentence)}\n" for sentence in differences(findings)]
        return "\n".join(told)
    if wanted == "osv":
        return osv.render(findings)
    return as_text.render(findings, width=_width(), color=_color(sys.stdout))


def _about(name: str, package: str | None) -> bool:
    return package is None or probe.load(name)[0].package == package


def _table(request: Request, findings: Sequence[Finding], tables: Sequence[Grid]) -> str:
    if request.format == "html":
        from bisector.reports import table_html

        return table_html.render(tables, findings)
    if request.format == "csv":
        return table_data.render_csv(tables)
    if request.format == "json":
        return table_data.render_json(tables)
    if request.format == "text":
        return table_text.render(
            tables, width=_width(), color=_color(sys.stdout), memory=request.memory
        )
    if not request.evidence:
        return table_markdown.render(tables, memory=request.memory)
    store = Store(request.results)

    def address(column: Column) -> str:
        """Return the way from the results folder to a column's report, if there is one."""
        folder = store.probe_folder(
            Probe(name=column.probe, package=column.package, case=column.case)
        )
        files = (folder / f"python-{column.python}" / "report.md", folder / "report.md")
        there = next((file for file in files if file.is_file()), None)
        return there.relative_to(request.results).as_posix() if there else ""

    listed = documents.read(probe.catalogue())
    if request.probes or request.package:
        about = {claim.document for finding in findings for claim in claims(finding)}
        listed = tuple(d for d in listed if {d.name, d.issue} & about)
    told = table_markdown.evidence(findings, listed, _said(request))
    made = table_markdown.render(tables, memory=request.memory, address=address)
    return f"{told}\n{made}"


def _said(request: Request) -> str:
    """Return the command that makes a page again from what is stored."""
    words = ["bisect", "table", "--stored"]
    words += [word for name in request.probes for word in ("--probe", name)]
    words += ["--package", request.package] if request.package else []
    flags = {"--fold": request.fold, "--memory": request.memory, "--evidence": request.evidence}
    words += [flag for flag, given in flags.items() if given]
    return shlex.join([*words, "--format", request.format])


def _files(finding: Finding) -> dict[str, str]:
    files = {
        "report.md": report_markdown.render(finding, chart="chart.svg"),
        "finding.json": as_json.render([finding]),
        "chart.svg": chart.memory_chart(finding),
        "osv.json": osv.render([finding]),
    }
    if finding.probe.text:
        files["reproducer.py"] = reproducer.render(finding)
    return files


def _status(findings: Sequence[Finding]) -> int:
    if any(finding.stopped in _INTERRUPTED for finding in findings):
        return 130
    if any(finding.transitions and finding.decided for finding in findings):
        return 0
    return 1 if all(finding.decided for finding in findings) else 3


def _width() -> int:
    return shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else 120


def _color(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"
