"""Whole drivers that are killed: nothing is lost, changed or made twice, and nothing is left."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from e2e.command import Command
from e2e.projects import plain
from faults.killing import campaign
from local_index import LocalIndex


@pytest.mark.parametrize("at_once", [1, 2])
def test_killed_at_random_moments_it_loses_and_leaves_nothing(
    at_once: int,
    bisect: Command,
    index: LocalIndex,
    record_property: Callable[[str, object], None],
) -> None:
    """BISECTOR_KILLS asks for more than a few."""
    kills = int(os.environ.get("BISECTOR_KILLS", "4"))
    index.add(plain("spam", "g" * 6 + "b" * 5 + "g" * 3))
    figures = campaign(bisect, kills, at_once, seed=at_once)
    assert figures.with_runs_under_way, "no kill hit a measurement, so that nothing is shown"
    assert (figures.lost, figures.changed, figures.made_twice) == (0, 0, 0)
    assert (figures.unreadable, figures.wrong_answers, figures.left_running) == (0, 0, 0)
    done = f"{figures.kills} drivers are killed, {at_once} at once"
    record_property("fault", (done, f"{figures.runs} runs, none lost, changed or made twice"))
