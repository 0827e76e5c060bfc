"""What was found as JUnit XML, which CI systems show beside their own tests.

There is no standard; https://github.com/testmoapp/junitxml has what readers take.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from bisector.finding import Comparison, Finding
from bisector.model import Measurement, Outcome
from bisector.reports import comparisons, facts, rows
from bisector.reports.answer import answer
from bisector.reports.replay import replay
from bisector.reports.rows import Row
from bisector.reports.words import joined, safe

_TAGS = {"bad": "failure", "untestable": "skipped"}


@dataclass(frozen=True, slots=True)
class _Case:
    """One release, or one set of pins, as a test; ``tag`` says how it ended, if not well."""

    name: str
    seconds: float
    tag: str = ""
    message: str = ""
    output: str = ""


def render(findings: Sequence[Finding]) -> str:
    """Return a suite per finding, with a test per release measured: a bad one is a failure."""
    return _document(_of_finding(finding) for finding in findings)


def render_comparisons(comparisons: Sequence[Comparison]) -> str:
    """Return a suite per comparison, whose tests are its two sets."""
    return _document(_of_comparison(comparison) for comparison in comparisons)


def _of_finding(finding: Finding) -> ET.Element:
    outputs = {run.version: run.output_tail for run in finding.measurements}
    properties = {
        "answer": answer(finding),
        "affected": joined(finding.affected),
        "conditions": facts.conditions(finding),
        "replay": replay(finding),
    }
    package = finding.probe.package
    cases = [_of_row(row, package, outputs[row.version]) for row in rows.rows(finding)]
    return _suite(facts.name(finding), package, properties, cases)


def _of_row(row: Row, package: str, output: str) -> _Case:
    name, tag = f"{package} {row.label}", _TAGS.get(row.outcome, "")
    if row.disagrees:
        tag = "error"
    message = ": ".join(filter(None, (row.said, row.detail))) if tag else ""
    return _Case(name, row.seconds, tag, message, output if tag else "")


def _of_comparison(comparison: Comparison) -> ET.Element:
    properties = {"answer": comparisons.answer(comparison), "replay": comparison.replay}
    cases = [_of_end(name, end) for name, end in zip(comparison.names, comparison.ends)]
    name = comparison.probe.name
    return _suite(name, comparison.probe.package or name, properties, cases)


def _of_end(name: str, end: Measurement) -> _Case:
    tag = _TAGS.get(end.outcome.value, "")
    output = "" if end.outcome is Outcome.GOOD else end.output_tail
    return _Case(name, end.wall_s, tag, end.detail if tag else "", output)


def _suite(name: str, group: str, properties: dict[str, str], cases: Sequence[_Case]) -> ET.Element:
    tags = Counter(case.tag for case in cases)
    suite = ET.Element(
        "testsuite",
        name=safe(name),
        tests=str(len(cases)),
        failures=str(tags["failure"]),
        errors=str(tags["error"]),
        skipped=str(tags["skipped"]),
        time=f"{sum(case.seconds for case in cases):.3f}",
    )
    element = ET.SubElement(suite, "properties")
    for label, text in properties.items():
        if text:
            ET.SubElement(element, "property", name=label, value=safe(text))
    for case in cases:
        test = ET.SubElement(
            suite,
            "testcase",
            classname=safe(group),
            name=safe(case.name),
            time=f"{case.seconds:.3f}",
        )
        if case.tag:
            # A skipped test has no text in what most read.
            end = ET.SubElement(test, case.tag, message=safe(case.message))
            end.text = None if case.tag == "skipped" else _lines(case.output)
    return suite


def _document(suites: Iterable[ET.Element]) -> str:
    root = ET.Element("testsuites", name="bisector")
    root.extend(suites)
    ET.indent(root)
    # Written as ASCII, it is the same whatever the stream's encoding is.
    return f'<?xml version="1.0"?>\n{ET.tostring(root, encoding="us-ascii").decode()}\n'


def _lines(text: str) -> str:
    """Return ``text`` with its lines kept, and what XML can't hold made visible."""
    return "\n".join(map(safe, text.expandtabs().splitlines()))
