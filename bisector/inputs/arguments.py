"""Reads a command's arguments into a request."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from bisector.errors import UsageError
from bisector.inputs import last_failed, slips
from bisector.inputs.request import Request, with_extras


class Parser(argparse.ArgumentParser):
    """An argument parser that leaves it to the command to say what is wrong."""

    def __init__(self, *, add_help: bool = True, **settings: str) -> None:
        super().__init__(
            **settings,  # type: ignore[arg-type]  # argparse's own types name each setting
            add_help=add_help,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of printing and exiting."""
        raise UsageError(message, f"see `{self.prog} --help`")

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Return the values of the options; raise UsageError where there is something else."""
        values, unknown = self.parse_known_args(words)
        if unknown:
            raise slips.of_options(self.prog, words, unknown, list(self._option_string_actions))
        return values


def request(parser: Parser, words: Sequence[str]) -> Request:
    """Return what the words of a command ask for; raise UsageError where they can't be read."""
    options, command = split(words)
    given = vars(parser.parse(options))
    if path := given.get("last_failed"):
        command = last_failed.added(command, last_failed.tests(path))
    return with_extras(Request(command=command, **given))


def split(words: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the options, and the command behind ``--``."""
    if "--" not in words:
        return list(words), ()
    position = list(words).index("--")
    return list(words[:position]), tuple(words[position + 1 :])
