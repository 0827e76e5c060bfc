"""What was measured, asked about again: by a file's pins, as OSV files, and behind the OSV API."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import zipfile
from urllib.request import Request, urlopen

import pytest
from e2e.command import HANG_S, Command
from e2e.projects import BROKEN, plain
from local_index import LocalIndex

from bisector import settings


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command in a folder where spam was measured; its index is gone since."""
    folder = tmp_path_factory.mktemp("known")
    with LocalIndex() as index:
        index.add(plain("spam", "ggbbbggg"))
        bisect = Command(folder, index.url)
        found = bisect.json("--probe", bisect.write("broken.py", BROKEN), "--assure", "0")
    assert found["affected"] == ">=1.2,<1.5"
    return bisect


UV_LOCK = """\
version = 1
requires-python = ">=3.9"
[[package]]
name = "app"
version = "0"
source = { virtual = "." }
dependencies = [{ name = "spam" }]
[[package]]
name = "spam"
version = "VERSION"
source = { registry = "https://host.example/simple" }
"""
PYLOCK = """\
lock-version = "1.0"
created-by = "tests"
[[packages]]
name = "spam"
version = "VERSION"
"""
POETRY = """\
[[package]]
name = "spam"
version = "VERSION"
optional = false
python-versions = ">=3.9"
groups = ["main"]
[metadata]
lock-version = "2.1"
python-versions = ">=3.9"
content-hash = "0"
"""
FILES = {
    "requirements.txt": "ham==3\nSpam==VERSION\n",
    "pylock.toml": PYLOCK,
    "uv.lock": UV_LOCK,
    "poetry.lock": POETRY,
}


@pytest.mark.parametrize("name", FILES)
def test_a_pin_in_a_bad_window_is_found_in_every_kind_of_file(ask: Command, name: str) -> None:
    ask.write(name, FILES[name].replace("VERSION", "1.3"))
    result = ask("check", name)
    assert result.status == 1
    lines = result.output.splitlines()
    assert lines[0] == "spam 1.3 is bad"
    assert "  good for all that is known: 1.1 below and 1.5 above" in lines
    ask.write(name, FILES[name].replace("VERSION", "1.5"))
    result = ask("check", name)
    assert (result.status, len(result.output.splitlines())) == (0, 1)


def test_pins_of_every_group_and_marker_count(ask: Command) -> None:
    """A file is asked about as a whole: who installs which part of it isn't known."""
    group = UV_LOCK.replace("dependencies = [", "[package.dev-dependencies]\ndocs = [")
    ask.write("uv.lock", group.replace("VERSION", "1.3"))
    ask.write("marked.txt", "spam==1.3 ; sys_platform == 'win32'\n")
    assert [ask("check", name).status for name in ("uv.lock", "marked.txt")] == [1, 1]


def test_what_is_worked_on_is_no_pin(ask: Command) -> None:
    """As `pip freeze` prints it; the pins beside it are checked all the same."""
    ask.write("frozen.txt", "-e git+https://git.example/eggs@main#egg=eggs\nspam==1.3\n")
    result = ask("check", "frozen.txt")
    assert result.status == 1
    assert result.output.startswith("spam 1.3 is bad\n")


def test_the_command_that_it_names_measures_it_again(ask: Command) -> None:
    ask.write("requirements.txt", "spam==1.3\n")
    (hit,) = json.loads(ask("check", "requirements.txt", "--format", "json").output)["hits"]
    assert hit["regressions"][0]["replay"].startswith("bisect --probe broken.py ")


def test_the_records_are_lines_of_one_file_where_that_is_asked_for(ask: Command) -> None:
    *names, _ = ask("export", "osv", "--probe", "broken", "--output", "records").output.splitlines()
    apart = [json.loads((ask.folder / name).read_text(encoding="utf-8")) for name in names]
    assert ask("export", "osv", "--probe", "broken", "--output", "o.jsonl").output == "o.jsonl\n"
    together = (ask.folder / "o.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in together] == apart


def test_the_records_are_files_and_an_archive_of_them(ask: Command) -> None:
    result = ask("export", "osv", "--probe", "broken", "--output", "records")
    *names, archive = result.output.splitlines()
    assert archive == "records/all.zip"
    with zipfile.ZipFile(ask.folder / archive) as packed:
        for name in names:
            text = (ask.folder / name).read_text(encoding="utf-8")
            assert packed.read(name.removeprefix("records/")).decode() == text
            summary = json.loads(text)["summary"]
            assert summary.startswith("Functional regression, not a security issue: ")
    assert any("x_bisector-spam-broken-python-3." in name for name in names)
    first = (ask.folder / archive).read_bytes()
    ask("export", "osv", "--probe", "broken", "--output", "records")
    assert (ask.folder / archive).read_bytes() == first


def test_a_scanner_is_answered_until_the_server_is_interrupted(ask: Command) -> None:
    with ask.start("serve", "osv") as server:
        assert server.stdout
        address = server.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        query = {"package": {"name": "spam", "ecosystem": "PyPI"}, "version": "1.3"}
        asked = Request(f"{address}/v1/query", json.dumps(query).encode())
        with urlopen(asked, timeout=30) as response:
            (record,) = json.load(response)["vulns"]
        with urlopen(f"{address}/v1/vulns/{record['id']}", timeout=30) as response:
            assert json.load(response) == record
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=30)
        assert (server.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (
            "check none.txt",
            "dependencies can't be read from none.txt: No such file or directory",
            "what is read is requirements.txt, `pip freeze`, pylock.toml, uv.lock or poetry.lock",
        ),
        (
            "serve osv --port 70000",
            "argument --port: '70000' is not a port",
            "see `bisect serve --help`",
        ),
    ],
)
def test_one_error_and_a_hint(ask: Command, words: str, error: str, hint: str) -> None:
    result = ask(*words.split())
    assert result.status == 2
    assert result.complaint == [f"error: {error}", f"hint: {hint}"]


@pytest.mark.network
@pytest.mark.parametrize("scanner", ["pip-audit", "uv audit"])
def test_a_scanner_shows_it(ask: Command, scanner: str) -> None:
    """The scanners themselves, as the index has them; of a pin that isn't bad they say nothing."""
    ask.write("requirements.txt", "spam==1.3\nham==1.0\n")
    ask.write("uv.lock", UV_LOCK.replace("VERSION", "1.3"))
    ask.write("pyproject.toml", '[project]\nname = "app"\nversion = "0"\ndependencies = ["spam"]\n')
    uv = settings.uv_program()
    with ask.start("serve", "osv") as server:
        assert server.stdout
        address = server.stdout.readline().strip()
        commands = {
            "pip-audit": [
                *(uv, "tool", "run", "pip-audit", "-r", "requirements.txt", "--no-deps"),
                *("--disable-pip", "--vulnerability-service", "osv"),
                *("--osv-url", f"{address}/v1/query"),
            ],
            "uv audit": [uv, "audit", "--frozen", "--service-url", address],
        }
        done = subprocess.run(
            commands[scanner], cwd=ask.folder, capture_output=True, text=True, timeout=HANG_S
        )
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=30)
    assert done.returncode == 1, done.stderr
    assert re.search(r"x_bisector-spam-broken-python-3\.\d+", done.stdout)
    assert "1.5" in done.stdout
    assert "ham" not in done.stdout
