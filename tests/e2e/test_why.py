"""From a release to the changed code that a failure runs through, and to the commit that did it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from e2e.command import Command
from e2e.test_interruption import stop, wait_for
from git_history import BACKEND, SKELETON, History
from local_index import LocalIndex
from wheels import Built, sdist, wheel

CORE = """\
from importlib.resources import files

from spam.limits import LIMIT

def check(value):
    return value < LIMIT and table() == "good"

def table():
    return files("spam").joinpath("table.txt").read_text().strip()

def unused():
    return "commit {number}"
"""
LIMITS = "LIMIT = 10\n"
BEGIN = {
    **SKELETON,
    "src/spam/__init__.py": "from spam.core import check\n",
    "src/spam/core.py": CORE.replace("{number}", "0"),
    "src/spam/limits.py": LIMITS,
    "src/spam/table.txt": "good\n",
    "docs/index.md": "Spam\n",
}
CHECK = "import spam\nassert spam.check(5), 'spam must take 5'\n"
CULPRIT = 17
RELEASES = (1, 8, 15, 22, 29, 36)
"""Commits of which a release was made: 1.0 to 1.5; the culprit lies between 1.2 and 1.3."""


def nothing_special(number: int) -> dict[str, str]:
    """What a commit changes that has nothing to do with it: prose, or code that isn't executed."""
    if number % 3 == 0:
        return {"docs/index.md": f"Spam, edition {number}\n"}
    return {"src/spam/core.py": CORE.replace("{number}", str(number))}


def written(
    folder: Path,
    index: LocalIndex,
    culprit: Mapping[str, str],
    *,
    first: Mapping[str, str] | None = None,
    merged: bool = False,
) -> History:
    """A repository of 40 commits and 6 tags, and its releases on the index.

    What the culprit changes stays changed; ``merged``, it came in by a merge of three commits.
    """
    history = History(folder / "spam.git")
    tip = history.commit("Begin", {**BEGIN, **(first or {})})
    kept: dict[str, str] = {}
    made = {1: tip}
    for number in range(2, 41):
        subject, changed = f"Change {number}", nothing_special(number)
        if number == CULPRIT:
            subject, kept = "Tighten the check (#123)", dict(culprit)
            if merged:
                side = history.commit("Prepare it", {"docs/note.md": "so\n"}, [tip])
                side = history.commit("Tighten the check (#123)", kept, [side])
                side = history.commit("Tidy up", {"docs/note.md": "not so\n"}, [side])
                merge = {**kept, "docs/note.md": "not so\n"}
                tip = history.commit("Merge pull request #124", merge, [tip, side])
                made[number] = tip
                continue
        tip = history.commit(subject, {**changed, **kept}, [tip])
        made[number] = tip
    for place, number in enumerate(RELEASES):
        history.tag(f"v1.{place}", made[number])
        requires = history.files[made[number]]["REQUIRES"].split()
        modules = history.modules(made[number])
        index.add(wheel("spam", f"1.{place}", modules, dependencies=requires))
    history.write()
    return history


def explained(bisect: Command, *words: str) -> dict[str, Any]:
    """The ``why`` of the only transition between 1.2 and 1.3."""
    words = ("--package", "spam", "1.2", "1.3", *words, "--", "python", "check.py")
    result = bisect("why", "--format", "json", *words)
    assert result.output, result.errors
    (transition,) = result.finding["transitions"]
    told: dict[str, Any] = transition["why"]
    return told


def why(bisect: Command, history: History) -> dict[str, Any]:
    bisect.write("check.py", CHECK)
    return explained(bisect, "--repo", str(history.path))


def extension(folder: Path, version: str, value: int) -> Built:
    """A release whose check is in C, and gives that value."""
    source = folder / "fast.c"
    source.write_text(
        "#include <Python.h>\n"
        "static PyObject *fast(PyObject *self, PyObject *value) {\n"
        f"    return PyBool_FromLong({value});\n"
        "}\n"
        'static PyMethodDef methods[] = {{"fast", fast, METH_O, ""}, {0}};\n'
        'static PyModuleDef def = {PyModuleDef_HEAD_INIT, "spam._fast", "", -1, methods};\n'
        "PyMODINIT_FUNC PyInit__fast(void) { return PyModule_Create(&def); }\n"
    )
    include = sysconfig.get_path("include")
    built = folder / "fast.so"
    command = ["cc", "-shared", "-fPIC", f"-I{include}", str(source), "-o", str(built)]
    subprocess.run(command, check=True, capture_output=True)
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    modules: dict[str, str | bytes] = {
        "spam/__init__.py": "from spam._fast import fast\ndef check(value): return fast(value)\n",
        f"spam/_fast{suffix}": built.read_bytes(),
    }
    return wheel("spam", version, modules)


STRICTER = CORE.replace("value < LIMIT", "value < LIMIT - 5").replace("{number}", "0")
CULPRITS = {
    "a changed function": ({"src/spam/core.py": STRICTER}, "spam/core.py", "check"),
    "a constant": ({"src/spam/limits.py": "LIMIT = 5\n"}, "spam/limits.py", "LIMIT"),
    "a new file": (
        {
            "src/spam/strict.py": "def strictly(value):\n    return False\n",
            "src/spam/__init__.py": "from spam.strict import strictly as check\n",
        },
        "spam/strict.py",
        "strictly",
    ),
    "a data file": ({"src/spam/table.txt": "bad\n"}, "spam/table.txt", None),
}


@pytest.mark.parametrize("name", CULPRITS)
def test_the_culprit_is_among_the_first_suspects_and_its_commit_is_found(
    bisect: Command, index: LocalIndex, name: str
) -> None:
    culprit, path, piece = CULPRITS[name]
    history = written(bisect.folder, index, culprit)

    told = why(bisect, history)

    found = told["repository"]
    assert [(s["path"], s["name"]) for s in told["suspects"]].index((path, piece)) < 3
    assert found["commit"]["id"] == history.identifiers[CULPRIT]
    assert found["commit"]["parent"] == history.identifiers[CULPRIT - 1]
    assert found["commit"]["subject"] == "Tighten the check (#123)"
    assert found["commit"]["pull_request"] == "#123"
    assert found["commit"]["confirmed"]
    assert found["between"] == 7
    assert found["runs"] <= 4
    assert not told["notes"]


def test_a_pin_of_a_dependency_is_the_culprit(bisect: Command, index: LocalIndex) -> None:
    index.add(wheel("ham", "1.0", {"ham.py": "GOOD = False\n"}))
    index.add(wheel("ham", "2.0", {"ham.py": "GOOD = True\n"}))
    history = written(bisect.folder, index, {"REQUIRES": "ham<2\n"}, first={"REQUIRES": "ham>=2\n"})
    bisect.write("check.py", "import ham, spam\nassert ham.GOOD and spam.check(5)\n")

    told = explained(bisect, "--repo", str(history.path))

    assert ("METADATA", "ham<2") in [(s["path"], s["name"]) for s in told["suspects"]]
    assert told["repository"]["commit"]["id"] == history.identifiers[CULPRIT]


def test_of_a_dependency_that_did_it_the_code_is_compared(
    bisect: Command, index: LocalIndex
) -> None:
    days = [datetime(2024, 1, day, tzinfo=timezone.utc) for day in range(1, 5)]
    fried = "def fried():\n    return {}\n"
    uses = {"spam.py": "import ham\ndef check(value): return ham.fried()\n"}
    index.add(wheel("ham", "1.0", {"ham.py": fried.format(1)}, upload_time=days[0]))
    index.add(wheel("spam", "1.2", uses, dependencies=["ham"], upload_time=days[1]))
    index.add(wheel("ham", "2.0", {"ham.py": fried.format(0)}, upload_time=days[2]))
    index.add(wheel("spam", "1.3", uses, dependencies=["ham>=2"], upload_time=days[3]))
    bisect.write("check.py", CHECK)

    told = explained(bisect, "--dependencies", "released")

    assert (told["package"], told["before"], told["after"]) == ("ham", "1.0", "2.0")
    assert told["suspects"][0]["name"] == "fried"
    assert not told["notes"]


def test_what_came_in_with_a_release_is_compared_where_that_is_asked_for(
    bisect: Command, index: LocalIndex
) -> None:
    fried = "def fried():\n    return {}\n"
    uses = {"spam.py": "import ham\ndef check(value): return ham.fried()\n"}
    for version, value in (("1.0", 1), ("2.0", 0)):
        index.add(wheel("ham", version, {"ham.py": fried.format(value)}))
    index.add(wheel("spam", "1.2", uses, dependencies=["ham<2"]))
    index.add(wheel("spam", "1.3", uses, dependencies=["ham>=2"]))
    bisect.write("check.py", CHECK)

    told = explained(bisect, "--deep", "--no-attribution")
    alone = explained(bisect, "--no-attribution")

    assert (told["suspects"][0]["path"], told["suspects"][0]["name"]) == ("ham.py", "fried")
    assert "called once on both sides" in told["suspects"][0]["because"]
    assert "ham.py" not in {suspect["path"] for suspect in alone["suspects"]}


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")
def test_functions_of_a_c_extension_are_suspected(bisect: Command, index: LocalIndex) -> None:
    for version, value in (("1.2", 1), ("1.3", 0)):
        index.add(extension(bisect.folder, version, value))
    bisect.write("check.py", CHECK)

    told = explained(bisect)

    assert told["suspects"][0]["sort"] == "extension"
    assert told["suspects"][0]["path"].startswith("spam/_fast.")
    assert "called once on both sides" in told["suspects"][0]["because"]


def test_a_merge_is_looked_into(bisect: Command, index: LocalIndex) -> None:
    history = written(bisect.folder, index, {"src/spam/limits.py": "LIMIT = 5\n"}, merged=True)

    commit = why(bisect, history)["repository"]["commit"]

    assert commit["subject"] == "Tighten the check (#123)"
    assert "-LIMIT = 10\n+LIMIT = 5" in commit["hunk"]
    assert commit["confirmed"]


def test_commits_that_do_not_build_are_stepped_around(bisect: Command, index: LocalIndex) -> None:
    history = written(bisect.folder, index, {"src/spam/limits.py": "LIMIT = 5\n"})
    broken = {"backend.py": "def build_wheel(*words):\n    raise OSError('no compiler')\n"}
    spoilt = History(bisect.folder / "spoilt.git")
    for number in range(1, 41):
        files = dict(history.files[number])
        if number in (CULPRIT - 1, CULPRIT):
            files |= broken
        spoilt.commit(f"Change {number}", files)
    for place, number in enumerate(RELEASES):
        spoilt.tag(f"1.{place}", number)
    spoilt.write()

    told = why(bisect, spoilt)

    assert told["repository"]["commit"] is None
    left = [line.split()[0] for line in told["repository"]["left"]]
    assert spoilt.identifiers[CULPRIT][:12] in left
    assert len(left) <= 4
    assert any("can't be built: OSError: no compiler" in note for note in told["notes"])
    assert told["suspects"][0]["name"] == "LIMIT"


def test_the_commit_of_what_fails_now_and_then_is_found(
    bisect: Command, index: LocalIndex, tmp_path_factory: pytest.TempPathFactory
) -> None:
    history = written(bisect.folder, index, {"src/spam/limits.py": "LIMIT = 5\n"})
    counter = tmp_path_factory.mktemp("counter") / "runs"
    bisect.write(
        "check.py",
        f"import pathlib, random, spam\ncounter = pathlib.Path({str(counter)!r})\n"
        "number = len(counter.read_text()) if counter.exists() else 0\n"
        "counter.write_text('.' * (number + 1))\n"
        "passes = random.Random(number).random() < 0.5\n"
        "assert passes or spam.check(5), 'spam must take 5'\n",
    )
    unconfined = replace(bisect, sandbox="off")  # its runs count themselves
    words = ["--package", "spam", "--jobs", "1", "--no-attribution", "--", "python", "check.py"]

    finding = unconfined.json("--why", "--repo", str(history.path), *words)

    (transition,) = finding["transitions"]
    assert transition["why"]["suspects"][0]["name"] == "LIMIT"
    assert transition["why"]["repository"]["commit"]["id"] == history.identifiers[CULPRIT]
    assert transition["why"]["repository"]["commit"]["confirmed"]


def test_a_tag_that_was_moved_is_not_believed(bisect: Command, index: LocalIndex) -> None:
    history = written(bisect.folder, index, {"src/spam/limits.py": "LIMIT = 5\n"})
    history.git("tag", "--force", "v1.3", history.identifiers[40])

    told = why(bisect, history)

    assert told["repository"]["proofs"][1].startswith(
        f"1.3 is commit {history.identifiers[22][:12]} (found by its files)"
    )
    assert told["repository"]["commit"]["id"] == history.identifiers[CULPRIT]


def test_a_history_that_was_rewritten_is_said_and_the_suspects_stay(
    bisect: Command, index: LocalIndex
) -> None:
    history = written(bisect.folder, index, {"src/spam/limits.py": "LIMIT = 5\n"})
    rewritten = History(bisect.folder / "rewritten.git")
    rewritten.commit("Begin", history.files[15])
    rewritten.tag("v1.2", 1)
    rewritten.commit("Begin anew", history.files[22], [])
    rewritten.tag("v1.3", 2)
    rewritten.write()

    told = why(bisect, rewritten)

    assert told["suspects"][0]["name"] == "LIMIT"
    assert len(told["repository"]["proofs"]) == 2
    assert told["notes"] == ["the two releases share no commit: history was rewritten"]


def test_among_thousands_of_commits_as_few_are_built_as_in_plain_bisection(
    bisect: Command, index: LocalIndex
) -> None:
    history = History(bisect.folder / "long.git")
    history.commit("Begin", BEGIN)
    history.tag("1.2", 1)
    for number in range(2, 5001):
        changed = {"src/spam/core.py": CORE.replace("{number}", str(number))}
        changed |= {"src/spam/limits.py": "LIMIT = 5\n"} if number == 1234 else {}
        history.commit(f"Change {number}", changed)
    history.tag("1.3", 5000)
    history.write()
    for version, number in (("1.2", 1), ("1.3", 5000)):
        index.add(wheel("spam", version, history.modules(number)))

    found = why(bisect, history)["repository"]

    assert found["commit"]["id"] == history.identifiers[1234]
    assert found["between"] == 4999
    assert found["runs"] <= 14


def test_what_the_newest_build_backend_does_not_build_is_built_as_on_its_day(
    bisect: Command, index: LocalIndex
) -> None:
    broken = "def build_wheel(*words):\n    raise OSError('too old a project')\n"
    days = [datetime(2023, 1, 1, tzinfo=timezone.utc), datetime(2025, 1, 1, tzinfo=timezone.utc)]
    for version, text, day in zip(("1.0", "2.0"), (BACKEND, broken), days):
        index.add(wheel("backend", version, {"backend.py": text}, upload_time=day))
    needing = '[build-system]\nrequires = ["backend"]\nbuild-backend = "backend"\n'
    own: dict[str, str | None] = {"pyproject.toml": needing, "backend.py": None}
    history = History(bisect.folder / "old.git")
    for number, limit in enumerate((10, 10, 5, 5), 1):
        files = BEGIN | {"docs/index.md": f"{number}", "src/spam/limits.py": f"LIMIT = {limit}\n"}
        history.commit(f"Change {number}", {**files, **own})
    for version, number in (("1.2", 1), ("1.3", 4)):
        history.tag(version, number)
        index.add(wheel("spam", version, history.modules(number)))
    history.write()

    told = why(bisect, history)

    assert told["repository"]["commit"]["id"] == history.identifiers[3]
    assert told["repository"]["commit"]["confirmed"]


def test_a_release_without_python_files_is_said_to_have_none(
    bisect: Command, index: LocalIndex
) -> None:
    for version, text in (("1.2", "good"), ("1.3", "bad")):
        index.add(wheel("spam", version, {"spam/table.txt": text}))
    history = written(bisect.folder, LocalIndex(), {"src/spam/limits.py": "LIMIT = 5\n"})
    bisect.write(
        "check.py",
        "import importlib.util, pathlib\n"
        "folder = list(importlib.util.find_spec('spam').submodule_search_locations)[0]\n"
        "assert pathlib.Path(folder, 'table.txt').read_text() == 'good'\n",
    )

    told = explained(bisect, "--repo", str(history.path))

    assert [(s["path"], s["sort"]) for s in told["suspects"]] == [("spam/table.txt", "data")]
    assert told["repository"]["commit"] is None
    assert "spam 1.2 has no Python files" in told["notes"]
    assert "spam 1.2 has no Python files to know its commit by" in told["notes"]


def test_a_repository_of_something_else_is_refused_and_the_suspects_stay(
    bisect: Command, index: LocalIndex
) -> None:
    written(bisect.folder, index, {"src/spam/limits.py": "LIMIT = 5\n"})
    other = History(bisect.folder / "other.git")
    other.commit("Begin", {"src/spam/core.py": "def check(value): return None\n"})
    other.tag("v1.2", 1)
    other.write()

    told = why(bisect, other)

    assert told["suspects"][0]["name"] == "LIMIT"
    assert told["repository"]["commit"] is None
    assert any(
        "no commit of the repository is spam 1.2; the tag v1.2 isn't of that release" in note
        for note in told["notes"]
    )


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("nowhere", "error: there is no repository nowhere"),
        (".", "error: . is no Git repository that can be read"),
        ("shallow", "error: shallow is a shallow clone"),
        ("file:///nowhere/spam.git", "error: file:///nowhere/spam.git can't be cloned"),
    ],
)
def test_what_is_no_repository_is_one_clear_sentence(
    bisect: Command, index: LocalIndex, name: str, complaint: str
) -> None:
    history = written(bisect.folder, index, {"src/spam/limits.py": "LIMIT = 5\n"})
    bisect.write("check.py", CHECK)
    address, folder = history.path.as_uri(), str(bisect.folder)
    history.git("clone", "--quiet", "--depth=1", address, "shallow", at=folder)

    words = ["--package", "spam", "1.2", "1.3", "--repo", name, "--", "python", "check.py"]
    result = bisect("why", *words)

    assert result.status == 2
    assert result.complaint[0].startswith(complaint)
    assert result.complaint[1].startswith("hint: ")


def test_a_dirty_clone_is_read_as_its_commits_are_and_left_as_it_was(
    bisect: Command, index: LocalIndex
) -> None:
    history = written(bisect.folder, index, {"src/spam/limits.py": "LIMIT = 5\n"})
    history.git("clone", "--quiet", history.path.as_uri(), "dirty", at=str(bisect.folder))
    unfinished = bisect.folder / "dirty" / "src" / "spam" / "limits.py"
    unfinished.write_text("LIMIT = (\n")
    bisect.write("check.py", CHECK)

    told = explained(bisect, "--repo", str(bisect.folder / "dirty"))

    assert told["repository"]["commit"]["id"] == history.identifiers[CULPRIT]
    assert unfinished.read_text() == "LIMIT = (\n"


def test_why_a_search_found_it_is_in_every_report(bisect: Command, index: LocalIndex) -> None:
    written(bisect.folder, index, {"src/spam/limits.py": "LIMIT = 5\n"})
    bisect.write("check.py", CHECK)
    words = ["--package", "spam", "--why", "--", "python", "check.py"]

    text = bisect(*words).output
    finding = bisect.json(*words)
    markdown = bisect("--format", "markdown", *words).output

    page = bisect("why", "--format", "html", *words[:2], "1.2", "1.3", *words[3:]).output

    (transition,) = finding["transitions"]
    assert "<li><code>spam/limits.py:LIMIT</code>: changed" in page
    assert (transition["why"]["before"], transition["why"]["after"]) == ("1.2", "1.3")
    assert "1. spam/limits.py:LIMIT: changed, read by what the bad side executes" in text
    assert "Suspects, none of them confirmed" in text
    assert "1. `spam/limits.py:LIMIT`: changed" in markdown


def test_fragments_in_a_source_distribution_are_entries_but_for_those_that_were_there_before(
    bisect: Command, index: LocalIndex
) -> None:
    written(bisect.folder, index, {"src/spam/limits.py": "LIMIT = 5\n"})
    old = {"changes/7.bugfix.rst": "Raised the LIMIT of spam."}
    new = {**old, "changes/9.bugfix.rst": "Lowered the LIMIT of spam."}
    index.add(sdist("spam", "1.2", old), sdist("spam", "1.3", new))
    bisect.write("check.py", CHECK)

    told = explained(bisect)

    assert [entry["text"] for entry in told["changelog"]] == ["Lowered the LIMIT of spam."]


def test_a_traced_run_is_not_stored_as_a_measurement(bisect: Command, index: LocalIndex) -> None:
    written(bisect.folder, index, {"src/spam/limits.py": "LIMIT = 5\n"})
    bisect.write("check.py", CHECK)
    words = ["--package", "spam", "1.2", "1.3", "--", "python", "check.py"]
    bisect("why", *words)
    runs = len(bisect.stored())

    again = bisect("why", *words)

    assert again.status == 0
    assert len(bisect.stored()) == runs


def test_interrupted_while_it_traces_it_keeps_its_answer(
    bisect: Command, index: LocalIndex
) -> None:
    written(bisect.folder, index, {"src/spam/limits.py": "LIMIT = 5\n"})
    waiting = bisect.folder / "waiting"
    bisect.write(
        "check.py",
        "import pathlib, sys, time\nif '_bisector_tracer' in sys.modules:\n"
        f"    pathlib.Path({str(waiting)!r}).touch()\n    time.sleep(600)\n"
        "import spam; assert spam.check(5)\n",
    )
    words = ["why", "--package", "spam", "1.2", "1.3", "--sandbox", "off"]
    running = bisect.start(*words, "--", "python", "check.py")
    wait_for(waiting.exists, running)

    status, output, errors = stop(running, signal.SIGINT)

    text = " ".join(output.split())
    assert status == 130, errors
    assert "spam went bad in 1.3; 1.2 is the last good release before it." in text
    assert "It was interrupted before it was known what in the code did it." in text
    assert bisect.left_folders() == []
    assert bisect.left_processes() == []


def test_a_probe_that_comes_out_otherwise_when_traced_concludes_nothing(
    bisect: Command, index: LocalIndex
) -> None:
    written(bisect.folder, index, {"src/spam/limits.py": "LIMIT = 5\n"})
    unless = "import sys\nif '_bisector_tracer' not in sys.modules:\n    "
    bisect.write("check.py", f"{unless}import spam; assert spam.check(5)\n")

    told = explained(bisect)

    assert told["suspects"] == []
    assert told["notes"][0].startswith("traced, 1.3 came out as good instead of bad")


def test_releases_that_come_out_alike_leave_nothing_to_explain(
    bisect: Command, index: LocalIndex
) -> None:
    written(bisect.folder, index, {"src/spam/limits.py": "LIMIT = 5\n"})
    bisect.write("check.py", CHECK)

    result = bisect("why", "--package", "spam", "1.0", "1.2", "--", "python", "check.py")

    assert result.status == 1
    assert "No change found" in result.output


@pytest.mark.parametrize(
    ("releases", "complaint"),
    [
        (["1.2"], "error: `bisect why` compares two releases"),
        (["1.2", "9.9"], "error: spam has no release 9.9 in the range"),
        (["1.2", "so"], "error: Invalid version: 'so'"),
    ],
)
def test_releases_that_can_not_be_compared(
    bisect: Command, index: LocalIndex, releases: list[str], complaint: str
) -> None:
    index.add(wheel("spam", "1.2"))
    bisect.write("check.py", CHECK)

    result = bisect("why", "--package", "spam", *releases, "--", "python", "check.py")

    assert result.status == 2
    assert result.complaint[0].startswith(complaint)
