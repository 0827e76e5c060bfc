"""The compatibility table as one HTML page that opens from disk and needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from urllib.parse import urlencode

from packaging.version import Version

from bisector.finding import Finding
from bisector.reports import suspects as why
from bisector.reports.behaviour import Group, grouped
from bisector.reports.chart import chart
from bisector.reports.evidence import evidence, is_of
from bisector.reports.facts import conditions
from bisector.reports.grid import Cell, Column, Grid, Known, Line
from bisector.reports.words import count, safe

_STATES = {
    "good": "Measured, and good.",
    "bad": "Measured, and bad.",
    "conflicting": "Measured, and its runs disagree.",
    "untestable": "Could not be tested.",
    "inferred-good": "Not measured: the nearest measured releases on both sides are good.",
    "inferred-bad": "Not measured: the nearest measured releases on both sides are bad.",
    "unknown": "Not looked at.",
}
_WORDS = {
    "conflicting": "runs disagree",
    "inferred-good": "good",
    "inferred-bad": "bad",
    "unknown": "not looked at",
}
_FEW = 4
"""How many columns a table may have whose notes are open."""
_SYMBOLS = {
    "good": '<path d="M3 8.5 6.5 12 13 4.5"/>',
    "bad": '<path d="m4 4 8 8m0-8-8 8"/>',
    "conflicting": '<path d="M3 6h10M3 10h10M10.5 2.5l-5 11"/>',
    "untestable": '<circle cx="8" cy="8" r="5.5"/><path d="m4.2 11.8 7.6-7.6"/>',
    "inferred-good": '<circle stroke-dasharray="2 2.7" stroke-width="1.3" cx="8" cy="8" r="7"/>'
    '<path d="m4.8 8.4 2.2 2.2 4.2-4.8"/>',
    "inferred-bad": '<circle stroke-dasharray="2 2.7" stroke-width="1.3" cx="8" cy="8" r="7"/>'
    '<path d="m5.5 5.5 5 5m0-5-5 5"/>',
    "unknown": '<path d="M8 8h.01"/>',
}


def render(grids: Sequence[Grid], findings: Sequence[Finding], *, title: str = "") -> str:
    """Return the page: a section per package, whose cells show their evidence when clicked.

    A cell is little more than its words: the script makes a button, a symbol and a bar of each.
    """
    packages = [_short(grid.package) for grid in grids]
    named = _listed(packages) if len(grids) <= _FEW else count(len(grids), "package")
    title = safe(title) or f"Which releases of {named or 'nothing'} work"
    style, script = _data("table.css"), _data("section.js") + _data("table.js")
    tables = [grouped(grid) for grid in grids]
    states = Counter(state(c) for grid in grids for line in grid.lines for c in line.cells)
    sections = [_section(at, *table, findings) for at, table in enumerate(tables)]
    told = evidence([grid for grid, _ in tables], findings)
    embedded = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="referrer" content="no-referrer">\n<link rel="icon" href="data:,">',
            f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>",
            f'<svg class="symbols" aria-hidden="true">{"".join(_symbols())}</svg>',
            f"<header><h1>{escape(title)}</h1>",
            "<p>One cell per release and probe. Choose a cell, or a release, for its evidence.</p>",
            "<noscript><p>Sorting, filters and evidence need JavaScript; the tables do not.</p>",
            "</noscript></header>\n<main>",
            *_windows(tables),
            *(_controls(states) if states else ()),
            *(sections or ['<p class="nothing">Nothing has been measured.</p>']),
            '<p class="nothing" id="nothing" hidden>Nothing has what the filters ask for.</p>',
            "</main>",
            '<dialog id="evidence" aria-labelledby="evidence-title"></dialog>',
            f'<script type="application/json" id="data">{_embedded(embedded)}</script>',
            f"<script>{script}</script>\n</body>\n</html>\n",
        )
    )


def state(cell: Cell) -> str:
    """Return the one word for what a cell shows and how it is known."""
    if cell.known is Known.NOT_LOOKED_AT:
        return "unknown"
    if cell.known is Known.MEASURED:
        return cell.outcome
    if cell.known is Known.INFERRED:
        return f"inferred-{cell.outcome}"
    return str(cell.known.value)


def _windows(tables: Sequence[tuple[Grid, tuple[Group, ...]]]) -> Iterator[str]:
    """Yield where anything is bad, a line per package and behaviour: what a reader came for."""
    bad = [(grid, group) for grid, groups in tables for group in groups if group.bad]
    if not bad:
        return
    yield '<section class="windows" aria-labelledby="windows"><h2 id="windows">Bad releases</h2>'
    yield "<ul>"
    for grid, group in bad:
        package, most = _short(grid.package), 2
        names = [_breakable(_short(name, 80)) for name in dict.fromkeys(group.columns)]
        more = f" and {len(names) - most} more" if len(names) > most + 1 else ""
        shown = ", ".join(names[:most] if more else names) + more
        only = urlencode({"only": f"{package}/{group.words}"})
        link = f"{escape(package)} <b>{escape(group.words)}</b>"
        yield f'<li><a href="#{escape(only)}">{link}</a> <span>{shown}</span></li>'
    yield "</ul></section>"


def _controls(states: Counter[str]) -> Iterator[str]:
    yield '<div class="controls" hidden>'
    yield '<input type="search" placeholder="Search: iobase 3.12" autocomplete="off" '
    yield 'aria-label="Show only probes with these words, and releases that begin so">'
    yield '<div class="chips" role="group" aria-label="Show only releases with">'
    for name in filter(states.__getitem__, _STATES):
        yield (
            f'<button type="button" class="chip" data-state="{name}" aria-pressed="false" '
            f'title="{_STATES[name]}">{_symbol(name)}<span>{_spoken(name)}</span> '
            f'<span class="count">{states[name]}</span></button>'
        )
    yield '</div><button type="button" class="fold" aria-pressed="false" hidden></button>'
    yield '<button type="button" class="clear" hidden>Clear filters</button>'
    yield '<p class="status" role="status"></p></div>'


def _section(number: int, grid: Grid, groups: Sequence[Group], findings: Sequence[Finding]) -> str:
    columns = len(grid.columns)
    size = "few" if columns <= 4 else "some" if columns <= 6 else "many"
    name = escape(_short(grid.package))
    heads = "".join(_heading(grid, at) for at in range(columns))
    return "\n".join(
        (
            f'<section class="package {size}" data-section="{number}" aria-labelledby="p{number}">',
            f'<h2 id="p{number}">{name}</h2>\n<p class="reach">{escape(_reach(grid))}</p>',
            f'<div class="scroll">\n<table aria-labelledby="p{number}">',
            f'<thead>\n<tr class="groups"><td></td>{"".join(map(_group, groups))}</tr>',
            f'<tr><th scope="col">Release</th>{heads}</tr>\n</thead>\n<tbody>',
            *map(_row, grid.lines),
            "</tbody>\n</table>\n</div>",
            *_notes(grid, findings),
            *(part for f in findings if f.probe.package == grid.package for part in why.html(f)),
            "</section>",
        )
    )


def _reach(grid: Grid) -> str:
    """Return how much of the table is measured, in a sentence."""
    releases = sum(line.releases for line in grid.lines)
    known = [cell.known for line in grid.lines for cell in line.cells]
    measured = known.count(Known.MEASURED) + known.count(Known.CONFLICTING)
    text = f"{count(releases, 'release')}"
    if grid.lines:
        text += f" from {grid.lines[0].first} to {grid.lines[-1].last}"
    pythons = sorted({column.python for column in grid.columns}, key=Version)
    probes = count(len({column.name for column in grid.columns}), "probe")
    text += f", {probes} on Python {_listed(pythons)}"
    return f"{text}. {measured} of {count(len(known), 'cell')} measured."


def _group(group: Group) -> str:
    fixed = "" if group.changes else " data-fixed"
    words = escape(group.words)
    text = f"bad: {words}" if group.changes and not words.startswith("runs") else words
    return (
        f'<th scope="colgroup" colspan="{len(group.columns)}" data-group="{words}"{fixed}>'
        f"<span>{text}</span></th>"
    )


def _heading(grid: Grid, at: int) -> str:
    column = grid.columns[at]
    title = escape(_short(column.title, 300))
    return f'<th scope="col" title="{title}">{_named(column, grid)}</th>'


def _row(line: Line) -> str:
    note = count(line.releases, "release") if line.releases > 1 else line.date
    yanked = " <em>yanked</em>" if line.yanked else ""
    cells = "".join(_cell(cell, line) for cell in line.cells)
    return (
        f'<tr><th scope="row">{escape(line.label)}{yanked} <i>{escape(note)}</i></th>{cells}</tr>'
    )


def _cell(cell: Cell, line: Line) -> str:
    """Return what a cell says: a word, and its peak in MiB or why it is what it is."""
    name, peak, note = state(cell), cell.peak_memory_bytes, ""
    if name == "untestable":
        note = escape(cell.reason)
    elif name.startswith("inferred") and cell.runs:
        measured = len({run.version for run in cell.runs})
        note = f"{measured} of {line.releases} measured"
    elif peak is not None:
        note = f"{peak / 2**20:.1f}"
    failure = f"<sup>{cell.failure}</sup>" if cell.failure else ""
    return f'<td class="{name}">{_spoken(name)}{failure}{f" <i>{note}</i>" if note else ""}</td>'


def _notes(grid: Grid, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield what each probe requires, how it fails, and what was held fixed."""
    opened = " open" if len(grid.columns) <= _FEW else ""
    yield f'<details class="notes"{opened}><summary>What the probes require</summary>\n<dl>'
    told: dict[tuple[str, str, tuple[str, ...]], list[Column]] = {}
    for column in grid.columns:
        told.setdefault((column.probe, column.title, column.failures), []).append(column)
    for (_, text, failing), columns in told.items():
        title = escape(_short(text, 300)) or "Says nothing of itself."
        failures = "".join(f"<li>{escape(failure)}</li>" for failure in failing)
        ways = f"<ol>{failures}</ol>" if failures else ""
        names = ", ".join(_named(column, grid) for column in columns)
        doubtful = [f for f in findings if f.posterior and any(is_of(c, f) for c in columns)]
        pictures = "".join(map(_picture, doubtful))
        yield f"<div><dt>{names}</dt><dd>{title}{ways}{pictures}</dd></div>"
    yield "</dl>"
    texts = {conditions(f): None for f in findings if f.probe.package == grid.package}
    yield "".join(f"<p>{escape(safe(text))}.</p>" for text in texts)
    yield "</details>"


def _picture(finding: Finding) -> str:
    """Return the chart of a probe whose runs disagree, as an image that the page holds itself."""
    data = base64.b64encode(chart(finding).encode()).decode()
    text = f"{finding.probe.name}: how often each release is bad, and where that may have changed"
    return f'<img alt="{escape(_short(text, 300))}" src="data:image/svg+xml;base64,{data}">'


def _named(column: Column, grid: Grid) -> str:
    """Return the column's name as HTML, with its interpreter where the table has several."""
    several = len({other.python for other in grid.columns}) > 1
    python = f'<span class="python">Python {escape(column.python)}</span>' if several else ""
    return f"{_breakable(_short(column.name, 80))} {python}".rstrip()


def _spoken(name: str) -> str:
    return name.replace("-", " ") if name.startswith("inferred") else _WORDS.get(name, name)


def _breakable(text: str) -> str:
    """Return ``text`` as HTML that may wrap after what joins words in a probe's name."""
    return "".join(f"{escape(c)}<wbr>" if c in "_-./]" else escape(c) for c in text).replace(
        "[", "<wbr>["
    )


def _symbol(name: str) -> str:
    return f'<svg class="symbol" viewBox="0 0 16 16" aria-hidden="true"><use href="#{name}"/></svg>'


def _symbols() -> Iterator[str]:
    for name, shape in _SYMBOLS.items():
        yield f'<symbol id="{name}" viewBox="0 0 16 16">{shape}</symbol>'


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _short(text: str, characters: int = 60) -> str:
    """Return ``text`` made harmless, and its beginning where it is longer than a name is."""
    text = safe(text)
    return text if len(text) <= characters else f"{text[: characters - 1]}…"


def _data(name: str) -> str:
    return files("bisector.reports").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _embedded(text: str) -> str:
    """Return JSON that can't end the element that holds it, nor a line of script."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
