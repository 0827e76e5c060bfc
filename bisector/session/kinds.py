"""The kinds of search: what ``--over`` may name, and what of that a request leads to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bisector.model import Interpreter, Probe
from bisector.search.candidates import Candidates
from bisector.session import days, releases

if TYPE_CHECKING:
    from bisector.session.session import Driver

Kind = Callable[["Driver", Probe, Interpreter], Candidates]
"""Returns what a search with a probe on an interpreter is over; raises BisectorError."""

KINDS: Mapping[str, Kind] = {
    "releases": releases.candidates,
    "dependencies": days.candidates,
}
