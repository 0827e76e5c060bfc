"""Bad input: one clear error and a hint, the right exit status, and nothing measured is lost."""

from __future__ import annotations

import shlex
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.command import Command, changes
from e2e.projects import BROKEN, plain, release
from local_index import LocalIndex
from wheels import sdist, wheel


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """The command, against an index that has enough to go wrong with."""
    with LocalIndex() as index:
        index.add(plain("spam", "gggbbbggg", yanked=["1.4"]))
        index.add(sdist("spam", "0.9"), release("spam", "2.0b1", "BROKEN = False"))
        index.add(release("old", f"1.{n}", "", tags="cp27-none-any") for n in range(3))
        index.add(release("early", f"1.{n}a1", "") for n in range(3))
        index.add(release("gone", f"1.{n}", "", yanked=True) for n in range(3))
        index.add(wheel("undated", f"1.{n}") for n in range(3))
        folder = tmp_path_factory.mktemp("bad-input")
        (folder / "blocked").mkdir()
        (folder / "blocked" / "spam").touch()
        bisect = Command(folder, index.url)
        bisect.write("broken.py", BROKEN)
        bisect.write("plain.py", "import spam\n")
        bisect.write("empty.py", "")
        bisect.write("bad.txt", "# pins\nham==1.0\nham === == 2\n")
        bisect.write("more.txt", "-r pins.txt\n")
        (folder / "binary.py").write_bytes(b"\xff\xfe")
        yield bisect


VERSION = ".".join(map(str, sys.version_info[:3]))
BAD = [
    # What to run.
    ("--probe iobase_paylod", 2, "there is no probe named 'iobase_paylod'", "did you mean …"),
    ("--probe zzz", 2, "there is no probe named 'zzz'", "`bisect probes` lists what there is"),
    ("--probe no.py", 2, "there is no file no.py", "give a probe's name or a script's path"),
    ("--probe broken.py[x]", 2, "probe broken has no case 'x'", "it has no cases"),
    (
        "--probe empty.py",
        2,
        "empty doesn't say which package it is about",
        "name it with --package",
    ),
    (
        "--probe binary.py",
        2,
        "binary.py can't be read: it is not UTF-8 text",
        "give a Python script",
    ),
    ("-- true", 2, "a command needs --package", "bisect --package PROJECT -- true …"),
    ("--package spam --probe broken.py -- true", 2, "--probe and a command are both given", "…"),
    (
        "--package spam -- no-such-command",
        2,
        "no-such-command could not be started (no-such-command: No such file or directory)",
        "check its name; --with PROJECT installs what brings it into the environment",
    ),
    (
        "--package spam -- plain.py -x",
        2,
        "plain.py is a script, not a program",
        "write `-- python plain.py -x`, which is the environment's Python",
    ),
    (
        "--package spam plain.py",
        2,
        "unrecognized arguments: plain.py",
        "a command goes behind two dashes: `bisect --package spam -- python plain.py …",
    ),
    (
        "--package spam -- pyhton plain.py",
        2,
        "pyhton could not be started (pyhton: No such file or directory)",
        "did you mean python?",
    ),
    # Which releases.
    (
        "--probe broken.py --range >9",
        2,
        "no release lies within >9",
        "the index has 0.9 to 2.0b1; `bisect releases PROJECT` lists them",
    ),
    (
        "--probe broken.py --range >2,<1",
        2,
        "no release lies within <1,>2",
        "the index has 0.9 to 2.0b1; `bisect releases PROJECT` lists them",
    ),
    (
        "--package gone --no-yanked -- true",
        2,
        "every release within the range is yanked",
        "leave --no-yanked out to search them all the same",
    ),
    (
        "--package old -- true",
        3,
        (
            f"none of the 3 releases of old in the range can be searched on Python {VERSION} "
            "(no wheel for …"
        ),
        "`bisect releases old` says why of each; --pre searches pre-releases",
    ),
    (
        "--package early -- true",
        3,
        (
            f"none of the 3 releases of early in the range can be searched on Python {VERSION} "
            "(a pre-release)"
        ),
        "`bisect releases early` says why of each; --pre searches pre-releases",
    ),
    # Witnesses.
    (
        "--probe broken.py --bad 77",
        2,
        "77 can't be a witness: spam has no such release",
        "`bisect releases spam` lists them",
    ),
    (
        "--probe broken.py --good 1.33",
        2,
        "1.33 can't be a witness: spam has no such release",
        "did you mean 1.3 …",
    ),
    ("--probe broken.py --bad old", 2, "Invalid version: 'old'", "give a version like 1.4.2"),
    (
        "--probe broken.py --bad 0.9",
        2,
        (
            "0.9 can't be a witness: it can't be tested here: "
            "only a source distribution; --allow-build would build it"
        ),
        "choose another release, or another interpreter with --python",
    ),
    (
        "--probe broken.py --bad 2.0b1",
        2,
        "2.0b1 can't be a witness: it is a pre-release",
        "--pre searches pre-releases as well",
    ),
    (
        "--probe broken.py --bad 1.4 --no-yanked",
        2,
        "1.4 can't be a witness: it is yanked",
        "leave --no-yanked out to search yanked releases as well",
    ),
    (
        "--probe broken.py --bad 2.0b1 --range <2",
        2,
        "2.0b1 can't be a witness: it lies outside the range",
        "widen --range, or name a release inside it",
    ),
    (
        "--probe broken.py --bad 1.3 --good 1.3.0",
        2,
        "1.3.0 is given as --good and as --bad",
        "it can't be both",
    ),
    # The interpreter.
    (
        "--probe broken.py --python 3.99",
        2,
        "no Python 3.99 was found here",
        "get one with `uv python install 3.99`, or give a path: --python /path/to/python",
    ),
    (
        "--probe broken.py --python /no/python",
        2,
        "there is no Python at /no/python",
        "give --python a version like 3.12, or the path of an interpreter",
    ),
    (
        "--probe broken.py --python /bin/true",
        2,
        "/bin/true is not a Python 3 that runs",
        "give --python a version like 3.12, or the path of an interpreter",
    ),
    # How to measure.
    (
        "--probe broken.py --with ham==",
        2,
        (
            "'ham==' is not a requirement: "
            "Expected semicolon (after name with no version specifier) or end"
        ),
        "write it like 'eggs>=2'",
    ),
    (
        "--probe broken.py --with eggs-that-nobody-laid",
        2,
        (
            "eggs-that-nobody-laid can't be installed: Because eggs-that-nobody-laid was "
            "not found in the package registry and you require eggs-that-nobody-laid, we can "
            "conclude that your requirements are unsatisfiable."
        ),
        "look at --with, and at the dependencies that the probe names",
    ),
    (
        "--probe broken.py --dependencies no.txt",
        2,
        "dependencies can't be read from no.txt: No such file or directory",
        "what is read is requirements.txt, `pip freeze`, pylock.toml, uv.lock or poetry.lock",
    ),
    (
        "--probe broken.py --dependencies bad.txt",
        2,
        (
            "bad.txt, line 3: 'ham === == 2' is not a requirement: "
            "Expected comma (within version specifier), semicolon (after version specifier) or end"
        ),
        "write it like 'eggs>=2'",
    ),
    (
        "--probe broken.py --dependencies more.txt",
        2,
        "more.txt, line 1: '-r pins.txt' names another file, which is not read",
        "write every pin into the one file, as `uv pip compile` does",
    ),
    (
        "--package undated --dependencies released -- true",
        2,
        "the index gives no upload time for 1.0 and 2 more",
        "--dependencies released needs them; use --dependencies newest",
    ),
    ("--probe broken.py --nonsense", 2, "unrecognized arguments: --nonsense", "…"),
    # Where results go.
    (
        "--probe broken.py --results broken.py",
        2,
        "results can't be written to broken.py: File exists",
        "choose another folder with --results DIR",
    ),
    # The index.
    (
        "--package nosuch -- true",
        4,
        "there is no project nosuch on INDEX",
        "check the spelling, and the index (set by --index-url); --index-url names another",
    ),
    (
        "--package 'no such' -- true",
        2,
        "'no such' is not the name of a project",
        "a name is letters, digits, '-', '_' and '.', like zope.interface",
    ),
    (
        "--probe broken.py --index-url nonsense",
        2,
        "the package index set by --index-url is neither an address nor a folder",
        "write it as https://host/simple/ or file:///folder",
    ),
    (
        "--probe broken.py --offline --refresh",
        2,
        "a listing can't be both refreshed and read offline",
        "choose one",
    ),
]


@pytest.mark.parametrize(("words", "status", "error", "hint"), BAD, ids=[b[0] for b in BAD])
def test_one_error_and_a_hint(ask: Command, words: str, status: int, error: str, hint: str) -> None:
    result = ask(*shlex.split(words))
    assert result.output == ""
    assert result.status == status
    told = [line.replace(ask.index_url, "INDEX") for line in result.complaint]
    assert told == [
        elided(line, by) for line, by in zip(told, (f"error: {error}", f"hint: {hint}"))
    ]
    assert len(told) == 2


def elided(line: str, by: str) -> str:
    """What a line should be; where that ends in an ellipsis, the line itself if it begins so."""
    beginning, ellipsis, rest = by.partition("…")
    return line if ellipsis and not rest and line.startswith(beginning) else by


def test_with_half_a_cache_offline_says_so_once(bisect: Command, index: LocalIndex) -> None:
    """Not once per release that isn't there."""
    index.add(plain("spam", "ggggggggbbbb"))
    words = ("--probe", bisect.write("broken.py", BROKEN), "--assure", "0", "--jobs", "1")
    bisect(*words, "--max-probes", "2")
    result = bisect(*words, "--offline", "--format", "json")
    reasons = [run["reason"] for run in result.finding["measurements"]]
    assert reasons.count("environment") > 1
    assert result.errors.count("not in the installer's cache, and --offline was given") == 1


def test_a_good_release_newer_than_a_bad_one_with_all_between_excluded(
    bisect: Command, index: LocalIndex
) -> None:
    """No error: the transition is real, and what lies between is an interval."""
    index.add(plain("spam", "bb"), release("spam", "1.3", "BROKEN = False"))
    index.add(release("spam", "1.2", "", tags="cp27-none-any"))
    finding = bisect.json(
        *("--probe", bisect.write("broken.py", BROKEN), "--assure", "0"),
        *("--bad", "1.1", "--good", "1.3"),
    )
    assert changes(finding) == [("fixed", "1.1", "1.3")]
    assert finding["transitions"][0]["untested"] == ["1.2"]


def test_results_that_cannot_be_written_are_no_bug(ask: Command) -> None:
    """Whatever the reason: here a file lies where a folder should be made."""
    result = ask("--probe", "broken.py", "--results", "blocked")
    assert result.status == 2
    assert [line.partition("/spam/")[0] for line in result.complaint] == [
        "error: results can't be written to blocked",
        "hint: free the disk, or choose another folder with --results DIR",
    ]


def test_an_index_that_refuses_every_connection(bisect: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host, port = listening.getsockname()
    result = bisect("--package", "spam", "--index-url", f"http://{host}:{port}/simple/", "--", "x")
    assert result.status == 4
    assert result.complaint == [
        f"error: {host}:{port} can't be reached (Connection refused), asked 4 times for spam",
        (
            "hint: check the network and the address (set by --index-url), "
            "or take another --index-url"
        ),
    ]


def test_an_index_that_fails_while_releases_are_installed(
    bisect: Command, index: LocalIndex
) -> None:
    """The index is to blame, no release: what was measured is kept, the rest is not stored."""
    index.add(plain("spam", "ggggg"))
    words = ("--probe", bisect.write("broken.py", BROKEN), "--assure", "0", "--jobs", "1")
    bisect.json(*words, "--max-probes", "2")
    index.fail(503, times=1000)
    failed = bisect(*words, UV_HTTP_RETRIES="0")
    assert failed.status == 4
    assert failed.complaint[0].startswith("error: 127.0.0.1:")
    assert "503" in failed.complaint[0]
    assert failed.complaint[1].startswith("hint: ")
    kept = len(bisect.stored())  # with what had been fetched ahead
    index.recover()
    finding = bisect.json(*words)
    cached = [m["cached"] for m in finding["measurements"]]
    assert 2 <= kept == sum(cached) < len(cached)
    assert {m["outcome"] for m in finding["measurements"]} == {"good"}


@pytest.mark.parametrize("status", [401, 403])
def test_an_index_that_wants_credentials_is_to_blame_itself(
    bisect: Command, index: LocalIndex, status: int
) -> None:
    index.add(plain("spam", "ggggg"))
    words = ("--probe", bisect.write("broken.py", BROKEN), "--assure", "0", "--jobs", "1")
    bisect("releases", "spam")
    index.fail(status, times=1000)
    result = bisect(*words)
    assert result.status == 4
    assert result.complaint[0].endswith(f" refuses to list spam ({status})")
    assert bisect.stored() == []


def test_a_package_that_never_installs_says_why(bisect: Command, index: LocalIndex) -> None:
    index.add(release("spam", f"1.{n}", "", dependencies=["nobody-laid"]) for n in range(3))
    result = bisect("--probe", bisect.write("broken.py", BROKEN), "--assure", "0")
    assert result.status == 3
    assert result.answer == "Undecided: none of the 3 releases of spam tried could be tested."
    assert "nobody-laid was not found in the package registry" in result.errors


def test_python_2_is_refused_in_one_line(ask: Command) -> None:
    found = list((Path.home() / ".pyenv" / "versions").glob("2.7.*/bin/python"))
    if not found:
        pytest.skip("needs Python 2.7 from pyenv")
    result = ask("--probe", "broken.py", "--python", str(found[0]))
    assert result.status == 2
    assert result.complaint == [
        f"error: {found[0]} is not a Python 3 that runs: Unknown option: -I",
        "hint: give --python a version like 3.12, or the path of an interpreter",
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("# /// script\n# [tool.bisector]\n# package = spam\n# ///\n", 3, "Invalid value"),
        ("# /// script\n# [tool.bisector]\nimport os\n", 1, "the metadata block is not closed"),
        (
            '# /// script\n# [tool.bisector]\n# package = "spam"\n# rnage = "<2"\n# ///\n',
            4,
            "unknown key 'rnage'; did you mean range?",
        ),
    ],
)
def test_broken_metadata_is_told_with_its_line(
    ask: Command, text: str, line: int, reason: str
) -> None:
    result = ask("--probe", ask.write("wrong.py", text))
    assert result.status == 2
    assert result.complaint == [
        f"error: wrong.py, line {line}: {reason}",
        "hint: the metadata is TOML in comments, from `# /// script` to `# ///` (PEP 723)",
    ]


def test_a_reader_that_goes_away_is_no_error(ask: Command) -> None:
    """As `bisect releases spam | head -1` has it."""
    running = ask.start("releases", "spam")
    assert running.stdout is not None
    running.stdout.close()
    assert running.stderr is not None
    with running.stderr as errors:
        assert errors.read() == ""
    assert running.wait(60) in (0, 141)


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (
            "table --stored --format html --memory",
            "--format html can't show --memory",
            "leave it out, or use --format text or markdown",
        ),
        (
            "report --stored --format json --output folder",
            "--output is a folder for files, and --format json is printed",
            "leave out the one or the other",
        ),
        (
            "--from a.txt --to b.txt --format osv -- true",
            "--format osv can't show what changed between two sets",
            "use --format text or json or markdown or junit or github",
        ),
    ],
)
def test_what_a_format_cannot_show_is_refused(
    ask: Command, words: str, error: str, hint: str
) -> None:
    result = ask(*words.split())
    assert result.status == 2
    assert result.complaint == [f"error: {error}", f"hint: {hint}"]
