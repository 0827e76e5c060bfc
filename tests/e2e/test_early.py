"""What is measured first doesn't wait for what the index will say, nor count if it says another."""

from __future__ import annotations

import json
import signal
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from e2e import command
from e2e.command import Command, changes
from e2e.projects import BROKEN, plain, release
from e2e.test_interruption import stop, wait_for
from local_index import LocalIndex

from bisector.environment import resolutions
from bisector.environment.installers.interface import Resolution

LOGGED = BROKEN.replace(
    "import json, os, spam\n",
    """\
import importlib.metadata, json, os, spam
with open("LOG", "a") as log:
    log.write(" ".join(map(importlib.metadata.version, ("spam", "ham"))) + chr(10))
""",
)
PROBE = ("--probe", "logged.py", "--assure", "0", "--no-attribution")


@pytest.fixture
def bisect(bisect: Command) -> Command:
    """The command without a sandbox: what is run is seen by what it writes beside its folder."""
    return replace(bisect, sandbox="off")


@pytest.fixture
def log(bisect: Command, index: LocalIndex) -> Path:
    """Where each run of the probe writes the versions that it sees; all of them are cached."""
    index.add(plain("spam", "gggbbbgg", dependencies=["ham"]), release("ham", "1.0", ""))
    log = bisect.folder / "log"
    bisect.write("logged.py", LOGGED.replace("LOG", str(log)))
    bisect.json(*PROBE, "--exhaustive", "--results", "before")
    age(bisect)
    log.write_text("")
    return log


def age(bisect: Command, minutes: int = 10) -> None:
    """Let what was resolved be so long ago."""
    for kept in bisect.folder.rglob("resolutions/*.json"):
        told = json.loads(kept.read_text())
        resolved = datetime.fromisoformat(told["resolved"].replace("Z", "+00:00"))
        earlier = (resolved - timedelta(minutes=minutes)).isoformat()
        resolutions.save(kept, Resolution(told["pins"], told["wheels"]), earlier)


def runs(log: Path) -> list[tuple[str, ...]]:
    return sorted(tuple(line.split()) for line in log.read_text().splitlines())


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_what_was_begun_early_is_not_measured_again(
    bisect: Command, index: LocalIndex, log: Path, jobs: str
) -> None:
    index.delay_s = 1.0
    finding = bisect.json(*PROBE, "--jobs", jobs)
    assert changes(finding) == [("introduced", "1.2", "1.3"), ("fixed", "1.5", "1.6")]
    stored = bisect.stored()
    begun = Counter(version for version, _ in runs(log))
    kept = Counter(run["version"] for run in stored)
    assert begun | kept == begun
    assert not (begun - kept).keys() & kept.keys()  # what was stopped on the way was begun only
    (conditions,) = command.stored(bisect.results, "conditions")
    assert stored[0]["started"] < conditions["resolved"]


def test_what_was_begun_with_other_dependencies_decides_nothing(
    bisect: Command, index: LocalIndex, log: Path
) -> None:
    index.add(release("ham", "2.0", ""))
    index.delay_s = 0.5
    finding = bisect.json(*PROBE)
    assert changes(finding) == [("introduced", "1.2", "1.3"), ("fixed", "1.5", "1.6")]
    stored = bisect.stored()
    assert {"1.0", "2.0"} == {ham for _, ham in runs(log)}
    told = [line.partition(" --hash")[0] for run in stored for line in run["installed"]]
    assert "ham==2.0" in told
    assert "ham==1.0" not in told
    assert len(command.stored(bisect.results, "conditions")) == 1
    assert sum(ham == "2.0" for _, ham in runs(log)) >= len(stored)


@pytest.mark.parametrize(
    "words",
    [
        (*PROBE, "--max-probes", "1"),
        (*PROBE, "--keep-environments"),
        ("--package", "spam", "--assure", "0", "--no-attribution", "--", "python", "logged.py"),
    ],
    ids=["counted", "kept", "in-the-users-folder"],
)
def test_nothing_is_begun_early_that_somebody_would_notice(
    bisect: Command, index: LocalIndex, log: Path, words: tuple[str, ...]
) -> None:
    index.add(release("ham", "2.0", ""))
    index.delay_s = 0.3
    bisect(*words)
    assert {ham for _, ham in runs(log)} == {"2.0"}


def test_interrupted_before_the_index_answers_it_leaves_nothing(
    bisect: Command, index: LocalIndex, log: Path
) -> None:
    index.delay_s = 30.0
    driver = bisect.start(*PROBE)
    wait_for(lambda: bool(runs(log)), driver)
    status, *_ = stop(driver, signal.SIGINT)
    assert status == 130
    assert bisect.stored() == []
    assert bisect.left_folders() == []


@pytest.mark.parametrize(
    ("minutes", "words", "ham"),
    [(9, (), "1.0"), (10, (), "2.0"), (9, ("--refresh",), "2.0"), (-1, (), "2.0")],
)
def test_what_was_resolved_lasts_as_long_as_a_listing(
    bisect: Command, index: LocalIndex, log: Path, minutes: int, words: tuple[str, ...], ham: str
) -> None:
    """Of another probe too; what the index doesn't say then isn't waited for."""
    bisect.write("other.py", (bisect.folder / "logged.py").read_text())
    bisect.json(*PROBE, "--results", "again")
    age(bisect, minutes)
    index.add(release("ham", "2.0", ""))
    asked, _ = len(index.requests), log.write_text("")
    bisect.json("--probe", "other.py", *PROBE[2:], *words)
    assert runs(log)
    assert {installed for _, installed in runs(log)} - {"1.0"} == {ham} - {"1.0"}
    if ham == "1.0":  # files may be wanted that the first search was not quick enough to fetch
        assert not [r for r in index.requests[asked:] if r.path.startswith("/simple/")]


def test_what_the_cache_alone_said_holds_for_nobody_who_asks_the_index(
    bisect: Command, index: LocalIndex, log: Path
) -> None:
    bisect.write("other.py", (bisect.folder / "logged.py").read_text())
    bisect.json(*PROBE, "--offline", "--results", "offline")
    index.add(release("ham", "2.0", ""))
    log.write_text("")
    bisect.json("--probe", "other.py", *PROBE[2:], "--max-probes", "1")
    assert {ham for _, ham in runs(log)} == {"2.0"}


def test_a_folder_that_is_the_index_is_looked_at_each_time(
    bisect: Command, index: LocalIndex, log: Path, tmp_path: Path
) -> None:
    for ham in ("2.0", "3.0"):
        index.add(release("ham", ham, ""))
        log.write_text("")
        words = ("--index-url", index.write(tmp_path / "index"), "--results", f"with{ham}")
        bisect.json(*PROBE, *words, "--max-probes", "1")
        assert {installed for _, installed in runs(log)} == {ham}


def test_what_was_resolved_with_other_settings_doesn_t_last(
    bisect: Command, index: LocalIndex, log: Path
) -> None:
    bisect.write("other.py", (bisect.folder / "logged.py").read_text())
    index.add(release("ham", "2.0", ""))
    bisect.json(*PROBE, "--results", "again")
    words = ("--probe", "other.py", *PROBE[2:], "--max-probes", "1")
    for number, ham in enumerate(("1.0", "2.0")):  # another file, and the file changed
        log.write_text("")
        held = bisect.folder / bisect.write("held.txt", f"ham=={ham}\n")
        bisect.json(*words, "--results", f"held{number}", UV_CONSTRAINT=str(held))
        assert {installed for _, installed in runs(log)} == {ham}
