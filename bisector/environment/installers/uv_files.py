"""The files by which uv is told what it would otherwise ask an index for, or look for around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tomli_w

Package = Mapping[str, Any]
"""A distribution of one version, as ``packages`` of a lock file has it (PEP 751)."""


def project(table: Mapping[str, Any] | None = None) -> str:
    """Return a ``pyproject.toml`` with these settings of uv, and with no project.

    Without such a file, the settings of a folder above would count.
    """
    return tomli_w.dumps({"tool": {"uv": {"managed": False, **(table or {})}}})


def lock(packages: Iterable[Package], index: str) -> str:
    """Return a lock file (PEP 751) with the wheels of the ``packages``.

    Those of which no other index is told are of ``index``: under its name uv keeps them.
    """
    locked = []
    for package in packages:
        wheels = [
            {key: wheel[key] for key in ("name", "url") if key in wheel}
            | {"hashes": {"sha256": sha256}}
            for wheel in package.get("wheels", [])
            if (sha256 := wheel.get("hashes", {}).get("sha256")) and "url" in wheel
        ]
        if wheels and "version" in package:
            named = {key: package[key] for key in ("name", "version")}
            locked.append({**named, "index": package.get("index", index), "wheels": wheels})
    return tomli_w.dumps({"lock-version": "1.0", "created-by": "bisector", "packages": locked})


def static_metadata(metadata: str) -> str:
    """Return a wheel's core metadata as uv's settings have it, so that no index is asked for it.

    See https://docs.astral.sh/uv/reference/settings/#dependency-metadata. Empty where the metadata
    is malformed: what uv makes of that is for uv to say.
    """
    from email.parser import HeaderParser  # 5 ms, and only where one of these is read

    headers = HeaderParser().parsestr(metadata)
    once = ("Name", "Version", "Requires-Python")
    fields = {
        name: headers.get_all(name, []) for name in (*once, "Requires-Dist", "Provides-Extra")
    }
    if headers.defects or any(len(fields[name]) > 1 for name in once):
        return ""
    table: dict[str, Any] = {name.lower(): fields[name][0] for name in once if fields[name]}
    table |= {name.lower(): fields[name] for name in ("Requires-Dist", "Provides-Extra")}
    return project({"dependency-metadata": [table]})
