"""JUnit XML: what a CI system reads of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree as ET

from histories import found
from packaging.version import Version
from sample_findings import hostile, sample

from bisector.finding import Change, Comparison, Culprit
from bisector.model import Conditions, Interpreter, Measurement, Outcome, Probe
from bisector.reports import comparisons, github
from bisector.reports.answer import answer
from bisector.reports.junit import render, render_comparisons
from bisector.reports.rows import rows


def ends(suite: ET.Element) -> dict[str, str]:
    """How each test ended: the tag in it, or nothing where it passed."""
    return {
        test.attrib["name"]: next((end.tag for end in test), "") for test in suite.iter("testcase")
    }


def test_each_release_is_a_test() -> None:
    finding = replace(found("gbu!", probe=Probe("eggs", "spam")), replay="bisect --probe eggs")
    (suite,) = ET.fromstring(render([finding]))
    assert ends(suite) == {
        "spam 1.0": "",
        "spam 1.1": "failure",
        "spam 1.2": "skipped",
        "spam 1.3": "error",
    }
    facts = {fact.attrib["name"]: fact.attrib["value"] for fact in suite.iter("property")}
    assert facts["answer"] == answer(finding)
    assert facts["replay"] == "bisect --probe eggs"


def test_the_counts_are_those_of_the_tests() -> None:
    for suite, finding in zip(ET.fromstring(render(sample())), sample()):
        tags = Counter(ends(suite).values())
        assert int(suite.attrib["tests"]) == len(rows(finding)) == sum(tags.values())
        assert int(suite.attrib["failures"]) == tags["failure"]
        assert int(suite.attrib["errors"]) == tags["error"]
        assert int(suite.attrib["skipped"]) == tags["skipped"]


def test_what_others_wrote_stays_text() -> None:
    """It is read again as XML, and holds no more elements than an honest one."""
    (suite,) = ET.fromstring(render([hostile()]))
    assert {element.tag for element in suite.iter()} <= {
        *("testsuite", "properties", "property", "testcase", "failure", "skipped"),
    }
    assert render([hostile()]).isascii()


def test_two_sets_are_two_tests_and_one_annotation() -> None:
    good, bad = (
        Measurement(Version("0"), Outcome(o), detail=f"it is {o}") for o in ("good", "bad")
    )
    change = Change("ham", "1.0", "3.0")
    compared = Comparison(
        Probe("check", "", title="pytest -q"),
        Conditions(Interpreter("python", "3.11.7", "cpython", "linux-x86_64", ())),
        ("old.txt", "new.txt"),
        (change,),
        (good, bad),
        (Culprit(change),),
        replay="bisect --from old.txt --to new.txt -- pytest -q",
    )
    (suite,) = ET.fromstring(render_comparisons([compared]))
    assert ends(suite) == {"old.txt": "", "new.txt": "failure"}
    facts = {fact.attrib["name"]: fact.attrib["value"] for fact in suite.iter("property")}
    assert facts["answer"] == comparisons.answer(compared)
    assert github.render_comparisons([compared]) == (
        f"::error title=check%3A old.txt → new.txt::{comparisons.answer(compared)}%0A"
        "Replay: bisect --from old.txt --to new.txt -- pytest -q\n"
    )
    other_way = replace(compared, ends=(bad, good))
    assert github.render_comparisons([other_way]).startswith("::notice ")
