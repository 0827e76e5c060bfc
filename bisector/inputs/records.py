"""The records that come with bisector: what was measured of the catalogue's probes and others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def path() -> Path:
    """Return the file of the records, a line in the OSV schema each."""
    installed = Path(__file__).parents[1] / "records.jsonl"
    return installed if installed.is_file() else Path(__file__).parents[2] / "results/osv.jsonl"


def shipped() -> list[dict[str, Any]]:
    """Return the records, in the order of their names."""
    return [json.loads(line) for line in path().read_text(encoding="utf-8").splitlines()]
