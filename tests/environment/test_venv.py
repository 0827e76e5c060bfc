"""A throw-away environment: empty but for the harness, and what is installed in it."""

from __future__ import annotations

import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from wheels import Built, wheel

from bisector.environment.installed import differing
from bisector.environment.interpreter import find
from bisector.environment.venv import Environment, _generation, copy, empty, make, move
from bisector.errors import InstallerError
from bisector.model import Distribution
from bisector.run import records


@pytest.fixture
def made(tmp_path: Path) -> Environment:
    return make(tmp_path / "env", find())


def put(into: Environment, *built: Built) -> None:
    """Install pure wheels as an installer does, without one."""
    for one in built:
        with zipfile.ZipFile(BytesIO(one.content)) as archive:
            archive.extractall(into.site_packages)


def test_it_is_empty_but_for_the_harness(made: Environment) -> None:
    assert made.distributions({}) == ()
    assert made.python.is_file()
    names = {p.name for p in made.site_packages.iterdir() if "virtualenv" not in p.name}
    assert names == {"_bisector_harness.py", "_bisector_harness.pth"}


def test_its_python_runs_and_sees_only_what_is_in_it(made: Environment) -> None:
    command = [str(made.python), "-c", "import sys; print(sys.prefix); import bisector"]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env={})
    assert done.stdout.strip() == str(made.prefix)
    assert "No module named 'bisector'" in done.stderr


def test_what_is_installed_is_told_with_the_hash_of_its_wheel(made: Environment) -> None:
    spam = wheel("Spam.Eggs", "1.0")
    ham = wheel("ham", "2.0", tags=["py2-none-any", "py3-none-any"])
    put(made, spam, ham)
    wheels = {
        spam.filename: "a" * 64,
        "ham-2.0-cp310-cp310-win32.whl": "d" * 64,
        ham.filename: "b" * 64,
    }
    assert made.distributions(wheels) == (
        Distribution("ham", "2.0", "b" * 64),
        Distribution("spam-eggs", "1.0", "a" * 64),
    )
    assert [d.sha256 for d in made.distributions({})] == [None, None]


def test_the_modules_of_a_package_are_those_of_its_record(made: Environment) -> None:
    put(made, wheel("spam", "1.0", {"spam.py": "", "other/__init__.py": "", "_x.pyd": ""}))
    assert made.modules("spam") == {"spam", "other", "_x"}
    assert made.modules("ham") == frozenset()


def test_of_a_namespace_package_they_are_those_below(made: Environment) -> None:
    files = {"eggs/spam/__init__.py": "", "eggs/spam/deep/__init__.py": "", "eggs/ham.py": ""}
    put(made, wheel("eggs-spam", "1.0", {**files, "eggs/spam/data/x.txt": ""}))
    assert made.modules("eggs-spam") == {"eggs.spam", "eggs.ham"}


@pytest.fixture
def scripted(made: Environment) -> Environment:
    """An environment with a module and with a script that names its interpreter."""
    put(made, wheel("spam", "1.0", {"spam.py": "X = 1"}))
    script = made.scripts / "spam"
    script.write_text(f"#!{made.python}\nimport sys, spam\nprint(sys.prefix, spam.__file__)\n")
    script.chmod(0o755)
    return made


def test_it_can_lie_behind_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (linked := tmp_path / "linked").symlink_to(tmp_path / "real")
    copied = copy(empty(linked / "kept", find()), linked / "copy")
    done = subprocess.run([str(copied.python), "-c", ""], check=False, env={})
    assert done.returncode == 0
    assert [path.name for path in (linked / "kept").iterdir()] == [f"template-{_generation()}"]


def test_one_that_was_moved_names_its_new_place(scripted: Environment, tmp_path: Path) -> None:
    moved = move(scripted, tmp_path / "elsewhere" / "env")
    assert not scripted.prefix.exists()
    assert moved.distributions({})
    done = subprocess.run([str(moved.scripts / "spam")], capture_output=True, text=True, env={})
    assert done.stdout.split() == [str(moved.prefix), str(moved.site_packages / "spam.py")]


def test_a_copy_that_has_no_room_is_one_clear_error(scripted: Environment, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(InstallerError) as caught:
        copy(scripted, tmp_path / "a file" / "copy")
    assert caught.value.message.startswith("no environment could be made at")


def test_dependencies_that_are_not_as_held_are_told() -> None:
    installed = (
        Distribution("eggs", "1.0"),
        Distribution("ham", "1.0"),
        Distribution("spam", "1.0"),
        Distribution("toast", "1.0"),
    )
    held = ("ham==2.0", "Eggs==1.0", "spam==2.0", "not a requirement", "unused==1")
    assert differing(installed, held, "spam") == ("ham 1.0 (held: 2.0)",)


def test_what_is_held_by_a_range_or_an_address_is_as_held() -> None:
    installed = (Distribution("eggs", "1.0b1"), Distribution("ham", "1.0"), Distribution("x", "2"))
    held = ("eggs<2", "ham @ https://index.example/ham-1.0-py3-none-any.whl", "x<2")
    assert differing(installed, held, "spam") == ("x 2 (held: <2)",)


@pytest.mark.parametrize("name", ["a file", "with:colon"])
def test_a_place_that_is_refused_is_one_clear_error(tmp_path: Path, name: str) -> None:
    """virtualenv exits, instead of raising, where it doesn't like a path."""
    (tmp_path / "a file").touch()
    with pytest.raises(InstallerError) as caught:
        make(tmp_path / name / "env", find())
    assert caught.value.message.startswith(f"no environment could be made at {tmp_path / name}")
    assert caught.value.exit_code == 4


def test_an_empty_one_is_kept_and_made_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        kept = {one.result() for one in [pool.submit(empty, tmp_path, find()) for _ in range(4)]}
    assert len(kept) == len(list(tmp_path.iterdir())) == 1
    copied = copy(kept.pop(), tmp_path / "copy")
    assert copied.distributions({}) == ()
    assert (copied.site_packages / "_bisector_harness.py").is_file()
    done = subprocess.run(
        [str(copied.python), "-c", "import sys; print(sys.prefix)"],
        capture_output=True,
        text=True,
        env={},
    )
    assert done.stdout.strip() == str(tmp_path / "copy")


def test_an_empty_one_has_the_harness_of_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = empty(tmp_path, find())
    monkeypatch.setattr(records, "harness", lambda: b"another = True")
    _generation.cache_clear()
    after = empty(tmp_path, find())
    _generation.cache_clear()
    for made, text in ((before, "BISECTOR_RECORDS"), (after, "another = True")):
        assert text in (made.site_packages / "_bisector_harness.py").read_text()


def test_an_empty_one_that_cant_be_kept_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(InstallerError):
        empty(tmp_path / "a file", find())
