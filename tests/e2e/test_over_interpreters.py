"""One release on the interpreters that are installed: on which Python its behaviour changed."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from e2e.command import Command, changes, outcomes
from e2e.projects import interpreters, release
from local_index import LocalIndex
from packaging.version import Version

OVER = ("--package", "spam", "--over", "interpreters", "--assure", "0", "--jobs", "2")
COMMAND = ("--", "python", "check.py")
SERIES = ("3.10", "3.11", "3.12", "3.13")

Finding = dict[str, Any]


@pytest.fixture
def several(bisect: Command) -> Command:
    """Several interpreters are installed, and the script fails where spam says so."""
    interpreters(*SERIES)
    bisect.write("check.py", "import spam\nassert not spam.broken(), 'spam is broken'\n")
    return bisect


def measured(finding: Finding) -> list[Version]:
    """The interpreters measured, in their order."""
    return sorted({Version(run["python"]) for run in finding["measurements"]})


def since(finding: Finding, series: str) -> tuple[str, str]:
    """The last interpreter measured before a series, and the first from it on."""
    pythons, first = measured(finding), Version(series)
    before = max(python for python in pythons if python < first)
    return str(before), str(min(python for python in pythons if python >= first))


def test_the_python_that_did_it(several: Command, index: LocalIndex) -> None:
    """What is found is what a full scan says, of the newest release, and not the interpreter's."""
    gone = "import sys\ndef broken():\n    return sys.version_info >= (3, 12)"
    index.add(release("spam", "1.0", "def broken():\n    return False"))
    index.add(release("spam", "1.1", gone, day=5, dependencies=["ham"]))
    index.add(release("ham", "1.0", ""))
    result = several("--format", "json", *OVER, *COMMAND)
    assert result.status == 0, result.errors
    finding = result.finding
    scan = several("--format", "json", *OVER, "--exhaustive", *COMMAND).finding
    last, first = since(scan, "3.12")
    assert len(measured(scan)) == scan["candidates"] >= len(SERIES)
    assert changes(finding) == changes(scan) == [("introduced", last, first)]
    assert finding["answer"] == (
        f"spam 1.1 is bad from Python {first} on; {last} is the last good one."
    )
    assert outcomes(scan) == {
        str(python): "bad" if python >= Version("3.12") else "good" for python in measured(scan)
    }
    assert (finding["over"], finding["python"], finding["affected"]) == ("spam 1.1", None, None)
    assert finding["transitions"][0]["cause"]["blame"] == "interpreter"
    assert all(run["version"] == run["python"] for run in finding["measurements"])
    assert "--python" not in shlex.split(finding["replay"])


def test_what_is_printed_and_the_command_that_makes_it_again(
    several: Command, index: LocalIndex
) -> None:
    """The interpreters are the table's rows; the command in it measures nothing more."""
    index.add(
        release("spam", "1.0", "import sys\ndef broken():\n    return sys.version_info < (3, 11)")
    )
    result = several(*OVER, *COMMAND)
    assert result.status == 0, result.errors
    runs = several.stored()
    lines = result.output.splitlines()
    assert any(line.split()[:2] == ["interpreter", "outcome"] for line in lines)
    assert "is good from Python 3.11" in result.answer
    (line,) = [line for line in lines if line.startswith("replay ")]
    again = shlex.split(line)[2:]
    repeated = several(*again[: again.index("--")], "--assure", "0", *again[again.index("--") :])
    assert (repeated.status, repeated.answer) == (0, result.answer)
    assert several.stored() == runs
    report = several("--format", "markdown", *OVER, *COMMAND)
    assert report.output.startswith("# spam 1.0: differs between interpreters: python check.py")


def test_the_same_on_all(several: Command, index: LocalIndex) -> None:
    """Those that can't have the release are said; the newest release that any can have is held."""
    good = "def broken():\n    return False"
    index.add(release("spam", "1.0", good))
    index.add(release("spam", "1.1", good, day=1, requires_python=">=3.11"))
    index.add(release("spam", "1.2", good, day=2, requires_python=">=3.99"))
    result = several("--format", "json", *OVER, "--exhaustive", *COMMAND)
    assert result.status == 1, result.errors
    finding = result.finding
    excluded = {Version(one["version"]): one["detail"] for one in finding["excluded"]}
    assert set(excluded.values()) == {"requires Python >=3.11"}
    assert max(excluded) < Version("3.11") <= min(measured(finding))
    pythons = measured(finding)
    assert finding["answer"] == (
        f"No change found: spam 1.1 is good on {len(pythons)} interpreters from Python "
        f"{pythons[0]} to {pythons[-1]}; {len(excluded)} more could not be tested "
        "(requires Python >=3.11)."
    )
    held = several.json(*OVER, "--range", "<1.1", *COMMAND)
    assert (held["over"], held["excluded"]) == ("spam 1.0", [])


EATEN = "import ham\ndef broken():\n    return ham.V < 2"
"""Spam is broken where ham, which it needs, is older than 2."""


def test_a_dependency_that_only_some_can_have(several: Command, index: LocalIndex) -> None:
    """Where the newest ham can't be had, an older one is installed; and that makes it bad."""
    index.add(release("spam", "1.0", EATEN, dependencies=["ham"]))
    index.add(release("ham", "1.0", "V = 1"))
    index.add(release("ham", "2.0", "V = 2", requires_python=">=3.12"))
    finding = several.json(*OVER, *COMMAND)
    scan = several.json(*OVER, "--exhaustive", *COMMAND)
    last, first = since(scan, "3.12")
    assert changes(finding) == changes(scan) == [("fixed", last, first)]
    cause = finding["transitions"][0]["cause"]
    assert cause["blame"] == "together"
    assert {(c["version"], c["dependencies"], c["outcome"]) for c in cause["cells"]} == {
        (first, f"of Python {last}", "bad"),
        (last, f"of Python {first}", "untestable"),
    }
    assert f"It takes Python {first} together with ham 1.0 → 2.0." in finding["answer"]
    differing = {run["python"] for run in scan["measurements"] if run["differs"]}
    assert differing == {str(p) for p in measured(scan) if p < Version("3.12")}


def test_a_dependency_that_a_file_pins_for_each(several: Command, index: LocalIndex) -> None:
    """Both can be had on all: with that of the other side, each does as the other side does."""
    index.add(release("spam", "1.0", EATEN, dependencies=["ham"]))
    for version in (1, 2):
        index.add(release("ham", f"{version}.0", f"V = {version}"))
    pins = "ham==1.0; python_version < '3.12'\nham==2.0; python_version >= '3.12'\n"
    several.write("pins.txt", pins)
    finding = several.json(*OVER, "--dependencies", "pins.txt", *COMMAND)
    assert [kind for kind, *_ in changes(finding)] == ["fixed"]
    cause = finding["transitions"][0]["cause"]
    assert cause["blame"] == "dependency"
    changed = {"name": "ham", "before": "1.0", "after": "2.0"}
    assert [culprit["change"] for culprit in cause["culprits"]] == [changed]
    assert finding["answer"].endswith("ham 1.0 → 2.0 did it.")


def test_what_is_searched_alone_can_be_resolved_alone_later(
    several: Command, index: LocalIndex
) -> None:
    """What was held for all interpreters isn't what a search on one of them resolves itself."""
    index.add(release("spam", "1.0", "def broken():\n    return False", dependencies=["ham"]))
    index.add(release("ham", "1.0", ""))
    index.add(release("ham", "2.0", "", requires_python=">=3.12"))
    several(*OVER, "--exhaustive", *COMMAND)
    alone = several.json("--package", "spam", "--python", "3.11", "--assure", "0", *COMMAND)
    assert alone["constraints"] == ["ham==1.0"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ("--bad", "1.0"),
            [
                "error: --over interpreters searches interpreters, --good and --bad name releases",
                "hint: --range chooses the release that is held",
            ],
        ),
        (
            ("--python", "3.11"),
            [
                "error: --over interpreters searches all that are installed, --python names some",
                "hint: leave --python out",
            ],
        ),
    ],
)
def test_what_names_something_else_is_refused(
    bisect: Command, words: tuple[str, ...], complaint: list[str]
) -> None:
    result = bisect(*OVER, *words, "--", "true")
    assert (result.status, result.complaint) == (2, complaint)


def test_none_that_can_have_it(several: Command, index: LocalIndex) -> None:
    index.add(release("spam", "1.0", "", requires_python=">=3.99"))
    result = several(*OVER, *COMMAND)
    assert result.status == 3
    assert result.complaint[0].startswith("error: no release of spam in the range can be installed")
    assert "requires Python >=3.99" in result.complaint[0]
