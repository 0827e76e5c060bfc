"""What can be a probe: a script that reports, any script, any command; and how each is read."""

from __future__ import annotations

import sys

import pytest
from e2e.command import Command, changes, outcomes
from e2e.projects import BEHAVE, plain, release
from local_index import LocalIndex

QUICK = ("--assure", "0")


def test_a_probe_may_declare_that_a_crash_is_bad(bisect: Command, index: LocalIndex) -> None:
    """SIGSEGV then is; SIGKILL isn't a crash, for others send it."""
    for number, does in enumerate(("good", "good", "crash", "kill", "crash", "good")):
        index.add(release("spam", f"1.{number}", f"DOES = {does!r}"))
    text = BEHAVE.replace("# timeout = 5", '# timeout = 5\n# crash = "bad"')
    finding = bisect.json("--probe", bisect.write("behave.py", text), *QUICK, "--exhaustive")
    assert outcomes(finding) == {
        "1.0": "good",
        "1.1": "good",
        "1.2": "bad",
        "1.3": "no-verdict",
        "1.4": "bad",
        "1.5": "good",
    }
    bad = next(m for m in finding["measurements"] if m["outcome"] == "bad")
    assert (bad["signature"]["signal"], bad["detail"]) == ("SIGSEGV", "died of SIGSEGV")


def test_a_command_is_read_by_its_exit_status_as_git_bisect_run_has_it(
    bisect: Command, index: LocalIndex
) -> None:
    for number, ends in enumerate((0, 0, 125, 77, 77, 0)):
        index.add(release("spam", f"1.{number}", f"ENDS = {ends}"))
    program = "import spam, sys; sys.exit(spam.ENDS)"
    finding = bisect.json(
        "--package", "spam", "--exhaustive", *QUICK, "--", "python", "-c", program
    )
    assert outcomes(finding) == {
        "1.0": "good",
        "1.1": "good",
        "1.2": "skipped-by-probe",
        "1.3": "bad",
        "1.4": "bad",
        "1.5": "good",
    }
    assert changes(finding) == [("introduced", "1.1", "1.3"), ("fixed", "1.4", "1.5")]
    assert finding["transitions"][0]["untested"] == ["1.2"]
    assert finding["package"] == "spam"


@pytest.mark.skipif(sys.platform != "linux", reason="signals differ elsewhere")
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"])
def test_a_command_that_dies_by_itself_is_bad_with_the_signal_as_signature(
    bisect: Command, index: LocalIndex, name: str
) -> None:
    index.add(release("spam", "1.0", ""), release("spam", "1.1", "import os, signal"))
    index.add(release("spam", "1.1", f"import os, signal\nos.kill(os.getpid(), signal.{name})"))
    finding = bisect.json("--package", "spam", *QUICK, "--", "python", "-c", "import spam")
    assert changes(finding) == [("introduced", "1.0", "1.1")]
    signature = finding["measurements"][-1]["signature"]
    assert (signature["signal"], signature["status"]) == (name, None)


def test_a_command_that_is_killed_decides_nothing(bisect: Command, index: LocalIndex) -> None:
    """What the kernel does to a process when memory runs out is not a crash of its own."""
    index.add(release("spam", "1.0", ""))
    index.add(release("spam", "1.1", "import os\nos.kill(os.getpid(), 9)"))
    finding = bisect.json("--package", "spam", *QUICK, "--", "python", "-c", "import spam")
    assert outcomes(finding) == {"1.0": "good", "1.1": "no-verdict"}


def test_a_package_that_does_not_import_is_not_bad_to_a_command(
    bisect: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "gu"))
    finding = bisect.json("--package", "spam", *QUICK, "--", "python", "-c", "import spam")
    assert outcomes(finding) == {"1.0": "good", "1.1": "import-failed"}


def test_a_script_without_metadata_is_a_probe_where_package_names_the_project(
    bisect: Command, index: LocalIndex
) -> None:
    """An exception of the script's own is bad, with the exception as signature."""
    index.add(plain("spam", "ggbb"))
    bisect.write("check.py", "import spam\nassert not spam.BROKEN, 'broken'\n")
    finding = bisect.json("--probe", "check.py", "--package", "Spam", *QUICK)
    assert changes(finding) == [("introduced", "1.1", "1.2")]
    bad = finding["measurements"][-1]
    assert bad["detail"] == "AssertionError: broken"
    assert bad["signature"]["exception"] == "AssertionError"


def test_a_command_sees_nothing_of_the_callers_surroundings(
    bisect: Command, index: LocalIndex
) -> None:
    """No token, no PYTHONPATH, a home of its own; the working folder is the caller's."""
    index.add(release("spam", "1.0", ""), release("spam", "1.1", ""))
    bisect.write(
        "look.py",
        "import os, pathlib, spam\n"
        "assert 'TOKEN' not in os.environ and 'PYTHONPATH' not in os.environ\n"
        f"assert os.environ['HOME'] != {str(bisect.folder / 'home')!r}\n"
        "assert pathlib.Path('look.py').is_file()\n",
    )
    finding = bisect.json(
        *("--package", "spam", *QUICK, "--", "python", "look.py"), TOKEN="secret", PYTHONPATH="/"
    )
    assert outcomes(finding) == {"1.0": "good", "1.1": "good"}


def test_a_probe_of_several_cases_is_a_search_for_each(bisect: Command, index: LocalIndex) -> None:
    index.add(release("spam", "1.0", "BAD = ()"), release("spam", "1.1", "BAD = 'fried'"))
    index.add(release("spam", "1.2", "BAD = 'fried boiled'"))
    text = (
        '# /// script\n# dependencies = ["spam"]\n# [tool.bisector]\n# package = "spam"\n'
        '# cases = ["fried", "boiled"]\n# ///\n"""Spam must be edible."""\n'
        "import json, os, sys, spam\n"
        'said = "bad" if sys.argv[1] in spam.BAD else "good"\n'
        'with open(os.environ["BISECTOR_RESULT"], "w") as file:\n'
        '    json.dump({"bisector": 1, "outcome": said}, file)\n'
    )
    bisect.write("eat.py", text)
    both = bisect("--format", "json", "--probe", "eat.py", *QUICK).findings
    assert [(f["case"], changes(f)) for f in both] == [
        ("fried", [("introduced", "1.0", "1.1")]),
        ("boiled", [("introduced", "1.1", "1.2")]),
    ]
    one = bisect.json("--probe", "eat.py[boiled]", *QUICK)
    assert (one["case"], changes(one)) == ("boiled", [("introduced", "1.1", "1.2")])
    assert all(m["cached"] for m in one["measurements"])


def test_a_probe_that_passes_its_memory_limit_is_out_of_limits(
    bisect: Command, index: LocalIndex
) -> None:
    index.add(release("spam", "1.0", "held = b''"))
    index.add(release("spam", "1.1", "import time\nheld = b'x' * (400 << 20)\ntime.sleep(600)"))
    finding = bisect.json(
        *("--package", "spam", *QUICK, "--max-memory", "200M", "--", "python", "-c", "import spam")
    )
    assert outcomes(finding) == {"1.0": "good", "1.1": "out-of-limits"}


def test_the_timeout_that_is_given_counts(bisect: Command, index: LocalIndex) -> None:
    index.add(release("spam", "1.0", ""), release("spam", "1.1", "import time\ntime.sleep(600)"))
    finding = bisect.json(
        *("--package", "spam", *QUICK, "--timeout", "3", "--", "python", "-c", "import spam")
    )
    assert outcomes(finding) == {"1.0": "good", "1.1": "timeout"}
