"""The sentences, rows and facts that every format shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from histories import HOSTILE, found
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from bisector.finding import Finding, Stopped
from bisector.model import Interpreter, Measurement, Outcome, Probe, ProcessPeak
from bisector.reports import facts, rows, words
from bisector.reports.answer import answer
from bisector.reports.failing import pin
from bisector.reports.replay import further, replay

BROKE = "spam went bad in 1.2; 1.1 is the last good release before it."
UNSURE = "Undecided: a change is not confirmed by a second run on both its sides."
PRE = {"1.5b0": "g", "1.5b1": "b", "1.6rc1": "b"}


@pytest.mark.parametrize(
    ("finding", "sentences"),
    [
        (
            found("ggbbg"),
            f"{BROKE} It was fixed in 1.4; 1.3 is the last bad release before it.",
        ),
        (
            found({"1.4": "g", "1.5": "b", "1.6": "g"}, pre=PRE),
            (
                "spam went bad in 1.5 (already in 1.5b1); 1.4 is the last good release before it. "
                "It was fixed in 1.6 (still bad in 1.6rc1); 1.5 is the last bad release before it."
            ),
        ),
        (
            found({"1.4": "b", "1.5": "g"}, pre={"1.5b1": "g"}),
            (
                "spam was fixed in 1.5 (already fixed in 1.5b1); "
                "1.4 is the last bad release before it."
            ),
        ),
        (found("bbgg"), "spam was fixed in 1.2; 1.1 is the last bad release before it."),
        (found("ggbb"), BROKE),
        (
            found("ggbgbg"),
            (
                f"{BROKE} It was fixed in 1.3; 1.2 is the last bad release before it. "
                "It went bad again in 1.4; 1.3 is the last good release before it. "
                "It was fixed again in 1.5; 1.4 is the last bad release before it."
            ),
        ),
        (
            found("bgb"),
            (
                "spam was fixed in 1.1; 1.0 is the last bad release before it. "
                "It went bad again in 1.2; 1.1 is the last good release before it."
            ),
        ),
        (found("gub"), "spam went bad between 1.0 and 1.2 (1.1 untested)."),
        (found("gxb"), "spam went bad between 1.0 and 1.2 (1.1 untested)."),
        (
            found("guuxuub"),
            "spam went bad between 1.0 and 1.6 (5 releases from 1.1 to 1.5 untested).",
        ),
        (
            found({"1.4": "g", "1.5": "x", "1.6": "b"}, pre={"1.5b1": "b"}),
            "spam went bad between 1.4 and 1.6 (1.5 untested; already in 1.5b1).",
        ),
        (
            found("ggbbg", yanked=["1.2", "1.4"]),
            (
                f"{BROKE} 1.2 is yanked; the first bad release that isn't is 1.3. "
                "It was fixed in 1.4; 1.3 is the last bad release before it. 1.4 is yanked."
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_transition_is_a_sentence_that_names_both_its_sides(
    finding: Finding, sentences: str
) -> None:
    assert answer(finding) == sentences


@pytest.mark.parametrize(
    ("finding", "sentences"),
    [
        (
            found("gggg"),
            (
                "No change found: all 4 releases of spam that were measured, from 1.0 to 1.3, are "
                "good. Nothing in the range is untested."
            ),
        ),
        (
            found("g---g--g"),
            (
                "No change found: all 3 releases of spam that were measured, from 1.0 to 1.7, are "
                "good. No bad stretch longer than 3 releases is possible in the range."
            ),
        ),
        (
            found("bbb"),
            (
                "No change found: all 3 releases of spam that were measured, from 1.0 to 1.2, are "
                "bad. Nothing in the range is untested."
            ),
        ),
        (
            found("gxg"),
            (
                "No change found: both releases of spam that were measured, from 1.0 to 1.2, are "
                "good; 1 more could not be tested (no wheel for cp311). "
                "No bad stretch longer than 1 release is possible in the range."
            ),
        ),
        (
            found("gu"),
            (
                "No change found: 1.0, the only release of spam that was measured, is good; 1 "
                "more could not be tested (out-of-limits). No bad stretch longer than 1 release is "
                "possible in the range."
            ),
        ),
        (
            found("gxxug-x"),
            (
                "No change found: both releases of spam that were measured, from 1.0 to 1.4, are "
                "good; 4 more could not be tested (3: no wheel for cp311; 1: out-of-limits). No "
                "bad stretch longer than 3 releases is possible in the range."
            ),
        ),
        (
            found({"1.0": "g", "1.1b1": "x", "1.1": "g"}),
            (
                "No change found: both releases of spam that were measured, from 1.0 to 1.1, are "
                "good. Nothing in the range is untested."
            ),
        ),
        (found("uuu"), "Undecided: none of the 3 releases of spam tried could be tested."),
        (found("u--"), "Undecided: 1.0, the only release of spam tried, could not be tested."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_finding_nothing_is_an_answer_that_says_how_far_it_reaches(
    finding: Finding, sentences: str
) -> None:
    assert answer(finding) == sentences


@pytest.mark.parametrize(
    ("finding", "sentences"),
    [
        (
            found("gg!bb"),
            "spam went bad between 1.1 and 1.3. Undecided: runs of 1.2 disagree with each other.",
        ),
        (
            found("g!gg"),
            (
                "Undecided: runs of 1.1 disagree with each other. "
                "No change found: all 3 other releases of spam that were measured, from 1.0 to "
                "1.3, are good. No bad stretch longer than 1 release is possible in the range."
            ),
        ),
        (found("!!"), "Undecided: runs of 1.0, 1.1 disagree with each other."),
        (found("ggb", runs=1), f"{BROKE} {UNSURE}"),
        (
            found("ggb", confidence=0.9999),
            f"{BROKE} Undecided: the runs made don't make this as sure as was asked for.",
        ),
        (
            found("gg-bb", runs=1, stopped=Stopped.MAX_PROBES),
            (
                f"spam went bad between 1.1 and 1.3 (1.2 untested). {UNSURE} "
                "--max-probes ended the search before it was settled; repeated, it goes on."
            ),
        ),
        (
            found("---", stopped=Stopped.INTERRUPTED),
            (
                "Undecided: no release of spam was measured. "
                "The search was interrupted before it was settled."
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_settled_is_said_to_be_undecided_and_why(
    finding: Finding, sentences: str
) -> None:
    assert answer(finding) == sentences


def test_a_run_of_a_pre_release_never_makes_the_sentence_about_releases_untrue() -> None:
    finding = found("ggg", pre={"1.1b1": "b"})
    assert answer(finding).startswith("No change found: all 3 releases of spam")


def test_a_window_open_at_an_end_comes_with_the_command_that_looks_further() -> None:
    """It is the command of the search itself with another range: its other options are kept."""
    finding = found("bgb", replay="bisect --package spam --range '>=1.0,<1.3' -- sh x.sh --range")
    assert further(finding) == (
        (
            "already bad in 1.0, the oldest release looked at",
            "bisect --package spam --range '<=1.0' -- sh x.sh --range",
        ),
        (
            "still bad in 1.2, the newest release looked at",
            "bisect --package spam --range '>=1.2' -- sh x.sh --range",
        ),
    )


def test_an_end_beyond_which_there_is_nothing_has_no_command() -> None:
    assert further(found("bgb", replay="bisect --probe eggs --range '<2'")) == (
        ("already bad in 1.0, the oldest release looked at", ""),
        ("still bad in 1.2, the newest release looked at", "bisect --probe eggs --range '>=1.2'"),
    )


def test_pre_releases_beyond_the_newest_release_are_what_to_look_at_further() -> None:
    finding = found("gb", pre={"2.0b1": "-"}, replay="bisect --probe eggs")
    finding = replace(finding, plan=found("gb", pre={"2.0b1": "g"}).plan)
    assert further(finding) == (
        ("still bad in 1.1, the newest release looked at", "bisect --probe eggs --pre"),
    )


def without_wheel(letters: str, detail: str = "no wheel for cp311", **options: str) -> Finding:
    """Return a finding whose excluded releases are so for the reason given."""
    finding = found(letters, **options)  # type: ignore[arg-type]  # as found takes
    excluded = tuple(replace(e, detail=detail) for e in finding.plan.excluded)
    return replace(finding, plan=replace(finding.plan, excluded=excluded))


def test_an_end_beyond_which_all_is_excluded_says_so_and_suggests_no_wider_range() -> None:
    oldest = "already bad in 1.2, the oldest release looked at; the 2 older ones in the range could"
    assert further(without_wheel("xxbg")) == (
        (f"{oldest} not be tested (no wheel for cp311); another --python may be able to", ""),
    )
    newest = "still bad in 1.1, the newest release looked at; the only newer one in the range could"
    assert further(without_wheel("gbx", "no files")) == (
        (f"{newest} not be tested (no files)", ""),
    )


def test_what_a_build_would_open_is_suggested_to_be_built() -> None:
    source = "only a source distribution; --allow-build would build it"
    ((told, command),) = further(without_wheel("xbg", source, replay="bisect -- sh x.sh"))
    assert told.endswith("(only a source distribution, --allow-build would build it)")
    assert command == "bisect --allow-build -- sh x.sh"


def test_where_something_else_lies_beyond_an_end_the_range_is_made_wider() -> None:
    ((told, command),) = further(without_wheel("xubg"))
    assert told == "already bad in 1.2, the oldest release that could be tested"
    assert command == "bisect --probe eggs --range '<=1.2' --python 3.11"


def test_the_longest_stretch_without_a_decided_release_counts_excluded_ones() -> None:
    assert list(map(str, facts.longest_undecided(found("gx-ugxg")))) == ["1.1", "1.2", "1.3"]
    assert facts.longest_undecided(found("gb")) == ()
    assert "longest untested stretch 2, excluded ones counted; 2 excluded (no-wheel);" in (
        facts.looked_at(found("gxxg"))
    )
    assert "longest undecided stretch 2, excluded" in facts.looked_at(found("gx!g"))


def test_many_reasons_are_counted_and_the_rarest_are_put_together() -> None:
    assert words.why_not([]) == ""
    assert words.why_not(["a", "b", "b", "c", "d", "e", "\x1b"]) == (
        " (2: b; 1: a; 1: c; 1: d; 2: other reasons)"
    )


def test_what_runs_that_disagree_said_is_a_line_of_each_side() -> None:
    (row,) = rows.rows(found("!"))
    assert row.detail == "good: the eggs are good; bad: the eggs are bad"
    assert row.disagrees


def test_neither_a_conflicting_release_nor_a_pre_release_is_an_end() -> None:
    finding = found("!bg", pre={"1.0b1": "b"})
    assert further(finding)[0][0] == "already bad in 1.1, the oldest release looked at"


def test_nothing_measured_leaves_nothing_open() -> None:
    assert further(found("--")) == ()


def test_the_replay_is_one_line_that_a_shell_reads_as_the_same_words() -> None:
    told = replay(found("g", replay="bisect --package spam -- python -c 'a\n\x1b\\'"))
    assert told == "bisect --package spam -- python -c $'a\\n\\x1b\\\\'"


def test_a_row_is_all_the_runs_of_a_release_together() -> None:
    run = found("g").measurements[0]
    runs = (
        replace(
            run,
            wall_s=1.0,
            metrics={"growth_bytes": 2 * words.MIB},
            pool={"idle": 1, "in_use": 0, "hosts": {}},
            processes=(ProcessPeak("python", 5 * words.MIB, main=True, sampled=True),),
        ),
        replace(run, wall_s=3.0, metrics={"growth_bytes": 3 * words.MIB}, cached=True),
    )
    (row,) = rows.rows(replace(found("g", yanked=["1.0"]), measurements=runs))
    assert row == rows.Row(
        version=Version("1.0"),
        date="2024-01-01",
        yanked=True,
        outcome="good",
        reason="",
        detail="the eggs are good",
        peak_memory_bytes=5 * words.MIB,
        peak_sampled=True,
        growth_bytes=3 * words.MIB,
        pool="",
        wall_s=(1.0, 3.0),
        runs=2,
        cached=False,
    )
    assert (row.label, row.said, row.peak) == ("1.0 (yanked)", "good", "≥5.0 MiB")
    assert row.seconds == 2.0


def test_rows_say_what_runs_that_disagree_said_and_why_one_is_untestable() -> None:
    assert [row.said for row in rows.rows(found("g!u"))] == [
        "good",
        "runs disagree: good 1, bad 1",
        "untestable: out-of-limits",
    ]


@pytest.mark.parametrize("value", [True, "9", None, [1], 10**400, 1.5])
def test_a_metric_that_is_no_number_of_bytes_is_left_out(value: object) -> None:
    told: Any = {"growth_bytes": value}
    run = replace(found("g").measurements[0], metrics=told, pool={"idle": told["growth_bytes"]})
    (row,) = rows.rows(replace(found("g"), measurements=(run,)))
    assert (row.growth_bytes, row.pool) == (None, "")


def test_evidence_is_what_both_sides_of_each_transition_said() -> None:
    assert facts.evidence(found("ggbb")) == (
        ("1.1", "the eggs are good"),
        ("1.2", "the eggs are bad"),
    )


def test_where_nothing_could_be_tested_the_evidence_is_why() -> None:
    assert facts.evidence(found("uuu")) == (("1.0", "No module named 'ham'"),)


def test_sureness_is_never_rounded_up_to_certainty_and_says_how_to_be_surer() -> None:
    assert [words.sure(p) for p in (0.29, 0.5, 0.878, 0.99, 0.9901, 1.0)] == [
        "29%",
        "50%",
        "87%",
        "99%",
        ">99%",
        ">99%",
    ]
    finding = found("gb", runs=1)
    assert facts.sureness(finding) == (
        (
            f"introduced 1.0 → 1.1: {words.sure(finding.transitions[0].confidence)} sure, "
            "not confirmed by a second run"
        ),
    )
    assert facts.surer(finding) == "--confidence 0.95"
    assert facts.surer(found("gg")) == ""


def test_what_was_looked_at_and_what_was_held_are_sentences() -> None:
    finding = found("gxbu-", pre={"1.1b1": "g"})
    assert facts.looked_at(finding) == (
        "3 of 4 candidates; 1 pre-release; longest untested stretch 2; 1 excluded (no-wheel); "
        "7 runs, 7 of them now"
    )
    held = replace(finding.conditions, resolved="2025-10-01T12:00:00Z", requirements=("ham<2",))
    assert facts.conditions(replace(finding, conditions=held)) == (
        "CPython 3.11.7, linux-x86_64, dependencies newest as of 2025-10-01, with ham<2"
    )
    pypy = replace(held, interpreter=Interpreter("", "3.10", "pypy", "macos", ()), resolved="")
    assert facts.conditions(replace(finding, conditions=pypy)).startswith("PyPy 3.10, macos, dep")


def test_safe_text_is_one_line_that_no_terminal_acts_on_and_that_can_be_written() -> None:
    told = words.safe(HOSTILE)
    assert told.isprintable()
    assert told.encode()
    assert words.safe(told) == told
    assert "\\x1b[31mred" in told
    assert "\\u202eback \\u200b\\u2028\\ufeff \\udcff" in told


def test_hostile_names_and_reasons_are_safe_in_every_sentence() -> None:
    probe = Probe(HOSTILE, HOSTILE, HOSTILE, case=HOSTILE)
    finding = found("gb!u", probe=probe, detail=HOSTILE, replay=HOSTILE)
    texts = [answer(finding), facts.title(finding), replay(finding), facts.conditions(finding)]
    texts += [detail for _, detail in facts.evidence(finding)]
    texts += [row.detail for row in rows.rows(finding)]
    assert all(text.isprintable() for text in texts)


def test_a_run_decides_a_release_only_where_no_other_run_contradicts_it() -> None:
    finding = found("g!bu")
    assert facts.decided(finding) == [(Version("1.0"), "good"), (Version("1.2"), "bad")]
    untestable = Measurement(Version("1.0"), Outcome.UNTESTABLE)
    more = replace(finding, measurements=(*finding.measurements, untestable))
    assert facts.decided(more) == facts.decided(finding)


def test_the_command_that_looks_further_names_no_witness_outside_its_range() -> None:
    """A witness of this search would be refused by the wider one."""
    finding = replace(
        found("gbb"),
        replay="bisect --probe eggs --range '>=1,<2' --python 3.11 --good 1.0 --bad 1.1",
    )
    assert further(finding) == (
        (
            "still bad in 1.2, the newest release looked at",
            "bisect --probe eggs --range '>=1.2' --python 3.11",
        ),
    )


@pytest.mark.parametrize(
    ("text", "longest", "shown"),
    [
        ("short enough", 12, "short enough"),
        ("too long by a word", 16, "too long by a…"),
        ("a reason, and another", 12, "a reason…"),
        ("it failed (see my_password)", 20, "it failed…"),
        ("no module named 'spam.eggs'", 24, "no module named…"),
        ("it doesn't say that it won't", 26, "it doesn't say that it…"),
        ("x" * 20, 10, "x" * 9 + "…"),
        ("(all of it is in a bracket)", 20, "(all of it is in a…"),
    ],
)
def test_what_is_too_long_is_cut_at_a_word_and_leaves_nothing_open(
    text: str, longest: int, shown: str
) -> None:
    assert words.shortened(text, longest) == shown
    assert len(shown) <= longest


@given(st.text("ab ('\".", max_size=60), st.integers(4, 40))
def test_what_is_shortened_begins_as_the_text_and_keeps_most_of_it(text: str, longest: int) -> None:
    shown = words.shortened(text, longest)
    assert len(shown) <= longest
    if shown != text:
        assert text.startswith(shown[:-1])
        assert text[: longest // 2].rstrip(" ,;:.") == shown[: longest // 2].rstrip(" ,;:.…")


def test_a_reason_that_is_cut_has_no_full_stop_behind_its_ellipsis() -> None:
    finding = found("ggbbg", detail=f"it is bad {'and so on ' * 20}")
    assert pin(finding).endswith(" and so on and so…")
    assert "…." not in answer(finding)


def test_what_setuptools_would_bring_is_said_once() -> None:
    lacking = found("bcg")
    texts = {"1.0": "No module named 'pkg_resources'", "1.1": "No module named 'distutils'"}
    runs = tuple(
        replace(run, signature=None, detail=texts.get(str(run.version), run.detail))
        for run in lacking.measurements
    )
    said = answer(replace(lacking, measurements=runs))
    hint = "1.0, 1.1 lack pkg_resources or distutils: --with 'setuptools<81' brings it."
    assert said.count(hint) == said.count("setuptools") == 1
    assert "setuptools" not in answer(lacking)
