"""Results of several machines: merging is copying, and a table of the merged folder needs no more.

A machine is a command with a home, caches and results of its own.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from e2e.command import HANG_S, Command, changes, stored
from e2e.projects import BROKEN, plain
from local_index import LocalIndex

QUICK = ("--assure", "0", "--exhaustive", "--no-attribution")


@pytest.fixture
def machines(tmp_path: Path, index: LocalIndex) -> tuple[Command, Command]:
    """Two machines that can't see each other's files, with the same probe on both."""
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        made.append(Command(tmp_path / name, index.url))
        made[-1].write("broken.py", BROKEN)
    return made[0], made[1]


def merged(into: Path, *parts: Path) -> Path:
    """Copy what isn't there yet, as ``cp -rn`` does."""
    for part in parts:
        for path in sorted(part.rglob("*")):
            target = into / path.relative_to(part)
            if path.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
    return into


def table(reader: Command, results: Path) -> dict[str, Any]:
    """The table of what is stored there, without an index, without an environment."""
    words = ("table", "--stored", "--results", str(results), "--format", "json")
    result = reader(*words, "--index-url", "http://127.0.0.1:9/simple/", PATH="")
    assert result.status == 0, result.errors
    assert "warning" not in result.errors
    told: dict[str, Any] = json.loads(result.output)
    return told


@pytest.mark.parametrize("first", [0, 1])
def test_the_same_search_on_two_machines_is_one_table(
    machines: tuple[Command, Command], index: LocalIndex, tmp_path: Path, first: int
) -> None:
    """Whichever is copied first: what both have under one name says the same."""
    index.add(plain("spam", "ggbbgg", dependencies=["ham"], yanked=["1.2"]), plain("ham", "g"))
    for machine in machines:
        assert machine("--probe", "broken.py", *QUICK).status == 0
    assert {run["version"] for run in machines[0].stored()} == {f"1.{n}" for n in range(6)}
    ordered = [machines[first].results, machines[1 - first].results]
    both = merged(tmp_path / "both", *ordered)
    assert len({p.parent for p in both.glob("*/*/*/*.jsonl")}) == 1, (
        "they are under other conditions"
    )
    assert len(stored(both, "measurement")) == sum(len(m.stored()) for m in machines)
    asked = len(index.requests)
    shown, alone = table(machines[0], both), table(machines[0], machines[0].results)
    assert [(c["release"], c["outcome"], c["known"]) for c in shown["cells"]] == [
        (c["release"], c["outcome"], c["known"]) for c in alone["cells"]
    ]
    assert len(index.requests) == asked
    assert machines[0].left_folders() == []

    goes_on = machines[0].json("--probe", "broken.py", *QUICK, "--results", str(both))
    assert all(m["cached"] for m in goes_on["measurements"])
    assert len(goes_on["measurements"]) == sum(len(m.stored()) for m in machines)


def test_searches_of_ranges_that_overlap_are_read_as_one(
    machines: tuple[Command, Command], index: LocalIndex, tmp_path: Path
) -> None:
    index.add(plain("spam", "ggggbbbgg"))
    assert machines[0]("--probe", "broken.py", *QUICK, "--range", "<1.6").status == 0
    assert machines[1]("--probe", "broken.py", *QUICK, "--range", ">=1.4").status == 0
    both = merged(tmp_path / "both", *(machine.results for machine in machines))
    cells = table(machines[0], both)["cells"]
    assert [c["release"] for c in cells] == [f"1.{n}" for n in range(9)]
    assert {c["known"] for c in cells} == {"measured"}
    words = ("report", "--stored", "--probe", "broken", "--results", str(both))
    told = json.loads(machines[0](*words, "--format", "json").output)
    assert changes(told) == [("introduced", "1.3", "1.4"), ("fixed", "1.6", "1.7")]


def test_nothing_is_said_of_what_lies_between_two_ranges(
    machines: tuple[Command, Command], index: LocalIndex, tmp_path: Path
) -> None:
    """The releases between them are in neither plan: a transition would pass over them."""
    index.add(plain("spam", "gggggbbb"))
    assert machines[0]("--probe", "broken.py", *QUICK, "--range", "<1.4").status == 1
    assert machines[1]("--probe", "broken.py", *QUICK, "--range", ">=1.6").status == 1
    both = merged(tmp_path / "both", *(machine.results for machine in machines))
    words = ("report", "--stored", "--probe", "broken", "--results", str(both), "--format", "json")
    result = machines[0](*words)
    assert changes(result.finding) == []
    assert "is ignored: it is of other releases" in result.errors


def test_two_drivers_at_once_write_to_one_folder(
    machines: tuple[Command, Command], index: LocalIndex, tmp_path: Path
) -> None:
    index.add(plain("spam", "ggggbbbb"))
    shared = tmp_path / "shared"
    words = ("--probe", "broken.py", *QUICK, "--results", str(shared), "--format", "json")
    running = [machine.start(*words) for machine in machines]
    for one in running:
        output, errors = one.communicate(timeout=HANG_S)
        assert one.returncode == 0, errors
        assert changes(json.loads(output)) == [("introduced", "1.3", "1.4")]
    cells = table(machines[0], shared)["cells"]
    assert {c["known"] for c in cells} == {"measured"}
    left = [path.name for path in shared.rglob(".*") if path.is_file()]
    assert left == [".claims"], "half a file was left"
