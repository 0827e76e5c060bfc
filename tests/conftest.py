"""What tests of several modules share."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.command import Command
from hypothesis import settings
from local_index import LocalIndex

collect_ignore = ["readme"]  # examples, for releases of packages that aren't installed here

_WIDEST = 240
"""Characters of a line in the table of faults."""

# A shared machine is slow now and then; how long an example takes proves nothing.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of faults: what was done, and what held."""
    faults = [
        (report.outcome, *value)
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "fault" and report.when == "call"
    ]
    if faults:
        terminalreporter.section(f"{len(faults)} faults")
        for outcome, done, held in sorted(faults):
            terminalreporter.write_line(f"{outcome:7} {done}: {held}"[:_WIDEST])


@pytest.fixture(autouse=True)
def unheard() -> Iterator[None]:
    """Let no command that a test ran in this process listen to what later tests log."""
    yield
    logging.getLogger("bisector").handlers[:] = [logging.NullHandler()]


@pytest.fixture
def index() -> Iterator[LocalIndex]:
    """An empty package index on loopback."""
    with LocalIndex() as running:
        yield running


@pytest.fixture
def bisect(tmp_path: Path, index: LocalIndex) -> Command:
    """The command, against ``index``, in a folder of its own."""
    return Command(tmp_path, index.url)
