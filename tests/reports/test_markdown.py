"""Pieces of Markdown in which no text becomes markup, read back by a parser."""

from __future__ import annotations

import pytest
from histories import HOSTILE
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_reader import cells, harm, kinds, links, texts, tokens

from bisector.reports.markdown import block, code, escape, folded, link, table
from bisector.reports.words import safe

nasty = st.text(
    st.one_of(
        st.sampled_from("\\`*_[]()<>#+-=.!|~$@&:/1aw\t\n\r \x1b\u202e\udcff"), st.characters()
    )
)


@given(nasty)
@example(HOSTILE)
@example("1.")
@example("12) x")
@example("===")
@example("    indented")
@example("&lt;b&gt; &#64;")
def test_escaped_text_reads_as_it_stands(text: str) -> None:
    """One paragraph, no markup, and the very characters, whatever the text is."""
    told = escape(text)
    assert kinds(told) <= {"link"}
    assert links(told) == []
    assert texts(told).replace("\u200b", "") == safe(text).strip()


@pytest.mark.parametrize(
    "text",
    ["@someone", "me@there.example", "see #12", "GH-12", "gh-12", "http://a.example", "www.a"],
)
def test_what_github_links_by_itself_is_broken_up(text: str) -> None:
    """An e-mail address is looked for once entities are decoded, so an entity won't do."""
    assert harm(text)
    assert harm(escape(text)) == []


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain 3.12.0b1", "plain 3.12.0b1"),
        ("linux-x86_64", "linux-x86\\_64"),
        ("# no head", "\\# no head"),
        ("a < b & c", "a &lt; b &amp; c"),
        ("@me and #1", "@&#8203;me and #&#8203;1"),
        ("two\nlines", "two\\\\nlines"),
    ],
)
def test_escapes_are_no_more_than_needed(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@given(nasty)
@example(HOSTILE)
@example("`")
@example("``a`")
def test_inline_code_is_the_very_text(text: str) -> None:
    told = f"x {code(text)} x"
    if text.strip() and text == text.strip():
        assert texts(told) == f"x {safe(text)} x"
        assert kinds(told) == {"code_inline"}


@given(nasty)
@example(HOSTILE)
@example("```\n````")
def test_a_block_keeps_its_lines_and_ends_where_it_should(text: str) -> None:
    told = [t for t in tokens(f"{block(text)}\n\nafter") if t.type != "inline"]
    assert [t.type for t in told] == ["fence", "paragraph_open", "text", "paragraph_close"]
    assert told[0].content.count("\n") == max(1, len(text.splitlines()))


@given(nasty)
@example(HOSTILE)
@example("\\|")
@example("\\\\|")
def test_a_table_has_as_many_cells_as_it_was_given(text: str) -> None:
    told = table(("a", "b"), [(escape(text), code(text)), (code(text), escape(text))])
    assert cells(told) == [2, 2, 2]
    assert kinds(told) <= {
        f"{tag}_{end}"
        for tag in ("table", "thead", "tbody", "tr", "th", "td")
        for end in ("open", "close")
    } | {"code_inline"}
    assert links(told) == []


def test_a_table_as_a_whole() -> None:
    assert table(("a", "b"), [("1", "x|y")], right=(0,)) == (
        "| a | b |\n| ---: | --- |\n| 1 | x\\|y |"
    )


def test_a_fold_as_a_whole() -> None:
    """The summary is HTML, where a backslash would be shown."""
    assert folded("1.0_a <b>", "in it") == (
        "<details><summary>1.0_a &lt;b&gt;</summary>\n\nin it\n\n</details>"
    )


@given(nasty)
@example(HOSTILE)
def test_a_fold_is_opened_and_closed_by_nothing_inside(text: str) -> None:
    assert harm(folded(text, block(text))) == []


@pytest.mark.parametrize(
    ("address", "markdown"),
    [
        ("https://a.example/x?y=1&z", "[it](https://a.example/x?y=1&amp;z)"),
        ("spam/report.md", "[it](spam/report.md)"),
        ("spam/eggs[raw]/(1).md", "[it](spam/eggs%5Braw%5D/%281%29.md)"),
        ("javascript:alert", "it"),
        ("JavaScript:alert(1)", "it"),
        ("data:text/html,x", "it"),
        ("//a.example", "it"),
        ("https://a.example/ x", "it"),
        ("https://a.example/\n", "it"),
        ('https://a.example/"x', "it"),
        ("", "it"),
    ],
)
def test_a_link_leads_to_the_web_or_to_a_file_beside(address: str, markdown: str) -> None:
    assert link("it", address) == markdown


@given(nasty, nasty)
@example(HOSTILE, HOSTILE)
@example("](x)", "https://a.example/)(")
def test_a_link_never_leads_elsewhere(text: str, address: str) -> None:
    told = links(link(text, address))
    assert len(told) <= 1
    assert not any(t.lower().startswith(("javascript", "data", "vbscript", "//")) for t in told)
