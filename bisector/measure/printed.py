"""Reads the exception out of what a command printed: a traceback, or what a test runner shows.

A test runner catches what a test raises, and a command may start another process that raises: the
output is then all there is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bisector.run.records import Frame, Uncaught

_END = re.compile(r"^(?P<exception>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$")
_TEST_END = re.compile(
    r"^E +(?:(?P<exception>[A-Za-z_][\w.]*(?:Error|Exception|Warning|Failed|Exit))"
    r"(?:: (?P<message>.*))?|(?P<compared>assert .*))$"
)
_CHAINED = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
_START = "Traceback (most recent call last"
_FILE_LINE = re.compile(r'^ +File "(?P<file>.*)", line (?P<line>\d+)(?:, in (?P<function>.*))?$')
_LOCATION = re.compile(
    r"^(?P<file>[^\s:][^:]*\.py):(?P<line>\d+):(?: in (?P<function>\S+)| \w.*| ?)$"
)
_DEFINED = re.compile(r"^[ >]*(?:async )?def (?P<function>\w+)\(")
_SECTION = re.compile(r"^_{3,} .* _{3,}$|^={3,} .* ={3,}$")
_USAGE = re.compile(
    r"(?i)\b(?:unrecognized arguments?|unrecognized option|no such option|no such command"
    r"|unknown option|invalid choice)\b.*"
)
_FIXTURE = re.compile(r"^E +(fixture '[^']*' not found)$", re.MULTILINE)


def raised(output: bytes) -> Uncaught | None:
    """Return the exception that was printed last, with what it came of; None where none was."""
    lines = output.decode("utf-8", "replace").splitlines()
    return _from_test(lines) or _from_traceback(lines)


def refused(output: bytes) -> str:
    """Return what a command line tool says of a word that it doesn't know; empty where it didn't.

    That is how argparse, optparse, click and getopt say it, and pytest of a fixture.
    """
    text = output.decode("utf-8", "replace")
    found = filter(None, (_USAGE.search(line) for line in reversed(text.splitlines()[-5:])))
    fixture = _FIXTURE.search(text)
    return next((match[0].strip() for match in found), fixture[1] if fixture else "")


def _from_test(lines: Sequence[str]) -> Uncaught | None:
    """Return the exception in the lines that pytest marks with ``E``, of the last failed test."""
    last = max((n for n, line in enumerate(lines) if _TEST_END.match(line)), default=None)
    if last is None:
        return None
    start = max((n for n in range(last) if _SECTION.match(lines[n])), default=0)
    end = next((n for n in range(last, len(lines)) if _SECTION.match(lines[n])), len(lines))
    parts = [one for part in _parts(lines[start:end]) if (one := _marked(part))]
    return _chain(parts)


def _marked(lines: Sequence[str]) -> Uncaught | None:
    """Return the exception of one part of a chain: the first line of the last group of ``E``."""
    first: re.Match[str] | None = None
    for line in reversed(lines):
        if line == "E" or line.startswith("E "):
            first = _TEST_END.match(line) or first
        elif first:
            break
    if first is None:
        return None
    exception = first["exception"] or "AssertionError"
    return Uncaught(exception, first["message"] or first["compared"] or "", _located(lines))


def _located(lines: Sequence[str]) -> tuple[Frame, ...]:
    """Return the frames that a test runner shows: a function's source, then where it went on."""
    frames, function = [], ""
    for line in lines:
        if defined := _DEFINED.match(line):
            function = defined["function"]
        elif found := _LOCATION.match(line):
            frames.append(
                Frame(
                    found["file"], int(found["line"]), found["function"] or function or "<module>"
                )
            )
            function = ""
    return tuple(frames)


def _from_traceback(lines: Sequence[str]) -> Uncaught | None:
    """Return the exception of the last traceback, as the interpreter prints it."""
    starts = [n for n, line in enumerate(lines) if line.startswith(_START)]
    if not starts:
        return None
    parts: list[Uncaught] = []
    for number in range(len(starts) - 1, -1, -1):
        one = _one(lines[starts[number] + 1 :])
        if one is None:
            break
        parts.insert(0, one)
        above = lines[starts[number - 1] : starts[number]] if number else []
        if not any(line in _CHAINED for line in above):
            break
    return _chain(parts)


def _one(lines: Sequence[str]) -> Uncaught | None:
    """Return the exception whose traceback's lines these are, up to the one that names it."""
    frames = []
    for line in lines:
        if found := _FILE_LINE.match(line):
            frames.append(Frame(found["file"], int(found["line"]), found["function"] or ""))
        elif not line.startswith(" "):
            end = _END.match(line)
            return Uncaught(end["exception"], end["message"] or "", tuple(frames)) if end else None
    return None


def _parts(lines: Sequence[str]) -> list[list[str]]:
    """Return the parts of a chain of exceptions, in the order in which they were raised."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if line in _CHAINED:
            parts.append([])
        else:
            parts[-1].append(line)
    return parts


def _chain(parts: Sequence[Uncaught]) -> Uncaught | None:
    if not parts:
        return None
    last = parts[-1]
    first = parts[0] if len(parts) > 1 else None
    return Uncaught(last.exception, last.message, last.frames, first=first)
