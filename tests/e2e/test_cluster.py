"""Measurements on a Dask cluster: a real scheduler and worker processes, on loopback."""

from __future__ import annotations

import json
import platform
import shlex
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from e2e.command import HANG_S, Command, changes, outcomes
from e2e.dask_cluster import Cluster, running
from e2e.projects import BROKEN, plain, release
from e2e.test_interruption import stop, wait_for
from local_index import LocalIndex

pytest.importorskip("distributed", reason="the extra dask isn't installed")

LOGGED = BROKEN.replace(
    "import json, os, spam\n",
    """\
import importlib.metadata, json, os, spam, time
with open(f"/proc/{os.getppid()}/status") as file:  # of its supervisor
    worker = file.read().partition("PPid:")[2].split()[0]
with open("LOG", "a") as log:
    log.write(importlib.metadata.version("spam") + " " + worker + chr(10))
time.sleep(SECONDS)
""",
)
"""Writes which release it runs for, and who started it, to a file that all machines share."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers, of one thread and of two."""
    with running(tmp_path_factory.mktemp("cluster")) as started:
        started.add("one")
        started.add("two", threads=2)
        yield started


@pytest.fixture
def bisect(bisect: Command) -> Command:
    """The command without a sandbox: what is run is seen by what it writes beside its folder."""
    return replace(bisect, sandbox="off")


def logged(bisect: Command, seconds: float) -> tuple[str, Path]:
    """Write such a probe; return its name, and the file that it writes to."""
    log = bisect.folder / "log"
    log.touch()
    text = LOGGED.replace("LOG", str(log)).replace("SECONDS", str(seconds))
    return bisect.write("logged.py", text), log


def test_it_answers_as_with_threads_and_keeps_no_secret(
    bisect: Command, index: LocalIndex, cluster: Cluster
) -> None:
    index.add(plain("spam", "gggsbbg", yanked=["1.1"], dependencies=["ham"]))
    index.add(release("ham", "1.0", ""))
    index.credentials = "me:open-sesame"
    probe = (
        "--probe",
        bisect.write("broken.py", BROKEN),
        "--assure",
        "0",
        "--exhaustive",
        "--no-attribution",
    )
    words = (*probe, "--index-url", index.url_with_credentials)
    here = bisect.json(*words, "--results", "here")
    there = bisect.json(*words, *cluster.options)
    for finding in (here, there):
        assert changes(finding) == [("introduced", "1.2", "1.4"), ("fixed", "1.5", "1.6")]
        assert finding["transitions"][0]["untested"] == ["1.3"]
    assert outcomes(here) == outcomes(there)

    folders = [folder / "spam/broken" for folder in (bisect.folder / "here", bisect.results)]
    assert len({path.name for folder in folders for path in folder.iterdir()}) == 1, "other keys"
    hosts = {run["host"] for run in bisect.stored()}
    assert len(hosts) == 1
    assert platform.node() not in hosts  # it is masked
    assert all(run["installed"] for run in bisect.stored())
    for name in ("one", "two"):
        assert (cluster.folder / name / "cache/uv").is_dir(), f"{name} has measured nothing"
    assert cluster.runs() == []
    kept = [path for path in bisect.results.rglob("*") if path.is_file()]
    assert not [path for path in kept if "open-sesame" in path.read_text(encoding="utf-8")]
    for name in ("one", "two", "scheduler"):
        assert "open-sesame" not in cluster.log(name)

    again = bisect.json(*words)
    assert all(m["cached"] for m in again["measurements"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_when_the_driver_ends_nothing_is_left_running(
    bisect: Command, index: LocalIndex, cluster: Cluster, number: signal.Signals
) -> None:
    index.add(plain("spam", "gb"))
    probe, log = logged(bisect, 600)
    driver = bisect.start("--probe", probe, *cluster.options)
    wait_for(lambda: len(log.read_text().splitlines()) == 2, driver)
    began = time.monotonic()
    status, output, errors = stop(driver, number)
    if number is signal.SIGINT:
        assert status == 130, errors
        assert "interrupted before it was settled" in " ".join(output.split())
        assert "Traceback" not in errors
    while cluster.runs():
        assert time.monotonic() - began < 20, "the probes go on"
        time.sleep(0.05)
    assert bisect.left_processes() == []
    assert bisect.stored() == []


def test_a_lost_workers_measurements_are_made_again_and_no_others(
    bisect: Command, index: LocalIndex, tmp_path: Path
) -> None:
    index.add(plain("spam", "gggggbbbbb"))
    probe, log = logged(bisect, 0.2)
    with running(tmp_path / "cluster") as cluster:
        first, _ = cluster.add("first", "second")
        words = (
            "--probe",
            probe,
            "--exhaustive",
            "--assure",
            "0",
            "--no-attribution",
            "--format",
            "json",
        )
        driver = bisect.start(*words, *cluster.options)

        def runs() -> list[tuple[str, int]]:
            lines = map(str.split, log.read_text().splitlines())
            return [(version, int(parent)) for version, parent in lines]

        def firsts() -> list[str]:
            return [version for version, parent in runs() if parent == first.pid]

        wait_for(lambda: len(firsts()) >= 3, driver)
        before = Counter(run["version"] for run in bisect.stored())
        first.kill()
        first.wait()
        output, errors = driver.communicate(timeout=HANG_S)
    assert driver.returncode == 0, errors
    finding = json.loads(output)
    assert changes(finding) == [("introduced", "1.4", "1.5")]
    assert "was lost; what it measured is measured again" in errors
    ran = Counter(version for version, _ in runs())
    kept = Counter(run["version"] for run in bisect.stored())
    assert kept.keys() == {f"1.{n}" for n in range(10)}
    assert {v: n for v, n in kept.items() if n > 1}.keys() == {"1.4", "1.5"}
    # What was handed out by then needn't have begun: in flight is what wasn't stored.
    again = ran - kept
    assert all(before[version] < kept[version] for version in again), "it was stored already"
    assert again.total() <= 4  # each of the two workers has one running, and one on its way here
    assert sum(parent != first.pid for _, parent in runs()) >= 7


def test_a_release_that_kills_its_parent_ends_no_worker(
    bisect: Command, index: LocalIndex, tmp_path: Path
) -> None:
    """Its parent is what supervises the run."""
    index.add(plain("spam", "gggubb"))
    index.add(release("spam", "1.3", "BROKEN = None", day=3))
    fatal = BROKEN.replace(
        "import json, os, spam\n",
        "import json, os, spam\nif spam.BROKEN is None: os.kill(os.getppid(), 9)\n",
    )
    words = ("--probe", bisect.write("fatal.py", fatal), "--assure", "0", "--no-attribution")
    with running(
        tmp_path / "cluster", DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0"
    ) as cluster:
        cluster.add("only", nanny=True)
        finding = bisect.json(*words, *cluster.options)
    assert changes(finding) == [("introduced", "1.2", "1.4")]
    assert finding["transitions"][0]["untested"] == ["1.3"]
    assert outcomes(finding)["1.3"] in ("no-verdict", "skipped-by-probe")  # if it came to that


def test_only_workers_that_measure_the_same_are_used(
    bisect: Command, index: LocalIndex, tmp_path: Path
) -> None:
    """The others are named with the reason; what one fails at later is made by another."""
    index.add(plain("spam", "gggbbb"))
    pyenv = tmp_path / "pyenv"
    series = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = pyenv / f"versions/{series}.99/bin/python"
    python.parent.mkdir(parents=True)
    told = f's/"version": "[^"]*"/"version": "{series}.99"/'
    python.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *SOABI*) {shlex.quote(sys.executable)} "$@" | sed {shlex.quote(told)};; '
        f'*) exec {shlex.quote(sys.executable)} "$@";; esac\n'
    )
    python.chmod(0o755)
    other = tmp_path / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text("import bisector\nbisector.__version__ = '9.9'\n")
    probe = (
        "--probe",
        bisect.write("broken.py", BROKEN),
        "--assure",
        "0",
        "--exhaustive",
        "--no-attribution",
    )
    words = (*probe, "--python", str(python))
    with running(tmp_path / "cluster") as cluster:
        cluster.add("without")
        refused = bisect(*words, *cluster.options)
        assert refused.status == 4
        assert refused.complaint[0].startswith("error: none of the 1 workers at tcp://127.0.0.1:")
        assert f"it has no cpython {series}.99 on " in refused.complaint[0]
        assert refused.complaint[1].startswith("hint: ")
        cluster.add("same", PYENV_ROOT=str(pyenv))
        cluster.add("older", PYENV_ROOT=str(pyenv), PYTHONPATH=str(other))
        proxy = "http://127.0.0.1:9"
        cluster.add("failing", PYENV_ROOT=str(pyenv), HTTP_PROXY=proxy, UV_HTTP_RETRIES="0")
        result = bisect(*words, *cluster.options, "--format", "json")
    assert changes(result.finding) == [("introduced", "1.2", "1.3")]
    assert result.finding["python"] == f"{series}.99"
    assert set(outcomes(result.finding).values()) == {"good", "bad"}
    assert "it has bisector 9.9, and the driver " in result.errors
    assert f"it has no cpython {series}.99 on " in result.errors


def test_a_scheduler_that_dies_or_does_not_answer_is_an_error(
    bisect: Command, index: LocalIndex, tmp_path: Path
) -> None:
    index.add(plain("spam", "gb"))
    probe, log = logged(bisect, 600)
    with running(tmp_path / "cluster") as cluster:
        cluster.add("worker")
        driver = bisect.start("--probe", probe, *cluster.options)
        wait_for(log.read_text, driver)
        cluster.scheduler.kill()
        _, errors = driver.communicate(timeout=HANG_S)
        again = bisect("--probe", probe, *cluster.options)
    told = f"the connection to the scheduler at {cluster.address} was lost"
    assert driver.returncode == 4
    assert errors.splitlines()[-2] == f"error: {told}"
    assert "Traceback" not in errors
    assert again.status == 4
    assert again.complaint[0].startswith(f"error: no scheduler answers at {cluster.address}: ")
    assert again.complaint[1].startswith("hint: ")
    assert len(again.complaint) == 2
    assert bisect.left_folders() == []


def test_what_a_cluster_can_not_do_is_refused(bisect: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "gb"))
    probe = ("--probe", bisect.write("broken.py", BROKEN))
    dask = ("--executor", "dask")
    there = (*dask, "--scheduler", "tcp://127.0.0.1:9")
    command = ("--", "python", "-c", "import spam; assert not spam.BROKEN")
    for words, told in {
        (*probe, *dask): "--executor dask needs the address of a scheduler",
        (*probe, "--scheduler", "tcp://127.0.0.1:9"): "--scheduler is given without a cluster",
        (*probe, *there, "--keep-environments"): "--keep-environments keeps them on this machine",
        ("--package", "spam", *there, *command): "runs in your folder, which a cluster's workers",
    }.items():
        result = bisect(*words)
        assert result.status == 2
        assert told in result.complaint[0]
        assert result.complaint[1].startswith("hint: ")

    without = bisect.folder / "without/distributed"
    without.mkdir(parents=True)
    (without / "__init__.py").write_text("raise ImportError\n")
    result = bisect(*probe, *there, PYTHONPATH=str(without.parent))
    assert result.status == 2
    assert result.complaint == [
        "error: --executor dask needs distributed, which isn't installed",
        "hint: pip install 'bisector[dask]'",
    ]
