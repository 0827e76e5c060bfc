"""What documents say of a probe's behaviour, beside what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from bisector.finding import Finding
from bisector.model import Claim, Outcome
from bisector.reports.words import count, listed, safe


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """What a document says, and what was measured of it; ``agrees`` is None where that is open."""

    document: str
    says: str
    measured: str
    agrees: bool | None

    @property
    def verdict(self) -> str:
        """Whether measuring bore the claim out, in a word."""
        return {True: "agrees", False: "CONTRADICTED", None: "undecided"}[self.agrees]

    @property
    def sentence(self) -> str:
        """The claim, what was measured, and the verdict."""
        how = "measured " if self.measured in ("good", "bad", "bad and good") else ""
        return f"{self.says}; {how}{self.measured}: {self.verdict}"


def claims(finding: Finding) -> tuple[ClaimRow, ...]:
    """Return every claim: documented versions first, then those about several releases."""
    documented = finding.probe.documented
    versions = [(v, Outcome.GOOD) for v in documented.good]
    versions += [(v, Outcome.BAD) for v in documented.bad]
    rows = [_documented(version, outcome, finding) for version, outcome in versions]
    rows += [_borne_out(claim, finding) for claim in finding.probe.claims]
    return tuple(rows)


def _documented(text: str, claimed: Outcome, finding: Finding) -> ClaimRow:
    version = _version(text)
    runs = finding.runs.get(version, []) if version else []
    decided = {run.outcome for run in runs if run.outcome is not Outcome.UNTESTABLE}
    excluded = next((e for e in finding.plan.excluded if e.version == version), None)
    if decided:
        measured = " and ".join(sorted(outcome.value for outcome in decided))
    elif runs:
        reason = runs[-1].reason
        measured = f"untestable: {reason.value}" if reason else "untestable"
    else:
        measured = f"untestable: {excluded.detail}" if excluded else "not looked at"
    return ClaimRow(
        document=safe(finding.probe.documented.issue),
        says=safe(f"{text} is {claimed.value}"),
        measured=safe(measured),
        agrees=decided == {claimed} if len(decided) == 1 else None,
    )


def _borne_out(claim: Claim, finding: Finding) -> ClaimRow:
    """Return a claim about several releases beside what was measured of them.

    Releases whose runs disagree neither bear it out nor contradict it. That none is as claimed
    contradicts it only where all have been looked at.
    """
    ran = finding.conditions.interpreter
    if not SpecifierSet(claim.python).contains(ran.version, prereleases=True):
        measured = f"not looked at: this search ran on Python {ran.series}"
        return ClaimRow(safe(claim.document), safe(claim.says), measured, None)
    some = claim.releases == "some"
    specifier = SpecifierSet("" if claim.releases in ("some", "all") else claim.releases)
    measured_of = set(finding.runs)
    inside = set(specifier.filter(measured_of, prereleases=True))
    decided = {
        version: {run.outcome for run in runs} - {Outcome.UNTESTABLE}
        for version, runs in finding.runs.items()
        if version in inside
    }
    conclusive = {version: outcomes for version, outcomes in decided.items() if outcomes}
    as_claimed = sorted(v for v, outcomes in conclusive.items() if outcomes == {claim.outcome})
    otherwise = sorted(v for v, outcomes in conclusive.items() if claim.outcome not in outcomes)
    agrees: bool | None = bool(as_claimed) if some else not otherwise
    if len(as_claimed) + len(otherwise) < len(conclusive) and agrees is not some:
        agrees = None
    if some and not agrees and not {r.version for r in finding.plan.candidates} <= measured_of:
        agrees = None  # it may be one that nobody has looked at
    of = f"{count(len(conclusive), 'release')} measured"
    measured = f"not reproduced on {'any of ' if len(conclusive) > 1 else ''}{of}"
    if as_claimed:
        ends = f"{as_claimed[0]} to {as_claimed[-1]}" if as_claimed[1:] else f"{as_claimed[0]}"
        measured = f"{claim.outcome.value} on {len(as_claimed)} of {of} ({ends})"
        if otherwise and not some:
            measured += f", not on {listed(otherwise)}"
    return ClaimRow(
        document=safe(claim.document),
        says=safe(claim.says),
        measured=measured if conclusive else "not looked at",
        agrees=agrees if conclusive else None,
    )


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
