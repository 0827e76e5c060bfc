"""Reads a command's arguments into a request."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bisector.errors import UsageError
from bisector.inputs import slips

if TYPE_CHECKING:
    from bisector.inputs.defaults import Default
    from bisector.inputs.request import Request

_HELP = frozenset({"-h", "--help"})


class Help(argparse.Action):
    """Prints what is ``short``, or with ``all`` every option, and exits."""

    def __init__(self, option_strings: Sequence[str], dest: str, short: Callable[[], str]) -> None:
        super().__init__(
            option_strings, dest, nargs="?", choices=("all",), default=argparse.SUPPRESS
        )
        self._short = short

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        _namespace: object,
        values: object,
        _option: str | None = None,
    ) -> NoReturn:
        """Print it, and exit."""
        if values == "all":
            parser.print_help()
        else:
            print(self._short())
        parser.exit()


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
        if not _HELP.intersection(words):
            from bisector.inputs import defaults

            self._apply(defaults.read(Path.cwd()), words)
        values, unknown = self.parse_known_args(words)
        if unknown:
            raise slips.of_options(self.prog, words, unknown, list(self._option_string_actions))
        return values

    def _apply(self, by_key: Mapping[str, Default], words: Sequence[str]) -> None:
        """Take over the defaults that are set of options that aren't given."""
        for default in by_key.values():
            option = f"--{default.key}"
            action = self._option_string_actions.get(option)
            if action is None or any(word.partition("=")[0] == option for word in words):
                continue
            try:
                values = [self._get_value(action, text) for text in default.texts]
                for value in values:
                    self._check_value(action, value)
            except argparse.ArgumentError as error:
                raise UsageError(
                    f"{default.key}, set by {default.origin}: {error.message}",
                    f"mend it, or give {option}",
                ) from error
            if default.flag is not None:
                self.set_defaults(**{action.dest: default.flag})
            elif values:
                repeated = isinstance(action.default, list)
                self.set_defaults(**{action.dest: values if repeated else values[-1]})


def request(parser: Parser, words: Sequence[str]) -> Request:
    """Return what the words of a command ask for; raise UsageError where they can't be read."""
    options, command = split(words)
    given = vars(parser.parse(options))
    from bisector.inputs import last_failed  # --help has ended by now
    from bisector.inputs.request import Request, with_extras

    if path := given.get("last_failed"):
        command = last_failed.added(command, last_failed.tests(path))
    return with_extras(Request(command=command, **given))


def split(words: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the options, and the command behind ``--``."""
    if "--" not in words:
        return list(words), ()
    position = list(words).index("--")
    return list(words[:position]), tuple(words[position + 1 :])
