"""Tells a program what a search is doing: a JSON object per line and event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from packaging.version import Version

from bisector.finding import Finding
from bisector.model import Measurement
from bisector.reports.answer import answer
from bisector.reports.progress import Lines
from bisector.search.candidates import Item
from bisector.search.observed import Verdict
from bisector.search.stages import Stage


class JsonLines(Lines):
    """The listener for programs; ``event`` says what happened, and which fields there are."""

    def say(self, text: str) -> None:
        """Tell what else there is to say."""
        self._tell("message", text=text)

    def started(self, item: Item, stage: Stage) -> None:
        """Tell that a measurement has begun."""
        self._tell("started", version=str(item.key), stage=stage.name.lower())

    def finished(self, measurement: Measurement, verdicts: Mapping[Version, Verdict], /) -> None:
        """Tell what was measured, and how many candidates are decided by now."""
        decided = sum(verdict.decided for verdict in verdicts.values())
        self._measured(str(measurement.version), measurement, decided, len(verdicts))

    def stopped(self, item: Item) -> None:
        """Tell that a measurement was stopped: it is no longer wanted."""
        self._tell("stopped", version=str(item.key))

    def tried(self, label: str, measurement: Measurement) -> None:
        """Tell what a combination of versions came out at."""
        self._measured(label, measurement)

    def settled(self, finding: Finding, assure_s: float) -> None:
        """Tell the answer as soon as there is one."""
        self._tell("settled", answer=answer(finding), assure_s=round(assure_s, 1))

    def _measured(self, name: str, run: Measurement, decided: int = 0, candidates: int = 0) -> None:
        counts = {"decided": decided, "candidates": candidates} if candidates else {}
        self._tell(
            "measured",
            version=name,
            outcome=run.outcome.value,
            reason=run.reason.value if run.reason else None,
            detail=run.detail,
            seconds=round(run.wall_s, 3),
            **counts,
        )

    def _tell(self, event: str, **fields: Any) -> None:
        print(json.dumps({"event": event, **fields}), file=self._stream, flush=True)
