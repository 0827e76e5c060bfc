"""The records that come with bisector: what was measured of the catalogue's probes and others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def folder() -> Path:
    """Return where the records lie, a file in the OSV schema each."""
    installed = Path(__file__).parents[1] / "records"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "results" / "osv"


def shipped() -> list[dict[str, Any]]:
    """Return the records, in the order of their names."""
    return [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder().glob("*.json"))
    ]
