"""What can go wrong, told to a person: what happened, what to do, which exit status."""

from __future__ import annotations

from collections.abc import Iterable


class BisectorError(Exception):
    """Something that a user can act on; only the command prints it and exits."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(BisectorError):
    """The arguments, the probe or the configuration can't be used as they are."""


class UndecidedError(BisectorError):
    """There is nothing that could decide: no candidate at all, or none that is testable."""

    exit_code = 3


class IndexUnavailableError(BisectorError):
    """The package index could not be asked, or doesn't know the project."""

    exit_code = 4


class InstallerError(BisectorError):
    """The installer itself, or the place it installs to, failed: no release is to blame."""

    exit_code = 4


class WorkersError(BisectorError):
    """The cluster that is to measure can't be reached or used: no release is to blame."""

    exit_code = 4


def near(word: str, known: Iterable[str], most: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return those of the ``known`` words that may have been meant, the likeliest first."""
    import difflib  # only where something is mistyped

    return difflib.get_close_matches(word, list(known), most, cutoff)
