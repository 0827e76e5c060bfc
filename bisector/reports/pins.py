"""Which of the pins of a file lie in a bad window that was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from bisector.reports.as_json import strict
from bisector.reports.known import Known, Window, of
from bisector.reports.words import count, safe

SCHEMA = "bisector/check/1"


@dataclass(frozen=True, slots=True)
class Hit:
    """A pinned release that is known to be bad.

    ``elsewhere`` where it was measured on other Pythons only. ``below`` and ``above`` are the
    nearest releases that are good for all that is known of the package.
    """

    package: str
    version: Version
    known: tuple[Known, ...]
    elsewhere: bool = False
    below: Version | None = None
    above: Version | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file's pins turned out to be, for a Python of the ``python`` series.

    ``about`` is the number of pins of whose package anything is known; ``unpinned`` are the
    requirements that name no single release.
    """

    path: str
    python: str
    pins: int
    about: int
    hits: tuple[Hit, ...]
    unpinned: tuple[str, ...] = ()


def check(path: str, requirements: Iterable[str], known: Sequence[Known], python: str) -> Checked:
    """Return which of the requirements are pins of a release that is known to be bad.

    What was measured on this Python counts before what was measured on others.
    """
    pins, unpinned = _parted(requirements)
    hits = []
    about = 0
    for package, version in sorted(pins):
        relevant = list(_relevant(of(known, package), python))
        about += bool(relevant)
        if bad := [regression for regression in relevant if regression.affects(version)]:
            good = _good(relevant, bad)
            hits.append(
                Hit(
                    package,
                    version,
                    tuple(sorted(bad, key=lambda regression: regression.title)),
                    elsewhere=all(regression.python != python for regression in bad),
                    below=max((v for v in good if v < version), default=None),
                    above=min((v for v in good if v > version), default=None),
                )
            )
    return Checked(path, python, len(pins), about, tuple(hits), tuple(unpinned))


def _parted(requirements: Iterable[str]) -> tuple[set[tuple[str, Version]], list[str]]:
    """Return the pins, and the requirements that are none."""
    pins, unpinned = set(), []
    for text in requirements:
        requirement = Requirement(text)
        exact = [s for s in requirement.specifier if s.operator in ("==", "===")]
        version = exact[0].version if len(exact) == 1 == len(requirement.specifier) else ""
        try:
            pins.add((requirement.name, Version(version)))
        except InvalidVersion:  # of a range, of a wildcard, or arbitrarily equal
            unpinned.append(text)
    return pins, unpinned


def _relevant(known: Iterable[Known], python: str) -> Iterator[Known]:
    """Yield what was measured on ``python``; on others what wasn't measured there."""
    here = {regression.title for regression in known if regression.python == python}
    yield from (
        regression
        for regression in known
        if regression.python == python or regression.title not in here
    )


def _good(relevant: Sequence[Known], bad: Sequence[Known]) -> set[Version]:
    """Return the releases known to be good where the pin is bad, and nowhere known to be bad."""
    shared = set.intersection(*(set(regression.good) for regression in bad))
    return {
        v
        for v in shared
        if not any(regression.affects(v) for regression in relevant) and not v.is_prerelease
    }


def render(checked: Checked) -> str:
    """Return what was found, for people."""
    lines = [line for hit in checked.hits for line in _lines(hit, checked.python)]
    number = len(checked.hits)
    summary = f"{number} of {count(checked.pins, 'pin')} in {checked.path} "
    summary += f"{'is' if number == 1 else 'are'} known to be bad on Python {checked.python}"
    summary += f"; of {checked.about} something was measured"
    if checked.unpinned:
        summary += f"; {count(len(checked.unpinned), 'requirement')} without a pin"
    return "\n".join([*lines, safe(summary)]) + "\n"


def _lines(hit: Hit, python: str) -> Iterator[str]:
    yield f"{hit.package} {hit.version} is bad"
    for regression in hit.known:
        yield f"  {regression.title}"
        for window in regression.windows:
            if hit.version in window:
                yield f"    {_reach(window, regression)}"
        measured = "this Python too" if regression.python == python else f"not measured on {python}"
        yield f"    measured on Python {regression.python}: {measured}"
        yield f"    replay: {regression.replay}"
    ends = [f"{v} {side}" for v, side in ((hit.below, "below"), (hit.above, "above")) if v]
    yield f"  good for all that is known: {' and '.join(ends) or 'none'}"
    yield ""


def _reach(window: Window, regression: Known) -> str:
    def dated(version: Version) -> str:
        date = regression.uploaded.get(str(version), "")
        return f"{version} ({date})" if date else str(version)

    since = f"bad since {dated(window.first)}"
    if regression.open_at_oldest and window == regression.windows[0]:
        since = f"bad already in {dated(window.first)}, the oldest looked at"
    if window.fixed:
        return f"{since}, until {dated(window.fixed)} fixed it"
    return f"{since}, and still in {window.last}, the newest looked at"


def render_json(checked: Checked) -> str:
    """Return what was found as one JSON object, schema ``bisector/check/1``."""
    return strict(
        {
            "schema": SCHEMA,
            "file": checked.path,
            "python": checked.python,
            "pins": checked.pins,
            "known": checked.about,
            "unpinned": list(checked.unpinned),
            "hits": [_object(hit) for hit in checked.hits],
        }
    )


def _object(hit: Hit) -> Mapping[str, Any]:
    return {
        "package": hit.package,
        "version": str(hit.version),
        "elsewhere": hit.elsewhere,
        "good_below": str(hit.below) if hit.below else None,
        "good_above": str(hit.above) if hit.above else None,
        "regressions": [
            {
                "id": regression.record["id"],
                "title": regression.title,
                "python": regression.python,
                "windows": [
                    {
                        "introduced": str(window.first),
                        "fixed": str(window.fixed) if window.fixed else None,
                    }
                    for window in regression.windows
                    if hit.version in window
                ],
                "replay": regression.replay,
            }
            for regression in hit.known
        ],
    }
