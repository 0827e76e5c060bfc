"""``bisect --replay FINDING.json``, end to end: what was found is run again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from e2e.command import Command
from e2e.projects import BROKEN, plain, release
from e2e.test_flaky import FLAKY
from e2e.test_steps import sized
from local_index import LocalIndex

COMMAND = ("--package", "spam", "--assure", "0", "--no-attribution", "--")


def found(bisect: Command, *words: str) -> dict[str, Any]:
    """Search, keep what was found in ``finding.json``, and return it."""
    result = bisect("--format", "json", *words)
    assert result.status == 0, result.errors
    bisect.write("finding.json", result.output)
    return result.finding


def replayed(bisect: Command, *words: str) -> dict[str, Any]:
    """Replay ``finding.json`` and return what is printed as JSON."""
    result = bisect("--replay", "finding.json", "--format", "json", *words)
    assert result.output, result.errors
    return result.finding


def test_a_command_of_which_all_holds(bisect: Command, index: LocalIndex) -> None:
    """Both sides of each change are run again as often as the search runs them; nothing else is."""
    index.add(plain("spam", "ggbbbg"))
    script = bisect.write(
        "check.py", "import spam, sys\nsys.exit(spam.BROKEN and 'it is broken')\n"
    )
    found(bisect, *COMMAND, "python", script)
    before = len(bisect.stored())
    result = bisect("--replay", "finding.json")
    assert result.status == 0, result.errors
    assert result.answer == "All 2 changes of spam still hold."
    assert "introduced 1.1 → 1.2 (exit status 1): holds" in result.output
    assert "1.1 was bad in 0 of 3 runs; 1.2 was bad in 3 of 3 runs" in result.output
    assert len(bisect.stored()) == before + 12
    again = replayed(bisect)
    assert again["schema"] == "bisector/replay/1"
    assert again["holds"] is True
    assert [(c["kind"], c["before"], c["after"], c["holds"]) for c in again["changes"]] == [
        ("introduced", "1.1", "1.2", True),
        ("fixed", "1.4", "1.5", True),
    ]
    assert not any(run["cached"] for change in again["changes"] for run in change["measurements"])


def test_what_no_longer_holds(bisect: Command, index: LocalIndex) -> None:
    """The same releases behave otherwise elsewhere: one is mended, and one fails in another way."""
    script = "import spam; assert not spam.BROKEN, 'broken'; spam.EGGS"
    source = "BROKEN = {}\nEGGS = 1"
    index.add([release("spam", f"1.{n}", source.format(n in (2, 3)), day=n) for n in range(6)])
    found(bisect, *COMMAND, "python", "-c", script)
    with LocalIndex() as other:
        history = (
            [(False, "EGGS = 1")] * 2
            + [(False, ""), (True, "EGGS = 1")]
            + [(False, "EGGS = 1")] * 2
        )
        other.add(
            [
                release("spam", f"1.{n}", f"BROKEN = {b}\n{rest}", day=n)
                for n, (b, rest) in enumerate(history)
            ]
        )
        elsewhere = replace(bisect, index_url=other.url)
        result = elsewhere("--replay", "finding.json")
        assert result.status == 1, result.errors
        assert result.answer == "Of 2 changes of spam, 1 no longer holds."
        assert "introduced 1.1 → 1.2" in result.output
        assert "1.2 fails with AttributeError" in result.output
        again = replayed(elsewhere)
        assert [change["holds"] for change in again["changes"]] == [False, True]
        assert again["holds"] is False


def test_what_can_not_be_told(bisect: Command, index: LocalIndex) -> None:
    """A side that is gone from the index, or that can't be installed, decides nothing."""
    index.add(plain("spam", "ggbb"))
    found(bisect, *COMMAND, "python", "-c", "import spam; assert not spam.BROKEN")
    with LocalIndex() as other:
        other.add([one for one in plain("spam", "ggbb") if "1.2" not in one.filename])
        result = replace(bisect, index_url=other.url)("--replay", "finding.json")
    assert result.status == 3
    assert result.answer == "Of 1 change of spam, 1 is undecided."
    assert "has no release 1.2" in result.output


def test_a_probe_and_what_report_wrote(bisect: Command, index: LocalIndex) -> None:
    """A results folder's finding.json, a probe that has changed since, one that is elsewhere."""
    index.add(plain("spam", "gggbb"))
    probe = bisect.write("eggs.py", BROKEN)
    assert bisect("report", "--probe", f"./{probe}", "--assure", "0").status == 0
    (written,) = bisect.results.rglob("finding.json")
    result = bisect("--replay", str(written))
    assert result.status == 0, result.errors
    assert "note" not in result.output
    bisect.write("eggs.py", f"{BROKEN}# another line\n")
    changed = bisect("--replay", str(written))
    assert changed.status == 0
    assert "eggs is not as it was when the finding was made" in changed.output
    (bisect.folder / "there").mkdir()
    (bisect.folder / "eggs.py").rename(bisect.folder / "there" / "eggs.py")
    absent = bisect("--replay", str(written))
    assert absent.status == 2
    assert absent.complaint[0].endswith("is not at hand: there is no file ./eggs.py")
    assert absent.complaint[1] == "hint: run it where it lies, or name it: --probe PATH"
    assert bisect("--replay", str(written), "--probe", "there/eggs.py").status == 0


def test_several_findings_and_cases_in_a_file(bisect: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "ggbb"))
    cases = BROKEN.replace('# ///\n"""', "# cases = ['a', 'b']\n# ///\n\"\"\"")
    probe = bisect.write("eggs.py", cases)
    found = bisect("--format", "json", "--probe", f"./{probe}", "--assure", "0")
    assert len(found.findings) == 2
    bisect.write("finding.json", found.output)
    result = bisect("--replay", "finding.json", "--format", "json")
    assert result.status == 0, result.errors
    assert [one["probe"] for one in result.findings] == ["eggs[a]", "eggs[b]"]


def test_dependencies_are_those_of_then(bisect: Command, index: LocalIndex) -> None:
    """What is held is what was held: a newer dependency, out since, makes no difference."""
    needing = [
        release("spam", f"1.{n}", f"import ham\nBROKEN = {n > 1}", day=n, dependencies=["ham"])
        for n in range(4)
    ]
    index.add([*needing, release("ham", "1.0", "", day=0)])
    found(bisect, *COMMAND, "python", "-c", "import spam; assert not spam.BROKEN")
    index.add([release("ham", "2.0", "1/0", day=9)])
    assert bisect("--replay", "finding.json", "--refresh").status == 2
    result = bisect("--replay", "finding.json")
    assert result.status == 0, result.errors


def test_what_fails_at_random_is_run_more_often(
    bisect: Command, index: LocalIndex, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A release that passed every other time isn't called mended for three runs that pass."""
    bisect = replace(bisect, sandbox="off")
    counter = tmp_path_factory.mktemp("counter") / "runs"
    index.add(plain("spam", "ggggbbbb"))
    script = bisect.write("flaky.py", FLAKY.format(counter=str(counter), share=0.5))
    found(bisect, "--jobs", "1", *COMMAND, "python", script)
    again = replayed(bisect, "--jobs", "1")
    assert again["holds"] is True
    (change,) = again["changes"]
    assert change["runs"]["1.4"]["good"] + change["runs"]["1.4"]["bad"] > 3
    assert change["runs"]["1.4"]["good"] > 0


def test_a_step_of_a_number(bisect: Command, index: LocalIndex) -> None:
    index.add(sized([10] * 6 + [20] * 4))
    words = ("--package", "spam", "--assure", "0", "--metric", "peak_memory_bytes")
    found(bisect, *words, "--", "python", "-c", "import spam")
    again = replayed(bisect)
    assert [(c["kind"], c["before"], c["after"], c["holds"]) for c in again["changes"]] == [
        ("up", "1.5", "1.6", True)
    ]
    with LocalIndex() as other:
        other.add(sized([10] * 10))
        result = replace(bisect, index_url=other.url)("--replay", "finding.json")
    assert result.status == 1, result.errors
    assert "up 1.5 → 1.6: does not hold" in result.output


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Command], None]:
    """What spoils a finding that is there."""

    def spoil(bisect: Command) -> None:
        finding = json.loads((bisect.folder / "finding.json").read_text())
        change(finding)
        bisect.write("finding.json", json.dumps(finding))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda bisect: (bisect.folder / "finding.json").unlink(), "can't be read: No such file"),
        (lambda bisect: bisect.write("finding.json", "{"), "is not JSON"),
        (lambda bisect: bisect.write("finding.json", "[]"), "has no finding in it"),
        (lambda bisect: bisect.write("finding.json", "[1]"), "is not a finding: it has no schema"),
        (edited(lambda f: f.update(schema="bisector/finding/2")), "of schema 'bisector/finding/2'"),
        (edited(lambda f: f.update(schema="bisector/table/1")), "of schema 'bisector/table/1'"),
        (edited(lambda f: f.pop("replay")), "missing required field `replay`"),
        (edited(lambda f: f.update(replay="rm -rf /")), "its replay is no command of bisect"),
        (edited(lambda f: f.update(replay="bisect --nonsense")), "its replay is no command"),
        (edited(lambda f: f["failures"][0]["transitions"][0].pop("first_bad")), "no two sides"),
        (edited(lambda f: f.update(failures=[])), "claims no change"),
        (edited(lambda f: f.update(over="spam 1.3")), "is of a search over"),
        (lambda bisect: (bisect.folder / "check.py").unlink(), "there is no file check.py"),
        (
            edited(lambda f: f.update(replay=f["replay"].replace(" -- ", " --network -- "))),
            "was made with --network, which no file may ask for",
        ),
    ],
)
def test_what_can_not_be_replayed(
    bisect: Command, index: LocalIndex, spoil: Callable[[Command], None], complaint: str
) -> None:
    """Each is one sentence and a hint, and nothing is run."""
    index.add(plain("spam", "gb"))
    bisect.write("check.py", "import spam; assert not spam.BROKEN")
    found(bisect, *COMMAND, "python", "check.py")
    spoil(bisect)
    runs = len(bisect.stored())
    result = bisect("--replay", "finding.json")
    assert result.status == 2
    assert complaint in result.complaint[0]
    assert result.complaint[1].startswith("hint: ")
    assert len(result.complaint) == 2
    assert len(bisect.stored()) == runs


def test_what_does_not_go_with_it(bisect: Command) -> None:
    for words in (("--range", ">1"), ("--why",), ("--format", "osv")):
        result = bisect("--replay", "finding.json", *words)
        assert result.status == 2
        assert words[0] in result.complaint[0]
