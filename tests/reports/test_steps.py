"""What is said of a number: where it stepped, by how much, and how sure that is; or not."""

from __future__ import annotations

import pytest
from sample_findings import stepping

from bisector.commands.findings import status
from bisector.reports import as_text, report_markdown
from bisector.reports.answer import answer

NOISE = (
    "Runs of one release differ by 0.04% (standard deviation), the same release in two "
    "environments by 0.02%."
)


@pytest.mark.parametrize(
    ("kind", "said", "exit_status"),
    [
        (
            "up",
            (
                "peak memory of {0} went up by 41% (24.1 to 34.0 MiB) in 1.4, 96% sure: 6 "
                f"interleaved pairs, +41.0% to +41.2%. {NOISE}"
            ),
            0,
        ),
        (
            "up and down",
            (
                "peak memory of {0} went up by 41% (24.1 to 34.0 MiB) in 1.4, 96% sure: 6 "
                "interleaved pairs, +41.0% to +41.2%. It went down by 29% (34.0 to 24.1 MiB) "
                "between 1.5 and 1.7 (1.6 untested), 96% sure: 6 interleaved pairs, -29.2% to "
                f"-29.0%. {NOISE}"
            ),
            0,
        ),
        (
            "drift",
            (
                "No step found, but drift: peak memory of {0} went up by 6.0% (24.1 to 34.0 MiB) "
                "little by little from 1.0 to 1.7, 96% sure: 6 interleaved pairs, +5.0% to +7.0%. "
                f"{NOISE}"
            ),
            1,
        ),
        (
            "flat",
            (
                "No step found: peak memory of {0} is 24.1 to 34.0 MiB in the 8 releases measured, "
                f"from 1.0 to 1.7; a lasting step of more than 1% would have shown. {NOISE}"
            ),
            1,
        ),
        (
            "suspected",
            (
                "Undecided: peak memory of {0} may have changed by 3.0% (+1.0% to +5.0%) in 1.4, "
                f"85% sure after 60 interleaved pairs. {NOISE}"
            ),
            3,
        ),
        (
            "differences",
            "size of {0} went up by 7 (0 to 7) in 1.4, 96% sure: 6 interleaved pairs, +7 to +7.",
            0,
        ),
        ("nothing", "Undecided: no release measured has a number for size.", 3),
    ],
)
def test_a_number_is_told_in_a_sentence(kind: str, said: str, exit_status: int) -> None:
    finding = stepping()[kind]
    assert answer(finding) == said.format(finding.probe.package)
    assert status([finding]) == exit_status


def test_tables_have_a_column_of_it() -> None:
    finding = stepping()["up"]
    for text in (as_text.render([finding], width=200), report_markdown.render(finding)):
        assert "peak_memory_bytes" in text.replace("\\_", "_")
        assert "34.0 MiB" in text
