"""What tests of several modules share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.command import Command
from hypothesis import settings
from local_index import LocalIndex

collect_ignore = ["readme"]  # examples, for releases of packages that aren't installed here

# A shared machine is slow now and then; how long an example takes proves nothing.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def index() -> Iterator[LocalIndex]:
    """An empty package index on loopback."""
    with LocalIndex() as running:
        yield running


@pytest.fixture
def bisect(tmp_path: Path, index: LocalIndex) -> Command:
    """The command, against ``index``, in a folder of its own."""
    return Command(tmp_path, index.url)
