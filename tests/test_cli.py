"""Arguments, read in this process; what they do is tested from outside, in e2e."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bisector import cli
from bisector.inputs import arguments, values


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """The command takes signals over; this process wants them back."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before):
        signal.signal(number, handler)


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--jobs 1.5", "argument --jobs: '1.5' is not a whole number above 0"),
        ("--jobs nan", "argument --jobs: 'nan' is not a whole number above 0"),
        ("--jobs inf", "argument --jobs: 'inf' is not a whole number above 0"),
        ("--jobs 0", "argument --jobs: '0' is not a whole number above 0"),
        ("--jobs 1e400", "argument --jobs: '1e400' is not a whole number above 0"),
        ("--max-probes -1", "argument --max-probes: '-1' is not a whole number above 0"),
        ("--max-memory 0", "argument --max-memory: '0' is not a size like 500M or 2GiB"),
        ("--max-memory M", "argument --max-memory: 'M' is not a size like 500M or 2GiB"),
        ("--max-memory 1e999", "argument --max-memory: '1e999' is not a size like 500M or 2GiB"),
        ("--max-memory 5Q", "argument --max-memory: '5Q' is not a size like 500M or 2GiB"),
        ("--max-memory inf", "argument --max-memory: 'inf' is not a size like 500M or 2GiB"),
        ("--max-memory nan", "argument --max-memory: 'nan' is not a size like 500M or 2GiB"),
        ("--timeout inf", "argument --timeout: 'inf' is not a number of seconds above 0"),
        ("--timeout 0", "argument --timeout: '0' is not a number of seconds above 0"),
        ("--timeout -1", "argument --timeout: '-1' is not a number of seconds above 0"),
        ("--assure soon", "argument --assure: 'soon' is not a number of seconds"),
        ("--assure inf", "argument --assure: 'inf' is not a number of seconds"),
        ("--confidence 0", "argument --confidence: '0' is not a probability between 0 and 1"),
        ("--confidence 1", "argument --confidence: '1' is not a probability between 0 and 1"),
        ("--confidence nan", "argument --confidence: 'nan' is not a probability between 0 and 1"),
        ("--range 1.x", "argument --range: '1.x' is not a version specifier like '>=1.2,<2'"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_can(
    capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    told = complaint(capsys, "--probe", "eggs", *words.split())
    assert told == [f"error: {message}", "hint: see `bisect --help`"]


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("--probe x --rang >2", "unrecognized arguments: --rang >2", "did you mean --range?"),
        ("--exhaust", "unrecognized arguments: --exhaust", "did you mean --exhaustive?"),
        ("tabel --fold", "there is no command 'tabel'", "did you mean `bisect table`?"),
        (
            "iobase_payload",
            "iobase_payload is a probe, not a command",
            "write `bisect --probe iobase_payload`",
        ),
        (
            "x.py",
            "x.py is a script, not a command",
            (
                "write `bisect --package PROJECT -- python x.py`, or `bisect --probe x.py` "
                "where it is a probe"
            ),
        ),
        (
            "--package spam pytest -q tests",
            "unrecognized arguments: pytest -q tests",
            "a command goes behind two dashes: `bisect --package spam -- pytest -q tests`",
        ),
        (
            "report --package spam python x.py",
            "unrecognized arguments: python x.py",
            "a command goes behind two dashes: `bisect report --package spam -- python x.py`",
        ),
        ("help why", "'why' is a command, not a topic", "bisect why --help"),
        (
            "why spam 1.0 1.1 -- python x.py",
            "`bisect why` compares two releases, or looks at all changes that a search finds",
            "bisect why --package spam 1.0 1.1 -- python x.py",
        ),
    ],
)
def test_a_slip_gets_the_sentence_that_helps(
    capsys: pytest.CaptureFixture[str], words: str, message: str, hint: str
) -> None:
    assert complaint(capsys, *words.split()) == [f"error: {message}", f"hint: {hint}"]


def test_without_a_word_it_gives_three_examples(capsys: pytest.CaptureFixture[str]) -> None:
    told = complaint(capsys)
    assert told[:2] == ["error: nothing to run: give a probe, or a command", "hint: for example"]
    assert len(told) == 5
    assert all(line.startswith("  bisect --") for line in told[2:])


def test_help_begins_with_four_examples_and_fits_two_screens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of 24 lines and 80 columns each; every option is there with `--help all`."""
    for words, whole in ((("--help",), False), (("--help", "all"), True)):
        try:
            status: object = cli.main(words)
        except SystemExit as ended:
            status = ended.code
        assert status == 0
        shown = capsys.readouterr().out
        assert ("--keep-environments" in shown) is whole
        if not whole:
            lines = shown.splitlines()
            first = lines.index("examples:")
            assert all(line.startswith("  bisect --") for line in lines[first + 1 : first + 5])
            assert len(lines) <= 48
            assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("command", ["releases", "table", "report", "probes"])
def test_each_command_points_to_its_own_help(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    told = complaint(capsys, command, "--nonsense")
    assert told[-1] == f"hint: see `bisect {command} --help`"


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("1", 1),
        ("500M", 500 << 20),
        ("500MB", 500 << 20),
        ("2GiB", 2 << 30),
        ("1.5k", 1536),
        ("1t", 1 << 40),
        ("64kib", 64 << 10),
    ],
)
def test_a_size_is_in_bytes(text: str, size_bytes: int) -> None:
    assert values.size(text) == size_bytes


def test_what_is_behind_two_dashes_is_the_command() -> None:
    words = ["--package", "spam", "--", "python", "-c", "--", "--jobs"]
    assert arguments.split(words) == (["--package", "spam"], ("python", "-c", "--", "--jobs"))
    assert arguments.split(["--probe", "eggs"]) == (["--probe", "eggs"], ())


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        ("--help", "argparse dataclasses logging packaging bisector.inputs.options bisector.model"),
        ("--help all", "difflib json logging psutil rich subprocess tomli"),
        ("--help all", "bisector.inputs.defaults bisector.inputs.request bisector.session.session"),
    ],
)
def test_help_imports_nothing_that_it_does_not_need(words: str, unneeded: str) -> None:
    code = "import sys; from bisector import cli; cli.main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code, *words.split()],
        capture_output=True,
        text=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "usage" in done.stdout or "examples" in done.stdout
    assert "bisector.cli" in imported
    assert not imported & set(unneeded.split())
