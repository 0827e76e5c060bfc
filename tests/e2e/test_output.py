"""What is printed: the JSON contract, plain lines in a pipe, colour only where it is wanted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from e2e.command import Command
from e2e.projects import BROKEN, plain, release
from local_index import LocalIndex
from packaging.specifiers import SpecifierSet
from packaging.version import Version

NUMBER = (int, float)
NULLABLE = (str, type(None))
OUTCOMES = {"good", "bad", "untestable"}
REASONS = {
    "no-wheel",
    "requires-python",
    "install-failed",
    "import-failed",
    "different-failure",
    "timeout",
    "no-verdict",
    "skipped-by-probe",
    "out-of-limits",
    "environment",
}
SIDES = {"last_good": str, "first_bad": str}
FIXED_SIDES = {"last_bad": str, "first_good": str}
FINDING: Mapping[str, Any] = {
    "schema": {"bisector/finding/1"},
    "package": str,
    "probe": str,
    "python": str,
    "platform": str,
    "dependencies": {"newest", "released", "file"},
    "transitions": list,
    "affected": (str, list, type(None)),
    "bad_at_oldest": bool,
    "bad_at_newest": bool,
    "confidence": NUMBER,
    "suspicions": list,
    "longest_untested": int,
    "candidates": int,
    "excluded": list,
    "measurements": list,
}
INTRODUCED: Mapping[str, Any] = {
    "kind": {"introduced"},
    **SIDES,
    "untested": list,
    "confidence": NUMBER,
}
FIXED: Mapping[str, Any] = {
    "kind": {"fixed"},
    **FIXED_SIDES,
    "untested": list,
    "confidence": NUMBER,
}
EXCLUDED: Mapping[str, Any] = {"version": str, "reason": REASONS}
MEASUREMENT: Mapping[str, Any] = {
    "version": str,
    "outcome": OUTCOMES,
    "yanked": bool,
    "peak_memory_bytes": (int, type(None)),
    "pool": (dict, type(None)),
    "metrics": dict,
    "seconds": NUMBER,
    "cached": bool,
}


def fits(value: Any, shape: Mapping[str, Any]) -> None:
    """Fail unless ``value`` has at least these fields, of these types or among these values."""
    for name, wanted in shape.items():
        assert name in value, f"{name} is missing in {value}"
        if isinstance(wanted, set):
            assert value[name] in wanted, f"{name} is {value[name]!r}"
        else:
            assert isinstance(value[name], wanted), f"{name} is {value[name]!r}"
            assert wanted is bool or not isinstance(value[name], bool), f"{name} is a bool"


def validate(finding: Mapping[str, Any]) -> None:
    """Fail unless ``finding`` is what DESIGN.md's contract says, in shape and in sense."""
    fits(finding, FINDING)
    for transition in finding["transitions"]:
        introduced = transition["kind"] == "introduced"
        fits(transition, INTRODUCED if introduced else FIXED)
        assert 0 <= transition["confidence"] <= 1
        before, after = (transition[name] for name in (SIDES if introduced else FIXED_SIDES))
        between = [before, *transition["untested"], after]
        assert between == sorted(between, key=Version)
        if "zoom" in transition:
            fits(transition["zoom"], SIDES if introduced else FIXED_SIDES)
    for excluded in finding["excluded"]:
        fits(excluded, EXCLUDED)
    for measurement in finding["measurements"]:
        fits(measurement, MEASUREMENT)
        if measurement["outcome"] == "untestable":
            assert measurement["reason"] in REASONS
        elif measurement["outcome"] == "bad":
            assert measurement["reason"] in (None, "import-failed", "timeout", "build-failed")
        else:
            assert measurement["reason"] is None
    affected = finding["affected"] or []
    sets = [SpecifierSet(one) for one in ([affected] if isinstance(affected, str) else affected)]
    for measurement in finding["measurements"]:
        inside = any(s.contains(measurement["version"], prereleases=True) for s in sets)
        if not Version(measurement["version"]).is_prerelease:
            assert measurement["outcome"] in ("untestable", "bad" if inside else "good")


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    with LocalIndex() as index:
        index.add(plain("spam", "gggbbsbbggg", yanked=["1.3"]))
        index.add(release("spam", "1.3b1", "BROKEN = True"))
        index.add(release("spam", "1.7.1", "", tags="cp27-none-any"))
        bisect = Command(tmp_path_factory.mktemp("output"), index.url)
        bisect.write("broken.py", BROKEN)
        yield bisect


PROBE = ("--probe", "broken.py", "--assure", "0", "--exhaustive")


def test_json_is_what_the_contract_says(ask: Command) -> None:
    finding = ask.json(*PROBE)
    validate(finding)
    assert [t["kind"] for t in finding["transitions"]] == ["introduced", "fixed"]
    assert finding["transitions"][0]["zoom"] == {"last_good": "1.2", "first_bad": "1.3b1"}
    assert finding["transitions"][1]["untested"] == ["1.7.1"]


def test_json_of_none_found_and_of_undecided_is_too(bisect: Command, index: LocalIndex) -> None:
    bisect.write("broken.py", BROKEN)
    index.add(plain("spam", "ggg"))
    none = bisect.json(*PROBE)
    validate(none)
    assert (none["transitions"], none["affected"]) == ([], None)
    index.add(plain("spam", "sss"))
    undecided = bisect.json(*PROBE, "--refresh")
    validate(undecided)
    assert (undecided["decided"], undecided["longest_untested"]) == (False, 3)


def test_json_is_all_of_standard_output_and_nothing_but_ascii(ask: Command) -> None:
    result = ask("--format", "json", *PROBE)
    json.loads(result.output)
    assert result.output.isascii()
    assert result.output.endswith("}\n")


def test_a_pipe_gets_a_plain_line_per_measurement(ask: Command) -> None:
    result = ask(*PROBE, "--refresh", "--jobs", "1", "--max-probes", "3")
    lines = [re.sub(r" +\d+\.\d\d s", " … s", line) for line in result.errors.splitlines()]
    assert lines[1:4] == [
        "1.10         good … s",
        "1.0          good … s",
        "1.5          untestable: skipped-by-probe … s",
    ]
    assert "\x1b" not in result.errors + result.output
    assert "\r" not in result.errors + result.output


@pytest.mark.parametrize(
    ("environ", "colored"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"CLICOLOR": "1", "TERM": "xterm"}, False),
    ],
)
def test_colour_in_a_pipe_only_where_it_is_asked_for(
    ask: Command, environ: dict[str, str], colored: bool
) -> None:
    assert ("\x1b[" in ask(*PROBE, **environ).output) is colored


def test_the_command_that_replays_it_does(ask: Command) -> None:
    """Pasted into a shell it is the same search: all of it is in the store."""
    finding = ask.json(*PROBE, "--range", ">=1.1,<1.10")
    words = finding["replay"].replace("'", "").split()
    assert words[0] == "bisect"
    again = ask.json(*words[1:], "--assure", "0")
    assert all(m["cached"] for m in again["measurements"])
    assert again["transitions"] == finding["transitions"]


def test_what_each_release_can_be_is_listed_before_anything_is_spent(ask: Command) -> None:
    result = ask("releases", "spam", "--range", ">=1.2,<1.4")
    assert result.status == 0
    assert result.output.splitlines()[:4] == [
        "release  uploaded    plan       why",
        "1.2      2024-01-03  candidate",
        "1.3b1    2024-01-01  zoom",
        "1.3      2024-01-04  candidate  yanked: no reason given",
    ]


def test_the_probes_are_listed(ask: Command) -> None:
    result = ask("probes")
    assert result.status == 0
    named = {
        line.split()[0].partition("[")[0] for line in result.output.splitlines()[1:] if line.strip()
    }
    assert {"iobase_payload", "textio_payload", "request_cycle", "empty_payload_reuse"} <= named


@pytest.mark.parametrize("words", [("--help", "all"), ("releases", "--help"), ("probes", "--help")])
def test_help_and_version_are_given(ask: Command, words: tuple[str, ...]) -> None:
    result = ask(*words)
    assert result.status == 0
    assert result.output.startswith("usage: bisect")
    assert result.errors == ""


def test_the_version_is_given(ask: Command) -> None:
    result = ask("--version")
    assert result.status == 0
    assert re.fullmatch(r"bisector \d+\.\d+\.\d+\n", result.output)


def test_a_workflow_gets_annotations_and_a_summary(ask: Command) -> None:
    """The summary is added to what earlier steps wrote, as Markdown."""
    summary = ask.folder / "summary.md"
    summary.write_text("# before\n", encoding="utf-8")
    ask(*PROBE)  # the two below are then both of what is stored
    result = ask(*PROBE, "--format", "github", GITHUB_STEP_SUMMARY=str(summary))
    assert result.output.startswith("::warning title=spam%3A broken::spam went bad in 1.3")
    assert result.output.count("\n") == 1
    report = ask(*PROBE, "--format", "markdown").output
    assert summary.read_text(encoding="utf-8") == f"# before\n{report}"
    assert ask(*PROBE, "--format", "github").output == result.output


def test_a_table_says_what_it_costs_before_its_first_run(ask: Command) -> None:
    """The sums are those that each search says of itself."""
    ask.write("other.py", BROKEN)
    words = ("table", "--probe", "broken.py", "--probe", "other.py", "--results", "new")
    lines = ask(*words).errors.splitlines()
    each = [re.search(r"about (\d+) runs if .*, up to (\d+) ", line) for line in lines]
    usual, most = (sum(int(m[n]) for m in each[1:] if m) for n in (1, 2))
    assert lines[0] == (
        f"2 searches in 1 package: about {usual} runs if each changed once, up to {most} if none "
        "did, less what is stored in new; Ctrl-C keeps what is measured, and --budget 10m ends it "
        "in time"
    )
    all_of_it = ask(*words, "--exhaustive").errors.splitlines()
    assert all_of_it[0].startswith(f"2 searches in 1 package: about {most} runs, less what is")
