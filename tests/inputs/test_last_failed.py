"""The tests that failed last, as pytest itself wrote them down."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bisector.errors import UsageError
from bisector.inputs import last_failed

TESTS = """\
import pytest

class TestEggs:
    @pytest.mark.parametrize("number", [1, 2])
    def test_fresh(self, number):
        assert number == 1

def test_good():
    print("<!DOCTYPE html>")

def test_bad():
    raise ValueError("<!DOCTYPE html>")

@pytest.fixture
def broken():
    raise OSError

def test_with_fixture(broken):
    pass
"""
FAILED = [
    "kitchen/test_eggs.py::TestEggs::test_fresh[2]",
    "kitchen/test_eggs.py::test_bad",
    "kitchen/test_eggs.py::test_with_fixture",
]


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which pytest ran, and three tests of four failed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kitchen").mkdir()
    (tmp_path / "kitchen/test_eggs.py").write_text(TESTS, encoding="utf-8")
    words = ["-q", "-p", "no:xdist", "--junitxml=report.xml", "-o", "junit_logging=all"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "-c", "/dev/null", "--rootdir=."],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout
    return tmp_path


def test_the_cache_and_junit_xml_name_the_same_tests(ran: Path) -> None:
    assert last_failed.tests(last_failed.CACHE) == FAILED
    assert last_failed.tests(ran / "report.xml") == FAILED


def test_the_command_runs_them_alone() -> None:
    assert last_failed.added(("python", "-m", "pytest", "-q"), FAILED[:1]) == (
        *("python", "-m", "pytest", "-q"),
        FAILED[0],
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("none", None, "the tests that failed can't be read from none: No such file or directory"),
        ("lastfailed", "{}", "no test failed by lastfailed"),
        ("lastfailed", "[1]", "lastfailed is neither pytest's cache nor JUnit XML: it is no JSON"),
        ("a.xml", "<testsuite/>", "no test failed by a.xml"),
        ("a.xml", "<test", "a.xml is neither pytest's cache nor JUnit XML: "),
        (
            "a.xml",
            '<!DOCTYPE a [<!ENTITY b "c">]><testsuite>&b;</testsuite>',
            "a.xml is neither pytest's cache nor JUnit XML: it declares a type of its own",
        ),
        (
            "a.xml",
            '<testsuite><testcase classname="no.where" name="x"><failure/></testcase></testsuite>',
            "a.xml is neither pytest's cache nor JUnit XML: there is no file here for no.where",
        ),
    ],
)
def test_what_names_no_failed_test_is_an_error(
    name: str, text: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path(name).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        last_failed.tests(Path(name))
    assert raised.value.message.startswith(message)
    assert raised.value.hint


def test_where_all_passed_no_test_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then pytest writes its cache without the file that lists the others."""
    monkeypatch.chdir(tmp_path)
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):  # it is none of the one around it
        monkeypatch.delenv(name, raising=False)
    Path("test_eggs.py").write_text("def test_eggs(): pass\n", encoding="utf-8")
    words = ["-q", "-p", "no:xdist", "-c", "/dev/null", "--rootdir=."]
    subprocess.run([sys.executable, "-m", "pytest", *words], capture_output=True, check=True)
    with pytest.raises(UsageError) as raised:
        last_failed.tests(last_failed.CACHE)
    assert raised.value.message == "no test failed by .pytest_cache/v/cache/lastfailed"
    assert "leave out --last-failed" in raised.value.hint


def test_another_command_has_no_tests() -> None:
    with pytest.raises(UsageError, match="the command isn't pytest"):
        last_failed.added(("python", "x.py"), FAILED)
