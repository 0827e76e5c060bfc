"""``bisector.find``: the command's meaning as a function; what it prints, raises and offers."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from e2e.command import Command, changes
from e2e.projects import BROKEN, plain
from local_index import LocalIndex

import bisector
from bisector import BisectorError, Finding, find, settings
from bisector.errors import UsageError

ROOT = Path(__file__).parent.parent


def check() -> None:
    """Spam must not be broken."""
    import spam  # type: ignore[import-not-found]  # it is in the probe's environment

    assert not spam.BROKEN


@pytest.fixture
def here(tmp_path: Path, index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with caches of its own, and an index with a history."""
    index.add(plain("spam", "gggbbgg"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache/uv"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    return tmp_path


def affected(finding: Finding) -> tuple[str, ...]:
    assert finding.decided
    return finding.affected


def test_it_finds_what_the_command_finds(
    here: Path, index: LocalIndex, capfd: pytest.CaptureFixture[str]
) -> None:
    """Silently; and what it stored is what the command answers from."""
    finding = find("spam", check, assure_s=0)
    assert capfd.readouterr() == ("", "")
    assert affected(finding) == (">=1.3,<1.5",)
    assert finding.replay.startswith("bisect --probe check.py --package spam")
    Path("check.py").write_text(finding.probe.text, encoding="utf-8")
    told = Command(here, index.url, {"UV_CACHE_DIR": str(here / "cache/uv")}).json(
        *("--probe", "check.py", "--package", "spam", "--assure", "0")
    )
    assert changes(told) == [("introduced", "1.2", "1.3"), ("fixed", "1.4", "1.5")]
    assert all(run["cached"] for run in told["measurements"])


@pytest.mark.usefixtures("here")
def test_a_finding_can_be_pickled() -> None:
    finding = find("spam", check, assure_s=0, attribute=False)
    assert pickle.loads(pickle.dumps(finding)) == finding


@pytest.mark.usefixtures("here")
def test_a_script_a_command_and_a_function_agree() -> None:
    Path("broken.py").write_text(BROKEN, encoding="utf-8")
    command = ["python", "-c", "import spam; assert not spam.BROKEN"]
    for probe in (Path("broken.py"), "broken.py", command, check):
        finding = find("spam", probe, range=">=1.2", assure_s=0, attribute=False)
        assert affected(finding) == (">=1.3,<1.5",)


@pytest.mark.usefixtures("here")
def test_twice_at_once_and_in_a_thread() -> None:
    """Each with results of its own, as two commands at once."""
    assert threading.current_thread() is threading.main_thread()
    with ThreadPoolExecutor(2) as pool:
        searches = [
            pool.submit(find, "spam", check, assure_s=0, results=name) for name in ("a", "b")
        ]
        assert [affected(search.result()) for search in searches] == [(">=1.3,<1.5",)] * 2


@pytest.mark.usefixtures("here")
def test_within_a_running_event_loop() -> None:
    """As in a notebook's cell."""

    async def cell() -> Finding:
        return find("spam", check, assure_s=0, attribute=False)

    assert affected(asyncio.run(cell())) == (">=1.3,<1.5",)


@pytest.mark.usefixtures("here")
def test_it_raises_what_the_command_prints() -> None:
    for words, message in (
        (("spam", "no.py"), "there is no file no.py"),
        (("ham", ["true"]), "there is no project ham on"),
        (("spam", lambda: None), "test_it_raises_what_the_command_prints.<locals>.<lambda> can't"),
    ):
        with pytest.raises(BisectorError) as raised:
            find(*words)
        assert raised.value.message.startswith(message)
        assert raised.value.hint
    with pytest.raises(BisectorError, match="'x' is not a version specifier"):
        find("spam", check, range="x")


def test_what_is_offered_is_what_was_promised() -> None:
    """Whoever changes this breaks a caller."""
    assert bisector.__all__ == ["BisectorError", "Finding", "__version__", "find"]
    assert [f"{p.name}: {p.annotation} = {p.default}" for p in _parameters()] == [
        "package: str = -",
        "probe: str | Path | Sequence[str] | Callable[[], object] = -",
        "range: str = ",
        "python: str | Path | None = None",
        "good: Sequence[str] = ()",
        "bad: Sequence[str] = ()",
        "pre: bool = False",
        "requirements: Sequence[str] = ()",
        "dependencies: str = newest",
        "assure_s: float | None = None",
        "exhaustive: bool = False",
        "max_probes: int | None = None",
        "confidence: float | None = None",
        "attribute: bool = True",
        "any_failure: bool = False",
        "isolated: bool = False",
        "timeout_s: float | None = None",
        "jobs: int | None = None",
        "installer: str = uv",
        "results: str | Path = results",
        "index_url: str | None = None",
        "offline: bool = False",
        "refresh: bool = False",
    ]
    with pytest.raises(AttributeError, match="has no attribute 'seek'"):
        bisector.seek  # noqa: B018  # looking it up is what raises


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("jobs", 0, "jobs: '0' is not a whole number above 0"),
        ("jobs", "x", "jobs: 'x' is not a whole number above 0"),
        ("max_probes", 1.5, "max_probes: '1.5' is not a whole number above 0"),
        ("confidence", 7, "confidence: '7' is not a probability between 0 and 1"),
        ("timeout_s", 0, "timeout_s: '0' is not a number of seconds above 0"),
        ("assure_s", -1, "assure_s: '-1' is not a number of seconds"),
        ("probe", None, "None is no probe"),
    ],
)
def test_what_no_option_takes_is_refused(option: str, value: object, message: str) -> None:
    arguments: dict[str, Any] = {"probe": "check.py", option: value}
    with pytest.raises(UsageError) as caught:
        find("spam", **arguments)
    assert caught.value.message == message


def test_an_installer_that_there_is_not_names_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="no installer 'conda'") as caught:
        find("spam", "check.py", installer="conda")
    assert caught.value.hint == "there are uv and pip"


def _parameters() -> list[inspect.Parameter]:
    parameters = inspect.signature(find).parameters.values()
    bare = inspect.Parameter.empty
    return [p.replace(default="-") if p.default is bare else p for p in parameters]


@pytest.mark.network
def test_in_a_fresh_environment_from_the_wheel(here: Path, index: LocalIndex) -> None:
    """The wheel has its types, topics, probes and records; nothing else of the project is there."""
    uv, out = settings.uv_program(), here / "dist"
    built = [uv, "build", "--quiet", "--wheel", "--out-dir", str(out), str(ROOT)]
    subprocess.run(built, check=True, env=_real())
    (wheel,) = out.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("py.typed", "help/flaky.md", "catalogue/iobase_payload.py"):
        assert f"bisector/{name}" in names
    assert "bisector/records.jsonl" in names
    (here / "use.py").write_text(
        f"""\
import sys
from bisector import Finding, find

def check():
    import spam
    assert not spam.BROKEN

finding: Finding = find("spam", check, assure_s=0, index_url={index.url!r})
assert "{ROOT}" not in sys.modules["bisector"].__file__
print(*finding.affected)
""",
        encoding="utf-8",
    )
    python = [uv, "run", "--quiet", "--no-project", "--isolated", "--with", str(wheel)]
    done = subprocess.run(
        [*python, "--python", sys.executable, "use.py"],
        env=_real(),
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == (">=1.3,<1.5\n", 0), done.stderr


def _real() -> dict[str, str]:
    import os

    hidden = ("UV_DEFAULT_INDEX", "UV_CACHE_DIR", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if name not in hidden}
