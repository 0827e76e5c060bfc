"""The search against a brute-force oracle, over thousands of random histories."""

from __future__ import annotations

from math import ceil, log2
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisector.finding import Kind
from bisector.model import Outcome
from bisector.search.observed import (
    Boundary,
    Verdict,
    boundaries,
    longest_untested,
    verdict,
    verdicts,
)
from bisector.search.stages import (
    Question,
    Stage,
    likely,
    outside,
    want,
)

G, B, U = Outcome.GOOD, Outcome.BAD, Outcome.UNTESTABLE
LETTERS = {"g": G, "b": B, "u": U}


def run(
    truth: list[Outcome],
    question: Question | None = None,
    *,
    workers: int = 1,
) -> tuple[dict[int, list[Outcome]], list[tuple[int, Stage]]]:
    """Drive the search over ``truth`` as the loop would; return what was observed, in order."""
    question = question or Question(len(truth))
    observed: dict[int, list[Outcome]] = {}
    flying: list[int] = []
    order: list[tuple[int, Stage]] = []
    while True:
        while len(flying) < workers:
            wanted = want(question, observed, flying, workers - len(flying))
            if wanted is None or wanted.stage is Stage.ASSURE:
                break
            flying.append(wanted.position)
            order.append((wanted.position, wanted.stage))
            assert len(order) <= 4 * len(truth) + 8, "the search doesn't end"
        if not flying:
            return observed, order
        done = flying.pop(0)
        observed.setdefault(done, []).append(truth[done])


def history(letters: str) -> list[Outcome]:
    return [LETTERS[letter] for letter in letters]


def transitions_of(truth: list[Outcome]) -> list[Boundary]:
    """The oracle: every change between neighbouring decided releases, by looking at all of them."""
    found = []
    last: int | None = None
    for position, outcome in enumerate(truth):
        if outcome is U:
            continue
        if last is not None and truth[last] is not outcome:
            kind = Kind.INTRODUCED if outcome is B else Kind.FIXED
            found.append(Boundary(kind, last, position))
        last = position
    return found


histories = st.lists(st.sampled_from([G, B, U]), min_size=1, max_size=60)


@st.composite
def one_window(draw: st.DrawFn, untestable: bool = True) -> tuple[list[Outcome], int, int]:
    """Good … bad … good with both ends good, some of it untestable; and where the window lies."""
    before = draw(st.integers(1, 60))
    length = draw(st.integers(1, 40))
    after = draw(st.integers(1, 60))
    truth = [G] * before + [B] * length + [G] * after
    if untestable:
        holes = draw(st.sets(st.integers(0, len(truth) - 1), max_size=len(truth) // 3))
        truth = [U if position in holes else outcome for position, outcome in enumerate(truth)]
    return truth, before, before + length


@settings(max_examples=400)
@given(histories, st.integers(1, 4))
def test_every_transition_is_real_and_nothing_untested_is_blamed(
    truth: list[Outcome], workers: int
) -> None:
    """What is reported are neighbouring decided releases of the whole history's own transitions."""
    observed, _ = run(truth, workers=workers)
    real = {(b.kind, b.before, b.after) for b in transitions_of(truth)}
    for found in boundaries(len(truth), observed):
        assert (found.kind, found.before, found.after) in real
        assert all(truth[p] is U for p in range(found.before + 1, found.after))


@settings(max_examples=300)
@given(histories, st.integers(1, 4))
def test_exhaustive_finds_exactly_what_the_oracle_finds(truth: list[Outcome], workers: int) -> None:
    observed, _ = run(truth, Question(len(truth), exhaustive=True), workers=workers)
    assert list(boundaries(len(truth), observed)) == transitions_of(truth)
    assert set(observed) == set(range(len(truth)))


@settings(max_examples=300)
@given(one_window(), st.integers(1, 4), st.data())
def test_one_window_with_a_witness_is_found_whole(
    window: tuple[list[Outcome], int, int], workers: int, data: st.DataObject
) -> None:
    """From a known bad release both edges are found, whatever is untestable between the ends."""
    truth, _, _ = window
    truth[0] = truth[-1] = G
    bad = [position for position, outcome in enumerate(truth) if outcome is B]
    if not bad:
        return
    witness = data.draw(st.sampled_from(bad))
    observed, _ = run(truth, Question(len(truth), witnesses=(witness,)), workers=workers)
    assert list(boundaries(len(truth), observed)) == transitions_of(truth)


@settings(max_examples=400)
@given(one_window(untestable=False))
def test_probes_stay_within_the_published_bound(window: tuple[list[Outcome], int, int]) -> None:
    """ALGORITHMS, section 1: T <= 2(M+1)/L + 2 ceil(log2 2L), beside ends and second runs."""
    truth, start, end = window
    observed, _ = run(truth)
    interior, length = len(truth) - 2, end - start
    inside = [p for p in observed if 0 < p < len(truth) - 1]
    assert len(inside) <= 2 * (interior + 1) / length + 2 * ceil(log2(2 * length)) + 1
    assert list(boundaries(len(truth), observed)) == transitions_of(truth)


@settings(max_examples=300)
@given(one_window(), st.data())
def test_a_gap_costs_one_logarithm_and_its_untestable_releases(
    window: tuple[list[Outcome], int, int], data: st.DataObject
) -> None:
    truth, _, _ = window
    truth[0] = truth[-1] = G
    bad = [position for position, outcome in enumerate(truth) if outcome is B]
    if not bad:
        return
    witness = data.draw(st.sampled_from(bad))
    observed, order = run(truth, Question(len(truth), witnesses=(witness,)))
    narrowing = [p for p, stage in order if stage is Stage.NARROW]
    decided = [p for p in narrowing if truth[p] is not U]
    left, right = witness, len(truth) - 1 - witness
    assert len(decided) <= ceil(log2(left + 1)) + ceil(log2(right + 1))
    assert len(narrowing) == len(set(narrowing))
    assert observed[witness]


@settings(max_examples=60)
@given(st.integers(1, 200))
def test_none_found_only_after_nothing_is_left(size: int) -> None:
    """A flat history never yields a culprit, and "none" is said when all has been looked at."""
    observed, order = run([G] * size)
    assert boundaries(size, observed) == ()
    assert len(order) == size
    assert longest_untested(size, observed) == 0


@settings(max_examples=200)
@given(st.integers(2, 120), st.integers(0, 200))
def test_longest_untested_bounds_what_can_be_missed(size: int, made: int) -> None:
    """After any number of probes, a bad run longer than U would have been hit."""
    question = Question(size)
    observed: dict[int, list[Outcome]] = {}
    for _ in range(made):
        wanted = want(question, observed)
        if wanted is None:
            break
        observed[wanted.position] = [G]
    longest = longest_untested(size, observed)
    for start in range(size - longest):
        assert any(p in observed for p in range(start, start + longest + 1))


@settings(max_examples=300)
@given(histories, st.integers(2, 6))
def test_workers_never_measure_the_same_position_at_once(
    truth: list[Outcome], workers: int
) -> None:
    question = Question(len(truth))
    observed: dict[int, list[Outcome]] = {}
    flying: list[int] = []
    while wanted := want(question, observed, flying):
        assert wanted.position not in flying
        flying.append(wanted.position)
        if len(flying) == workers:
            done = flying.pop()
            observed.setdefault(done, []).append(truth[done])


def test_each_side_of_a_transition_is_run_again() -> None:
    observed, _ = run(history("ggggbbbbgggg"))
    for boundary in boundaries(12, observed):
        assert len(observed[boundary.before]) == len(observed[boundary.after]) == 2


def test_more_confirmations_are_made_when_asked_for() -> None:
    observed, _ = run(history("ggggbbbb"), Question(8, confirmations=5))
    assert [len(observed[p]) for p in (3, 4)] == [5, 5]


def test_runs_that_disagree_decide_nothing() -> None:
    """A release that is now good, now bad lies inside the interval and isn't blamed."""
    observed = {0: [G], 3: [G], 4: [B, G], 5: [B], 7: [B]}
    assert verdict(observed[4]) is Verdict.CONFLICTING
    assert boundaries(8, observed) == (Boundary(Kind.INTRODUCED, 3, 5),)


def test_an_untestable_run_does_not_outvote_a_decided_one() -> None:
    assert verdict([U, G]) is Verdict.GOOD
    assert verdict([U, U]) is Verdict.UNTESTABLE
    assert verdict([]) is Verdict.UNTESTED


def test_a_side_that_cannot_be_confirmed_is_given_up() -> None:
    """A side that decides once and never again doesn't keep the search from ending."""
    observed: dict[int, list[Outcome]] = {0: [G], 1: [B, U, U, U]}
    wanted = want(Question(2), observed)
    assert wanted is not None
    assert wanted.position == 0
    observed[0].append(G)
    assert want(Question(2), observed) is None


@settings(max_examples=300)
@given(st.integers(1, 100), st.integers(1, 100), st.booleans())
def test_an_end_that_cannot_be_tested_costs_a_logarithm(
    untestable: int, bad: int, mirrored: bool
) -> None:
    """uuuuuuuubbbb: the oldest release that can be tested is found by halving, not by a walk."""
    truth = [U] * untestable + [B] * bad
    edge = untestable
    if mirrored:
        truth.reverse()
        edge = bad - 1
    observed, _ = run(truth)
    assert observed[edge] == [B]
    assert len(observed) <= 2 + 2 * ceil(log2(untestable + bad)) + 1


def test_a_hole_beside_an_untestable_end_does_not_hide_the_start() -> None:
    """The oldest release and one in the window are untestable; the start is found all the same."""
    truth = history("ugg" + "bbbubbbbbbb" + "g")
    observed, _ = run(truth, Question(len(truth), witnesses=(13,)))
    assert list(boundaries(len(truth), observed)) == transitions_of(truth)


def test_a_second_window_is_found_by_assurance() -> None:
    truth = history("gggggbbbgggggggggbggggggg")
    first, _ = run(truth, Question(len(truth), witnesses=(6,)))
    assert len(boundaries(len(truth), first)) == 2
    question = Question(len(truth), witnesses=(6,))
    while wanted := want(question, first):
        first.setdefault(wanted.position, []).append(truth[wanted.position])
    assert list(boundaries(len(truth), first)) == transitions_of(truth)


@pytest.mark.parametrize(("letters", "companion"), [("gbbgggggggg", 5), ("gbbgguggggg", 6)])
def test_a_transition_on_a_marked_position_decides_its_companion_too(
    letters: str, companion: int
) -> None:
    """Where the first good release is yanked, the first that isn't and decides is measured too."""
    truth = history(letters)
    question = Question(len(truth), witnesses=(2,), beside={3: range(5, len(truth))})
    without, _ = run(truth, Question(len(truth), witnesses=(2,)))
    observed, _ = run(truth, question)
    assert boundaries(len(truth), observed)[-1].after == 3
    assert verdict(observed[companion]) is Verdict.GOOD
    assert set(observed) - set(without) <= set(range(5, companion + 1))


def test_nothing_to_search_wants_nothing() -> None:
    assert want(Question(0), {}) is None
    assert verdicts(0, {}) == []


@pytest.mark.parametrize(
    ("length", "mean", "worst"),
    [(1, 65, 126), (2, 36, 64), (4, 22, 35), (8, 15, 21), (16, 13, 15), (32, 13, 13)],
)
def test_figures_of_largest_gap_first(length: int, mean: int, worst: int) -> None:
    """ALGORITHMS, section 1's table, over every place of the run rather than a sample."""
    interior, totals = 126, []
    for start in range(1, interior - length + 2):
        truth = [G] * start + [B] * length + [G] * (interior + 2 - start - length)
        observed, _ = run(truth)
        totals.append(sum(1 for p in observed if 0 < p < interior + 1))
    assert sum(totals) / len(totals) <= mean + 1
    assert max(totals) <= worst


@settings(max_examples=300)
@given(one_window(), st.integers(2, 4), st.data())
def test_stopping_what_became_predictable_changes_no_answer(
    window: tuple[list[Outcome], int, int], workers: int, data: st.DataObject
) -> None:
    """Completions in any order, with runs stopped as bounds move: the same transitions."""
    truth, _, _ = window
    truth[0] = truth[-1] = G
    bad = [position for position, outcome in enumerate(truth) if outcome is B]
    if not bad:
        return
    question = Question(len(truth), witnesses=(bad[0],))
    observed: dict[int, list[Outcome]] = {}
    flying: list[int] = []
    while True:
        while len(flying) < workers:
            wanted = want(question, observed, flying, workers - len(flying))
            if wanted is None or wanted.stage is Stage.ASSURE:
                break
            flying.append(wanted.position)
        if not flying:
            break
        done = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
        observed.setdefault(done, []).append(truth[done])
        late = outside(len(truth), observed, flying)
        flying = [position for position in flying if position not in late]
    assert list(boundaries(len(truth), observed)) == transitions_of(truth)


@pytest.mark.parametrize(("workers", "most"), [(1, 7.2), (2, 4.3), (4, 2.9)])
def test_makespans_of_a_parallel_search(workers: int, most: float) -> None:
    """ALGORITHMS, section 2: N = 128, lognormal times of mean 1 and sigma 0.8, in probes."""
    size, trials, total = 128, 800, 0.0
    random = Random(workers)
    for _ in range(trials):
        edge = random.randrange(1, size)
        question = Question(size, confirmations=1)
        observed = {0: [G], size - 1: [B]}
        now, flying = 0.0, dict[int, float]()
        while True:
            for position in outside(size, observed, flying):
                del flying[position]
            while len(flying) < workers:
                wanted = want(question, observed, flying, workers - len(flying))
                if wanted is None or wanted.stage is not Stage.NARROW:
                    break
                flying[wanted.position] = now + random.lognormvariate(-0.32, 0.8)
            if not flying:
                break
            done = min(flying, key=lambda position: flying[position])
            now = flying.pop(done)
            observed[done] = [G if done < edge else B]
        total += now
    assert total / trials <= most


@given(st.integers(1, 60), st.integers(1, 60))
def test_two_boundaries_are_two_searches_side_by_side(left: int, right: int) -> None:
    """However their sizes differ, two workers halve both at once, and then share what is left."""
    window = left + 1
    observed = {0: [G], window: [B], window + right + 1: [G]}
    question = Question(window + right + 2)
    first = want(question, observed, (), 2)
    assert first is not None
    second = want(question, observed, [first.position], 1)
    assert second is not None
    assert {first.stage, second.stage} == {Stage.NARROW}
    assert (first.position < window) != (second.position < window)


@given(st.integers(1, 40), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_with_one_worker_what_comes_next_was_likely(size: int, random: Random) -> None:
    truth = [random.choice((G, B)) for _ in range(size)]
    question = Question(size, exhaustive=True)
    observed: dict[int, list[Outcome]] = {}
    guessed = None
    while wanted := want(question, observed):
        assert guessed is None or wanted in guessed
        guessed = likely(question, observed, [wanted.position])
        assert len(guessed) <= 2
        observed.setdefault(wanted.position, []).append(truth[wanted.position])


@settings(max_examples=200)
@given(histories, st.data())
def test_what_is_late_and_what_a_line_came_of_are_measured_where_it_matters(
    truth: list[Outcome], data: st.DataObject
) -> None:
    """The late ones once something is bad; an origin where a transition ends at what came of it.

    A search that doesn't seek for long may miss a window in a line; but never beside a transition
    whose sides are of different lines without having looked where the newer line came from.
    """
    size = len(truth)
    positions = st.integers(0, size - 1)
    late = tuple(sorted(data.draw(st.sets(positions, max_size=3))))
    origins = {
        change.after: data.draw(st.integers(0, change.before - 1))
        for change in transitions_of(truth)
        if change.before
    }
    question = Question(size, late=late, origins=origins)
    observed, order = run(truth, question, workers=data.draw(st.integers(1, 3)))
    if any(truth[position] is B for position in observed):
        assert set(late) <= set(observed)
    ends = {boundary.after for boundary in boundaries(size, observed)}
    assert {origins[end] for end in ends if end in origins} <= set(observed)
    plain, _ = run(truth, workers=1)
    if not any(outcome is B for outcome in truth):
        assert {position for position, _ in order} == set(plain)


def test_the_ends_of_lines_cost_nothing_while_nothing_is_bad() -> None:
    """Then they are measured, those that the halving came by already being measured once."""
    good = history("g" * 16)
    _, order = run(good, Question(16, late=(3, 7)))
    assert [stage for _, stage in order[:2]] == [Stage.START, Stage.START]
    assert {stage for _, stage in order[2:]} == {Stage.SEEK}
    bad = history("g" * 8 + "b" * 8)
    _, order = run(bad, Question(16, late=(3, 8)))
    assert [position for position, stage in order if stage is Stage.LATE] == [3]
