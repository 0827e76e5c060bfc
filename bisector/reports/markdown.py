"""Pieces of GitHub-flavoured Markdown in which no text can become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bisector.reports.rows import safe

_SPECIAL = re.compile(r"[\\`*_\[\]|~]|^[#+>-]")


def escape(text: str) -> str:
    """Return ``text`` as one line that reads as it stands: no markup, no mention, no table cell."""
    plain = safe(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = re.sub(r"^(\d+)([.)]\s)", r"\1\\\2", _SPECIAL.sub(r"\\\g<0>", plain))
    # GitHub links names, issues and addresses also where nothing else is markup.
    return plain.replace("@", "&#64;").replace("://", ":&#47;&#47;")


def code(text: str) -> str:
    """Return ``text`` as inline code, fenced by more backticks than it holds."""
    plain = safe(text).replace("|", "\\|")
    fence = "`" * (_longest_run(plain) + 1)
    space = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{space}{plain}{space}{fence}" if plain else ""


def block(text: str, language: str = "text") -> str:
    """Return ``text`` as a fenced block, its lines kept."""
    plain = "\n".join(safe(line) for line in text.splitlines())
    fence = "`" * max(3, _longest_run(plain) + 1)
    return f"{fence}{language}\n{plain}\n{fence}"


def folded(summary: str, content: str) -> str:
    """Return a section that opens on a click."""
    return f"<details><summary>{escape(summary)}</summary>\n\n{content}\n\n</details>"


def table(head: Sequence[str], lines: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    """Return a table of cells that are Markdown already; columns ``right`` are aligned so."""
    aligned = set(right)
    rule = ["---:" if place in aligned else "---" for place in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def link(text: str, address: str) -> str:
    """Return a link, where the address is one of the web or a relative one; else its text."""
    if not re.fullmatch(r"(https?://)?[\w.~:/?#@!$&'*+,;=%\[\]-]+", address):
        return escape(text)
    for character, encoded in (("[", "%5B"), ("]", "%5D"), ("(", "%28"), (")", "%29")):
        address = address.replace(character, encoded)
    return f"[{escape(text)}]({address})"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
