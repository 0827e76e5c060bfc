"""What changed between two sets of pins, and the sets that lie between the two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisector.errors import UsageError
from bisector.finding import Change
from bisector.search.blame.pins import Mix, changes, mixed

OLD = ("eggs==1.0", "ham==2.0", "toast==1.0")
NEW = ("beans==3.0", "eggs==1.0", "ham==2.1")
BEANS = Change("beans", None, "3.0")
HAM = Change("ham", "2.0", "2.1")
TOAST = Change("toast", "1.0", None)

versions = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["1", "2", "3"]))


def pinned(held: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}=={version}" for name, version in sorted(held.items()))


def test_what_changed_is_sorted_by_name() -> None:
    assert changes(OLD, NEW) == (BEANS, HAM, TOAST)
    assert changes(NEW, OLD) == (
        Change("beans", "3.0", None),
        Change("ham", "2.1", "2.0"),
        Change("toast", None, "1.0"),
    )


def test_one_version_written_in_two_ways_is_no_change() -> None:
    assert changes(("Ham==1.0", "zope.interface==7"), ("ham==1.0.0", "zope-interface==7.0")) == ()


def test_what_is_the_same_may_be_any_requirement() -> None:
    same = ("eggs @ https://index.example/eggs-1.0.tar.gz", "toast<2")
    assert changes((*same, "ham==1"), (*same, "ham==2")) == (Change("ham", "1", "2"),)
    assert mixed((*same, "ham==1"), (), ()).requirements == (same[0], "ham==1", same[1])


@pytest.mark.parametrize(
    "text", ["ham", "ham<2", "ham==1.*", "ham==1,<2", "ham===1", "ham @ https://index.example/x"]
)
def test_what_is_no_version_cannot_change(text: str) -> None:
    for old, new in (((text,), ("ham==2",)), (("ham==2",), (text,)), ((text,), ())):
        with pytest.raises(UsageError) as caught:
            changes(old, new)
        assert (
            caught.value.message == f"{text} is no release of ham, and can't be told from another"
        )
        assert caught.value.hint == "pin every package that changed to a version, like 'eggs==2.0'"


def test_what_is_no_requirement_is_told() -> None:
    with pytest.raises(UsageError) as caught:
        changes(("ham=1",), ())
    assert caught.value.message == (
        "'ham=1' is not a requirement: "
        "Expected semicolon (after name with no version specifier) or end"
    )
    assert caught.value.hint == "write it like 'eggs==2.0'"


def test_two_pins_of_one_name_are_told() -> None:
    with pytest.raises(UsageError) as caught:
        changes(("ham==1", "Ham==2"), ())
    assert caught.value.message == "ham==1 contradicts ham==2"


@pytest.mark.parametrize(
    ("applied", "mix"),
    [
        ((), Mix(OLD, ("beans==3.0",))),
        ((HAM,), Mix(("eggs==1.0", "ham==2.1", "toast==1.0"), ("beans==3.0",))),
        ((BEANS,), Mix(("beans==3.0", *OLD))),
        ((TOAST,), Mix(("eggs==1.0", "ham==2.0"), ("beans==3.0", "toast==1.0"))),
        ((BEANS, HAM, TOAST), Mix(NEW, ("toast==1.0",))),
    ],
    ids=["none", "other", "added", "removed", "all"],
)
def test_a_mix_holds_also_what_only_a_dependency_may_bring(
    applied: tuple[Change, ...], mix: Mix
) -> None:
    assert mixed(OLD, changes(OLD, NEW), applied) == mix


@given(versions, versions, st.data())
def test_every_name_is_held_once_at_a_version_of_one_of_the_two(
    old: dict[str, str], new: dict[str, str], data: st.DataObject
) -> None:
    among = changes(pinned(old), pinned(new))
    applied = data.draw(st.sets(st.sampled_from(among))) if among else set()
    mix = mixed(pinned(old), among, applied)
    held = [*mix.requirements, *mix.constraints]
    assert sorted(text.partition("==")[0] for text in held) == sorted({*old, *new})
    assert set(held) <= {*pinned(old), *pinned(new)}
    assert mixed(pinned(old), among, among).requirements == pinned(new)
    assert mixed(pinned(old), among, ()).requirements == pinned(old)
