"""Findings as real searches leave them, made by hand: what pages and pictures are tried with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from random import Random

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector.finding import Finding, Kind, Transition
from bisector.model import (
    Conditions,
    Distribution,
    Excluded,
    Interpreter,
    Measurement,
    Outcome,
    Plan,
    Probe,
    ProcessPeak,
    Reason,
    Release,
    Signature,
)
from bisector.search.knowledge import Knowledge, Options
from bisector.search.releases import Releases
from bisector.series import Level, Series, Step

MIB = 1024 * 1024
FIRST = datetime(2023, 7, 31, tzinfo=timezone.utc)
HOSTILE = (
    "<img src=x onerror=\"document.title='broken out'\"></script><script>throw 1</script>"
    "<!-- ]]> &amp; | a\nb\r\x1b[31mred\x1b[0m \u202eback \u2028 \udcff \ufffe " + "long" * 500
)

CONDITIONS = Conditions(
    interpreter=Interpreter("python3", "3.11.7", "cpython", "linux-x86_64", ()),
    resolved="2025-10-01T12:00:00Z",
)
SPAM = [f"1.{minor}.{patch}" for minor in range(4) for patch in range(10)]
SPAM += [f"2.0.{patch}" for patch in range(10)]
EGGS = [f"0.{minor}.{patch}" for minor in range(23, 29) for patch in range(3)]


def releases(versions: Sequence[str], yanked: Sequence[str] = ()) -> tuple[Release, ...]:
    """Return them in order, a fortnight apart."""
    return tuple(
        Release(
            Version(version),
            (),
            yanked=version in yanked,
            yanked_reason="regression in uploads" if version in yanked else "",
            upload_time=FIRST + timedelta(days=14 * number),
        )
        for number, version in enumerate(versions)
    )


def run(
    package: str, version: str, outcome: str, mebibytes: float | None = 45.0, number: int = 0
) -> Measurement:
    """Return one run with all its evidence; ``outcome`` is a reason where it decided nothing."""
    decided = outcome in ("good", "bad")
    peaks = [ProcessPeak("{env}/bin/python {run}/cwd/probekit.py raw", 23 * MIB)]
    if mebibytes is not None:
        size = int(mebibytes * MIB)
        sampled = outcome == "out-of-limits"
        peaks.insert(0, ProcessPeak("{env}/bin/python probe.py", size, main=True, sampled=sampled))
    bad = outcome == "bad"
    return Measurement(
        version=Version(version),
        outcome=Outcome(outcome) if decided else Outcome.UNTESTABLE,
        reason=None if decided else Reason(outcome),
        detail="grew by 91.9 MiB for a 32 MiB upload" if bad else "",
        signature=Signature("builtins.MemoryError", "too much", "payload.py:write")
        if bad
        else None,
        metrics={"growth_bytes": int((mebibytes or 0) * MIB / 2), "growth_exact": True},
        pool={"idle": 1, "in_use": 0, "hosts": {"127.0.0.1:41873": {"idle": 1}}},
        processes=tuple(peaks) if mebibytes is not None else (),
        wall_s=0.78,
        cpu_s=0.52,
        exit_status=int(bad) if decided else None,
        output_tail=f"server ready\nuploading to {package} {version}\n" + "x" * 300,
        command=("python", "probe.py"),
        installed=(
            Distribution(package, version, "ab" * 32),
            Distribution("multidict", "6.4.4", "cd" * 32),
        ),
        differs=("multidict==6.4.3",) if number else (),
        started=f"2025-10-01T12:00:{number:02}.000Z",
        host="builder",
    )


def finding(
    package: str,
    name: str,
    title: str,
    versions: Sequence[str],
    history: Callable[[str], str],
    *,
    case: str = "",
    measured: Callable[[int], bool] = lambda _position: True,
    memory: Callable[[str], float] = lambda _outcome: 45.0,
    yanked: Sequence[str] = (),
    conflicting: Sequence[str] = (),
) -> Finding:
    """Return what a search over ``versions`` found where each behaves as ``history`` says."""
    runs = []
    for position, version in enumerate(versions):
        outcome = history(version)
        if not measured(position) and version not in conflicting:
            continue
        wobble = (position * 7) % 5 / 2
        size = None if outcome.endswith("failed") else memory(outcome) + wobble
        runs.append(run(package, version, outcome, size))
        if version in conflicting:
            runs.append(run(package, version, "bad", 93.0, 1))
    probe = Probe(name, package, title, case=case, range=SpecifierSet(f">={versions[0]}"))
    plan = Plan(
        candidates=releases(versions, yanked),
        excluded=(
            Excluded(Version("0.1"), Reason.REQUIRES_PYTHON, "needs Python <3.8"),
            Excluded(Version("0.2"), Reason.NO_WHEEL, "has no wheel for CPython 3.11"),
        ),
    )
    return Finding(
        probe=probe,
        plan=plan,
        conditions=CONDITIONS,
        measurements=tuple(runs),
        transitions=transitions([r for r in runs if str(r.version) not in conflicting]),
        conflicting=tuple(Version(version) for version in conflicting),
        replay=f"bisect --probe {name}",
    )


def transitions(runs: Sequence[Measurement]) -> tuple[Transition, ...]:
    """Return where neighbouring decided runs differ; runs of one release count as one."""
    found, before, between = [], None, list[Version]()
    for measured in runs:
        if measured.outcome is Outcome.UNTESTABLE:
            between.append(measured.version)
            continue
        if before and before.version != measured.version and before.outcome != measured.outcome:
            kind = Kind.INTRODUCED if measured.outcome is Outcome.BAD else Kind.FIXED
            ends = (before.version, measured.version)
            found.append(Transition(kind, *ends, untested=tuple(between), confidence=0.99))
        before, between = measured, []
    return tuple(found)


def between(first: str, last: str, else_: str = "good") -> Callable[[str], str]:
    """Return the history that is bad from ``first`` to ``last``."""
    low, high = Version(first), Version(last)
    return lambda version: "bad" if low <= Version(version) <= high else else_


def _constant(mebibytes: float, _outcome: str) -> float:
    return mebibytes


def uploads() -> Finding:
    """Return a finding with two windows, failed installs between, and every release measured."""
    window = between("1.2.3", "2.0.5")

    def history(version: str) -> str:
        if version in ("2.0.6", "2.0.7"):
            return "install-failed"
        return "bad" if version == "1.0.4" else window(version)

    return finding(
        "spam",
        "iobase_payload",
        "Uploading a file opened in binary mode must not read all of it into memory.",
        SPAM,
        history,
        memory=lambda outcome: 131.0 if outcome == "bad" else 45.0,
        yanked=("1.0.4", "2.0.3"),
    )


def sample() -> list[Finding]:
    """Return what a catalogue of seven probes found of two packages."""
    cases = [
        finding(
            "spam",
            "empty_payload_reuse",
            "A connection must be reused after a request whose body is empty.",
            SPAM,
            between("1.3.0", last),
            case=case,
            measured=lambda position: position % 7 == 0 or 28 <= position < 47,
            memory=lambda _outcome: 38.0,
            yanked=("1.0.4", "2.0.3"),
            conflicting=("1.1.8",) if case == "empty-bytesio" else (),
        )
        for case, last in (("empty-bytesio", "2.0.1"), ("text", "1.3.2"))
    ]
    cycle = finding(
        "spam",
        "request_cycle",
        "A handler that raises must leave no reference cycle.",
        SPAM,
        lambda version: "timeout" if version.startswith("1.0") else "good",
        measured=lambda position: position % 9 == 0 or position < 3,
        yanked=("1.0.4", "2.0.3"),
    )
    streams = [
        finding(
            "eggs",
            f"stream_{name}",
            f"Streaming a body with {name} must not hold it in memory.",
            EGGS,
            lambda version: "out-of-limits" if version == "0.23.1" else "good",
            memory=partial(_constant, size),
        )
        for name, size in (("aiter_bytes", 31.0), ("aiter_raw", 29.5), ("content", 96.0))
    ]
    return [uploads(), *cases, cycle, *streams]


def flaky(share: float = 0.5) -> Finding:
    """A history that fails at random from 1.12 on, as five runs of every other release tell."""
    random = Random(3)
    runs = {
        Version(f"1.{n}"): [
            run("spam", f"1.{n}", "bad" if n >= 12 and random.random() < share else "good", 45.0)
            for _ in range(5)
        ]
        for n in range(0, 20, 2)
    }
    versions = [f"1.{n}" for n in range(20)]
    probe = Probe("race", "spam", "It must not lose a race.")
    candidates = Releases(probe, Plan(releases(versions)), CONDITIONS)
    return Knowledge(candidates, runs, Options(confidence=0.95)).finding()


def hostile() -> Finding:
    """Return a finding in which every text that someone else wrote is out to do harm."""
    honest = uploads()
    runs = tuple(
        replace(
            measured,
            detail=HOSTILE,
            output_tail=HOSTILE,
            signature=Signature(HOSTILE, HOSTILE, HOSTILE, signal=HOSTILE),
            metrics={HOSTILE: HOSTILE, "nested": {HOSTILE: [HOSTILE]}},
            pool={HOSTILE: {HOSTILE: 1}},
            processes=(ProcessPeak(HOSTILE, 45 * MIB, main=True),),
            command=(HOSTILE,),
            installed=(Distribution(HOSTILE, HOSTILE, HOSTILE),),
            differs=(HOSTILE,),
            started=HOSTILE,
            host=HOSTILE,
        )
        for measured in honest.measurements[:6]
    )
    listed = tuple(
        replace(release, yanked=True, yanked_reason=HOSTILE)
        for release in honest.plan.candidates[:8]
    )
    probe = replace(honest.probe, name=HOSTILE, case=HOSTILE, title=HOSTILE, package=HOSTILE)
    excluded = tuple(replace(left_out, detail=HOSTILE) for left_out in honest.plan.excluded)
    return replace(
        honest,
        probe=probe,
        plan=Plan(listed, excluded=excluded),
        measurements=runs,
        transitions=transitions(runs),
        replay=HOSTILE,
    )


def stepping() -> dict[str, Finding]:
    """Return what searches for steps of a number find, by what that is."""
    versions = [Version(f"1.{number}") for number in range(8)]
    memory = [24.1 * MIB] * 4 + [34.0 * MIB] * 4
    levels = {v: Level(m, m - 100, m + 100, 8) for v, m in zip(versions, memory)}
    up = Step(versions[3], versions[4], memory[3], memory[4], 0.4108, (0.41, 0.412), True, 0.964, 6)
    blank = Series("peak_memory_bytes", 0.01, levels, noise=0.0004, floor=0.0002, seen=0.004)
    blank = replace(blank, unit="bytes")
    one = sample()[0]
    plan = Plan(releases([str(version) for version in versions]))
    runs = tuple(run("spam", str(v), "good", m / MIB) for v, m in zip(versions, memory))
    asked = replace(
        one,
        plan=plan,
        measurements=runs,
        transitions=(),
        failures=(),
        affected=(),
        conflicting=(),
        suspicions=(),
        bad_at_oldest=False,
        bad_at_newest=False,
        decided=True,
    )
    down = replace(up, old=up.new, new=up.old, change=-0.291, interval=(-0.292, -0.29))
    down = replace(down, before=versions[5], after=versions[7], untested=(versions[6],))
    drift = replace(up, before=versions[0], after=versions[7], change=0.06, interval=(0.05, 0.07))
    differences = replace(up, old=0.0, new=7.0, change=7.0, interval=(7.0, 7.0), relative=False)
    size = Series("size", 0.01, levels, (differences,), relative=False)
    suspected = replace(up, change=0.03, interval=(0.01, 0.05), confidence=0.85, pairs=60)
    return {
        "up": replace(asked, series=replace(blank, steps=(up,))),
        "up and down": replace(asked, series=replace(blank, steps=(up, down))),
        "drift": replace(asked, series=replace(blank, drift=drift)),
        "flat": replace(asked, series=blank),
        "suspected": replace(asked, series=replace(blank, suspected=(suspected,)), decided=False),
        "differences": replace(asked, series=size),
        "nothing": replace(asked, series=Series("size", 0.01, {}), decided=False),
    }
