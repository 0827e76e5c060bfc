"""The loop, driven by a fake that measures at once, over random histories with noise."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector.finding import Finding, Kind, Stopped
from bisector.model import (
    Conditions,
    Excluded,
    Interpreter,
    Measurement,
    Outcome,
    Plan,
    Probe,
    Reason,
    Release,
    Signature,
)
from bisector.search import noise
from bisector.search.assessment import LEAST_RUNS
from bisector.search.bisection import Bisection, Posterior
from bisector.search.candidates import Item
from bisector.search.knowledge import Knowledge, Options
from bisector.search.observed import Verdict
from bisector.search.releases import Releases
from bisector.search.scheduler import Running
from bisector.search.stages import Stage

CONDITIONS = Conditions(Interpreter("python", "3.11.7", "cpython", "linux", ()))
PROBE = Probe("eggs", "spam")
LETTERS = {"g": Outcome.GOOD, "b": Outcome.BAD, "u": Outcome.UNTESTABLE}
AT_ONCE = Options(assure_s=0)
History = Mapping[str, str]
"""What each run of a version says, run after run; the last letter stands for all later ones."""


@dataclass
class World:
    """Measures at once, by a history; keeps what was asked of it, and tells the time."""

    history: History
    interrupt_at: int | None = None
    now_s: float = 0.0
    asked: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    settled_in: list[Finding] = field(default_factory=list)
    assured_s: float = 0.0
    expected: list[list[str]] = field(default_factory=list)

    def expect(self, items: Sequence[Item]) -> None:
        self.expected.append([item.label for item in items])

    def start(self, item: Item) -> Running:
        version = item.label
        if len(self.asked) == self.interrupt_at:
            raise KeyboardInterrupt
        letters = self.history[version]
        letter = letters[min(self.asked.count(version), len(letters) - 1)]
        self.asked.append(version)
        self.now_s += 1
        done: Future[Measurement] = Future()
        done.set_result(run(version, letter))
        return Running(done, leave)

    def clock(self) -> float:
        return self.now_s

    def started(self, item: Item, stage: Stage) -> None:
        self.told.append(f"{item.label} {stage.name.lower()}")

    def finished(self, measurement: Measurement, verdicts: Mapping[Version, Verdict], /) -> None:
        assert verdicts.get(measurement.version) is not Verdict.UNTESTED

    def believed(self, posterior: Posterior, /) -> None:
        assert all(0 <= share <= 1 for share in posterior().values())

    def stopped(self, item: Item) -> None:
        self.told.append(f"{item.label} stopped")

    def settled(self, finding: Finding, assure_s: float) -> None:
        self.settled_in.append(finding)
        self.assured_s = assure_s
        self.told.append(f"settled, {assure_s:g} s more")


def leave() -> None:
    """Stop nothing: it has ended."""


def run(version: str, letter: str) -> Measurement:
    outcome = LETTERS[letter]
    reason = Reason.NO_VERDICT if outcome is Outcome.UNTESTABLE else None
    return Measurement(Version(version), outcome, reason)


def releases(*versions: str, yanked: Sequence[str] = ()) -> tuple[Release, ...]:
    return tuple(Release(Version(v), (), v in yanked) for v in versions)


def line(letters: str) -> dict[str, str]:
    return {f"1.{number}": letter for number, letter in enumerate(letters)}


def bisect(
    history: History,
    *,
    plan: Plan | None = None,
    known: Sequence[Measurement] = (),
    world: World | None = None,
    options: Options = AT_ONCE,
    witnesses: Sequence[Version] = (),
) -> tuple[Finding, World]:
    world = world or World(history)
    runs: dict[Version, list[Measurement]] = {}
    for measurement in known:
        runs.setdefault(measurement.version, []).append(measurement)
    plan = plan or Plan(releases(*history))
    candidates = Releases(PROBE, plan, CONDITIONS, witnesses)
    bisection = Bisection(
        Knowledge(candidates, runs, options),
        world.start,
        clock=world.clock,
        listener=world,
        expect=world.expect,
    )
    return bisection.run(), world


def told(finding: Finding) -> list[tuple[str, str, str]]:
    return [(t.kind.value, str(t.before), str(t.after)) for t in finding.transitions]


letters = st.sampled_from("ggggbbbuu")
noisy = st.lists(
    st.one_of(letters, st.text("gbu", min_size=1, max_size=4)), min_size=1, max_size=30
)
options = st.builds(
    Options,
    assure_s=st.sampled_from([0.0, 3.0, None]),
    exhaustive=st.booleans(),
    max_probes=st.one_of(st.none(), st.integers(1, 20)),
    jobs=st.integers(1, 5),
)


@given(noisy, options)
def test_whatever_runs_say_a_transition_is_one_that_was_seen(
    history: list[str], chosen: Options
) -> None:
    """Never a crash; the runs of each side agree; never more runs than were asked for."""
    finding, world = bisect({f"1.{n}": said for n, said in enumerate(history)}, options=chosen)
    said: dict[Version, set[Outcome]] = {}
    for measurement in finding.measurements:
        if measurement.outcome is not Outcome.UNTESTABLE:
            said.setdefault(measurement.version, set()).add(measurement.outcome)
    for transition in finding.transitions:
        good, bad = {Outcome.GOOD}, {Outcome.BAD}
        sides = (good, bad) if transition.kind is Kind.INTRODUCED else (bad, good)
        assert (said[transition.before], said[transition.after]) == sides
        between = [v for v, outcomes in said.items() if transition.before < v < transition.after]
        assert set(between) <= set(finding.conflicting)
        assert 0.0 <= transition.confidence <= 1.0
    assert set(finding.conflicting) == {v for v, outcomes in said.items() if len(outcomes) == 2}
    assert not (finding.conflicting and finding.decided)
    assert len(finding.measurements) == len(world.asked)
    if chosen.max_probes is not None:
        assert len(world.asked) <= chosen.max_probes


@given(noisy, st.floats(0.5, 0.99), st.integers(1, 40), st.integers(1, 3))
@example(["g", "b", "bg", "g", "g", "g"], 0.5, 6, 2)
@settings(max_examples=30, deadline=None)
def test_where_a_confidence_is_asked_for_nothing_less_sure_is_a_transition(
    history: list[str], confidence: float, most: int, jobs: int
) -> None:
    """Never a crash, whatever runs say; what is suspected is less sure, and leaves it undecided."""
    chosen = Options(assure_s=0, confidence=confidence, max_probes=most, jobs=jobs)
    finding, world = bisect({f"1.{n}": said for n, said in enumerate(history)}, options=chosen)
    assert len(finding.measurements) == len(world.asked) <= most
    kinds = [transition.kind for transition in finding.transitions]
    if finding.conflicting:
        assert all(t.confidence >= confidence for t in finding.transitions)
        assert not (finding.suspicions and finding.decided)
    if finding.decided:
        assert all(t.confidence >= confidence for t in finding.transitions)
        assert all(one is not other for one, other in itertools.pairwise(kinds))
    else:
        assert finding.affected == () or not finding.conflicting
    for suspicion in finding.suspicions:
        assert suspicion.earliest <= suspicion.before < suspicion.after <= suspicion.latest


@given(st.lists(letters, min_size=1, max_size=30), st.integers(1, 5))
def test_an_exhaustive_search_leaves_nothing_untested_and_finds_everything(
    history: list[str], jobs: int
) -> None:
    """The oracle: every change between neighbouring decided releases, by looking at all."""
    finding, world = bisect(
        line("".join(history)), options=Options(assure_s=0, exhaustive=True, jobs=jobs)
    )
    decided = [(f"1.{n}", letter) for n, letter in enumerate(history) if letter != "u"]
    names = {"gb": "introduced", "bg": "fixed"}
    assert told(finding) == [
        (names[a + b], before, after)
        for (before, a), (after, b) in itertools.pairwise(decided)
        if a != b
    ]
    assert set(world.asked) == set(line("".join(history)))
    assert all(t.confirmed for t in finding.transitions)


@given(
    st.lists(letters, min_size=3, max_size=30),
    st.integers(2, 4),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_only_what_was_to_narrow_is_stopped(
    history: list[str], jobs: int, exhaustive: bool, random: Random
) -> None:
    """What is wanted for itself afterwards goes on, in whichever order runs end."""
    flying: dict[Future[Measurement], str] = {}
    world = World(line("".join(history)))

    def start(item: Item) -> Running:
        running = Future[Measurement]()
        flying[running] = item.label
        return Running(running, lambda: flying.pop(running))

    def end_one(_: Sequence[Item]) -> None:
        ended = random.choice(list(flying))
        version = flying.pop(ended)
        ended.set_result(run(version, world.history[version]))

    candidates = Releases(PROBE, Plan(releases(*world.history)), CONDITIONS)
    chosen = Options(assure_s=0, exhaustive=exhaustive, jobs=jobs)
    Bisection(
        Knowledge(candidates, {}, chosen),
        start,
        clock=world.clock,
        listener=world,
        expect=end_one,
    ).run()
    why: dict[str, str] = {}
    for version, event in (words.split() for words in world.told if "settled" not in words):
        assert event != "stopped" or why[version] == "narrow"
        why[version] = event


@given(
    st.tuples(*[st.text("ggu", min_size=1, max_size=12)] * 2),
    st.text("bbu", min_size=1, max_size=8),
    st.integers(0, 25),
    options,
)
def test_interrupted_at_any_moment_it_goes_on_to_the_same_answer(
    good: tuple[str, str], bad: str, moment: int, chosen: Options
) -> None:
    """One window, ends good or untestable: what was measured by then is all that it needs."""
    history = line(f"g{good[0]}b{bad}{good[1]}g")
    first, world = bisect(history, world=World(history, interrupt_at=moment), options=chosen)
    assert len(first.measurements) <= min(moment, len(world.asked))
    assert first.stopped is not Stopped.INTERRUPTED or not world.settled_in
    resumed, more = bisect(history, known=first.measurements)
    whole, _ = bisect(history)
    assert told(resumed) == told(whole)
    had = [str(measurement.version) for measurement in first.measurements]
    assert all(had.count(version) + more.asked.count(version) <= 2 for version in more.asked)


@given(st.lists(letters, min_size=1, max_size=30))
def test_what_is_known_is_not_measured_again(history: list[str]) -> None:
    named = line("".join(history))
    first, _ = bisect(named)
    second, world = bisect(named, known=first.measurements)
    assert world.asked == []
    assert told(second) == told(first)


def test_it_narrows_confirms_and_says_when_it_is_settled() -> None:
    _, world = bisect(line("ggggbbbb"))
    assert world.told == [
        "1.7 start",
        "1.0 start",
        "1.4 narrow",
        "1.2 narrow",
        "1.3 narrow",
        "1.3 confirm",
        "1.4 confirm",
        "settled, 0 s more",
    ]


def test_it_assures_for_as_long_as_the_search_took() -> None:
    """Then it stops by itself; nothing that is known already costs time."""
    finding, world = bisect(line("g" * 20 + "b" * 20), options=Options())
    settled = next(n for n, line in enumerate(world.told) if line.startswith("settled"))
    assert world.told[settled] == f"settled, {settled} s more"
    assured = world.told[settled + 1 :]
    assert len(assured) == settled
    assert all(line.endswith(" assure") for line in assured)
    again, idle = bisect(line("g" * 20 + "b" * 20), known=finding.measurements, options=Options())
    assert idle.told == ["settled, 0 s more"]
    assert told(again) == told(finding)


def test_assurance_is_interrupted_without_losing_the_answer() -> None:
    history = line("g" * 20 + "b" * 20)
    finding, _ = bisect(history, world=World(history, interrupt_at=12), options=Options())
    assert finding.stopped is None
    assert told(finding) == [("introduced", "1.19", "1.20")]


def test_before_the_answer_an_interrupt_is_said_to_be_one() -> None:
    history = line("g" * 20 + "b" * 20)
    finding, _ = bisect(history, world=World(history, interrupt_at=3), options=Options())
    assert finding.stopped is Stopped.INTERRUPTED
    assert len(finding.measurements) == 3


def test_a_transition_on_a_yanked_release_names_the_first_that_is_not() -> None:
    history = line("gggbbbb")
    plan = Plan(releases(*history, yanked=["1.3", "1.4"]))
    finding, world = bisect(history, plan=plan)
    assert finding.transitions[0].after_not_yanked == Version("1.5")
    assert "1.5 beside" in world.told or "1.5" in world.asked


def test_a_window_of_one_yanked_release_has_no_first_that_is_not() -> None:
    history = line("gggbggg")
    finding, _ = bisect(history, plan=Plan(releases(*history, yanked=["1.3"])))
    assert [t.after_not_yanked for t in finding.transitions] == [None, None]


def test_prereleases_between_narrow_a_transition_once() -> None:
    history = {"1.0": "g", "1.1a1": "g", "1.1b1": "u", "1.1b2": "b", "1.1": "b", "1.2a1": "b"}
    plan = Plan(
        candidates=releases("1.0", "1.1"), prereleases=releases("1.1a1", "1.1b1", "1.1b2", "1.2a1")
    )
    finding, world = bisect(history, plan=plan)
    assert finding.transitions[0].zoom == (Version("1.1a1"), Version("1.1b2"))
    assert finding.transitions[0].untested == ()
    assert "1.2a1" not in world.asked


def test_a_prerelease_that_fails_in_its_own_way_is_not_what_is_looked_for() -> None:
    said = {"1.0": "g", "1.1": "b", "1.2": "b", "1.3b1": "x", "1.3": "g", "1.4": "g"}
    failures = {"b": Signature("ValueError", "spam"), "x": Signature("TypeError", "eggs")}

    def start(item: Item) -> Running:
        letter = said[item.label]
        measured = run(item.label, "b" if letter in failures else letter)
        done: Future[Measurement] = Future()
        done.set_result(replace(measured, signature=failures.get(letter)))
        return Running(done, leave)

    stable = releases(*(version for version in said if version != "1.3b1"))
    plan = Plan(stable, prereleases=releases("1.3b1"))
    candidates = Releases(replace(PROBE, reports=False), plan, CONDITIONS)
    knowledge = Knowledge(candidates, {}, AT_ONCE)
    finding = Bisection(knowledge, start, clock=lambda: 0.0, listener=World({})).run()
    changes = [(str(t.before), str(t.after)) for t in finding.transitions]
    assert changes == [("1.0", "1.1"), ("1.2", "1.3")]


_ORDER = ("1.4.0", "1.4.1", "1.4.2", "1.5.0", "1.5.1", "1.5.2", "1.4.3", "1.5.3", "1.4.4", "1.5.4")
BACKPORTED = dict(zip(_ORDER, "gbbbbggggg"))
"""In the order of upload: bad since 1.4.1, of which 1.5.0 came; fixed in 1.5.2 and in 1.4.3."""


def dated(history: History) -> tuple[Release, ...]:
    first = datetime(2024, 1, 1, tzinfo=timezone.utc)
    told = releases(*history)
    days = [replace(r, upload_time=first + timedelta(days=n)) for n, r in enumerate(told)]
    return tuple(sorted(days, key=lambda release: release.version))


def test_what_a_line_came_of_is_measured_where_a_transition_ends_at_its_first() -> None:
    """From 1.5.1 the halving passes 1.4.2 by, and 1.4.4, which is good, is newer than 1.5.0."""
    plan = Plan(dated(BACKPORTED))
    finding, world = bisect(BACKPORTED, plan=plan, witnesses=(Version("1.5.1"),))
    assert "1.4.2 late" in world.told
    assert [(*said, t.parting) for said, t in zip(told(finding), finding.transitions)] == [
        ("introduced", "1.4.0", "1.4.1", False),
        ("fixed", "1.4.2", "1.4.3", False),
        ("introduced", "1.4.4", "1.5.0", True),
        ("fixed", "1.5.1", "1.5.2", False),
    ]
    assert finding.affected == (">=1.4.1,<1.4.3", ">=1.5.0,<1.5.2")


def test_the_last_release_of_a_line_that_was_kept_up_is_measured_once_something_is_bad() -> None:
    """1.4.4 lies between bad releases: only looking at it tells that the fix came to it."""
    history = {"1.4.0": "b", "1.4.1": "b", "1.5.0": "b", "1.5.1": "b", "1.5.2": "g", "1.4.2": "g"}
    finding, world = bisect(history, plan=Plan(dated(history)))
    assert "1.4.2 late" in world.told
    assert finding.affected == (">=1.4.0,<1.4.2", ">=1.5.0,<1.5.2")
    undated, _ = bisect(history, plan=Plan(tuple(sorted(releases(*history), key=_version))))
    assert undated.affected == (">=1.4.0,<1.5.2",)


def _version(release: Release) -> Version:
    return release.version


def test_what_is_excluded_between_is_untested_and_prereleases_only_where_searched() -> None:
    history = {"1.0": "g", "1.2": "b", "1.1a1": "u"}
    excluded = tuple(
        Excluded(Version(v), Reason.NO_WHEEL, "no wheel") for v in ("0.9", "1.1", "1.2a1", "1.3")
    )
    finding, _ = bisect(history, plan=Plan(releases("1.0", "1.2"), excluded=excluded))
    assert finding.transitions[0].untested == (Version("1.1"),)
    searched = Plan(releases("1.0", "1.1a1", "1.2"), excluded=excluded)
    finding, _ = bisect(history, plan=searched)
    assert finding.transitions[0].untested == tuple(map(Version, ("1.1a1", "1.1", "1.2a1")))


def test_the_confidence_asked_for_is_worked_for_and_no_further() -> None:
    history = line("ggbb")
    finding, world = bisect(history, options=Options(assure_s=0, confidence=0.97))
    assert finding.transitions[0].confidence >= 0.97
    assert finding.decided
    sides = [world.asked.count(side) for side in ("1.1", "1.2")]
    assert LEAST_RUNS <= min(sides) <= max(sides) <= noise.confirmations(0.97)
    unreachable, busy = bisect(history, options=Options(assure_s=0, confidence=1 - 1e-12))
    assert not unreachable.decided
    assert busy.asked.count("1.1") == 12


def test_a_run_that_disagrees_is_kept_and_makes_it_undecided() -> None:
    finding, _ = bisect({**line("ggg"), "1.3": "bgg", "1.4": "b"}, options=Options(assure_s=0))
    assert finding.conflicting == (Version("1.3"),)
    assert not finding.decided
    runs = [m.outcome.value for m in finding.measurements if str(m.version) == "1.3"]
    assert runs[:2] == ["bad", "good"]


def test_witnesses_that_are_no_candidates_are_passed_over() -> None:
    witnesses = (Version("1.2"), Version("9.9"))
    _, world = bisect(line("ggbgg"), witnesses=witnesses)
    assert world.told[:3] == ["1.4 start", "1.2 start", "1.0 start"]


def test_an_error_of_one_measurement_ends_the_search() -> None:
    """It is the index's or the disk's, and goes to whoever asked; no run is made up for it."""

    class Broken(World):
        def start(self, item: Item) -> Running:
            failed: Future[Measurement] = Future()
            failed.set_exception(RuntimeError(f"{item.label}: the disk is full"))
            return Running(failed, leave)

    with pytest.raises(RuntimeError, match=r"1\.1: the disk is full"):
        bisect(line("gb"), world=Broken({}))


@given(st.lists(letters, min_size=1, max_size=20), st.data())
def test_what_is_measured_first_is_known_and_expected_from_the_start(
    history: list[str], data: st.DataObject
) -> None:
    """The ends and the witnesses, whatever each turns out to be."""
    named = line("".join(history))
    versions = [*named]
    witnesses = data.draw(st.lists(st.sampled_from(versions), unique=True))
    chosen = Options(assure_s=0, jobs=data.draw(st.integers(1, 5)))
    wanted = tuple(map(Version, witnesses))
    candidates = Releases(PROBE, Plan(releases(*named)), CONDITIONS, wanted)
    first = [item.label for item in Knowledge(candidates, {}, chosen).first()]
    _, world = bisect(named, options=chosen, witnesses=wanted)
    assert set(first) == {*witnesses, versions[0], versions[-1]}
    began = [one.removesuffix(" start") for one in world.told if one.endswith(" start")]
    assert began == first
    assert set(first) <= {*world.expected[0], *first[: chosen.jobs]}


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("gggg", ()),
        ("bbbb", (">=1.0,<=1.3",)),
        ("ggbb", (">=1.2,<=1.3",)),
        ("bbgg", (">=1.0,<1.2",)),
        ("gbgbg", (">=1.1,<1.2", ">=1.3,<1.4")),
        ("gubug", (">=1.2,<1.4",)),
        ("ub", (">=1.1,<=1.1",)),
        ("uu", ()),
    ],
)
def test_what_is_affected_is_a_specifier_set_per_window(
    history: str, expected: tuple[str, ...]
) -> None:
    finding, _ = bisect(line(history), options=Options(assure_s=0, exhaustive=True))
    assert finding.affected == expected


@given(st.lists(letters, min_size=1, max_size=20))
def test_what_is_affected_holds_every_bad_release_and_no_good_one(history: list[str]) -> None:
    named = line("".join(history))
    finding, _ = bisect(named, options=Options(assure_s=0, exhaustive=True))
    sets = [SpecifierSet(one) for one in finding.affected]
    for version, letter in named.items():
        inside = any(one.contains(version) for one in sets)
        assert letter == "u" or inside is (letter == "b")


@pytest.mark.parametrize(
    ("history", "more_s"),
    [("ggggbbbb", 9.0), ("gb", 0.0), ("gub", 0.0), ("gugb", 9.0), ("uu", 0.0)],
)
def test_where_nothing_is_left_to_look_at_no_time_is_taken_for_it(
    history: str, more_s: float
) -> None:
    _, world = bisect(line(history), options=Options(assure_s=9.0))
    assert world.assured_s == more_s


def test_nothing_decided_affects_nothing() -> None:
    assert Releases(PROBE, Plan(()), CONDITIONS).affected(()) == ()
