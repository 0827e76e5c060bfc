"""Answers to OSV queries: what scanners ask, and nonsense."""

from __future__ import annotations

import json
from typing import Any

import pytest
from histories import found
from hypothesis import given
from hypothesis import strategies as st

from bisector.model import Probe
from bisector.reports import osv
from bisector.reports.known import read
from bisector.reports.osv_api import answer

RECORD = osv.record(found("ggbbgg", probe=Probe("eggs", "spam")))
KNOWN = read([RECORD])


def ask(path: str, query: Any) -> tuple[int, dict[str, Any]]:
    return answer("POST", path, json.dumps(query).encode(), KNOWN)


@pytest.mark.parametrize(
    ("query", "hit"),
    [
        ({"package": {"name": "Spam", "ecosystem": "PyPI"}, "version": "1.2"}, True),
        ({"package": {"name": "spam", "ecosystem": "PyPI"}, "version": "1.4"}, False),
        ({"package": {"name": "spam", "ecosystem": "npm"}, "version": "1.2"}, False),
        ({"package": {"name": "spam", "ecosystem": "PyPI"}}, True),
        ({"package": {"name": "spam", "ecosystem": "PyPI"}, "version": "latest"}, False),
        ({"package": {"purl": "pkg:pypi/spam@1.3"}}, True),
        ({"package": {"purl": "pkg:pypi/spam"}, "version": "1.0"}, False),
        ({"commit": "a" * 40}, False),
    ],
)
def test_a_query_and_a_batch_of_one_agree(query: dict[str, Any], hit: bool) -> None:
    assert ask("/v1/query", query) == (200, {"vulns": [RECORD]} if hit else {})
    brief = {"vulns": [{"id": RECORD["id"], "modified": RECORD["modified"]}]}
    assert ask("/v1/querybatch", {"queries": [query, query]}) == (
        200,
        {"results": [brief if hit else {}] * 2},
    )


def test_the_window_of_the_release_that_is_asked_for_comes_first() -> None:
    """Scanners name the fix of the first."""
    known = read([osv.record(found("gbgbg", probe=Probe("eggs", "spam")))])
    for version, fixed in (("1.1", ["1.2", "1.4"]), ("1.3", ["1.4", "1.2"])):
        query = {"package": {"name": "spam", "ecosystem": "PyPI"}, "version": version}
        _, told = answer("POST", "/v1/query", json.dumps(query).encode(), known)
        (affected,) = told["vulns"][0]["affected"]
        assert [one["events"][1]["fixed"] for one in affected["ranges"]] == fixed


def test_a_record_is_given_by_its_id() -> None:
    assert answer("GET", f"/v1/vulns/{RECORD['id']}", b"", KNOWN) == (200, RECORD)
    assert answer("GET", "/v1/vulns/none", b"", KNOWN)[0] == 404
    assert answer("GET", "/", b"", KNOWN)[0] == 404


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["package", "name", "purl", "ecosystem", "version", "queries"]), inner
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(["/v1/query", "/v1/querybatch"]), JSON.map(json.dumps) | st.text())
def test_nonsense_is_refused_and_breaks_nothing(path: str, body: str) -> None:
    status, told = answer("POST", path, body.encode("utf-8", "replace"), KNOWN)
    assert (status, told.get("code")) in ((200, None), (400, 3))
    json.dumps(told)
