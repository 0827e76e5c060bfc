"""The one model that every format shows: sentences, rows and claims, as plain safe text."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from bisector.model import (
    Claim,
    Finding,
    Kind,
    Measurement,
    Outcome,
    Release,
    Transition,
)

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One measured release: all its runs together.

    ``outcome`` is good, bad, untestable, or what runs that disagree said, as "good 1, bad 2";
    ``detail`` is what the newest run gave as its reason.
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


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """What a document says, and what was measured of it; ``agrees`` is None where nothing was."""

    document: str
    says: str
    measured: str
    agrees: bool | None

    @property
    def verdict(self) -> str:
        """Whether measuring bore the claim out, in a word or two."""
        return {True: "agrees", False: "CONTRADICTED", None: "not measured"}[self.agrees]


def rows(finding: Finding) -> tuple[Row, ...]:
    """Return one row per measured release, in version order."""
    releases = {r.version: r for r in (*finding.plan.candidates, *finding.plan.prereleases)}
    runs: dict[Version, list[Measurement]] = {}
    for measurement in finding.measurements:
        runs.setdefault(measurement.version, []).append(measurement)
    return tuple(_row(releases.get(v), runs[v]) for v in sorted(runs))


def claims(finding: Finding) -> tuple[ClaimRow, ...]:
    """Return what documents say of the probe's behaviour beside what was measured."""
    documented = finding.probe.documented
    versions = [(v, Outcome.GOOD) for v in documented.good]
    versions += [(v, Outcome.BAD) for v in documented.bad]
    told = [_documented(version, outcome, finding) for version, outcome in versions]
    told += [_borne_out(claim, finding) for claim in finding.probe.claims]
    return tuple(told)


def answer(finding: Finding) -> str:
    """Return the finding in a sentence or two."""
    package, sentences = finding.probe.package, []
    for number, transition in enumerate(finding.transitions):
        subject = package if number == 0 else "It"
        sentences.append(f"{subject} {_sentence(transition)}")
    measured = [m for m in finding.measurements if m.outcome is not Outcome.UNTESTABLE]
    if not measured:
        looked = len({m.version for m in finding.measurements})
        sentences.append(f"Undecided: none of the {looked} releases of {package} tried could be")
        sentences[-1] += " tested."
    elif not finding.transitions:
        oldest, newest = measured[0].version, measured[-1].version
        outcome = measured[0].outcome.value
        sentences.append(
            f"No transition found: every release of {package} that was measured from {oldest} to "
            f"{newest} is {outcome}."
        )
        longest = finding.longest_untested
        other = "bad" if outcome == "good" else "good"
        sentences.append(
            f"No {other} stretch longer than {count(longest, 'release')} is possible in the range."
            if longest
            else f"Nothing in the range is untested, so no {other} release is in it."
        )
    if finding.conflicting:
        named = ", ".join(map(str, finding.conflicting))
        sentences.append(f"Undecided: runs of {named} disagree with each other.")
    elif finding.transitions and not finding.decided:
        sentences.append("Undecided: the runs made don't make this as sure as was asked for.")
    if finding.stopped:
        sentences.append(f"Stopped before it was settled ({finding.stopped}).")
    return " ".join(sentences)


def further(finding: Finding) -> tuple[str, ...]:
    """Return, for each end at which the window is open, what is so and the command to look on."""
    decided = [m.version for m in finding.measurements if m.outcome is not Outcome.UNTESTABLE]
    if not decided:
        return ()
    hints = []
    base = f"bisect --probe {shlex.quote(name(finding))}"
    if finding.bad_at_oldest:
        hints.append(
            f"already bad in {decided[0]}, the oldest release looked at; "
            f"to look further: {base} --range '<={decided[0]}'"
        )
    if finding.bad_at_newest:
        hints.append(
            f"still bad in {decided[-1]}, the newest release looked at; "
            f"to look further: {base} --range '>={decided[-1]}'"
        )
    return tuple(hints)


def looked_at(finding: Finding) -> str:
    """Return how far the search looked."""
    candidates = {release.version for release in finding.plan.candidates}
    measured = {m.version for m in finding.measurements}
    parts = [f"{len(measured & candidates)} of {count(len(candidates), 'candidate')}"]
    if more := len(measured - candidates):
        parts.append(f"{count(more, 'pre-release')}")
    parts.append(f"longest untested stretch {finding.longest_untested}")
    if excluded := len(finding.plan.excluded):
        parts.append(f"{excluded} excluded")
    made = sum(not m.cached for m in finding.measurements)
    parts.append(f"{count(len(finding.measurements), 'run')}, {made} of them now")
    return "; ".join(parts)


def conditions(finding: Finding) -> str:
    """Return what was held fixed."""
    held = finding.conditions
    names = {"cpython": "CPython", "pypy": "PyPy"}
    name = names.get(held.interpreter.implementation, held.interpreter.implementation)
    policy = f"dependencies {held.policy}"
    if held.resolved:
        policy += f" as of {held.resolved[:10]}"
    return f"{name} {held.interpreter.version}, {held.interpreter.platform}, {policy}"


def title(finding: Finding) -> str:
    """Return the probe's name and what it requires."""
    said = f": {finding.probe.title}" if finding.probe.title else ""
    return safe(f"{name(finding)}{said}")


def mib(size_bytes: int | None) -> str:
    """Return a size in MiB, or a dash."""
    return "-" if size_bytes is None else f"{size_bytes / MIB:.1f} MiB"


def count(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural where it isn't one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def safe(text: str) -> str:
    """Return ``text`` on one line, with what a terminal would act on made visible instead."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
        return character.encode("unicode_escape").decode()
    return character


def name(finding: Finding) -> str:
    """Return ``probe``, or ``probe[case]``."""
    probe = finding.probe
    return f"{probe.name}[{probe.case}]" if probe.case else probe.name


def _sentence(transition: Transition) -> str:
    before, after = transition.before, transition.after
    introduced = transition.kind is Kind.INTRODUCED
    verb, last = ("went bad", "last good") if introduced else ("was fixed", "last bad")
    if transition.untested:
        text = f"{verb} between {before} and {after} ({_listed(transition.untested)} untested"
        text += ")."
    else:
        zoom = transition.zoom
        already = f" (already in {zoom[1]})" if zoom and zoom[1] != after else ""
        text = f"{verb} in {after}{already}; {before} is the {last} release before it."
    if transition.after_not_yanked:
        text += f" {after} is yanked; the first that isn't is {transition.after_not_yanked}."
    return text


def _listed(versions: Sequence[Version]) -> str:
    if len(versions) <= 4:
        return ", ".join(map(str, versions))
    return f"{versions[0]} … {versions[-1]}, {len(versions)} releases,"


def _row(release: Release | None, runs: Sequence[Measurement]) -> Row:
    newest = runs[-1]
    said = [run.outcome for run in runs if run.outcome is not Outcome.UNTESTABLE]
    outcome = said[0].value if said else Outcome.UNTESTABLE.value
    if len(set(said)) > 1:
        outcome = ", ".join(f"{o.value} {said.count(o)}" for o in (Outcome.GOOD, Outcome.BAD))
    mains = [run.main_process for run in runs]
    peaks = [main for main in mains if main is not None]
    highest = max(peaks, key=lambda peak: peak.peak_memory_bytes, default=None)
    grown = [run.metrics.get("growth_bytes") for run in runs]
    uploaded = release.upload_time if release else None
    return Row(
        version=newest.version,
        date=uploaded.date().isoformat() if uploaded else "",
        yanked=bool(release and release.yanked),
        outcome=outcome,
        reason=newest.reason.value if newest.reason and not said else "",
        detail=safe(newest.detail),
        peak_memory_bytes=highest.peak_memory_bytes if highest else None,
        peak_sampled=bool(highest and highest.sampled),
        growth_bytes=max((g for g in grown if isinstance(g, int)), default=None),
        pool=_pool(newest),
        seconds=median(run.wall_s for run in runs),
        runs=len(runs),
        cached=all(run.cached for run in runs),
    )


def _pool(measurement: Measurement) -> str:
    pool = measurement.pool
    if not pool:
        return ""
    named = [
        f"{pool[name]} {name.replace('_', ' ')}" for name in ("idle", "in_use") if name in pool
    ]
    return safe(", ".join(named))


def _documented(version: str, claimed: Outcome, finding: Finding) -> ClaimRow:
    wanted = _version(version)
    runs = [m.outcome for m in finding.measurements if m.version == wanted]
    decided = {outcome for outcome in runs if outcome is not Outcome.UNTESTABLE}
    excluded = next((e for e in finding.plan.excluded if e.version == wanted), None)
    measured = " and ".join(sorted(outcome.value for outcome in decided))
    if not decided:
        measured = "untestable" if runs else "not looked at"
        measured = excluded.detail if excluded else measured
    return ClaimRow(
        document=safe(finding.probe.documented.issue),
        says=safe(f"{version} is {claimed.value}"),
        measured=safe(measured),
        agrees=decided == {claimed} if decided else None,
    )


def _borne_out(claim: Claim, finding: Finding) -> ClaimRow:
    """Return a claim about several releases beside what was measured of them."""
    named = claim.releases not in ("some", "all")
    specifier = SpecifierSet(claim.releases if named else "")
    said: dict[Version, set[Outcome]] = {}
    for measurement in finding.measurements:
        inside = specifier.contains(measurement.version, prereleases=True)
        if inside and measurement.outcome is not Outcome.UNTESTABLE:
            said.setdefault(measurement.version, set()).add(measurement.outcome)
    as_claimed = sorted(v for v, outcomes in said.items() if outcomes == {claim.outcome})
    otherwise = sorted(set(said) - set(as_claimed))
    agrees = bool(as_claimed) if claim.releases == "some" else not otherwise
    of = f"{count(len(said), 'release')} measured"
    if not as_claimed:
        measured = f"not reproduced on any of {of}"
    else:
        ends = f"{as_claimed[0]} to {as_claimed[-1]}" if as_claimed[1:] else f"{as_claimed[0]}"
        measured = f"{claim.outcome.value} on {len(as_claimed)} of {of} ({ends})"
    if otherwise and as_claimed and not agrees:
        measured += f", not on {_listed(otherwise)}".rstrip(",")
    return ClaimRow(
        document=safe(claim.document),
        says=safe(claim.says),
        measured=measured if said else "not looked at",
        agrees=agrees if said else None,
    )


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def joined(parts: Iterable[str]) -> str:
    """Return specifier sets as people write several of them."""
    return " or ".join(parts)
