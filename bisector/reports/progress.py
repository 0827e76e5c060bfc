"""Tells what a search is doing: live lines on a terminal, plain ones in a pipe."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TextIO

from packaging.version import Version

from bisector.finding import Finding
from bisector.model import Measurement
from bisector.reports import words
from bisector.reports.answer import answer
from bisector.reports.words import safe
from bisector.search.candidates import Item
from bisector.search.observed import Verdict
from bisector.search.stages import Stage

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from bisector.search.bisection import Posterior

_SIGNS = {
    Verdict.GOOD: "o",
    Verdict.BAD: "#",
    Verdict.CONFLICTING: "!",
    Verdict.UNTESTABLE: "?",
    Verdict.UNTESTED: "·",
}
_STYLES = {"o": "green", "#": "bold red", "!": "magenta", "?": "yellow", "·": "dim", "~": "cyan"}
_KEY = "  ".join(f"{sign} {verdict.value}" for verdict, sign in _SIGNS.items())
_BLOCKS = "▁▂▃▄▅▆▇█"
_WHY = {
    Stage.START: "start",
    Stage.NARROW: "narrowing",
    Stage.CONFIRM: "confirming",
    Stage.BESIDE: "first not yanked",
    Stage.LATE: "ends and origins of release lines",
    Stage.SEEK: "looking for a change",
    Stage.RERUN: "making sure",
    Stage.ASSURE: "assuring",
}


class Lines:
    """The listener that prints one plain line per completed measurement."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._failures: set[str] = set()

    def _line(self, measurement: Measurement) -> str:
        """Return the line of a measurement; none where the machine failed it as it did before."""
        if not measurement.of_machine:
            return line(measurement)
        if measurement.detail in self._failures:
            return ""
        self._failures.add(measurement.detail)
        return f"{line(measurement)}; this is said once"

    def say(self, text: str) -> None:
        """Print one line at once."""
        print(safe(text), file=self._stream, flush=True)

    def running(self) -> AbstractContextManager[object]:
        """Return a context in which a search runs."""
        return nullcontext()

    def started(self, item: Item, stage: Stage) -> None:
        """Say nothing: a line per completed measurement is enough."""

    def finished(self, measurement: Measurement, _verdicts: Mapping[Version, Verdict], /) -> None:
        """Say what was measured, on one line."""
        if text := self._line(measurement):
            print(text, file=self._stream, flush=True)

    def believed(self, posterior: Posterior, /) -> None:
        """Say nothing: the answer will."""

    def numbers(self, name: str, heights: Mapping[Version, float | None], /) -> None:
        """Say nothing: the answer will."""

    def stopped(self, item: Item) -> None:
        """Say nothing: what was stopped has no outcome."""

    def trying(self, label: str) -> None:
        """Say nothing: a line per completed trial is enough."""

    def tried(self, label: str, measurement: Measurement) -> None:
        """Say what one combination of versions came out at."""
        self.say(line(measurement, label))

    def settled(self, finding: Finding, assure_s: float) -> None:
        """Say the answer as soon as there is one."""
        if finding.transitions:
            self.say(f"settled: {answer(finding)}")
        if assure_s >= 1 and finding.longest_untested:
            self.say(f"looking at untested releases for {assure_s:.0f} s more; Ctrl-C stops that")


class Live(Lines):
    """A line per running measurement, and a picture of the range closing in."""

    def __init__(self, stream: TextIO, console: Console) -> None:
        super().__init__(stream)
        self._console = console
        self._running: dict[Version, tuple[Stage, float]] = {}
        self._verdicts: Mapping[Version, Verdict] = {}
        self._heights: Mapping[Version, float | None] = {}
        self._shown = ""
        self._trying = ""

    def say(self, text: str) -> None:
        """Print ``text`` above the live lines."""
        from rich.text import Text

        self._console.print(Text(safe(text)))

    def running(self) -> AbstractContextManager[object]:
        """Return a context in which the live lines are drawn."""
        from rich.live import Live as RichLive

        return RichLive(self, console=self._console, transient=True, refresh_per_second=8)

    def started(self, item: Item, stage: Stage) -> None:
        """Add a line for ``item``."""
        self._running[item.key] = (stage, time.monotonic())

    def stopped(self, item: Item) -> None:
        """Take the line of ``item`` away."""
        self._running.pop(item.key, None)

    def finished(self, measurement: Measurement, verdicts: Mapping[Version, Verdict], /) -> None:
        """Say what was measured, and take the release's line away."""
        from rich.text import Text

        self._running.pop(measurement.version, None)
        self._verdicts = verdicts
        if text := self._line(measurement):
            self._console.print(Text(text), no_wrap=True, overflow="ellipsis", crop=True)

    def believed(self, posterior: Posterior, /) -> None:
        """Show where the outcome may have changed."""
        shares = {after: share for (_, after), share in posterior().items()}
        self._shown = "how likely it changed there" if shares else ""
        self._heights = {version: shares.get(version) for version in self._verdicts}

    def numbers(self, name: str, heights: Mapping[Version, float | None], /) -> None:
        """Show the number of each release, from 0 to 1, as far as it is known."""
        self._shown, self._heights = name, heights

    def trying(self, label: str) -> None:
        """Show which combination is measured."""
        self._verdicts, self._shown = {}, ""
        self._trying = label

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines as they are now; rich calls this several times a second."""
        from rich.text import Text

        width = max(10, options.max_width - 2)
        if self._shown:
            yield Text(blocks(list(self._heights.values()), width), style="cyan")
        if self._verdicts:
            picture = Text()
            for sign in strip(list(self._verdicts.values()), width):
                picture.append(sign, _STYLES[sign])
            yield picture
        if versions := list(self._verdicts or self._heights if self._shown else self._verdicts):
            yield Text(_ends(versions, width), style="dim")
        if self._verdicts:
            yield Text(_KEY, style="dim")
        if self._shown:
            yield Text(f"▁ to █  {self._shown}", style="dim", no_wrap=True)
        if self._trying:
            yield Text(f"{self._trying} …", style="cyan")
        for version, (stage, began) in list(self._running.items()):
            elapsed = time.monotonic() - began
            yield Text(f"{version!s:<12} {_WHY[stage]} … {elapsed:.0f} s", style="cyan")


def silent() -> Lines:
    """Return what tells nobody."""
    return Lines(_Nowhere())


class _Nowhere(io.TextIOBase, TextIO):
    """A stream that keeps nothing; a file of the system would have to be closed."""

    def write(self, text: str) -> int:
        return len(text)


class _Spoken(logging.Handler):
    """Says what is logged among the other lines."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Say one message."""
        self._lines.say(record.getMessage())


def listener(stream: TextIO, *, color: bool) -> Lines:
    """Return what suits ``stream``: live lines for a terminal, plain ones for anything else.

    What is logged, of an index that is waited for, say, is said by it from now on.
    """
    lines = Lines(stream)
    if stream.isatty():
        from rich.console import Console

        lines = Live(stream, Console(file=stream, no_color=not color))
    return speaking(lines)


def speaking(lines: Lines) -> Lines:
    """Return a listener that says from now on also what is logged."""
    logging.getLogger("bisector").handlers[:] = [_Spoken(lines)]
    return lines


def line(measurement: Measurement, label: str = "") -> str:
    """Return a measurement in one line, named by its release unless there is a ``label``."""
    outcome = words.word(
        measurement.outcome.value, measurement.reason.value if measurement.reason else ""
    )
    named = label or str(measurement.version)
    text = f"{named:<12} {outcome:<11} {measurement.wall_s:5.2f} s"
    detail = measurement.detail.strip().splitlines()
    return f"{text}  {safe(detail[-1].strip()[:160])}" if detail else text


def _ends(versions: Sequence[Version], width: int) -> str:
    """Return the first and the last of some versions, at the ends of their picture."""
    first, last = str(versions[0]), str(versions[-1])
    shown = -(-len(versions) // -(-len(versions) // width))
    return first.ljust(shown - len(last)) + last if shown > len(first) + len(last) else first


def blocks(heights: Sequence[float | None], width: int) -> str:
    """Return a block per candidate as high as it is from 0 to 1, or the highest of a group's.

    There is a dot where none is known.
    """
    size = -(-len(heights) // width) if heights else 1
    groups = [heights[start : start + size] for start in range(0, len(heights), size)]
    highest = [max((one for one in group if one is not None), default=None) for group in groups]
    return "".join("·" if h is None else _BLOCKS[round(h * (len(_BLOCKS) - 1))] for h in highest)


def strip(verdicts: Sequence[Verdict], width: int) -> str:
    """Return a sign per candidate, or per group of neighbours where there are more than fit.

    A group shows the verdict that matters most: conflicting, bad, good, untestable, untested.
    """
    order = (Verdict.CONFLICTING, Verdict.BAD, Verdict.GOOD, Verdict.UNTESTABLE)
    size = -(-len(verdicts) // width) if verdicts else 1
    groups = [verdicts[start : start + size] for start in range(0, len(verdicts), size)]
    shown = (next((v for v in order if v in group), Verdict.UNTESTED) for group in groups)
    return "".join(_SIGNS[verdict] for verdict in shown)
