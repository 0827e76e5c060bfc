"""A program and the process that supervises it, as the driver sees them."""

from __future__ import annotations

import marshal
import os
import resource
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bisector.run.sandbox import PYTHON, Entrance

_MARSHAL_VERSION = 2
_MAX_ANSWER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Job:
    """What a supervisor is to start.

    ``limits`` are names of :mod:`resource` with their values. ``ruleset`` is the descriptor of a
    Landlock ruleset to enter, -1 for none. ``thorough`` where no descendant may get away.
    """

    command: Sequence[str]
    environ: Mapping[str, str]
    cwd: Path
    limits: tuple[tuple[str, int], ...] = ()
    ruleset: int = -1
    thorough: bool = True

    def encoded(self) -> bytes:
        """Return what ``supervisor.py`` reads."""
        job = {
            "command": list(map(os.fsdecode, self.command)),
            "environ": dict(self.environ),
            "cwd": str(self.cwd),
            "limits": list(self.limits),
            "ruleset": self.ruleset,
            "thorough": self.thorough,
        }
        content = marshal.dumps(job, _MARSHAL_VERSION)
        return len(content).to_bytes(8, "little") + content


class Answers:
    """What the supervisor said so far.

    ``pid`` is the program's as it knows it itself, ``status`` that of wait(2); None where they
    aren't known. It ``began`` at that monotonic time. The program could forge all of them: they
    are of its own run only.
    """

    def __init__(self) -> None:
        self.pid: int | None = None
        self.status: int | None = None
        self.began = time.monotonic()
        self.wall_s = self.cpu_s = 0.0
        self.failure: OSError | None = None
        self._text = b""

    @property
    def over(self) -> bool:
        """Whether the program has ended, or couldn't be started."""
        return self.status is not None or self.failure is not None

    def add(self, chunk: bytes) -> None:
        """Take the next piece of the answers; what isn't one is passed over."""
        *lines, self._text = (self._text + chunk[:_MAX_ANSWER_BYTES]).split(b"\n")
        if self._text.startswith(b"failed "):  # its last word, without an end
            lines.append(self._text)
        for line in lines:
            words = line.split(b" ")
            with suppress(ValueError, IndexError):
                if words[0] == b"started" and self.pid is None:
                    self.pid, self.began = int(words[1]), time.monotonic()
                elif words[0] == b"ended" and int(words[1]) == self.pid:
                    status, self.wall_s, self.cpu_s = int(words[2]), *map(float, words[3:5])
                    self.status = status
                elif words[0] == b"failed":
                    errno, file = int(words[1]), os.fsdecode(b" ".join(words[2:]))
                    self.failure = OSError(errno, os.strerror(errno), file)


class Supervised:
    """A supervisor that waits for its job; close it when its processes are gone."""

    def __init__(self, entrance: Entrance, *, errors_apart: bool) -> None:
        self.answers = Answers()
        self.ruleset = entrance.ruleset
        self.control, theirs = socket.socketpair()
        command = [str(PYTHON), "-I", "-S", "-B", str(entrance.supervisor), str(theirs.fileno())]
        try:
            self._popen = subprocess.Popen(
                [*entrance.prefix, *command],
                bufsize=0,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if errors_apart else subprocess.STDOUT,
                env={},
                cwd="/",
                pass_fds=[theirs.fileno(), *entrance.descriptors],
                start_new_session=True,
            )
        except BaseException:
            self.control.close()
            raise
        finally:
            theirs.close()
        self.pid = self._popen.pid
        self.stdout, self.stderr = self._popen.stdout, self._popen.stderr

    def begin(self, job: Job) -> None:
        """Send the job; a supervisor that isn't there any more doesn't answer."""
        with suppress(OSError):
            self.control.sendall(job.encoded())
        self.control.setblocking(False)

    def reaped(self) -> resource.struct_rusage:
        """Wait for the supervisor; return what it and those that it waited for have used."""
        _, status, usage = os.wait4(self.pid, 0)
        self._popen.returncode = os.waitstatus_to_exitcode(status)
        return usage
