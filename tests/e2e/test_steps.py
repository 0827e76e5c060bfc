"""Where a number stepped, end to end: memory, time, what is printed or reported; and where not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from e2e.command import Command
from e2e.projects import release
from local_index import LocalIndex

MIB = 1 << 20
COMMAND = ("--package", "spam", "--assure", "0", "--", "python", "-c")


def sized(sizes: Sequence[int | None], source: str = "BALLAST = b'x' * ({} << 20)") -> Any:
    """Releases from 1.0 on whose number is given; of None it can't be imported."""
    return [
        release(
            "spam",
            f"1.{number}",
            "raise OSError('unfit')" if size is None else source.format(size),
            day=number,
        )
        for number, size in enumerate(sizes)
    ]


def steps(finding: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The steps: kind, last before, first after."""
    return [(step["kind"], step["before"], step["after"]) for step in finding["steps"]]


def test_a_memory_step(bisect: Command, index: LocalIndex) -> None:
    index.add(sized([10] * 6 + [20] * 4))
    result = bisect("--metric", "peak_memory_bytes", *COMMAND, "import spam")
    assert result.status == 0
    assert result.answer.startswith("peak memory of spam went up by ")
    assert " MiB) in 1.6, 9" in result.answer
    assert " sure: " in result.answer
    assert "peak_memory_bytes" in result.output
    again = bisect.json("--metric", "peak_memory_bytes", *COMMAND, "import spam")
    assert steps(again) == [("up", "1.5", "1.6")]
    (step,) = again["steps"]
    assert step["pairs"] >= 6
    assert step["confidence"] >= 0.95
    assert step["interval"][0] <= step["change"] <= step["interval"][1]
    assert 9 * MIB < step["new"] - step["old"] < 11 * MIB
    assert all(run["cached"] for run in again["measurements"])
    assert "peak_memory_bytes" in again["replay"]


def test_up_and_down_again(bisect: Command, index: LocalIndex) -> None:
    """What cancels between the ends is found in the middle; what can't be imported is passed by."""
    index.add(sized([10, 10, 10, None, 20, 20, None, 10, 10, 10, 10]))
    words = ("--exhaustive", "--metric", "peak_memory_bytes", *COMMAND, "import spam")
    finding = bisect.json(*words)
    assert steps(finding) == [("up", "1.2", "1.4"), ("down", "1.5", "1.7")]
    assert [step["untested"] for step in finding["steps"]] == [["1.3"], ["1.6"]]
    markdown = bisect("--format", "markdown", *words)
    assert markdown.status == 0
    assert "between 1.2 and 1.4" in markdown.output


def test_no_step(bisect: Command, index: LocalIndex) -> None:
    index.add(sized([10] * 9))
    result = bisect("--metric", "peak_memory_bytes", *COMMAND, "import spam")
    assert result.status == 1
    assert result.answer.startswith("No step found: peak memory of spam is ")
    finding = bisect.json("--metric", "peak_memory_bytes", *COMMAND, "import spam")
    assert finding["steps"] == []
    assert finding["metric"]["noise_floor"] is not None


def test_a_step_below_the_threshold_is_none(bisect: Command, index: LocalIndex) -> None:
    index.add(sized([10] * 4 + [12] * 4))
    words = ("--metric", "peak_memory_bytes", *COMMAND, "import spam")
    assert bisect("--threshold", "80%", *words).status == 1
    assert bisect("--threshold", "2%", *words).status == 0


def test_a_step_in_processor_time(bisect: Command, index: LocalIndex) -> None:
    index.add(sized([3] * 5 + [6] * 4, "for number in range({} * 400_000): pass"))
    result = bisect("--metric", "cpu_seconds", *COMMAND, "import spam")
    assert result.status == 0, result.output
    assert " in 1.5, " in result.answer
    assert result.answer.startswith("CPU time of spam went up by ")


def test_a_number_that_is_printed(bisect: Command, index: LocalIndex) -> None:
    index.add(sized([70] * 3 + [50] * 4, "SPEED = {}"))
    words = (*COMMAND, "import spam; print('made', spam.SPEED, 'per second')")
    finding = bisect.json("--metric-output", r"made (\d+) per", *words)
    assert steps(finding) == [("down", "1.2", "1.3")]
    assert finding["metric"]["name"] == "output"
    nothing = bisect("--metric-output", r"sold (\d+) per", *words)
    assert nothing.status == 2
    assert "sold" in nothing.complaint[0]


def test_a_number_that_a_probe_reports(bisect: Command, index: LocalIndex) -> None:
    """Also where it is bad, and where it is 0 or less; steps are differences then."""
    index.add(sized([0] * 4 + [7] * 4, "SIZE = {}"))
    probe = bisect.write("eggs.py", REPORTS)
    finding = bisect.json("--probe", probe, "--metric", "size", "--assure", "0")
    assert steps(finding) == [("up", "1.3", "1.4")]
    assert finding["steps"][0]["change"] == 7
    unknown = bisect("--probe", probe, "--metric", "weight", "--assure", "0")
    assert unknown.status == 2
    assert unknown.complaint[0].endswith("have no metric 'weight'")
    assert unknown.complaint[1] == "hint: there are peak_memory_bytes, seconds, cpu_seconds, size"


REPORTS = """\
# /// script
# dependencies = ["spam"]
#
# [tool.bisector]
# package = "spam"
# ///
\"\"\"Spam must be small.\"\"\"
import json, os, spam
outcome = "bad" if spam.SIZE else "good"
with open(os.environ["BISECTOR_RESULT"], "w") as file:
    json.dump({"bisector": 1, "outcome": outcome, "metrics": {"size": spam.SIZE}}, file)
"""


GROWS = """\
# /// script
# dependencies = ["spam"]
#
# [tool.bisector]
# package = "spam"
# ///
\"\"\"Spam must not grow with what it is given.\"\"\"
import json, os, spam
sizes = [1 << 20, 2 << 20, 4 << 20]
points = [[size, 10_000_000 + round(spam.SHARE * size)] for size in sizes]
growth = POINTS
with open(os.environ["BISECTOR_RESULT"], "w") as file:
    json.dump({"bisector": 1, "outcome": "good", "metrics": {"growth_bytes": growth}}, file)
"""
"""Reports a size that grows by the release's SHARE of what it is given."""


def test_a_slope(bisect: Command, index: LocalIndex) -> None:
    """A metric at several sizes is its slope, also where it is 0 or less."""
    index.add(sized([0, 0, 0, 0, 3, 3, -1, -1], "SHARE = {}"))
    probe = bisect.write("eggs.py", GROWS.replace("POINTS", '{"per": "byte", "points": points}'))
    words = ("--probe", probe, "--metric", "growth_bytes", "--assure", "0")
    result = bisect(*words)
    assert result.status == 0, result.errors
    assert result.answer.startswith(
        "growth_bytes of spam: 0.00 bytes per byte until 1.3, 3.00 since 1.4, 9"
    )
    assert "It is 3.00 bytes per byte until 1.5, -1.00 since 1.6, 9" in result.answer
    assert result.answer.endswith("slope over the sizes that a run reports.")
    assert "growth_bytes (bytes per byte)" in result.output
    finding = bisect.json(*words)
    assert steps(finding) == [("up", "1.3", "1.4"), ("down", "1.5", "1.6")]
    assert [step["change"] for step in finding["steps"]] == pytest.approx([3, -4])
    assert (finding["metric"]["unit"], finding["metric"]["per"]) == ("bytes", "byte")
    assert finding["metric"]["relative"] is False


@pytest.mark.parametrize(
    "points",
    ["{'per': 'byte', 'points': points[:1]}", "{'per': '', 'points': points}", "{'a': 1}", "'3'"],
)
def test_what_is_no_slope(bisect: Command, index: LocalIndex, points: str) -> None:
    index.add(sized([0, 3], "SHARE = {}"))
    probe = bisect.write("eggs.py", GROWS.replace("POINTS", points))
    result = bisect("--probe", probe, "--metric", "growth_bytes", "--assure", "0")
    assert result.status == 2
    assert "report 'growth_bytes', but not as a number" in result.complaint[0]
    assert '{"per": UNIT, "points": [[SIZE, VALUE], …]}' in result.complaint[1]


def report_of(bisect: Command, *words: str) -> dict[str, Any]:
    """What the report of what is stored has as JSON."""
    result = bisect("report", "--stored", "--format", "json", *words)
    assert result.output, result.errors
    return result.finding


def test_a_report_of_a_step(bisect: Command, index: LocalIndex) -> None:
    """Measured, it is an issue's body: what to run, what was expected; stored, it is the same."""
    index.add(sized([10] * 6 + [20] * 4))
    number = ("--metric", "peak_memory_bytes")
    first = bisect("report", *number, *COMMAND, "import spam")
    assert first.status == 0, first.errors
    (path,) = bisect.results.rglob("report.md")
    report = path.read_text(encoding="utf-8")
    assert report.startswith("# spam: `peak_memory_bytes` stepped: ")
    assert "- last before: 1.5, first after: 1.6\n" in report
    assert "python -m pip install spam==1.6" in report
    assert "\n\nAs with 1.5: " in report
    assert "Logs/tracebacks" not in report
    measured = json.loads((path.parent / "finding.json").read_text(encoding="utf-8"))
    assert measured["metric"]["name"] == "peak_memory_bytes"
    assert steps(measured) == [("up", "1.5", "1.6")]
    runs = len(bisect.stored())
    stored = report_of(bisect, *number)
    assert steps(stored) == steps(measured)
    assert stored["metric"]["levels"] == measured["metric"]["levels"]
    assert stored["replay"] == measured["replay"]
    assert len(bisect.stored()) == runs
    outcomes = report_of(bisect)
    assert outcomes["metric"] is None
    assert "--metric" not in outcomes["replay"]
    assert bisect("report", "--stored", *number, "--output", "there").status == 0
    again = (bisect.folder / "there" / "report.md").read_text(encoding="utf-8")
    assert again.partition("peak memory of")[0] == report.partition("peak memory of")[0]
    assert "- last before: 1.5, first after: 1.6\n" in again


def test_a_number_of_runs_made_for_another_reason(bisect: Command, index: LocalIndex) -> None:
    """Any run has a peak: what a search for a failure left is undecided, not wrong."""
    index.add(sized([10] * 3 + [20] * 3))
    assert bisect("--exhaustive", *COMMAND, "import spam").status == 1
    finding = report_of(bisect, "--metric", "peak_memory_bytes", "--package", "spam")
    assert len(finding["metric"]["levels"]) == 6
    assert finding["steps"] == []
    assert finding["decided"] is False
    (suspected,) = finding["metric"]["suspected"]
    assert (suspected["before"], suspected["after"], suspected["pairs"]) == ("1.2", "1.3", 0)
    assert "seems to have gone up by about 5" in finding["answer"]
    assert "No step found" not in finding["answer"]
    unknown = bisect("report", "--stored", "--metric", "weight")
    assert unknown.status == 2
    assert unknown.complaint[0].endswith("a command reports no 'weight'")


def test_a_threshold_needs_a_number_also_where_it_is_stored(bisect: Command) -> None:
    result = bisect("report", "--stored", "--threshold", "5%")
    assert result.status == 2
    assert result.complaint[0].endswith("--threshold is about a number")


def test_few_runs_decide_nothing(bisect: Command, index: LocalIndex) -> None:
    index.add(sized([10] * 6 + [20] * 4))
    words = ("--max-runs", "20", "--metric", "peak_memory_bytes", *COMMAND, "import spam")
    result = bisect(*words)
    assert result.status == 3
    assert "--max-probes ended the search" in result.answer


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--metric", "weight"), "a command reports no 'weight'"),
        (("--threshold", "5%"), "--threshold is about a number"),
        (("--metric", "seconds", "--bad-timeout"), "--bad-timeout is about what is bad"),
        (("--metric-output", "no group"), "has no groups"),
        (("--metric-output", "(a)(b)"), "has 2 groups"),
        (("--metric", "seconds", "--metric-output", "(.)"), "not taken from its output"),
        (("--metric", "seconds", "--threshold", "none"), "is not a share like 5%"),
    ],
)
def test_what_can_not_be_asked(
    bisect: Command, index: LocalIndex, words: tuple[str, ...], complaint: str
) -> None:
    index.add(sized([10] * 2))
    result = bisect(*words, *COMMAND, "import spam")
    assert result.status == 2
    assert complaint in result.complaint[0]
    assert result.complaint[1].startswith("hint: ")


def test_every_format_takes_it(bisect: Command, index: LocalIndex) -> None:
    index.add(sized([10] * 3 + [30] * 3))
    words = ("--metric", "peak_memory_bytes", *COMMAND, "import spam")
    for format_ in ("json", "markdown", "osv", "junit", "github"):
        result = bisect("--format", format_, *words)
        assert result.status == 0
        assert "1.3" in result.output
