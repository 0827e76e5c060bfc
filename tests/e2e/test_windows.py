"""Where a project went bad and was fixed: every shape that a history can have, end to end."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from e2e.command import Command, changes, outcomes
from e2e.projects import ALONE, BROKEN, plain, release
from local_index import LocalIndex
from wheels import wheel


@pytest.fixture
def ask(bisect: Command) -> Command:
    """The command, with the probe written to where it is asked for."""
    bisect.write("broken.py", BROKEN)
    return bisect


PROBE = ("--probe", "broken.py", "--assure", "0")


def test_both_ends_good_and_an_untestable_release_on_each_side(
    ask: Command, index: LocalIndex
) -> None:
    """Nothing untested is blamed: the transition is an interval, in text and in JSON."""
    index.add(plain("spam", "gggggsbbbbsggggggg"))
    text = ask(*PROBE)
    assert text.status == 0
    assert text.answer == (
        "spam went bad between 1.4 and 1.6 (1.5 untested). "
        "It was fixed between 1.9 and 1.11 (1.10 untested)."
    )
    finding = ask.json(*PROBE)
    assert [t["untested"] for t in finding["transitions"]] == [["1.5"], ["1.10"]]
    assert finding["affected"] == ">=1.6,<1.11"
    assert (finding["bad_at_oldest"], finding["bad_at_newest"]) == (False, False)


def test_an_excluded_release_inside_a_transition_makes_it_an_interval(
    ask: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "ggg"), release("spam", "1.2.1", "", tags="cp27-cp27m-win32"))
    index.add(release("spam", "1.3", "BROKEN = True"))
    result = ask(*PROBE)
    assert result.answer == "spam went bad between 1.2 and 1.3 (1.2.1 untested)."


def test_a_window_that_is_open_at_the_oldest_release(ask: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "bbbgggg"))
    text = ask(*PROBE, "--range", ">=1.1")
    assert text.status == 0
    assert text.answer == "spam was fixed in 1.3; 1.2 is the last bad release before it."
    assert "already bad in 1.1, the oldest release looked at" in " ".join(text.output.split())
    finding = ask.json(*PROBE, "--range", ">=1.1")
    assert (finding["bad_at_oldest"], finding["bad_at_newest"]) == (True, False)
    assert finding["affected"] == ">=1.1,<1.3"


def test_a_window_that_is_open_at_the_newest_release(ask: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "ggggbbb"))
    text = ask(*PROBE)
    assert text.answer == "spam went bad in 1.4; 1.3 is the last good release before it."
    assert "still bad in 1.6, the newest release looked at" in " ".join(text.output.split())
    finding = ask.json(*PROBE)
    assert (finding["bad_at_oldest"], finding["bad_at_newest"]) == (False, True)
    assert finding["affected"] == ">=1.4,<=1.6"


def test_two_windows_are_four_transitions_and_two_specifier_sets(
    ask: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "ggbbbggggbbgg"))
    finding = ask.json(*PROBE, "--exhaustive")
    assert changes(finding) == [
        ("introduced", "1.1", "1.2"),
        ("fixed", "1.4", "1.5"),
        ("introduced", "1.8", "1.9"),
        ("fixed", "1.10", "1.11"),
    ]
    assert finding["affected"] == [">=1.2,<1.5", ">=1.9,<1.11"]


@pytest.mark.parametrize("how", [(), ("--exhaustive",)])
def test_a_window_of_one_release_is_found(
    ask: Command, index: LocalIndex, how: tuple[str, ...]
) -> None:
    """While nothing bad is known the search goes on, so it needs no option."""
    index.add(plain("spam", "gggggggggbggg"))
    finding = ask.json(*PROBE, *how)
    assert changes(finding) == [("introduced", "1.8", "1.9"), ("fixed", "1.9", "1.10")]


def test_a_window_of_one_yanked_release_is_found_unless_yanked_ones_are_left_out(
    ask: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "ggggbgg", yanked=["1.4"]))
    finding = ask.json(*PROBE)
    assert changes(finding) == [("introduced", "1.3", "1.4"), ("fixed", "1.4", "1.5")]
    runs = [m["yanked"] for m in finding["measurements"] if m["version"] == "1.4"]
    assert len(runs) >= 3
    assert all(runs)
    without = ask(*PROBE, "--no-yanked")
    assert without.status == 1
    assert without.answer == (
        "No change found: all 6 releases of spam that were measured, from 1.0 to 1.6, are good. "
        "Nothing in the range is untested."
    )


def test_a_transition_on_a_yanked_release_names_the_first_that_is_not(
    ask: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "gggbbbbggg", yanked=["1.3", "1.4", "1.7"]))
    result = ask(*PROBE)
    assert result.answer == (
        "spam went bad in 1.3; 1.2 is the last good release before it. "
        "1.3 is yanked; the first bad release that isn't is 1.5. "
        "It was fixed in 1.7; 1.6 is the last bad release before it. "
        "1.7 is yanked; the first good release that isn't is 1.8."
    )
    told = ask.json(*PROBE)["transitions"]
    assert told[0]["first_bad_not_yanked"] == "1.5"
    assert told[1]["first_good_not_yanked"] == "1.8"


def test_a_good_past_is_none_found_and_says_how_far_that_reaches(
    ask: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "g" * 9))
    some = ask(*PROBE, "--max-probes", "4")
    assert some.status == 1
    assert some.answer == (
        "No change found: all 4 releases of spam that were measured, from 1.0 to 1.8, are good. "
        "No bad stretch longer than 3 releases is possible in the range. "
        "--max-probes ended the search before it was settled; repeated, it goes on."
    )
    assert ask.json(*PROBE, "--max-probes", "1")["longest_untested"] == 1
    rest = ask(*PROBE)
    assert rest.status == 1
    assert rest.answer == (
        "No change found: all 9 releases of spam that were measured, from 1.0 to 1.8, are good. "
        "Nothing in the range is untested."
    )


def test_a_bad_past_is_none_found_as_well(ask: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "bbbb"))
    result = ask(*PROBE, "--exhaustive")
    assert result.status == 1
    assert result.answer == (
        "No change found: all 4 releases of spam that were measured, from 1.0 to 1.3, are bad. "
        "Nothing in the range is untested."
    )
    finding = ask.json(*PROBE, "--exhaustive")
    assert (finding["bad_at_oldest"], finding["bad_at_newest"]) == (True, True)
    assert finding["affected"] == ">=1.0,<=1.3"


def test_a_project_that_cannot_be_tested_is_undecided(ask: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "ssss"))
    result = ask(*PROBE)
    assert result.status == 3
    assert result.answer == "Undecided: none of the 4 releases of spam tried could be tested."


def test_one_release_alone_is_none_found(ask: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "b"))
    assert ask(*PROBE).status == 1


def test_runs_that_disagree_are_kept_and_run_again(ask: Command, index: LocalIndex) -> None:
    """The first run of 1.3 is good and all others bad: none is overwritten by another."""
    index.add(plain("spam", "gg"), plain("spam", "ggggb"))
    seen = ask.folder / "seen"
    flaky = f"import pathlib; seen = pathlib.Path({str(seen)!r})\nBROKEN = seen.exists()\n"
    index.add(release("spam", "1.3", f"{flaky}seen.touch()"))
    ask = replace(ask, sandbox="off")
    result = ask(*PROBE, "--exhaustive", "--jobs", "1")
    assert result.status == 0
    assert "spam went bad in 1.3; 1.2 is the last good release before it." in result.answer
    assert "It fails at random since 1.3" in result.answer
    assert "runs disagree: good 1, bad" in result.output
    finding = ask.json(*PROBE, "--exhaustive")
    assert finding["conflicting"] == ["1.3"]
    runs = [m["outcome"] for m in finding["measurements"] if m["version"] == "1.3"]
    assert runs[:3] == ["good", "bad", "bad"]


def test_prereleases_are_zoomed_into_and_searched_only_where_asked_for(
    ask: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "gggg"))
    for version, broken in (("1.4a1", False), ("1.4b1", True), ("1.4rc1", True), ("1.4", True)):
        index.add(release("spam", version, f"BROKEN = {broken}"))
    index.add(release("spam", "1.5b1", "BROKEN = False"))
    zoomed = ask(*PROBE)
    assert zoomed.answer == (
        "spam went bad in 1.4 (already in 1.4b1); 1.3 is the last good release before it."
    )
    finding = ask.json(*PROBE)
    assert finding["transitions"][0]["zoom"] == {"last_good": "1.4a1", "first_bad": "1.4b1"}
    assert "1.5b1" not in outcomes(finding)
    searched = ask.json(*PROBE, "--pre")
    assert changes(searched) == [("introduced", "1.4a1", "1.4b1"), ("fixed", "1.4", "1.5b1")]


def test_an_untestable_prerelease_is_untested_where_prereleases_are_searched(
    ask: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "gg"), release("spam", "1.2a1", "BROKEN = None"))
    index.add(release("spam", "1.2a2", "", tags="cp27-cp27m-win32"))
    index.add(release("spam", "1.2", "BROKEN = True"))
    finding = ask.json(*PROBE, "--pre")
    assert finding["transitions"][0]["untested"] == ["1.2a1", "1.2a2"]


@pytest.mark.parametrize("jobs", ["1", "2", "4"])
def test_any_number_of_jobs_gives_the_same_answer(
    ask: Command, index: LocalIndex, jobs: str
) -> None:
    index.add(plain("spam", "gggggsbbbbbbggggggg"))
    finding = ask.json(*PROBE, "--jobs", jobs)
    assert finding["answer"] == (
        "spam went bad between 1.4 and 1.6 (1.5 untested). "
        "It was fixed in 1.12; 1.11 is the last bad release before it."
    )


@pytest.mark.parametrize("serial", ["true", "false"])
def test_a_serial_probe_runs_alone(
    ask: Command, index: LocalIndex, tmp_path: Path, serial: str
) -> None:
    """Each run takes what only one can have; one that finds it taken decides nothing."""
    index.add(plain("spam", "gggggbbbbbbggggggg"))
    ask = replace(ask, sandbox="off")  # what is taken lies outside of each run's own folder
    alone = tmp_path / "alone.py"
    alone.write_text(ALONE.replace("SERIAL", serial).replace("TAKEN", str(tmp_path / "taken")))
    measured = ask.json("--probe", str(alone), "--jobs", "4")["measurements"]
    met = {m["outcome"] for m in measured}
    assert met == {"good", "bad"} if serial == "true" else "untestable" in met


def test_a_witness_is_where_the_search_starts(ask: Command, index: LocalIndex) -> None:
    """A window of one release among 40 takes few where somebody knows of it."""
    index.add(plain("spam", "g" * 27 + "b" + "g" * 12))
    finding = ask.json(*PROBE, "--bad", "1.27", "--jobs", "1")
    assert changes(finding) == [("introduced", "1.26", "1.27"), ("fixed", "1.27", "1.28")]
    runs = Counter(m["version"] for m in finding["measurements"])
    assert len(runs) <= 3 + 8
    assert all(runs[side] > 1 for side in ("1.26", "1.27", "1.28"))
    assert runs.total() <= len(runs) + 3 * 4
    assert [(c["measured"], c["agrees"]) for c in finding["claims"]] == [("bad", True)]


def test_a_witness_that_is_wrong_is_contradicted_not_believed(
    ask: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "gggbbb"))
    result = ask(*PROBE, "--bad", "1.1", "--good", "1.0")
    assert result.status == 0
    assert result.answer == "spam went bad in 1.3; 1.2 is the last good release before it."
    claims = ask.json(*PROBE, "--bad", "1.1", "--good", "1.0")["claims"]
    assert {(c["measured"], c["agrees"]) for c in claims} == {("good", True), ("good", False)}
    assert "CONTRADICTED" in result.output


def test_the_confidence_that_is_asked_for_is_reached_by_running_both_sides_again(
    ask: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "ggbb"))
    unasked = ask.json(*PROBE)
    assert 0.95 <= unasked["transitions"][0]["confidence"] < 0.999
    finding = ask.json(*PROBE, "--confidence", "0.999")
    assert finding["transitions"][0]["confidence"] >= 0.999
    assert finding["decided"] is True
    for side in ("1.1", "1.2"):
        before, after = (
            [m["version"] for m in one["measurements"]].count(side) for one in (unasked, finding)
        )
        assert 2 <= before < after


def test_a_confidence_that_cannot_be_reached_is_undecided(ask: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "gb"))
    result = ask(*PROBE, "--confidence", "0.999999999")
    assert result.status == 3
    assert "Undecided: the runs made don't make this as sure as was asked for." in result.answer


def test_assurance_finds_a_second_window_after_the_answer(ask: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "gggbbggggggbg"))
    settled = ask.json(*PROBE, "--bad", "1.3")
    assert changes(settled) == [("introduced", "1.2", "1.3"), ("fixed", "1.4", "1.5")]
    assured = ask.json("--probe", "broken.py", "--bad", "1.3", "--assure", "60")
    assert changes(assured)[2:] == [("introduced", "1.10", "1.11"), ("fixed", "1.11", "1.12")]
    assert assured["longest_untested"] == 0


def test_each_interpreter_is_a_search_of_its_own(ask: Command, index: LocalIndex) -> None:
    found = [name for name in ("3.10", "3.12") if _has(name)]
    if len(found) < 2:
        pytest.skip("needs Python 3.10 and 3.12 from pyenv")
    index.add(plain("spam", "ggg"))
    index.add(wheel("spam", "1.3", {"spam.py": "BROKEN = True"}, tags="cp312-none-any"))
    words = [word for name in found for word in ("--python", name)]
    result = ask("--format", "json", *PROBE, *words)
    assert result.status == 0
    old, new = result.findings
    assert (old["python"][:4], changes(old)) == ("3.10", [])
    assert [e["version"] for e in old["excluded"]] == ["1.3"]
    assert (new["python"][:4], changes(new)) == ("3.12", [("introduced", "1.2", "1.3")])


def _has(series: str) -> bool:
    from pathlib import Path

    return any((Path.home() / ".pyenv" / "versions").glob(f"{series}.*/bin/python"))
