"""One project of 49 releases with every kind of trouble, all of them measured once."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from e2e.command import Command, Result, outcomes
from e2e.projects import BEHAVE, TROUBLED, troubled
from local_index import LocalIndex

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full and SIGSEGV")
pytestmark = linux_only

OUTCOMES = {
    "good": "good",
    "bad": "bad",
    "surrogate": "good",
    "hang": "timeout",
    "flood": "good",
    "kill": "no-verdict",
    "crash": "no-verdict",
    "leave": "good",
    "garbage": "no-verdict",
    "other": "no-verdict",
    "strange": "no-verdict",
    "nan": "good",
    "vast": "good",
    "huge": "no-verdict",
    "deep": "no-verdict",
    "fifo": "no-verdict",
    "fill": "good",
    "full": "environment",
    "conflict": "good",
    "missing-dependency": "install-failed",
    "broken-import": "import-failed",
    "skip": "skipped-by-probe",
    "raise": "no-verdict",
    "exit": "no-verdict",
}
EXCLUDED = [
    {
        "version": "0.9.0",
        "reason": "no-wheel",
        "detail": "only a source distribution; --allow-build would build it",
    },
    {
        "version": "0.9.1",
        "reason": "no-wheel",
        "detail": f"no wheel for cp3{sys.version_info[1]}-cp3{sys.version_info[1]}-",
    },
    {"version": "0.9.2", "reason": "requires-python", "detail": "requires Python >=3.99"},
    {
        "version": "1.5.3",
        "reason": "no-wheel",
        "detail": f"no wheel for cp3{sys.version_info[1]}-cp3{sys.version_info[1]}-",
    },
]


@dataclass(frozen=True, slots=True)
class Scan:
    """The first scan as text, the second of the same as JSON, and what was left in between."""

    first: Result
    second: dict[str, Any]
    folders: list[str]
    processes: list[str]
    bisect: Command


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scan]:
    with LocalIndex() as index:
        index.add(troubled())
        bisect = Command(tmp_path_factory.mktemp("troubled"), index.url)
        words = ("--probe", bisect.write("behave.py", BEHAVE), "--exhaustive", "--assure", "0")
        first = bisect(*words)
        folders, processes = bisect.left_folders(), bisect.left_processes()
        yield Scan(first, bisect.json(*words), folders, processes, bisect)


def test_every_release_is_what_it_is_and_keeps_its_reason(scan: Scan) -> None:
    expected = {
        version: OUTCOMES[words.split()[0]]
        for version, words in TROUBLED.items()
        if version not in {e["version"] for e in EXCLUDED} and version != "1.9.0b1"
    }
    assert outcomes(scan.second) == expected


def test_releases_that_cannot_be_tested_are_excluded_with_the_reason(scan: Scan) -> None:
    told = [
        {**e, "detail": re.sub(r"(cp\d+-cp\d+-).*", r"\1", e["detail"])} for e in excluded(scan)
    ]
    assert told == EXCLUDED


def excluded(scan: Scan) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = scan.second["excluded"]
    return listed


def test_the_answer_says_all_of_it_in_a_few_sentences(scan: Scan) -> None:
    """A pre-release that was bad already, yanked releases, an interval, a second window."""
    assert scan.first.status == 0
    assert scan.first.answer == (
        "spam went bad in 1.4.0 (already in 1.4.0b1); 1.3.7 is the last good release before it. "
        "1.4.0 is yanked; the first bad release that isn't is 1.4.2. "
        "It was fixed between 1.5.1 and 1.5.4 (1.5.3 untested; 1.5.2 fails otherwise). "
        "It went bad again in 1.7.1; 1.7.0 is the last good release before it. 1.7.1 is yanked. "
        "It was fixed again in 1.7.2; 1.7.1 is the last bad release before it. "
        "ModuleNotFoundError: No module named 'module_that_is_not_there' (in spam.py:<module>): "
        "came between 1.3.1 and 1.3.3 (1.3.2 untested); "
        "fixed between 1.3.3 and 1.3.7 (1.3.4, 1.3.5, 1.3.6 untested); "
        "since 1.5.2, after others that fail otherwise; 1.3.7 is the last good one; "
        "fixed between 1.5.2 and 1.5.4 (1.5.3 untested). hangs: since 1.1.0; fixed in 1.1.1."
    )


def test_the_transitions_are_told_to_programs_as_well(scan: Scan) -> None:
    aside = ("confidence", "cause")
    certain = [{k: v for k, v in t.items() if k not in aside} for t in transitions(scan)]
    assert [t["cause"]["blame"] for t in transitions(scan)] == ["package"] * 4
    assert certain == [
        {
            "kind": "introduced",
            "last_good": "1.3.7",
            "first_bad": "1.4.0",
            "untested": [],
            "confirmed": True,
            "zoom": {"last_good": "1.4.0a1", "first_bad": "1.4.0b1"},
            "first_bad_not_yanked": "1.4.2",
        },
        {
            "kind": "fixed",
            "last_bad": "1.5.1",
            "first_good": "1.5.4",
            "untested": ["1.5.3"],
            "confirmed": True,
            "otherwise": ["1.5.2"],
        },
        {
            "kind": "introduced",
            "last_good": "1.7.0",
            "first_bad": "1.7.1",
            "untested": [],
            "confirmed": True,
        },
        {
            "kind": "fixed",
            "last_bad": "1.7.1",
            "first_good": "1.7.2",
            "untested": [],
            "confirmed": True,
        },
    ]
    assert scan.second["affected"] == [">=1.4.0,<1.5.2", ">=1.7.1,<1.7.2"]


def transitions(scan: Scan) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = scan.second["transitions"]
    return listed


def test_a_release_that_cannot_live_with_the_held_dependencies_is_resolved_alone(
    scan: Scan,
) -> None:
    assert scan.second["constraints"] == ["ham==2.0"]
    assert measured(scan, "1.3.1")["differs"] == ["ham 1.0 (held: 2.0)"]
    assert measured(scan, "1.3.7")["differs"] == []


def measured(scan: Scan, version: str) -> dict[str, Any]:
    runs = [m for m in scan.second["measurements"] if m["version"] == version]
    found: dict[str, Any] = runs[-1]
    return found


@pytest.mark.parametrize(
    ("version", "detail"),
    [
        ("1.1.0", "it was still running at the time limit"),
        ("1.1.2", "died of SIGKILL"),
        ("1.1.3", "died of SIGSEGV"),
        ("1.2.0", "exited with status 0 without a report"),
        ("1.3.0", "OSError: [Errno 28] No space left on device"),
        ("1.3.3", "ModuleNotFoundError: No module named 'module_that_is_not_there'"),
        ("1.3.6", "exited with status 125 without a report"),
    ],
)
def test_what_happened_is_said_in_words(scan: Scan, version: str, detail: str) -> None:
    assert measured(scan, version)["detail"] == detail


def test_why_a_release_cannot_be_installed_is_said_on_one_line(scan: Scan) -> None:
    assert measured(scan, "1.3.2")["detail"] == (
        "Because eggs-that-nobody-laid was not found in the package registry and spam==1.3.2 "
        "depends on eggs-that-nobody-laid, we can conclude that spam==1.3.2 cannot be used. "
        "And because you require spam==1.3.2, we can conclude that your requirements are "
        "unsatisfiable."
    )


def test_a_probe_that_raises_decides_nothing_and_its_exception_is_kept(scan: Scan) -> None:
    run = measured(scan, "1.3.5")
    raising = (n for n, text in enumerate(BEHAVE.splitlines(), 1) if "no_such_function" in text)
    line = next(raising)
    message = "module 'spam' has no attribute 'no_such_function'"
    assert run["detail"] == f"exited with status 1 without a report: AttributeError: {message}"
    assert run["signature"] == {
        "exception": "AttributeError",
        "message": message,
        "frame": "",
        "line": f"behave.py:{line}",
        "status": 1,
        "signal": "",
    }


def test_a_flood_of_output_is_kept_to_its_end(scan: Scan) -> None:
    tail = scan.bisect.stored("1.1.1")[0]["output_tail"]
    assert tail.endswith("flood the end\n")
    assert len(tail) <= 4096


def test_numbers_that_json_lacks_are_text(scan: Scan) -> None:
    assert measured(scan, "1.2.1")["metrics"] == {"growth_bytes": "nan", "n": "-inf"}
    assert measured(scan, "1.2.7")["metrics"] == {"growth_bytes": f"{10**400}"}


def test_what_a_terminal_would_act_on_is_made_visible(scan: Scan) -> None:
    assert "\x1b" not in scan.first.output + scan.first.errors
    assert "\\ud800\\x1b[31m" in scan.first.errors


def test_neither_an_environment_nor_a_process_is_left(scan: Scan) -> None:
    """Also of a probe that leaves a process in a session of its own, and a GiB by os._exit."""
    assert scan.folders == []
    assert scan.processes == []
    assert scan.bisect.stored("1.1.4")[0]["output_tail"].startswith("left ")


def test_the_machines_own_fault_alone_is_measured_again(scan: Scan) -> None:
    made = [m["version"] for m in scan.second["measurements"] if not m["cached"]]
    assert made == ["1.3.0"]


def test_the_releases_are_shown_with_the_plan_for_each(bisect: Command, index: LocalIndex) -> None:
    index.add(troubled())
    result = bisect("releases", "spam", "--range", ">=0.9.2,<1.0.2")
    assert result.status == 0
    assert re.sub(r"\(cpython .*\)", "(…)", result.output) == (
        "release  uploaded    plan       why\n"
        "0.9.2    2024-01-03  excluded   requires-python: requires Python >=3.99\n"
        "1.0.0    2024-01-04  candidate\n"
        "1.0.1    2024-01-05  candidate\n"
        "\n"
        "spam: 2 candidates, 0 pre-releases kept for the zoom, 1 excluded (…)\n"
    )
