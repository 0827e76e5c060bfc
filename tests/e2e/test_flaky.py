"""What fails at random from one release on, end to end: named so, since when, and how often."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from e2e.command import Command, changes
from e2e.projects import plain
from local_index import LocalIndex

FLAKY = """\
import pathlib, random, sys, spam
counter = pathlib.Path({counter!r})
number = len(counter.read_text()) if counter.exists() else 0
counter.write_text("." * (number + 1))
if spam.BROKEN and random.Random(number + 5).random() < {share}:
    sys.exit(f"the race number {{number}} was lost")
"""
"""Fails where the release's BROKEN is true, in a share of its runs: always in the same ones."""


@pytest.fixture
def ask(bisect: Command) -> Command:
    """A command whose runs may write outside of their folder: they count themselves there."""
    return replace(bisect, sandbox="off")


@pytest.fixture
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("counter") / "runs"


def flaky(bisect: Command, counter: Path, share: float) -> tuple[str, ...]:
    """Return the words of a search with that command."""
    script = bisect.write("flaky.py", FLAKY.format(counter=str(counter), share=share))
    words = ("--package", "spam", "--assure", "0", "--jobs", "1", "--no-attribution")
    return (*words, "--", "python", script)


def test_it_fails_at_random_since_a_release(ask: Command, index: LocalIndex, counter: Path) -> None:
    index.add(plain("spam", "ggggggbbbbbb"))
    result = ask(*flaky(ask, counter, 0.5))
    assert result.status == 0
    assert result.answer.startswith(
        "spam went bad in 1.6; 1.5 is the last good release before it. 1.6, 9"
    )
    assert " runs since, 0 of " in result.answer
    assert "It fails at random since 1.6, in about " in result.answer
    assert result.pin.startswith("Pin spam<1.6")  # though later ones passed now and then
    assert "changed here" in result.output
    again = ask.json(*flaky(ask, counter, 0.5))
    assert changes(again) == [("introduced", "1.5", "1.6")]
    shares = {(one["after"], one["by"]): one["probability"] for one in again["posterior"]}
    assert max(shares, key=lambda gap: shares[gap]) == ("1.5", "1.6")
    assert shares["1.5", "1.6"] > 0.9
    assert sum(shares.values()) < 1.1


def test_what_is_not_sure_is_no_transition(ask: Command, index: LocalIndex, counter: Path) -> None:
    """A few runs don't tell: what they leave is a set of releases, and the exit status says so."""
    index.add(plain("spam", "ggggggbbbbbb"))
    finding = ask.json("--max-runs", "16", *flaky(ask, counter, 0.5))
    assert len(finding["measurements"]) == 16
    assert finding["conflicting"]
    assert finding["transitions"] == []
    assert finding["decided"] is False
    for suspicion in finding["suspicions"]:
        assert suspicion["confidence"] < 0.95
    counter.unlink()
    result = ask("--max-runs", "16", "--refresh", *flaky(ask, counter, 0.5))
    assert result.status == 3
    assert result.pin == ""
    assert "No change found" not in result.answer
    assert "Open:" not in result.output


CROWDED = """\
import os, time, spam
if spam.BROKEN:
    time.sleep(600)
try:
    os.mkdir({taken!r})
except FileExistsError:
    time.sleep(600)
time.sleep(2)
os.rmdir({taken!r})
"""
"""Hangs where the release's BROKEN is true, and where another run of it is going on."""


def test_what_is_out_of_time_beside_others_is_run_again_alone(
    ask: Command, index: LocalIndex, counter: Path
) -> None:
    """What only a busy machine kept from its end isn't a hang, and one that is stays one."""
    index.add(plain("spam", "g" * 14 + "bb"))
    script = ask.write("crowded.py", CROWDED.format(taken=str(counter.with_name("taken"))))
    words = ("--package", "spam", "--assure", "0", "--no-attribution", "--jobs", "2")
    result = ask("--format", "json", *words, "--timeout", "6", "--", "python", script)
    assert " was still running at the time limit, beside other runs: it is run " in result.errors
    assert changes(result.finding) == [("introduced", "1.13", "1.14")]
    assert result.finding["conflicting"] == []
    hung = {run["version"] for run in ask.stored() if run["reason"] == "timeout"}
    assert hung <= {"1.14", "1.15"}


def test_what_fails_at_random_throughout_is_called_that(
    ask: Command, index: LocalIndex, counter: Path
) -> None:
    index.add(plain("spam", "bbbbbbbb"))
    result = ask(*flaky(ask, counter, 0.5))
    assert result.status == 1
    assert "No change found: it fails at random throughout, in about " in result.answer
    found = ask.json(*flaky(ask, counter, 0.5))
    assert (result.pin, found["pin"], found["affected"]) == ("", None, None)
    longest = found["longest_unseen"]
    assert longest is None or 2 * longest < 7
    assert ("fails far more or far less often, 95% sure" in result.answer) is (longest is not None)
