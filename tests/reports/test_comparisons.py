"""What made the difference between two sets, in each format: whole texts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from histories import HOSTILE
from packaging.version import Version

from bisector.finding import (
    Change,
    Comparison,
    Culprit,
    Kind,
    Transition,
)
from bisector.model import (
    Conditions,
    Interpreter,
    Measurement,
    Outcome,
    Policy,
    Probe,
    Reason,
    Signature,
)
from bisector.reports.comparisons import answer, render, render_json, render_markdown

HAM = Change("ham", "1.0", "3.0")
EGGS = Change("eggs", "4", "5")
JAM = Change("jam", None, "1.0")
TOAST = Change("toast", "2.0", None)


def run(outcome: str, detail: str = "", reason: Reason | None = None) -> Measurement:
    return Measurement(
        Version("0"),
        Outcome(outcome),
        reason=reason,
        detail=detail,
        signature=Signature("AssertionError", "ham!", status=1) if outcome == "bad" else None,
        output_tail=f"it is {outcome}\n",
    )


GOOD, BAD = run("good", "exited with status 0"), run("bad", "AssertionError: ham!")
OTHERWISE = replace(BAD, detail="TypeError: no ham", signature=Signature("TypeError", "no ham"))
SKIPPED = run("untestable", "exited with status 125", Reason.SKIPPED_BY_PROBE)


def step(kind: str, before: str, after: str, *untested: str) -> Transition:
    ends = Version(before), Version(after)
    return Transition(Kind(kind), *ends, untested=tuple(map(Version, untested)))


def compared(
    *culprits: Culprit,
    ends: tuple[Measurement, Measurement] = (GOOD, BAD),
    changes: tuple[Change, ...] = (EGGS, HAM, JAM, TOAST),
) -> Comparison:
    return Comparison(
        probe=Probe("check", "", "python check.py", reports=False),
        conditions=Conditions(
            Interpreter("python", "3.11.7", "cpython", "linux-x86_64", ()), Policy.EXACT
        ),
        names=("old.txt", "new.txt"),
        changes=changes,
        ends=ends,
        culprits=culprits,
        combinations=9,
        untestable=2,
        replay="bisect --from old.txt --to new.txt --python 3.11 -- python check.py",
    )


FOUND = Culprit(HAM, (step("introduced", "1.1", "2.0"),))
WENT = "It went bad from old.txt to new.txt: of 4 changed distributions, "


@pytest.mark.parametrize(
    ("culprits", "text"),
    [
        ((FOUND,), f"{WENT}it is ham 1.1 → 2.0."),
        (
            (Culprit(EGGS), FOUND),
            f"{WENT}it takes eggs 4 → 5 and ham 1.1 → 2.0 together.",
        ),
        ((Culprit(JAM),), f"{WENT}it is jam 1.0, which came in."),
        ((Culprit(TOAST),), f"{WENT}it is toast 2.0, which went."),
        (
            (Culprit(JAM), Culprit(TOAST)),
            f"{WENT}it takes jam 1.0, which came in, and toast 2.0, which went, together.",
        ),
        (
            (Culprit(HAM, (step("introduced", "1.1", "2.0", "1.2", "1.3"),)),),
            (
                f"{WENT}it is ham 1.1 → 2.0. "
                "ham went bad in 2.0; 1.1 is the last good one, 2 between untested."
            ),
        ),
        (
            (Culprit(HAM, why="the index lists no release of ham"),),
            (
                f"{WENT}it is ham 1.0 → 3.0. "
                "Which release of ham is not known: the index lists no release of ham."
            ),
        ),
    ],
)
def test_what_made_the_difference(culprits: tuple[Culprit, ...], text: str) -> None:
    assert answer(compared(*culprits)) == text


def test_the_other_way_round_it_was_fixed() -> None:
    comparison = compared(FOUND, ends=(BAD, GOOD), changes=(HAM,))
    assert answer(comparison) == (
        "It was fixed from old.txt to new.txt: of 1 changed distribution, it is ham 1.1 → 2.0."
    )


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((GOOD, GOOD), "No difference: with old.txt and with new.txt it is good."),
        ((BAD, BAD), "No difference: with old.txt and with new.txt it is bad."),
        (
            (BAD, OTHERWISE),
            (
                "No answer: it fails with both, but not alike: with old.txt AssertionError: ham!; "
                "with new.txt TypeError: no ham. Compare with pins that it passes with."
            ),
        ),
        (
            (GOOD, SKIPPED),
            "Undecided: new.txt could not be tested (skipped-by-probe: exited with status 125).",
        ),
        (
            (SKIPPED, SKIPPED),
            (
                "Undecided: old.txt could not be tested "
                "(skipped-by-probe: exited with status 125); "
                "new.txt could not be tested (skipped-by-probe: exited with status 125)."
            ),
        ),
    ],
)
def test_sets_that_make_no_difference(ends: tuple[Measurement, Measurement], text: str) -> None:
    assert answer(compared(ends=ends)) == text


def test_for_a_terminal() -> None:
    """Those that matter first, and whatever is on one side only with a dash on the other."""
    text = render([compared(Culprit(JAM), FOUND)])
    assert [line.rstrip() for line in text.splitlines()] == [
        "check: python check.py",
        "",
        f"{WENT}it takes jam 1.0, which came in,",
        "and ham 1.1 → 2.0 together.",
        "",
        "changed  old.txt  new.txt",
        "ham      1.0      3.0      needed: 1.1 → 2.0",
        "jam      -        1.0      needed: 1.0, which came in",
        "eggs     4        5",
        "toast    2.0      -",
        "",
        "said       old.txt is good: exited with status 0",
        "           new.txt is bad: AssertionError: ham!",
        "looked at  9 combinations of 4 changes; 2 of them could not be tested",
        "conditions CPython 3.11.7, linux-x86_64",
        "replay     bisect --from old.txt --to new.txt --python 3.11 -- python check.py",
    ]


def test_as_markdown() -> None:
    assert render_markdown([compared(FOUND)]) == (
        "# check: python check.py\n\n"
        f"{WENT}it is ham 1.1 → 2.0.\n\n"
        "| changed | old.txt | new.txt |  |\n"
        "| --- | --- | --- | --- |\n"
        "| ham | 1.0 | 3.0 | needed: 1.1 → 2.0 |\n"
        "| eggs | 4 | 5 |  |\n"
        "| jam | \\- | 1.0 |  |\n"
        "| toast | 2.0 | \\- |  |\n\n"
        "- said: old.txt is good: exited with status 0\n"
        "- said: new.txt is bad: AssertionError: ham!\n"
        "- looked at: 9 combinations of 4 changes; 2 of them could not be tested\n"
        "- conditions: CPython 3.11.7, linux-x86\\_64\n"
        "- again: `bisect --from old.txt --to new.txt --python 3.11 -- python check.py`\n\n"
        "<details><summary>old.txt is good</summary>\n\n"
        "```text\nit is good\n```\n\n</details>\n\n"
        "<details><summary>new.txt is bad</summary>\n\n"
        "```text\nit is bad\n```\n\n</details>\n"
    )


def test_more_than_ten_changes_are_folded_in_markdown() -> None:
    changes = tuple(Change(f"lib-{n:02}", "1", "2") for n in range(11))
    comparison = compared(Culprit(changes[7]), changes=changes)
    lines = render_markdown([comparison]).splitlines()
    place = lines.index("<details><summary>11 changed distributions</summary>")
    assert lines[place + 4] == "| lib-07 | 1 | 2 | needed: 1 → 2 |"


def test_as_json() -> None:
    told = json.loads(render_json([compared(FOUND)]))
    assert {name: told[name] for name in told if name not in ("ends", "culprits")} == {
        "schema": "bisector/comparison/1",
        "probe": "check",
        "python": "3.11.7",
        "platform": "linux-x86_64",
        "from": "old.txt",
        "to": "new.txt",
        "answer": f"{WENT}it is ham 1.1 → 2.0.",
        "differs": True,
        "changes": [
            {"name": "eggs", "before": "4", "after": "5"},
            {"name": "ham", "before": "1.0", "after": "3.0"},
            {"name": "jam", "before": None, "after": "1.0"},
            {"name": "toast", "before": "2.0", "after": None},
        ],
        "suspects": [],
        "alternatives": [],
        "combinations": 9,
        "untestable": 2,
        "replay": "bisect --from old.txt --to new.txt --python 3.11 -- python check.py",
    }
    (culprit,) = told["culprits"]
    assert culprit["change"] == {"name": "ham", "before": "1.0", "after": "3.0"}
    assert [(t["kind"], t["before"], t["after"]) for t in culprit["transitions"]] == [
        ("introduced", "1.1", "2.0")
    ]
    assert [(end["outcome"], end["detail"]) for end in told["ends"]] == [
        ("good", "exited with status 0"),
        ("bad", "AssertionError: ham!"),
    ]
    several = json.loads(render_json([compared(FOUND), compared(ends=(GOOD, GOOD))]))
    assert [one["differs"] for one in several] == [True, False]


def test_nothing_that_somebody_else_wrote_becomes_markup_or_moves_the_cursor() -> None:
    change = Change(HOSTILE, HOSTILE, HOSTILE)
    hostile = replace(
        compared(Culprit(change, why=HOSTILE), changes=(change,)),
        names=(HOSTILE, HOSTILE),
        ends=(replace(GOOD, detail=HOSTILE), replace(BAD, detail=HOSTILE, output_tail=HOSTILE)),
        replay=HOSTILE,
    )
    assert answer(hostile).isprintable()
    assert all(line.isprintable() for line in render([hostile]).splitlines())
    markdown = render_markdown([hostile])
    prose = markdown.partition("\n- again: ")[0]
    assert "<script>" not in prose
    assert "\x1b" not in markdown
    assert json.loads(render_json([hostile]))["differs"] is True
