"""The one model that every format shows: sentences, rows and facts, as plain safe text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from packaging.version import Version

from bisector.finding import Finding
from bisector.model import (
    Conditions,
    Excluded,
    Json,
    Measurement,
    Outcome,
    Release,
)
from bisector.run.sandbox import NONE, left
from bisector.search import failures
from bisector.search.observed import Verdict, verdict

MIB = 1024 * 1024
_LONGEST = 1000
_REASON = 80
_FAILURE = 48
_SIDE = 100
_REASONS = 4
_MOST_SAID = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One measured release: all its runs together.

    ``outcome`` is good, bad, untestable, or what runs that disagree said, as "good 1, bad 2";
    ``detail`` is what the newest run gave as its reason, cut where that is very long; where runs
    disagree, it is that of the newest run of each side. ``failure`` is what it fails by, in short.
    """

    version: Version
    date: str
    yanked: bool
    outcome: str
    reason: str
    detail: str
    peak_memory_bytes: int | None
    peak_sampled: bool
    growth_bytes: int | None
    pool: str
    seconds: float
    runs: int
    cached: bool
    failure: str = ""

    @property
    def label(self) -> str:
        """The version, marked where it is yanked."""
        return f"{self.version} (yanked)" if self.yanked else str(self.version)

    @property
    def disagrees(self) -> bool:
        """Whether one run of it was good and another bad."""
        return "," in self.outcome

    @property
    def said(self) -> str:
        """The outcome, with the reason where it is untestable, and said where runs disagree."""
        if self.disagrees:
            return f"runs disagree: {self.outcome}"
        return word(self.outcome, self.reason)

    @property
    def peak(self) -> str:
        """The peak, marked where it is only a lower bound."""
        return ("≥" if self.peak_sampled else "") + mib(self.peak_memory_bytes)


def rows(finding: Finding) -> tuple[Row, ...]:
    """Return one row per measured release, in the order of the search."""
    releases = finding.releases
    runs = runs_of(finding)
    told = [_row(releases.get(version), runs[version]) for version in sorted(runs)]
    return tuple(sorted(told, key=lambda row: row.date) if finding.plan.by_upload else told)


def decided(finding: Finding) -> list[tuple[Version, str]]:
    """Return the candidates that are good or bad, and which of the two, in version order."""
    runs = runs_of(finding)
    told = []
    for release in finding.plan.candidates:
        said = verdict([run.outcome for run in runs.get(release.version, ())])
        if said.decided:
            told.append((release.version, said.value))
    return told


def excluded(finding: Finding) -> list[Excluded]:
    """Return the excluded releases in version order; pre-releases only where they are searched."""
    pre = any(release.version.is_prerelease for release in finding.plan.candidates)
    kept = [e for e in finding.plan.excluded if pre or not e.version.is_prerelease]
    return sorted(kept, key=lambda e: e.version)


def longest_undecided(finding: Finding) -> tuple[Version, ...]:
    """Return the longest stretch of the range without a decided release, excluded ones counted."""
    known = {version for version, _ in decided(finding)}
    inside = {release.version for release in finding.plan.candidates}
    longest: list[Version] = []
    stretch: list[Version] = []
    for version in sorted(inside.union(e.version for e in excluded(finding))):
        stretch = [] if version in known else [*stretch, version]
        longest = max(longest, stretch, key=len)
    return tuple(longest)


def why_not(reasons: Iterable[str]) -> str:
    """Return why releases could not be tested, given the reason of each: counts where they differ.

    The reasons are in parentheses; it is nothing where there are none.
    """
    told = Counter(safe(shortened(reason, _REASON)).replace("; ", ", ") for reason in reasons)
    each = [f"{number}: {reason}" for reason, number in told.most_common(_REASONS)]
    if left := sum(told.values()) - sum(n for _, n in told.most_common(_REASONS)):
        each.append(f"{left}: other reasons")
    return f" ({'; '.join(each) if len(each) > 1 else next(iter(told))})" if told else ""


def sureness(finding: Finding) -> tuple[str, ...]:
    """Return how sure each transition is."""
    told = []
    for transition in finding.transitions:
        kind = "lines part" if transition.parting else transition.kind.value
        sides = f"{kind} {transition.before} → {transition.after}"
        unconfirmed = "" if transition.confirmed else ", not confirmed by a second run"
        told.append(f"{sides}: {sure(transition.confidence)} sure{unconfirmed}")
    return tuple(told)


def surer(finding: Finding) -> str:
    """Return the option that makes it surer, where a transition isn't very sure."""
    unsure = any(transition.confidence < 0.95 for transition in finding.transitions)
    return "--confidence 0.95" if unsure else ""


def sure(confidence: float) -> str:
    """Return a probability in percent, never rounded up to certainty."""
    return ">99%" if confidence > 0.99 else f"{math.floor(confidence * 100 + 1e-9)}%"


def evidence(finding: Finding) -> tuple[tuple[str, str], ...]:
    """Return what the runs on both sides of each transition gave as their reason.

    Where nothing changed, it is each way to fail or to decide nothing once, with a release.
    """
    told = {row.version: row for row in rows(finding)}
    sides = [v for t in finding.transitions for v in (t.before, t.after)]
    shown = [told[version] for version in dict.fromkeys(sides) if version in told]
    if not finding.transitions:
        others = [row for row in reversed(told.values()) if row.outcome != "good"]
        shown = list({(row.reason, row.detail): row for row in others}.values())
    said = [(str(row.version), row.detail) for row in shown if row.detail]
    left = len(said) - _MOST_SAID
    return (*said[:_MOST_SAID], *([("…", f"{left} more, as --format json has them")] * (left > 0)))


def looked_at(finding: Finding) -> str:
    """Return how far the search looked."""
    candidates = {release.version for release in finding.plan.candidates}
    measured = {m.version for m in finding.measurements}
    parts = [f"{len(measured & candidates)} of {count(len(candidates), 'candidate')}"]
    if more := len(measured - candidates):
        parts.append(f"{count(more, 'pre-release')}")
    stretch = longest_undecided(finding)
    word = "undecided" if {*stretch} & {*finding.conflicting} else "untested"
    parts.append(f"longest {word} stretch {len(stretch)}")
    if finding.plan.excluded:
        parts.append(f"{len(finding.plan.excluded)} excluded")
    made = sum(not m.cached for m in finding.measurements)
    runs = f"{count(len(finding.measurements), 'run')}, {made} of them now"
    if elsewhere := sum(m.elsewhere for m in finding.measurements):
        runs += f", {elsewhere} measured elsewhere"
    parts.append(runs)
    return "; ".join(parts)


def conditions(finding: Finding) -> str:
    """Return what was held fixed."""
    held = finding.conditions
    policy = f"dependencies {held.policy}"
    if held.resolved:
        policy += f" as of {held.resolved[:10]}"
    if held.requirements:
        policy += f", with {', '.join(held.requirements)}"
    order = ", in the order of upload" if finding.plan.by_upload else ""
    where = interpreter(held)
    if finding.axis.python_varies:
        where = safe(f"{finding.over}, {held.interpreter.platform}")
    return f"{where}, {safe(policy)}{order}{_confined(finding)}"


def _confined(finding: Finding) -> str:
    """Return what stood between the runs and the machine, and what that didn't keep from them."""
    names = sorted({run.sandbox for run in finding.measurements if run.sandbox})
    clauses = [f"in a sandbox ({name})" for name in names if name != NONE]
    clauses += ["without a sandbox"] * (NONE in names)
    found = f"; run {' and '.join(clauses)}" if clauses else ""
    lacking = [f"{name} doesn't keep {what} from runs" for name in names if (what := left(name))]
    return safe(found + "".join(f"; {one}" for one in lacking if not one.startswith(NONE)))


def interpreter(held: Conditions) -> str:
    """Return the interpreter and the platform, as people write them."""
    names = {"cpython": "CPython", "pypy": "PyPy"}
    name = names.get(held.interpreter.implementation, held.interpreter.implementation)
    return safe(f"{name} {held.interpreter.version}, {held.interpreter.platform}")


def title(finding: Finding) -> str:
    """Return the probe's name and what it requires."""
    said = f": {finding.probe.title}" if finding.probe.title else ""
    return safe(f"{name(finding)}{said}")


def name(finding: Finding) -> str:
    """Return ``probe``, or ``probe[case]``."""
    probe = finding.probe
    return f"{probe.name}[{probe.case}]" if probe.case else probe.name


def mib(size_bytes: int | None) -> str:
    """Return a size in MiB, or a dash."""
    return "-" if size_bytes is None else f"{size_bytes / MIB:.1f} MiB"


def count(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural where it isn't one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def joined(parts: Iterable[str]) -> str:
    """Return specifier sets as people write several of them."""
    return " or ".join(parts)


def listed(versions: Sequence[Version]) -> str:
    """Return the versions, or how many and their ends where that is shorter."""
    if len(versions) <= 4:
        return ", ".join(map(str, versions))
    return f"{len(versions)} releases from {versions[0]} to {versions[-1]}"


def shortened(text: str, longest: int) -> str:
    """Return ``text`` of at most ``longest`` characters, an ellipsis where it was cut."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def safe(text: str) -> str:
    """Return ``text`` on one line, with what a terminal would act on made visible instead."""
    return text if text.isprintable() else "".join(map(shown, text))


def shown(character: str) -> str:
    """Return the character, or its escape where nothing would be seen of it."""
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def word(outcome: str, reason: str) -> str:
    """Return what is said of a run everywhere: its outcome, with the reason where it has one."""
    return f"{outcome}: {reason}" if reason else outcome


def _failed(runs: Sequence[Measurement]) -> str:
    """Return what the newest run that failed did, in short; nothing where none did."""
    failed = [run for run in runs if run.outcome is Outcome.BAD]
    if not failed:
        return ""
    signature = failed[-1].signature
    return safe(shortened(failures.told(signature) or failed[-1].detail, _FAILURE))


def runs_of(finding: Finding) -> dict[Version, list[Measurement]]:
    """Return the runs of each release that was measured, in their order."""
    return finding.runs


def _row(release: Release | None, runs: Sequence[Measurement]) -> Row:
    newest = runs[-1]
    said = verdict([run.outcome for run in runs])
    outcome, detail = said.value, shortened(newest.detail, _LONGEST)
    if said is Verdict.CONFLICTING:
        sides = {o: [r.detail for r in runs if r.outcome is o] for o in (Outcome.GOOD, Outcome.BAD)}
        outcome = ", ".join(f"{side.value} {len(details)}" for side, details in sides.items())
        last = ((side, details[-1]) for side, details in sides.items() if details[-1])
        detail = "; ".join(f"{side.value}: {shortened(text, _SIDE)}" for side, text in last)
    mains = [run.main_process for run in runs]
    peaks = [main for main in mains if main is not None]
    highest = max(peaks, key=lambda peak: peak.peak_memory_bytes, default=None)
    grown = [size for run in runs if (size := _size(run.metrics.get("growth_bytes"))) is not None]
    uploaded = release.upload_time if release else None
    return Row(
        version=newest.version,
        date=uploaded.date().isoformat() if uploaded else "",
        yanked=bool(release and release.yanked),
        outcome=outcome,
        reason=newest.reason.value if newest.reason and said is not Verdict.CONFLICTING else "",
        failure=_failed(runs),
        detail=safe(detail),
        peak_memory_bytes=highest.peak_memory_bytes if highest else None,
        peak_sampled=bool(highest and highest.sampled),
        growth_bytes=max(grown, default=None),
        pool=_pool(newest),
        seconds=median(run.wall_s for run in runs),
        runs=len(runs),
        cached=all(run.cached for run in runs),
    )


def _pool(measurement: Measurement) -> str:
    """Return the connections of a pool, as far as the probe gave numbers of them."""
    pool = measurement.pool or {}
    sizes = {name: _size(pool.get(name)) for name in ("idle", "in_use")}
    named = (f"{size} {name.replace('_', ' ')}" for name, size in sizes.items() if size is not None)
    return ", ".join(named)


def _size(value: Json) -> int | None:
    """Return what a probe gave as a number, where it can be one of bytes or connections."""
    number = isinstance(value, int) and not isinstance(value, bool)
    return value if number and abs(value) < 2**63 else None  # type: ignore[arg-type,return-value]  # any JSON
