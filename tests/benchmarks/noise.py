"""How often a search that says "95 % sure" is right, and what that costs, where runs may be wrong.

Simulated histories are searched by the search itself, from nothing, until it is as sure as is
asked; one history serves all three levels. Beside it stand git_bayesect, where it is installed,
and a plain bisection with 1, 2 and 4 runs of each release. ``--picture`` draws what was said
against what was true; ``--unseen`` prints what "no change" excludes, and bounds of that.

    python tests/benchmarks/noise.py --histories 400 --beside
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import mean

from bisector.finding import Kind
from bisector.model import Outcome
from bisector.search import noise, weighing
from bisector.search.assessment import Assessment
from bisector.search.stages import Question, Stage

PAIRS = ((1, 0), (0.95, 0.05), (0.9, 0.1), (0.8, 0.2), (0.7, 0.3), (0.5, 0), (0.3, 0), (0.5, 0.05))
"""P(bad | bad release) and P(bad | good release)."""

LEVELS = (0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class World:
    """Which releases are bad, which can't be tested, and how often runs of either kind are bad."""

    bad: tuple[bool, ...]
    untestable: frozenset[int]
    pair: tuple[float, float]

    def run(self, position: int, random: Random) -> Outcome:
        """Return the outcome of one run."""
        if position in self.untestable:
            return Outcome.UNTESTABLE
        failed = random.random() < self.pair[0 if self.bad[position] else 1]
        return Outcome.BAD if failed else Outcome.GOOD

    @property
    def changes(self) -> list[tuple[Kind, int]]:
        """The changes in order, each with the first position after it."""
        return [
            (Kind.INTRODUCED if self.bad[p] else Kind.FIXED, p)
            for p in range(1, len(self.bad))
            if self.bad[p] is not self.bad[p - 1]
        ]


@dataclass(frozen=True, slots=True)
class Answer:
    """One search at one level: its runs, whether it decided, is right, and how sure it says it is.

    It is right where each change that it states is one, and where it states one if there is one,
    unless what lies between two is no longer than it says may be unseen. ``stated`` is how many it
    states.
    Nothing is decided where there is one and no run showed anything of it: then all that is stated
    is how each run came out.
    """

    runs: int
    decided: bool
    right: bool
    said: float
    stated: int = 1
    unseen: int | None = None


def world(
    random: Random, size: int, changes: int, pair: tuple[float, float], holes: float
) -> World:
    """Return a history with so many changes anywhere; of two, what lies between them is bad."""
    places = sorted(random.sample(range(1, size), changes))
    first = changes != 2 and random.random() < 0.5
    bad = tuple((sum(place <= p for place in places) % 2 == 1) is not first for p in range(size))
    untestable = frozenset(p for p in range(size) if random.random() < holes)
    return World(bad, untestable, pair)


def search(
    world: World, random: Random, most: int, levels: Sequence[float] = LEVELS
) -> list[Answer]:
    """Return the answers of one search that is to be surer and surer."""
    question = Question(len(world.bad))
    observations: dict[int, list[Outcome]] = {}
    answers = []
    runs = 0
    for level in levels:
        while True:
            wanted = weighing.want(question, observations, level)
            if wanted is None or wanted.stage is Stage.ASSURE or runs == most:
                break
            observations.setdefault(wanted.position, []).append(world.run(wanted.position, random))
            runs += 1
        assessment = noise.weigh(question.size, observations, level)
        correct = right(world, assessment)
        outcomes = {outcome for some in observations.values() for outcome in some}
        seen = {Outcome.GOOD, Outcome.BAD} <= outcomes
        decided = assessment.settled and (seen or not world.changes)
        sure, stated = 1 - assessment.doubt, len(assessment.changes)
        answers.append(Answer(runs, decided, correct, sure, stated, assessment.unseen))
    return answers


def right(world: World, assessment: Assessment) -> bool:
    """Return whether what is stated is so."""
    stated = [
        any(kind is change.kind and change.before < place <= change.after for kind, place in truth)
        for truth in [world.changes]
        for change in assessment.changes
    ]
    places = [place for _, place in world.changes]
    unseen = len(places) == 2 and places[1] - places[0] <= (assessment.unseen or 0)
    return all(stated) and (bool(stated) is bool(places) or unseen)


def bound(size: int, pair: tuple[float, float], confidence: float) -> float:
    """Return the least mean number of runs that name one of ``size`` places (Burnashev)."""
    p, q = pair[1], 1 - pair[0]
    slope = (_entropy(p) - _entropy(q)) / (1 - p - q)
    capacity = (p * _entropy(q) - (1 - q) * _entropy(p)) / (1 - p - q) + math.log2(1 + 2**slope)
    error = 1 - confidence
    return (math.log2(size) - _entropy(error) - error * math.log2(size - 1)) / capacity


def missed(size: int, pair: tuple[float, float], runs: int) -> float:
    """Return the least share of windows of ``size`` releases that are taken for no change.

    Of windows with n runs inside, the rates p and q of bad and of good releases being known, it is
    the least x with kl(0.95, x) <= n kl(q, p), where "no change" is said 95 times in 100 if it is
    so, by the data processing inequality. The runs are spread evenly between the ends.
    """

    def least(inside: float) -> float:
        low, high = 1e-12, 0.95
        for _ in range(60):
            middle = (low + high) / 2
            possible = _divergence(0.95, middle) <= inside * _divergence(pair[1], pair[0])
            low, high = (low, middle) if possible else (middle, high)
        return high

    lengths = range(1, size - 1)
    windows = [size - 1 - length for length in lengths]
    shares = [least(runs * length / (size - 2)) for length in lengths]
    return sum(share * number for share, number in zip(shares, windows)) / sum(windows)


def told_apart(throughout: float, halves: tuple[float, float]) -> float:
    """Return the least mean number of runs that tell one rate from two, of half the releases each.

    Wrong in 5 of 100 either way (Wald, 1945).
    """
    told = mean(_divergence(throughout, half) for half in halves)
    return _divergence(0.95, 0.05) / told


def _divergence(p: float, q: float) -> float:
    """Return the Kullback-Leibler divergence of two rates, in nats."""
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def _entropy(p: float) -> float:
    return -p * math.log2(p) - (1 - p) * math.log2(1 - p) if 0 < p < 1 else 0.0


def cell(
    histories: int,
    seed: int,
    one: Callable[[World, Random], list[Answer]],
    size: int,
    changes: int,
    pair: tuple[float, float],
    holes: float,
) -> list[list[Answer]]:
    """Return the answers over so many histories, by level."""
    found = []
    for number in range(histories):
        random = Random(f"{seed} {size} {changes} {pair} {holes} {number}")
        found.append(one(world(random, size, changes, pair, holes), random))
    return [list(level) for level in zip(*found)]


def bayesect(world: World, random: Random) -> list[Answer]:
    """Return the answer of git_bayesect at 95 %; it takes the newest release first."""
    from git_bayesect import Bisector

    size = len(world.bad)
    bisector = Bisector([1.0 / size] * size)
    runs = 0
    while bisector.distribution.max() < 0.95 and runs < 1000:
        index = bisector.select()
        bisector.record(index, world.run(size - 1 - index, random) is Outcome.BAD)
        runs += 1
    place = size - 1 - int(bisector.distribution.argmax())
    sure = float(bisector.distribution.max())
    return [Answer(runs, sure >= 0.95, place in [p for _, p in world.changes], sure)]


def plain(repeats: int) -> Callable[[World, Random], list[Answer]]:
    """Return a bisection that takes a release for bad where one of so many runs of it is.

    It knows that there is one change, and which way it goes.
    """

    def one(world: World, random: Random) -> list[Answer]:
        low, high, runs = 0, len(world.bad) - 1, 0
        while high - low > 1:
            middle = (low + high) // 2
            bad = Outcome.BAD in [world.run(middle, random) for _ in range(repeats)]
            runs += repeats
            low, high = (low, middle) if bad is world.bad[-1] else (middle, high)
        return [Answer(runs, True, high in [place for _, place in world.changes], 1.0)]

    return one


def columns(answers: Sequence[Answer], least: float | None = None) -> str:
    """Return mean and 95th percentile of the runs, the share right and undecided, as cells."""
    runs = sorted(answer.runs for answer in answers)
    decided = [answer for answer in answers if answer.decided]
    accuracy = f"{mean(answer.right for answer in decided):.3f}" if decided else ""
    p95 = runs[min(len(runs) - 1, int(0.95 * len(runs)))]
    undecided = 1 - len(decided) / len(answers)
    told = f"{mean(runs):.1f} | {p95} | {accuracy} | {undecided:.2f}"
    return told + (f" | {mean(runs) / least:.1f}" if least else " |")


def exclusions(
    answers: Sequence[Answer], size: int, changes: int, pair: tuple[float, float]
) -> str:
    """Return what "no change" excludes, and how often answers are right with it and without.

    And which share states as many changes as there are.
    """
    decided = [answer for answer in answers if answer.decided]
    right = mean(answer.right for answer in decided)
    strict = mean(answer.right and bool(answer.stated) is bool(changes) for answer in decided)
    whole = mean(answer.stated == changes for answer in decided)
    lengths = sorted(answer.unseen for answer in decided if answer.unseen is not None)
    few, many = (lengths[int(q * len(lengths))] if lengths else "" for q in (0.1, 0.9))
    flaky = 0 < pair[1] < pair[0] < 1
    least = f"{missed(size, pair, size + 20):.3f}" if changes == 2 and flaky else ""
    return f"{right:.3f} | {strict:.3f} | {whole:.3f} | {len(lengths)} | {few} | {many} | {least}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, or write them into the page beside this script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--histories", type=int, default=400, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 128, 512], metavar="N")
    parser.add_argument("--changes", type=int, nargs="+", default=[0, 1, 2], metavar="K")
    parser.add_argument("--holes", type=float, nargs="+", default=[0, 0.1], metavar="SHARE")
    parser.add_argument("--pairs", type=int, nargs="+", default=range(len(PAIRS)), metavar="I")
    parser.add_argument("--rates", type=float, nargs=2, metavar=("BAD", "GOOD"), help="a pair")
    parser.add_argument("--unseen", action="store_true", help='print what "no change" excludes')
    parser.add_argument("--most", type=int, default=500, help="runs after which a search gives up")
    parser.add_argument("--level", type=float, nargs="+", default=LEVELS)
    parser.add_argument("--picture", type=Path, metavar="SVG", help="draw said against true")
    parser.add_argument("--beside", action="store_true", help="measure git_bayesect and plain ones")
    options = parser.parse_args(arguments)
    answers_by: dict[tuple[tuple[float, float], float], list[Answer]] = {}
    pairs = [tuple(options.rates)] if options.rates else [PAIRS[n] for n in options.pairs]
    cells = "runs | p95 | right | undecided | bound"
    if options.unseen:
        cells = "right | strictly | all | no change | unseen, 10% | 90% | missed at best"
        print(f".3 from .2 and .4 in halves: {told_apart(0.3, (0.2, 0.4)):.0f} runs at best\n")
    print(f"| N | changes | untestable | bad / good | level | {cells} |")
    print("| --- | --- | --- | --- | --- |" + " ---: |" * len(cells.split("|")))
    for size in options.sizes:
        for changes in options.changes:
            for holes in options.holes:
                for pair in pairs:
                    where = (size, changes, pair, holes)
                    head = f"| {size} | {changes} | {holes:.0%} | {pair[0]:g} / {pair[1]:g}"

                    def one(world: World, random: Random) -> list[Answer]:
                        return search(world, random, options.most, options.level)

                    found = cell(options.histories, options.seed, one, *where)
                    for level, answers in zip(options.level, found):
                        answers_by.setdefault((pair, level), []).extend(answers)
                        least = bound(size, pair, level) if changes else None
                        row = columns(answers, least)
                        if options.unseen:
                            row = exclusions(answers, size, changes, pair)
                        print(f"{head} | {level:.2f} | {row} |", flush=True)
                    if options.beside and changes == 1 and not holes:
                        for name, other in _others():
                            beside = cell(options.histories, options.seed, other, *where)[0]
                            print(f"{head} | {name} | {columns(beside)} |", flush=True)

    if options.picture:
        options.picture.write_text(picture(answers_by))


def picture(answers_by: Mapping[tuple[tuple[float, float], float], Sequence[Answer]]) -> str:
    """Return an SVG of the share right against what was said, by rates and level.

    A bar is the 95 % interval of a share (Wilson, 1927); on the line both are the same.
    """
    least, side, margin = 0.8, 400.0, 60.0

    def across(share: float) -> float:
        return margin + side * (max(share, least) - least) / (1 - least)

    def up(share: float) -> float:
        return 20 + side - side * (max(share, least) - least) / (1 - least)

    def text(x: float, y: float, words: str, anchor: str = "start") -> str:
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'

    found = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="620" height="480" font-size="13">',
        "<title>How sure an answer says it is, and how often it is right</title>",
        '<rect width="620" height="480" fill="white"/>',
        f'<path d="M{across(least)} {up(least)}L{across(1)} {up(1)}" stroke="grey"/>',
        text(across(0.9), 475, "said, mean", "middle"),
        text(10, 14, "right, of those decided"),
    ]
    for tick in (0.8, 0.85, 0.9, 0.95, 1.0):
        found.append(text(across(tick), 455, f"{tick:.2f}", "middle"))
        found.append(text(margin - 8, up(tick) + 4, f"{tick:.2f}", "end"))
        lines = f"M{margin} {up(tick):.1f}h{side}M{across(tick):.1f} 20v{side}"
        found.append(f'<path d="{lines}" stroke="#eee"/>')
    pairs = list(dict.fromkeys(pair for pair, _ in answers_by))
    for (pair, _), answers in answers_by.items():
        decided = [answer for answer in answers if answer.decided]
        if not decided:
            continue
        number = pairs.index(pair)
        colour = f"hsl({360 * number // len(pairs)} 70% 40%)"
        share = mean(answer.right for answer in decided)
        x = across(mean(answer.said for answer in decided)) + 1.5 * (number - len(pairs) / 2)
        low, high = interval(share, len(decided))
        found.append(f'<path d="M{x:.1f} {up(low):.1f}V{up(high):.1f}" stroke="{colour}"/>')
        found.append(f'<circle cx="{x:.1f}" cy="{up(share):.1f}" r="3" fill="{colour}"/>')
    for number, pair in enumerate(pairs):
        colour = f"hsl({360 * number // len(pairs)} 70% 40%)"
        y = 40 + 20 * number
        found.append(f'<circle cx="490" cy="{y - 4}" r="4" fill="{colour}"/>')
        found.append(text(502, y, f"{pair[0]:g} / {pair[1]:g}"))
    return "\n".join([*found, "</svg>\n"])


def interval(share: float, number: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of so many (Wilson, 1927)."""
    z = 1.96
    middle = (share + z * z / 2 / number) / (1 + z * z / number)
    half = math.sqrt(share * (1 - share) / number + z * z / 4 / number**2) * z
    half /= 1 + z * z / number
    return middle - half, middle + half


def _others() -> Iterable[tuple[str, Callable[[World, Random], list[Answer]]]]:
    for repeats in (1, 2, 4):
        yield f"plain, {repeats}", plain(repeats)
    try:
        import git_bayesect  # noqa: F401  # whether it is installed
    except ImportError:
        return
    yield "git_bayesect", bayesect


if __name__ == "__main__":
    main()
