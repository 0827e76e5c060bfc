"""Every failure has its place in the answer: each kind of history, end to end."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

import pytest
from e2e.command import Command, changes
from e2e.projects import START, interpreters, release
from local_index import LocalIndex
from wheels import wheel

QUICK = ("--package", "spam", "--assure", "0", "--jobs", "2")
COMMAND = ("--", "python", "check.py")
GOOD = "def fry():\n    return 'crisp'"
KEY = "def fry():\n    {}['pan']"
RAISES = "def fry():\n    raise OSError('cold')"
HANGS = "import time\ndef fry():\n    time.sleep(600)"
CRASH = "import os, signal\ndef fry():\n    os.kill(os.getpid(), signal.SIGSEGV)"
UNFIT = "raise RuntimeError('too old for this Python')"
UNPARSED = "async = 1"


def searched(
    bisect: Command, index: LocalIndex, sources: Iterable[str], *words: str
) -> dict[str, Any]:
    """Search releases of those sources, from 1.0 on, with check.py if there is one already."""
    for number, source in enumerate(sources):
        index.add(release("spam", f"1.{number}", source, day=number))
    if not (bisect.folder / "check.py").exists():
        bisect.write("check.py", "import spam\nspam.fry()\n")
    return bisect.json(*QUICK, *words, *COMMAND)


def failures(finding: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return what each failure is called, with its changes as words."""
    told = []
    for failure in finding["failures"]:
        steps = [f"{kind} {before} {after}" for kind, before, after in changes(failure)]
        told.append((failure["name"].partition(" (in ")[0], steps))
    return told


def test_one_release_in_the_middle_that_cannot_be_imported_is_found(
    bisect: Command, index: LocalIndex
) -> None:
    finding = searched(bisect, index, [*[GOOD] * 4, UNFIT, *[GOOD] * 3])
    name = "RuntimeError: too old for this Python"
    assert failures(finding) == [(name, ["introduced 1.3 1.4", "fixed 1.4 1.5"])]
    assert finding["pin"] == f"Pin spam>=1.5: 1.4 can't be imported: {name} (in spam.py:<module>)."


@pytest.mark.parametrize(
    ("old", "name"),
    [
        (UNFIT, "RuntimeError: too old for this Python"),
        (UNPARSED, "SyntaxError: invalid syntax (spam.py, line 1)"),
    ],
)
def test_old_releases_that_cannot_be_imported_do_not_end_the_search(
    bisect: Command, index: LocalIndex, old: str, name: str
) -> None:
    """They are no regression; what fails among those that can be is told first."""
    finding = searched(bisect, index, [*[old] * 4, *[GOOD] * 5, KEY, *[GOOD] * 3])
    assert failures(finding) == [
        ("KeyError: 'pan'", ["introduced 1.8 1.9", "fixed 1.9 1.10"]),
        (name, ["fixed 1.3 1.4"]),
    ]
    assert finding["affected"] == ">=1.9,<1.10"
    assert finding["affected_by_any"] == [">=1.0,<1.4", ">=1.9,<1.10"]


def test_a_module_that_was_taken_out_is_a_failure(bisect: Command, index: LocalIndex) -> None:
    """The newest release fails, and so nothing is said to be good."""
    for number in range(6):
        files = {"spam/__init__.py": "", "spam/eggs.py" if number < 4 else "spam/ham.py": ""}
        index.add(wheel("spam", f"1.{number}", files, upload_time=START))
    bisect.write("check.py", "from spam.eggs import __file__\n")
    finding = searched(bisect, index, [])
    name = "ModuleNotFoundError: No module named 'spam.eggs'"
    assert failures(finding) == [(name, ["introduced 1.3 1.4"])]
    assert " good; " not in finding["answer"]
    assert finding["pin"].startswith("Pin spam<1.4 (3 of 4 releases tested): 1.4 ")


def test_what_only_exits_is_told_by_the_last_line_that_it_prints(
    bisect: Command, index: LocalIndex
) -> None:
    exits = "def fry():\n    print('3 eggs are stale')\n    raise SystemExit(1)"
    finding = searched(bisect, index, [*[GOOD] * 4, *[exits] * 4], "--exhaustive")
    assert finding["pin"] == "Pin spam<1.4: 1.4 exited with status 1: 3 eggs are stale."


def test_three_failures_in_one_history_are_told_apart(bisect: Command, index: LocalIndex) -> None:
    """One of them a crash; the newest release's comes first, and one gives way to another."""
    sources = [GOOD, CRASH, CRASH, GOOD, KEY, KEY, RAISES, RAISES]
    finding = searched(bisect, index, sources, "--exhaustive")
    assert failures(finding) == [
        ("OSError: cold", ["introduced 1.3 1.6"]),
        ("KeyError: 'pan'", ["introduced 1.3 1.4"]),
        ("died of SIGSEGV", ["introduced 1.0 1.1", "fixed 1.2 1.3"]),
    ]
    assert finding["transitions"][0]["otherwise"] == ["1.4", "1.5"]
    assert [failure["affected"] for failure in finding["failures"]] == [
        ">=1.6,<=1.7",
        ">=1.4,<1.6",
        ">=1.1,<1.3",
    ]
    records = bisect("report", "--stored", "--format", "osv").findings
    assert [record["affected"][0]["versions"] for record in records] == [
        ["1.6", "1.7"],
        ["1.4", "1.5"],
        ["1.1", "1.2"],
    ]


def test_a_crash_between_two_exceptions_is_a_failure_of_its_own(
    bisect: Command, index: LocalIndex
) -> None:
    finding = searched(bisect, index, [GOOD, KEY, CRASH, RAISES, GOOD], "--exhaustive")
    assert sorted(failures(finding)) == [
        ("KeyError: 'pan'", ["introduced 1.0 1.1", "fixed 1.1 1.4"]),
        ("OSError: cold", ["introduced 1.0 1.3", "fixed 1.3 1.4"]),
        ("died of SIGSEGV", ["introduced 1.0 1.2", "fixed 1.2 1.4"]),
    ]


def test_failures_that_overlap_on_different_interpreters_are_told_apart_on_each(
    bisect: Command, index: LocalIndex
) -> None:
    """On the older one KeyError up to 1.4, on the newer one OSError from 1.3 on, and a crash."""
    old, new = interpreters("3.10", "3.12")
    both = "import sys\nif sys.version_info < (3, 12):\n{}\nelse:\n{}"
    on_old = [GOOD, GOOD, KEY, KEY, KEY, GOOD, GOOD, GOOD]
    on_new = [GOOD, CRASH, GOOD, RAISES, RAISES, RAISES, GOOD, GOOD]
    for number, sources in enumerate(zip(on_old, on_new)):
        source = both.format(*(textwrap.indent(one, "    ") for one in sources))
        index.add(release("spam", f"1.{number}", source, day=number))
    bisect.write("check.py", "import spam\nspam.fry()\n")
    words = ("--python", old, "--python", new, "--exhaustive")
    one, other = bisect("--format", "json", *QUICK, *words, *COMMAND).findings
    assert failures(one) == [("KeyError: 'pan'", ["introduced 1.1 1.2", "fixed 1.4 1.5"])]
    assert sorted(failures(other)) == [
        ("OSError: cold", ["introduced 1.2 1.3", "fixed 1.5 1.6"]),
        ("died of SIGSEGV", ["introduced 1.0 1.1", "fixed 1.1 1.2"]),
    ]


@pytest.mark.parametrize(
    "printed",
    ["spam.V", "f'port {40000 + int(spam.V[2:])}'", "set(spam.V + 'abc')", "{spam.V: 1, 'a': 2}"],
)
def test_what_an_assertion_prints_does_not_make_it_another(
    bisect: Command, index: LocalIndex, printed: str
) -> None:
    sources = [f"V = '1.{n}'\nBROKEN = {n > 3}" for n in range(8)]
    bisect.write("check.py", f"import spam\nassert not spam.BROKEN, {printed}\n")
    finding = searched(bisect, index, sources)
    assert [steps for _, steps in failures(finding)] == [["introduced 1.3 1.4"]]


def test_another_line_of_the_same_test_is_another_failure(
    bisect: Command, index: LocalIndex
) -> None:
    sources = [f"A = {n < 6}\nB = {n < 3}" for n in range(8)]
    bisect.write("check.py", "import spam\nassert spam.A\nassert spam.B\n")
    finding = searched(bisect, index, sources)
    assert [steps for _, steps in failures(finding)] == [
        ["introduced 1.2 1.6"],
        ["introduced 1.2 1.3"],
    ]


TOOL = """\
import argparse
parser = argparse.ArgumentParser()
OPTION
options = parser.parse_args()
assert not BROKEN
"""


def test_an_option_that_is_not_there_yet_is_a_guess(bisect: Command, index: LocalIndex) -> None:
    """Ten releases without it are halved, and then the search goes on for what broke."""
    for number in range(20):
        option = "parser.add_argument('--fry', action='store_true')" if number >= 10 else ""
        source = TOOL.replace("OPTION", option).replace("BROKEN", str(number in (14, 15)))
        index.add(release("spam", f"1.{number}", source, day=number))
    finding = bisect.json(*QUICK, "--jobs", "1", "--", "python", "-m", "spam", "--fry")
    assert failures(finding)[0][1] == ["introduced 1.13 1.14", "fixed 1.15 1.16"]
    assert (
        "unrecognized arguments: --fry: up to 1.9, as if what is asked for was not there yet"
        in (finding["answer"])
    )
    assert len({m["version"] for m in finding["measurements"]} & {f"1.{n}" for n in range(9)}) < 5


@pytest.mark.parametrize(
    ("sources", "steps"),
    [
        ([GOOD, GOOD, GOOD, HANGS, HANGS, HANGS], ["introduced 1.2 1.3"]),
        ([GOOD, GOOD, HANGS, HANGS, GOOD, GOOD, GOOD], ["introduced 1.1 1.2", "fixed 1.3 1.4"]),
        ([HANGS, HANGS, HANGS, GOOD, GOOD], ["fixed 1.2 1.3"]),
    ],
)
def test_a_hang_is_found_wherever_it_is_and_not_waited_for_long(
    bisect: Command, index: LocalIndex, sources: list[str], steps: list[str]
) -> None:
    """After the second one, a run has ten times what a good one took."""
    finding = searched(bisect, index, sources, "--timeout", "8", "--jobs", "1")
    assert failures(finding) == [("hangs", steps)]
    assert "hangs." in finding["answer"]
    hung = [m["seconds"] for m in finding["measurements"] if m["reason"] == "timeout"]
    assert len(hung) > 2
    assert sum(seconds > 7 for seconds in hung) == 2


def test_only_failures_that_match_are_looked_at(bisect: Command, index: LocalIndex) -> None:
    sources = [GOOD, KEY, KEY, GOOD, RAISES, RAISES]
    finding = searched(bisect, index, sources, "--exhaustive", "--failure", "KeyError")
    assert failures(finding) == [("KeyError: 'pan'", ["introduced 1.0 1.1", "fixed 1.2 1.3"])]
    assert "1.4, 1.5 fail in another way (OSError: cold" in finding["answer"]
    assert "--failure KeyError" in finding["replay"]
    stored = bisect("report", "--stored", "--format", "json").finding
    assert stored["answer"] == finding["answer"]


def test_an_incompatibility_that_was_fixed_names_who_broke_it(
    bisect: Command, index: LocalIndex
) -> None:
    """Ham 2.0 broke spam up to 1.2; spam 1.3 works with it."""
    old, new = "import ham\nBROKEN = ham.NEW", "import ham\nBROKEN = False"
    for number in range(6):
        source = old if number < 3 else new
        index.add(release("spam", f"1.{number}", source, day=number, dependencies=["ham"]))
    index.add(release("ham", "1.0", "NEW = False"), release("ham", "2.0", "NEW = True", day=50))
    bisect.write("check.py", "import spam\nassert not spam.BROKEN\n")
    finding = searched(bisect, index, [])
    assert changes(finding) == [("fixed", "1.2", "1.3")]
    assert finding["transitions"][0]["cause"]["blame"] == "incompatible"
    assert (
        "spam 1.2 is bad only with ham ≥ 2.0; spam 1.3 works with it: ham broke it, spam fixed it."
    ) in finding["answer"]
