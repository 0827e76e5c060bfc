"""Finding the Python that environments are made from, and which wheels it takes."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest
from packaging import tags
from packaging.version import Version

from bisector.environment.interpreter import describe, find, installed
from bisector.errors import UsageError

HINT = "give --python a version like 3.12, or the path of an interpreter"


def other() -> Path:
    """An interpreter of another series than this one, from pyenv."""
    series = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = sorted((Path.home() / ".pyenv" / "versions").glob("3.*/bin/python"))
    found = [p for p in found if not p.parts[-3].startswith(series) and p.parts[-3] >= "3.10"]
    if not found:
        pytest.skip("needs another Python, from pyenv")
    return found[0]


def test_by_default_it_is_the_one_that_runs() -> None:
    found = find()
    assert found.executable == sys.executable
    assert found.version == platform.python_version()
    assert found.implementation == sys.implementation.name
    assert found.tags == tuple(dict.fromkeys(map(str, tags.sys_tags())))
    assert found.series == ".".join(found.version.split(".")[:2])


def test_its_own_series_is_the_one_that_runs() -> None:
    assert find(f"{sys.version_info[0]}.{sys.version_info[1]}").executable == sys.executable


def test_another_is_found_by_series_by_version_and_by_path() -> None:
    path = other()
    version = path.parts[-3]
    series = ".".join(version.split(".")[:2])
    assert find(series).version.startswith(f"{series}.")
    assert find(version).version == version
    assert find(str(path)) == describe(str(path))


def test_the_tags_of_another_are_its_own() -> None:
    """As it would compute them for itself: its own ABI first, and never that of this one."""
    found = describe(str(other()))
    short = "cp" + found.series.replace(".", "")
    assert found.tags[0].startswith(f"{short}-{short}")
    mine = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    assert not any(tag.startswith(f"{mine}-{mine}") for tag in found.tags)
    assert "py3-none-any" in found.tags
    assert f"{short}-none-any" in found.tags


def test_a_link_to_it_is_not_resolved(tmp_path: Path) -> None:
    """What a virtual environment's link leads to is another Python than the link."""
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    assert find(str(link)).executable == str(link)


def test_a_path_below_the_home_may_begin_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "python").symlink_to(sys.executable)
    assert find("~/python").executable == str(tmp_path / "python")


@pytest.mark.parametrize(
    ("wanted", "message", "hint"),
    [
        ("/no/python", "there is no Python at /no/python", HINT),
        ("three", "there is no Python at three", HINT),
        (
            "3.99",
            "no Python 3.99 was found here",
            "get one with `uv python install 3.99`, or give a path: --python /path/to/python",
        ),
    ],
)
def test_what_is_not_there_is_one_clear_error(wanted: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        find(wanted)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize("printed", ["", "hello", '"text"', "{}"])
def test_what_is_no_python_is_one_clear_error(tmp_path: Path, printed: str) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho 'no\nway' >&2\necho '{printed}'\n")
    program.chmod(0o755)
    with pytest.raises(UsageError) as caught:
        find(str(program))
    assert caught.value.message == f"{program} is not a Python 3 that runs: no"
    assert caught.value.hint == HINT


def test_those_installed_are_one_of_each_release_in_their_order() -> None:
    """The one that runs is the one of its release; others are those that are found one by one."""
    found = installed()
    versions = [Version(python.version) for python in found]
    assert versions == sorted(set(versions))
    assert all(python.implementation == "cpython" for python in found)
    assert find() in found
    assert describe(str(other())).version in [python.version for python in found]


def test_what_does_not_run_is_no_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "versions" / "3.12.99" / "bin" / "python"
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert str(broken) not in [python.executable for python in installed()]
