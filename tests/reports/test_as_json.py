"""A finding as JSON: what other programs rely on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from histories import HOSTILE, found
from jsonschema import Draft202012Validator
from sample_findings import hostile, sample, stepping, uploads

from bisector.finding import Finding, Stopped
from bisector.model import (
    Claim,
    Documented,
    Json,
    Outcome,
    Probe,
    ProcessPeak,
)
from bisector.reports import as_json

STRING = {"type": "string"}
STRINGS = {"type": "array", "items": STRING}
COUNT = {"type": "integer", "minimum": 0}
FLAG = {"type": "boolean"}


def of(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    """Return the schema of an object with these fields, all of them required but ``optional``."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def transition(last: str, first: str, kind: str) -> dict[str, Any]:
    """Return the schema of one kind of transition: its sides are named for what they are."""
    return of(
        {
            "kind": {"const": kind},
            last: STRING,
            first: STRING,
            "untested": STRINGS,
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "confirmed": FLAG,
            "zoom": of({last: STRING, first: STRING}),
            f"{first}_not_yanked": STRING,
            "otherwise": STRINGS,
        },
        "zoom",
        "otherwise",
        f"{first}_not_yanked",
    )


SUSPICION = of(
    {
        "kind": {"enum": ["introduced", "fixed"]},
        "after": STRING,
        "by": STRING,
        "most_likely": STRING,
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    }
)

NUMBER = {"type": "number"}
STEP = of(
    {
        "kind": {"enum": ["up", "down"]},
        "before": STRING,
        "after": STRING,
        "untested": STRINGS,
        "old": NUMBER,
        "new": NUMBER,
        "change": NUMBER,
        "interval": {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "pairs": COUNT,
    }
)
METRIC = of(
    {
        "name": STRING,
        "unit": or_null({"enum": ["bytes", "seconds"]}),
        "per": or_null(STRING),
        "relative": FLAG,
        "threshold": NUMBER,
        "noise": NUMBER,
        "noise_floor": or_null(NUMBER),
        "smallest_seen": or_null(NUMBER),
        "drift": or_null(STEP),
        "suspected": {"type": "array", "items": STEP},
        "levels": {
            "type": "array",
            "items": of(
                {
                    "version": STRING,
                    "median": NUMBER,
                    "lowest": NUMBER,
                    "highest": NUMBER,
                    "interval": or_null({"type": "array", "items": NUMBER}),
                    "runs": COUNT,
                }
            ),
        },
    }
)
MEASUREMENT = of(
    {
        "version": STRING,
        "outcome": {"enum": ["good", "bad", "untestable"]},
        "reason": or_null(STRING),
        "detail": STRING,
        "signature": or_null({"type": "object"}),
        "exit_status": or_null({"type": "integer"}),
        "metrics": {"type": "object"},
        "pool": or_null({"type": "object"}),
        "differs": STRINGS,
        "started": STRING,
        "sandbox": {"type": ["string", "null"]},
        "yanked": FLAG,
        "peak_memory_bytes": or_null(COUNT),
        "peak_memory_sampled": or_null(FLAG),
        "seconds": {"type": "number", "minimum": 0},
        "cpu_seconds": {"type": "number", "minimum": 0},
        "cached": FLAG,
        "elsewhere": FLAG,
    }
)
TRANSITIONS = {
    "type": "array",
    "items": {
        "oneOf": [
            transition("last_good", "first_bad", "introduced"),
            transition("last_bad", "first_good", "fixed"),
        ]
    },
}
AFFECTED = or_null({"anyOf": [STRING, {**STRINGS, "minItems": 2}]})
FAILURE = of(
    {
        "name": STRING,
        "signature": or_null({"type": "object"}),
        "reason": or_null(STRING),
        "transitions": TRANSITIONS,
        "affected": AFFECTED,
        "releases": {**STRINGS, "minItems": 1},
        "not_yet_until": or_null(STRING),
        "bad_at_oldest": FLAG,
        "bad_at_newest": FLAG,
    }
)
FINDING = of(
    {
        "schema": {"const": "bisector/finding/1"},
        "package": STRING,
        "probe": STRING,
        "probe_digest": STRING,
        "case": or_null(STRING),
        "python": STRING,
        "platform": STRING,
        "dependencies": STRING,
        "constraints": STRINGS,
        "over": or_null(STRING),
        "answer": STRING,
        "decided": FLAG,
        "stopped": or_null(STRING),
        "transitions": TRANSITIONS,
        "affected": AFFECTED,
        "affected_by_any": STRINGS,
        "failures": {"type": "array", "items": FAILURE},
        "pin": or_null(STRING),
        "bad_at_oldest": FLAG,
        "bad_at_newest": FLAG,
        "confidence": or_null({"type": "number"}),
        "suspicions": {"type": "array", "items": SUSPICION},
        "posterior": {
            "type": "array",
            "items": of({"after": STRING, "by": STRING, "probability": NUMBER}),
        },
        "longest_untested": COUNT,
        "longest_unseen": or_null(COUNT),
        "conflicting": STRINGS,
        "candidates": COUNT,
        "excluded": {
            "type": "array",
            "items": of({"version": STRING, "reason": STRING, "detail": STRING}),
        },
        "claims": {
            "type": "array",
            "items": of(
                {"document": STRING, "says": STRING, "measured": STRING, "agrees": or_null(FLAG)}
            ),
        },
        "metric": or_null(METRIC),
        "steps": {"type": "array", "items": STEP},
        "replay": STRING,
        "measurements": {"type": "array", "items": MEASUREMENT},
    }
)


def read(text: str) -> Any:
    """Return what a strict parser reads: no NaN, and nothing that isn't text."""
    text.encode()
    data = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    json.dumps(data, ensure_ascii=False).encode()
    return data


def test_a_finding_as_a_whole() -> None:
    probe = Probe(
        "eggs",
        "spam",
        case="raw",
        documented=Documented("an issue", bad=("1.2",)),
        claims=(Claim("a page", "They rot", Outcome.BAD, "all"),),
    )
    history = {"1.0": "x", "1.1": "g", "1.2": "b"}
    finding = found(history, probe=probe, pre={"1.2b1": "b"}, yanked=["1.2"], runs=1)
    peak = ProcessPeak("p", 45, main=True, sampled=True)
    runs = (replace(finding.measurements[0], processes=(peak,), pool={"idle": 1}),)
    finding = replace(finding, measurements=runs)
    introduced = {
        "kind": "introduced",
        "last_good": "1.1",
        "first_bad": "1.2",
        "untested": [],
        "confidence": round(finding.transitions[0].confidence, 4),
        "confirmed": False,
        "zoom": {"last_good": "1.1", "first_bad": "1.2b1"},
    }
    assert read(as_json.render([finding])) == {
        "schema": "bisector/finding/1",
        "package": "spam",
        "probe": "eggs",
        "probe_digest": finding.probe.digest,
        "case": "raw",
        "python": "3.11.7",
        "platform": "linux-x86_64",
        "dependencies": "newest",
        "constraints": [],
        "over": None,
        "answer": "spam went bad in 1.2 (already in 1.2b1); 1.1 is the last good release before "
        "it. 1.2 is yanked. Undecided: a change is not confirmed by a second run on both its "
        "sides.",
        "pin": None,
        "decided": False,
        "stopped": None,
        "transitions": [introduced],
        "affected": ">=1.2,<=1.2",
        "affected_by_any": [">=1.2,<=1.2"],
        "failures": [
            {
                "name": "bad",
                "signature": None,
                "reason": None,
                "transitions": [introduced],
                "affected": ">=1.2,<=1.2",
                "releases": ["1.2"],
                "not_yet_until": None,
                "bad_at_oldest": False,
                "bad_at_newest": True,
            }
        ],
        "bad_at_oldest": False,
        "bad_at_newest": True,
        "confidence": None,
        "suspicions": [],
        "posterior": [],
        "longest_untested": 0,
        "longest_unseen": None,
        "conflicting": [],
        "candidates": 2,
        "excluded": [{"version": "1.0", "reason": "no-wheel", "detail": "no wheel for cp311"}],
        "claims": [
            {
                "document": "an issue",
                "says": "1.2 is bad",
                "measured": "not looked at",
                "agrees": None,
            },
            {
                "document": "a page",
                "says": "They rot",
                "measured": "not reproduced on 1 release measured",
                "agrees": False,
            },
        ],
        "metric": None,
        "steps": [],
        "replay": "bisect --probe eggs --range '>=1.0,<2' --python 3.11",
        "measurements": [
            {
                "version": "1.1",
                "outcome": "good",
                "reason": None,
                "detail": "the eggs are good",
                "signature": None,
                "exit_status": 0,
                "metrics": {},
                "pool": {"idle": 1},
                "differs": [],
                "started": "2025-10-01T12:00:00.000Z",
                "sandbox": None,
                "yanked": False,
                "peak_memory_bytes": 45,
                "peak_memory_sampled": True,
                "seconds": 0.5,
                "cpu_seconds": 0.0,
                "cached": False,
                "elsewhere": False,
            }
        ],
    }


@pytest.mark.parametrize(
    "finding",
    [
        *sample(),
        uploads(),
        hostile(),
        found("ggbbg", yanked=["1.2", "1.4"]),
        found("gg-b!ux", runs=1, stopped=Stopped.MAX_PROBES),
        found("uuu"),
        found("gbgb"),
        *stepping().values(),
    ],
)
def test_every_finding_keeps_to_the_contract(finding: Finding) -> None:
    Draft202012Validator.check_schema(FINDING)
    told = read(as_json.render([finding]))
    assert list(Draft202012Validator(FINDING).iter_errors(told)) == []


def test_several_findings_are_a_list_and_one_is_an_object() -> None:
    one, other = found("gb"), found("g")
    assert read(as_json.render([one, other])) == [
        read(as_json.render([one])),
        read(as_json.render([other])),
    ]


def test_several_windows_are_several_specifier_sets_and_none_is_null() -> None:
    assert read(as_json.render([found("gbgbg")]))["affected"] == [">=1.1,<1.2", ">=1.3,<1.4"]
    assert read(as_json.render([found("ggg")]))["affected"] is None


def test_the_first_release_that_is_not_yanked_is_named_for_what_it_is() -> None:
    told = read(as_json.render([found("gbbgg", yanked=["1.1", "1.3"])]))["transitions"]
    assert told[0]["first_bad_not_yanked"] == "1.2"
    assert told[1]["first_good_not_yanked"] == "1.4"


def test_what_json_or_utf_8_has_not_is_told_in_what_they_have() -> None:
    nested: dict[str, Json] = {"a": [float("inf"), {"\udcff": float("nan")}], "b": HOSTILE}
    (run,) = found("g", runs=1).measurements
    finding = replace(found("g"), measurements=(replace(run, metrics=nested, detail="\udcff"),))
    told = read(as_json.render([finding]))["measurements"][0]
    assert told["metrics"] == {
        "a": ["inf", {"\\udcff": "nan"}],
        "b": HOSTILE.replace("\udcff", "\\udcff"),
    }
    assert told["detail"] == "\\udcff"
