"""The kinds of search: what ``--over`` may name, and what of that a request leads to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bisector.model import Interpreter, Probe
    from bisector.search.candidates import Candidates
    from bisector.session.session import Driver


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of search: ``about`` says what is searched, in the words of the command's help.

    ``module`` of this package is read when such a search is asked for; its ``candidates`` returns
    what a search with a probe on an interpreter is over, and raises BisectorError.
    """

    about: str
    module: str

    def candidates(self, driver: Driver, probe: Probe, interpreter: Interpreter) -> Candidates:
        """Return what a search of this kind is over; raises BisectorError."""
        module = import_module(f"bisector.session.{self.module}")
        of_kind: Callable[[Driver, Probe, Interpreter], Candidates] = module.candidates
        return of_kind(driver, probe, interpreter)


KINDS: Mapping[str, Kind] = {
    "releases": Kind("those in the range", "releases"),
    "dependencies": Kind("the days on which those of the newest changed", "days"),
    "interpreters": Kind("those installed here, with the newest", "interpreters"),
}
