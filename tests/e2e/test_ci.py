"""In CI: files as of a revision, the tests that failed, a budget; the action's own steps."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped,unused-ignore]  # its stubs may be missing
from e2e.command import Command
from e2e.projects import BROKEN, plain, release
from local_index import LocalIndex

from bisector import settings

ROOT = Path(__file__).parents[2]


def git(folder: Path, *words: str) -> str:
    """Run git in a repository of a nobody."""
    nobody = {
        f"GIT_{who}_{what}": "nobody"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **nobody},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def commit(folder: Path, message: str) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def updated(bisect: Command, index: LocalIndex) -> Command:
    """A repository whose lock was updated since the last commit, so that a test fails."""
    for name in ("spam", "ham", "eggs"):
        index.add(release(name, "1.0", "V = 1"), release(name, "2.0", "V = 2"))
    (bisect.folder / "home").mkdir()
    git(bisect.folder, "init", "-qb", "main")
    bisect.write(".gitignore", "home/\ncache/\nresults/\n")
    bisect.write("reqs.txt", "spam==1.0\nham==1.0\neggs==1.0\n")
    bisect.write("check.py", "import ham\nassert ham.V < 2\n")
    commit(bisect.folder, "before")
    bisect.write("reqs.txt", "spam==2.0\nham==2.0\neggs==2.0\n")
    return bisect


def test_a_file_as_of_a_revision(updated: Command) -> None:
    words = ("--from", "main:reqs.txt", "--to", "reqs.txt", "--format", "json")
    told = updated(*words, "--", "python", "check.py", PATH=os.environ["PATH"]).finding
    assert [culprit["change"]["name"] for culprit in told["culprits"]] == ["ham"]
    assert told["from"] == "main:reqs.txt"
    assert "--from main:reqs.txt --to reqs.txt" in told["replay"]


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("nowhere:reqs.txt", "nowhere:reqs.txt can't be read: invalid object name 'nowhere'."),
        ("main:no.txt", "main:no.txt can't be read: path 'no.txt' does not exist in 'main'"),
    ],
)
def test_a_revision_or_file_that_is_not_there(updated: Command, named: str, message: str) -> None:
    words = ("--from", named, "--to", "reqs.txt", "--", "python", "check.py")
    result = updated(*words, PATH=os.environ["PATH"])
    assert result.status == 2
    assert result.complaint == [
        f"error: {message}",
        (
            "hint: write REVISION:PATH, with the path from the repository's top; "
            "a shallow clone has no other revisions until they are fetched"
        ),
    ]


def test_a_lock_that_did_not_change(updated: Command) -> None:
    words = ("--from", "main:reqs.txt", "--to", "main:reqs.txt", "--", "python", "check.py")
    result = updated(*words, PATH=os.environ["PATH"])
    assert result.status == 2
    assert "lead to the same versions" in result.complaint[0]


def test_a_budget_gives_the_best_answer_by_then(bisect: Command, index: LocalIndex) -> None:
    """An interval, which says so; and no answer where it is too short for one run."""
    hanging = BROKEN.replace("import json, os, spam", "import json, os, time, spam\n" + HANG)
    index.add(plain("spam", "g" * 8 + "b" * 8))
    bisect.write("hanging.py", hanging)
    words = ("--probe", "hanging.py", "--timeout", "600", "--jobs", "1", "--assure", "0")
    bisect(*words, "--max-probes", "2")  # both ends, however long that takes here
    result = bisect(*words, "--budget", "10s")
    assert result.status in (0, 3), result.errors
    assert "spam went bad between 1.0 and 1.15 (14 releases " in result.answer
    assert "--budget ended the search before it was settled" in result.answer
    short = bisect(*words, "--budget", "0.05", "--results", "others")
    assert short.status == 3
    assert short.complaint == [
        "error: the budget of 0.05 s was spent before there was an answer",
        "hint: give it more with --budget; what was measured is kept",
    ]


HANG = """\
from importlib.metadata import version
if version("spam") not in ("1.0", "1.15"):
    time.sleep(600)
"""
"""What lets only both ends be measured."""


def test_a_budget_that_is_spent_on_two_sets_says_among_which_it_is(
    bisect: Command, index: LocalIndex
) -> None:
    """Fewer than six of the changes can't be tried in time."""
    names = [f"lib{number:02}" for number in range(16)]
    for name in names:
        index.add(release(name, "1.0", "V = 1"), release(name, "2.0", "V = 2"))
    for path, version in (("old.txt", "1.0"), ("new.txt", "2.0")):
        bisect.write(path, "".join(f"{name}=={version}\n" for name in names))
    check = (
        f"import time, importlib\nnew = [importlib.import_module(n).V for n in {names}].count(2)\n"
        "if 0 < new < 6:\n    time.sleep(600)\nimport lib00\nassert lib00.V < 2\n"
    )
    words = ("--from", "old.txt", "--to", "new.txt", "--timeout", "600", "--jobs", "1")
    command = ("--", "python", bisect.write("check.py", check))
    result = bisect(*words, "--format", "json", "--budget", "30s", *command)
    assert result.status == 3, result.errors
    told = result.finding
    assert not told["culprits"]
    assert [change["name"] for change in told["suspects"]] == names[:8]
    assert f"of 16 changed distributions, it is among 8: {', '.join(names[:8])}." in told["answer"]


class Runner:
    """Runs the steps of action.yml as GitHub's runner does: bash, and files for what they say."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self.repository, self.folder = repository, folder
        self.action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
        self.summary = ""
        self.outputs: dict[str, str] = {}
        self.printed = ""

    def run(self, inputs: Mapping[str, str]) -> None:
        """Run every step; AssertionError where one fails."""
        given = {n: str(i.get("default", "")) for n, i in self.action["inputs"].items()}
        given |= inputs
        given |= {"github.action_path": str(ROOT)}
        for number, step in enumerate(self.action["runs"]["steps"]):
            files = {
                name: self.folder / f"{name}-{number}"
                for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
            }
            for file in files.values():
                file.touch()
            environ = {name: filled(text, given) for name, text in step.get("env", {}).items()}
            temporary = {"RUNNER_TEMP": str(self.folder), "GITHUB_ACTIONS": "true"}
            named = {name: str(file) for name, file in files.items()}
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=self.repository,
                env={**os.environ, **temporary, **named, **environ},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, f"{step['name']}: {done.stdout}{done.stderr}"
            self.printed += done.stdout
            self.summary += files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
            lines = files["GITHUB_OUTPUT"].read_text(encoding="utf-8").splitlines()
            self.outputs |= dict(line.split("=", 1) for line in lines)


def filled(text: str, given: Mapping[str, str]) -> str:
    """Replace the expressions that the steps' variables are."""
    return re.sub(r"\$\{\{ (?:inputs\.)?(\S+) \}\}", lambda match: given[match[1]], text)


ONE = """\
import werkzeug

def test_version():
    assert werkzeug.__version__
"""
TOGETHER = """\
import packaging.version, werkzeug

def test_some_way_to_tell():
    assert hasattr(werkzeug, "__version__") or hasattr(packaging.version, "LegacyVersion")
"""
PROXY = (ROOT / "tests/regressions/proxy_credentials.py").read_text(encoding="utf-8")
UPDATES: list[tuple[str, dict[str, str], dict[str, str], list[str], str]] = [
    (
        ONE,
        {"flask": "3.0.3", "werkzeug": "3.0.3", "click": "8.1.7", "jinja2": "3.1.4"},
        {"flask": "3.1.0", "werkzeug": "3.1.3", "click": "8.1.8", "jinja2": "3.1.6"},
        ["werkzeug"],
        "went bad",
    ),
    (
        TOGETHER,
        {"packaging": "21.3", "werkzeug": "3.0.3", "click": "8.1.7", "idna": "3.6"},
        {"packaging": "24.2", "werkzeug": "3.1.3", "click": "8.1.8", "idna": "3.10"},
        ["packaging", "werkzeug"],
        "went bad",
    ),
    (
        PROXY,
        {"requests": "2.27.0", "urllib3": "1.26.7", "idna": "3.3", "certifi": "2021.10.8"},
        {"requests": "2.27.1", "urllib3": "1.26.18", "idna": "3.6", "certifi": "2024.2.2"},
        ["requests"],
        "was fixed",
    ),
]


@pytest.mark.network
@pytest.mark.parametrize(("test", "old", "new", "culprits", "word"), UPDATES)
def test_the_action_names_the_culprit_of_an_update(
    test: str,
    old: dict[str, str],
    new: dict[str, str],
    culprits: list[str],
    word: str,
    tmp_path: Path,
) -> None:
    """The action's steps, on two lock files that uv made, in a repository of their own."""
    repository, folder = tmp_path / "repository", tmp_path / "runner"
    repository.mkdir()
    folder.mkdir()
    git(repository, "init", "-qb", "main")
    (repository / "test_it.py").write_text(test, encoding="utf-8")
    base = commit_locked(repository, old, "before")
    commit_locked(repository, new, "after")
    if word == "went bad":  # where all passed, pytest leaves no such file
        cache = repository / ".pytest_cache/v/cache/lastfailed"
        cache.parent.mkdir(parents=True)
        cache.write_text(json.dumps({"test_it.py": True}), encoding="utf-8")
    runner = Runner(repository, folder)
    given = {"base": base, "command": "pytest -q -p no:cacheprovider", "budget": "5m"}
    runner.run(given | {"python": sys.executable})
    assert runner.outputs["status"] == "0"
    report = Path(runner.outputs["report"]).read_text(encoding="utf-8")
    assert report == runner.summary
    assert word in report
    for name in culprits:
        assert re.search(rf"\| {name} \| .* \| needed: ", report)
    assert report.count("needed: ") == len(culprits)
    assert runner.printed.startswith("::error " if word == "went bad" else "::notice ")


def commit_locked(repository: Path, pins: Mapping[str, str], message: str) -> str:
    """Commit a project with these dependencies, as uv locks it; return the revision."""
    listed = ", ".join(f'"{name}=={version}"' for name, version in pins.items())
    project = '[project]\nname = "app"\nversion = "0"\nrequires-python = ">=3.10"\n'
    project += f"dependencies = [{listed}]\n"
    (repository / "pyproject.toml").write_text(project, encoding="utf-8")
    subprocess.run([settings.uv_program(), "lock", "-q"], cwd=repository, check=True)
    return commit(repository, message)
