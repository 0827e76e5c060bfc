"""Tidying and the old layout: all that is stored of a package in one file, and nothing lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version
from store import old_files

from bisector import cli
from bisector.finding import Blame, Cause, Finding, Kind, Transition
from bisector.model import (
    Conditions,
    Distribution,
    Interpreter,
    Measurement,
    Outcome,
    Plan,
    Probe,
    Reason,
    Release,
)
from bisector.store.runs import Store

INTERPRETER = Interpreter("python", "3.11.7", "cpython", "linux-x86_64", ())
HELD = Conditions(INTERPRETER, constraints=("ham==2.0",), wheels={"ham.whl": "c" * 64})
PROBE = Probe("eggs", "spam", text="print()\n" * 100, digest="abc")
VERSIONS = [Version(f"1.{n}") for n in range(6)]
RELEASES = {version: Release(version, ()) for version in VERSIONS}


def finding(case: str = "", runs: int = 6, started: str = "2026-01-01T00:00") -> Finding:
    """A search with a cause and runs, as it may be stored."""
    measurements = tuple(
        Measurement(
            version,
            Outcome.BAD if n > 3 else Outcome.GOOD,
            installed=(Distribution("ham", "2.0", "c" * 64), Distribution("spam", str(version))),
            started=f"{started}:{n:02}Z",
        )
        for n, version in enumerate(VERSIONS[:runs])
    )
    step = Transition(Kind.INTRODUCED, VERSIONS[3], VERSIONS[4], cause=Cause(Blame.PACKAGE))
    return Finding(
        replace(PROBE, case=case),
        Plan(tuple(RELEASES.values())),
        HELD,
        measurements,
        (step,),
        replay="bisect --probe eggs",
    )


def keep(root: Path, one: Finding, cache: Path | None = None) -> None:
    store = Store(root, cache)
    for measurement in one.measurements:
        store.save(one.probe, one.conditions, measurement)
    store.describe(one)


def told(root: Path, cache: Path | None = None) -> list[Finding]:
    store = Store(root, cache)
    found = store.searches()
    assert store.warnings == []
    return found


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def tidied(root: Path, cache: Path | None = None) -> list[str]:
    """Tidy; return the warnings."""
    store = Store(root, cache)
    list(store.tidy())
    return store.warnings


def test_the_old_layout_is_read_as_it_was(tmp_path: Path) -> None:
    """By a search that goes on, and by itself."""
    keep(tmp_path / "new", finding())
    folder = old_files.keep(tmp_path / "old", finding())
    assert {path.suffix for path in folder.iterdir()} == {".json"}
    (new,), (old,) = told(tmp_path / "new"), told(tmp_path / "old")
    assert new == old
    assert (old.measurements, old.transitions) == (finding().measurements, finding().transitions)
    stores = Store(tmp_path / "new"), Store(tmp_path / "old")
    assert stores[0].load(PROBE, HELD, RELEASES) == stores[1].load(PROBE, HELD, RELEASES)
    blank = replace(HELD, constraints=(), wheels={})
    for store in stores:
        assert store.constraints(PROBE, blank, VERSIONS[0]) is None
        assert store.caused(PROBE, HELD) == finding().transitions
    assert all(run.elsewhere for run in old.measurements)


def test_a_search_goes_on_in_the_folder_of_the_old_layout(tmp_path: Path) -> None:
    old_files.keep(tmp_path, finding(runs=3))
    store = Store(tmp_path)
    assert len(store.load(PROBE, HELD, RELEASES)) == 3
    for measurement in finding().measurements[3:]:
        store.save(PROBE, HELD, measurement)
    assert [len(one.measurements) for one in told(tmp_path)] == [6]


@pytest.mark.parametrize("both", [False, True])
def test_tidying_converts_the_old_layout(tmp_path: Path, both: bool) -> None:
    """Also where some of it was converted before it was interrupted: nothing counts twice."""
    for case in ("", "fried", "boiled"):
        old_files.keep(tmp_path, finding(case))
        if both:
            keep(tmp_path, finding(case))
    before = told(tmp_path)
    assert tidied(tmp_path) == []
    (name,) = files(tmp_path)
    assert name.startswith("spam/")
    assert told(tmp_path) == before
    assert [path.name for path in (tmp_path / "spam").iterdir()] == [Path(name).name]
    text = (tmp_path / name).read_text()
    assert text.count(json.dumps(PROBE.text)[1:-1]) == 1, "a script is stored once"
    assert tidied(tmp_path) == []
    assert files(tmp_path) == [name]


def test_tidying_puts_writers_together_and_keeps_their_seals(tmp_path: Path) -> None:
    root = tmp_path / "results"
    caches = [tmp_path / name for name in ("here", "there")]
    for number, cache in enumerate(caches):
        keep(root, finding(started=f"2026-01-0{number + 1}T00:00"), cache)
    (root / "spam/eggs/report.md").write_text("of people")
    assert len([name for name in files(root) if name.endswith(".jsonl")]) == 3
    assert tidied(root, caches[0]) == []
    assert len([name for name in files(root) if name.endswith(".jsonl")]) == 1
    assert "spam/eggs/report.md" in files(root)
    for n, cache in enumerate(caches):
        (one,) = told(root, cache)
        own = {run.started[:10] for run in one.measurements if not run.elsewhere}
        assert own == {f"2026-01-0{n + 1}"}
        assert len(one.measurements) == 12


def test_what_is_compressed_is_read_as_before_and_goes_on_beside_it(tmp_path: Path) -> None:
    keep(tmp_path, finding(runs=3))
    keep(tmp_path, finding("fried"))
    before = told(tmp_path)
    assert len(list(Store(tmp_path).tidy(compress=True))) == 1
    (name,) = files(tmp_path)
    assert name.endswith(".jsonl.gz")
    assert told(tmp_path) == before
    keep(tmp_path, finding())
    assert len(files(tmp_path)) == 2, "what both share is not written again"
    assert {len(one.measurements) for one in told(tmp_path)} == {6}
    assert len(list(Store(tmp_path).tidy(compress=True))) == 1
    after = told(tmp_path)
    (name,) = files(tmp_path)
    assert tidied(tmp_path) == []
    (plain,) = files(tmp_path)
    assert (plain, told(tmp_path)) == (name.removesuffix(".gz"), after)


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-9], lambda data: data + b"more", lambda data: b"no" + data]
)
def test_what_is_compressed_and_spoilt_is_one_warning_and_left(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    keep(tmp_path, finding())
    list(Store(tmp_path).tidy(compress=True))
    (file,) = (tmp_path / "spam").iterdir()
    file.write_bytes(spoil(file.read_bytes()))
    store = Store(tmp_path)
    assert store.searches() == []
    (warning,) = store.warnings
    assert warning.startswith(f"{file} is ignored: it ")
    keep(tmp_path, finding("fried"))
    assert len(tidied(tmp_path)) == 1
    assert file.exists()


def test_what_is_merged_in_twice_counts_once(tmp_path: Path) -> None:
    """A tidied folder copied into the one that it was made from."""
    keep(tmp_path / "one", finding())
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    tidied(tmp_path / "other")
    shutil.copytree(tmp_path / "other", tmp_path / "one", dirs_exist_ok=True)
    (one,) = told(tmp_path / "one")
    assert len(one.measurements) == 6
    assert tidied(tmp_path / "one") == []
    assert files(tmp_path / "one") == files(tmp_path / "other")


def test_tidying_drops_what_nothing_refers_to(tmp_path: Path) -> None:
    """Searches that a later one has made useless, conditions without a run, scripts of neither."""
    first = finding(runs=1)
    narrow = replace(first, plan=Plan(tuple(RELEASES.values())[:2]), replay="narrow")
    keep(tmp_path, narrow)
    keep(tmp_path, finding(started="2026-02-01T00:00"))
    other = replace(PROBE, text="nobody's", digest="other")
    path = Store(tmp_path).save(other, HELD, finding().measurements[0])
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "measurement/1" not in line))
    before = told(tmp_path)
    assert tidied(tmp_path) == []
    (name,) = files(tmp_path)
    text = (tmp_path / name).read_text()
    assert "nobody's" not in text
    assert "narrow" not in text
    assert told(tmp_path) == before


def altered(path: Path) -> None:
    assert '"bad"' in path.read_text()
    path.write_text(path.read_text().replace('"bad"', '"good"'))


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize("damage", [altered, torn])
def test_a_file_with_anything_that_cannot_be_trusted_is_left(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """What is right in it is kept with the rest as well; nobody's work is thrown away."""
    keep(tmp_path, finding(runs=5))
    path = Store(tmp_path).save(PROBE, HELD, finding().measurements[5])
    keep(tmp_path, finding("fried"))
    damage(path)
    text = path.read_bytes()
    assert len(tidied(tmp_path)) == 1
    assert path.read_bytes() == text
    left = [name for name in files(tmp_path) if name.endswith(".jsonl")]
    assert len(left) == 2


def test_an_old_run_changed_by_hand_is_left_and_named(tmp_path: Path) -> None:
    folder = old_files.keep(tmp_path, finding())
    path = next(folder.glob("1.0-*.json"))
    path.write_text(path.read_text().replace('"good"', '"bad"'))
    store = Store(tmp_path)
    assert set(store.load(PROBE, HELD, RELEASES)) == set(VERSIONS[1:])
    wrong = f"{path} is ignored: its content is not what it was written with"
    assert store.warnings == [wrong]
    assert tidied(tmp_path) == [wrong]
    assert [name for name in files(tmp_path) if name.endswith(".json")] == [
        str(path.relative_to(tmp_path))
    ]


def test_what_the_machine_did_is_kept_but_counts_for_nothing(tmp_path: Path) -> None:
    keep(tmp_path, finding())
    fault = replace(finding().measurements[0], reason=Reason.ENVIRONMENT, started="2027")
    Store(tmp_path).save(PROBE, HELD, fault)
    tidied(tmp_path)
    assert len(Store(tmp_path).load(PROBE, HELD, RELEASES)[VERSIONS[0]]) == 1


def test_a_driver_goes_on_while_it_is_tidied(tmp_path: Path) -> None:
    """It wrote to a file that is gone by now, and has what it wrote."""
    store = Store(tmp_path)
    for measurement in finding().measurements[:3]:
        store.save(PROBE, HELD, measurement)
    assert tidied(tmp_path) == []
    for measurement in finding().measurements[3:]:
        store.save(PROBE, HELD, measurement)
    store.describe(finding())
    assert set(store.load(PROBE, HELD, RELEASES)) == set(VERSIONS)
    assert tidied(tmp_path) == []
    assert [len(one.measurements) for one in told(tmp_path)] == [6]


def test_the_command_says_what_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    results = tmp_path / "results"
    old_files.keep(results, finding())
    assert cli.main(["results", "tidy", "--results", str(results)]) == 0
    (name,) = files(results)
    assert capsys.readouterr().out == f"{results / name}: 6 runs, from 8 files\n"
    assert cli.main(["results", "tidy", "--results", str(tmp_path / "nothing")]) == 0
    assert capsys.readouterr().out == ""
