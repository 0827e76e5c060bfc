"""The sandboxes that there are on this machine, and a driver of its own that uses one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import bisector
from bisector.run import bubblewrap, landlock
from bisector.run.sandbox import NOTHING, Sandbox

KINDS = ("bubblewrap", "landlock", "none")
ROOT = Path(bisector.__file__).parents[1]
HANG_S = 120


def sandbox(kind: str) -> Sandbox:
    """Return the sandbox of that kind; skip the test where this machine has none."""
    if kind == "none":
        return NOTHING
    found, why = bubblewrap.found() if kind == "bubblewrap" else (landlock.found(), "no Landlock")
    if found is None:
        pytest.skip(f"needs {kind}: {why}")
    return found


def driver(
    code: str,
    *arguments: object,
    environ: Mapping[str, str] | None = None,
    wrap: Sequence[str] = (),
) -> subprocess.Popen[str]:
    """Start a driver: a Python that has bisector, with ``arguments``; ``wrap`` goes before it."""
    command = [*wrap, sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def told(running: subprocess.Popen[str]) -> Any:
    """Return what a driver printed last, as JSON, once it has ended well."""
    output, errors = running.communicate(timeout=HANG_S)
    assert running.returncode == 0, (running.returncode, errors)
    return json.loads(output.splitlines()[-1])


RUN = """
import json, os, sys, threading, time
from pathlib import Path
from bisector.run import leftovers, process
from bisector.run.environ import scrubbed_environ
from bisector.run.limits import Limits
from bisector.run.sandbox import Access, Confinement, NOTHING
from bisector.run import bubblewrap, landlock

def confinement(kind, folder, readable=(), network=False):
    kinds = {"none": lambda: NOTHING, "landlock": landlock.found}
    found = kinds[kind]() if kind in kinds else bubblewrap.found()[0]
    access = Access(folder, Path(os.path.realpath(sys.executable)), tuple(readable), (), network)
    return Confinement(found, access)

def run(kind, code, folder, limits=Limits(60), readable=(), arguments=(), **options):
    for name in ("home", "tmp"):
        (folder / name).mkdir(exist_ok=True, parents=True)
    environ = scrubbed_environ(folder / "home", folder / "tmp", [])
    python = os.path.realpath(sys.executable)
    return process.run(
        [python, "-IS", "-c", code, *map(str, arguments)], environ=environ, limits=limits,
        cwd=folder, marks=[folder], confinement=confinement(kind, folder, readable), **options
    )
"""
"""What a driver's code begins with."""
