"""Kills whole drivers at random moments, lets others go on, and counts what that cost.

``python tests/faults/killing.py [--kills N] [--at-once N] [--seed N]``, where ``bisector`` can be
imported, does more of it than the tests do, and prints the figures.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from e2e.command import HANG_S, Command, changes, outcomes, stored
from e2e.projects import BROKEN, plain
from local_index import LocalIndex

SLOW = BROKEN.replace("import json", "import time; time.sleep(0.1)\nimport json", 1)
WORDS = ("--probe", "slow.py", "--exhaustive", "--assure", "0", "--no-attribution", "--jobs", "2")
MOST_OF_A_SIDE = 5
"""Runs of a side of a change, whatever else is known: with more, it is surer than was asked."""

LEFT_S = 2.0
"""So long after a driver was killed nothing of its runs may be left."""


@dataclass
class Figures:
    """What was done and what it cost; ``longest_left_s`` is how long anything went on running."""

    kills: int = 0
    with_runs_under_way: int = 0
    searches: int = 0
    runs: int = 0
    lost: int = 0
    changed: int = 0
    made_twice: int = 0
    unreadable: int = 0
    wrong_answers: int = 0
    left_running: int = 0
    longest_left_s: float = 0.0


def campaign(bisect: Command, kills: int, at_once: int, seed: int) -> Figures:
    """Kill as many drivers, so many at once, each of which goes on where those before ended.

    A search that is over is compared with one that nobody killed, and another is begun. Each
    second one is without a sandbox. It goes on, within reason, until a kill hit a measurement.
    """
    figures, moments, longest_s = Figures(), random.Random(seed), 0.0
    bisect.write("slow.py", SLOW)

    def enough() -> bool:
        hit = figures.with_runs_under_way or figures.kills >= 20 * kills
        return figures.kills >= kills and bool(hit)

    while not enough():
        asked = replace(bisect, sandbox=("", "off")[figures.searches % 2])
        whole = f"whole{figures.searches % 2}"
        began = time.monotonic()
        finding = asked.json(*WORDS, "--results", whole)
        longest_s = max(longest_s, time.monotonic() - began)
        expected = outcomes(finding)
        counted = Counter(run["version"] for run in stored(bisect.folder / whole, "measurement"))
        # How often a side is confirmed follows from what else was known by then.
        sides = [side for _, *both in changes(finding) for side in both]
        counted |= Counter(sides * MOST_OF_A_SIDE)
        results = f"killed{figures.searches}"
        known: dict[str, str] = {}
        over = False
        while not over and not enough():
            over = _killed(asked, results, at_once, moments.uniform(0.1, 1.0) * longest_s, figures)
            found = dict(_lines(bisect.folder / results))
            figures.lost += len(known.keys() - found.keys())
            figures.changed += sum(found.get(name, text) != text for name, text in known.items())
            known = found
        last = asked("--format", "json", *WORDS, "--results", results)
        figures.wrong_answers += outcomes(last.finding) != expected
        warnings = [line for line in last.errors.splitlines() if line.startswith("warning: ")]
        figures.unreadable += sum("is cut off" not in line for line in warnings)
        runs = Counter(version for version, _ in _runs(bisect.folder / results))
        figures.made_twice += (runs - counted).total()
        figures.runs += runs.total()
        figures.searches += 1
    return figures


def _killed(bisect: Command, results: str, at_once: int, after_s: float, figures: Figures) -> bool:
    """Start drivers and kill them a while later; return whether one had ended by then."""
    drivers = [bisect.start(*WORDS, "--results", results) for _ in range(at_once)]
    with suppress(subprocess.TimeoutExpired):
        drivers[0].wait(after_s)
    over = any(driver.poll() is not None for driver in drivers)
    figures.with_runs_under_way += bool(bisect.left_folders())
    for driver in drivers:
        driver.kill()
    began = time.monotonic()
    figures.kills += at_once
    while left := bisect.left_processes():
        if time.monotonic() - began > HANG_S:
            raise AssertionError(left)
        time.sleep(0.02)
    left_s = time.monotonic() - began
    figures.left_running += left_s > LEFT_S
    figures.longest_left_s = round(max(figures.longest_left_s, left_s), 2)
    for driver in drivers:
        driver.communicate(timeout=HANG_S)
    return over


def _lines(results: Path) -> Iterator[tuple[str, str]]:
    """Yield each complete line below a folder by its digest; a torn one is yet nobody's."""
    for path in sorted(results.rglob("*.jsonl")):
        *lines, _ = path.read_text(encoding="utf-8", errors="replace").split("\n")
        for line in lines:
            with suppress(ValueError):
                yield json.loads(line)["digest"], line


def _runs(results: Path) -> Iterator[tuple[str, str]]:
    for digest, text in dict(_lines(results)).items():
        line = json.loads(text)
        if line["schema"].startswith("bisector/measurement/"):
            yield line["data"]["version"], digest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, LocalIndex() as index:
        index.add(plain("spam", "g" * 10 + "b" * 8 + "g" * 6))
        figures = campaign(Command(Path(name), index.url), given.kills, given.at_once, given.seed)
    for what, figure in asdict(figures).items():
        print(f"{what.replace('_', ' '):20} {figure}")


if __name__ == "__main__":
    main()
