"""Writes results as they were stored before: a file per run, per search and for what was held."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bisector.finding import Finding
from bisector.store.codec import (
    CONDITIONS,
    MEASUREMENT,
    SEARCH,
    conditions_to_json,
    measurement_to_json,
    search_to_json,
)
from bisector.store.runs import Store


def keep(root: Path, finding: Finding) -> Path:
    """Keep a finding with its runs; return the folder."""
    probe, held = finding.probe, finding.conditions
    folder = Store(root).folder(probe, held)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "conditions.json", conditions_to_json(probe, held), CONDITIONS)
    for run in finding.measurements:
        run_file(folder, measurement_to_json(run))
    search = search_to_json(finding)
    del search["latest"]
    plan = {name: search[name] for name in ("candidates", "prereleases", "excluded")}
    _write(folder / f"search.{_digest(_text(plan))}.json", search, SEARCH)
    return folder


def run_file(folder: Path, data: Mapping[str, Any]) -> Path:
    """Keep one run; return its file."""
    whole = {"schema": MEASUREMENT, **data}
    path = folder / f"{data['version']}-{_digest(_text(whole))}.json"
    path.write_text(_text(whole), encoding="utf-8")
    return path


def _write(path: Path, data: Mapping[str, Any], schema: str) -> None:
    path.write_text(_text({"schema": schema, **data}), encoding="utf-8")


def _text(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=1, ensure_ascii=True) + "\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
