"""Reads Markdown as GitHub does, as far as what may come out of it: nodes, links and cells."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

_READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_READER.disable("text_join")  # what was written as an entity stays apart from what wasn't
_FOLDS = re.compile(r"<details><summary>[^<>]*</summary>\n?|</details>\n?")
# What GitHub makes links of though no markup asks for it: the former in what is written, the
# latter where entities are decoded already.
_LINKED = re.compile(r"(?i)\w://|\bwww\.")
_UNASKED = re.compile(r"(?i)@[a-z0-9]|(?:#|\bGH-)\d|\w@\w")


def tokens(text: str) -> Iterator[Token]:
    """Yield all tokens, those of inline content where it stands."""
    for token in _READER.parse(text):
        yield token
        yield from token.children or ()


def kinds(text: str) -> set[str]:
    """Return what there is beside text and paragraphs."""
    plain = ("paragraph_open", "paragraph_close", "inline", "text", "text_special")
    return {token.type for token in tokens(text)} - set(plain)


def links(text: str) -> list[str]:
    """Return where the links and pictures lead."""
    told = (token.attrGet("href") or token.attrGet("src") for token in tokens(text))
    return [str(address) for address in told if address is not None]


def texts(text: str) -> str:
    """Return what is read, code included, where all markup is gone."""
    return "".join(
        t.content for t in tokens(text) if t.type in ("text", "text_special", "code_inline")
    )


def cells(text: str) -> list[int]:
    """Return how many cells each row of each table has."""
    rows: list[int] = []
    for token in tokens(text):
        if token.type == "tr_open":
            rows.append(0)
        rows[-1:] = [rows[-1] + (token.type in ("th_open", "td_open"))] if rows else []
    return rows


def harm(text: str) -> list[str]:
    """Return everything in ``text`` that no report writes, and that hostile text would have to."""
    found = [character for character in text if character != "\n" and not character.isprintable()]
    for token in tokens(text):
        if token.type == "html_inline":
            found.append(token.content)
        if token.type == "html_block" and _FOLDS.sub("", token.content).strip():
            found.append(token.content)
        if token.type in ("text", "html_block"):
            found += _LINKED.findall(token.content)
        if token.type == "inline":
            read = "".join(t.content for t in token.children or () if t.type.startswith("text"))
            found += _UNASKED.findall(read)
    return found
