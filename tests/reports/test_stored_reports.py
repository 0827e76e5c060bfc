"""Tables and reports from nothing but a folder of results: no index, no network, no environment."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from histories import found

from bisector import cli
from bisector.finding import Finding
from bisector.inputs import probe
from bisector.session import scope, session
from bisector.store.runs import Store

SCRIPT = '''\
# /// script
# dependencies = ["spam"]
#
# [tool.bisector]
# package = "spam"
# range = ">=1.0,<2"
#
# [tool.bisector.documented]
# issue = "https://a.example/1"
# bad = ["1.2"]
# ///
"""Eggs must be fresh."""
print("fresh")
'''


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results with one search in it, and nothing else to go by."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(session, "listed", _none_of_that)
    monkeypatch.setattr(scope, "interpreters", _none_of_that)
    keep(stored_finding(), tmp_path / "results")
    return tmp_path / "results"


def _none_of_that(*_: object) -> None:
    raise AssertionError("what is stored is read alone")


def stored_finding() -> Finding:
    one = probe.parse(SCRIPT, Path("eggs.py"))
    return found("g-gbbg", probe=one, yanked=["1.3"], runs=3)


def keep(finding: Finding, folder: Path) -> None:
    store = Store(folder)
    for measurement in finding.measurements:
        store.save(finding.probe, finding.conditions, measurement)
    store.describe(finding)


ANSWER = (
    "spam went bad in 1.3; 1.2 is the last good release before it. 1.3 is yanked; the first bad "
    "release that isn't is 1.4. It was fixed in 1.5; 1.4 is the last bad release before it."
)


def test_a_report_is_what_the_search_found(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["report", "--probe", "eggs", "--stored", "--results", str(results)]
    assert cli.main([*words, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["answer"] == ANSWER
    assert told["affected"] == ">=1.3,<1.5"
    assert told["claims"][0]["agrees"] is False
    assert all(run["cached"] for run in told["measurements"])
    assert cli.main([*words, "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("# spam `>=1.3,<1.5` fails: Eggs must be fresh.\n")


def test_a_report_says_whether_it_is_as_sure_as_is_asked(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["report", "--probe", "eggs", "--stored", "--format", "text"]
    words += ["--results", str(results)]
    assert cli.main([*words, "--confidence", "0.8"]) == 0
    assert "Undecided" not in capsys.readouterr().out
    assert cli.main([*words, "--confidence", "0.9999"]) == 3
    assert "Undecided: the runs made don't make this as sure" in capsys.readouterr().out


def test_a_report_as_files_has_all_that_a_bug_report_needs(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["report", "--probe", "eggs", "--stored", "--results", str(results)]
    assert cli.main([*words, "--output", str(results.parent / "out")]) == 0
    written = sorted(Path(line).name for line in capsys.readouterr().out.splitlines())
    names = ["chart.svg", "finding.json", "osv.json", "report.md", "reproducer.py"]
    assert written == names
    assert sorted(path.name for path in (results.parent / "out").iterdir()) == names


def test_a_table_in_each_format(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = {}
    for name in ("text", "markdown", "csv", "json", "html"):
        words = ["table", "--probe", "eggs", "--stored", "--results", str(results)]
        assert cli.main([*words, "--format", name]) == 0
        shown[name] = capsys.readouterr().out
    assert "1.1           2024-01-02  (✓ good)\n" in shown["text"]
    assert "| 1.3 (yanked) | 2024-01-04 | **✗ bad** |\n" in shown["markdown"]
    known = [line["known"] for line in csv.DictReader(io.StringIO(shown["csv"]))]
    assert known == ["measured", "inferred", *["measured"] * 4]
    assert [cell["known"] for cell in json.loads(shown["json"])["cells"]] == known
    assert shown["html"].startswith("<!")


def test_nothing_stored_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["table", "--stored", "--results", str(tmp_path)]) == 3
    assert "nothing of what is asked for is stored" in capsys.readouterr().err
