"""The documents that claims come from."""

from __future__ import annotations

from pathlib import Path

from bisector.inputs import documents, probe
from bisector.inputs.documents import Document, Refused

LISTED = """
[[document]]
name = "leak"
title = "It leaks"
address = "https://a.example/page"
issue = "https://a.example/1"

[[document.refused]]
says = "It is slow"
why = "nothing is said of how slow"

[[document]]
name = "bare"
title = "Nothing more"
"""


def test_documents_are_read_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "documents.toml").write_text(LISTED, encoding="utf-8")
    assert documents.read(tmp_path) == (
        Document(
            "leak",
            "It leaks",
            "https://a.example/page",
            "https://a.example/1",
            (Refused("It is slow", "nothing is said of how slow"),),
        ),
        Document("bare", "Nothing more"),
    )


def test_every_claim_of_the_catalogue_is_of_a_document_that_is_listed() -> None:
    """Otherwise it would be missing below its document's heading."""
    listed = documents.read(probe.catalogue())
    known = {name for document in listed for name in (document.name, document.issue) if name}
    claimed = {
        (one.name, claim.document)
        for name in probe.names()
        for one in probe.load(name)
        for claim in one.claims
    }
    assert {(name, document) for name, document in claimed if document not in known} == set()
