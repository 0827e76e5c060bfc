"""The compatibility table as one HTML page that opens from disk and needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files

from packaging.version import Version

from bisector.finding import Finding
from bisector.reports import suspects as why
from bisector.reports.evidence import Evidence
from bisector.reports.facts import conditions
from bisector.reports.grid import Cell, Column, Grid, Known, Line
from bisector.reports.sparkline import bar, sparkline
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
    """Return the page: a section per package, whose cells show their evidence when clicked."""
    named = _listed([_short(grid.package) for grid in grids])
    title = safe(title) or f"Which releases of {named or 'nothing'} work"
    style, script = _data("table.css"), _data("table.js")
    evidence = Evidence(findings)
    sections = [_section(number, grid, findings) for number, grid in enumerate(grids)]
    embedded = json.dumps(evidence.of(grids), separators=(",", ":"))
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
            *(sections or ['<p class="nothing">Nothing has been measured.</p>']),
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


def _section(number: int, grid: Grid, findings: Sequence[Finding]) -> str:
    columns = len(grid.columns)
    size = "few" if columns <= 4 else "some" if columns <= 6 else "many"
    states = Counter(state(cell) for line in grid.lines for cell in line.cells)
    name = escape(_short(grid.package))
    body = "\n".join(_row(at, line, _highest(grid)) for at, line in enumerate(grid.lines))
    return "\n".join(
        (
            f'<section class="package {size}" data-section="{number}" aria-labelledby="p{number}">',
            f'<h2 id="p{number}">{name}</h2>\n<p class="reach">{escape(_reach(grid, states))}</p>',
            *_controls(grid, states),
            f'<div class="scroll">\n<table role="grid" aria-labelledby="p{number}">',
            "<thead>\n<tr>",
            '<th scope="col" aria-sort="ascending">',
            '<button type="button" class="sort" disabled>Release</button></th>',
            *(_header(at, column, grid) for at, column in enumerate(grid.columns)),
            f"</tr>\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>",
            '<p class="nothing" hidden>No release has what the filters ask for.</p>',
            *_notes(grid, findings),
            *(part for f in findings if f.probe.package == grid.package for part in why.html(f)),
            "</section>",
        )
    )


def _reach(grid: Grid, states: Counter[str]) -> str:
    """Return how much of the table is measured, in a sentence."""
    releases = sum(line.releases for line in grid.lines)
    cells = sum(states.values())
    measured = states["good"] + states["bad"] + states["conflicting"]
    text = f"{count(releases, 'release')}"
    if grid.lines:
        text += f" from {grid.lines[0].first} to {grid.lines[-1].last}"
    pythons = sorted({column.python for column in grid.columns}, key=Version)
    probes = count(len({column.name for column in grid.columns}), "probe")
    text += f", {probes} on Python {_listed(pythons)}"
    return f"{text}. {measured} of {count(cells, 'cell')} measured."


def _controls(grid: Grid, states: Counter[str]) -> Iterator[str]:
    yield '<div class="controls">'
    yield '<div class="chips" role="group" aria-label="Show only releases with">'
    for name in filter(states.__getitem__, _STATES):
        yield (
            f'<button type="button" class="chip" data-state="{name}" aria-pressed="false" '
            f'title="{_STATES[name]}" disabled>{_symbol(name)}<span>{_spoken(name)}</span> '
            f'<span class="count">{states[name]}</span></button>'
        )
    yield '</div>\n<div class="choices" hidden>\n<label>Release line <select class="line">'
    yield '<option value="">all</option>'
    for line in dict.fromkeys(line.line for line in grid.lines):
        yield f"<option>{escape(line)}</option>"
    yield '</select></label>\n<details class="menu"><summary>Probes: <span>all</span></summary>'
    yield '<fieldset><legend>Show these probes</legend><p><button type="button" data-all="yes">'
    yield 'All</button> <button type="button" data-all="">None</button></p>'
    for at, column in enumerate(grid.columns):
        yield f'<label><input type="checkbox" value="{at}" checked autocomplete="off"> '
        yield f"<span>{_named(column, grid)}</span></label>"
    yield "</fieldset></details>"
    yield '<button type="button" class="clear" hidden>Clear filters</button></div>'
    yield '<p class="status" role="status"></p>\n</div>'


def _header(at: int, column: Column, grid: Grid) -> str:
    cells = [line.cells[at] for line in grid.lines]
    spark = sparkline([(c.peak_memory_bytes, c.outcome == "bad") for c in cells])
    highest = max((c.peak_memory_bytes or 0 for c in cells), default=0)
    sort = (
        '<button type="button" class="sort memory" data-by="memory" disabled>'
        f'{spark}<span class="top">{highest / 2**20:.0f} MiB</span></button>'
        if spark
        else ""
    )
    return (
        f'<th scope="col" data-column="{at}" title="{escape(_short(column.title, 300))}"><div>'
        f'<button type="button" class="sort" disabled>{_named(column, grid)}</button>'
        f"{sort}</div></th>"
    )


def _row(at: int, line: Line, highest: Sequence[int]) -> str:
    note = count(line.releases, "release") if line.releases > 1 else line.date
    yanked = ' <span class="tag">yanked</span>' if line.yanked else ""
    cells = "".join(_cell(cell, line, top) for cell, top in zip(line.cells, highest))
    return (
        f'<tr data-row="{at}" data-line="{escape(line.line)}"><th scope="row"><button '
        f'type="button" class="release"><span class="version">{escape(line.label)}{yanked}</span>'
        f'<span class="date">{escape(note)}</span></button></th>{cells}</tr>'
    )


def _cell(cell: Cell, line: Line, highest: int) -> str:
    name, peak = state(cell), cell.peak_memory_bytes
    inferred = '<span class="how">inferred</span> ' if name.startswith("inferred") else ""
    more = ""
    if name == "untestable":
        more = f'<span class="why">{escape(cell.reason)}</span>'
    elif inferred and cell.runs:
        measured = len({run.version for run in cell.runs})
        more = f'<span class="why">{measured} of {line.releases} measured</span>'
    elif peak is not None:
        size = f'{peak / 2**20:.1f}<span class="unit"> MiB</span>'
        # Beside the longest of words there is no room for a bar.
        shown = "" if name == "conflicting" else bar(peak, highest)
        more = f'{shown}<span class="peak">{size}</span>'
    word = f'<span class="word">{inferred}{_WORDS.get(name, name)}</span>'
    failure = f' data-failure="{cell.failure}"' if cell.failure else ""
    word += f"<sup>{cell.failure}</sup>" if cell.failure else ""
    sortable = "" if peak is None else f' data-peak="{peak}"'
    return (
        f'<td data-state="{name}"{failure}{sortable}><button type="button" class="cell">'
        f"{_symbol(name)}{word}{more}</button></td>"
    )


def _notes(grid: Grid, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield what each probe requires, how it fails, and what was held fixed."""
    yield '<details class="notes" open><summary>What the probes require</summary>\n<dl>'
    for column in grid.columns:
        title = escape(_short(column.title, 300)) or "Says nothing of itself."
        failures = "".join(f"<li>{escape(failure)}</li>" for failure in column.failures)
        ways = f"<ol>{failures}</ol>" if failures else ""
        yield f"<div><dt>{_named(column, grid)}</dt><dd>{title}{ways}</dd></div>"
    yield "</dl>"
    texts = {conditions(f): None for f in findings if f.probe.package == grid.package}
    yield "".join(f"<p>{escape(safe(text))}.</p>" for text in texts)
    yield "</details>"


def _named(column: Column, grid: Grid) -> str:
    """Return the column's name as HTML, with its interpreter where the table has several."""
    several = len({other.python for other in grid.columns}) > 1
    python = f'<span class="python">Python {escape(column.python)}</span>' if several else ""
    return f"{_breakable(_short(column.name, 80))} {python}".rstrip()


def _highest(grid: Grid) -> list[int]:
    """Return the highest peak of each column."""
    return [
        max((line.cells[at].peak_memory_bytes or 0 for line in grid.lines), default=0)
        for at in range(len(grid.columns))
    ]


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
