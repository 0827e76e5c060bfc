"""Answers to the queries of the OSV API, from what was measured.

https://google.github.io/osv.dev/api/
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from bisector.reports.known import Known, of

Answer = tuple[int, dict[str, Any]]
"""A status, and the JSON object that goes with it."""

_INVALID: Answer = (400, {"code": 3, "message": "Invalid query."})
_ABSENT: Answer = (404, {"code": 5, "message": "There is no such record."})


def answer(method: str, path: str, body: bytes, known: Sequence[Known]) -> Answer:
    """Return the answer to a request."""
    if method == "GET" and path.startswith("/v1/vulns/"):
        wanted = unquote(path.removeprefix("/v1/vulns/"))
        matches = [
            dict(regression.record) for regression in known if regression.record["id"] == wanted
        ]
        return (200, matches[0]) if matches else _ABSENT
    if method != "POST" or path not in ("/v1/query", "/v1/querybatch"):
        return 404, {"code": 5, "message": "There is nothing here."}
    try:
        asked = json.loads(body)
        if path == "/v1/query":
            return 200, _vulns([dict(regression.record) for regression in _matching(asked, known)])
        answers = [
            _vulns([{"id": r["id"], "modified": r["modified"]} for r in records])
            for records in (
                [regression.record for regression in _matching(q, known)] for q in asked["queries"]
            )
        ]
        return 200, {"results": answers}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _INVALID


def _vulns(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"vulns": records} if records else {}


def _matching(query: Mapping[str, Any], known: Sequence[Known]) -> list[Known]:
    """Return what a query is about; raise KeyError, TypeError or ValueError where it is none."""
    if "commit" in query:
        return []
    package, version = query["package"], query.get("version", "")
    if "purl" in package:
        kind, _, rest = str(package["purl"]).removeprefix("pkg:").partition("/")
        name, _, of_purl = rest.partition("?")[0].partition("@")
        ecosystem, name, version = kind, unquote(name), version or unquote(of_purl)
    else:
        ecosystem, name = package["ecosystem"], package["name"]
    if not (isinstance(name, str) and isinstance(version, str) and name):
        raise TypeError(name)
    if ecosystem.partition(":")[0].lower() != "pypi":
        return []
    # A scanner shows a record once; measured on several Pythons, it is one regression.
    return list(
        {
            regression.title: regression
            for regression in of(known, name, version)
            if regression.windows
        }.values()
    )
