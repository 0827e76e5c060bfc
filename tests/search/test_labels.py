"""The search over several failures, against a brute-force oracle and against two outcomes."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from bisector.model import Outcome
from bisector.search.observed import Boundary, Seen, boundaries, gaps, verdicts
from bisector.search.stages import Question, Stage, want

G, B, U = Outcome.GOOD, Outcome.BAD, Outcome.UNTESTABLE
Truth = Sequence[Hashable]

truths = st.lists(st.sampled_from([G, U, "hangs", "KeyError", "OSError"]), min_size=1, max_size=60)


@st.composite
def stretches(draw: st.DrawFn) -> Truth:
    """Stretches that say the same, some of it untestable: as histories are."""
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=7))
    labels = [draw(st.sampled_from([G, "hangs", "KeyError", "OSError"])) for _ in lengths]
    truth = [label for label, length in zip(labels, lengths) for _ in range(length)]
    holes = draw(st.sets(st.integers(0, len(truth) - 1), max_size=len(truth) // 3))
    return [U if position in holes else label for position, label in enumerate(truth)]


def asked(
    truth: Truth, question: Question, *, assure: bool = False
) -> tuple[dict[int, list[Hashable]], list[int]]:
    """Drive the search as the loop would; return what was observed, and in which order."""
    observed: dict[int, list[Hashable]] = {}
    order: list[int] = []
    while (wanted := want(question, observed)) and (assure or wanted.stage is not Stage.ASSURE):
        observed.setdefault(wanted.position, []).append(truth[wanted.position])
        order.append(wanted.position)
        assert len(order) <= 4 * len(truth) + 8, "the search doesn't end"
    return observed, order


def changes_of(truth: Truth) -> set[tuple[int, int]]:
    """The oracle: every change of label between neighbouring decided positions."""
    decided = [position for position, label in enumerate(truth) if label is not U]
    return {
        (one, other) for one, other in itertools.pairwise(decided) if truth[one] != truth[other]
    }


def unseen(seen: Sequence[Seen], change: tuple[int, int]) -> bool:
    """Return whether a change lies in a stretch between neighbours that are decided and agree."""
    return any(
        before <= change[0] and change[1] <= after
        for before, after in gaps(seen)
        if (before, after) != change
    )


@settings(max_examples=400)
@given(truths | stretches(), st.data())
def test_every_change_is_reported_or_lies_in_a_stretch_said_to_be_untested(
    truth: Truth, data: st.DataObject
) -> None:
    """And what is reported is a change, with nothing between that could be tested."""
    witnesses = data.draw(st.sets(st.integers(0, len(truth) - 1), max_size=3))
    observed, _ = asked(truth, Question(len(truth), witnesses=tuple(sorted(witnesses))))
    seen = verdicts(len(truth), observed)
    found = {(b.before, b.after) for b in boundaries(len(truth), observed)}
    assert found <= changes_of(truth)
    for change in changes_of(truth) - found:
        assert unseen(seen, change)
        inside = range(change[0], change[1] + 1)
        assert any(position not in observed for position in inside)
    for before, after in found:
        assert all(position in observed for position in range(before, after + 1))
        assert all(len(observed[side]) == 2 for side in (before, after))


@settings(max_examples=300)
@given(truths | stretches())
def test_exhaustive_finds_every_change(truth: Truth) -> None:
    observed, _ = asked(truth, Question(len(truth), exhaustive=True))
    found = {(b.before, b.after) for b in boundaries(len(truth), observed)}
    assert found == changes_of(truth)


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from([G, B, U]), min_size=1, max_size=60),
    st.sets(st.integers(0, 59), max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_with_one_failure_it_asks_for_what_it_asks_for_of_two_outcomes(
    outcomes: list[Outcome], named: set[int], exhaustive: bool, assure: bool
) -> None:
    """The same positions in the same order, and the same changes, whatever it is called."""
    witnesses = tuple(position for position in sorted(named) if position < len(outcomes))
    question = Question(len(outcomes), witnesses=witnesses, exhaustive=exhaustive)
    labels = ["KeyError" if outcome is B else outcome for outcome in outcomes]
    one, plain = asked(outcomes, question, assure=assure)
    other, labelled = asked(labels, question, assure=assure)
    assert plain == labelled
    assert boundaries(len(outcomes), one) == boundaries(len(labels), other)


@settings(max_examples=60)
@given(st.integers(1, 200), st.integers(1, 100))
def test_what_is_not_there_yet_is_halved_and_not_walked(missing: int, good: int) -> None:
    """It costs a logarithm, and then the search goes on: it is no regression."""
    truth: Truth = ["not yet"] * missing + [G] * good
    observed, order = asked(truth, Question(len(truth)))
    assert boundaries(len(truth), observed) == (
        Boundary(boundaries(len(truth), observed)[0].kind, missing - 1, missing),
    )
    assert len(order) <= 4 + len(truth).bit_length()
    aside = Question(len(truth), aside=frozenset({"not yet"}))
    searched, _ = asked(truth, aside)
    assert set(range(missing, len(truth))) <= set(searched)
    assert len([p for p in searched if p < missing]) <= 2 + missing
