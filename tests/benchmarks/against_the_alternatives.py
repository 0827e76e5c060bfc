"""Prints what searching costs beside what one would do instead, as medians and paired ratios.

``python tests/benchmarks/against_the_alternatives.py [--quick] [--only SECTION] [--write]``

The variants of a section are taken in turns, A B A B. All make the same decisions: the releases
that our search with one job measured, in its order, the confirmations and pre-releases included.
It needs the real index. ``--write`` puts the tables into the README.md beside this file.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

from local_index import LocalIndex
from uv import find_uv_bin
from wheels import history

from bisector import settings
from bisector.environment import interpreter, venv
from bisector.model import Measurement, Probe
from bisector.session.from_store import findings
from bisector.store.runs import Store

README = Path(__file__).with_name("README.md")
REGRESSIONS = (
    "iobase_payload",
    "textio_payload",
    "request_cycle[idle]",
    "empty_payload_reuse[bytesio-length]",
)
TABLE = (
    *REGRESSIONS,
    "empty_payload_reuse[file-length]",
    "payload_read_size[binary]",
    "payload_read_size[text]",
    "payload_truncation[bytes]",
    "payload_truncation[file]",
    "payload_truncation[text]",
    "request_cycle[close]",
    "request_cycle[raise]",
    "request_cycle[reuse]",
    "aiohttp_chunk_size[large]",
    "aiohttp_download_whole[read]",
    "aiohttp_unread_body[after_exit]",
)
# Runs the command in this very process, then notes its own high-water mark (see DESIGN, rule 6).
WATCHED = """
import pathlib, re, runpy, sys
try:
    runpy.run_module("bisector", run_name="__main__", alter_sys=True)
finally:
    told = pathlib.Path("/proc/self/status").read_text()
    pathlib.Path(PEAK).write_text(re.search(r"VmHWM:\\s+(\\d+) kB", told)[1])
"""

SLEEPING = """# /// script
# dependencies = ["spam"]
# [tool.bisector]
# package = "spam"
# ///
'Takes its time.'
import json, time
import spam
time.sleep(SECONDS)
print(json.dumps({"bisector": 1, "outcome": "good" if spam.GOOD else "bad", "reason": ""}))
"""

ANSWER_ALONE = ("--assure", "0", "--no-attribution")
"""What nobody does in a loop by hand is left out: assuring, and asking whose fault it is."""

Variant = Callable[[], float]
"""Takes one turn and returns its seconds, without what had to be laid out for it."""


@dataclass(frozen=True)
class Decision:
    """One run that a search made: the release, and all that was installed for it."""

    version: str
    installed: tuple[str, ...]


@dataclass
class Bench:
    """What all sections share: a folder, caches filled once, how often to go round."""

    folder: Path
    rounds: int
    quick: bool
    patience_s: float = 0.0
    disturbed: list[float] = field(default_factory=list)
    index_url: str = ""
    peak_bytes: int = 0
    ready: dict[Decision, venv.Environment] = field(default_factory=dict)

    def environ(self, cache: str) -> dict[str, str]:
        """The caller's variables but Python's own, with every cache in one folder of ours."""
        root = self.folder / cache
        named = {"XDG_CACHE_HOME": root, "UV_CACHE_DIR": root / "uv", "PIP_CACHE_DIR": root / "pip"}
        index = {"UV_DEFAULT_INDEX": self.index_url, "PIP_INDEX_URL": self.index_url}
        return {
            **{n: value for n, value in os.environ.items() if not n.startswith("PYTHON")},
            **{name: str(path) for name, path in named.items()},
            **(index if self.index_url else {}),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }

    def bisect(self, *words: str, results: Path, cache: str = "warm") -> float:
        """The seconds of one command of ours."""
        peak = self.folder / "peak"
        index = ["--index-url", self.index_url] if self.index_url else []
        code = WATCHED.replace("PEAK", repr(str(peak)))
        command = [sys.executable, "-c", code, *words, *index, "--results", str(results)]
        began = time.perf_counter()
        done = subprocess.run(command, env=self.environ(cache), capture_output=True, text=True)
        seconds = time.perf_counter() - began
        if done.returncode not in (0, 1, 3):
            raise SystemExit(done.stderr)
        self.peak_bytes = 1024 * int(peak.read_text())
        return seconds

    def search(self, wanted: str, jobs: int | None, cache: str = "warm") -> tuple[float, Path]:
        """The seconds of one search from nothing measured, and where its results are."""
        results = self.folder / "results"
        self.set_aside(results)
        at_once = [] if jobs is None else ["--jobs", str(jobs)]
        words = ["--probe", wanted, *ANSWER_ALONE, *at_once]
        return self.bisect(*words, results=results, cache=cache), results

    def wait(self) -> None:
        """Wait until others leave nine tenths of the machine alone, while patience lasts."""
        while self.patience_s > 0:
            before = others_s()
            time.sleep(1)
            if others_s() - before < 0.1 * (os.cpu_count() or 1):
                return
            self.patience_s -= 1

    def cold(self) -> str:
        """The name of a cache that has nothing in it."""
        return Path(tempfile.mkdtemp(prefix="cold-", dir=self.folder)).name

    def set_aside(self, made: Path) -> None:
        """Take what is of no use any more out of the way.

        Not deleted: on some file systems that makes files dearer for a while, for who comes next.
        """
        if made.exists():
            made.rename(Path(tempfile.mkdtemp(dir=self.folder)) / made.name)


class Loops:
    """The same decisions, made by what one would do instead."""

    def __init__(self, bench: Bench, wanted: Probe, decisions: Sequence[Decision]) -> None:
        self.bench = bench
        self.package = wanted.package
        self.decisions = decisions
        self.folder = Path(tempfile.mkdtemp(dir=bench.folder))
        self.script = self.folder / f"{wanted.name}.py"
        self.script.write_text(wanted.text)
        if wanted.companion:
            (self.folder / "probekit.py").write_text(wanted.companion)
        self.words = [str(self.script), *([wanted.case] if wanted.case else [])]

    def uv_run(self, cache: str = "warm") -> float:
        """`uv run --with`: wheels are cached, but no environment is yet."""
        for made in (self.bench.folder / cache / "uv").glob("environments-*"):
            self.bench.set_aside(made)
        command = [find_uv_bin(), "run", "--no-project", "--quiet", "--python", sys.executable]
        runs = [
            [*command, "--with", f"{self.package}=={decision.version}", *self.words]
            for decision in self.decisions
        ]
        return self._timed(runs, cache)

    def venv_and_pip(self) -> float:
        """`python -m venv` and pip, its cache filled: the time of a few runs, multiplied."""
        sample = self.decisions[:4]
        place = self.folder / "venv"
        python = place / "bin" / "python"
        seconds = 0.0
        for decision in sample:
            wanted = f"{self.package}=={decision.version}"
            install = [str(python), "-m", "pip", "install", "--quiet", wanted]
            seconds += self._timed(
                [[sys.executable, "-m", "venv", str(place)], install, [str(python), *self.words]]
            )
            self.bench.set_aside(place)
        return seconds * len(self.decisions) / len(sample)

    def bare(self, *, compiled: bool = True) -> float:
        """The probe alone in environments that are ready; or but for the bytecode, as new ones."""
        seconds = 0.0
        for made in map(self._ready, self.decisions):
            for folder in [] if compiled else [*made.site_packages.rglob("__pycache__")]:
                self.bench.set_aside(folder)
            seconds += self._timed([[str(made.python), *self.words]])
        return seconds

    def compile(self) -> None:
        """Run in each environment once, so that its bytecode is there."""
        new = [one for one in dict.fromkeys(self.decisions) if one not in self.bench.ready]
        self._timed([str(self._ready(one).python), *self.words] for one in new)

    def _ready(self, decision: Decision) -> venv.Environment:
        ready = self.bench.ready
        if decision not in ready:
            place = self.bench.folder / "ready" / f"{decision.version}-{len(ready)}"
            made = venv.make(place, interpreter.find(None))
            command = [find_uv_bin(), "pip", "install", "--quiet", "--python", str(made.python)]
            command += ["--no-deps", *decision.installed]
            subprocess.run(command, env=self.bench.environ("warm"), check=True)
            ready[decision] = made
        return ready[decision]

    def _timed(self, commands: Iterable[Sequence[str]], cache: str = "warm") -> float:
        environ = self.bench.environ(cache) | {"PYTHONPATH": ""}
        began = time.perf_counter()
        for command in commands:
            subprocess.run(command, env=environ, cwd=self.folder, capture_output=True)
        return time.perf_counter() - began


def searches(results: Path) -> list[tuple[Probe, list[Decision]]]:
    """The probes below a results folder, and the runs of each in the order of their start."""
    found = []
    for finding in Store(results).searches():
        runs = sorted(finding.measurements, key=lambda run: run.started)
        found.append((finding.probe, [decision(run) for run in runs]))
    return found


def measurements(results: Path) -> list[Measurement]:
    """The runs that the searches below a results folder kept."""
    return [run for finding in Store(results).searches() for run in finding.measurements]


def decision(run: Measurement) -> Decision:
    """The release that a run was made of, and all that was installed for it."""
    return Decision(str(run.version), tuple(f"{one.name}=={one.version}" for one in run.installed))


class Turn(NamedTuple):
    """What one turn took: seconds, and processor seconds of all its processes."""

    seconds: float
    cpu_s: float


Turns = Mapping[str, Sequence[Turn]]


def take_turns(variants: Mapping[str, Variant], bench: Bench) -> Turns:
    """The turns of each variant, A B A B, each when nobody else needs the machine."""
    turns: dict[str, list[Turn]] = {name: [] for name in variants}
    for _ in range(bench.rounds):
        for name, take in variants.items():
            bench.wait()
            began, others, own = time.perf_counter(), others_s(), own_s()
            seconds = take()
            turns[name].append(Turn(seconds, own_s() - own))
            share = (others_s() - others) / (time.perf_counter() - began) / (os.cpu_count() or 1)
            bench.disturbed.append(share)
            print(f"  {name}: {seconds:.2f} s ({share:.0%})", file=sys.stderr)
    return turns


def own_s() -> float:
    """The processor seconds that this benchmark and all that it waited for have used so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def others_s() -> float:
    """The processor seconds that everybody but this benchmark has used so far."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    busy_s = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
    return busy_s - own_s()


def ratio(one: Sequence[Turn], other: Sequence[Turn]) -> float:
    """The median of the ratios of turns taken in the same round."""
    return statistics.median(a.seconds / b.seconds for a, b in zip(one, other, strict=True))


def rows(turns: Turns, base: str) -> Iterator[list[str]]:
    """A row for each variant: what it took, and how many times the base's seconds that is."""
    for name, taken in turns.items():
        seconds = statistics.median(turn.seconds for turn in taken)
        cpu_s = statistics.median(turn.cpu_s for turn in taken)
        yield [name, f"{seconds:.2f}", f"{ratio(taken, turns[base]):.2f}", f"{cpu_s:.2f}"]


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first hold figures."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def compared(bench: Bench, wanted: str, *, whole: bool, cold: bool = False) -> str:
    """One search beside the alternatives; the ``whole`` of them, or those that tell most."""
    bench.search(wanted, 1)
    _, results = bench.search(wanted, 1)
    [(found, decisions)] = searches(results)
    stored = bench.folder / "stored"
    bench.set_aside(stored)
    results.rename(stored)
    loops = Loops(bench, found, decisions)
    loops.compile()

    probes_s: list[float] = []

    def seconds_of(jobs: int | None) -> float:
        seconds, kept = bench.search(wanted, jobs)
        if jobs == 2:
            walls = [run.wall_s for run in measurements(kept)]
            probes_s.append(sum(walls) / 2)
        return seconds

    def uncompiled() -> float:
        bench.set_aside(bench.folder / "warm" / "bisector" / "bytecode")
        return seconds_of(None)

    bare, run = "bare probes", "warm, default jobs"
    new = "bare probes, bytecode to compile"
    variants: dict[str, Variant] = {
        new: partial(loops.bare, compiled=False),
        bare: loops.bare,
        "warm, --jobs 1": partial(seconds_of, 1),
        "warm, --jobs 2": partial(seconds_of, 2),
        run: partial(seconds_of, None),
        "`uv run --with` loop": loops.uv_run,
    }
    if whole:
        loops.venv_and_pip()
        variants |= {
            "warm, --jobs 4": partial(seconds_of, 4),
            "warm, bytecode to compile": uncompiled,
            "stored": lambda: bench.bisect("--probe", wanted, *ANSWER_ALONE, results=stored),
            "venv and pip loop": loops.venv_and_pip,
        }
    if cold:
        variants |= {
            "cold, default jobs": lambda: bench.search(wanted, None, bench.cold())[0],
            "`uv run --with` loop, cold": lambda: loops.uv_run(bench.cold()),
        }
    turns = take_turns(variants, bench)
    one = turns["warm, --jobs 1"]
    beyond = [a.seconds - 1.15 * b.seconds for a, b in zip(one, turns[bare], strict=True)]
    said = (
        f"One job takes {ratio(one, turns[bare]):.2f} times the bare probes "
        f"({statistics.median(beyond):+.2f} s from 1.15 times them), {ratio(one, turns[new]):.2f} "
        "times those that have their bytecode to compile; "
        f"two jobs {ratio(turns['warm, --jobs 2'], one):.2f} times one job, "
        f"{statistics.median(probes_s):.2f} s of them for the probes.\n"
    )
    lines = [
        f"`{wanted}`: {len(decisions)} runs of {len({d.version for d in decisions})} releases.\n",
        table(["variant", "median s", "times default jobs", "processor s"], rows(turns, run)),
        said,
    ]
    return "\n".join(lines)


def regressions(bench: Bench) -> str:
    """The regressions of aiohttp, over the real index."""
    names = REGRESSIONS[:1] if bench.quick else REGRESSIONS
    return "\n".join(
        compared(bench, name, whole=name == names[0], cold=name == names[0]) for name in names
    )


@contextmanager
def scripted(bench: Bench, seconds: float) -> Iterator[tuple[Bench, str]]:
    """A probe that takes that long, and 64 releases of a package on an index on loopback."""
    source = SLEEPING.replace("SECONDS", str(seconds))
    releases = {f"1.{n}": f"GOOD = {not 40 <= n < 55}" for n in range(64)}
    with LocalIndex() as index:
        index.add(history("spam", releases))
        script = bench.folder / "sleeping.py"
        script.write_text(source)
        yield dataclasses.replace(bench, index_url=index.url), str(script)


def fixed(bench: Bench) -> str:
    """A probe that sleeps, on an index on loopback: what is left is overhead."""
    parts = []
    for seconds in (0.05,) if bench.quick else (0.05, 5.0):
        with scripted(bench, seconds) as (local, script):
            local.rounds = bench.rounds if seconds < 1 else 1
            parts.append(compared(local, script, whole=seconds < 1))
            parts[-1] = parts[-1].replace(script, f"a probe of {seconds} s")
    return "\n".join(parts)


def tables(bench: Bench) -> str:
    """Tables of 1, 4 and 16 probes over aiohttp, beside their bare probes."""
    bench.search(TABLE[0], 1)  # fills the caches
    body: list[list[str]] = []
    for number in (1, 4) if bench.quick else (1, 4, 16):
        rounds = 1 if number > 1 else bench.rounds
        body += _table(dataclasses.replace(bench, rounds=rounds), TABLE[:number])
    return table(_TABLE_HEAD, body)


def catalogue(bench: Bench) -> str:
    """The whole catalogue of aiohttp, once, beside what its own runs took: it takes a while."""
    bench.search(TABLE[0], 1)  # fills the caches
    results, jobs = bench.folder / "catalogue", os.cpu_count() or 1
    bench.wait()
    seconds = bench.bisect("table", "--package", "aiohttp", "--jobs", str(jobs), results=results)
    runs = measurements(results)
    share = sum(run.wall_s for run in runs) / jobs
    figures = [f"{seconds:.0f}", f"{share:.0f}", f"{seconds / share:.2f}"]
    memory = f"{bench.peak_bytes / 2**20:.0f}"
    return table(_TABLE_HEAD, [["all", str(len(runs)), str(jobs), *figures, memory]])


_TABLE_HEAD = [
    "probes",
    "runs",
    "jobs",
    "median s",
    "bare s / jobs",
    "times bare / jobs",
    "driver MiB",
]


def _table(bench: Bench, names: Sequence[str]) -> Iterator[list[str]]:
    results = bench.folder / "table"
    chosen = [word for name in names for word in ("--probe", name)]

    def ours(jobs: int) -> float:
        bench.set_aside(results)
        return bench.bisect("table", *chosen, "--jobs", str(jobs), results=results)

    for jobs in (1, 2, 4) if len(names) <= 4 else (2,):
        taken: list[float] = []
        bare: list[float] = []
        for _ in range(bench.rounds):
            bench.wait()
            taken.append(ours(jobs))
            # What it ran differs a little from turn to turn where several jobs are at it.
            loops = [Loops(bench, found, decisions) for found, decisions in searches(results)]
            for loop in loops:
                loop.compile()
            seconds = sum(loop.bare() for loop in loops)
            bare.append(seconds / min(jobs, os.cpu_count() or 1))
            print(f"  --jobs {jobs}: {taken[-1]:.1f} s, bare {bare[-1]:.1f} s", file=sys.stderr)
        yield [
            str(len(names)),
            str(sum(len(loop.decisions) for loop in loops)),
            str(jobs),
            f"{statistics.median(taken):.1f}",
            f"{statistics.median(bare):.1f}",
            f"{statistics.median(a / b for a, b in zip(taken, bare, strict=True)):.2f}",
            f"{bench.peak_bytes / 2**20:.0f}",
        ]


def stored(bench: Bench) -> str:
    """An answer from what is stored, `--help`, and the driver's memory."""
    body = []
    peaks: dict[str, int] = {}
    with scripted(bench, 0.05) as (local, script):
        _, results = local.search(script, 2)
        folders = {}
        for number in (100, 1_000) if bench.quick else (100, 1_000, 10_000):
            folders[number] = bench.folder / f"stored-{number}"
            _multiply(results, folders[number], number, local.folder / "warm" / "bisector")

        def answer(number: int) -> float:
            words = ("--probe", script, *ANSWER_ALONE)
            seconds = local.bisect(*words, results=folders[number])
            peaks[f"{number:,} stored"] = local.peak_bytes
            return seconds

        def imports() -> float:
            began = time.perf_counter()
            command = [sys.executable, "-m", "bisector", "--help"]
            subprocess.run(command, env=bench.environ("warm"), capture_output=True, check=True)
            return time.perf_counter() - began

        def python() -> float:
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", "pass"], env=bench.environ("warm"), check=True)
            return time.perf_counter() - began

        commands = {"`python -c pass`": python, "`bisect --help`": imports}
        commands |= {f"{number:,} stored": partial(answer, number) for number in folders}
        python()
        imports()
        turns = take_turns(commands, local)
    for name, taken in turns.items():
        peak = f"{peaks[name] / 2**20:.0f}" if name in peaks else ""
        median_s, cpu_s = (statistics.median(figures) for figures in zip(*taken, strict=True))
        body.append([name, f"{median_s:.3f}", f"{cpu_s:.3f}", peak])
    return table(["command", "median s", "processor s", "driver MiB"], body)


def _multiply(results: Path, folder: Path, number: int, cache: Path) -> None:
    """Fill a store with so many runs of all the releases, as if each had been measured."""
    store = Store(folder, cache)
    (searched,) = Store(results).searches()
    shutil.rmtree(folder, ignore_errors=True)
    sample = list({run.version: run for run in searched.measurements}.values())
    with mock.patch("os.fsync"):
        for n in range(number):
            run = sample[n % len(sample)]
            again = dataclasses.replace(run, started=f"{run.started}#{n}")
            store.save(searched.probe, searched.conditions, again)


def why(bench: Bench) -> str:
    """`bisect why` between the two sides of a change, beside four bare runs of the probe."""
    body = []
    for name in REGRESSIONS[:1] if bench.quick else REGRESSIONS:
        _, results = bench.search(name, 1)
        [finding] = findings(Store(results))
        change = finding.transitions[0]
        sides = [decision(finding.runs[side][0]) for side in (change.before, change.after)]
        loops = Loops(bench, finding.probe, [*sides, *sides])
        loops.compile()
        words = ("why", "--probe", name, str(change.before), str(change.after))
        turns = take_turns(
            {
                "bare": loops.bare,
                "why": partial(_explained, bench, words),
            },
            bench,
        )
        beyond = [a.seconds - b.seconds for a, b in zip(turns["why"], turns["bare"], strict=True)]
        body.append(
            [
                f"`{name}` {change.before} → {change.after}",
                *(f"{statistics.median(t.seconds for t in turns[n]):.2f}" for n in ("bare", "why")),
                f"{ratio(turns['why'], turns['bare']):.2f}",
                f"{statistics.median(beyond):+.2f}",
            ]
        )
    head = ["between", "four bare probe runs, s", "`bisect why`, s", "times", "beyond them, s"]
    return table(head, body)


def _explained(bench: Bench, words: Sequence[str]) -> float:
    return bench.bisect(*words, results=Path(tempfile.mkdtemp(dir=bench.folder)))


def machine() -> str:
    """What this ran on, by its kind."""
    said = Path("/proc/cpuinfo").read_text() if sys.platform == "linux" else ""
    model = re.search(r"model name\s*: (.*)", said)
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    uv = subprocess.run([find_uv_bin(), "--version"], capture_output=True, text=True).stdout
    return (
        f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, "
        f"{memory_gib:.0f} GiB, {platform.system()} {platform.release().split('-')[0]}, "
        f"{platform.python_implementation()} {platform.python_version()}, uv {uv.split()[1]}.\n"
    )


SECTIONS = {
    "regressions": regressions,
    "fixed": fixed,
    "tables": tables,
    "catalogue": catalogue,
    "stored": stored,
    "why": why,
}


def write(name: str, text: str) -> None:
    """Put a section between its two marks in the README."""
    mark = f"<!-- {name} -->\n"
    told = README.read_text(encoding="utf-8")
    before, _, rest = told.partition(mark)
    after = rest.partition("<!-- end -->")[2]
    README.write_text(f"{before}{mark}\n{text}\n<!-- end -->{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=SECTIONS, metavar="SECTION")
    parser.add_argument("--quick", action="store_true", help="one round of the least")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--patience", type=float, default=0.0, metavar="S", help="wait for a quiet machine so long"
    )
    parser.add_argument("--write", action="store_true", help="the tables into README.md")
    options = parser.parse_args()
    beside = settings.cache_dir().parent
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=beside) as name:
        rounds = 1 if options.quick else options.rounds
        bench = Bench(Path(name), rounds, options.quick, options.patience)
        told = {"machine": machine()}
        for section in options.only or SECTIONS:
            print(section, file=sys.stderr)
            bench.disturbed.clear()
            told[section] = SECTIONS[section](bench)
            if bench.disturbed:
                share = statistics.mean(bench.disturbed)
                told[section] += f"\nOthers took {share:.0%} of the processors meanwhile.\n"
            print(told[section])
            if options.write:
                write(section, told[section])
        if options.write:
            write("machine", told["machine"])


if __name__ == "__main__":
    main()
