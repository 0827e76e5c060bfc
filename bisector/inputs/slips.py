"""What newcomers type instead of what they mean: each slip gets the sentence that helps."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from bisector.errors import UsageError, near

EXAMPLES = (
    ("bisect --probe iobase_payload", "a known probe"),
    ("bisect --package urllib3 -- python reproducer.py", "any script"),
    ("bisect --package aiohttp --with pytest -- pytest -q test_it.py", "a failing test"),
    ("bisect --from old.lock --to uv.lock -- python check.py", "two lock files"),
)
"""Commands that most people need, and what each is for."""


def nothing_to_run() -> UsageError:
    """Return the error for a command that names nothing to run."""
    listed = "".join(f"\n  {command}" for command, _ in EXAMPLES[:3])
    return UsageError("nothing to run: give a probe, or a command", f"for example{listed}")


def of_command(word: str, commands: Iterable[str], probes: Sequence[str]) -> UsageError | None:
    """Return what is wrong with a first word that is neither an option nor a command."""
    if word in probes:
        return UsageError(f"{word} is a probe, not a command", f"write `bisect --probe {word}`")
    if meant := near(word, commands, cutoff=0.7):
        return UsageError(f"there is no command {word!r}", f"did you mean `bisect {meant[0]}`?")
    if word.endswith(".py"):
        return UsageError(
            f"{word} is a script, not a command",
            f"write `bisect --package PROJECT -- python {word}`, "
            f"or `bisect --probe {word}` where it is a probe",
        )
    return None


def of_options(
    program: str, words: Sequence[str], unknown: Sequence[str], options: Sequence[str]
) -> UsageError:
    """Return what is wrong with ``words`` where argparse makes nothing of the ``unknown`` ones."""
    message = f"unrecognized arguments: {' '.join(unknown)}"
    first = unknown[0]
    if first.startswith("-"):
        meant = near(first.partition("=")[0], options, cutoff=0.7)
        hint = f"did you mean {meant[0]}?" if meant else f"see `{program} --help`"
        return UsageError(message, hint)
    position = list(words).index(first)
    python = ["python"] if _is_script(words[position:]) else []
    command = shlex.join([*python, *words[position:]])
    before = shlex.join([*program.split(), *words[:position]])
    return UsageError(message, f"a command goes behind two dashes: `{before} -- {command}`")


def of_program(command: Sequence[str]) -> UsageError | None:
    """Return what is wrong with a script that is given as if it were a program."""
    if not _is_script(command):
        return None
    return UsageError(
        f"{command[0]} is a script, not a program",
        f"write `-- python {shlex.join(command)}`, which is the environment's Python",
    )


def _is_script(command: Sequence[str]) -> bool:
    """Return whether a command is a Python file that needs an interpreter before it."""
    script = Path(command[0])
    if not (command[0].endswith(".py") and script.is_file()):
        return False
    return script.name == command[0] or not os.access(script, os.X_OK)
