"""Runs the two sides of each change of a finding again, in new environments."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector.errors import UsageError
from bisector.finding import Failure, Finding, Stopped, Transition
from bisector.inputs.recorded import Recorded
from bisector.inputs.request import Request
from bisector.inputs.values import CONFIDENCE
from bisector.model import Interpreter, Measurement, Plan, Probe
from bisector.search.bisection import Bisection
from bisector.search.candidates import Item
from bisector.search.knowledge import Knowledge, Options, known_as
from bisector.search.releases import Releases
from bisector.search.replayed import Replay, Replayed, runs, step_holds, transition_holds
from bisector.search.scheduler import Running, pursue
from bisector.search.stages import Stage
from bisector.series import Step
from bisector.session import conditions, numbers, scope

if TYPE_CHECKING:
    from bisector.session.session import Driver

_ANY = SpecifierSet(">=0.dev0")
_OF_FILES = (".py", ".sh", ".toml", ".ini", ".cfg", ".txt", ".json", ".yaml", ".yml", ".ipynb")


def request(recorded: Recorded, asked: Request) -> Request:
    """Return what the runs are made for: what was asked then, where and how as it is ``asked`` now.

    Raises UsageError where it is to run what only the caller may allow.
    """
    then = recorded.request
    for option, needed, given in (
        ("--allow-build", then.allow_build, asked.allow_build),
        ("--network", then.network, asked.network),
    ):
        if needed and not given:
            raise UsageError(
                f"{recorded.path} was made with {option}, which no file may ask for",
                f"add {option} if you trust what it runs: {recorded.replay}",
            )
    return replace(
        asked,
        probes=asked.probes or then.probes,
        package=then.package,
        command=then.command,
        within=_ANY,
        pythons=asked.pythons or then.pythons,
        pre=True,
        yanked=True,
        good=(),
        bad=(),
        dependencies=then.dependencies,
        requirements=then.requirements,
        installer=then.installer,
        timeout=then.timeout,
        max_memory=then.max_memory,
        bad_output=then.bad_output,
        bad_memory=then.bad_memory,
        bad_timeout=then.bad_timeout,
        any_failure=then.any_failure,
        failure=then.failure,
        isolated=then.isolated,
        metric=then.metric,
        metric_output=then.metric_output,
        threshold=then.threshold,
        confidence=asked.confidence or then.confidence,
        assure=0.0,
        attribute=False,
        refresh=True,
    )


def probe(recorded: Recorded, wanted: Request) -> Probe:
    """Return the probe of a finding; raises UsageError where its script isn't at hand."""
    hint = "run it where it lies" + ("" if wanted.command else ", or name it: --probe PATH")
    try:
        (found,) = scope.asked_for(wanted)
    except UsageError as error:
        raise UsageError(
            f"what {recorded.path} is about is not at hand: {error.message}", hint
        ) from error
    except ValueError:
        raise UsageError(
            f"{recorded.path} is about {recorded.name}, and {wanted.probes[0]} has several cases",
            "name one: --probe 'PATH[CASE]'",
        ) from None
    if wanted.command and found.digest != recorded.digest:
        paths = [Path(word.partition("::")[0]) for word in wanted.command]
        absent = [path for path in paths if path.suffix in _OF_FILES and not path.exists()]
        if absent:
            raise UsageError(
                f"what {recorded.path} is about is not at hand: there is no file {absent[0]}", hint
            )
    return found


def replayed(driver: Driver, recorded: Recorded, wanted: Probe, python: Interpreter) -> Replay:
    """Return what became of all that a finding claims; an interrupt leaves the rest out.

    Raises what measuring raises, and UsageError where the probe doesn't run on this interpreter.
    """
    again = _Again(driver, recorded, wanted, python)
    for failure in recorded.failures:
        for transition in failure.transitions:
            again.look_at(transition, failure)
    for step in recorded.steps:
        again.measure(step)
    changed = recorded.digest and recorded.digest != wanted.digest
    return Replay(
        package=wanted.package,
        name=recorded.name,
        python=recorded.python,
        platform=recorded.platform,
        interpreter=python,
        command=recorded.replay,
        replayed=tuple(again.done),
        interrupted=again.interrupted,
        notes=(f"{wanted.name} is not as it was when the finding was made",) if changed else (),
    )


class _Again:
    """The sides that are run again, each pair of them once, and what came of it."""

    def __init__(
        self, driver: Driver, recorded: Recorded, wanted: Probe, python: Interpreter
    ) -> None:
        self.done: list[Replayed] = []
        self.interrupted = False
        self._driver = driver
        self._recorded = recorded
        self._probe = wanted
        self._conditions = replace(
            conditions.plain(driver.request, wanted, python), constraints=recorded.constraints
        )
        self._found: dict[tuple[Version, Version], Finding | str] = {}

    def look_at(self, transition: Transition, failure: Failure) -> None:
        """Run the sides of a transition, unless that was done for another failure."""
        sides = transition.before, transition.after
        if sides not in self._found and not self.interrupted:
            self._found[sides] = self._tried(sides, self._outcomes)
        found = self._found.get(sides, "")
        if isinstance(found, str):
            one = Replayed(*sides, None, None, transition, failure, why=found)
        else:
            any_failure = self._driver.request.any_failure
            holds = transition_holds(transition, failure, found, any_failure=any_failure)
            one = Replayed(*sides, holds, found, transition, failure)
        self.done.append(one)

    def measure(self, step: Step) -> None:
        """Run the sides of a step in pairs."""
        sides = step.before, step.after
        found = "" if self.interrupted else self._tried(sides, self._numbers)
        if isinstance(found, str):
            self.done.append(Replayed(*sides, None, None, step=step, why=found))
        else:
            self.done.append(Replayed(*sides, step_holds(step, found), found, step=step))

    def _tried(
        self, sides: tuple[Version, Version], look: Callable[[Releases], Finding]
    ) -> Finding | str:
        """Return what is found of two releases, or why they can't be had."""
        driver = self._driver
        wanted = replace(driver.request, releases=[str(side) for side in sides])
        try:
            prospect = scope.prospect(wanted, self._probe, self._conditions.interpreter)
        except UsageError as error:
            return error.message
        driver.listener.say(f"running {sides[0]} and {sides[1]} again")
        there = {release.version: release for release in prospect.plan.candidates}
        plan = Plan(tuple(there[side] for side in sides))
        found = look(Releases(self._probe, plan, self._conditions))
        self.interrupted = found.stopped is Stopped.INTERRUPTED
        return found

    def _outcomes(self, candidates: Releases) -> Finding:
        """Return what is found of two releases, both of which are run by turns, as often."""
        driver = self._driver
        request = driver.request
        confidence = request.confidence or CONFIDENCE
        options = Options(
            assure_s=0.0,
            max_probes=request.max_probes,
            confidence=confidence,
            jobs=1 if self._probe.serial else driver.workers.jobs,
            any_failure=request.any_failure,
            pattern=request.failure,
        )
        turns = _Turns(driver, candidates, runs(confidence, self._recorded.shares.values()))
        template = driver.task(candidates.trial(candidates.items[-1]))
        with driver.workers.measuring(template) as start, driver.listener.running():

            def begin(item: Item) -> Running:
                return start(driver.task(candidates.trial(item)))

            try:
                pursue(turns, begin, options.jobs)
            except KeyboardInterrupt:
                self.interrupted = True
            knowledge = Knowledge(candidates, turns.runs, options)
            if self.interrupted:
                knowledge.stopped = Stopped.INTERRUPTED
                return knowledge.finding()
            found = Bisection(
                knowledge, begin, clock=time.monotonic, listener=driver.listener
            ).run()
        return found if request.offline else driver.workers.accept(found)

    def _numbers(self, candidates: Releases) -> Finding:
        """Return what is found of the number of two releases."""
        from bisector.session import steps  # see `session`

        driver = self._driver
        metric = numbers.asked_for(driver.request, self._probe)
        if metric is None:
            raise UsageError(
                f"{self._recorded.path} has steps, and its command names no number",
                "write it anew, or undo its edit",
            )
        return steps.searched(driver, candidates, metric, {})


class _Turns:
    """Runs of each of two releases, ``each`` of them, by turns."""

    def __init__(self, driver: Driver, candidates: Releases, each: int) -> None:
        self.runs: dict[Version, list[Measurement]] = {}
        self._driver = driver
        self._waiting = list(candidates.items) * each

    def next(self, _flying: Sequence[Item], _idle: int, /) -> Item | None:
        if not self._waiting:
            return None
        item = self._waiting.pop(0)
        self._driver.listener.started(item, Stage.CONFIRM)
        return item

    def waiting(self, _flying: Sequence[Item], /) -> None:
        """Do nothing: what is run is known."""

    def done(self, item: Item, measurement: Measurement, /) -> None:
        self.runs.setdefault(item.key, []).append(known_as(item, measurement))
        self._driver.listener.finished(measurement, {})

    def unwanted(self, _flying: Sequence[Item], /) -> list[Item]:
        return []
