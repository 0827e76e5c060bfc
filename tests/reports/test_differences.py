"""Where the findings of one probe differ between interpreters: one line, or none."""

from __future__ import annotations

from dataclasses import replace

from histories import HOSTILE, found

from bisector.finding import Finding
from bisector.model import Interpreter, Probe
from bisector.reports.as_text import render
from bisector.reports.differences import differences

EGGS = Probe("eggs", "spam")


def on(version: str, letters: str, probe: Probe = EGGS) -> Finding:
    finding = found(letters, probe=probe)
    interpreter = Interpreter("", version, "cpython", "linux-x86_64", ())
    return replace(finding, conditions=replace(finding.conditions, interpreter=interpreter))


def test_one_interpreter_alone_is_bad() -> None:
    findings = [on("3.10.13", "gggg"), on("3.12.1", "gbbg")]
    sentence = (
        "spam differs between interpreters by eggs: only on 3.12: >=1.1,<1.3; "
        "nothing bad was found on 3.10."
    )
    assert differences(findings) == (sentence,)
    assert differences(findings[::-1]) == (sentence,)


def test_several_interpreters_that_agree_are_named_together() -> None:
    assert differences(
        [on("3.9.1", "gggg"), on("3.10.1", "gbbg"), on("3.11.1", "gggg"), on("3.12.1", "gbbg")]
    ) == (
        (
            "spam differs between interpreters by eggs: only on 3.10 and 3.12: >=1.1,<1.3; "
            "nothing bad was found on 3.9 and 3.11."
        ),
    )


def test_all_are_bad_but_not_alike() -> None:
    """Then it is on none of them only; several windows are joined as specifier sets are."""
    assert differences(
        [on("3.10.1", "gbbgbg"), on("3.12.1", "gbgggg"), on("3.13.0", "gggggg")]
    ) == (
        (
            "spam differs between interpreters by eggs: on 3.10: >=1.1,<1.3 or >=1.4,<1.5; "
            "on 3.12: >=1.1,<1.2; nothing bad was found on 3.13."
        ),
    )
    assert differences([on("3.10.1", "gb"), on("3.12.1", "bg")]) == (
        "spam differs between interpreters by eggs: on 3.10: >=1.1,<=1.1; on 3.12: >=1.0,<1.1.",
    )


def test_those_that_agree_are_no_difference() -> None:
    assert differences([on("3.10.1", "gbbg"), on("3.12.1", "gbbg")]) == ()
    assert differences([on("3.10.1", "gggg"), on("3.12.1", "gggg")]) == ()
    assert differences([on("3.12.1", "gbbg")]) == ()
    assert differences([]) == ()


def test_each_probe_and_each_case_of_it_is_compared_with_itself_alone() -> None:
    fried, boiled = (replace(EGGS, case=case) for case in ("fried", "boiled"))
    other = Probe("eggs", "ham")
    findings = [
        on("3.10.1", "gggg", fried),
        on("3.10.1", "gbbg", boiled),
        on("3.10.1", "gggb", other),
        on("3.12.1", "gbbg", fried),
        on("3.12.1", "gbbg", boiled),
    ]
    assert differences(findings) == (
        (
            "spam differs between interpreters by eggs[fried]: only on 3.12: >=1.1,<1.3; "
            "nothing bad was found on 3.10."
        ),
    )


def test_the_line_is_the_last_of_the_report() -> None:
    findings = [on("3.10.13", "gggg"), on("3.12.1", "gbbg")]
    assert render(findings, width=200).splitlines()[-1] == (
        "spam differs between interpreters by eggs: only on 3.12: >=1.1,<1.3; "
        "nothing bad was found on 3.10."
    )


def test_a_hostile_name_is_shown_escaped() -> None:
    probe = Probe(HOSTILE, HOSTILE)
    (sentence,) = differences([on("3.10.1", "gg", probe), on("3.12.1", "gb", probe)])
    assert sentence.isprintable()
