"""What a number does over releases, as people say it, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import floor, log10
from typing import Any

from packaging.version import Version

from bisector.finding import Finding
from bisector.reports.words import count, listed, mib, safe, sure
from bisector.series import Series, Step

_NAMES: Mapping[str, str] = {
    "peak_memory_bytes": "peak memory",
    "seconds": "time",
    "cpu_seconds": "CPU time",
}


def sentences(finding: Finding, series: Series) -> Iterator[str]:
    """Yield where the number stepped, what isn't sure, and how far that reaches."""
    subject = f"{called(series)} of {safe(finding.over or finding.probe.package)}"
    for number, step in enumerate(series.steps):
        again = "It" if number else subject
        if series.per:
            yield f"{again}{':' * (not number)} {_until(finding, series, step)}, {_basis(step)}."
        else:
            yield f"{again} {_went(series, step)} {_where(finding, step)}, {_basis(step)}."
    if series.drift:
        first, last = map(finding.axis.shown, (series.drift.before, series.drift.after))
        yield (
            f"No step found, but drift: {subject} {_went(series, series.drift)} little by little "
            f"from {first} to {last}, {_basis(series.drift)}."
        )
    for step in series.suspected:
        if not step.pairs:
            yield (
                f"Undecided: {subject} seems to have gone {'up' if step.up else 'down'} by about "
                f"{_share(abs(step.change), step)} ({_sides(series, step)}) "
                f"{_where(finding, step)}, but the two were not run in pairs, which would tell."
            )
            continue
        pairs = count(step.pairs, "interleaved pair")
        likely = step.confidence >= 0.5
        yield (
            f"Undecided: {subject} may have changed by {_share(step.change, step)} "
            f"({_interval(step)}) {_where(finding, step)}, "
            + (
                f"{sure(step.confidence)} sure after {pairs}."
                if likely
                else f"too little to show in {pairs}."
            )
        )
    if len(series.levels) < 2:
        only = f"only {next(iter(series.levels))}" if series.levels else "no release measured"
        yield f"Undecided: {only} has a number for {called(series)}."
    elif not (series.steps or series.drift or series.suspected):
        yield from _flat(finding, series, subject)
    if noise := _noise(series):
        yield noise
    if series.per:
        yield "Each number is the least-squares slope over the sizes that a run reports."


def _flat(finding: Finding, series: Series, subject: str) -> Iterator[str]:
    """Yield that nothing stepped, and what would have shown."""
    medians = [level.median for level in series.levels.values()]
    versions = list(series.levels)
    unit = 1.0 if series.relative else max(map(abs, medians))
    shown = max(series.least * unit, series.seen or 0.0)
    size = amount(series, shown) if not series.relative else f"{shown:.1%}".replace(".0%", "%")
    yield (
        f"No step found: {subject} is {span(series, min(medians), max(medians))} in the "
        f"{count(len(versions), finding.axis.noun)} measured, from "
        f"{finding.axis.shown(versions[0])} to {finding.axis.shown(versions[-1])}; a lasting step "
        f"of more than {size} would have shown."
    )


def _went(series: Series, step: Step) -> str:
    way = "up" if step.up else "down"
    if not step.relative:
        return f"went {way} by {amount(series, abs(step.change))} ({_sides(series, step)})"
    return f"went {way} by {_share(abs(step.change), step)} ({_sides(series, step)})"


def _until(finding: Finding, series: Series, step: Step) -> str:
    """Return what a slope was until one release, and what it is since another."""
    largest = max(abs(step.old), abs(step.new))
    old, new = (amount(series, number, largest) for number in (step.old, step.new))
    shown = finding.axis.shown
    untested = f" ({listed(step.untested)} untested)" if step.untested else ""
    return (
        f"{'is ' * (step is not series.steps[0])}{old} until {shown(step.before)}, "
        f"{new.partition(' ')[0]} since {shown(step.after)}{untested}"
    )


def label(series: Series, step: Step) -> str:
    """Return a step in a few words, as a picture has room for."""
    if series.per:
        largest = max(abs(step.old), abs(step.new))
        old, new = (amount(series, n, largest).partition(" ")[0] for n in (step.old, step.new))
        return f"{old} to {new} in {step.after}"
    if not step.relative:
        return f"{'+' if step.up else '-'}{amount(series, abs(step.change))} in {step.after}"
    return f"{'+' if step.up else '-'}{_share(abs(step.change), step)} in {step.after}"


def _where(finding: Finding, step: Step) -> str:
    shown = finding.axis.shown
    at = f"at {finding.axis.noun} " if finding.over else ""
    if not step.untested:
        return f"{at}{shown(step.after)}" if at else f"in {shown(step.after)}"
    untested = f" ({listed(step.untested)} untested)" if not finding.over else ""
    return f"between {at}{shown(step.before)} and {shown(step.after)}{untested}"


def _basis(step: Step) -> str:
    """Return how sure it is, and what that rests on."""
    pairs = count(step.pairs, "interleaved pair")
    return f"{sure(step.confidence)} sure: {pairs}, {_interval(step)}"


def _share(change: float, step: Step) -> str:
    if not step.relative:
        return f"{change:+.4g}"
    return f"{change:.0%}" if abs(change) >= 0.1 else f"{change:.1%}"


def _interval(step: Step) -> str:
    low, high = step.interval
    if not step.relative:
        return f"{low:+.4g} to {high:+.4g}"
    return f"{low:+.1%} to {high:+.1%}"


def _sides(series: Series, step: Step) -> str:
    return span(series, step.old, step.new)


def span(series: Series, one: float, other: float) -> str:
    """Return two numbers in the unit of the larger, which is said once."""
    largest = max(abs(one), abs(other))
    first, second = (amount(series, number, largest) for number in (one, other))
    unit = f" {second.partition(' ')[2]}" if " " in second else ""
    return second if first == second else f"{first.removesuffix(unit)} to {second}"


def _noise(series: Series) -> str:
    """Return how much runs of one release differ."""
    if series.floor is None:
        return ""

    def shown(size: float) -> str:
        return f"{size:.2%}" if series.relative else amount(series, size)

    return (
        f"Runs of one release differ by {shown(series.noise)} (standard deviation), the same "
        f"release in two environments by {shown(series.floor)}."
    )


def amount(series: Series, number: float, largest: float | None = None) -> str:
    """Return a number with its unit, as people read it beside the ``largest``."""
    if series.per:
        largest = abs(number if largest is None else largest)
        digits = max(0, 2 - floor(log10(largest))) if largest else 0
        rounded = round(number, digits) + 0.0  # never -0.0
        return f"{rounded:.{digits}f} {series.unit} per {safe(series.per)}".replace("  ", " ")
    if series.unit == "bytes":
        return mib(round(number))
    if series.unit == "seconds":
        largest = abs(number if largest is None else largest)
        return f"{number:.3f} s" if largest >= 0.1 else f"{number * 1000:.2f} ms"
    return f"{number:.4g}"


def called(series: Series) -> str:
    """Return what people call the number."""
    return safe(_NAMES.get(series.metric, series.metric))


def heading(series: Series) -> str:
    """Return what people call the number, at the beginning of a line."""
    text = called(series)
    return text[0].upper() + text[1:] if series.metric in _NAMES else text


def title(series: Series) -> str:
    """Return what a column of the number is called, with the unit of a slope."""
    unit = f" ({' '.join(filter(None, (series.unit, 'per', series.per)))})" if series.per else ""
    return safe(f"{series.metric}{unit}")


def cells(series: Series | None, versions: list[Version]) -> list[str]:
    """Return what to show of the number of some releases; nothing where they have none."""
    if series is None:
        return ["" for _ in versions]
    largest = _largest(series)
    shown = {v: amount(series, level.median, largest) for v, level in series.levels.items()}
    if series.per:  # its unit stands in the title
        shown = {v: _bare(series, level.median) for v, level in series.levels.items()}
    return [shown.get(version, "") for version in versions]


def intervals(series: Series, versions: Sequence[Version]) -> list[str]:
    """Return the interval of the number of some releases; nothing where they have none."""
    known = {v: level.interval for v, level in series.levels.items() if level.interval}
    texts = {version: span(series, *interval) for version, interval in known.items()}
    if series.per:  # its unit stands in the title
        texts = {v: " to ".join(_bare(series, number) for number in known[v]) for v in known}
    return [texts.get(version, "") for version in versions]


def _bare(series: Series, number: float) -> str:
    """Return a number without its unit, as exact as the largest is shown."""
    return amount(series, number, _largest(series)).partition(" ")[0]


def _largest(series: Series) -> float:
    return max((abs(level.median) for level in series.levels.values()), default=0.0)


def heights(numbers: Mapping[Version, float]) -> dict[Version, float]:
    """Return how high each number is in a picture, from 0 or the least of them to 1."""
    low, high = min(0.0, *numbers.values(), 0.0), max(0.0, *numbers.values(), 0.0)
    return {version: (number - low) / ((high - low) or 1.0) for version, number in numbers.items()}


def to_json(series: Series) -> dict[str, Any]:
    """Return the number that was asked for, with its level in each release measured."""
    return {
        "name": series.metric,
        "unit": series.unit or None,
        "per": series.per or None,
        "relative": series.relative,
        "threshold": series.least,
        "noise": series.noise,
        "noise_floor": series.floor,
        "smallest_seen": series.seen,
        "drift": step_to_json(series.drift) if series.drift else None,
        "suspected": [step_to_json(step) for step in series.suspected],
        "levels": [
            {
                "version": str(version),
                "median": level.median,
                "lowest": level.lowest,
                "highest": level.highest,
                "interval": list(level.interval) if level.interval else None,
                "runs": level.runs,
            }
            for version, level in series.levels.items()
        ],
    }


def step_to_json(step: Step) -> dict[str, Any]:
    """Return one step; ``change`` is a share of the old number where the metric is relative."""
    return {
        "kind": "up" if step.up else "down",
        "before": str(step.before),
        "after": str(step.after),
        "untested": [str(version) for version in step.untested],
        "old": step.old,
        "new": step.new,
        "change": step.change,
        "interval": list(step.interval),
        "confidence": round(step.confidence, 4),
        "pairs": step.pairs,
    }
