"""The affected range for scanners: in the OSV schema, and right by its rules."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from histories import HOSTILE, found
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from packaging.version import Version
from sample_findings import hostile, sample

from bisector.finding import Finding
from bisector.model import Documented, Probe
from bisector.reports import osv
from bisector.reports.known import of, read

STRING = {"type": "string"}
EVENT = {
    "type": "object",
    "properties": dict.fromkeys(("introduced", "fixed", "last_affected"), STRING),
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "schema_version": {"const": "1.7.0"},
        "id": {"type": "string", "pattern": r"^x_bisector-[A-Za-z0-9.-]+$"},
        "modified": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
        "summary": {"type": "string", "maxLength": 120},
        "details": STRING,
        "references": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "type": {"enum": ["REPORT", "FIX"]},
                    "url": {"type": "string", "pattern": r"^https?://[!-~]+$"},
                },
                "required": ["type", "url"],
                "additionalProperties": False,
            },
        },
        "affected": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "package": {
                        "type": "object",
                        "properties": {
                            "ecosystem": {"const": "PyPI"},
                            "name": STRING,
                            "purl": {"type": "string", "pattern": r"^pkg:pypi/[A-Za-z0-9._~%-]+$"},
                        },
                        "required": ["ecosystem", "name", "purl"],
                        "additionalProperties": False,
                    },
                    "ranges": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "properties": {
                                "type": {"const": "ECOSYSTEM"},
                                "events": {
                                    "type": "array",
                                    "items": EVENT,
                                    "minItems": 2,
                                    "contains": {"required": ["introduced"]},
                                },
                            },
                            "required": ["type", "events"],
                            "additionalProperties": False,
                        },
                    },
                    "versions": {"type": "array", "items": STRING, "uniqueItems": True},
                },
                "required": ["package", "ranges", "versions"],
                "additionalProperties": False,
            },
        },
        "database_specific": {"type": "object"},
    },
    "required": ["schema_version", "id", "modified", "summary", "details", "affected"],
    "additionalProperties": False,
}


def is_affected(version: str, record: dict[str, Any], *, listed: bool = True) -> bool:
    """The algorithm of https://ossf.github.io/osv-schema/#evaluation, for one package.

    Without ``listed``, by the ranges alone.
    """
    for affected in record["affected"]:
        if listed and version in affected["versions"]:
            return True
        for events in (ranges["events"] for ranges in affected["ranges"]):
            vulnerable = False
            in_order = sorted(events, key=lambda event: Version(next(iter(event.values()))))
            for event in in_order:
                if "introduced" in event and Version(version) >= Version(event["introduced"]):
                    vulnerable = True
                if "fixed" in event and Version(version) >= Version(event["fixed"]):
                    vulnerable = False
                if "last_affected" in event and Version(version) > Version(event["last_affected"]):
                    vulnerable = False
            if vulnerable:
                return True
    return False


def test_a_record_as_a_whole() -> None:
    documented = Documented("https://a.example/1", "https://a.example/2")
    probe = Probe("eggs", "spam", "Eggs must be fresh.", case="raw", documented=documented)
    history = {"1.0": "g", "1.1": "b", "1.2": "-", "1.3": "b", "1.4": "g"}
    finding = found(history, probe=probe, pre={"1.1b1": "g", "1.1b2": "b"})
    assert osv.record(finding) == {
        "schema_version": "1.7.0",
        "id": "x_bisector-spam-eggs-raw-python-3.11",
        "modified": "2025-10-01T12:00:01.000Z",
        "summary": "Functional regression, not a security issue: eggs[raw]: Eggs must be fresh.",
        "details": "spam went bad in 1.1 (already in 1.1b2); 1.0 is the last good release before "
        "it. It was fixed in 1.4; 1.3 is the last bad release before it.",
        "references": [
            {"type": "REPORT", "url": "https://a.example/1"},
            {"type": "FIX", "url": "https://a.example/2"},
        ],
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "spam", "purl": "pkg:pypi/spam"},
                "ranges": [
                    {
                        "type": "ECOSYSTEM",
                        "events": [{"introduced": "1.1b2"}, {"fixed": "1.4"}],
                    }
                ],
                "versions": ["1.1b2", "1.1", "1.2", "1.3"],
            }
        ],
        "database_specific": {
            "package": "spam",
            "probe": "eggs[raw]: Eggs must be fresh.",
            "replay": "bisect --probe eggs --range '>=1.0,<2' --python 3.11",
            "conditions": "CPython 3.11.7, linux-x86_64, dependencies newest",
            "python": "3.11",
            "good": ["1.0", "1.1b1", "1.4"],
            "uploaded": {"1.1b2": "2024-01-01", "1.1": "2024-01-02", "1.4": "2024-01-05"},
        },
    }


@pytest.mark.parametrize(
    "finding",
    [
        *sample(),
        hostile(),
        found("gbgbb"),
        found("ggg"),
        found("uuu"),
        found("--"),
        found("gb", probe=Probe(HOSTILE, HOSTILE, HOSTILE, documented=Documented(HOSTILE, "#1"))),
    ],
)
def test_every_record_is_valid(finding: Finding) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    record = json.loads(osv.render([finding]))
    assert list(Draft202012Validator(SCHEMA).iter_errors(record)) == []


@given(st.text("gb", min_size=1, max_size=25))
def test_exactly_the_bad_releases_are_affected(history: str) -> None:
    """By the listed versions, and by the ranges alone as well."""
    record = osv.record(found(history))
    for number, letter in enumerate(history):
        assert is_affected(f"1.{number}", record) == (letter == "b")
        assert is_affected(f"1.{number}", record, listed=False) == (letter == "b")


@given(st.text("gbu!x-", min_size=1, max_size=25))
def test_what_reads_a_record_takes_it_as_a_scanner_does(history: str) -> None:
    """And no release that was measured to be good is ever affected."""
    record = osv.record(found(history))
    for number, letter in enumerate(history):
        known = of(read([record]), "spam", f"1.{number}")
        assert bool(known) == is_affected(f"1.{number}", record)
        assert not (known and letter == "g")


@given(st.text("gbu!x-", min_size=1, max_size=25))
def test_what_was_not_measured_is_affected_only_within_a_window(history: str) -> None:
    """No measured good release is blamed, no bad one left out, and none outside what is known."""
    record = osv.record(found(history))
    decided = [letter if letter in "gb" else "" for letter in history]
    for number, letter in enumerate(history):
        before = next((said for said in reversed(decided[: number + 1]) if said), "")
        after = next((said for said in decided[number:] if said), "")
        affected = is_affected(f"1.{number}", record)
        if letter in "gb":
            assert affected == (letter == "b")
        elif affected:
            assert before == "b"
            assert after
        if before == after == "b":
            assert affected


def test_a_window_that_is_open_reaches_to_the_last_release_known_to_be_bad() -> None:
    """Not to one whose runs disagree, nor beyond: nothing is known there."""
    record = osv.record(found("!bbgb!-"))
    assert [r["events"] for r in record["affected"][0]["ranges"]] == [
        [{"introduced": "1.1"}, {"fixed": "1.3"}],
        [{"introduced": "1.4"}, {"last_affected": "1.4"}],
    ]
    assert record["affected"][0]["versions"] == ["1.1", "1.2", "1.4"]


def test_a_fix_that_a_pre_release_has_already_counts_from_there() -> None:
    record = osv.record(found({"1.0": "b", "1.1": "g"}, pre={"1.1rc1": "g"}))
    assert not is_affected("1.1rc1", record)
    assert is_affected("1.0", record)


def test_several_findings_are_a_list() -> None:
    one, other = found("gb"), found("gbg")
    assert json.loads(osv.render([one, other])) == [osv.record(one), osv.record(other)]
    assert json.loads(osv.render([one])) == osv.record(one)
    assert json.loads(osv.render([])) == []


def test_a_window_open_at_an_end_is_said_to_be_open() -> None:
    record = osv.record(found("bgb"))
    assert "Already bad in 1.0, the oldest release looked at." in record["details"]
    assert "Still bad in 1.2, the newest release looked at." in record["details"]
    assert record["database_specific"]["open_at_oldest"] is True
    assert record["database_specific"]["open_at_newest"] is True
    closed = osv.record(found("gbg"))
    assert not {"open_at_oldest", "open_at_newest"} & set(closed["database_specific"])
    assert "looked at" not in closed["details"]


@pytest.mark.parametrize(
    ("history", "told"),
    [
        ("gu-x!bg", "names 1.5, the first release known to be bad: 1.1, 1.2, 1.3, 1.4 before it"),
        ("gxbg", "names 1.2, the first release known to be bad: 1.1 before it is undecided."),
        ("xxbg", "names 1.2, the first release known to be bad: 1.0, 1.1 before it are undecided."),
        ("gbxbg", ""),
        ("gbxg", ""),
    ],
)
def test_what_is_undecided_before_the_first_bad_release_is_said(history: str, told: str) -> None:
    details = osv.record(found(history))["details"]
    assert told in details
    assert ("introduced" in details) == bool(told)


def test_what_is_undecided_behind_a_bad_pre_release_is_not_before_it() -> None:
    finding = found({"1.4": "g", "1.5": "x", "1.6": "b"}, pre={"1.5b1": "b"})
    assert "introduced" not in osv.record(finding)["details"]


def test_a_time_that_is_none_is_not_told() -> None:
    finding = found("gb")
    runs = tuple(replace(run, started=HOSTILE) for run in finding.measurements)
    assert osv.record(replace(finding, measurements=runs))["modified"] == "1970-01-01T00:00:00Z"
