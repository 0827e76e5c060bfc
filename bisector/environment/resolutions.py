"""What was resolved lately: for as long as a listing lasts, the index isn't asked again.

Searches that follow one another, as those of a table, hold the same dependencies so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from bisector import atomic, settings
from bisector.environment.installers.interface import Resolution
from bisector.model import Conditions


def now() -> str:
    """Return the time in UTC, ISO 8601 with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def path(cache: Path, how: str, conditions: Conditions, needed: Sequence[str]) -> Path:
    """Return where the resolution of what is ``needed`` is kept.

    ``how`` describes the index and the installers' settings, without a password; what else it
    depends on is in the ``conditions``.
    """
    python = conditions.interpreter
    key = repr(
        (how, conditions.installer, conditions.allow_build, python, python.tags, sorted(needed))
    )
    return cache / "resolutions" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def load(file: Path, now: str) -> tuple[Resolution, str] | None:
    """Return what was resolved, and when; None where that is too long ago, or isn't as it was kept.

    Times are in UTC, as `now` has them.
    """
    try:
        if not file.is_file():
            return None
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored.pop("digest") != _digest(stored):
            return None
        if timedelta() <= _time(now) - _time(stored["resolved"]) < settings.FRESH:
            pins, wheels = tuple(stored["pins"]), dict(stored["wheels"])
            if all(isinstance(text, str) for text in (*pins, *wheels, *wheels.values())):
                return Resolution(pins, wheels), stored["resolved"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return None


def save(file: Path, resolution: Resolution, resolved: str) -> None:
    """Keep what was resolved; where that can't be, it is resolved again."""
    stored = {"resolved": resolved, "pins": [*resolution.pins], "wheels": {**resolution.wheels}}
    with suppress(OSError):
        atomic.write(file, json.dumps({**stored, "digest": _digest(stored)}).encode())


def _digest(stored: Mapping[str, object]) -> str:
    """Return what tells content that was written over, or cut short, from what was kept."""
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
