"""Single combinations of versions: what is known isn't measured, what isn't needed is stopped."""

from __future__ import annotations

import concurrent.futures
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from bisector.environment.installers.uv import Uv
from bisector.environment.task import Task
from bisector.finding import (
    Change,
    Finding,
    Kind,
    Stopped,
    Transition,
)
from bisector.measure.workers import Start
from bisector.model import (
    Conditions,
    Interpreter,
    Measurement,
    Outcome,
    Plan,
    Probe,
    Reason,
    Release,
    Signature,
)
from bisector.reports.progress import Lines
from bisector.search.blame.narrowing import exact
from bisector.search.candidates import Trial
from bisector.search.knowledge import Options
from bisector.search.scheduler import Running
from bisector.session.bench import Bench, SpentError
from bisector.store.runs import Store

LETTERS = {"g": Outcome.GOOD, "b": Outcome.BAD, "u": Outcome.UNTESTABLE}
PROBE = Probe("check", "spam", command=("python", "check.py"), reports=False)
HELD = Conditions(Interpreter("python", "3.11.7", "cpython", "linux", ()))
RELEASE = Release(Version("1.5"), ())
STALE = Signature("AssertionError", "stale", status=1)


def trial(number: int, label: str = "") -> Trial:
    """Return the trial of spam 1.5 with ham of that number."""
    return Trial(PROBE, RELEASE, exact(HELD, [f"ham=={number}"]), label)


def run(letter: str, signature: Signature | None = STALE, started: str = "") -> Measurement:
    outcome = LETTERS[letter]
    bad = outcome is Outcome.BAD
    reason = Reason.NO_VERDICT if outcome is Outcome.UNTESTABLE else None
    return Measurement(
        RELEASE.version, outcome, reason, signature=signature if bad else None, started=started
    )


@dataclass
class World:
    """Measures each trial by the letter of its ham, in an order of its own."""

    letters: str
    random: Random = field(default_factory=lambda: Random(0))
    signature: Signature | None = STALE
    running: dict[Future[Measurement], int] = field(default_factory=dict)
    started: list[int] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    most: int = 0

    jobs = 1

    def expect(self, tasks: Sequence[Task]) -> None:
        raise AssertionError(f"a bench expects nothing, not {tasks}")

    begin = expect

    @contextmanager
    def measuring(self, _template: Task, /) -> Iterator[Start]:
        yield self.start
        assert not self.running, "somebody left a measurement behind"

    def start(self, task: Task) -> Running:
        (pin,) = task.conditions.constraints
        number = int(pin.partition("==")[2])
        future = _Waited(self)
        self.running[future] = number
        self.started.append(number)
        self.most = max(self.most, len(self.running))
        return Running(future, lambda: self.stop(future))

    def stop(self, future: Future[Measurement]) -> None:
        self.stopped.append(self.running.pop(future))

    def end_one(self) -> None:
        future = self.random.choice(list(self.running))
        future.set_result(run(self.letters[self.running.pop(future)], self.signature))


class _Waited(Future[Measurement]):
    """A measurement that ends, or another one does, as soon as somebody waits for any."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world


@pytest.fixture(autouse=True)
def _waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(futures: dict[_Waited, object], timeout: float, return_when: str) -> object:
        next(iter(futures)).world.end_one()
        return concurrent.futures.wait(futures, timeout, return_when)

    monkeypatch.setattr("bisector.search.scheduler.wait", wait)


def bench(
    world: World,
    folder: Path = Path("/nowhere"),
    *,
    jobs: int = 1,
    failure: Signature | None = None,
    refresh: bool = False,
    said: io.StringIO | None = None,
    history: object = None,
    most: int | None = None,
) -> Bench:
    template = Task(PROBE, RELEASE, HELD, Uv("http://index", folder), folder, folder, folder)
    return Bench(
        template,
        Options(jobs=jobs, failure=failure, max_probes=most),
        world,
        Store(folder),
        Lines(said or io.StringIO()),
        history,  # type: ignore[arg-type]  # only one test asks for it
        refresh=refresh,
    )


@given(
    st.text("gbu", min_size=1, max_size=8),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
    st.sampled_from(Outcome),
)
def test_the_first_of_several_is_found_in_whatever_order_they_end(
    letters: str, jobs: int, random: Random, wanted: Outcome
) -> None:
    """The oracle reads the letters; nothing is started twice, nor more than there are jobs."""
    world = World(letters, random)
    trials = [trial(number) for number in range(len(letters))]
    expected = next((n for n, letter in enumerate(letters) if LETTERS[letter] is wanted), None)
    made = bench(world, jobs=jobs)
    assert made.first(trials, wanted) == expected
    assert len(set(world.started)) == len(world.started)
    assert world.most <= jobs
    if jobs == 1:
        last = len(letters) - 1 if expected is None else expected
        assert world.started == list(range(last + 1))
    before = list(world.started)
    assert made.first(trials, wanted) == expected
    assert world.started == before, "what is known was measured again"
    for number, one in enumerate(trials):
        known = made.known(one)
        assert (known is not None) is (number in before and number not in world.stopped)
        assert known is None or known.outcome is LETTERS[letters[number]]


@given(
    st.text("gbu", min_size=1, max_size=6),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_measurements_come_in_the_order_of_their_trials(
    letters: str, jobs: int, random: Random
) -> None:
    world = World(letters, random)
    measured = bench(world, jobs=jobs).measure([trial(n) for n in range(len(letters))], "them all")
    assert [one.outcome for one in measured] == [LETTERS[letter] for letter in letters]
    assert world.stopped == []


def saved(folder: Path, number: int, *runs: Measurement) -> None:
    for measured in runs:
        Store(folder).save(PROBE, trial(number).conditions, measured)


def test_what_is_stored_is_not_measured(tmp_path: Path) -> None:
    """Unless it is not to be trusted."""
    saved(tmp_path, 0, run("b"))
    world = World("gg")
    measured = bench(world, tmp_path).measure([trial(0), trial(1)], "both")
    assert ([one.outcome.value for one in measured], world.started) == (["bad", "good"], [1])
    world = World("gg")
    measured = bench(world, tmp_path, refresh=True).measure([trial(0), trial(1)], "both")
    assert ([one.outcome.value for one in measured], world.started) == (["good", "good"], [0, 1])


def test_only_runs_of_an_earlier_command_are_said_to_be_stored(tmp_path: Path) -> None:
    """Another bench of the same command may have measured the same a moment ago."""
    said, command = io.StringIO(), replace(PROBE, command=("python", "x.py"))
    for number, started, warned in ((0, "2099-01-01", False), (1, "2001-01-01", True)):
        one = replace(trial(number), probe=command)
        Store(tmp_path).save(command, one.conditions, run("b", started=started))
        (measured,) = bench(World("gg"), tmp_path, said=said).measure([one], "it")
        assert measured.outcome is Outcome.BAD
        assert ("warning: runs of this command are stored" in said.getvalue()) is warned


def test_stored_runs_that_disagree_decide_nothing(tmp_path: Path) -> None:
    saved(tmp_path, 0, run("g", started="1"), run("b", started="2"))
    saved(tmp_path, 1, run("b", started="1"), run("u", started="2"))
    disagreeing, decided = bench(World("gg"), tmp_path).measure([trial(0), trial(1)], "both")
    assert (disagreeing.outcome, disagreeing.detail) == (
        Outcome.UNTESTABLE,
        "its runs disagree",
    )
    assert decided.outcome is Outcome.BAD


def test_a_trial_that_fails_in_another_way_decides_nothing(tmp_path: Path) -> None:
    other = Signature("KeyError", "'eggs'", status=1)
    world = World("b", signature=other)
    (told,) = bench(world, tmp_path, failure=STALE).measure([trial(0)], "it")
    assert (told.outcome, told.reason) == (Outcome.UNTESTABLE, Reason.DIFFERENT_FAILURE)
    assert told.signature == other
    assert bench(World("b", signature=other), failure=STALE).first([trial(0)], Outcome.BAD) is None
    assert bench(World("b", signature=other)).first([trial(0)], Outcome.BAD) == 0
    saved(tmp_path, 0, run("b", other))
    (stored,) = bench(World("g"), tmp_path, failure=STALE).measure([trial(0)], "it")
    assert stored.reason is Reason.DIFFERENT_FAILURE


def test_each_trial_is_said_by_its_label() -> None:
    said = io.StringIO()
    bench(World("gb"), said=said).measure([trial(0, "old.txt"), trial(1)], "both of them")
    assert [line.rstrip() for line in said.getvalue().splitlines()] == [
        "measuring both of them",
        "old.txt      good         0.00 s",
        "1.5          bad          0.00 s",
    ]


def test_the_releases_of_a_change_are_those_between_its_two() -> None:
    asked: list[tuple[Probe, Conditions, Sequence[Version], int | None]] = []
    step = Transition(Kind.INTRODUCED, Version("1.1"), Version("1.2"))

    def history(
        subject: Probe, held: Conditions, ends: Sequence[Version], most: int | None
    ) -> Finding:
        asked.append((subject, held, ends, most))
        return Finding(subject, Plan(()), held, (), (step,))

    said = io.StringIO()
    subject = replace(PROBE, package="ham")
    made = bench(World(""), said=said, history=history)
    assert made.history(subject, HELD, Change("ham", "1.0", "2.0")) == (step,)
    assert asked == [(subject, HELD, (Version("1.0"), Version("2.0")), None)]
    assert said.getvalue() == "which release of ham: 1.0 → 2.0\n"


@given(st.lists(st.integers(1, 4), max_size=8), st.integers(1, 12))
def test_no_trial_is_begun_once_as_many_were_as_may_be(sizes: list[int], most: int) -> None:
    """The oracle counts; what is known is given all the same."""
    world = World("g" * sum(sizes))
    made = bench(world, most=most)
    begun = 0
    for size in sizes:
        trials = [trial(number) for number in range(begun, begun + size)]
        if begun >= most:
            with pytest.raises(SpentError):
                made.measure(trials, "")
            assert made.measure([trial(0)], "")
        else:
            made.measure(trials, "")
            begun += size
    assert len(world.started) == begun < most + 4
    assert made.left == max(0, most - begun)


def test_a_search_of_a_dependency_gets_what_is_left_and_counts() -> None:
    lefts: list[int | None] = []

    def history(subject: Probe, held: Conditions, _ends: object, left: int | None) -> Finding:
        lefts.append(left)
        runs = tuple(Measurement(Version(f"1.{n}"), Outcome.GOOD, cached=n > 2) for n in range(5))
        stopped = Stopped.MAX_PROBES if len(lefts) > 1 else None
        return Finding(subject, Plan(()), held, runs, (), stopped=stopped)

    made = bench(World(""), history=history, most=5)
    change = Change("ham", "1.0", "2.0")
    assert made.history(PROBE, HELD, change) == ()
    with pytest.raises(SpentError):
        made.history(PROBE, HELD, change)
    with pytest.raises(SpentError):
        made.history(PROBE, HELD, change)
    assert (lefts, made.left) == ([5, 2], 0)
