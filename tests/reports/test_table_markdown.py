"""The compatibility table, and the claims beside what was measured, as Markdown."""

from __future__ import annotations

from dataclasses import replace

from histories import HOSTILE, found
from markdown_reader import cells, harm, links
from sample_findings import hostile

from bisector.inputs.documents import Document, Refused
from bisector.model import Claim, Documented, Outcome, Probe, ProcessPeak
from bisector.reports.grid import grids
from bisector.reports.table_markdown import evidence, render
from bisector.reports.words import MIB

LEGEND = (
    "✓ good, ✗ bad, in brackets where inferred from measured neighbours that agree; "
    "? untestable, ! runs disagree, · not looked at."
)


def test_a_table_as_a_whole() -> None:
    eggs = found("g-gbu", yanked=["1.3"])
    ham = found("b!x-g", yanked=["1.3"], probe=Probe("ham", "spam", case="raw|1"))
    assert render(grids([eggs, ham])) == (
        f"""\
## spam

{LEGEND}

| release | uploaded | `eggs` | `ham[raw\\|1]` |
| --- | --- | --- | --- |
| 1.0 | 2024-01-01 | ✓ good | **✗ bad** |
| 1.1 | 2024-01-02 | (✓ good) | ! runs disagree |
| 1.2 | 2024-01-03 | ✓ good | ? no-wheel |
| 1.3 (yanked) | 2024-01-04 | **✗ bad** | · |
| 1.4 | 2024-01-05 | ? out-of-limits | ✓ good |
"""
    )


def test_headings_link_to_reports_and_cells_have_memory_where_asked_for() -> None:
    finding = found("g", runs=1)
    peak = ProcessPeak("p", 45 * MIB, main=True)
    finding = replace(finding, measurements=(replace(finding.measurements[0], processes=(peak,)),))
    told = render(grids([finding]), memory=True, address=lambda column: f"{column.probe}/report.md")
    assert "| release | uploaded | [eggs](eggs/report.md) |\n" in told
    assert "| 1.0 | 2024-01-01 | ✓ good 45.0 MiB |\n" in told


def test_the_evidence_as_a_whole() -> None:
    """A row per claim, below its document; what isn't measured has its reason."""
    documents = (
        Document("leak", "It leaks", "https://a.example/page", "https://a.example/1"),
        Document("bare", "Nothing more", refused=(Refused("It is slow", "says not how slow"),)),
    )
    probe = Probe(
        "eggs",
        "spam",
        documented=Documented("https://a.example/1", bad=("1.1",)),
        claims=(
            Claim("leak", "They | rot", Outcome.BAD, "all"),
            Claim("lost", "They hatch", Outcome.BAD, ">=2"),
        ),
    )
    assert evidence([found("gb", probe=probe)], documents, "bisect table") == (
        """\
# What was measured

Made from the measurements below this folder by `bisect table`.

## Claims

### [It leaks](https://a.example/page)

| claim | probe | measured |  |
| --- | --- | --- | --- |
| 1.1 is bad | `eggs` | bad | agrees |
| They \\| rot | `eggs` | bad on 1 of 2 releases measured (1.1), not on 1.0 | **CONTRADICTED** |

### Nothing more

Not measured:

- It is slow — says not how slow

### lost

| claim | probe | measured |  |
| --- | --- | --- | --- |
| They hatch | `eggs` | not looked at | undecided |
"""
    )


def test_a_claim_measured_on_several_interpreters_names_them() -> None:
    finding = found("gb", probe=Probe("eggs", "spam", documented=Documented(bad=("1.1",))))
    other = replace(finding.conditions.interpreter, version="3.12.1")
    newer = replace(finding, conditions=replace(finding.conditions, interpreter=other))
    told = evidence([finding, newer], (), "x")
    assert "| `eggs 3.11` |" in told
    assert "| `eggs 3.12` |" in told


def test_hostile_text_becomes_no_markup() -> None:
    probe = Probe(
        HOSTILE,
        HOSTILE,
        HOSTILE,
        case=HOSTILE,
        documented=Documented(HOSTILE, bad=(HOSTILE,)),
        claims=(Claim(HOSTILE, HOSTILE, Outcome.BAD, "some"),),
    )
    findings = [found("gb!ux-", probe=probe, detail=HOSTILE), hostile()]
    documents = (Document(HOSTILE, HOSTILE, HOSTILE, "", (Refused(HOSTILE, HOSTILE),)),)
    for told in (
        render(grids(findings), address=lambda _: HOSTILE),
        evidence(findings, documents, HOSTILE),
    ):
        assert harm(told) == []
        assert links(told) == []
        assert set(cells(told)) <= {3, 4}
        told.encode()


def test_several_failures_are_numbered_and_named_below() -> None:
    shown = render(grids([found("gbcg")]))
    assert "| **✗² bad** |" in shown
    assert shown.rstrip().endswith("- ✗¹ `TypeError: fry() takes no eggs`\n- ✗² `bad`")
