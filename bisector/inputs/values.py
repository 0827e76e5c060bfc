"""What the values of options may be; each function raises ArgumentTypeError for another."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

CONFIDENCE = 0.95
"""How sure every change is to be, where nothing else is asked for."""


def specifier(text: str) -> SpecifierSet:
    """Return the specifier that ``text`` is, or that a version by itself is."""
    from packaging.specifiers import SpecifierSet  # a tenth of --help
    from packaging.version import Version

    with suppress(ValueError):
        parsed = SpecifierSet(text)
        parsed.contains("0")  # only then are numbers of too many digits found out
        return parsed
    with suppress(ValueError):
        return SpecifierSet(f"=={Version(text)}")
    raise argparse.ArgumentTypeError(f"{text!r} is not a version specifier like '>=1.2,<2'")


def pattern(text: str) -> str:
    """Return a regular expression as it is written."""
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from error
    return text


def pattern_of_one_group(text: str) -> str:
    """Return a regular expression with one group, as it is written."""
    if text and (groups := re.compile(pattern(text)).groups) != 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} has {groups or 'no'} groups; one holds the number, (?:...) is none"
        )
    return text


def share(text: str) -> float:
    """Return the share that a text like 5% or 0.05 is, above 0."""
    of = 100 if text.rstrip().endswith("%") else 1
    return _number(text.rstrip().rstrip("%"), "a share like 5%", lambda number: number > 0) / of


def _number(text: str, wanted: str, allowed: Callable[[float], bool]) -> float:
    with suppress(ValueError):
        if isfinite(number := float(text)) and allowed(number):
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")


def seconds(text: str) -> float:
    """Return a number of seconds, 0 included."""
    return _number(text, "a number of seconds", lambda number: number >= 0)


def duration(text: str) -> float:
    """Return the seconds that a time like 90s, 10m or 1h is; a number by itself is seconds."""
    units = {"": 1, "s": 1, "m": 60, "h": 3600}
    digits = text.rstrip("smh")
    if (unit := text[len(digits) :]) in units:
        with suppress(argparse.ArgumentTypeError):
            return _number(digits, "", lambda number: number > 0) * units[unit]
    raise argparse.ArgumentTypeError(f"{text!r} is not a time like 90s, 10m or 1h")


def above_zero(text: str) -> float:
    """Return a number of seconds above 0."""
    return _number(text, "a number of seconds above 0", lambda number: number > 0)


def probability(text: str) -> float:
    """Return a number between 0 and 1, both excluded."""
    return _number(text, "a probability between 0 and 1", lambda number: 0 < number < 1)


def positive(text: str) -> int:
    """Return a whole number above 0."""
    return int(_number(text, "a whole number above 0", lambda n: n >= 1 and n == int(n)))


def port(text: str) -> int:
    """Return a port to listen on, 0 for any that is free."""
    return int(_number(text, "a port", lambda n: 0 <= n < 1 << 16 and n == int(n)))


def size(text: str) -> Size:
    """Return the bytes that a size like 500M or 2GiB is."""
    units = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
    digits = text.upper().rstrip("IB").rstrip("KMGT")
    unit = text.upper().rstrip("IB")[len(digits) :]
    if unit in units:
        with suppress(argparse.ArgumentTypeError):
            number = _number(digits, "", lambda number: number > 0)
            return Size(int(number * units[unit]), text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a size like 500M or 2GiB")


class Size(int):
    """A number of bytes that is shown as the caller wrote it, like ``60M``."""

    given: str

    def __new__(cls, size_bytes: int, given: str) -> Size:
        """Return ``size_bytes``, shown as ``given``."""
        size = super().__new__(cls, size_bytes)
        size.given = given
        return size

    def __str__(self) -> str:
        """Return the size as it was given."""
        return self.given

    def __format__(self, spec: str) -> str:
        """Return the size as it was given where nothing else is asked for."""
        return super().__format__(spec) if spec else self.given

    def __reduce__(self) -> tuple[type[Size], tuple[int, str]]:
        """Return what another process makes the same of."""
        return Size, (int(self), self.given)
