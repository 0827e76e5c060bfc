"""Which of many changes break something together, from tests of some of them at once.

Everything here is in changes, of any kind, and in whether a subset of them is bad; how a subset
is tested is the caller's business.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


def ddmin(
    changes: Sequence[T],
    first_bad: Callable[[Sequence[tuple[T, ...]]], int | None],
    *,
    at_once: int = 1,
) -> tuple[T, ...]:
    """Return a subset of ``changes`` that is bad, and isn't without any single one of them.

    All of them together must be bad, none of them must not. ``first_bad`` is handed subsets,
    each in the order of ``changes``, and returns the position of the first that is bad, or None:
    it may test them side by side and stop those behind a bad one. Good and untestable are both
    not bad. No subset is handed out twice, and what is found depends on no timing.

    Of c changes, k of them to blame, it takes about k (⌈log2 c⌉ + 1) tests: halving finds the
    change with which those in front of it become bad, then the next one that it needs, until
    they are bad alone; ``at_once`` of these subsets are handed out at a time. Where subsets can't
    be tested, that lets through more than is needed, so ddmin has the last word: it tests ever
    smaller parts of what is left, and all but each of them. It takes c² + 3c tests at worst,
    and no more were seen of both together (Zeller & Hildebrandt 2002, "Simplifying and Isolating
    Failure-Inducing Input", IEEE Transactions on Software Engineering 28(2)).
    """
    tests = _Tests(changes, first_bad)
    return tests.named(_minimal(_narrowed(len(changes), tests, at_once), tests))


class _Tests(Generic[T]):
    """What is known of subsets, given as positions among the changes."""

    def __init__(
        self,
        changes: Sequence[T],
        first_bad: Callable[[Sequence[tuple[T, ...]]], int | None],
    ) -> None:
        self._changes = changes
        self._first_bad = first_bad
        self._not_bad: set[frozenset[int]] = {frozenset()}

    def named(self, subset: Sequence[int]) -> tuple[T, ...]:
        return tuple(self._changes[position] for position in sorted(subset))

    def first_bad(self, subsets: Sequence[Sequence[int]]) -> int | None:
        """Return the position of the first bad one, asking only for those that aren't known."""
        untried = [p for p, subset in enumerate(subsets) if frozenset(subset) not in self._not_bad]
        if not untried:
            return None
        found = self._first_bad([self.named(subsets[position]) for position in untried])
        self._not_bad.update(frozenset(subsets[position]) for position in untried[:found])
        return None if found is None else untried[found]


def _narrowed(size: int, tests: _Tests[T], at_once: int) -> Sequence[int]:
    """Return positions that are bad together, each of which once made the ones before it bad."""
    needed: list[int] = []
    rest = list(range(size))
    while rest and tests.first_bad([needed]) is None:
        low, high = 0, len(rest)  # kept + rest[:low] isn't bad, kept + rest[:high] is
        while high - low > 1:
            parts = min(at_once + 1, high - low)
            cuts = [low + (high - low) * part // parts for part in range(1, parts)]
            found = tests.first_bad([needed + rest[:cut] for cut in cuts])
            if found is None:
                low = cuts[-1]
            else:
                low, high = [low, *cuts][found], cuts[found]
        needed.append(rest[high - 1])
        rest = rest[: high - 1]
    return sorted(needed)


def _minimal(current: Sequence[int], tests: _Tests[T]) -> Sequence[int]:
    """Return what ddmin leaves of positions that are bad together."""
    number = 2
    while len(current) > 1:
        size = len(current)
        edges = [size * part // number for part in range(number + 1)]
        spans = list(itertools.pairwise(edges))
        parts = [current[start:end] for start, end in spans]
        others = [[*current[:start], *current[end:]] for start, end in spans]
        if (found := tests.first_bad(parts)) is not None:
            current, number = parts[found], 2
        elif (found := tests.first_bad(others)) is not None:
            current, number = others[found], max(number - 1, 2)
        elif number < size:
            number = min(2 * number, size)
        else:
            break
    return current
