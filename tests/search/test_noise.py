"""Runs that may be wrong: answers are right as often as they say, and what they cost."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from benchmarks.noise import PAIRS, Answer, World, search, world
from hypothesis import given, settings
from hypothesis import strategies as st

from bisector.finding import Kind
from bisector.model import Outcome
from bisector.search import noise, observed, weighing
from bisector.search.observed import Verdict
from bisector.search.stages import Question, Stage

GOOD, BAD, UNTESTABLE = Outcome.GOOD, Outcome.BAD, Outcome.UNTESTABLE
runs = st.lists(st.sampled_from([GOOD, BAD, UNTESTABLE]), min_size=1, max_size=4)
histories = st.integers(2, 40).flatmap(
    lambda size: st.tuples(
        st.just(size), st.dictionaries(st.integers(0, size - 1), runs, min_size=1, max_size=15)
    )
)


def answers(pair: tuple[float, float], changes: int, size: int, number: int) -> list[Answer]:
    found = []
    for seed in range(number):
        random = Random(f"{pair} {changes} {size} {seed}")
        history = world(random, size, changes, pair, holes=0.1 if seed % 2 else 0.0)
        found += search(history, random, most=400, levels=[0.95])
    return found


@pytest.mark.parametrize("changes", [0, 1, 2])
@pytest.mark.parametrize("pair", [(0.95, 0.05), (0.8, 0.2), (0.5, 0)])
def test_of_answers_that_are_95_percent_sure_95_in_100_are_right(
    pair: tuple[float, float], changes: int
) -> None:
    """As far as 32 histories can tell: three standard errors below it would be a false claim."""
    decided = [answer for answer in answers(pair, changes, 24, 32) if answer.decided]
    assert len(decided) >= 26
    error = (0.95 * 0.05 / len(decided)) ** 0.5
    assert sum(answer.right for answer in decided) / len(decided) >= 0.95 - 3 * error


def test_where_nothing_is_flaky_it_is_the_plain_search_and_few_more_runs_of_each_side() -> None:
    """Those go to the paths that coins lead to a wrong place most often."""
    taken = []
    for seed in range(30):
        random = Random(seed)
        history = world(random, 128, 1, PAIRS[0], holes=0.0)
        [answer] = search(history, random, most=400, levels=[0.95])
        assert answer.right
        taken.append(answer.runs)
    assert max(taken) <= 2 + 7 + 2 * 3
    assert sum(taken) / len(taken) <= 2 + 7 + 2 * 2.5


@given(histories)
@settings(deadline=None)
def test_changes_alternate_and_lie_where_they_may(
    history: tuple[int, dict[int, list[Outcome]]],
) -> None:
    """Sides have runs, what is credible holds the likeliest place, and no side is untestable."""
    size, observations = history
    assessment = noise.weigh(size, observations, 0.95)
    kinds = [change.kind for change in assessment.changes]
    assert all(one is not other for one, other in itertools.pairwise(kinds))
    for change in assessment.changes:
        low, high = change.credible
        assert low <= change.before < change.after <= high
        assert {GOOD, BAD} & {*observations[change.before]}
        assert 0 <= change.confidence <= 1 + 1e-9
        if change.sure:
            between = range(change.before + 1, change.after)
            assert all({*observations.get(p, [])} <= {UNTESTABLE} for p in between)


@given(histories, st.sets(st.integers(0, 39)))
@settings(deadline=None)
def test_what_is_in_flight_is_not_wanted_again(
    history: tuple[int, dict[int, list[Outcome]]], in_flight: set[int]
) -> None:
    size, observations = history
    flying = {position for position in in_flight if position < size}
    wanted = weighing.want(Question(size), observations, 0.95, flying)
    assert wanted is None or wanted.position not in flying


def test_from_the_first_contradiction_on_it_reruns() -> None:
    runs = {0: [GOOD], 7: [BAD, GOOD]}
    wanted = weighing.want(Question(8), runs, 0.95)
    assert wanted is not None
    assert wanted.stage is Stage.RERUN


def test_a_good_run_of_a_bad_release_doesn_t_make_a_window() -> None:
    runs = {p: [GOOD] * 4 for p in range(4)} | {p: [BAD] * 3 + [GOOD] for p in range(4, 8)}
    runs[6] = [GOOD]
    assessment = noise.weigh(8, runs, 0.95)
    assert [(c.kind, c.before, c.after) for c in assessment.changes] == [(Kind.INTRODUCED, 3, 4)]
    assert noise.verdicts(8, runs, assessment)[6] is Verdict.BAD


def test_what_fails_at_random_throughout_has_no_change() -> None:
    runs = {p: [GOOD, BAD] * 6 for p in range(12)}
    assessment = noise.weigh(12, runs, 0.95)
    assert assessment.settled
    assert assessment.changes == ()
    assert set(noise.verdicts(12, runs, assessment)) == {Verdict.CONFLICTING}


@pytest.mark.parametrize("length", [1, 2, 4, 8])
def test_what_is_longer_than_may_be_unseen_would_have_been_seen(length: int) -> None:
    """As often as that is said: of two changes, those that it may have missed are told."""
    wrong = 0
    for seed in range(40):
        random = Random(f"{length} {seed}")
        place = random.randrange(1, 24 - length)
        bad = tuple(place <= position < place + length for position in range(24))
        [answer] = search(World(bad, frozenset(), (0.5, 0.05)), random, most=400, levels=[0.95])
        wrong += answer.decided and not answer.right
    assert wrong / 40 <= 0.05 + 3 * (0.05 * 0.95 / 40) ** 0.5


def test_more_runs_see_a_shorter_stretch() -> None:
    """But for what lies between two that were run, of which most is shorter than that."""
    unseen = []
    for number in (4, 6, 8, 12):
        runs = {p: [GOOD, BAD] * number for p in range(0, 81, 5)}
        assessment = noise.weigh(81, runs, 0.95)
        assert assessment.settled
        unseen.append(assessment.unseen or 0)
    assert unseen == sorted(unseen, reverse=True)
    assert unseen[0] > unseen[-1] > 0


def test_windows_more_than_two_are_found_where_runs_disagree() -> None:
    runs = {p: [BAD] * 5 if p // 4 % 2 else [GOOD] * 5 for p in range(20)}
    runs[1] = [GOOD, GOOD, BAD, GOOD, GOOD]
    assessment = noise.weigh(20, runs, 0.9)
    assert [change.after for change in assessment.changes] == [4, 8, 12, 16]


def test_within_what_is_not_sure_nothing_is_decided() -> None:
    runs = {0: [GOOD] * 4, 1: [GOOD, BAD], 2: [BAD, GOOD], 3: [BAD] * 4}
    assessment = noise.weigh(4, runs, 0.99)
    [change] = assessment.changes
    assert not change.sure
    believed = noise.verdicts(4, runs, assessment)
    inside = believed[change.credible[0] + 1 : change.credible[1]]
    assert inside
    assert all(verdict is Verdict.CONFLICTING for verdict in inside)
    assert observed.verdicts(4, runs)[1:3] == inside
