"""What README, the topics of `bisect help` and results/README.md show is what is printed."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bisector import commands
from bisector.commands import help as help_

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOPICS = {
    path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "bisector/help").glob("*.md")
}
PAGES = {"README": README, **TOPICS}
_EXAMPLE = re.compile(r"^<!-- (.+?) -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = [(page, *shown) for page, text in PAGES.items() for shown in _EXAMPLE.findall(text)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results as they were committed, whatever has been measured since."""
    folder = tmp_path_factory.mktemp("checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "results"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    for file in files or (ROOT / "results").rglob("*"):
        if file.is_file():
            copy = folder / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    shutil.copytree(ROOT / "tests" / "readme", folder, dirs_exist_ok=True)
    return folder


def printed(command: str, folder: Path) -> str:
    """Run one of the project's commands in ``folder`` and return what it prints."""
    program, *arguments = shlex.split(command)
    assert program == "bisect"
    alone = {"PATH": os.defpath, "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    surroundings = alone if "--stored" in arguments else dict(os.environ)
    done = subprocess.run(
        [sys.executable, "-m", "bisector", *arguments],
        cwd=folder,
        env=surroundings | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode in (0, 1, 3), done.stderr  # 3: a change of those is not confirmed
    return done.stdout


def test_readme_shows_something() -> None:
    """The pattern that finds the examples finds them."""
    assert {language for page, _, language, _ in SHOWN if page == "README"} == {"text", "python"}
    assert len({page for page, *_ in SHOWN}) > 3


@pytest.mark.parametrize(
    ("command", "language", "text"),
    [
        pytest.param(
            *shown,
            id=f"{page}: {shown[0]}",
            marks=pytest.mark.network if shown[1] == "text" and "--stored" not in shown[0] else (),
        )
        for page, *shown in SHOWN
    ],
)
def test_each_example_is_what_it_says(
    command: str, language: str, text: str, checkout: Path
) -> None:
    """Output is that of the command above it, and code is that of the file above it.

    As in a doctest, ``...`` stands for what is left out.
    """
    if language == "text":
        made = printed(command, checkout)
    else:
        made = (ROOT / command).read_text(encoding="utf-8")
    assert doctest.OutputChecker().check_output(text, made, doctest.ELLIPSIS), made


def test_the_results_page_is_made_by_the_command_that_readme_names(checkout: Path) -> None:
    """results/README.md follows from the stored measurements alone."""
    named = re.search(r"^\.venv/bin/(bisect table .*) > results/README\.md$", README, re.MULTILINE)
    assert named
    page = (ROOT / "results/README.md").read_text(encoding="utf-8")
    assert page == printed(named[1], checkout)


@pytest.fixture(scope="module")
def helps(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The options of every command."""
    folder = tmp_path_factory.mktemp("helps")
    named = ["--help all", *(f"{command} --help" for command in commands.NAMES)]
    return "".join(printed(f"bisect {words}", folder) for words in named)


@pytest.mark.parametrize("page", PAGES)
def test_every_option_that_is_named_exists(page: str, helps: str) -> None:
    """An option that was renamed can't live on in README or in a topic."""
    tools = r"(?:gh|git|python3|uvx|uv|pip|pipx|pip-audit) .*?(?=bisect|$)"
    others = re.compile(rf"(?:^|(?:script|run): | - ){tools}", re.MULTILINE)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", others.sub("", PAGES[page])))
    assert {option for option in named if option not in helps} == set()


def test_readme_is_short_and_names_every_topic() -> None:
    """What isn't for everyone is a topic."""
    assert README.count("\n") <= 200
    assert set(re.findall(r"\(bisector/help/([\w-]+)\.md\)", README)) == set(TOPICS)


def test_each_topic_is_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """It has a heading, and its examples are in it, without the comments."""
    assert help_.run([]) == 0
    listed = capsys.readouterr().out
    for name, text in TOPICS.items():
        heading = text.partition("\n")[0].removeprefix("# ")
        assert re.search(rf"^  {name} +{re.escape(heading)}$", listed, re.MULTILINE)
        assert help_.run([name]) == 0
        topic = capsys.readouterr().out
        assert heading in topic
        assert "<!--" not in topic
        shown = "".join(topic.split())  # a command that is too long goes on in the next line
        for example in re.findall(r"^```(?:text|sh)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            assert "".join(example.split()) in shown


def test_links_into_the_project_lead_somewhere() -> None:
    """Pictures and pages that README links to are there."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
