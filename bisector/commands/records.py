"""The records of regressions: those that come with bisector, and those of this results folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bisector import settings
from bisector.commands import output
from bisector.inputs import records as inputs
from bisector.inputs.request import Request
from bisector.reports import osv
from bisector.session import from_store
from bisector.store.runs import Store


def measured(results: Path, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the records in the OSV schema, those of ``results`` last, of some probes or all."""
    store = Store(results, settings.cache_dir())
    findings = from_store.findings(store, Request(probes=names))
    listener = output.listener()
    for warning in store.warnings:
        listener.say(f"warning: {warning}")
    return [*inputs.shipped(), *osv.regressions(findings)]
