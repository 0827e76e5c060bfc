"""How often a step is named that is none, and how often one is found, and what that costs.

The search itself is given numbers: synthetic ones with heavy tails, and those of this machine,
recorded once while another process was at work (`--record`). `--real` searches real releases.

    python tests/benchmarks/steps.py --series 1000
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import Any

from bisector.search.stepping import Stepping

sys.path.insert(0, str(Path(__file__).parent.parent))

RECORDED = Path(__file__).parent / "machine_noise.json"
STEPS = (0.02, 0.05, 0.1, 0.25)
MOST_RUNS = 2000

Noise = Callable[[int], float]
"""The factor by which a run is off, by its number in the search."""


def heavy(random: Random, deviation: float) -> Noise:
    """Return normal noise of which every tenth run takes much longer."""

    def factor(_: int) -> float:
        late = abs(random.gauss(0, 5 * deviation)) if random.random() < 0.1 else 0.0
        return math.exp(random.gauss(0, deviation) + late)

    return factor


def recorded(random: Random, numbers: Sequence[float]) -> Noise:
    """Return what was recorded, from anywhere on and in order, so that drift stays drift."""
    start = random.randrange(len(numbers))
    level = median(numbers)
    return lambda run: numbers[(start + run) % len(numbers)] / level


def drifting(random: Random, deviation: float) -> Noise:
    """Return normal noise on a machine that slows down by a tenth over 100 runs, then recovers."""
    phase = random.random()
    return lambda run: math.exp(
        random.gauss(0, deviation) + 0.05 * math.sin(2 * math.pi * (phase + run / 200))
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """One search: its runs, whether the step was found, whether one was named that is none.

    It ``covers`` the step where the interval does.
    """

    runs: int
    found: bool
    false: bool
    undecided: bool
    covers: bool


def search(size: int, place: int, factor: float, noise: Noise, confidence: float) -> Answer:
    """Return what a search finds of a series that steps by a factor before a ``place``."""
    stepping = Stepping(size, confidence)
    runs = 0
    while runs < MOST_RUNS and (wanted := stepping.next(0, assure=False)):
        level = factor if wanted.position >= place else 1.0
        stepping.add(wanted.position, 100 * level * noise(runs))
        runs += 1
    verdicts = stepping.verdicts()
    accepted = [v for v in verdicts if v.accepted]
    sides = (place - 1, place) if factor != 1 else None
    right = [v for v in accepted if (v.place.before, v.place.after) == sides]
    covers = bool(right) and right[0].step[1] <= math.log(factor) <= right[0].step[2]
    named = [v for v in accepted if not v.place.drift]
    suspected = any(v.suspected for v in verdicts)
    return Answer(runs, bool(right), len(named) > len(right), suspected, covers)


def cell(
    count: int, seed: int, name: str, size: int, step: float, confidence: float
) -> list[Answer]:
    """Return the answers over so many series of one kind of noise, up and down by turns."""
    answers = []
    for number in range(count):
        random = Random(f"{seed} {name} {size} {step} {number}")
        noise = KINDS[name](random)
        place = random.randrange(1, size)
        factor = 1 + step if number % 2 else 1 / (1 + step)
        answers.append(search(size, place, factor, noise, confidence))
    return answers


def _of_machine(metric: str) -> Callable[[Random], Noise]:
    return lambda random: recorded(random, _recorded()[metric])


def _recorded() -> dict[str, list[float]]:
    found: dict[str, list[float]] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return found


KINDS: dict[str, Callable[[Random], Noise]] = {
    "synthetic 0.2%": lambda random: heavy(random, 0.002),
    "synthetic 2%": lambda random: heavy(random, 0.02),
    "synthetic 5%": lambda random: heavy(random, 0.05),
    "drifting 2%": lambda random: drifting(random, 0.02),
    "peak memory here": _of_machine("peak_memory_bytes"),
    "CPU time here": _of_machine("cpu_seconds"),
    "time here": _of_machine("seconds"),
}


def columns(answers: Sequence[Answer], *, flat: bool) -> str:
    """Return what came of some searches, as the cells of a table."""
    runs = sorted(answer.runs for answer in answers)
    p95 = runs[min(len(runs) - 1, int(0.95 * len(runs)))]
    false = 1000 * mean(answer.false for answer in answers)
    found = "" if flat else f"{mean(answer.found for answer in answers):.3f}"
    right = [answer for answer in answers if answer.found]
    covers = f"{mean(answer.covers for answer in right):.2f}" if right else ""
    undecided = mean(answer.undecided for answer in answers)
    return f"{found} | {false:.0f} | {undecided:.2f} | {covers} | {mean(runs):.0f} | {p95}"


@contextmanager
def at_work() -> Iterator[None]:
    """Keep another process at work: it compiles the standard library's largest modules."""
    busy = "import json, decimal, pathlib, typing\nwhile 1:\n for m in (json, typing, pathlib):\n"
    busy += "  compile(open(m.__file__).read(), 'x', 'exec')"
    process = subprocess.Popen([sys.executable, "-c", busy])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def record(releases: int) -> None:
    """Record what runs of so many releases that are alike take, in the order of the runs."""
    with tempfile.TemporaryDirectory() as folder, at_work():
        finding = _asked(Path(folder), [12] * releases, "cpu_seconds", "--exhaustive")
    runs = sorted(finding["measurements"], key=lambda run: datetime.fromisoformat(run["started"]))
    names = ("peak_memory_bytes", "cpu_seconds", "seconds")
    told = {name: [run[name] for run in runs] for name in names}
    RECORDED.write_text(json.dumps(told).replace("],", "],\n") + "\n", encoding="utf-8")


def _asked(folder: Path, sizes: Sequence[float], metric: str, *words: str) -> dict[str, Any]:
    """Return what the command finds among releases that take memory and time by their size."""
    from e2e.command import Command
    from e2e.projects import release
    from local_index import LocalIndex

    source = "BALLAST = b'x' * int({0} * (1 << 20))\nfor number in range(int({0} * 150_000)): pass"
    with LocalIndex() as index:
        index.add(
            [
                release("spam", f"1.{number}", source.format(size), day=number)
                for number, size in enumerate(sizes)
            ]
        )
        ask = Command(folder, index.url)
        command = ("--package", "spam", *words, "--", "python", "-c", "import spam")
        done = subprocess.run(
            ask.words("--format", "json", "--metric", metric, *command),
            cwd=folder,
            env=ask.surroundings({}),
            stdout=subprocess.PIPE,
            check=False,
        )
    finding: dict[str, Any] = json.loads(done.stdout)
    return finding


def real(count: int, metric: str, step: float) -> None:
    """Print how many of so many real steps the command finds, with another process at work."""
    found = wrong = runs = 0
    for number in range(count):
        random = Random(f"{metric} {step} {number}")
        size = 12
        place = random.randrange(1, size)
        # What an empty interpreter takes is there on both sides.
        own = {"peak_memory_bytes": 10.0, "cpu_seconds": 2.0}[metric]
        larger = (20 + own) * (1 + step) - own
        sizes = [20.0 if position < place else larger for position in range(size)]
        with tempfile.TemporaryDirectory() as folder, at_work():
            finding = _asked(Path(folder), sizes, metric, "--assure", "0")
        named = [one["after"] for one in finding["steps"]]
        found += f"1.{place}" in named
        wrong += any(one != f"1.{place}" for one in named)
        runs += len(finding["measurements"])
        print(f"| {metric} | {step:.0%} | {number + 1} | {found} | {wrong} | {runs}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=1000, metavar="N", help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 300], metavar="N")
    parser.add_argument("--steps", type=float, nargs="+", default=[0, *STEPS], metavar="SHARE")
    parser.add_argument("--levels", type=float, nargs="+", default=[0.95, 0.99])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), metavar="NOISE")
    parser.add_argument("--record", type=int, metavar="N", help="record it from N releases anew")
    parser.add_argument("--real", nargs=3, metavar=("N", "METRIC", "SHARE"))
    options = parser.parse_args(arguments)
    if options.record:
        return record(options.record)
    if options.real:
        count, metric, share = options.real
        return real(int(count), metric, float(share))
    head = "noise | N | step | level | found | false in 1,000 | undecided | covers | runs | p95"
    print(f"| {head} |\n| --- | ---: | ---: | ---: |{' ---: |' * 6}")
    for name in options.kinds:
        for size in options.sizes:
            for step in options.steps:
                for level in options.levels:
                    answers = cell(options.series, options.seed, name, size, step, level)
                    told = columns(answers, flat=not step)
                    print(f"| {name} | {size} | {step:.0%} | {level} | {told} |", flush=True)
    return None


if __name__ == "__main__":
    main()
