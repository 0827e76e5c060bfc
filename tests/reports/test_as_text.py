"""A finding, a plan and the catalogue as a terminal shows them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from histories import HOSTILE, found
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from rich.cells import cell_len
from sample_findings import hostile, uploads

from bisector.finding import Finding, Stopped
from bisector.model import Claim, Documented, Outcome, Probe, ProcessPeak
from bisector.reports import as_text
from bisector.reports.words import MIB

LONG = "Uploading a file that was opened in binary mode must not read all of it into memory at once"
VERBATIM = re.compile(r"^(  bisect |issue |fix |replay |           http)")


def measured() -> Finding:
    """A finding with everything that a report shows."""
    probe = Probe(
        "eggs",
        "spam",
        "Eggs must be fresh.",
        documented=Documented("https://a.example/1", "https://a.example/2", bad=("1.2", "1.9")),
        claims=(Claim("a page", LONG, Outcome.BAD, "some"),),
    )
    finding = found("ggb", probe=probe, yanked=["1.2"])
    runs = [
        replace(
            run,
            metrics={"growth_bytes": 50 * MIB if run.outcome is Outcome.BAD else MIB},
            pool={"idle": 1, "in_use": 0},
            processes=(
                ProcessPeak("p", (90 if run.outcome is Outcome.BAD else 45) * MIB, main=True),
            ),
        )
        for run in finding.measurements
    ]
    return replace(finding, measurements=tuple(runs))


def test_a_finding_in_full_at_120_columns() -> None:
    assert as_text.render([measured()], width=120, verbose=True) == (
        """\
eggs: Eggs must be fresh.

Pin spam<1.2: 1.2 is bad: the eggs are bad.
spam went bad in 1.2; 1.1 is the last good release before it. 1.2 is yanked.
Open: still bad in 1.2, the newest release looked at; to look further:
  bisect --probe eggs --range '>=1.2' --python 3.11

release       uploaded    outcome      peak                      growth  pool              seconds  runs
1.0           2024-01-01  good     45.0 MiB  ████████           1.0 MiB  1 idle, 0 in use     0.50     2
1.1           2024-01-02  good     45.0 MiB  ████████           1.0 MiB  1 idle, 0 in use     0.50     2
1.2 (yanked)  2024-01-03  bad      90.0 MiB  ████████████████  50.0 MiB  1 idle, 0 in use     0.50     2

affected   >=1.2,<=1.2
confidence introduced 1.1 → 1.2: 80% sure
           to be surer, --confidence 0.95 runs both sides again
said       1.1: the eggs are good
           1.2: the eggs are bad
documents  1.2 is bad; measured bad: agrees
           1.9 is bad; not looked at: undecided
           Uploading a file that was opened in binary mode must not read all of it into memory at once; bad on 1 of 3
           releases measured (1.2): agrees
looked at  3 of 3 candidates; longest untested stretch 0; 6 runs, 6 of them now
conditions CPython 3.11.7, linux-x86_64, dependencies newest
issue      https://a.example/1
fix        https://a.example/2
replay     bisect --probe eggs --range '>=1.0,<2' --python 3.11

Pin spam<1.2: 1.2 is bad: the eggs are bad.
spam went bad in 1.2; 1.1 is the last good release before it. 1.2 is yanked.
"""  # noqa: E501  # as printed
    )


def test_of_releases_that_were_run_once_it_says_what_that_does_not_show() -> None:
    """A run that passed says nothing of what fails now and then."""
    text = as_text.render([found("gggggg", runs=1)], width=120)
    said = "only of what fails in every run: 6 of 6 releases were run once, and may fail at random"
    assert f"\nconfidence {said}\n" in text
    for letters, runs in (("gggggg", 2), ("bbbbbb", 1), ("gg!ggg", 1), ("gggbbb", 1)):
        assert "may fail at random" not in as_text.render([found(letters, runs=runs)], width=120)


def test_equal_neighbours_are_one_line_and_what_agrees_is_left_out() -> None:
    lines = as_text.render([found("gggggbbbbbgg")], width=120).splitlines()
    assert [line.split("  ")[0] for line in lines[7:14]] == [
        "1.0 to 1.3",
        "1.4",
        "1.5",
        "1.6 to 1.8",
        "1.9",
        "1.10",
        "1.11",
    ]
    assert not [line for line in lines if line.startswith(("documents", "said"))]


@given(st.text("gbu!", min_size=2, max_size=120), st.integers(80, 200))
def test_the_answer_is_in_sight_when_the_prompt_comes_back(letters: str, width: int) -> None:
    """A terminal of 24 lines, the prompt on one of them."""
    text = as_text.render([found(letters)], width=width)
    verdict = text.split("\n\n")[1].partition("\nOpen:")[0]
    assert text.endswith(f"\n\n{verdict}\n")


@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 60), st.integers(80, 120))
def test_one_window_is_told_on_one_screen(before: int, bad: int, after: int, width: int) -> None:
    """What to pin, since when, how sure, where the evidence is, and the command, in 24 lines."""
    text = as_text.render([found("g" * before + "b" * bad + "g" * after)], width=width)
    screen = text.splitlines()[-23:]
    for label in ("affected", "looked at", "evidence", "replay"):
        assert [line for line in screen if line.startswith(label)]
    assert text.splitlines()[2] in screen


def test_at_80_columns_the_columns_that_matter_stay_and_claims_are_wrapped_in_their_own() -> None:
    lines = as_text.render([measured()], width=80, verbose=True).splitlines()
    assert lines[7:9] == [
        "release       uploaded    outcome      peak    growth  pool              runs",
        "1.0           2024-01-01  good     45.0 MiB   1.0 MiB  1 idle, 0 in use     2",
    ]
    assert lines[19:22] == [
        "           Uploading a file that was opened in binary mode must not read all of",
        "           it into memory at once; bad on 1 of 3 releases measured (1.2): agrees",
        "looked at  3 of 3 candidates; longest untested stretch 0; 6 runs, 6 of them now",
    ]


def test_columns_of_which_there_is_nothing_to_show_are_left_out() -> None:
    lines = as_text.render([found("gu")], width=120, verbose=True).splitlines()
    assert lines[5:8] == [
        "release  uploaded    outcome                    seconds  runs",
        "1.0      2024-01-01  good                          0.50     2",
        "1.1      2024-01-02  untestable: out-of-limits     0.50     1",
    ]


@settings(max_examples=20, deadline=None)
@given(st.integers(40, 220))
def test_nothing_is_wider_than_the_terminal_but_what_is_to_be_copied(width: int) -> None:
    """Commands and addresses are left in one piece, so that they can be copied."""
    for finding in (measured(), uploads()):
        for line in as_text.render([finding], width=width).splitlines():
            assert cell_len(line) <= width or VERBATIM.match(line)
            assert "…" not in line


def test_nothing_measured_has_no_table() -> None:
    assert as_text.render([found("--", stopped=Stopped.INTERRUPTED, replay="")]) == (
        """\
eggs: Eggs must be fresh.

Undecided: no release of spam was measured. The search was interrupted before it was settled.

looked at  0 of 2 candidates; longest untested stretch 2; 0 runs, 0 of them now
conditions CPython 3.11.7, linux-x86_64, dependencies newest
"""
    )


def test_several_findings_are_below_each_other() -> None:
    one, other = found("g"), found("b")
    both = as_text.render([one, other])
    assert both == as_text.render([one]) + "\n" + as_text.render([other])


def test_colours_only_repeat_what_is_said_in_words() -> None:
    colored = as_text.render([measured()], width=120, color=True)
    assert "\x1b[1;31mbad" in colored
    plain = [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", colored).splitlines()]
    assert plain == as_text.render([measured()], width=120).splitlines()


@pytest.mark.parametrize("name", ["NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM"])
def test_the_surroundings_have_no_say(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    expected = as_text.render([measured()], width=90)
    monkeypatch.setenv(name, "dumb" if name == "TERM" else "30")
    assert as_text.render([measured()], width=90) == expected


@pytest.mark.parametrize("width", [80, 200])
def test_hostile_text_is_shown_not_acted_on(width: int) -> None:
    probe = Probe(
        HOSTILE,
        HOSTILE,
        HOSTILE,
        documented=Documented(HOSTILE, HOSTILE, bad=(HOSTILE,)),
        claims=(Claim(HOSTILE, HOSTILE, Outcome.BAD, "some"),),
    )
    mine = found("gb!ux", probe=probe, detail=HOSTILE, replay=HOSTILE)
    for finding in (mine, hostile()):
        told = as_text.render([finding], width=width)
        assert all(line.isprintable() for line in told.splitlines())
        assert told.encode()


def test_a_plan_says_of_each_release_what_becomes_of_it() -> None:
    finding = found("gxg", pre={"1.2b1": "-"}, yanked=["1.2"])
    assert as_text.plan_table("spam", finding.plan, "CPython 3.11", width=80, color=False) == (
        """\
release  uploaded    plan       why
1.0      2024-01-01  candidate
1.1      2024-01-01  excluded   no-wheel: no wheel for cp311
1.2b1    2024-01-01  zoom
1.2      2024-01-03  candidate  yanked: no reason given

spam: 2 candidates, 1 pre-release kept for the zoom, 1 excluded (CPython 3.11)
"""
    )


def test_hostile_reasons_in_a_plan_are_shown_not_acted_on() -> None:
    plan = found("gx", yanked=["1.0"]).plan
    (release,), (excluded,) = plan.candidates, plan.excluded
    plan = replace(
        plan,
        candidates=(replace(release, yanked_reason=HOSTILE),),
        excluded=(replace(excluded, detail=HOSTILE),),
    )
    told = as_text.plan_table(HOSTILE, plan, HOSTILE, width=60, color=False)
    assert all(line.isprintable() and cell_len(line) <= 60 for line in told.splitlines())


def test_the_catalogue_lists_a_probe_with_its_cases() -> None:
    probes = [
        Probe("eggs", "spam", LONG, range=SpecifierSet(">=1,<2")),
        Probe("ham", "spam", "Short.", case="raw", cases=("raw", "read")),
    ]
    assert as_text.probes_table(probes, width=80, color=False) == (
        """\
probe  package  range   requires that
eggs   spam     >=1,<2  Uploading a file that was opened in binary mode must not
                        read all of it into memory at once
ham    spam             Short. Cases: raw, read.
"""
    )


def test_no_probes_and_no_releases_are_tables_without_lines() -> None:
    assert as_text.probes_table([], width=80, color=False).split() == [
        *("probe", "package", "range", "requires", "that")
    ]
    told = as_text.plan_table("spam", found("g").plan.__class__(()), "x", width=80, color=False)
    assert told.endswith("spam: 0 candidates, 0 pre-releases kept for the zoom, 0 excluded (x)\n")
