"""The compatibility table's model: releases down, probes across, one cell per pair."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from packaging.version import Version

from bisector.finding import Finding
from bisector.model import Excluded, Measurement, Outcome, Release
from bisector.reports import failing
from bisector.reports.words import safe
from bisector.search.observed import Verdict, verdict


class Known(str, Enum):
    """How a cell is known."""

    MEASURED = "measured"
    INFERRED = "inferred"
    UNTESTABLE = "untestable"
    CONFLICTING = "conflicting"
    NOT_LOOKED_AT = "not looked at"


@dataclass(frozen=True, slots=True)
class Cell:
    """What is known of one release by one probe on one interpreter.

    ``outcome`` is good or bad where measured or inferred, else empty; ``reason`` says why an
    untestable one is. ``failure`` is the number of the failure among those of its column, from 1,
    where the column has several. ``runs`` are the evidence: none where it wasn't measured.
    """

    known: Known
    outcome: str = ""
    reason: str = ""
    failure: int = 0
    detail: str = ""
    peak_memory_bytes: int | None = None
    runs: tuple[Measurement, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One probe, or one case of one, on one interpreter.

    ``failures`` are what its failures are called, the one most likely meant first; none where all
    that are bad fail alike.
    """

    probe: str
    case: str
    package: str
    python: str
    title: str = ""
    failures: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``probe`` or ``probe[case]``."""
        return f"{self.probe}[{self.case}]" if self.case else self.probe


@dataclass(frozen=True, slots=True)
class Line:
    """One release, or a fold of neighbouring releases whose cells are the same."""

    first: Version
    last: Version
    releases: int
    date: str
    yanked: bool
    cells: tuple[Cell, ...]

    @property
    def label(self) -> str:
        """The version, or both ends of the fold."""
        return str(self.first) if self.first == self.last else f"{self.first}–{self.last}"

    @property
    def line(self) -> str:
        """The release line, ``X.Y``."""
        return f"{self.first.major}.{self.first.minor}"


@dataclass(frozen=True, slots=True)
class Grid:
    """The table of one package, or of one ``probe`` of it: columns, and a line per release."""

    package: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    probe: str = ""


def grids(findings: Sequence[Finding], *, prereleases: bool = False) -> tuple[Grid, ...]:
    """Return one table per package, in the order in which the packages come.

    ``prereleases`` adds the pre-releases that were measured.
    """
    packages = dict.fromkeys(finding.probe.package for finding in findings)
    return tuple(
        _grid(package, [f for f in findings if f.probe.package == package], prereleases)
        for package in packages
    )


def narrow(grid: Grid, most: int) -> tuple[Grid, ...]:
    """Return the table as it is, or one per probe where it has more columns than ``most``."""
    if len(grid.columns) <= most:
        return (grid,)
    tables = []
    for probe in dict.fromkeys(column.probe for column in grid.columns):
        positions = [p for p, column in enumerate(grid.columns) if column.probe == probe]
        columns = tuple(grid.columns[position] for position in positions)
        lines = tuple(
            replace(line, cells=tuple(line.cells[position] for position in positions))
            for line in grid.lines
        )
        tables.append(Grid(grid.package, columns, lines, probe))
    return tuple(tables)


def fold(grid: Grid) -> Grid:
    """Return the table with neighbouring equal lines made one.

    Lines are equal where every cell shows the same outcome, however known: a fold counts as
    measured only where all of it is.
    """
    folded: list[Line] = []
    for line in grid.lines:
        if folded and _shown(folded[-1]) == _shown(line) and folded[-1].line == line.line:
            folded[-1] = _joined(folded[-1], line)
        else:
            folded.append(line)
    return replace(grid, lines=tuple(folded))


def _grid(package: str, findings: Sequence[Finding], prereleases: bool) -> Grid:
    releases: dict[Version, Release | Excluded] = {}
    for finding in findings:
        measured = {m.version for m in finding.measurements}
        for excluded in finding.plan.excluded:
            if prereleases or not excluded.version.is_prerelease:
                releases.setdefault(excluded.version, excluded)
        for release in finding.plan.candidates:
            releases[release.version] = release
        for release in finding.plan.prereleases:
            if prereleases and release.version in measured:
                releases[release.version] = release
    columns = tuple(
        Column(
            probe=finding.probe.name,
            case=finding.probe.case,
            package=package,
            python=finding.conditions.interpreter.series,
            title=safe(finding.probe.title),
            failures=_failures(finding),
        )
        for finding in findings
    )
    ordered = sorted(releases)
    cells = [_cells(finding, ordered) for finding in findings]
    lines = []
    for version in ordered:
        uploaded = releases[version].upload_time
        lines.append(
            Line(
                first=version,
                last=version,
                releases=1,
                date=uploaded.date().isoformat() if uploaded else "",
                yanked=releases[version].yanked,
                cells=tuple(column[version] for column in cells),
            )
        )
    return Grid(package, columns, tuple(lines))


def _failures(finding: Finding) -> tuple[str, ...]:
    names = tuple(map(failing.name, finding.failures))
    return names if len(names) > 1 else ()


def _cells(finding: Finding, versions: Sequence[Version]) -> dict[Version, Cell]:
    """Return the cell of each version: what was measured of it, or what its neighbours say."""
    runs = finding.runs
    excluded = {e.version: e for e in finding.plan.excluded}
    candidates = {r.version for r in finding.plan.candidates}
    numbers = _numbers(finding)
    measured_cells = {
        version: _measured(runs[version], numbers.get(version, 0)) for version in runs
    }
    cells: dict[Version, Cell] = {}
    for version in versions:
        if version in measured_cells:
            cells[version] = measured_cells[version]
        elif version in excluded:
            why = excluded[version]
            cells[version] = Cell(Known.UNTESTABLE, "", why.reason.value, detail=safe(why.detail))
    telling = (Known.MEASURED, Known.CONFLICTING)
    # Pre-releases tell of their neighbours also where they have no line of their own.
    measured = sorted(version for version, cell in measured_cells.items() if cell.known in telling)
    for version in versions:
        if version not in cells:
            position = bisect_left(measured, version)
            around = measured[max(position - 1, 0) : position + 1]
            outcomes = {(measured_cells[v].outcome, measured_cells[v].failure) for v in around}
            agree = 0 < position < len(measured) and len(outcomes) == 1 and version in candidates
            outcome, failure = outcomes.pop() if agree else ("", 0)
            inferred = Cell(Known.INFERRED, outcome, failure=failure)
            cells[version] = inferred if outcome else _NOTHING
    return cells


def _numbers(finding: Finding) -> dict[Version, int]:
    """Return which failure each release has, by its number; none where there is but one."""
    if len(finding.failures) < 2:
        return {}
    numbers = {id(failure): number for number, failure in enumerate(finding.failures, 1)}
    return {v: numbers[id(failure)] for v, failure in failing.of_releases(finding).items()}


def _measured(runs: Sequence[Measurement], failure: int) -> Cell:
    conclusion = verdict([run.outcome for run in runs])
    decided = [run for run in runs if run.outcome is not Outcome.UNTESTABLE]
    newest = decided[-1] if decided else runs[-1]
    peaks = [run.main_process.peak_memory_bytes for run in runs if run.main_process]
    known = {
        Verdict.CONFLICTING: Known.CONFLICTING,
        Verdict.UNTESTABLE: Known.UNTESTABLE,
    }.get(conclusion, Known.MEASURED)
    return Cell(
        known=known,
        outcome=conclusion.value if conclusion.decided else "",
        reason=newest.reason.value if newest.reason and not decided else "",
        failure=failure,
        detail=safe(newest.detail),
        peak_memory_bytes=max(peaks, default=None),
        runs=tuple(runs),
    )


_NOTHING = Cell(Known.NOT_LOOKED_AT)


def _shown(line: Line) -> tuple[object, ...]:
    """Return what makes two lines look the same in a fold."""
    decided = (Known.MEASURED, Known.INFERRED)
    cells = (
        (cell.outcome, cell.failure) if cell.known in decided else (cell.known, cell.reason)
        for cell in line.cells
    )
    return (line.yanked, *cells)


def _joined(one: Line, other: Line) -> Line:
    cells = []
    for left, right in zip(one.cells, other.cells):
        known = left.known if left.known is right.known else Known.INFERRED
        peaks = [c.peak_memory_bytes for c in (left, right) if c.peak_memory_bytes is not None]
        cells.append(
            Cell(
                known=known,
                outcome=left.outcome,
                reason=left.reason,
                failure=left.failure,
                peak_memory_bytes=max(peaks, default=None),
                runs=(*left.runs, *right.runs),
            )
        )
    return Line(
        first=one.first,
        last=other.last,
        releases=one.releases + other.releases,
        # Both are ISO dates, ten characters, or two of them.
        date=" – ".join(dict.fromkeys(filter(None, (one.date[:10], other.date[-10:])))),
        yanked=one.yanked,
        cells=tuple(cells),
    )
