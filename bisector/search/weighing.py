"""Runs that may be wrong, of several failures -> what is so of each, and what to run next.

One failure is weighed at a time: what fails otherwise tells nothing of it. The plain search looks
for the places of all at once, and goes first until two runs of a position disagree.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from bisector.model import Outcome
from bisector.search import noise, observed, stages
from bisector.search.assessment import Assessment
from bisector.search.observed import Failing, Label, Observations, Seen, Verdict, alone
from bisector.search.stages import Question, Stage, Want

MOST_RUNS = 500
"""Runs after which a search whose runs disagree gives up."""

Assessments = Mapping[Label, Assessment]
"""What is so of each failure; of none where nothing fails, and there it is ``Outcome.BAD``."""


def weighed(
    size: int, observations: Observations, confidence: float, busy: Collection[int] = ()
) -> dict[Label, Assessment]:
    """Return what the runs of ``size`` positions say of each failure, the first seen first."""
    return {
        failure: noise.weigh(size, alone(observations, failure), confidence, busy)
        for failure in _failures(observations)
    }


def verdicts(size: int, observations: Observations, assessments: Assessments) -> list[Seen]:
    """Return what is made of each position, with what is believed of each failure."""
    seen = observed.verdicts(size, observations)
    for failure, assessment in assessments.items():
        runs = alone(observations, failure)
        if not noise.doubtful(size, runs):
            continue
        failing = Verdict.BAD if failure is Outcome.BAD else Failing(failure)
        for position, believed in enumerate(noise.verdicts(size, runs, assessment)):
            if seen[position] is Verdict.GOOD or Outcome.BAD in runs.get(position, ()):
                seen[position] = failing if believed is Verdict.BAD else believed
    return seen


def want(
    question: Question,
    observations: Observations,
    confidence: float,
    in_flight: Collection[int] = (),
    idle: int = 1,
) -> Want | None:
    """Return what to measure next, as ``stages.want`` does, until all is as sure as was asked."""
    size = question.size
    if not noise.doubtful(size, observations):
        wanted = stages.want(question, observations, in_flight, idle)
        if wanted is not None and wanted.stage <= Stage.CONFIRM:
            return wanted
        assessments = weighed(size, observations, confidence, in_flight)
        for assessment in assessments.values():
            if assessment.changes and assessment.next is not None:
                return Want(assessment.next, Stage.CONFIRM)
        if in_flight or (wanted is not None and wanted.stage < Stage.RERUN):
            return wanted
        ends = assessments.values() if len(assessments) == 1 else ()
        following = next((one.next for one in ends if one.next is not None), None)
        return wanted if following is None else Want(following, Stage.RERUN)
    if sum(map(len, observations.values())) >= MOST_RUNS:
        return None
    assessments = weighed(size, observations, confidence, in_flight)
    for failure, assessment in assessments.items():
        doubtful = noise.doubtful(size, alone(observations, failure))
        if doubtful and assessment.next is not None:
            return Want(assessment.next, Stage.RERUN)
    if len(assessments) == 1:
        return None
    believed = _believed(observations, verdicts(size, observations, assessments))
    wanted = stages.want(question, believed, in_flight, idle)
    return wanted if wanted is not None and wanted.stage < Stage.SEEK else None


def _failures(observations: Observations) -> list[Label]:
    """Return the failures seen, from the first position on; one that wasn't where there is none."""
    labels = (label for _, runs in sorted(observations.items()) for label in dict.fromkeys(runs))
    others = (Outcome.GOOD, Outcome.UNTESTABLE)
    found = dict.fromkeys(label for label in labels if label not in others)
    return list(found) or [Outcome.BAD]


def _believed(observations: Observations, seen: Sequence[Seen]) -> dict[int, list[Label]]:
    """Return the runs as if each had said what is believed of its position."""
    return {
        position: [
            label
            if label is Outcome.UNTESTABLE
            else (seen[position].failure if seen[position].fails else Outcome.GOOD)
            for label in runs
        ]
        if seen[position].decided
        else [Outcome.UNTESTABLE for _ in runs]
        for position, runs in observations.items()
    }
