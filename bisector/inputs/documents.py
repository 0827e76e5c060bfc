"""The documents that the catalogue's claims come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tomli


@dataclass(frozen=True, slots=True)
class Refused:
    """A claim that isn't measured, and why not."""

    says: str
    why: str


@dataclass(frozen=True, slots=True)
class Document:
    """One document: the name by which claims refer to it, and what of it isn't measured."""

    name: str
    title: str
    address: str = ""
    issue: str = ""
    refused: tuple[Refused, ...] = ()


def read(catalogue: Path) -> tuple[Document, ...]:
    """Return the documents that ``documents.toml`` of a catalogue lists, in its order."""
    data = tomli.loads((catalogue / "documents.toml").read_text(encoding="utf-8"))
    return tuple(
        Document(
            name=document["name"],
            title=document["title"],
            address=document.get("address", ""),
            issue=document.get("issue", ""),
            refused=tuple(Refused(r["says"], r["why"]) for r in document.get("refused", ())),
        )
        for document in data["document"]
    )
