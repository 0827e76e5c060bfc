"""Reads requirements.txt and what `pip freeze` prints: one requirement a line.

https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.requirements import Requirement

from bisector.errors import UsageError
from bisector.inputs.locks.entry import Entry, Target, refuse_digits
from bisector.inputs.locks.table import Table


def entries(text: str, where: str, target: Target, *, editable: bool = False) -> Iterator[Entry]:
    """Yield the requirements that are for ``target``, without options and hashes.

    What is worked on is passed over where it may be ``editable``, else it raises UsageError.
    """
    for number, line in _lines(text):
        position = f"{where}, line {number}"
        word = line if line.startswith("-") else re.split(r"\s-", line)[0].rstrip()
        if re.match(r"-e|--editable\b", word):
            if editable:
                continue
            raise UsageError(
                f"{position}: {word!r} is what is worked on, not a release",
                "take the line out, or write a release of it in its place, like 'eggs==2.0'",
            )
        if re.match(r"-[rc]|--(requirement|constraint)\b", word):
            raise UsageError(
                f"{position}: {word!r} names another file, which is not read",
                "write every pin into the one file, as `uv pip compile` does",
            )
        if word and not word.startswith("-"):
            read = requirement(word, f"{position}: ")
            if target.holds(str(read.marker or ""), Table(position)):
                at = f" @ {read.url}" if read.url else str(read.specifier)
                yield Entry(position, read.name, at)


def requirement(text: str, where: str = "") -> Requirement:
    """Return the requirement that ``text`` is; raise UsageError where it is none."""
    try:
        refuse_digits(text)
        return Requirement(text)
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        nameless = re.match(r"[./]|\S+://", text)
        raise UsageError(
            f"{where}{text!r} is not a requirement: {reason}",
            "name it, like 'eggs @ https://…'" if nameless else "write it like 'eggs>=2'",
        ) from error


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines without comments, continued ones as one, with the number of their first."""
    begun, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first if begun else number
        without = re.split(r"(?:^|\s)#", line)[0].rstrip()
        if without.endswith("\\"):
            begun += without.removesuffix("\\").rstrip() + " "
            continue
        yield first, (begun + without).strip()
        begun = ""
    if begun:
        yield first, begun.strip()
