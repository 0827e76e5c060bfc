"""Tells what comes slowly from what doesn't come at all, by the bytes that came and when."""

from __future__ import annotations

import logging
from collections import deque

SILENT_S = 5.0
"""How long next to nothing may come before that is said."""

LEAST_BYTES_S = 1024
"""The bytes a second below which next to nothing comes."""

_AGAIN_S = 10.0
_LOG = logging.getLogger(__name__)
logging.getLogger("bisector").addHandler(logging.NullHandler())  # a library is silent by itself


class Pace:
    """How what ``waits`` gets on, from the time that it ``began`` at.

    ``waits`` is said where next to nothing comes, like "the index has sent next to nothing".
    Times are those of one clock, in seconds; whatever runs is looked at every second or so.
    """

    def __init__(self, waits: str, patience_s: float, began: float) -> None:
        self._waits = waits
        self._patience_s = patience_s
        self._looks = deque([(began, 0.0)])
        self._said_next_s = SILENT_S

    def begin(self, now: float) -> None:
        """Forget what was before: something came, or nothing was to come."""
        self._looks = deque([(now, 0.0)])
        self._said_next_s = SILENT_S

    def given_up(self, now: float, received: float) -> str:
        """Return why it is no use to wait any longer; empty where it may be.

        ``received`` are all the bytes so far. That next to nothing comes is logged meanwhile.
        """
        stuck_s = 0.0
        for at, before in reversed(self._looks):
            if received - before >= LEAST_BYTES_S * (now - at):
                break
            stuck_s = now - at
        self._looks.append((now, received))
        while len(self._looks) > 2 and self._looks[1][0] <= now - self._patience_s:
            self._looks.popleft()
        if stuck_s >= self._patience_s:
            return f"{self._waits} for {stuck_s:.0f} s"
        if stuck_s < SILENT_S:
            self._said_next_s = SILENT_S
        elif stuck_s >= self._said_next_s:
            self._said_next_s += _AGAIN_S
            until = f"it is given up after {self._patience_s:g} s"
            _LOG.warning("%s for %.0f s; %s", self._waits, stuck_s, until)
        return ""
