"""What is set once, progress for programs, a probe to begin with, the page of what was found."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from e2e.command import Command, changes
from e2e.projects import BROKEN, plain
from local_index import LocalIndex


@pytest.fixture
def ask(bisect: Command, index: LocalIndex) -> Command:
    index.add(plain("spam", "ggbbg"))
    bisect.write("broken.py", BROKEN)
    return bisect


PROBE = ("--probe", "broken.py", "--assure", "0")


def test_defaults_are_the_projects_then_the_variables_then_what_is_given(ask: Command) -> None:
    """The nearest pyproject.toml; its results lie beside it, wherever the command runs."""
    ask.write("pyproject.toml", '[tool.bisector]\nresults = "ours"\nmax-probes = 1\npre = true\n')
    inner = ask.folder / "inner"
    inner.mkdir()
    below = Command(inner, ask.index_url)
    below.write("broken.py", BROKEN)
    assert below("--format", "json", *PROBE).finding["measurements"][1:] == []
    assert (ask.folder / "ours" / "spam").is_dir()
    assert not below.results.exists()
    two = below("--format", "json", *PROBE, BISECTOR_MAX_PROBES="2").finding
    assert sum(not run["cached"] for run in two["measurements"]) == 2
    done = below("--format", "json", *PROBE, "--max-probes", "20", BISECTOR_MAX_PROBES="1").finding
    assert changes(done) == [("introduced", "1.1", "1.2"), ("fixed", "1.3", "1.4")]


def test_config_says_what_is_set_and_by_what(ask: Command) -> None:
    ask.write("pyproject.toml", '[tool.bisector]\njobs = 3\nwith = ["pytest", "ham"]\n')
    result = ask("config", BISECTOR_OFFLINE="true")
    assert result.status == 0, result.errors
    lines = {line.split()[0]: line.split()[1:] for line in result.output.splitlines()}
    assert lines["jobs"] == ["3", str(ask.folder / "pyproject.toml")]
    assert lines["with"][:2] == ["pytest", "ham"]
    assert lines["offline"] == ["true", "BISECTOR_OFFLINE"]
    assert lines["results"][0] == "-"


def test_config_refuses_what_an_option_cannot_be(ask: Command) -> None:
    result = ask("config", BISECTOR_JOBS="banana")
    message = "jobs, set by BISECTOR_JOBS: 'banana' is not a whole number above 0"
    assert result.status == 2
    assert result.complaint == [f"error: {message}", "hint: mend it, or give --jobs"]


def test_of_what_is_stored_only_the_command_that_is_asked_for_is_shown(ask: Command) -> None:
    ask.write("first.py", "import spam\nassert not spam.BROKEN\n")
    ask.write("second.py", "import spam\nprint(spam.BROKEN)\n")
    for script in ("first.py", "second.py"):
        ask("--package", "spam", "--assure", "0", "--", "python", script)
    stored = ("report", "--package", "spam", "--stored", "--format", "json")
    assert [finding["probe"] for finding in ask(*stored).findings] == ["first", "second"]
    one = ask(*stored, "--", "python", "second.py").finding
    assert one["probe"] == "second"
    none = ask(*stored, "--", "python", "third.py")
    assert none.complaint[0] == "error: nothing of what is asked for is stored in results"


def test_what_is_stored_is_answered_without_what_measures(ask: Command) -> None:
    """Nothing is started either, be it to ask the interpreter or to try the sandbox."""
    measured = ask(*PROBE)
    ask.write(
        "sitecustomize.py",
        "import sys\n"
        "sys.addaudithook(lambda event, _: print('started', file=sys.stderr)\n"
        "                 if event in ('subprocess.Popen', 'os.fork') else None)\n",
    )
    again = ask(*PROBE, PYTHONPATH=str(ask.folder), PYTHONPROFILEIMPORTTIME="1")
    assert again.output.partition("looked at")[0] == measured.output.partition("looked at")[0]
    assert "0 of them now" in again.output
    imported = {line.rpartition("|")[2].strip() for line in again.errors.splitlines()}
    assert {"sitecustomize", "bisector.store.runs"} <= imported
    assert "started" not in again.errors.splitlines()
    unneeded = "aiohttp difflib html.parser importlib.metadata numpy virtualenv xml.etree"
    rooms = "cause environment.pool inputs.locks.files inputs.page measure.measure session.why"
    assert not imported & {*unneeded.split(), *(f"bisector.{name}" for name in rooms.split())}


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        (
            "[tool.bisector]\njosb = 3\n",
            "FILE: tool.bisector has an unknown key 'josb'",
            "did you mean jobs?",
        ),
        (
            '[tool.bisector]\njobs = "many"\n',
            "jobs, set by FILE: 'many' is not a whole number above 0",
            "mend it, or give --jobs",
        ),
        (
            '[tool.bisector]\ninstaller = "conda"\n',
            "installer, set by FILE: invalid choice: 'conda' (choose from 'uv', 'pip')",
            "mend it, or give --installer",
        ),
        (
            '[tool.bisector]\npre = "perhaps"\n',
            "pre, set by FILE, is neither true nor false: 'perhaps'",
            "write true or false",
        ),
        ("[tool.bisector\n", "FILE can't be read: ", "mend it"),
    ],
)
def test_a_default_that_cannot_be_used(ask: Command, text: str, error: str, hint: str) -> None:
    path = ask.folder / ask.write("pyproject.toml", text)
    result = ask(*PROBE)
    assert result.status == 2
    told = [line.replace(str(path), "FILE") for line in result.complaint]
    assert told[0].startswith(f"error: {error}")
    assert told[1] == f"hint: {hint}"


def test_progress_for_programs_is_json_and_says_what_the_answer_says(ask: Command) -> None:
    result = ask(*PROBE, "--json-lines", "--format", "json")
    events = [json.loads(line) for line in result.errors.splitlines()]
    measured = [event for event in events if event["event"] == "measured"]
    runs = {(run["version"], run["outcome"]) for run in result.finding["measurements"]}
    assert {(event["version"], event["outcome"]) for event in measured} == runs
    assert [event["event"] for event in events].count("settled") == 1
    assert "spam went bad in 1.2" in next(e["answer"] for e in events if e["event"] == "settled")


def test_a_new_probe_runs_by_itself_and_in_a_search(ask: Command) -> None:
    result = ask("probe", "new", "spam")
    assert (result.status, result.output.splitlines()[-1]) == (
        0,
        "  bisect --probe ./probe_spam.py",
    )
    finding = ask.json("--probe", "./probe_spam.py", "--assure", "0")
    assert {run["outcome"] for run in finding["measurements"]} == {"good"}
    text = (ask.folder / "probe_spam.py").read_text(encoding="utf-8").replace('"spam"', '"pytest"')
    ask.write("probe_pytest.py", text)
    done = subprocess.run(
        [sys.executable, "probe_pytest.py"], cwd=ask.folder, capture_output=True, text=True
    )
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (0, "good")
    again = ask("probe", "new", "Spam")
    assert again.complaint == [
        "error: probe_spam.py is there already",
        "hint: rename it, or work in it",
    ]


def test_the_page_of_what_was_found_last(ask: Command) -> None:
    nothing = ask("open", "--no-browser")
    assert (nothing.status, nothing.complaint[0]) == (3, "error: nothing is stored in results")
    ask.json(*PROBE)
    result = ask("open", "--no-browser")
    assert result.status == 0, result.errors
    page = ask.cache / "bisector" / "page.html"
    assert result.output == f"{page}\n"
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "Spam must not be broken." in text


def test_bash_completes_options_commands_and_releases(ask: Command) -> None:
    """In bash itself: what is offered behind what was typed."""
    ask.json(*PROBE)
    script = ask("completion", "bash").output
    assert ask("completion", "releases").output.split() == ["1.4", "1.3", "1.2", "1.1", "1.0"]
    program = ask.folder / "bin"
    program.mkdir()
    words = " ".join([sys.executable, "-m", "bisector"])
    (program / "bisect").write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
    (program / "bisect").chmod(0o755)

    def offered(*typed: str) -> list[str]:
        ask.write(
            "ask.sh",
            script + 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"\n'
            '_shtab_bisect bisect "${COMP_WORDS[COMP_CWORD]}"; printf \'%s\\n\' "${COMPREPLY[@]}"',
        )
        done = subprocess.run(
            ["bash", "ask.sh", *typed],
            cwd=ask.folder,
            env=ask.surroundings({"PATH": f"{program}:{os.defpath}"}),
            capture_output=True,
            text=True,
        )
        return done.stdout.split()

    assert "table" in offered("bisect", "ta")
    assert {"--good", "--budget"} <= set(offered("bisect", "--"))
    assert offered("bisect", "--bad", "1.2") == ["1.2"]
    assert "iobase_payload" in offered("bisect", "--probe", "iob")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_get_a_script_of_theirs(ask: Command, shell: str) -> None:
    script = ask("completion", shell).output
    assert {"zsh": "#compdef bisect", "fish": "complete -c bisect"}[shell] in script
    assert "bisect completion releases" in script
