"""What the charts have in common: title, style and caption, and the panels of what is in doubt."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from bisector.finding import Finding
from bisector.reports import flaky
from bisector.reports.chart_axes import LEFT, RIGHT, WIDTH, Axes
from bisector.reports.words import safe, sure

PANEL = 100
"""The height of a panel below a chart."""

_HIGH = 56
_STYLE = """
:root { color-scheme: light dark }
svg { --paper: #fdfcfa; --ink: #23262a; --soft: #63686f; --rule: #e3e0da; --good: #1c6b50;
  --bad: #b3261e; --window: #b3261e18; --other: #63686f; --second: #6b4ea8 }
@media (prefers-color-scheme: dark) { svg { --paper: #16181b; --ink: #e8e6e1; --soft: #a2a7ae;
  --rule: #33373c; --good: #7fcfae; --bad: #ff9d92; --window: #ff9d9220; --other: #a2a7ae;
  --second: #c3a8f5 } }
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
  fill: var(--soft) }
.paper { fill: var(--paper) }
.name { font-size: 17px; font-weight: 600; fill: var(--ink) }
.mark { font-weight: 600; fill: var(--ink); stroke: var(--paper); stroke-width: 5;
  stroke-linejoin: round; paint-order: stroke }
.grid { stroke: var(--rule) }
.axis, .edge { stroke: var(--soft) }
.edge { stroke-dasharray: 4 3 }
.window { fill: var(--window) }
.unsure { fill: url(#hatch) }
.hatch { stroke: var(--other); stroke-opacity: .45 }
.trend { fill: none; stroke: var(--soft); stroke-opacity: .55 }
.spread { stroke: var(--soft); stroke-dasharray: 2 2 }
.good { fill: var(--good); stroke: var(--paper) }
.bad { fill: none; stroke: var(--bad); stroke-width: 2.4; stroke-linecap: round }
.other.window { fill: var(--second); fill-opacity: .12 }
.other.bad { stroke: var(--second) }
.number { fill: var(--ink); stroke: var(--paper) }
.run { fill: var(--soft); fill-opacity: .45 }
.interval { stroke: var(--ink); stroke-width: 1.6 }
.chance { fill: var(--second); fill-opacity: .75 }
.untestable { fill: var(--paper); stroke: var(--other); stroke-width: 1.4 }
"""
_HATCH = (
    '<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><path class="hatch" d="M0 0V7"/></pattern></defs>'
)


def frame(height: int, title: str, described: str, name: str, caption: str) -> Iterator[str]:
    """Yield the beginning of a chart: the element, its texts for who can't see it, and a heading.

    ``name`` stands above it, and ``caption`` says what it shows.
    """
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title desc">'
    yield f'<title id="title">{text_of(title)}</title>'
    yield f'<desc id="desc">{text_of(described)}</desc>'
    yield f"<style>{_STYLE}</style>"
    yield _HATCH
    yield f'<rect class="paper" width="{WIDTH}" height="{height}"/>'
    yield f'<text class="name" x="24" y="32">{clipped(name, 64)}</text>'
    yield f'<text x="24" y="52">{clipped(caption, 118)}</text>'


def doubts(finding: Finding, axes: Axes, top: float) -> Iterator[str]:
    """Yield the panels below ``top``, where runs disagree: how often bad, and where it changed."""
    if finding.posterior:
        yield _rates(finding, axes, top)
        yield _chances(finding, axes, top + PANEL)


def _rates(finding: Finding, axes: Axes, top: float) -> str:
    """Return the share of the runs of each release that were bad, with its interval."""
    parts = [_panel("Share of runs that were bad, with its 95% interval", top)]
    base = top + PANEL - 20
    for version, runs in finding.runs.items():
        bad, every = flaky.counts(runs)
        if not every or version not in axes.versions:
            continue
        x = axes.x(version)
        low, high = (base - _HIGH * share for share in flaky.interval(bad, every))
        text = f"{version}: bad in {bad} of {every} runs"
        parts.append(f'<path class="interval" d="M{x:.1f} {low:.1f}V{high:.1f}"/>')
        middle = base - _HIGH * bad / every
        parts.append(
            f'<circle class="number" cx="{x:.1f}" cy="{middle:.1f}" r="4">'
            f"<title>{text_of(text)}</title></circle>"
        )
    return "\n".join(parts)


def _chances(finding: Finding, axes: Axes, top: float) -> str:
    """Return how likely the outcome changed between each two neighbours that were run."""
    known = axes.versions
    shares = finding.posterior
    (_, likeliest), highest = max(shares.items(), key=lambda pair: pair[1])
    heading = f"Where it changed: most likely in {likeliest}, {sure(highest)}"
    parts = [_panel(heading, top)]
    base, half = top + PANEL - 20, max(1.5, 0.3 * axes.step)
    for (before, after), share in shares.items():
        left = axes.between(known.index(before) + 1) - half
        right = axes.between(known.index(after)) + half
        height = _HIGH * share
        box = f'x="{left:.1f}" y="{base - height:.1f}" width="{max(right - left, 2 * half):.1f}"'
        text = text_of(f"between {before} and {after}: {share:.1%}")
        box += f' height="{height:.1f}"'
        parts.append(f'<rect class="chance" {box}><title>{text}</title></rect>')
    return "\n".join(parts)


def _panel(heading: str, top: float) -> str:
    """Return an empty panel from 0 to 100 %, with its heading above it."""
    base = top + PANEL - 20
    lines = [f'<text x="{LEFT}" y="{base - _HIGH - 10:.1f}">{clipped(heading, 100)}</text>']
    for share, kind in ((0, "axis"), (1, "grid")):
        y = base - _HIGH * share
        lines.append(f'<path class="{kind}" d="M{LEFT} {y:.1f}H{RIGHT}"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    return "\n".join(lines)


def clipped(text: str, characters: int) -> str:
    """Return the beginning of ``text`` for XML, an ellipsis where it was cut."""
    text = safe(text)
    return text_of(text if len(text) <= characters else text[: characters - 1] + "…")


def text_of(text: str) -> str:
    """Return ``text`` for XML, which has no way to write two of its characters."""
    plain = safe(text).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
    return escape(plain)
