"""A whole search over releases that turn against it, and under what its surroundings do."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from e2e.command import HANG_S, Command, changes
from e2e.projects import BROKEN, plain, release
from faults.sandboxes import KINDS, sandbox
from local_index import LocalIndex

Record = Callable[[str, object], None]

AGAINST = """
import contextlib, os, signal
with contextlib.suppress(OSError):
    os.kill(os.getppid(), signal.SIGKILL)
BROKEN = False
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_release_that_kills_its_parent_ends_no_search(
    kind: str, bisect: Command, index: LocalIndex, record_property: Record
) -> None:
    """It decides nothing at most; before and after it, the search goes on; so it does again."""
    sandbox(kind)
    mode = {"bubblewrap": "require", "landlock": "auto", "none": "off"}[kind]
    path = os.defpath if kind == "bubblewrap" else str(bisect.folder / "nothing")
    bisect = replace(bisect, sandbox=mode, environ={"PATH": path})
    index.add(plain("spam", "ggggbb"), release("spam", "1.2", AGAINST))
    words = ("--probe", bisect.write("broken.py", BROKEN), "--exhaustive", "--assure", "0")
    finding = bisect.json(*words)
    assert changes(finding) == [("introduced", "1.3", "1.4")]
    names = {run["sandbox"] for run in finding["measurements"]}
    assert {name.split()[0].lower() for name in names} == {kind}
    text = bisect(*words).output
    clause = "run without a sandbox" if kind == "none" else "run in a sandbox ("
    assert clause in " ".join(text.split())
    assert ("doesn't keep the outside network" in " ".join(text.split())) == (kind == "landlock")
    [turned] = [run for run in finding["measurements"] if run["version"] == "1.2"]
    assert turned["outcome"] in ("good", "untestable")
    record_property("fault", (f"a search over a release that kills its parent, {kind}", "answered"))


def test_where_bubblewrap_is_required_and_missing_nothing_runs(
    bisect: Command, index: LocalIndex, record_property: Record
) -> None:
    index.add(plain("spam", "gb"))
    bare = replace(bisect, environ={"PATH": str(bisect.folder / "nothing")}, sandbox="require")
    result = bare("--probe", bisect.write("broken.py", BROKEN))
    assert result.status == 2
    assert result.complaint[0].startswith("error: --sandbox require, and bubblewrap doesn't work")
    assert result.complaint[1].startswith("hint: install it")
    assert bisect.stored() == []
    record_property("fault", ("bubblewrap is required and missing", "exit 2, nothing ran"))


def test_a_closed_terminal_doesn_t_end_what_nohup_started(
    bisect: Command, index: LocalIndex, record_property: Record
) -> None:
    index.add(plain("spam", "ggbb"))
    slow = BROKEN.replace("import json", "import time; time.sleep(0.3)\nimport json", 1)
    words = ["--probe", bisect.write("slow.py", slow), "--assure", "0", "--jobs", "1"]
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        running = bisect.start(*words)
    finally:
        signal.signal(signal.SIGHUP, previous)
    deadline = time.monotonic() + HANG_S
    while not bisect.stored() and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGHUP)
    output, errors = running.communicate(timeout=HANG_S)
    assert running.returncode == 0, errors
    assert "spam went bad in 1.2" in output
    record_property("fault", ("SIGHUP under nohup", "the search goes on"))


WANTING = {
    "the outside network": (
        (
            "import socket, spam\nassert not spam.BROKEN\n"
            "socket.create_connection(('192.0.2.1', 9), timeout=5)\n"
        ),
        "it asked for the outside network",
    ),
    "to write what is installed": (
        "import spam\nassert not spam.BROKEN\nopen(spam.__file__, 'a').write('#')\n",
        "keeps from it",
    ),
    "a file larger than it may": (
        (
            "import spam\nassert not spam.BROKEN\n"
            "import os; f = open(os.environ['TMPDIR'] + '/big', 'wb'); f.truncate(1 << 40)\n"
        ),
        "larger than a run may",
    ),
}
"""What a plain script wants that the sandbox refuses, and how that is called."""


@pytest.mark.parametrize("wants", WANTING)
def test_what_the_sandbox_refuses_is_held_against_no_release(
    wants: str, bisect: Command, index: LocalIndex, record_property: Record
) -> None:
    sandbox("bubblewrap")
    index.add(plain("spam", "gg"))
    source, why = WANTING[wants]
    words = ("--package", "spam", "--assure", "0", "--", "python", bisect.write("check.py", source))
    result = bisect("--format", "json", *words)
    runs = result.finding["measurements"] if result.output else bisect.stored()
    assert runs
    assert {(run["outcome"], run["reason"]) for run in runs} == {("untestable", "out-of-limits")}
    assert all(why in run["detail"] for run in runs), runs
    assert (bisect.folder / "check.py").read_text() == source
    record_property("fault", (f"a script wants {wants}", f"untestable: {why}"))


def test_a_command_that_has_to_write_gets_a_copy_of_the_folder(
    bisect: Command, index: LocalIndex, record_property: Record
) -> None:
    sandbox("bubblewrap")
    index.add(plain("spam", "ggbb"))
    source = "import spam\nopen('check.py', 'a').write('#')\nassert not spam.BROKEN\n"
    words = ("--package", "spam", "--assure", "0", "--", "python", bisect.write("check.py", source))
    assert changes(bisect.json(*words)) == [("introduced", "1.1", "1.2")]
    assert (bisect.folder / "check.py").read_text() == source
    record_property("fault", ("a script writes into the caller's folder", "it writes into a copy"))
