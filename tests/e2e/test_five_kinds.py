"""The five kinds of regression, each found from hand-made histories and held against a full scan.

Plain, on one interpreter alone, of a dependency, with a backported fix, and in two windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from e2e.command import Command, changes, outcomes
from e2e.projects import interpreters, plain, release
from local_index import LocalIndex
from packaging.specifiers import SpecifierSet
from wheels import Built

CHECK = "import spam\nassert not spam.BROKEN, 'spam is broken'\n"
QUICK = ("--package", "spam", "--assure", "0", "--jobs", "2")
COMMAND = ("--", "python", "check.py")


@pytest.fixture
def ask(bisect: Command) -> Command:
    """The command, with the script written to where it is run."""
    bisect.write("check.py", CHECK)
    return bisect


def asked(ask: Command, *words: str) -> dict[str, Any]:
    return ask.json(*QUICK, *words, *COMMAND)


def scanned(ask: Command, finding: Mapping[str, Any], bad: Iterable[str], *words: str) -> None:
    """Hold a finding against a scan of all releases, and against what is known of them.

    Its specifier sets must hold exactly the ``bad`` ones.
    """
    scan = asked(ask, *words, "--exhaustive", "--no-attribution")
    measured = outcomes(scan)
    assert len(measured) == scan["candidates"]
    assert {version for version, said in measured.items() if said == "bad"} == set(bad)
    assert changes(finding) == changes(scan)
    assert finding["affected"] == scan["affected"]
    sets = finding["affected"]
    within = [SpecifierSet(one) for one in ([sets] if isinstance(sets, str) else sets)]
    assert {v for v in measured if any(v in one for one in within)} == set(bad)


def faults(ask: Command, *words: str) -> list[str]:
    """Return the lines of the report that say whose fault each transition is."""
    result = ask("-v", *QUICK, *words, *COMMAND)
    lines = result.output.splitlines()
    starts = [n for n, line in enumerate(lines) if line.startswith("fault ")]
    told = []
    for start in starts:
        end = next(n for n in range(start + 1, len(lines)) if not lines[n].startswith(" "))
        told.append(" ".join(" ".join(lines[start:end]).split()).removeprefix("fault "))
    return told


def cause(finding: Mapping[str, Any], place: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = finding["transitions"][place]["cause"]
    return found


def cells(finding: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [(c["version"], c["dependencies"], c["outcome"]) for c in cause(finding)["cells"]]


def test_plain(ask: Command, index: LocalIndex) -> None:
    """Nothing is installed beside it: there is nothing to attribute, and nothing more is said."""
    index.add(plain("spam", "gggggbbbbgg"))
    finding = asked(ask)
    assert finding["answer"] == (
        "spam went bad in 1.5; 1.4 is the last good release before it. "
        "It was fixed in 1.9; 1.8 is the last bad release before it."
    )
    assert [t["cause"]["blame"] for t in finding["transitions"]] == ["package", "package"]
    assert faults(ask) == []
    scanned(ask, finding, ["1.5", "1.6", "1.7", "1.8"])


def test_on_one_interpreter_alone(ask: Command, index: LocalIndex) -> None:
    """A finding each, and one line for where they differ."""
    old, new = interpreters("3.10", "3.12")
    for number in range(6):
        broken = "import sys\nBROKEN = sys.version_info >= (3, 12)"
        source = broken if 2 <= number < 4 else "BROKEN = False"
        index.add(release("spam", f"1.{number}", source, day=number))
    words = ("--python", old, "--python", new)
    result = ask("--format", "json", *QUICK, *words, *COMMAND)
    assert result.status == 0
    on_old, on_new = result.findings
    assert (on_old["python"].rpartition(".")[0], on_old["answer"]) == (
        "3.10",
        (
            "No change found: all 6 releases of spam that were measured, from 1.0 to 1.5, are "
            "good. Nothing in the range is untested."
        ),
    )
    assert (on_new["python"].rpartition(".")[0], on_new["answer"]) == (
        "3.12",
        (
            "spam went bad in 1.2; 1.1 is the last good release before it. "
            "It was fixed in 1.4; 1.3 is the last bad release before it."
        ),
    )
    scanned(ask, on_new, ["1.2", "1.3"], "--python", new)
    last = ask(*QUICK, *words, *COMMAND).output.splitlines()[-1]
    assert last == (
        "spam differs between interpreters by check: only on 3.12: >=1.2,<1.4; "
        "nothing bad was found on 3.10."
    )
    in_markdown = ask("--format", "markdown", *QUICK, *words, *COMMAND).output
    assert in_markdown.splitlines()[-1] == last.replace(">", "&gt;").replace("<", "&lt;")


def ham(*versions: tuple[str, int], name: str = "ham") -> list[Built]:
    """Return releases of ham, each uploaded on a day, that know their version as a number."""
    return [release(name, version, f"V = {float(version)}", day=day) for version, day in versions]


def eating(broken: Sequence[str], needs: Iterable[str] = ("ham",)) -> list[Built]:
    """Return releases of spam, ten days apart, that are broken as each expression says."""
    return [
        release("spam", f"1.{n}", f"import ham\nBROKEN = {said}", day=10 * n, dependencies=needs)
        for n, said in enumerate(broken)
    ]


def test_a_held_dependency_that_breaks_old_releases_is_not_the_packages_fault(
    ask: Command, index: LocalIndex
) -> None:
    """What was fixed in 1.3 had never been broken: ham 1.2 broke it, long after.

    Beside ham, eggs changed as well, and bacon came to be needed by it: none of both matters.
    """
    broken = "ham.V >= 1.2"
    index.add(eating([broken] * 3 + ["False"] * 4, ["ham", "eggs"]))
    index.add(ham(("1.0", 0), ("1.1", 5), ("1.2", 26), ("1.3", 50)))
    index.add(ham(("1.0", 0), ("1.5", 33), name="bacon"), ham(("1.0", 0), name="eggs"))
    index.add(release("eggs", "2.0", "V = 2", day=31, dependencies=["bacon"]))
    finding = asked(ask)
    assert finding["answer"] == (
        "spam was fixed in 1.3; 1.2 is the last bad release before it. "
        "spam 1.2 is bad only with ham ≥ 1.2; spam 1.3 works with it: ham broke it, spam fixed it."
    )
    assert faults(ask) == [
        (
            "fixed 1.2 → 1.3: spam fixed what a dependency had broken; with dependencies of its "
            "own time, 1.2 is good; ham 1.1 → 1.2 did it"
        )
    ]
    assert finding["constraints"] == ["bacon==1.5", "eggs==2.0", "ham==1.3"]
    assert cause(finding)["blame"] == "incompatible"
    assert [c["change"] for c in cause(finding)["culprits"]] == [
        {"name": "ham", "before": "1.1", "after": "1.3"}
    ]
    scanned(ask, finding, ["1.0", "1.1", "1.2"])
    then = asked(ask, "--dependencies", "released", "--exhaustive")
    assert changes(then) == []


def test_a_transition_that_stands_with_dependencies_of_its_time_is_the_packages_own(
    ask: Command, index: LocalIndex
) -> None:
    index.add(eating(["False"] * 3 + ["True"] * 3))
    index.add(ham(("1.0", 0), ("1.1", 15), ("1.2", 50)))
    finding = asked(ask)
    assert finding["answer"] == "spam went bad in 1.3; 1.2 is the last good release before it."
    assert faults(ask) == [
        (
            "introduced 1.2 → 1.3: spam's own; with dependencies of its own time, 1.2 is good "
            "and 1.3 is bad"
        )
    ]
    scanned(ask, finding, ["1.3", "1.4", "1.5"])


RELEASED = ("--dependencies", "released")


def test_a_dependency_that_came_in_between_two_releases_did_it(
    ask: Command, index: LocalIndex
) -> None:
    """Each release with the other's dependencies: spam never mattered."""
    index.add(eating(["ham.V >= 2"] * 6))
    index.add(ham(("1.0", 0), ("1.5", 21), ("2.0", 23), ("2.5", 25)))
    finding = asked(ask, *RELEASED)
    assert finding["answer"] == (
        "spam went bad in 1.3; 1.2 is the last good release before it. "
        "That is not spam's own: ham 1.5 → 2.0 did it."
    )
    assert cells(finding) == [("1.2", "of 1.3", "bad"), ("1.3", "of 1.2", "good")]
    scanned(ask, finding, ["1.3", "1.4", "1.5"], *RELEASED)


def test_only_together(ask: Command, index: LocalIndex) -> None:
    """New spam is good with old ham, and old spam with new ham."""
    index.add(eating(["False"] * 3 + ["ham.V >= 2"] * 3))
    index.add(ham(("1.0", 0), ("1.5", 21), ("2.0", 23)))
    finding = asked(ask, *RELEASED)
    assert finding["answer"] == (
        "spam went bad in 1.3; 1.2 is the last good release before it. "
        "It takes spam 1.3 together with ham 1.5 → 2.0."
    )
    assert cells(finding) == [("1.2", "of 1.3", "good"), ("1.3", "of 1.2", "good")]
    assert faults(ask, *RELEASED) == [
        (
            "introduced 1.2 → 1.3: both together; with dependencies of 1.3, 1.2 is good; "
            "with dependencies of 1.2, 1.3 is good; ham 1.5 → 2.0 did it"
        )
    ]
    scanned(ask, finding, ["1.3", "1.4", "1.5"], *RELEASED)
    again = ask("report", "--stored", "--format", "json").finding
    assert again["answer"] == finding["answer"]


def test_either_alone(ask: Command, index: LocalIndex) -> None:
    """New spam is bad with old ham, and old spam with new ham."""
    index.add(eating(["ham.V >= 2"] * 3 + ["True"] * 3))
    index.add(ham(("1.0", 0), ("2.0", 25)))
    finding = asked(ask, *RELEASED)
    assert finding["answer"] == (
        "spam went bad in 1.3; 1.2 is the last good release before it. "
        "spam 1.3 or what came in with it: either alone does it."
    )
    assert cells(finding) == [("1.2", "of 1.3", "bad"), ("1.3", "of 1.2", "bad")]
    scanned(ask, finding, ["1.3", "1.4", "1.5"], *RELEASED)


def test_a_package_that_changed_beside_its_dependencies_did_it_alone(
    ask: Command, index: LocalIndex
) -> None:
    index.add(eating(["False"] * 3 + ["True"] * 3))
    index.add(ham(("1.0", 0), ("2.0", 25)))
    finding = asked(ask, *RELEASED)
    assert cells(finding) == [("1.2", "of 1.3", "good"), ("1.3", "of 1.2", "bad")]
    assert cause(finding)["blame"] == "package"
    assert finding["answer"] == "spam went bad in 1.3; 1.2 is the last good release before it."


def test_what_requirements_tie_together_cannot_be_told_apart(
    ask: Command, index: LocalIndex
) -> None:
    """Neither release can be installed with the other's ham, so nobody is blamed."""
    index.add(eating(["False"] * 6, ["ham<2"])[:3])
    index.add(eating(["True"] * 6, ["ham>=2"])[3:])
    index.add(ham(("1.0", 0), ("2.0", 25)))
    finding = asked(ask)
    assert finding["answer"] == "spam went bad in 1.3; 1.2 is the last good release before it."
    assert faults(ask) == [
        "introduced 1.2 → 1.3: undecided, 1.2 can't be tested with the dependencies of 1.3"
    ]
    assert cells(finding) == [
        ("1.2", "of its own time", "good"),
        ("1.3", "of its own time", "bad"),
        ("1.2", "of 1.3", "untestable"),
        ("1.3", "of 1.2", "untestable"),
    ]
    assert finding["decided"] is True
    scanned(ask, finding, ["1.3", "1.4", "1.5"])


def test_an_index_without_upload_times_leaves_the_fault_undecided(
    ask: Command, index: LocalIndex
) -> None:
    index.add(eating(["False"] * 3 + ["True"] * 3), ham(("1.0", 0)))
    index.upload_times = False
    assert faults(ask) == [
        "introduced 1.2 → 1.3: undecided, the index doesn't say when 1.2 was uploaded"
    ]


def test_attribution_is_left_out_where_nobody_wants_it(ask: Command, index: LocalIndex) -> None:
    index.add(eating(["False"] * 3 + ["True"] * 3), ham(("1.0", 0)))
    finding = asked(ask, "--no-attribution", "--jobs", "1")
    assert "cause" not in finding["transitions"][0]
    assert len(ask.stored()) == len(finding["measurements"])


def lines(history: Iterable[tuple[str, str]]) -> list[Built]:
    """Return releases of spam in the order of their upload, each good or bad by its letter."""
    return [
        release("spam", version, f"BROKEN = {letter == 'b'}", day=day)
        for day, (version, letter) in enumerate(history)
    ]


BACKPORTED = [
    *(("1.4.0", "g"), ("1.4.1", "b"), ("1.4.2", "b"), ("1.5.0", "b"), ("1.5.1", "b")),
    *(("1.5.2", "g"), ("1.4.3", "g"), ("1.5.3", "g"), ("1.4.4", "g"), ("1.5.4", "g")),
]
"""Bad since 1.4.1, of which 1.5.0 came; fixed in 1.5.2, and a day later in 1.4.3."""


def test_a_backported_fix_is_one_fix_in_two_lines(ask: Command, index: LocalIndex) -> None:
    """From 1.4.4 to 1.5.0 nothing went bad: 1.5.0 is the older one, and 1.4.2 was bad then.

    Halving from 1.4.0 to 1.5.1 passes 1.4.2 by; it is measured since 1.5.0 came of it.
    """
    index.add(lines(BACKPORTED))
    finding = asked(ask, "--bad", "1.5.1", "--jobs", "1")
    assert finding["answer"] == (
        "spam went bad in 1.4.1; 1.4.0 is the last good release before it. "
        "It was fixed in 1.4.3 and in 1.5.2, each of another release line; "
        "1.4.2 and 1.5.1 are the last bad releases before."
    )
    assert [(t["kind"], t.get("parting", False)) for t in finding["transitions"]] == [
        ("introduced", False),
        ("fixed", False),
        ("introduced", True),
        ("fixed", False),
    ]
    assert finding["affected"] == [">=1.4.1,<1.4.3", ">=1.5.0,<1.5.2"]
    scanned(ask, finding, ["1.4.1", "1.4.2", "1.5.0", "1.5.1"])


def test_what_came_to_three_lines_at_once_did_not_come_again(
    ask: Command, index: LocalIndex
) -> None:
    """The same day broke three lines that were kept up, and a later day mended all of them."""
    index.add(
        release("spam", f"{line}.{number}", f"BROKEN = {letter == 'b'}", day=day)
        for line in ("1.0", "1.1", "1.2")
        for number, (letter, day) in enumerate((("g", 0), ("b", 10), ("b", 20), ("g", 30)))
    )
    finding = asked(ask, "--exhaustive")
    assert finding["answer"] == (
        "spam went bad in 1.0.1, in 1.1.1 and in 1.2.1, each of another release line; "
        "1.0.0, 1.1.0 and 1.2.0 are the last good releases before. "
        "It was fixed in 1.0.3, in 1.1.3 and in 1.2.3, each of another release line; "
        "1.0.2, 1.1.2 and 1.2.2 are the last bad releases before."
    )


def test_in_the_order_of_upload_a_backported_fix_is_two_transitions(
    ask: Command, index: LocalIndex
) -> None:
    """The affected releases are told in version order all the same: an installer has no dates."""
    index.add(lines(BACKPORTED))
    words = ("--order", "upload")
    finding = asked(ask, *words)
    assert finding["answer"] == (
        "In the order of upload, spam went bad in 1.4.1; 1.4.0 is the last good release before it. "
        "It was fixed in 1.5.2; 1.5.1 is the last bad release before it."
    )
    assert changes(finding) == [("introduced", "1.4.0", "1.4.1"), ("fixed", "1.5.1", "1.5.2")]
    assert finding["affected"] == [">=1.4.1,<1.4.3", ">=1.5.0,<1.5.2"]
    scanned(ask, finding, ["1.4.1", "1.4.2", "1.5.0", "1.5.1"], *words)


def test_what_broke_on_an_old_line_only(ask: Command, index: LocalIndex) -> None:
    """A backport broke 1.4.3: 1.5.0 didn't fix it, for it came of 1.4.2, which was good."""
    history = [
        *(("1.4.0", "g"), ("1.4.1", "g"), ("1.4.2", "g"), ("1.5.0", "g"), ("1.5.1", "g")),
        *(("1.4.3", "b"), ("1.5.2", "g"), ("1.4.4", "b"), ("1.5.3", "g")),
    ]
    index.add(lines(history))
    finding = asked(ask)
    assert finding["answer"] == (
        "spam went bad in 1.4.3; 1.4.2 is the last good release before it. "
        "It is good in 1.5.0, of another release line."
    )
    assert finding["affected"] == ">=1.4.3,<1.5.0"
    scanned(ask, finding, ["1.4.3", "1.4.4"])


def test_two_windows_of_which_somebody_knows_a_release_each(
    ask: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "ggggbbggggggggbbbgg"))
    words = ("--bad", "1.4", "--good", "1.9", "--bad", "1.15")
    finding = asked(ask, *words)
    assert finding["answer"] == (
        "spam went bad in 1.4; 1.3 is the last good release before it. "
        "It was fixed in 1.6; 1.5 is the last bad release before it. "
        "It went bad again in 1.14; 1.13 is the last good release before it. "
        "It was fixed again in 1.17; 1.16 is the last bad release before it."
    )
    assert finding["affected"] == [">=1.4,<1.6", ">=1.14,<1.17"]
    scanned(ask, finding, ["1.4", "1.5", "1.14", "1.15", "1.16"])
