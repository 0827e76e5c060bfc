"""Where the outcome may have changed: probabilities that say what runs say."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bisector.model import Outcome
from bisector.search import noise, weighing
from bisector.search.chances import chances

GOOD, BAD = Outcome.GOOD, Outcome.BAD
runs = st.lists(st.sampled_from([GOOD, BAD]), min_size=1, max_size=4)


@given(st.dictionaries(st.integers(0, 15), runs, min_size=2, max_size=8))
def test_they_are_probabilities_of_neighbours_that_were_run(
    observations: dict[int, list[Outcome]],
) -> None:
    """Only where runs disagree; each is between two tested neighbours, and they lie in order."""
    assessments = weighing.weighed(16, observations, 0.95)
    found = chances(16, observations, assessments)
    if not noise.doubtful(16, observations):
        assert found == []
        return
    tested = sorted(observations)
    assert [(before, after) for before, after, _ in found] == list(pairwise(tested))
    assert all(0 <= share <= 1 for _, _, share in found)


@given(st.integers(1, 14), st.integers(12, 20))
def test_a_change_that_is_plain_has_all_of_it(place: int, times: int) -> None:
    observations = {p: [GOOD] * times if p < place else [BAD] * times for p in range(16)}
    observations[15] = [*observations[15], GOOD]
    found = chances(16, observations, weighing.weighed(16, observations, 0.95))
    best = max(found, key=lambda chance: chance[2])
    assert best[:2] == (place - 1, place)
    assert best[2] > 0.9
