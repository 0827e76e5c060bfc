"""The table of ``bisect help safety``: each of its cells is what a test saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from pathlib import Path

import pytest
from faults import test_running
from faults.sandboxes import KINDS, sandbox
from faults.test_escapes import escapes
from faults.test_escapes import user as user

ATTEMPTED = {
    "your home, keys, tokens, shell history": (
        *("~/.netrc", "~/.ssh", "~/.pypirc", "~/.config/pip/pip.conf", "~/.config/uv/uv.toml"),
        *("~/.aws/credentials", "~/.git-credentials", "the shell's history"),
        "what is in the home folder",
    ),
    "your environment variables": (
        *("variables of its ancestors", "variables of any process", "the driver's variables"),
    ),
    "memory of the driver and of your other processes": (
        *("the driver's memory", "the driver's memory, by process_vm_readv"),
        *("memory of any process", "tracing the driver", "tracing a bystander"),
        *("descriptors of the driver",),
    ),
    "signals to the driver and to your other processes": (
        *("signals to the driver", "stopping a bystander"),
    ),
    "the command lines of other processes": ("command lines of others",),
    "writing to uv's cache, to other projects' files": ("writing to uv's cache", "writing to /tmp"),
    "writing to what is installed for the run": (
        *("writing to what is installed", "clearing what is installed"),
        *("removing what is installed", "writing beside what is installed"),
        *("linking what is installed", "moving what is installed", "writing through a link"),
    ),
    "modes and times of your files": ("changing modes of what is installed",),
    "writing to the results, to your folder, to the system": (
        *("writing to the results", "writing ~/.bashrc", "writing a new file at home"),
        *("writing to the driver's code", "writing to the system"),
    ),
    "the outside network": (
        *("a server of the machine's", "a server at the machine's address"),
        "datagrams to the outside",
    ),
    "the SSH agent and other sockets in the file system": ("the SSH agent",),
    "abstract sockets": ("an abstract socket",),
    "shared memory of other processes, `/dev/shm`": (
        *("shared memory of others", "files in /dev/shm"),
    ),
}
"""What is attempted (`attempts`) to see whether a row's cells hold."""

TESTED: dict[str, tuple[str, Callable[..., None]]] = {
    "processes, memory, disk without end": (
        "ended",
        test_running.test_a_release_that_takes_without_end_is_ended,
    ),
    "its own parent killed, stopped, killed by group": (
        "harmless",
        test_running.test_a_release_that_turns_against_its_parent_ends_itself_at_most,
    ),
    "what it starts outlives the run, or a killed driver": (
        "no",
        test_running.test_nothing_runs_two_seconds_after_the_driver_was_killed,
    ),
}
"""What a row's cells say where that test, made with each sandbox, passes."""

SINCE_LINUX_6_12, NOT_THE_DRIVER_S = "²", "¹"
SCOPED_SINCE = 6


def rows() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what each row is about, and its cells by the kind of sandbox."""
    text = resources.files("bisector").joinpath("help/safety.md").read_text(encoding="utf-8")
    lines = [line.strip("| ") for line in text.splitlines() if line.startswith("|")]
    assert [word.strip().lower() for word in lines[0].split("|")] == list(KINDS)
    for line in lines[2:]:
        what, *cells = (cell.strip() for cell in line.split("|"))
        yield what, dict(zip(KINDS, cells, strict=True))


def test_each_cell_has_a_test() -> None:
    table = dict(rows())
    assert table.keys() == ATTEMPTED.keys() | TESTED.keys()
    for what, (word, test) in TESTED.items():
        assert {cell.rstrip("⁴") for cell in table[what].values()} == {word}
        marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
        with_kinds = [mark.args[1] for mark in marks if mark.args[0] == "kind"]
        assert with_kinds == [KINDS], f"{test.__name__} isn't made with each sandbox"


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_says_open_where_an_attempt_gets_through_and_only_there(
    kind: str, user: tuple[str, Path, Sequence[str]]
) -> None:
    version = getattr(sandbox(kind), "version", SCOPED_SINCE)
    through = set(escapes(kind, user)["through"])
    for what, attempts in ATTEMPTED.items():
        cell = dict(rows())[what][kind]
        got = through & set(attempts)
        if NOT_THE_DRIVER_S in cell and user[0] != "root":
            assert not any("the driver's" in name or "driver" in name for name in got), what
        elif cell.startswith("open") or (SINCE_LINUX_6_12 in cell and version < SCOPED_SINCE):
            assert got, f"{what} is kept"
        else:
            assert cell.rstrip(SINCE_LINUX_6_12) == "kept"
            assert not got, f"{what} is open"
