"""Several failures, of which some come now and then: each is weighed by itself."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from random import Random

import pytest

from bisector.finding import Kind
from bisector.model import Outcome
from bisector.search import weighing
from bisector.search.observed import Failing, Observations, Verdict
from bisector.search.stages import Question, Stage

G, U = Outcome.GOOD, Outcome.UNTESTABLE
Rates = tuple[Hashable, float]
"""A failure, and how often it comes."""


def searched(history: Sequence[Rates], random: Random) -> dict[int, list[Hashable]]:
    """The runs of a search, each of which fails as often as its position does."""
    observed: dict[int, list[Hashable]] = {}
    question = Question(len(history))
    while (wanted := weighing.want(question, observed, 0.95)) and wanted.stage < Stage.ASSURE:
        failure, rate = history[wanted.position]
        label = failure if failure is U or random.random() < rate else G
        observed.setdefault(wanted.position, []).append(label)
        assert sum(map(len, observed.values())) <= weighing.MOST_RUNS
    return observed


def stated(observed: Observations, size: int) -> dict[Hashable, list[tuple[Kind, int]]]:
    """What is stated of each failure: its changes, each by the position after it."""
    return {
        failure: [(change.kind, change.after) for change in assessment.changes]
        for failure, assessment in weighing.weighed(size, observed, 0.95).items()
    }


def test_a_failure_that_always_comes_is_told_from_one_that_does_not() -> None:
    """Two of 20 may be wrong, at 95 % for each of the two."""
    history: Sequence[Rates] = [(G, 0)] * 10 + [("KeyError", 1)] * 10 + [("OSError", 0.5)] * 10
    wanted: dict[Hashable, list[tuple[Kind, int]]] = {
        "KeyError": [(Kind.INTRODUCED, 10), (Kind.FIXED, 20)],
        "OSError": [(Kind.INTRODUCED, 20)],
    }
    found = [stated(searched(history, Random(seed)), len(history)) for seed in range(20)]
    assert sum(one == wanted for one in found) >= 16


def test_what_is_believed_of_a_position_is_its_likelier_side() -> None:
    history: Sequence[Rates] = [(G, 0)] * 8 + [("KeyError", 0.6)] * 8 + [("OSError", 1)] * 8
    observed = searched(history, Random(4))
    assessments = weighing.weighed(24, observed, 0.95)
    seen = weighing.verdicts(24, observed, assessments)
    run = sorted(observed)
    assert all(seen[p] is Verdict.GOOD for p in run if p < 8)
    assert all(seen[p] == Failing("KeyError") for p in run if 8 <= p < 16)
    assert all(seen[p] == Failing("OSError") for p in run if p >= 16)
    passed = [p for p in run if 8 <= p < 16 and G in observed[p]]
    assert passed, "no run of a flaky position passed, so that nothing was to be believed"


@pytest.mark.parametrize("hole", [7, 8])
def test_what_cannot_be_run_beside_a_flaky_change_widens_it(hole: int) -> None:
    history: list[Rates] = [(G, 0)] * 8 + [("KeyError", 0.6)] * 8
    history[hole] = (U, 1)
    observed = searched(history, Random(1))
    (assessment,) = weighing.weighed(16, observed, 0.95).values()
    (change,) = assessment.changes
    assert (change.before, change.after) == ((6, 8) if hole == 7 else (7, 9))
    assert hole not in {p for p in observed if set(observed[p]) != {U}}


def test_it_gives_up_where_nothing_tells_a_change() -> None:
    """Two failures, each in half of the runs of all positions: neither begins anywhere."""
    random = Random(2)
    history: Sequence[Rates] = [(random.choice(["KeyError", "OSError"]), 0.5) for _ in range(12)]
    observed = searched(history, random)
    settled = [one.settled for one in weighing.weighed(12, observed, 0.95).values()]
    assert all(settled) or sum(map(len, observed.values())) == weighing.MOST_RUNS
