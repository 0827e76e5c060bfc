"""What breaks something together, against an oracle that looks at every subset."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisector.search.blame.ddmin import ddmin

Subset = tuple[int, ...]
Bad = Callable[[Subset], bool]


class Worker:
    """Tests subsets in order up to the first bad one, as one worker would."""

    def __init__(self, bad: Bad) -> None:
        self.bad = bad
        self.handed_out: list[Subset] = []
        self.made = 0

    def __call__(self, subsets: Sequence[Subset]) -> int | None:
        assert subsets, "nothing was handed out"
        self.handed_out += subsets
        for position, subset in enumerate(subsets):
            self.made += 1
            if self.bad(subset):
                return position
        return None


def run(size: int, bad: Bad, at_once: int = 1) -> tuple[Subset, Worker]:
    tests = Worker(bad)
    return ddmin(range(size), tests, at_once=at_once), tests


def is_one_minimal(found: Subset, bad: Bad) -> bool:
    """The oracle's word: it is bad, and nothing that lacks one of it is; the empty set isn't."""
    without = [tuple(c for c in found if c != change) for change in found]
    return bad(found) and not any(smaller and bad(smaller) for smaller in without)


def inner_subsets(size: int) -> list[Subset]:
    """All subsets but the empty one and the whole."""
    return [s for k in range(1, size) for s in itertools.combinations(range(size), k)]


@st.composite
def monotone(draw: st.DrawFn) -> tuple[int, list[set[int]], Bad]:
    """Bad is what holds all of one of some sets of culprits."""
    size = draw(st.integers(1, 30))
    culprits = draw(
        st.lists(st.sets(st.integers(0, size - 1), min_size=1, max_size=4), min_size=1, max_size=4)
    )
    return size, culprits, lambda subset: any(c <= set(subset) for c in culprits)


@st.composite
def entangled(draw: st.DrawFn) -> tuple[int, Bad]:
    """As above, but what holds x without its y, or x with its enemy, can't be tested."""
    size, _, bad = draw(monotone())
    pair = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1))
    needs = draw(st.lists(pair, max_size=size))
    enemies = draw(st.lists(pair.filter(lambda p: p[0] != p[1]), max_size=3 if size > 1 else 0))

    def tested(subset: Subset) -> bool:
        held = set(subset)
        if len(held) == size:
            return True
        apart = all(y in held for x, y in needs if x in held)
        return bad(subset) and apart and not any({x, y} <= held for x, y in enemies)

    return size, tested


@st.composite
def arbitrary(draw: st.DrawFn) -> tuple[int, Bad]:
    """Any subset may be bad, whatever it holds; the whole is."""
    size = draw(st.integers(1, 12))
    share, random = draw(st.floats(0, 0.9)), draw(st.randoms(use_true_random=False))
    known: dict[Subset, bool] = {tuple(range(size)): True}

    def bad(subset: Subset) -> bool:
        return known.setdefault(subset, random.random() < share)

    return size, bad


def check(size: int, bad: Bad, at_once: int) -> Subset:
    """What holds for every predicate."""
    found, tests = run(size, bad, at_once)
    assert is_one_minimal(found, bad)
    assert found == tuple(sorted(found))
    assert len(set(tests.handed_out)) == len(tests.handed_out)
    assert () not in tests.handed_out
    assert len(tests.handed_out) <= size**2 + 3 * size
    return found


@settings(max_examples=1000)
@given(monotone(), st.integers(1, 5))
def test_of_culprits_that_add_up_exactly_one_set_is_found(
    known: tuple[int, list[set[int]], Bad], at_once: int
) -> None:
    size, culprits, bad = known
    found = check(size, bad, at_once)
    assert set(found) in culprits


@settings(max_examples=1000)
@given(entangled(), st.integers(1, 5))
def test_what_is_found_is_minimal_where_changes_depend_on_each_other(
    known: tuple[int, Bad], at_once: int
) -> None:
    check(*known, at_once)


@settings(max_examples=1000)
@given(arbitrary(), st.integers(1, 5))
def test_what_is_found_is_minimal_whatever_is_bad(known: tuple[int, Bad], at_once: int) -> None:
    check(*known, at_once)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_predicate_there_is(size: int) -> None:
    """All ways in which subsets of up to three changes can be bad."""
    inner = inner_subsets(size)
    for number in range(2 ** len(inner)):
        bad = {s for place, s in enumerate(inner) if number >> place & 1} | {tuple(range(size))}
        for at_once in (1, 2, 3):
            check(size, bad.__contains__, at_once)


@settings(max_examples=500)
@given(entangled(), st.integers(1, 5), st.data())
def test_the_answer_depends_on_no_timing(
    known: tuple[int, Bad], at_once: int, data: st.DataObject
) -> None:
    """Side by side, ended in any order, those behind a bad one stopped: the same answer."""
    size, bad = known

    def side_by_side(subsets: Sequence[Subset]) -> int | None:
        first = len(subsets)
        for position in data.draw(st.permutations(range(len(subsets)))):
            if position < first and bad(subsets[position]):
                first = position
        return first if first < len(subsets) else None

    assert ddmin(range(size), side_by_side, at_once=at_once) == run(size, bad, at_once)[0]


@pytest.mark.parametrize(
    ("number", "mean", "most"), [(1, 5.9, 6), (2, 12.2, 13)], ids=["one", "two together"]
)
def test_how_many_tests_it_takes_among_thirty(number: int, mean: float, most: int) -> None:
    """Wherever the culprits are: halving alone would take log2 30 = 4.9 for each."""
    made = []
    for culprits in itertools.combinations(range(30), number):
        found, tests = run(30, set(culprits).issubset)
        assert found == culprits
        made.append(tests.made)
    assert sum(made) / len(made) <= mean
    assert max(made) == most


@pytest.mark.parametrize(("at_once", "rounds"), [(1, 6), (2, 5), (4, 4)])
def test_more_at_once_takes_fewer_rounds(at_once: int, rounds: int) -> None:
    """Rounds of one culprit among thirty, the last of which tests it alone."""
    most = 0
    for culprit in range(30):
        asked: list[int] = []
        tests = Worker(lambda subset, culprit=culprit: culprit in subset)  # type: ignore[misc]  # a default binds it

        def counted(
            subsets: Sequence[Subset], tests: Worker = tests, asked: list[int] = asked
        ) -> int | None:
            asked.append(len(subsets))
            return tests(subsets)

        assert ddmin(range(30), counted, at_once=at_once) == (culprit,)
        assert max(asked) <= at_once
        most = max(most, len(asked))
    assert most == rounds


@pytest.mark.parametrize("culprit", range(10))
@pytest.mark.parametrize("first", range(9))
def test_changes_that_go_together_are_not_blamed_for_another(culprit: int, first: int) -> None:
    """Neighbours that can only be tested together do nothing; halving often cuts between them."""
    together = {first, first + 1}

    def bad(subset: Subset) -> bool:
        return culprit in subset and len(together & set(subset)) != 1

    found, _ = run(10, bad)
    assert set(found) == {culprit} | (together if culprit in together else set())


def test_changes_are_handed_out_and_returned_as_they_are_and_in_their_order() -> None:
    changes = [["spam"], ["eggs"], ["ham"]]
    handed_out: list[tuple[list[str], ...]] = []

    def first_bad(subsets: Sequence[tuple[list[str], ...]]) -> int | None:
        handed_out.extend(subsets)
        return next((n for n, s in enumerate(subsets) if ["ham"] in s and ["spam"] in s), None)

    assert ddmin(changes, first_bad) == (["spam"], ["ham"])
    assert all(sorted(subset, key=changes.index) == list(subset) for subset in handed_out)


def test_a_single_change_needs_no_test() -> None:
    found, tests = run(1, lambda _: True)
    assert found == (0,)
    assert tests.handed_out == []


def test_of_no_changes_none_is_to_blame() -> None:
    assert run(0, lambda _: True)[0] == ()
