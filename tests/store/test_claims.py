"""Claims: a run that another driver made or makes isn't made again, whenever that is noticed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from packaging.version import Version

from bisector.model import Conditions, Interpreter, Measurement, Outcome, Probe, Reason, Release
from bisector.store.runs import Store

PROBE = Probe("eggs", "spam", text="print()")
CONDITIONS = Conditions(Interpreter("python", "3.11.7", "cpython", "linux", ()))
RELEASE = Release(Version("1.0"), ())
LISTED = {RELEASE.version: RELEASE}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """What a driver keeps, once it has looked at what is stored."""
    return looked_at(tmp_path)


def looked_at(folder: Path) -> Store:
    store = Store(folder)
    store.load(PROBE, CONDITIONS, LISTED)
    return store


def run(host: str = "here", reason: Reason | None = None) -> Measurement:
    outcome = Outcome.UNTESTABLE if reason else Outcome.GOOD
    return Measurement(RELEASE.version, outcome, reason, host=host, started=host)


HOLDER = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from store.test_claims import CONDITIONS, PROBE, RELEASE, looked_at
claim = looked_at(Path({folder!r})).claim(PROBE, CONDITIONS, RELEASE)
print(claim.take(), flush=True)
sys.stdin.read()
"""


@contextmanager
def another_holds_it(folder: Path) -> Iterator[None]:
    """Let another driver hold the claim on the next run of the release."""
    script = HOLDER.format(path=sys.path, folder=str(folder))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "True\n"
        yield
        holder.communicate()


def test_what_was_stored_meanwhile_is_returned(store: Store, tmp_path: Path) -> None:
    claim = store.claim(PROBE, CONDITIONS, RELEASE)
    Store(tmp_path).save(PROBE, CONDITIONS, run("there"))
    found = claim.wait(lambda: False)
    assert found
    assert (found.host, found.cached) == ("there", True)


def test_what_was_stored_and_read_meanwhile_is_not_made_again(store: Store, tmp_path: Path) -> None:
    claim = store.claim(PROBE, CONDITIONS, RELEASE)
    Store(tmp_path).save(PROBE, CONDITIONS, run("there"))
    store.load(PROBE, CONDITIONS, LISTED)
    assert not claim.take()
    found = claim.wait(lambda: False)
    assert found
    assert found.host == "there"


def test_what_was_returned_to_nobody_is_returned_to_the_next(store: Store, tmp_path: Path) -> None:
    Store(tmp_path).save(PROBE, CONDITIONS, run("there"))
    for _ in range(2):
        claim = store.claim(PROBE, CONDITIONS, RELEASE)
        found = claim.wait(lambda: False)
        assert found
        assert found.host == "there"
        claim.keep(found, CONDITIONS, counted=False)  # as of one that was stopped
        claim.release()


def test_the_runs_of_a_release_are_returned_once_each(store: Store, tmp_path: Path) -> None:
    claims = [store.claim(PROBE, CONDITIONS, RELEASE) for _ in range(3)]
    for host in ("1", "2"):
        Store(tmp_path).save(PROBE, CONDITIONS, run(host))
    found = [claim.wait(lambda: False) for claim in claims]
    assert [one and one.host for one in found] == ["1", "2", None]
    for claim, one in zip(claims, found, strict=True):
        claim.keep(one or run("3"), CONDITIONS, counted=True)
        claim.release()
    assert store.claim(PROBE, CONDITIONS, RELEASE).wait(lambda: False) is None
    runs = looked_at(tmp_path).load(PROBE, CONDITIONS, LISTED)[RELEASE.version]
    assert [one.host for one in runs] == ["1", "2", "3"]


def test_what_a_machine_failed_at_is_made_again(store: Store, tmp_path: Path) -> None:
    claim = store.claim(PROBE, CONDITIONS, RELEASE)
    Store(tmp_path).save(PROBE, CONDITIONS, run(reason=Reason.ENVIRONMENT))
    assert claim.take()
    assert claim.wait(lambda: False) is None


def test_what_another_makes_is_waited_for_until_that_ends(store: Store, tmp_path: Path) -> None:
    claim = store.claim(PROBE, CONDITIONS, RELEASE)
    with another_holds_it(tmp_path):
        assert not claim.take()
        assert claim.wait(lambda: True) is None
        waited: list[Measurement | None] = []
        waiting = threading.Thread(target=lambda: waited.append(claim.wait(lambda: False)))
        waiting.start()
        waiting.join(0.2)
        assert not waited
    waiting.join(10)
    assert waited == [None]


def test_what_is_given_up_while_it_waits_is_left_to_others(store: Store, tmp_path: Path) -> None:
    claim = store.claim(PROBE, CONDITIONS, RELEASE)
    with another_holds_it(tmp_path):
        waiting = threading.Thread(target=lambda: claim.wait(lambda: False))
        waiting.start()
        claim.release()
    waiting.join(10)
    assert not waiting.is_alive()
    with another_holds_it(tmp_path):  # as it can't where the claim was taken after its release
        pass
