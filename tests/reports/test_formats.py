"""The tables of formats: what --format takes, and what each of them can show."""

from __future__ import annotations

import pytest
from histories import found
from sample_findings import hostile, sample

from bisector.errors import UsageError
from bisector.reports.formats import COMPARISONS, FILES, FINDINGS, TABLES, View, check


@pytest.mark.parametrize("name", FINDINGS)
def test_each_format_writes_findings(name: str) -> None:
    """None, one and many, none of which says the same."""
    texts = [FINDINGS[name].render(findings, View()) for findings in ([found("gb")], sample())]
    assert len(set(texts)) == 2
    assert FINDINGS[name].render([hostile()], View())


@pytest.mark.parametrize("name", TABLES)
def test_an_option_that_a_format_shows_changes_what_it_writes(name: str) -> None:
    """And one that it doesn't show changes nothing, so that refusing it loses nothing."""
    plain = TABLES[name].render(sample(), View())
    for option, view in (("--memory", View(memory=True)), ("--fold", View(fold=True))):
        assert (TABLES[name].render(sample(), view) != plain) is (option in TABLES[name].shows)


def test_an_option_that_a_format_cannot_show_is_refused() -> None:
    check(TABLES, "text", {"--memory": True, "--evidence": False})
    with pytest.raises(UsageError) as refused:
        check(TABLES, "csv", {"--fold": True, "--memory": True})
    assert refused.value.message == "--format csv can't show --memory"
    assert refused.value.hint == "leave it out, or use --format text or markdown"


def test_no_file_is_attached_where_there_is_nothing_to_say() -> None:
    """A command that is no script has no text to reproduce."""
    finding = found("gb")
    assert not finding.probe.text
    assert [name for name, render in FILES.items() if not render(finding)] == ["reproducer.py"]


def test_two_sets_have_fewer_formats_than_releases() -> None:
    """Each that they have is one that --format takes."""
    assert set(COMPARISONS) <= set(FINDINGS)
