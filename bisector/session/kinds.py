"""The kinds of search: what ``--over`` may name, and what of that a request leads to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bisector.model import Interpreter, Probe
from bisector.search.candidates import Candidates
from bisector.session import days, interpreters, releases

if TYPE_CHECKING:
    from bisector.session.session import Driver


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of search: ``about`` says what is searched, in the words of the command's help.

    ``candidates`` returns what a search with a probe on an interpreter is over; it raises
    BisectorError.
    """

    about: str
    candidates: Callable[[Driver, Probe, Interpreter], Candidates]


KINDS: Mapping[str, Kind] = {
    "releases": Kind("those in the range", releases.candidates),
    "dependencies": Kind("the days on which those of the newest changed", days.candidates),
    "interpreters": Kind("those installed here, with the newest", interpreters.candidates),
}
