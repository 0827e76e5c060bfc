"""What fails at random from one release on, end to end: named so, since when, and how often."""

from __future__ import annotations

from e2e.command import Command, changes
from e2e.projects import plain
from local_index import LocalIndex

FLAKY = """\
import pathlib, random, sys, spam
counter = pathlib.Path(sys.argv[1])
number = len(counter.read_text()) if counter.exists() else 0
counter.write_text("." * (number + 1))
if spam.BROKEN and random.Random(number + 5).random() < float(sys.argv[2]):
    sys.exit(f"the race number {number} was lost")
"""
"""Fails where the release's BROKEN is true, in a share of its runs: always in the same ones."""


def flaky(bisect: Command, share: float) -> tuple[str, ...]:
    """Return the words of a search with that command; its counter is outside of every run."""
    script = bisect.write("flaky.py", FLAKY)
    counter = bisect.folder / "counter"
    words = ("--package", "spam", "--assure", "0", "--jobs", "1", "--no-attribution")
    return (*words, "--", "python", str(script), str(counter), str(share))


def test_it_fails_at_random_since_a_release(bisect: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "ggggggbbbbbb"))
    result = bisect(*flaky(bisect, 0.5))
    assert result.status == 0
    assert result.answer.startswith(
        "spam went bad in 1.6; 1.5 is the last good release before it. 1.6, 9"
    )
    assert " runs since, 0 of " in result.answer
    assert "It fails at random since 1.6, in about " in result.answer
    again = bisect.json(*flaky(bisect, 0.5))
    assert changes(again) == [("introduced", "1.5", "1.6")]


def test_what_is_not_sure_is_no_transition(bisect: Command, index: LocalIndex) -> None:
    """A few runs don't tell: what they leave is a set of releases, and the exit status says so."""
    index.add(plain("spam", "ggggggbbbbbb"))
    finding = bisect.json("--max-runs", "16", *flaky(bisect, 0.5))
    assert len(finding["measurements"]) == 16
    assert finding["conflicting"]
    assert finding["transitions"] == []
    assert finding["decided"] is False
    for suspicion in finding["suspicions"]:
        assert suspicion["confidence"] < 0.95
    (bisect.folder / "counter").unlink()
    assert bisect("--max-runs", "16", *flaky(bisect, 0.5)).status == 3


def test_what_fails_at_random_throughout_is_called_that(bisect: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "bbbbbbbb"))
    result = bisect(*flaky(bisect, 0.5))
    assert result.status == 1
    assert "No change found: it fails at random throughout, in about " in result.answer
