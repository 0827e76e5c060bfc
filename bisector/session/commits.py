"""From two releases to the commit: those between them are built, run and searched."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from bisector.cause import git
from bisector.cause.building import BuildError
from bisector.cause.changelog import host
from bisector.cause.commits import Scope, Weigher, described, relevant, scope
from bisector.cause.contents import Contents
from bisector.cause.git import Repository
from bisector.cause.proof import Proof, proved
from bisector.cause.trace import Trace
from bisector.environment.installers.built import Built
from bisector.environment.task import Task
from bisector.environment.workspace import remove
from bisector.errors import UsageError
from bisector.explanation import Commit, Explanation, Search
from bisector.measure.measure import measure
from bisector.model import File, Measurement, Outcome, Release
from bisector.reports.words import count
from bisector.search import failures
from bisector.search.weighted import choose, most
from bisector.session.built import Wanted, Wheels

if TYPE_CHECKING:
    from bisector.session.session import Driver
    from bisector.session.sides import Pair

_DEEPEST = 3
"""Merges inside merges that are looked into."""

_MOST_LEFT = 20


def searched(
    driver: Driver,
    sides: Pair,
    repository: Repository,
    why: Explanation,
    contents: tuple[Contents, Contents],
    traces: tuple[Trace, Trace],
) -> Search:
    """Return which commit changed the outcome between two sides, as far as building them tells.

    What stands in the way is a note: what was explained up to there is kept.
    """
    good = sides.outcomes.index(Outcome.GOOD)
    if sides.tries[good] > 1:
        note = (
            f"{sides.versions[good]} fails now and then too: no run tells one commit from another"
        )
        return Search(notes=(note,))
    proofs: list[Proof] = []
    of_dependency = sides.package != sides.tasks[0].probe.package
    for version, one, task in zip(sides.versions, contents, sides.tasks):
        uploaded = None if of_dependency else task.release.upload_time
        try:
            proofs.append(proved(repository, sides.package, version, one, uploaded))
        except UsageError as error:
            told = tuple(p.sentence(v) for p, v in zip(proofs, sides.versions))
            return Search(told, notes=(error.message,))
    folder = Path(tempfile.mkdtemp(prefix="commits-", dir=sides.tasks[0].folder))
    try:
        with closing(_Commits(driver, sides, why, repository, proofs, traces, folder)) as commits:
            return commits.search()
    except KeyboardInterrupt:
        driver.listener.say("the search of commits was interrupted")
        told = tuple(p.sentence(v) for p, v in zip(proofs, sides.versions))
        return Search(told, notes=("it was interrupted before the commit was known",))
    finally:
        remove(folder)


class _Commits:
    """The search of the commits between two sides."""

    def __init__(
        self,
        driver: Driver,
        sides: Pair,
        why: Explanation,
        repository: Repository,
        proofs: Sequence[Proof],
        traces: tuple[Trace, Trace],
        folder: Path,
    ) -> None:
        self._driver = driver
        self._sides = sides
        self._why = why
        self._repository = repository
        self._proofs = proofs
        self._ran = 0
        self._notes: list[str] = []
        task = sides.tasks[1]
        self._task = task
        places = {**proofs[0].places, **proofs[1].places}
        self._weigher = Weigher(repository, why.suspects, places)
        executed = [f.path for trace in traces for f in trace.functions] if why.suspects else []
        submodules = repository.submodules(proofs[1].commit)
        self._scope: Scope = scope(proofs, executed, submodules)
        self._wheels = Wheels(
            repository,
            folder,
            task.conditions.interpreter,
            driver.request,
            spare=driver.workers.jobs > 1 and not task.probe.serial,
        )

    def close(self) -> None:
        """Build nothing more."""
        self._wheels.close()

    def search(self) -> Search:
        """Return the commit that did it, or those that are left."""
        old, new = (proof.commit for proof in self._proofs)
        base = self._repository.base(old, new)
        if not base:
            return self._told(0, 0, note="the two releases share no commit: history was rewritten")
        commits = self._repository.between(base, new)
        touched = self._repository.touched(commits)
        found = relevant(commits, touched, self._scope)
        size = f"{count(len(commits), 'commit')} between, {len(found)} of them can matter"
        self._driver.listener.say(f"{self._sides.package}: {size}; building runs their own code")
        if not found:
            note = "no commit between them changes what is executed or built"
            return self._told(len(commits), 0, note=note)
        if base != old:
            before = self._outcome(base)
            if before is not self._sides.outcomes[0]:
                said = "can't be built or run" if before is Outcome.UNTESTABLE else before.value
                return self._told(
                    len(commits),
                    len(found),
                    note=f"{base[:12]}, from which the two releases went apart, is {said} itself: "
                    f"the change is not among the commits to {self._sides.versions[1]}",
                )
        low, high, untestable = self._bisect(found, touched)
        left = [found[p] for p in range(low + 1, high + 1)]
        if len(left) > 1:
            self._notes.append(f"{len(untestable)} of the commits between can't be built or run")
            return self._told(len(commits), len(found), left=left)
        return self._told(len(commits), len(found), commit=self._culprit(left[0], touched))

    def _bisect(
        self, commits: Sequence[str], touched: Mapping[str, Sequence[str]]
    ) -> tuple[int, int, set[int]]:
        """Return the last position as before and the first as after, and what couldn't be run.

        What comes before the first is as before, and the last is as after.
        """
        low, high, left = -1, len(commits) - 1, most(len(commits))
        weights = self._weigher.weights(commits, touched)
        untestable: set[int] = set()
        while (position := choose(low, high, weights, left, untestable)) is not None:
            halves = ((low, position), (position, high))
            next_ = [choose(*half, weights, left - 1, untestable) for half in halves]
            self._wheels.expect([Wanted(commits[p]) for p in next_ if p is not None])
            outcome = self._outcome(commits[position])
            self._ran += 1
            if outcome is Outcome.UNTESTABLE:
                untestable.add(position)
                continue
            left -= 1
            if outcome is self._sides.outcomes[1]:
                high = position
            else:
                low = position
        return low, high, untestable

    def _culprit(
        self, identifier: str, touched: Mapping[str, Sequence[str]], depth: int = 0
    ) -> Commit:
        """Return the commit that did it, confirmed; inside of a merge where that can be told."""
        made = self._repository.made(identifier)
        if len(made.parents) > 1 and depth < _DEEPEST and (inner := self._inside(made)):
            return self._culprit(*inner, depth + 1)
        parent = made.parents[0] if made.parents else ""
        sides = [(parent, self._sides.outcomes[0]), (identifier, self._sides.outcomes[1])]
        self._wheels.expect([Wanted(commit, anew=True) for commit, _ in sides[1:]])
        confirmed = all(c and self._outcome(c, anew=True) is wanted for c, wanted in sides)
        if not confirmed:
            self._notes.append(
                f"built and run a second time, {identifier[:12]} and its parent don't part good "
                "from bad"
            )
        base, _ = host(self._why.addresses)
        paths = touched.get(identifier, ())
        return described(self._weigher, made, parent, paths, base, confirmed=confirmed)

    def _inside(self, merge: git.Made) -> tuple[str, dict[str, list[str]]] | None:
        """Return which of the commits that a merge brought did it; None where only the merge did.

        Their paths come with it.
        """
        brought = self._repository.inside(merge)
        touched = self._repository.touched(brought)
        commits = relevant(brought, touched, self._scope)
        if not commits or self._outcome(commits[-1]) is not self._sides.outcomes[1]:
            return None
        low, high, _ = self._bisect(commits, touched)
        return (commits[high], touched) if high - low == 1 else None

    def _outcome(self, commit: str, *, anew: bool = False) -> Outcome:
        """Return how a commit comes out, built if it wasn't before, or ``anew``."""
        short = commit[:12]
        self._driver.listener.trying(f"{short} ({self._repository.made(commit).subject[:50]})")
        try:
            wheel = self._wheels.get(Wanted(commit, anew))
            # What is bad now and then is good only where it is so again and again.
            for _ in range(max(self._sides.tries)):
                run = failures.counted(self._measured(wheel))
                if run.outcome is not Outcome.GOOD:
                    break
        except BuildError as error:
            self._notes.append(f"{short} can't be built: {error.message}")
            return Outcome.UNTESTABLE
        finally:
            self._driver.listener.trying("")
        self._driver.listener.tried(short, run)
        failure = self._sides.failure
        if run.outcome is Outcome.BAD and failure:
            return run.outcome if failures.same(run, failure) else Outcome.UNTESTABLE
        return run.outcome

    def _measured(self, wheel: Path) -> Measurement:
        """Return a run against a wheel; it is no release's, and isn't stored as one."""
        try:
            _, version, _, _ = parse_wheel_filename(wheel.name)
        except InvalidWheelFilename as error:
            raise BuildError(f"it built {wheel.name}, which is no wheel's name") from error
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        release = Release(version, (File(wheel.name, wheel.as_uri(), sha256),))
        installer = Built(self._task.installer, self._sides.package, wheel)
        task: Task = replace(self._task, release=release, installer=installer, keep=False)
        return measure(task)

    def _told(
        self,
        between: int,
        candidates: int,
        *,
        note: str = "",
        commit: Commit | None = None,
        left: Sequence[str] = (),
    ) -> Search:
        proofs = (p.sentence(v) for p, v in zip(self._proofs, self._sides.versions))
        named = [f"{c[:12]} {self._repository.made(c).subject}" for c in left[:_MOST_LEFT]]
        notes = (*dict.fromkeys(self._notes), *([note] if note else []))
        return Search(tuple(proofs), between, candidates, self._ran, commit, tuple(named), notes)
