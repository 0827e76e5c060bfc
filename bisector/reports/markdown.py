"""Pieces of GitHub-flavoured Markdown in which no text can become markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from bisector.reports.words import safe

_SPECIAL = re.compile(r"[\\`*_\[\]~$]|^[#+=-]")
_LISTED = re.compile(r"^(\d+)([.)])(?=\s|$)")
_ADDRESS = re.compile(
    r"(?:https?://|(?!//)(?![A-Za-z][A-Za-z0-9+.-]*:))[A-Za-z0-9._~:/?#@!$&'()*+,;=%\[\]-]+"
)
_BREAK = "&#8203;"
"""A space without width. Names and issues are looked for when entities are no more entities."""


def escape(text: str) -> str:
    """Return ``text`` as one line that reads as it stands: no markup, no link, no mention.

    What GitHub makes links of by itself is broken up.
    """
    plain = _SPECIAL.sub(r"\\\g<0>", safe(text).strip())
    plain = _LISTED.sub(r"\1\\\2", plain)
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _unlinked(plain)


def code(text: str) -> str:
    """Return ``text`` as inline code, fenced by more backticks than it holds."""
    plain = safe(text)
    fence = "`" * (_longest_run(plain) + 1)
    space = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{space}{plain}{space}{fence}" if plain else ""


def block(text: str, language: str = "text") -> str:
    """Return ``text`` as a fenced block, its lines kept."""
    plain = "\n".join(safe(line.expandtabs()) for line in text.splitlines())
    fence = "`" * max(3, _longest_run(plain) + 1)
    return f"{fence}{language}\n{plain}\n{fence}"


def folded(summary: str, content: str) -> str:
    """Return a section that opens on a click; its summary is HTML, in which nothing is Markdown."""
    heading = _unlinked(html.escape(safe(summary)))
    return f"<details><summary>{heading}</summary>\n\n{content}\n\n</details>"


def table(head: Sequence[str], lines: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    """Return a table of cells that are Markdown already; columns ``right`` are aligned so."""
    aligned = set(right)
    rule = ["---:" if position in aligned else "---" for position in range(len(head))]
    escaped = [[cell.replace("|", "\\|") for cell in cells] for cells in (head, rule, *lines)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in escaped)


def link(text: str, address: str) -> str:
    """Return a link, where the address is one of the web or a relative one; else its text."""
    if not _ADDRESS.fullmatch(address):
        return escape(text)
    for character, encoded in (("[", "%5B"), ("]", "%5D"), ("(", "%28"), (")", "%29")):
        address = address.replace(character, encoded)
    return f"[{escape(text)}]({address.replace('&', '&amp;')})"


def _unlinked(text: str) -> str:
    text = re.sub(r"(?i)(@|(?:#|\bGH-)(?=\d))", rf"\1{_BREAK}", text)
    return re.sub(r"(?i)\b(www)\.", r"\1&#46;", text).replace("://", ":&#47;&#47;")


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
