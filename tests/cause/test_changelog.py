"""Changelogs as projects write them, and which of their entries speak of a failure."""

from __future__ import annotations

import pytest

from bisector.cause.changelog import chosen, entries, fragments, is_changelog, is_fragment, ranked
from bisector.explanation import Entry

GITHUB = (("Source", "https://github.com/spam/spam"),)

TOWNCRIER = """\
=========
Changelog
=========

.. towncrier release notes start

1.5.0 (2025-06-01)
==================

Bug fixes
---------

- Fixed reading a whole file into memory -- by :user:`ham`.


  *Related issues and pull requests on GitHub:*
  :issue:`11138`, :issue:`11139`.

- Fixed ``Response.size`` of a HEAD request, see `the docs <https://example.org/x>`_
  (#12).


----


1.4.2 (2025-05-01)
==================

- Old news (#1).
"""
KEEP_A_CHANGELOG = """\
# Changelog

## [Unreleased]
- Nothing yet

## [1.5.0] - 2025-06-01
### Fixed
* Fixed reading a whole file into memory ([#11138](https://github.com/spam/spam/issues/11138))
  * with an aside
* Fixed `Response.size` of a HEAD request, GH-12

## 1.4.2
* Old news
"""
PLAIN = """\
Version 1.5.0
-------------

Released 2025-06-01

-   Fixed reading a whole file into memory. :issue:`11138`
-   Fixed :meth:`~Response.size` of a HEAD request. :pr:`12`

Version 1.4.2
-------------

-   Old news.
"""


@pytest.mark.parametrize("text", [TOWNCRIER, KEEP_A_CHANGELOG, PLAIN])
def test_entries_of_the_releases_between_are_read_as_text(text: str) -> None:
    first, second = entries(text, "1.4.2", "1.5.0", GITHUB)

    assert first.text.startswith("Fixed reading a whole file into memory")
    assert first.links[0] == ("#11138", "https://github.com/spam/spam/issues/11138")
    assert "of a HEAD request" in second.text
    assert "`" not in second.text
    assert second.links == (("#12", "https://github.com/spam/spam/issues/12"),)
    assert first.version == "1.5.0"


def test_a_pre_release_is_written_of_under_its_release() -> None:
    assert len(entries(PLAIN, "1.5.0a1", "1.5.0b1")) == 2


def test_older_and_newer_releases_are_left_out() -> None:
    assert entries(PLAIN, "1.5.0", "1.6.0") == ()
    assert [entry.text for entry in entries(PLAIN, "1.4", "1.4.2")] == ["Old news."]


def test_without_a_known_host_there_are_no_links() -> None:
    (entry, *_) = entries(PLAIN, "1.4.2", "1.5.0", [("Home", "https://example.org/spam")])

    assert entry.links == ()


def test_text_that_is_no_changelog_has_no_entries() -> None:
    assert entries("1.5.0 is nice.\nSo was 1.4.2, they say.\n", "1.4.2", "1.5.0") == ()


def test_what_shares_rare_words_with_the_failure_comes_first() -> None:
    found = entries(TOWNCRIER, "1.4.2", "1.5.0", GITHUB)

    (first, *_) = ranked(found, ["a HEAD request", "spam/response.py:Response.size"])

    assert "HEAD" in first.text
    assert {"head", "request", "size"} <= set(first.shared)
    assert ranked(found, ["nothing", "in common"]) == ()


def test_identifiers_are_compared_in_their_parts() -> None:
    found = [Entry("1.0", "The payload is read in chunks"), Entry("1.0", "Another thing")]

    assert [entry.text for entry in ranked(found, ["IOBasePayload._read_chunks"])] == [
        found[0].text
    ]


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("CHANGES.rst", True), ("spam/NEWS", True), ("docs/changelog.md", True),
        ("HISTORY.txt", True), ("RELEASE_NOTES.md", True),
        ("spam/history.py", False), ("spam/newsletter.html", False), ("README.md", False),
    ],
)  # fmt: skip
def test_changelogs_are_known_by_their_names(path: str, is_one: bool) -> None:
    assert is_changelog(path) is is_one


def test_the_outermost_changelog_is_taken() -> None:
    files = {"docs/changes.md": b"inner", "CHANGES.md": b"outer", "spam/__init__.py": b""}

    assert chosen(files) == "outer"
    assert chosen({"README.md": b""}) == ""


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("CHANGES/11138.bugfix.rst", True),
        ("newsfragments/12.feature.1.rst", True),
        ("newsfragments/+orphan.misc", True),
        ("changelog.d/12.bugfix.md", True),
        ("docs/newsfragments/12.change.rst", True),
        ("spam/changes/fix.py", False),
        ("CHANGES/README.rst", False),
        ("news/2024.html", False),
        ("CHANGES.rst", False),
    ],
)
def test_fragments_are_known_by_their_names(path: str, is_one: bool) -> None:
    assert is_fragment(path) is is_one


def test_a_fragment_is_an_entry_and_its_name_the_issue() -> None:
    files = {
        "CHANGES/12.bugfix.rst": b"Fixed ``ham`` -- by :user:`eggs`.\n",
        "CHANGES/+so.misc.rst": b"Tidied up, see :issue:`7`.",
        "CHANGES/13.misc.rst": b"\n",
        "CHANGES.rst": b"1.0\n===\n",
    }

    found = fragments(files, "1.5.0", GITHUB)

    assert [(e.version, e.text, [label for label, _ in e.links]) for e in found] == [
        ("1.5.0", "Tidied up, see #7.", ["#7"]),
        ("1.5.0", "Fixed ham -- by eggs.", ["#12"]),
    ]
    assert found[1].links[0][1] == "https://github.com/spam/spam/issues/12"


def test_what_stands_under_a_pre_release_too_is_one_entry() -> None:
    twice = [Entry("1.5.0", "Fixed ham"), Entry("1.5.0b1", "Fixed ham"), Entry("1.5.0", "So")]

    assert [entry.version for entry in ranked(twice, ["ham"])] == ["1.5.0"]
