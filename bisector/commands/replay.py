"""``bisect --replay FINDING.json``: whether what was found still holds, here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bisector import settings
from bisector.commands import output
from bisector.commands.budget import Budget
from bisector.environment.installers.choice import INSTALLERS
from bisector.errors import UsageError
from bisector.inputs import recorded
from bisector.inputs.request import Request
from bisector.reports.formats import REPLAYS
from bisector.run import leftovers, sandbox
from bisector.search.candidates import KINDS
from bisector.search.replayed import Replay
from bisector.session import replay, scope
from bisector.session.session import Driver
from bisector.store.runs import Store

_GOES_WITH = frozenset(
    {
        *("--replay", "--probe", "--python", "--confidence", "--max-runs", "--max-probes"),
        *("--budget", "--jobs", "--executor", "--scheduler", "--max-disk", "--sandbox"),
        *("--network", "--allow-build", "--keep-environments", "--results", "--json-lines"),
        *("--index-url", "--offline", "--format"),
    }
)


def run(asked: Request, words: Sequence[str], path: Path) -> int:
    """Print whether each change that a finding claims still holds; 0 where all of them do."""
    given = {word.partition("=")[0] for word in words if word.startswith("-")}
    if others := sorted(given - _GOES_WITH):
        raise UsageError(
            f"--replay runs again what {path} says, and {others[0]} asks for something else",
            "leave out the one or the other",
        )
    if asked.format not in REPLAYS:
        raise UsageError(
            f"--format {asked.format} can't show what was replayed",
            f"use --format {' or '.join(REPLAYS)}",
        )
    if "--python" not in given:  # a default is for new searches
        asked = replace(asked, pythons=())
    claims = recorded.read(path, INSTALLERS, KINDS)
    if not any(one.steps or any(f.transitions for f in one.failures) for one in claims):
        raise UsageError(
            f"{path} claims no change: there are no sides to run",
            f"make the whole search again: {claims[0].replay}",
        )
    leftovers.adopt()
    sandbox.shield()
    store = Store(asked.results, settings.cache_dir())
    listener = output.listener(json_lines=asked.json_lines)
    replays: list[Replay] = []
    with Budget(asked.budget) as budget:
        for one in claims:
            request = replay.request(one, asked)
            wanted = replay.probe(one, request)
            with Driver(request, store, listener) as driver:
                for python in scope.interpreters(request):
                    replays.append(replay.replayed(driver, one, wanted, python))
            if replays[-1].interrupted:
                break
    output.write(REPLAYS[asked.format], replays, output.view(asked))
    if any(one.interrupted for one in replays) and not budget.spent:
        return 130
    return _status([one.holds for replayed in replays for one in replayed.replayed])


def _status(holding: Sequence[bool | None]) -> int:
    """Return 0 where all hold, 1 where one doesn't, 3 where that can't be told."""
    if False in holding:
        return 1
    return 3 if None in holding else 0
