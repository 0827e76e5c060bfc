"""Bytecode that is compiled once for all environments: never another than the source has."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import subprocess
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from wheels import Modules, wheel

from bisector.environment import bytecode
from bisector.environment.bytecode import supply
from bisector.environment.interpreter import find
from bisector.environment.venv import Environment, make, state
from bisector.errors import UsageError

PYTHON = find()
Installed = Callable[[Modules], Environment]


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    """Installs modules in a new environment, and puts bytecode beside them."""
    numbers = iter(range(9))

    def install(modules: Modules) -> Environment:
        made = make(tmp_path / f"env-{next(numbers)}", PYTHON)
        with zipfile.ZipFile(BytesIO(wheel("spam", "1.0", modules).content)) as archive:
            archive.extractall(made.site_packages)
        supply(made, PYTHON, tmp_path / "cache", tmp_path, linked=True)
        return made

    return install


def kept(tmp_path: Path) -> set[Path]:
    """All bytecode that is kept; that of the harness is always."""
    return {path for path in (tmp_path / "cache").rglob("*") if path.is_file()}


def cached(made: Environment, module: str = "spam") -> Path:
    return made.site_packages / "__pycache__" / f"{module}.{PYTHON.cache_tag}.pyc"


def said(made: Environment, code: str) -> str:
    done = subprocess.run([str(made.python), "-c", code], capture_output=True, text=True, env={})
    return done.stdout + done.stderr


def test_what_is_installed_is_there_compiled(installed: Installed) -> None:
    made = installed({"spam.py": "print('spam')", "eggs/__init__.py": "", "eggs/ham.py": "X = 1"})
    before = {path: path.stat().st_ino for path in made.site_packages.rglob("*.pyc")}
    assert {path.name.partition(".")[0] for path in before} >= {"spam", "__init__", "ham"}
    assert said(made, "import spam, eggs.ham") == "spam\n"
    assert {path: path.stat().st_ino for path in before} == before


@pytest.mark.parametrize("version", [None, "3.9"])
def test_so_is_what_every_environment_has(tmp_path: Path, version: str | None) -> None:
    """virtualenv puts a module of its own into those of old Pythons."""
    try:
        python = find(version)
    except UsageError:
        pytest.skip(f"no Python {version} here")
    made = make(tmp_path / "env", python)
    supply(made, python, tmp_path / "cache", tmp_path, linked=True)
    before = state(made)
    environ = {"BISECTOR_RECORDS": str(tmp_path)}
    subprocess.run([str(made.python), "-c", "import _bisector_harness"], env=environ, check=True)
    assert state(made) == before


def test_what_releases_have_in_common_is_compiled_once(
    installed: Installed, tmp_path: Path
) -> None:
    first = installed({"spam.py": "X = 1", "eggs.py": "Y = 1"})
    known = kept(tmp_path)
    second = installed({"spam.py": "X = 1", "eggs.py": "Y = 2"})
    assert len(kept(tmp_path) - known) == 1
    assert cached(first).samefile(cached(second))
    assert said(second, "import spam, eggs; print(spam.X, eggs.Y)") == "1 2\n"


def test_code_knows_the_file_that_it_is_in(installed: Installed) -> None:
    source = "def fail():\n    raise ValueError"
    for made in (installed({"spam.py": source}), installed({"spam.py": source})):
        assert f'File "{made.site_packages}/spam.py", line 2' in said(
            made, "import spam; spam.fail()"
        )


def test_a_source_that_was_changed_is_compiled_anew(installed: Installed) -> None:
    made, other = installed({"spam.py": "X = 1"}), installed({"spam.py": "X = 1"})
    (made.site_packages / "spam.py").write_text("X = 2")
    assert said(made, "import spam; print(spam.X)") == "2\n"
    assert said(other, "import spam; print(spam.X)") == "1\n"


def test_a_record_that_lies_leads_nobody_astray(tmp_path: Path, installed: Installed) -> None:
    installed({"spam.py": "X = 1"})
    made = make(tmp_path / "lying", PYTHON)
    (made.site_packages / "spam.py").write_text("X = 2")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"X = 1").digest()).decode().rstrip("=")
    info = made.site_packages / "spam-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text(f"spam.py,sha256={digest},5\n")
    supply(made, PYTHON, tmp_path / "cache", tmp_path, linked=True)
    assert said(made, "import spam; print(spam.X)") == "2\n"


def test_nothing_outside_the_environment_is_touched(tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("X = 1")
    made = make(tmp_path / "env", PYTHON)
    info = made.site_packages / "spam-1.0.dist-info"
    info.mkdir()
    hashed = f"sha256={'A' * 43}"
    up = "../" * len(made.site_packages.parts)
    (info / "RECORD").write_text(
        f"{up}{tmp_path}/outside.py,{hashed},5\n{tmp_path}/outside.py,{hashed},5\n"
        f"spam.py,sha256=../../{'A' * 37},5\nno record\n\n"
    )
    supply(made, PYTHON, tmp_path / "cache", tmp_path, linked=True)
    assert len(kept(tmp_path)) == 1
    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize(
    ("source", "complaint"), [("X = 1 is 1", "SyntaxWarning"), ("X = ", "SyntaxError")]
)
def test_what_python_complains_about_it_complains_about_in_each_run(
    installed: Installed, source: str, complaint: str
) -> None:
    for _ in range(2):
        made = installed({"spam.py": source, "eggs.py": "X = 1"})
        assert complaint in said(made, "import spam")
        assert said(made, "import eggs; print(eggs.X)") == "1\n"


def test_of_a_large_distribution_nothing_is_compiled(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bytecode, "WORTH_BYTES", 100)
    made = installed({"spam.py": "X = 1\n" * 10, "eggs.py": "X = 1\n" * 10})
    assert len(kept(tmp_path)) == 1
    assert not cached(made).exists()


def test_where_nothing_can_be_linked_it_is_copied(
    installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "link", refuse)
    for _ in range(2):
        made = installed({"spam.py": "X = 1"})
        assert cached(made).read_bytes()
        assert said(made, "import spam; print(spam.X)") == "1\n"


def test_a_module_that_was_recorded_and_not_installed_is_passed_over(
    installed: Installed, tmp_path: Path
) -> None:
    installed({"eggs/spam.py": "X = 1"})
    made = make(tmp_path / "env", PYTHON)
    info = made.site_packages / "spam-1.0.dist-info"
    info.mkdir()
    names = sorted(path.name for path in kept(tmp_path))
    info.joinpath("RECORD").write_text("".join(f"gone/x.py,sha256={n},5\n" for n in names))
    supply(made, PYTHON, tmp_path / "cache", tmp_path, linked=True)
    assert not (made.site_packages / "gone").exists()


def test_what_another_compiled_already_is_left(tmp_path: Path) -> None:
    made = make(tmp_path / "env", PYTHON)
    with zipfile.ZipFile(BytesIO(wheel("spam", "1.0", {"spam.py": "X = 1"}).content)) as archive:
        archive.extractall(made.site_packages)
    subprocess.run([str(made.python), "-c", "import spam"], check=True, env={})
    before = cached(made).read_bytes()
    supply(made, PYTHON, tmp_path / "cache", tmp_path, linked=True)
    assert cached(made).read_bytes() == before
