"""Which changes between two sets it takes, against worlds in which each mix has an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from bisector.environment.installers.interface import Resolution
from bisector.environment.installers.messages import InstallFailedError, NotCachedError
from bisector.environment.installers.uv import Uv
from bisector.errors import UndecidedError, UsageError
from bisector.finding import (
    Change,
    Comparison,
    Kind,
    Transition,
)
from bisector.model import Conditions, Interpreter, Measurement, Outcome, Probe
from bisector.search.blame.comparison import Comparing, Pinned
from bisector.search.blame.pins import Mix
from bisector.search.candidates import Trial
from bisector.session.conditions import complete

G, B, U = Outcome.GOOD, Outcome.BAD, Outcome.UNTESTABLE
HELD = Conditions(Interpreter("python", "3.11.7", "cpython", "linux", ()))
PROBE = Probe("check", "whatever", command=("python", "check.py"), reports=False)
NOON = "2026-01-02T12:00:00.000Z"
Set = Mapping[str, int]


def pins(versions: Set) -> tuple[str, ...]:
    return tuple(f"{name}=={version}" for name, version in sorted(versions.items()))


def read(requirements: Sequence[str]) -> dict[str, int]:
    return {name: int(version) for name, _, version in (p.partition("==") for p in requirements)}


@dataclass
class World:
    """A laboratory in which each set that is installed has an outcome, drawn once.

    It is interrupted after as many runs and searches as are ``left``, if it is at all.
    """

    random: Random
    jobs: int = 1
    truth: dict[tuple[str, ...], Outcome] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    searched: list[tuple[Probe, Conditions, Change]] = field(default_factory=list)
    left: int | None = None

    def outcome(self, versions: Set) -> Outcome:
        return self.truth.setdefault(pins(versions), self.random.choice([G, G, B, B, U]))

    def measure(self, trials: Sequence[Trial], about: str) -> list[Measurement]:
        assert about
        return [self._run(trial) for trial in trials]

    def known(self, trial: Trial) -> Measurement | None:
        alike = (replace(one, label="") for one in self.trials)
        return self._outcome(trial) if replace(trial, label="") in list(alike) else None

    def first(self, trials: Sequence[Trial], outcome: Outcome) -> int | None:
        found = [self._run(trial).outcome is outcome for trial in trials]
        return found.index(True) if True in found else None

    def history(
        self, subject: Probe, conditions: Conditions, change: Change
    ) -> tuple[Transition, ...]:
        """Return anything that a search might: what is made of it must be held against a trial."""
        self._spend()
        self.searched.append((subject, conditions, change))
        assert subject.package == change.name
        ends = sorted(map(int, (str(change.before), str(change.after))))
        found = [
            Transition(self.random.choice(list(Kind)), Version(str(n)), Version(str(n + 1)))
            for n in range(*ends)
            if self.random.random() < 0.5
        ]
        if self.random.random() < 0.2:
            raise UndecidedError("nothing can be searched")
        return tuple(found)

    def _run(self, trial: Trial) -> Measurement:
        self._spend()
        self.trials.append(trial)
        return self._outcome(trial)

    def _spend(self) -> None:
        if self.left == 0:
            raise KeyboardInterrupt
        if self.left is not None:
            self.left -= 1

    def _outcome(self, trial: Trial) -> Measurement:
        assert trial.probe.package == ""
        assert (trial.conditions.policy, trial.conditions.isolated) == ("exact", False)
        return Measurement(Version("0"), self.outcome(read(trial.conditions.requirements)))


sets = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 4), max_size=6)


def compare(world: World, old: Set, new: Set) -> Comparison:
    comparing = Comparing(
        PROBE, HELD, Pinned("old.txt", pins(old), {}), Pinned("new.txt", pins(new), {}), NOON
    )
    ends = comparing.ends(world)
    return comparing.narrowed(ends, world) if ends.differs else ends


def mixture(old: Set, applied: Sequence[Change]) -> dict[str, int]:
    """The old set with some changes applied."""
    mix = dict(old)
    for change in applied:
        mix.pop(change.name, None)
        if change.after is not None:
            mix[change.name] = int(change.after)
    return mix


@settings(max_examples=400)
@given(sets, sets, st.sampled_from([G, B]), st.integers(1, 3), st.integers(0, 2**32))
def test_what_is_named_makes_the_difference_and_nothing_less_does(
    old: dict[str, int], new: dict[str, int], was: Outcome, jobs: int, seed: int
) -> None:
    """Applied to the old set they lead to the new outcome; without any one of them they don't."""
    assume(old != new)
    now = B if was is G else G
    world = World(Random(seed), jobs, {pins(old): was, pins(new): now})
    found = compare(world, old, new)
    changed = {c.name: c for c in found.changes}
    assert changed == {
        name: Change(name, *(str(s[name]) if name in s else None for s in (old, new)))
        for name in {*old, *new}
        if old.get(name) != new.get(name)
    }
    assert [end.outcome for end in found.ends] == [was, now]
    needed = [culprit.change for culprit in found.culprits]
    assert needed

    assert world.outcome(mixture(old, needed)) is now
    for left_out in needed:
        assert world.outcome(mixture(old, [c for c in needed if c != left_out])) is not now
    for change in needed:
        # A smaller step of a change is one as well; it begins where the whole one does.
        whole = changed[change.name]
        assert change.before == whole.before
        assert change == whole or len(needed) == 1
    tried = {pins(read(trial.conditions.requirements)) for trial in world.trials}
    assert found.combinations >= len(tried)
    assert (found.untestable > 0) is any(world.truth[one] is U for one in tried)


@settings(max_examples=400)
@given(
    sets,
    sets,
    st.sampled_from([G, B]),
    st.integers(1, 3),
    st.integers(0, 2**32),
    st.integers(2, 25),
)
def test_an_interrupted_comparison_names_the_fewest_changes_that_it_knows_to_suffice(
    old: dict[str, int], new: dict[str, int], was: Outcome, jobs: int, seed: int, left: int
) -> None:
    """It is as far as an uninterrupted one was then: the same is found, or nothing yet."""
    assume(old != new)
    now = B if was is G else G
    ends = {pins(old): was, pins(new): now}
    whole = compare(World(Random(seed), jobs, dict(ends)), old, new)
    world = World(Random(seed), jobs, dict(ends), left=left)
    found = compare(world, old, new)
    assert (*found.ends, found.changes) == (*whole.ends, whole.changes)
    tried = [read(trial.conditions.requirements) for trial in world.trials]
    mixes = [(t.conditions.requirements, t.conditions.constraints) for t in world.trials]
    untestable = {mix for mix, one in zip(mixes, tried) if world.outcome(one) is U}
    assert found.untestable == len(untestable)
    if found.culprits:
        assert found.culprits == whole.culprits
        assert found.alternatives == whole.alternatives[: len(found.alternatives)]
        assert found.suspects == ()
        return
    assert found.alternatives == ()
    assert mixture(old, found.suspects) in tried
    assert world.outcome(mixture(old, found.suspects)) is now
    enough = [one for one in tried if world.outcome(one) is now]
    assert len(found.suspects) == min(
        sum(old.get(name) != one.get(name) for name in {*old, *one}) for one in enough
    )


class Stepped(World):
    """One in which each search finds that it went bad right after its first release.

    The second search of one project is interrupted.
    """

    def history(
        self, subject: Probe, conditions: Conditions, change: Change
    ) -> tuple[Transition, ...]:
        if any(subject.package == earlier.package for earlier, _, _ in self.searched):
            raise KeyboardInterrupt
        self.searched.append((subject, conditions, change))
        begins = Version(str(change.before))
        return (Transition(Kind.INTRODUCED, begins, Version(str(begins.major + 1))),)


def test_a_smaller_step_that_suffices_is_named_where_its_search_is_interrupted() -> None:
    """Ham 3 needs eggs 2, ham 2 doesn't: that is bad by itself, and the fewest there is."""
    outcomes = {(1, 1): G, (1, 2): G, (2, 1): B, (3, 1): U, (3, 2): B}
    truth = {pins({"eggs": eggs, "ham": ham}): one for (ham, eggs), one in outcomes.items()}
    found = compare(Stepped(Random(0), truth=truth), {"eggs": 1, "ham": 1}, {"eggs": 2, "ham": 3})
    assert found.culprits == ()
    assert found.suspects == (Change("ham", "1", "2"),)


def test_two_sets_alike_in_outcome_are_not_narrowed() -> None:
    world = World(Random(0), truth={("a==1",): G, ("a==2",): G})
    found = compare(world, {"a": 1}, {"a": 2})
    assert (found.differs, found.culprits, len(world.trials)) == (False, (), 2)


def test_the_releases_of_a_culprit_are_searched_beside_what_else_it_takes() -> None:
    """With the wheels of what is installed, and of nothing else."""
    wheels = {f"{name}-{n}-py3-none-any.whl": f"{name}{n}" for name in "abc" for n in (1, 2)}
    truth = {
        pins({"a": a, "b": b, "c": c}): B if (a, b) == (2, 2) else G
        for a in (1, 2)
        for b in (1, 2)
        for c in (1, 2)
    }
    world = World(Random(3), truth=truth)
    sets = [{"a": n, "b": n, "c": n} for n in (1, 2)]
    old, new = (Pinned(str(n), pins(one), wheels) for n, one in enumerate(sets))
    comparing = Comparing(PROBE, HELD, old, new, NOON)
    found = comparing.narrowed(comparing.ends(world), world)
    assert [culprit.change.name for culprit in found.culprits] == ["a", "b"]
    subject, conditions, change = world.searched[-1]
    assert (subject.package, change) == ("b", Change("b", "1", "2"))
    assert (conditions.requirements, conditions.constraints) == (("a==2", "c==1"), ())
    assert dict(conditions.wheels) == {
        "a-2-py3-none-any.whl": "a2",
        "c-1-py3-none-any.whl": "c1",
    }


def test_what_is_not_added_yet_is_held_where_another_brings_it() -> None:
    """Ham needs jam from 2 on: while jam isn't added by itself, it is the one it would be."""
    comparing = Comparing(
        PROBE,
        HELD,
        Pinned("old", ("ham==1",), {}),
        Pinned("new", ("ham==2", "jam==5"), {"jam-5-py3-none-any.whl": "j5"}),
        NOON,
    )
    held = comparing.trial(Mix(("ham==2",), ("jam==5",))).conditions
    assert (held.requirements, held.constraints) == (("ham==2",), ("jam==5",))
    assert dict(held.wheels) == {"jam-5-py3-none-any.whl": "j5"}


class Refusing(Uv):
    """An installer that resolves nothing."""

    def resolve(self, *_: object, **__: object) -> Resolution:
        raise self.error

    error: Exception = InstallFailedError("ham==2 needs eggs<2")


class Offline(Refusing):
    error = NotCachedError("not in the cache")


@pytest.mark.parametrize(
    ("kind", "message", "hint"),
    [
        (
            Refusing,
            "new.txt can't be installed: ham==2 needs eggs<2",
            "both sets must be installable here; --python names another interpreter",
        ),
        (Offline, "new.txt can't be resolved: not in the cache", "leave --offline out"),
    ],
)
def test_a_set_that_cannot_be_completed_is_an_error(
    kind: type[Refusing], message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        complete("new.txt", ["ham==2"], "python", kind("http://index", Path("/nowhere")))
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_an_empty_set_needs_no_installer() -> None:
    installer = Refusing("http://index", Path("/nowhere"))
    assert complete("old.txt", [], "python", installer) == Pinned("old.txt", (), {})
