"""Answers to the queries of the OSV API, from what was measured.

https://google.github.io/osv.dev/api/
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from packaging.version import Version

from bisector.reports.known import Known, of, window

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
            return 200, _vulns([_asked_first(one, asked) for one in _matching(asked, known)])
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


def _asked_first(known: Known, query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record, of its ranges first the one that has the version which was asked for.

    Their order means nothing, but pip-audit names the fix of the first alone.
    """
    record, (_, version) = dict(known.record), _named(query)
    if version:
        release = Version(version)
        record["affected"] = [
            one | {"ranges": sorted(one["ranges"], key=lambda r: release not in window(r))}
            for one in record["affected"]
        ]
    return record


def _matching(query: Mapping[str, Any], known: Sequence[Known]) -> list[Known]:
    """Return what a query is about; raise KeyError, TypeError or ValueError where it is none."""
    if "commit" in query:
        return []
    name, version = _named(query)
    if not name:
        return []
    # A scanner shows a record once; measured on several Pythons, it is one regression.
    return list({one.title: one for one in of(known, name, version) if one.windows}.values())


def _named(query: Mapping[str, Any]) -> tuple[str, str]:
    """Return the project and the version that a query names; no project where it isn't PyPI's."""
    package, version = query["package"], query.get("version", "")
    if "purl" in package:
        kind, _, rest = str(package["purl"]).removeprefix("pkg:").partition("/")
        name, _, of_purl = rest.partition("?")[0].partition("@")
        ecosystem, name, version = kind, unquote(name), version or unquote(of_purl)
    else:
        ecosystem, name = package["ecosystem"], package["name"]
    if not (isinstance(name, str) and isinstance(version, str) and name):
        raise TypeError(name)
    return (name if ecosystem.partition(":")[0].lower() == "pypi" else ""), version
