"""A limit on the time that a command takes: what is known by then is its answer."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

from bisector.errors import UndecidedError


class Budget:
    """As a context, interrupts the main thread after ``seconds``, as Ctrl-C would; None never.

    ``spent`` says that it did.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.spent = False

    def __enter__(self) -> Budget:
        if self.seconds is not None:
            signal.signal(signal.SIGALRM, self._interrupt)
            signal.setitimer(signal.ITIMER_REAL, self.seconds)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self.seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if self.spent and isinstance(error, KeyboardInterrupt):
            raise UndecidedError(
                f"the budget of {self.seconds:g} s was spent before there was an answer",
                "give it more with --budget; what was measured is kept",
            ) from error

    def _interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        self.spent = True
        raise KeyboardInterrupt
