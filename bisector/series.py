"""What a number does over releases: where it stepped, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.version import Version


@dataclass(frozen=True, slots=True)
class Step:
    """A number's change between two neighbouring releases that have one.

    ``old`` and ``new`` are its medians on the two sides, in ``pairs`` interleaved runs of both.
    ``change`` is by how much it changed, with the ends of the interval of that: a share of what it
    was where it is ``relative``, else a difference. ``untested`` are the releases between that
    have no number. ``confidence`` is how sure it is that it changed by more than need be named.
    """

    before: Version
    after: Version
    old: float
    new: float
    change: float
    interval: tuple[float, float]
    relative: bool
    confidence: float
    pairs: int
    untested: tuple[Version, ...] = ()

    @property
    def up(self) -> bool:
        """Whether it went up."""
        return self.change > 0


@dataclass(frozen=True, slots=True)
class Level:
    """The number of one release: the median of its ``runs``, and the lowest and highest.

    ``interval`` holds the median at 95 %, by how much runs of one release differ in all releases;
    None where that isn't known.
    """

    median: float
    lowest: float
    highest: float
    runs: int
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """What one number, called ``metric``, does over the releases that were measured.

    Steps up to ``least``, a share, aren't named. ``suspected`` are those that are not as sure as
    was asked, some of no pair at all where a search ended early, and ``drift`` is the change from
    the first to the last where it came without a step. ``noise`` is the standard deviation of runs
    of one release, ``floor`` the distance of the same release in two environments, and ``seen`` the
    smallest step that would show at any release of the coarse look; they are shares where they are
    ``relative``. Where the number is a slope, it is in its ``unit`` ``per`` that of the sizes.
    """

    metric: str
    least: float
    levels: Mapping[Version, Level]
    steps: tuple[Step, ...] = ()
    suspected: tuple[Step, ...] = ()
    drift: Step | None = None
    noise: float = 0.0
    floor: float | None = None
    seen: float | None = None
    relative: bool = True
    unit: str = ""
    per: str = ""
