"""What names a search: everything that is held for it and could change a measurement."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from bisector.model import Conditions, Probe
from bisector.store.codec import conditions_to_json

RESOLVED = ("constraints", "wheels", "resolved", "resolved_for")
"""What resolving decides, and an earlier search may have decided for this one."""

_LEFT_OUT = ("schema", "wheels", "resolved", "resolved_for", "probe_text", "probekit_text")


def key(probe: Probe, conditions: Conditions) -> str:
    """Return a digest of everything but the release that could change a measurement."""
    described = conditions_to_json(probe, conditions)
    relevant = {name: described[name] for name in described if name not in _LEFT_OUT}
    text = json.dumps(relevant, indent=1, ensure_ascii=True) + "\n"
    return hashlib.sha256(text.encode()).hexdigest()


def short(probe: Probe, conditions: Conditions) -> str:
    """Return as much of the key as lines name their search by."""
    return key(probe, conditions)[:16]


def probe_folder(root: Path, probe: Probe) -> Path:
    """Return where everything about ``probe``, or one case of it, lies."""
    name = f"{probe.name}.{probe.case}" if probe.case else probe.name
    plain = re.sub(r"[^\w.-]", "_", name)
    # Two names that differ only in what a file name can't have must not share a folder.
    apart = "" if plain == name else f"-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
    return root / (probe.package or "sets") / f"{plain}{apart}"


def folder_name(probe: Probe, conditions: Conditions) -> str:
    """Return what the folder of a search is called."""
    interpreter = conditions.interpreter
    named = f"{interpreter.implementation}-{interpreter.version}-{interpreter.platform}"
    return f"{named}-{key(probe, conditions)[:8]}"
