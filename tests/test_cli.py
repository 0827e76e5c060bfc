"""Arguments, read in this process; what they do is tested from outside, in e2e."""

from __future__ import annotations

import signal
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
        ("--exhaust", "unrecognized arguments: --exhaust"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_can(
    capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    told = complaint(capsys, "--probe", "eggs", *words.split())
    assert told == [f"error: {message}", "hint: see `bisect --help`"]


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
