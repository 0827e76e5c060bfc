"""A search where some of what it needs can't be had: no release's fault, and none is blamed."""

from __future__ import annotations

import dataclasses
import io
import os
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.command import Command, outcomes
from e2e.projects import BROKEN, plain
from local_index import LocalIndex, Response
from wheels import Built, wheel

Record = Callable[[str, object], None]

QUICK = {"UV_HTTP_RETRIES": "0"}


def path(version: str) -> str:
    return f"/files/spam-{version}-py3-none-any.whl"


def with_file(built: Built, name: str, content: bytes) -> Built:
    """The wheel with another file in it."""
    whole = io.BytesIO(built.content)
    with zipfile.ZipFile(whole, "a") as archive:
        archive.writestr(name, content)
    return dataclasses.replace(built, content=whole.getvalue())


@pytest.fixture
def searched(bisect: Command) -> tuple[str, ...]:
    return ("--probe", bisect.write("broken.py", BROKEN), "--assure", "0", "--no-attribution")


def test_what_cannot_be_had_is_measured_once_it_can(
    bisect: Command, index: LocalIndex, searched: tuple[str, ...], record_property: Record
) -> None:
    """Each release with a fault of its own; none ends the search, none is stored as bad."""
    history = plain("spam", "ggggggbbbbbb")
    history[7] = with_file(history[7], "eggs.egg-info/PKG-INFO", b"Metadata-Version: 2.1\n")
    history[8] = with_file(history[8], "eggs.egg-info/PKG-INFO", b"Name: \xff\xfe\n")
    index.add(history)
    other = wheel("spam", "1.4", {"spam.py": "BROKEN = True"}).content
    faults = {
        "1.1": Response(403),
        "1.2": Response(500),
        "1.4": Response(200, other),
        "1.6": Response(404),
        "1.9": Response(200, b"garbage"),
        "1.10": Response(200, history[10].content[:200]),
    }
    index.answers = {path(version): answer for version, answer in faults.items()}
    first = bisect.json(*searched, "--exhaustive", **QUICK)
    for version, answer in faults.items():
        what = f"{answer.status}, {len(answer.body)} bytes"
        record_property("fault", (f"a search: a file answers {what}", outcomes(first)[version]))
    expected = {f"1.{n}": "good" if n < 6 else "bad" for n in range(12)}
    assert outcomes(first) == {**expected, **dict.fromkeys(faults, "environment")}
    (change,) = first["transitions"]
    assert (change["last_good"], change["first_bad"]) == ("1.5", "1.7"), "an interval"
    assert change["untested"] == ["1.6"]
    assert [bisect.stored(version) for version in faults] == [[]] * len(faults)
    index.answers.clear()
    second = bisect.json(*searched, "--exhaustive", "--refresh", **QUICK)
    assert outcomes(second) == expected


def test_files_that_are_all_refused_are_no_release_s_fault(
    bisect: Command, index: LocalIndex, searched: tuple[str, ...], record_property: Record
) -> None:
    index.add(plain("spam", "gggbb"))
    index.answers = {".whl": Response(403)}
    result = bisect(*searched, **QUICK)
    record_property("fault", ("a search: all files answer 403", f"exit {result.status}"))
    assert result.status == 4
    assert result.complaint[0].startswith(
        "error: nothing could be installed, no release's fault: the installer can't use the index"
    )
    assert result.complaint[1].startswith("hint: what was measured is kept")
    assert bisect.stored() == []


def test_an_index_that_goes_down_ends_the_search(
    bisect: Command, index: LocalIndex, searched: tuple[str, ...]
) -> None:
    index.add(plain("spam", "gggbb"))
    assert bisect("releases", "spam").status == 0, "what is listed is known from now on"
    index.fail(503, times=10_000)
    result = bisect(*searched, **QUICK)
    assert result.status == 4
    assert "answers 503, asked 4 times for spam" in result.complaint[0]
    assert bisect.stored() == []
    index.recover()
    assert bisect(*searched, **QUICK).status == 0


def test_the_newest_release_s_metadata_may_be_what_is_missing(
    bisect: Command, index: LocalIndex, searched: tuple[str, ...]
) -> None:
    index.add(plain("spam", "gggbbb"))
    index.answers = {f"{path('1.5')}.metadata": Response(403), path("1.5"): Response(403)}
    found = bisect.json(*searched, **QUICK)
    (change,) = found["transitions"]
    assert (change["last_good"], change["first_bad"]) == ("1.2", "1.3")


@pytest.mark.parametrize(
    "wrong",
    [
        {"UV_CACHE_DIR": "/dev/null"},
        {"UV_CONFIG_FILE": "/nowhere/uv.toml"},
        {"UV_HTTP_TIMEOUT": "abc"},
        {"HTTP_PROXY": "http://127.0.0.1:9"},
    ],
    ids=str,
)
def test_settings_that_are_wrong_are_no_release_s_fault(
    bisect: Command,
    index: LocalIndex,
    searched: tuple[str, ...],
    wrong: dict[str, str],
    record_property: Record,
) -> None:
    index.add(plain("spam", "ggbb"))
    result = bisect(*searched, **{**QUICK, **wrong})
    record_property("fault", (f"a search: {wrong}", f"exit {result.status} {result.complaint}"))
    assert result.status in (2, 4)
    assert [line.partition(":")[0] for line in result.complaint] == ["error", "hint"]
    assert bisect.stored() == []
    assert bisect(*searched, **QUICK).answer.startswith("spam went bad in 1.2")


def test_a_file_that_hardly_comes_is_given_up_and_said(
    bisect: Command, index: LocalIndex, searched: tuple[str, ...]
) -> None:
    index.add(plain("spam", "gggbbb"))
    slow = Response(200, index._files["spam-1.3-py3-none-any.whl"].content, pause_s=1)
    index.answers = {path("1.3"): slow}
    result = bisect(*searched, "--jobs", "1", **QUICK, UV_HTTP_TIMEOUT="7")
    assert result.answer.startswith("spam went bad between 1.2 and 1.4 (1.3 untested)")
    assert "the installer has received next to nothing for" in result.errors
    assert "it is given up after 7 s" in result.errors


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_nothing_is_built_or_cloned_that_is_not_to_be(
    bisect: Command,
    index: LocalIndex,
    searched: tuple[str, ...],
    installer: str,
    record_property: Record,
) -> None:
    """Not even where a dependency, or the caller, names it by its address."""
    source = bisect.folder / "ham"
    source.mkdir()
    (source / "setup.py").write_text("open(__import__('os').environ['TRACE'], 'w')")
    trace = bisect.folder / "trace"
    index.add(plain("spam", "gb", dependencies=[f"ham @ {source.as_uri()}"]))
    result = bisect(*searched, "--installer", installer, **QUICK, PIP_RETRIES="0", TRACE=str(trace))
    record_property("fault", (f"{installer}: a dependency in a folder", f"exit {result.status}"))
    assert result.status == 3
    assert [run["reason"] for run in bisect.stored()] == ["install-failed"] * 2
    assert not trace.exists()


ODD: dict[str, tuple[list[str], int, str]] = {
    "an index that is empty": (["--index-url", ""], 2, "neither an address nor a folder"),
    "an index that is no address": (["--index-url", "nowhere"], 2, "neither an address nor"),
    "pins that nobody writes": (["--from", "PIPE", "--to", "PIPE"], 2, "nothing is in it"),
    "pins that never end": (["--from", "/dev/zero", "--to", "PIPE"], 2, "doesn't end"),
    "pins that are a folder": (["--from", "/", "--to", "PIPE"], 2, "can't be read"),
    "a range of 5,000 digits": (["--range", f"=={'9' * 5000}"], 2, "not a version specifier"),
    "a case with NUL in it": (["--probe", "CASE[a\\u0000b]"], 2, "can be printed"),
    "a case of 300 characters": (["--probe", f"CASE[{'a' * 300}]"], 2, "can be printed"),
}


@pytest.mark.parametrize("done", ODD)
def test_odd_inputs_are_errors_that_say_what_to_do(
    bisect: Command, index: LocalIndex, done: str, record_property: Record
) -> None:
    index.add(plain("spam", "gb"))
    os.mkfifo(bisect.folder / "PIPE")
    words, status, complaint = ODD[done]
    if words[0] == "--probe":
        case = words[1][5:-1]
        metadata = f'[tool.bisector]\n# package = "spam"\n# cases = ["{case}"]'
        bisect.write("case.py", BROKEN.replace('[tool.bisector]\n# package = "spam"', metadata))
        words = ["--probe", "case.py"]
    else:
        words = [*words, "--package", "spam", "--", "python", "-c", "import spam"]
    if "--from" in words:
        words = [word for word in words if word not in ("--package", "spam")]
    result = bisect(*words)
    record_property("fault", (f"the command: {done}", f"exit {result.status} {result.complaint}"))
    assert result.status == status
    assert complaint in " ".join(result.complaint)
    assert [line.partition(":")[0] for line in result.complaint] == ["error", "hint"]


def test_a_pipe_that_somebody_writes_is_read(tmp_path: Path) -> None:
    """As a shell has it for `--from <(pip freeze)`."""
    from bisector.environment.interpreter import find
    from bisector.inputs.locks.files import read

    os.mkfifo(tmp_path / "pipe")

    def write() -> None:
        with (tmp_path / "pipe").open("w") as pipe:
            pipe.write("eggs==1.0\n")
            pipe.flush()
            time.sleep(0.2)
            pipe.write("ham==2.0\n")

    writing = threading.Thread(target=write)
    held = os.open(tmp_path / "pipe", os.O_RDWR | os.O_NONBLOCK)
    writing.start()
    releasing = threading.Timer(0.5, os.close, [held])
    releasing.start()
    assert read(tmp_path / "pipe", find()).requirements == ("eggs==1.0", "ham==2.0")
    writing.join()


def test_a_folder_from_elsewhere_is_not_copied(bisect: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "gb"))
    result = bisect("--package", "spam", "--isolated", "--", "python", "/etc")
    assert result.status == 2
    assert result.complaint[0] == (
        "error: --isolated would copy all of /etc, which lies outside the current folder"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_what_is_all_stored_needs_no_folder_that_can_be_written(
    bisect: Command, index: LocalIndex, searched: tuple[str, ...]
) -> None:
    index.add(plain("spam", "gb"))
    first = bisect(*searched)
    for folder, _, _ in os.walk(bisect.results):
        Path(folder).chmod(0o555)
    second = bisect(*searched)
    for folder, _, _ in os.walk(bisect.results):
        Path(folder).chmod(0o755)
    assert (second.status, second.answer) == (first.status, first.answer)
