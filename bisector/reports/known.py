"""What is known of releases: the records of regressions, read for one package and release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


@dataclass(frozen=True, slots=True)
class Window:
    """Releases from ``first`` on that are bad: before ``fixed``, or up to ``last`` where it isn't.

    Exactly one of the two is set.
    """

    first: Version
    fixed: Version | None = None
    last: Version | None = None

    def __contains__(self, version: Version) -> bool:
        below = version < self.fixed if self.fixed else self.last and version <= self.last
        return self.first <= version and bool(below)


@dataclass(frozen=True, slots=True)
class Known:
    """One regression of a package, as it was measured on the Python ``python``.

    ``title`` names the probe and what it requires, ``uploaded`` has the dates of the releases at
    the windows' ends, ``replay`` is the command that measures it again; ``record`` is the whole.
    """

    package: str
    python: str
    title: str
    replay: str
    windows: tuple[Window, ...]
    bad: frozenset[Version]
    good: frozenset[Version]
    uploaded: Mapping[str, str] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def open_at_oldest(self) -> bool:
        """Whether the first window began before the oldest release that was looked at."""
        return bool(self.record.get("database_specific", {}).get("open_at_oldest"))

    def affects(self, version: Version) -> bool:
        """Return whether a release is known to be bad, or lies between such."""
        if version in self.good:
            return False
        return version in self.bad or any(version in window for window in self.windows)


def read(records: Iterable[Mapping[str, Any]]) -> list[Known]:
    """Return what the records say; of several with one name, the last."""
    by_identifier = {}
    for record in records:
        specific, affected = record["database_specific"], record["affected"]
        by_identifier[record["id"]] = Known(
            package=canonicalize_name(specific["package"]),
            python=specific["python"],
            title=specific["probe"],
            replay=specific["replay"],
            windows=tuple(window(range_) for entry in affected for range_ in entry["ranges"]),
            bad=frozenset(Version(version) for entry in affected for version in entry["versions"]),
            good=frozenset(map(Version, specific["good"])),
            uploaded=specific["uploaded"],
            record=record,
        )
    return list(by_identifier.values())


def window(range_: Mapping[str, Any]) -> Window:
    """Return the releases that a record's range is about."""
    ends = {kind: Version(version) for event in range_["events"] for kind, version in event.items()}
    return Window(ends["introduced"], ends.get("fixed"), ends.get("last_affected"))


def of(known: Iterable[Known], package: str, version: str = "") -> list[Known]:
    """Return what is known of a package; of a release that is named, what is bad of it."""
    about = [regression for regression in known if regression.package == canonicalize_name(package)]
    if not version:
        return about
    try:
        release = Version(version)
    except InvalidVersion:
        return []
    return [regression for regression in about if regression.affects(release)]
