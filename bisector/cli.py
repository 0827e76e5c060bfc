"""The ``bisect`` command: arguments -> objects -> one call -> exit status."""

from __future__ import annotations

import atexit
import gc
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from bisector import commands
from bisector.errors import BisectorError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` asks for and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        # What a terminal can't show is escaped: an answer must not be lost to an encoding.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # What is stored is thousands of small values, all of which stay: looking for garbage among
    # them again and again is a tenth of an answer, and so is looking once more at the end.
    gc.set_threshold(200_000)
    atexit.register(gc.freeze)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as it is under nohup
            signal.signal(number, _interrupt)
    try:
        status = _run(words)
        sys.stdout.flush()
    except BisectorError as error:
        _complain(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        _complain("interrupted", "what was measured is kept: the same command goes on from there")
        return 130
    except BrokenPipeError:
        # The reader has gone, as `head` does; Python would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        _complain(f"{error.strerror or error}", "look at the disk, and at where the output goes")
        return 4
    except Exception as error:
        if os.environ.get("BISECTOR_TRACEBACK"):
            import traceback  # nobody else waits for it

            traceback.print_exc()
        _complain(
            f"this is a bug in bisector: {type(error).__name__}: {error}",
            "please report it, with what BISECTOR_TRACEBACK=1 prints",
        )
        return 70
    return status


def _run(words: list[str]) -> int:
    named = words[:1] and words[0] in commands.NAMES
    name, rest = (words[0], words[1:]) if named else ("search", words)
    if words[:1] and not named and not words[0].startswith("-"):
        from bisector.inputs import probe, slips

        slip = slips.of_command(words[0], commands.NAMES, probe.names())
        if slip:
            raise slip
    # A command's imports cost more than some of them take.
    run: Callable[[Sequence[str]], int] = import_module(f"bisector.commands.{name}").run
    return run(rest)


def _complain(message: str, hint: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
