"""Whose fault a transition is, against truth tables that say it of every combination."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import combinations, product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from bisector.errors import UndecidedError
from bisector.finding import (
    Blame,
    Cause,
    Cell,
    Change,
    Culprit,
    Finding,
    Kind,
    Transition,
)
from bisector.model import (
    Conditions,
    Distribution,
    Interpreter,
    Measurement,
    Outcome,
    Plan,
    Policy,
    Probe,
    Release,
)
from bisector.search.blame.attribution import attribute, attribute_days
from bisector.search.blame.narrowing import Laboratory
from bisector.search.candidates import Trial

G, B, U = Outcome.GOOD, Outcome.BAD, Outcome.UNTESTABLE
DAY = datetime(2024, 1, 1, tzinfo=timezone.utc)
BEFORE, AFTER = "1.4", "1.5"
NAMES = ("eggs", "ham", "toast")
Set = tuple[int, int, int]
"""The version of each of NAMES: 1 or 2."""

Truth = Mapping[tuple[str, Set], Outcome]
"""What each release of spam comes out at with each set."""

SETS: list[Set] = list(product((1, 2), (1, 2), (1, 2)))


def pins(versions: Set) -> tuple[str, ...]:
    return tuple(f"{name}=={version}" for name, version in zip(NAMES, versions))


def changed(old: Set, new: Set) -> list[str]:
    return [name for name, a, b in zip(NAMES, old, new) if a != b]


def mixture(old: Set, new: Set, applied: Sequence[str]) -> Set:
    first, second, third = (b if name in applied else a for name, a, b in zip(NAMES, old, new))
    return first, second, third


@dataclass
class World:
    """A laboratory that knows the truth, and what its releases had in their own time."""

    truth: Truth
    own: Mapping[str, Set] = field(default_factory=dict)
    jobs: int = 1
    unsearchable: str = ""
    asked: list[Trial] = field(default_factory=list)
    searched: list[tuple[Probe, Conditions, Change]] = field(default_factory=list)

    def measure(self, trials: Sequence[Trial], about: str) -> list[Measurement]:
        assert about
        return [self._run(trial) for trial in trials]

    def known(self, trial: Trial) -> Measurement | None:
        return self._run(trial) if trial in self.asked else None

    def first(self, trials: Sequence[Trial], outcome: Outcome) -> int | None:
        assert all(trial.label for trial in trials)
        found = [self._run(trial).outcome is outcome for trial in trials]
        return found.index(True) if True in found else None

    def history(
        self, subject: Probe, conditions: Conditions, change: Change
    ) -> tuple[Transition, ...]:
        self.searched.append((subject, conditions, change))
        if self.unsearchable:
            raise UndecidedError(self.unsearchable)
        return (step(change),)

    def _run(self, trial: Trial) -> Measurement:
        self.asked.append(trial)
        version = str(trial.release.version)
        held = trial.conditions
        if held.policy is Policy.RELEASED:
            assert (held.constraints, held.wheels, held.resolved) == ((), {}, "")
            versions = self.own[version]
        else:
            assert held.policy is Policy.EXACT
            told = {pin.partition("==")[0]: int(pin[-1]) for pin in held.constraints}
            versions = (told["eggs"], told["ham"], told["toast"])
        return measured(version, self.truth[version, versions], versions)


def step(change: Change) -> Transition:
    ends = Version(str(change.before)), Version(str(change.after))
    return Transition(Kind.INTRODUCED, *ends)


def measured(version: str, outcome: Outcome, versions: Set | None) -> Measurement:
    beside = [] if versions is None else [d.split("==") for d in pins(versions)]
    installed = [("spam", version), *((name, number) for name, number in beside)]
    return Measurement(
        Version(version),
        outcome,
        detail=f"it is {outcome.value}",
        installed=tuple(Distribution(name, number) for name, number in sorted(installed)),
    )


def finding(
    was: Outcome,
    beside: tuple[Set | None, Set | None],
    policy: Policy = Policy.NEWEST,
    *,
    dated: bool = True,
    parting: bool = False,
) -> Finding:
    """Return a finding of one transition, from spam 1.4, which was so, to spam 1.5."""
    now = B if was is G else G
    time = DAY if dated else None
    return Finding(
        probe=Probe("check", "spam", reports=False),
        plan=Plan(tuple(Release(Version(v), (), upload_time=time) for v in (BEFORE, AFTER))),
        conditions=Conditions(
            Interpreter("python", "3.11.7", "cpython", "linux", ()),
            policy,
            constraints=("eggs==2",),
            resolved="2024-05-01T00:00:00Z",
            wheels={"eggs-2-py3-none-any.whl": "ab"},
        ),
        measurements=(measured(BEFORE, was, beside[0]), measured(AFTER, now, beside[1])),
        transitions=(
            Transition(
                Kind.INTRODUCED if was is G else Kind.FIXED,
                Version(BEFORE),
                Version(AFTER),
                parting=parting,
            ),
        ),
    )


def cause(found: Finding, world: Laboratory) -> Cause:
    told = attribute(found, world).transitions[0].cause
    assert told is not None
    return told


def minimal(
    told: Cause, target: Outcome, old: Set, new: Set, outcome: Callable[[Set], Outcome]
) -> None:
    """Hold the culprits against the truth: with them it comes out so, and without any it doesn't.

    Where a release must first be shown to come out otherwise without any change, and it doesn't,
    nothing is named.
    """
    named = [culprit.change.name for culprit in told.culprits]
    if outcome(old) is U:
        assert (named, told.why) == ([], "it didn't come out again with the very same versions")
        return
    assert outcome(mixture(old, new, named)) is target
    assert set(named) <= set(changed(old, new))
    for fewer in combinations(named, len(named) - 1):
        assert outcome(mixture(old, new, fewer)) is not target
    place = {name: n for n, name in enumerate(NAMES)}
    assert list(told.culprits) == [
        Culprit(change, (step(change),))
        for change in (Change(name, str(old[place[name]]), str(new[place[name]])) for name in named)
    ]


truths: st.SearchStrategy[dict[tuple[str, Set], Outcome]] = st.fixed_dictionaries(
    {
        (version, versions): st.sampled_from([G, G, B, B, U])
        for version in (BEFORE, AFTER)
        for versions in SETS
    }
)
sets = st.sampled_from(SETS)


@settings(max_examples=400)
@given(truths, st.sampled_from([G, B]), sets, sets, sets, st.integers(1, 3))
def test_with_held_dependencies_it_is_the_packages_where_it_stands_with_those_of_its_time(
    truth: dict[tuple[str, Set], Outcome], was: Outcome, held: Set, old: Set, new: Set, jobs: int
) -> None:
    now = B if was is G else G
    truth |= {(BEFORE, held): was, (AFTER, held): now}
    world = World(truth, {BEFORE: old, AFTER: new}, jobs)
    told = cause(finding(was, (held, held)), world)
    then = truth[BEFORE, old], truth[AFTER, new]
    if was is B:
        assert told.cells == (
            Cell(Version(BEFORE), "of its own time", then[0], f"it is {then[0].value}"),
        )
        if then[0] is G:
            assert told.blame is Blame.INCOMPATIBLE
            minimal(told, B, old, held, lambda versions: truth[BEFORE, versions])
        elif then[0] is U:
            assert told.blame is Blame.UNDECIDED
            assert "can't be tested" in told.why
        else:
            assert told == Cause(Blame.PACKAGE, told.cells)
        return
    assert told.cells == (
        Cell(Version(BEFORE), "of its own time", then[0], f"it is {then[0].value}"),
        Cell(Version(AFTER), "of its own time", then[1], f"it is {then[1].value}"),
    )
    if U in then:
        side = BEFORE if then[0] is U else AFTER
        why = f"with dependencies of its own time, {side} can't be tested (it is untestable)"
        assert (told.blame, told.why, told.culprits) == (Blame.UNDECIDED, why, ())
    elif then == (was, now):
        assert told == Cause(Blame.PACKAGE, told.cells)
    else:
        assert told.blame is Blame.DEPENDENCY
        release, target, own = (BEFORE, was, old) if then[0] is not was else (AFTER, now, new)
        minimal(told, target, own, held, lambda versions: truth[release, versions])


@settings(max_examples=400)
@given(truths, st.sampled_from([G, B]), sets, sets, st.integers(1, 3))
def test_with_dependencies_of_each_releases_time_the_two_are_crossed(
    truth: dict[tuple[str, Set], Outcome], was: Outcome, old: Set, new: Set, jobs: int
) -> None:
    """The table: which of both, brought to the other's side alone, makes it come out as now."""
    assume(old != new)
    now = B if was is G else G
    truth |= {(BEFORE, old): was, (AFTER, new): now}
    told = cause(finding(was, (old, new), Policy.RELEASED), World(truth, jobs=jobs))
    by_dependencies, by_package = truth[BEFORE, new], truth[AFTER, old]
    assert told.cells == (
        Cell(Version(BEFORE), f"of {AFTER}", by_dependencies, f"it is {by_dependencies.value}"),
        Cell(Version(AFTER), f"of {BEFORE}", by_package, f"it is {by_package.value}"),
    )
    expected = {
        (True, True): Blame.EITHER,
        (True, False): Blame.DEPENDENCY,
        (False, True): Blame.PACKAGE,
        (False, False): Blame.UNDECIDED if U in (by_dependencies, by_package) else Blame.TOGETHER,
    }
    assert told.blame is expected[by_dependencies is now, by_package is now]
    if told.blame is Blame.UNDECIDED:
        side, other = (BEFORE, AFTER) if by_dependencies is U else (AFTER, BEFORE)
        assert told.why == f"{side} can't be tested with the dependencies of {other}"
    if told.blame in (Blame.DEPENDENCY, Blame.TOGETHER):
        release = BEFORE if told.blame is Blame.DEPENDENCY else AFTER
        minimal(told, now, old, new, lambda versions: truth[release, versions])
    else:
        assert told.culprits == ()


@settings(max_examples=200)
@given(truths, st.sampled_from([G, B]), sets, sets)
def test_of_days_it_is_what_changed_between_them(
    truth: dict[tuple[str, Set], Outcome], was: Outcome, old: Set, new: Set
) -> None:
    """The release is the same on both days, and only its dependencies can have done it."""
    assume(old != new)
    now = B if was is G else G
    held = Release(Version("1.5"), (), upload_time=DAY)
    truth |= {(AFTER, old): was, (AFTER, new): now}
    found = attribute_days(finding(was, (old, new), Policy.EACH_DAY), held, World(truth))
    told = found.transitions[0].cause
    assert told is not None
    assert (told.blame, told.cells) == (Blame.DEPENDENCY, ())
    minimal(told, now, old, new, lambda versions: truth[AFTER, versions])


def everywhere(good: Callable[[str, Set], bool]) -> dict[tuple[str, Set], Outcome]:
    return {
        (version, versions): G if good(version, versions) else B
        for version in (BEFORE, AFTER)
        for versions in SETS
    }


def test_the_releases_of_a_culprit_are_searched_with_all_others_held() -> None:
    """Spam is one of the others then: at its version, and no longer what varies."""
    truth = everywhere(lambda _version, versions: versions[1] == 1)
    world = World(truth, {BEFORE: (1, 1, 1), AFTER: (1, 1, 1)})
    truth[AFTER, (2, 2, 2)] = G
    told = cause(finding(B, ((2, 2, 2), (2, 2, 2))), world)
    assert [culprit.change for culprit in told.culprits] == [Change("ham", "1", "2")]
    ((subject, conditions, change),) = world.searched
    assert (subject.package, change.name) == ("ham", "ham")
    assert (conditions.policy, conditions.constraints) == (
        Policy.EXACT,
        ("eggs==1", "toast==1"),
    )
    assert conditions.requirements == ("spam==1.4",)


def test_a_culprit_whose_releases_cannot_be_searched_says_why() -> None:
    truth = everywhere(lambda _version, versions: versions[1] == 1)
    world = World(truth, unsearchable="2 of ham can't be searched")
    told = cause(finding(G, ((1, 1, 1), (1, 2, 1)), Policy.RELEASED), world)
    assert told.culprits == (Culprit(Change("ham", "1", "2"), (), "2 of ham can't be searched"),)


@pytest.mark.parametrize("policy", [Policy.NEWEST, Policy.RELEASED, Policy.FILE])
def test_what_has_nothing_beside_it_is_its_own_without_a_measurement(policy: Policy) -> None:
    world = World({})
    assert cause(finding(G, (None, None), policy), world) == Cause(Blame.PACKAGE)
    assert world.asked == []


def test_between_lines_that_part_nothing_changed_and_nobody_is_to_blame() -> None:
    world = World({})
    found = attribute(finding(G, ((1, 1, 1), (2, 1, 1)), parting=True), world)
    assert found.transitions[0].cause is None
    assert world.asked == []


@settings(max_examples=300)
@given(truths, sets, sets, sets, sets)
def test_what_made_a_release_bad_is_told_from_what_mended_it(
    truth: dict[tuple[str, Set], Outcome], held: Set, other: Set, old: Set, new: Set
) -> None:
    """The package did where its good side has the very versions that made the other side bad."""
    assume(held not in (other, old))
    truth |= {(BEFORE, held): B, (AFTER, other): G, (BEFORE, old): G, (AFTER, new): G}
    told = cause(finding(B, (held, other)), World(truth, {BEFORE: old, AFTER: new}))
    named = [culprit.change.name for culprit in told.culprits]
    lives = named and all(held[NAMES.index(n)] == other[NAMES.index(n)] for n in named)
    assert told.blame is (Blame.INCOMPATIBLE if lives else Blame.DEPENDENCY)
    minimal(told, B, old, held, lambda versions: truth[BEFORE, versions])


def test_without_upload_times_what_differs_beside_is_crossed_all_the_same() -> None:
    """What is the same on both sides leaves it undecided: only its own time could tell."""
    truth = everywhere(lambda version, _versions: version == BEFORE)
    told = cause(finding(G, ((1, 1, 1), (2, 1, 1)), dated=False), World(truth))
    assert told.blame is Blame.PACKAGE
    alike = cause(finding(G, ((1, 1, 1), (1, 1, 1)), dated=False), World(truth))
    why = "the index doesn't say when 1.4 was uploaded"
    assert alike == Cause(Blame.UNDECIDED, why=why)
