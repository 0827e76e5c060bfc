"""When two failures are one: what varies is no difference, and being the same is an equivalence."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisector.model import Signature
from bisector.search.sameness import alike, classes, plain

signatures = st.builds(
    Signature,
    exception=st.sampled_from(["", "KeyError", "AssertionError", "ImportError"]),
    message=st.sampled_from(["", "row 7", "row 12", "column 7"]),
    frame=st.sampled_from(["", "spam.py:fry", "spam.py:boil"]),
    status=st.sampled_from([1, 2]),
    signal=st.sampled_from(["", "SIGSEGV"]),
    line=st.sampled_from(["", "check.py:3", "check.py:7"]),
)


@settings(max_examples=500)
@given(st.lists(signatures, max_size=9))
def test_being_the_same_is_an_equivalence_and_the_smallest_one(listed: list[Signature]) -> None:
    """The oracle joins pairs until nothing changes: no more and no less is one failure."""
    found = classes(listed)
    lined = all(one.line for one in listed if one.exception == "AssertionError")
    groups = [{one} for one in dict.fromkeys(listed)]
    while joined := next(
        (
            (one, other)
            for one, other in combinations(groups, 2)
            if any(_share(a, b, lined) for a in one for b in other)
        ),
        None,
    ):
        one, other = joined
        groups.remove(other)
        one |= other
    for group in groups:
        assert len({found[member] for member in group}) == 1
    assert len(set(found.values())) == len(groups)
    assert list(dict.fromkeys(found.values())) == list(range(len(groups)))


def _share(one: Signature, other: Signature, lined: bool) -> bool:
    """Say of two failures whether they are one, by the rules as people put them."""
    if (one.exception, one.status, one.signal) != (other.exception, other.status, other.signal):
        return False
    if one == other or (one.line and one.line == other.line):
        return True
    if one.exception == "AssertionError" and lined:
        return False
    if one.frame and one.frame == other.frame:
        return True
    said = [each.message.partition(" ")[0] for each in (one, other)]
    nothing_else = [not (each.line or each.frame) or bool(each.signal) for each in (one, other)]
    return said[0] == said[1] and (said[0] != "" or all(nothing_else))


@given(st.lists(signatures, max_size=8), st.randoms(use_true_random=False))
def test_no_order_of_the_runs_makes_another_failure(
    listed: list[Signature], random: object
) -> None:
    shuffled = list(listed)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives it no type
    one, other = classes(listed), classes(shuffled)
    for a, b in combinations(listed, 2):
        assert (one[a] == one[b]) == (other[a] == other[b])


VARIANTS = [
    ("3 of 40 eggs", "12 of 5 eggs"),
    ("<spam.Egg object at 0x7f1c>", "<spam.Egg object at 0xbeef01>"),
    ("can't connect to 127.0.0.1:41873", "can't connect to 127.0.0.1:80"),
    ("no file /tmp/run-1/eggs.txt", "no file ./eggs.txt"),
    ("no file C:\\eggs\\1.txt", "no file {run}/tmp/a-b.txt"),
    ("spam 1.4.2 is too old", "spam 22.1b1 is too old"),
    ("stale since 2024-01-02T10:11:12.5Z", "stale since 2025-11-30T01:02:03Z"),
    ("digest 9f86d081884c7d659a2f", "digest 0a0b0c0d0e0f"),
    ("commit 1b4e28ba-2fa1-11d2-883f-0016d3cca427", "commit 6fa459ea-ee8a-3ca4-894e-db77e160355e"),
    ("got 'stale'", "got 'a much longer text, it isn\\'t fresh'"),
    ('got "stale"', "got 'fresh'"),
    ("spam.core.Schema.fry() failed", "eggs.Schema.fry() failed"),
    ("{1, 2, 3} is no menu", "{3, 1, 2} is no menu"),
    ("{ham: {b: x, a: y}, eggs: z}", "{eggs: z, ham: {a: y, b: x}}"),
    ("see https://example.org/a?b=1", "see http://localhost:8080/"),
    ("took 1.5e-05 s", "took 3 s"),
]


@pytest.mark.parametrize(("one", "other"), VARIANTS)
def test_what_varies_in_a_message_is_no_difference(one: str, other: str) -> None:
    assert plain(one) == plain(other)
    assert alike(Signature("ValueError", one), Signature("ValueError", other))


@pytest.mark.parametrize(
    ("exception", "one", "other", "same"),
    [
        ("ImportError", "No module named 'ham'", "No module named 'eggs'", False),
        ("ImportError", "No module named 'spam.ham'", "No module named 'ham'", True),
        ("AttributeError", "'Egg' object has no attribute 'fry'", "has no attribute 'fry'", False),
        (
            "TypeError",
            "Pan.__init__() got an unexpected keyword argument 'hot'",
            "spam.Pan.__init__() got an unexpected keyword argument 'hot'",
            True,
        ),
        (
            "TypeError",
            "Pan.__init__() got an unexpected keyword argument 'hot'",
            "Pan.__init__() got an unexpected keyword argument 'cold'",
            False,
        ),
        ("ValueError", "invalid literal: 'x'", "invalid literal: 'y'", True),
        ("ValueError", "invalid literal", "invalid letter", False),
    ],
)
def test_a_name_in_quotes_counts_where_it_is_what_is_wrong(
    exception: str, one: str, other: str, same: bool
) -> None:
    assert alike(Signature(exception, one), Signature(exception, other)) is same


@settings(max_examples=500)
@given(st.text(max_size=60) | st.text("{}'\"`,:0xabc /\\.~", max_size=60))
def test_whatever_a_message_is_it_is_made_plain_and_stays_so(message: str) -> None:
    once = plain(message)
    assert plain(message) == once
    assert alike(Signature("E", message, line="a.py:1"), Signature("E", "", line="a.py:1"))


HERE = Signature("TypeError", "Base.__init__() got 'strict'", "", 1, line="check.py:5")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (replace(HERE, message="Schema.__new__() wants 3", frame="spam.py:fry"), True),
        (replace(HERE, line="check.py:6"), True),
        (replace(HERE, line="check.py:6", message="'int' is not callable"), False),
        (replace(HERE, exception="ValueError"), False),
        (replace(HERE, status=2), False),
    ],
)
def test_the_same_line_of_the_callers_own_is_one_failure_whatever_it_says(
    other: Signature, same: bool
) -> None:
    assert alike(HERE, other) is same


def test_an_assertion_is_known_by_its_line() -> None:
    """Two that compare texts say the same but for the texts; what was stored without lines too."""
    first = Signature("AssertionError", "assert 'a' == 'b'", "", 1, line="test_spam.py:4")
    second = replace(first, line="test_spam.py:9")
    assert not alike(first, second)
    assert alike(first, replace(first, message="assert 1 < 2"))
    old = replace(first, line="")
    assert alike(first, old)
    assert len(set(classes([first, second, old]).values())) == 1


def test_a_module_that_is_not_there_is_one_way_not_to_be_imported() -> None:
    here = Signature("ImportError", "cannot import name 'a' from 'spam'", line="check.py:1")
    gone = Signature("ModuleNotFoundError", "No module named 'spam.a'", line="check.py:1")
    assert alike(here, gone)
