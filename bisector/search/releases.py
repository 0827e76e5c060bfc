"""A search over releases: what of them can be measured, and what can't with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector.errors import UsageError
from bisector.finding import Finding
from bisector.model import Conditions, Excluded, Interpreter, Plan, Probe, Reason, Release
from bisector.search import observed, release_lines
from bisector.search.blame.attribution import attribute
from bisector.search.blame.narrowing import Laboratory
from bisector.search.candidates import Candidates, Item, Trial
from bisector.search.observed import Verdict
from bisector.wheels import admits, compatible

_NO_TIME = datetime.min.replace(tzinfo=timezone.utc)


class Releases(Candidates):
    """The candidates of a plan; its pre-releases lie inside the transitions between them."""

    def __init__(
        self,
        probe: Probe,
        plan: Plan,
        conditions: Conditions,
        witnesses: Sequence[Version] = (),
    ) -> None:
        self.probe = probe
        self.plan = plan
        self.conditions = conditions
        self.witnesses = witnesses
        self.items = tuple(map(_item, plan.candidates))
        self._releases = {r.version: r for r in (*plan.candidates, *plan.prereleases)}
        # Pre-releases count where they are searched; elsewhere they are what is zoomed into.
        pre = any(release.version.is_prerelease for release in plan.candidates)
        self._untestable = [e for e in plan.excluded if pre or not e.version.is_prerelease]

    def trial(self, item: Item, /) -> Trial:
        """Return the measurement of one release under what is held for all."""
        return Trial(self.probe, self._releases[item.key], self.conditions, item.label)

    def attributed(self, finding: Finding, laboratory: Laboratory, /) -> Finding:
        """Return the finding with whose fault each transition is, the package's or another's."""
        return attribute(finding, laboratory)

    def measurable(self) -> Sequence[Item]:
        """Return the candidates and the pre-releases."""
        return tuple(map(_item, self._releases.values()))

    def beside(self) -> Mapping[int, Sequence[int]]:
        """Return for each yanked release the later ones that aren't."""
        releases = self.plan.candidates
        unyanked = [p for p, release in enumerate(releases) if not release.yanked]
        return {
            position: [other for other in unyanked if other > position]
            for position, release in enumerate(releases)
            if release.yanked
        }

    def late(self) -> Sequence[int]:
        """Return the last releases of lines that were kept up beside later ones."""
        return () if self.plan.by_upload else release_lines.late(self.plan.candidates)

    def origins(self) -> Mapping[int, int]:
        """Return which release each line began with, and which it came of."""
        return {} if self.plan.by_upload else release_lines.origins(self.plan.candidates)

    def inside(self, before: Item, after: Item, /) -> Sequence[Item]:
        """Return the pre-releases between two releases."""
        low, high = (self._position(self._releases[side.key]) for side in (before, after))
        between = [r for r in self.plan.prereleases if low < self._position(r) < high]
        return [_item(release) for release in sorted(between, key=self._position)]

    def between(self, before: int, after: int, /) -> Sequence[Version]:
        """Return the releases between two positions, those included that can't be tested."""
        releases = self.plan.candidates
        low, high = self._position(releases[before]), self._position(releases[after])
        between: list[Release | Excluded] = [
            *releases[before + 1 : after],
            *(e for e in self._untestable if low < self._position(e) < high),
        ]
        return [release.version for release in sorted(between, key=self._position)]

    def parting(self, before: int, after: int, alike: Callable[[int, int], bool], /) -> bool:
        """Return whether two neighbours belong to lines that had parted before they differed."""
        parted = release_lines.parting(self.plan.candidates, before, after, alike)
        return parted and not self.plan.by_upload

    def affected(self, seen: Sequence[Verdict], /) -> tuple[str, ...]:
        """Return one PEP 440 specifier set per bad window, in version order.

        A window that is open at an end is bounded by the outermost release that was looked at, for
        nothing untested is blamed; one that ends in an interval reaches to the first good release.
        """
        verdicts = zip(self.plan.candidates, observed.inferred(seen))
        known = sorted((r.version, verdict) for r, verdict in verdicts if verdict.decided)
        windows, start = [], None
        for version, verdict in known:
            if verdict is Verdict.BAD and start is None:
                start = version
            elif verdict is Verdict.GOOD and start is not None:
                windows.append(f">={start},<{version}")
                start = None
        if start is not None:
            windows.append(f">={start},<={known[-1][0]}")
        return tuple(windows)

    def _position(self, release: Release | Excluded) -> tuple[datetime, Version]:
        """Return what releases are ordered by: the version, after the upload where that counts."""
        return (self.plan.by_upload and release.upload_time) or _NO_TIME, release.version


def _item(release: Release) -> Item:
    note = f"yanked: {release.yanked_reason}" if release.yanked else ""
    return Item(release.version, str(release.version), release.upload_time, note)


def plan(
    releases: Sequence[Release],
    interpreter: Interpreter,
    *,
    within: SpecifierSet,
    pre: bool = False,
    yanked: bool = True,
    allow_build: bool = False,
    by_upload: bool = False,
) -> Plan:
    """Return the candidates of ``releases`` that lie ``within`` a range, in version order.

    With ``by_upload`` they are in the order of their upload, which must be known of each.

    Pre-releases are kept apart for the zoom unless ``pre``; yanked releases are left out unless
    ``yanked``; releases without a wheel for ``interpreter`` are excluded unless ``allow_build``.
    Raises UsageError where no release lies within the range, or one has no upload time.
    """
    ordered = sorted(releases, key=lambda release: release.version)
    inside = [r for r in ordered if within.contains(r.version, prereleases=True)]
    if not inside:
        raise UsageError(
            f"no release lies within {str(within) or 'the range'}",
            f"the index has {_span(ordered)}; `bisect releases PROJECT` lists them",
        )
    inside = [r for r in inside if yanked or not r.yanked]
    if not inside:
        raise UsageError(
            f"every release within {str(within) or 'the range'} is yanked",
            "leave --no-yanked out to search them all the same",
        )
    candidates: list[Release] = []
    prereleases: list[Release] = []
    excluded: list[Excluded] = []
    for release in inside:
        why = exclusion(release, interpreter, allow_build=allow_build)
        if why is not None:
            excluded.append(why)
        elif release.version.is_prerelease and not pre:
            prereleases.append(release)
        else:
            candidates.append(release)
    if by_upload:
        candidates = sorted(candidates, key=_uploaded)
    return Plan(tuple(candidates), tuple(prereleases), tuple(excluded), by_upload)


def _uploaded(release: Release) -> tuple[datetime, Version]:
    if release.upload_time is None:
        raise UsageError(
            f"the index doesn't say when {release.version} was uploaded",
            "--order upload needs that; leave it out to search in version order",
        )
    return release.upload_time, release.version


def exclusion(
    release: Release, interpreter: Interpreter, *, allow_build: bool = False
) -> Excluded | None:
    """Return why ``release`` can't be installed on ``interpreter``, or None where it can."""
    wheels = [file for file in release.files if file.filename.endswith(".whl")]
    fitting = compatible(wheels, interpreter)
    sources = [file for file in release.files if not file.filename.endswith(".whl")]
    if any(admits(file, interpreter) for file in fitting):
        return None
    if allow_build and any(admits(file, interpreter) for file in sources):
        return None
    reason = Reason.NO_WHEEL
    if refusing := fitting or (sources if allow_build else []):
        reason = Reason.REQUIRES_PYTHON
        detail = f"requires Python {refusing[0].requires_python}"
    elif wheels:
        tag = interpreter.tags[0] if interpreter.tags else interpreter.version
        detail = f"no wheel for {tag}"
        detail += "; --allow-build would build it" if sources and not allow_build else ""
    elif sources:
        detail = "only a source distribution; --allow-build would build it"
    else:
        detail = "no files"
    return Excluded(release.version, reason, detail, release.yanked, release.upload_time)


def _span(ordered: Sequence[Release]) -> str:
    if not ordered:
        return "none"
    return f"{ordered[0].version} to {ordered[-1].version}"
