from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from local_index import LocalIndex

from bisector.errors import UsageError
from bisector.settings import (
    IndexSource,
    Surroundings,
    cache_dir,
    index_url,
    uv_looks_around,
    uv_state,
    without_credentials,
)

DEFAULT_ORIGIN = ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


class Machine:
    """A machine with nothing set, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ: dict[str, str] = {}
        self.platform = "linux"

    def write(self, path: str, text: str) -> str:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return str(file)

    @property
    def around(self) -> Surroundings:
        return Surroundings(
            self.environ,
            self.folder / "home",
            self.folder / "root",
            self.folder / "venv",
            self.platform,
        )

    def index(self) -> tuple[str, str]:
        """The name in the address found, which is that of the setting it stands in."""
        found = index_url(None, self.around)
        return found.url.removeprefix("https://").removesuffix("/simple"), found.origin


def test_by_default_it_is_the_index_that_distlib_knows(machine: Machine) -> None:
    found = index_url(None, machine.around)
    assert found.url.startswith("https://")
    assert found.url.endswith("/simple/")
    assert found.origin == DEFAULT_ORIGIN


def test_the_argument_counts_before_all(machine: Machine) -> None:
    machine.environ = {"UV_DEFAULT_INDEX": "https://uv/simple"}
    found = index_url("https://argument/simple", machine.around)
    assert found == IndexSource("https://argument/simple", "--index-url")


def test_every_setting_in_its_order(machine: Machine) -> None:
    """Each is what is found once all that count more are taken away."""

    def uv(name: str) -> str:
        return (
            f'index-url = "https://{name}-old/simple"\n'
            f'[pip]\nindex-url = "https://{name}-pip/simple"\n'
            f'[[index]]\nurl = "https://{name}-extra/simple"\n'
            f'[[index]]\nurl = "https://{name}-default/simple"\ndefault = true\n'
        )

    def pip(name: str) -> str:
        return (
            f"[global]\nindex-url = https://{name}-global/simple\n"
            f"[install]\nindex_url = https://{name}-install/simple\n"
        )

    variables = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
    machine.environ = {name: f"https://{name}/simple" for name in variables}
    machine.write("home/.config/uv/uv.toml", uv("user"))
    machine.write("root/etc/xdg/uv/uv.toml", uv("system"))
    machine.write("root/etc/uv/uv.toml", uv("shadowed"))
    uv_files = [
        f"{user}-{kind}" for kind in ("default", "pip", "old") for user in ("user", "system")
    ]
    pip_paths = {
        "site": "venv/pip.conf",
        "user": "home/.config/pip/pip.conf",
        "legacy": "home/.pip/pip.conf",
        "etc": "root/etc/pip.conf",
        "xdg": "root/etc/xdg/pip/pip.conf",
    }
    for name, path in pip_paths.items():
        machine.write(path, pip(name))
    pip_files = [f"{name}-{section}" for section in ("install", "global") for name in pip_paths]
    expected = ["UV_DEFAULT_INDEX", "UV_INDEX_URL", *uv_files, "PIP_INDEX_URL", *pip_files]
    files = [path for path in machine.folder.rglob("*.*") if path.is_file()]
    for name in expected:
        found, origin = machine.index()
        assert found == name
        machine.environ.pop(name, None)
        for file in files:  # an empty setting counts as none
            file.write_text(file.read_text().replace(f"https://{name}/simple", ""))
        assert origin == name or Path(origin) in files
    assert machine.index()[1] == DEFAULT_ORIGIN


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("name=https://uv/simple", "uv"),
        ("https://uv/simple", "uv"),
        ("", "nothing"),
    ],
)
def test_uv_names_its_indexes(machine: Machine, variable: str, expected: str) -> None:
    machine.environ = {"UV_DEFAULT_INDEX": variable, "UV_INDEX_URL": "https://nothing/simple"}
    assert machine.index()[0] == expected


def test_uv_is_told_which_file_to_read(machine: Machine) -> None:
    machine.write("home/.config/uv/uv.toml", 'index-url = "https://user/simple"')
    named = machine.write("named.toml", 'index-url = "https://named/simple"')
    machine.environ = {"UV_CONFIG_FILE": named}
    assert machine.index() == ("named", named)
    machine.environ = {"UV_NO_CONFIG": "1"}
    assert machine.index()[1] == DEFAULT_ORIGIN
    moved = machine.write("moved/uv/uv.toml", 'index-url = "https://moved/simple"')
    machine.environ = {"XDG_CONFIG_HOME": str(machine.folder / "moved")}
    assert machine.index() == ("moved", moved)


def test_a_file_named_to_pip_stands_in_for_the_users(machine: Machine) -> None:
    machine.write("home/.config/pip/pip.conf", "[install]\nindex-url = https://user/simple")
    machine.write("venv/pip.conf", "[global]\nindex-url = https://site/simple")
    named = machine.write("named.conf", "[global]\nindex-url = https://named/simple")
    assert machine.index()[0] == "user"
    machine.environ = {"PIP_CONFIG_FILE": named}
    assert machine.index() == ("named", named)
    machine.environ = {"PIP_CONFIG_FILE": os.devnull}
    assert machine.index()[1] == DEFAULT_ORIGIN


def test_pip_on_a_mac(machine: Machine) -> None:
    machine.platform = "darwin"
    machine.write("root/Library/Application Support/pip/pip.conf", conf("system"))
    assert machine.index()[0] == "system"
    machine.write("home/.config/pip/pip.conf", conf("dot-config"))
    assert machine.index()[0] == "dot-config"
    machine.write("home/Library/Application Support/pip/pip.conf", conf("support"))
    assert machine.index()[0] == "support"


def conf(name: str) -> str:
    return f"[global]\nindex-url = https://{name}/simple\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("home/.config/uv/uv.toml", "index-url"),
        ("home/.config/uv/uv.toml", "pip = 1"),
        ("home/.config/uv/uv.toml", "index = 1"),
        ("home/.config/uv/uv.toml", "index = {}\npip = []"),
        ("home/.config/uv/uv.toml", 'index = ["x"]'),
        ("venv/pip.conf", "index-url https://me:secret@host"),
        ("venv/pip.conf", "[global]\nindex-url secret"),
        ("venv/pip.conf", "[global]\nx = 1\nx = 2"),
    ],
)
def test_a_broken_file_is_named(machine: Machine, path: str, text: str) -> None:
    written = machine.write(path, text)
    with pytest.raises(UsageError, match="can't be read") as error:
        machine.index()
    assert error.value.message.startswith(written)
    assert "secret" not in error.value.message


def test_a_folder_is_an_index(machine: Machine) -> None:
    folder = machine.folder / "a folder"
    folder.mkdir()
    assert index_url(str(folder), machine.around).url == folder.as_uri()
    assert index_url("file:///pages", machine.around).url == "file:///pages"


@pytest.mark.parametrize("value", ["no such folder", "ftp://x/", "host:8080/simple", "http://[/"])
def test_an_address_that_is_none_is_told(value: str) -> None:
    with pytest.raises(UsageError, match="set by --index-url"):
        index_url(value)


def test_credentials_are_not_shown() -> None:
    source = IndexSource("https://me:s@cr@t@host:8/simple?x#y", "--index-url")
    assert source.shown == "https://host:8/simple?x#y"
    assert "cr" not in repr(source)
    assert "secret" not in repr(Surroundings({"TOKEN": "secret"}))
    assert without_credentials("file:///a@b") == "file:///a@b"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "home/.cache/bisector"),
        ({"XDG_CACHE_HOME": "{}/xdg"}, "xdg/bisector"),
        ({"XDG_CACHE_HOME": "relative"}, "home/.cache/bisector"),
        ({"XDG_CACHE_HOME": "{}/xdg", "UV_CACHE_DIR": "{}/uvs/cache"}, "uvs/bisector"),
        ({"UV_CACHE_DIR": ""}, "home/.cache/bisector"),
    ],
)
@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_the_cache_is_beside_that_of_uv(
    machine: Machine, environ: dict[str, str], expected: str, platform: str
) -> None:
    machine.platform = platform
    machine.environ = {name: value.format(machine.folder) for name, value in environ.items()}
    assert cache_dir(machine.around) == machine.folder / expected


def test_the_cache_is_beside_the_one_that_uv_is_configured_for(machine: Machine) -> None:
    machine.write("home/.config/uv/uv.toml", f'cache-dir = "{machine.folder}/big/uv"')
    assert cache_dir(machine.around) == machine.folder / "big/bisector"


def test_the_cache_is_beside_an_old_one_on_a_mac(machine: Machine) -> None:
    (machine.folder / "home/Library/Caches/uv").mkdir(parents=True)
    assert cache_dir(machine.around) == machine.folder / "home/.cache/bisector"
    machine.platform = "darwin"
    assert cache_dir(machine.around) == machine.folder / "home/Library/Caches/bisector"


def test_the_cache_is_absolute_and_in_a_mount_point(machine: Machine) -> None:
    machine.environ = {"UV_CACHE_DIR": "relative/uv"}
    assert cache_dir(machine.around) == Path.cwd() / "relative/bisector"
    machine.environ = {"UV_CACHE_DIR": "/"}
    assert cache_dir(machine.around) == Path("/bisector")


@pytest.mark.parametrize("kind", ["default", "pip", "old", "system"])
def test_uv_itself_asks_the_same_index(machine: Machine, kind: str) -> None:
    from uv import find_uv_bin

    with LocalIndex() as right, LocalIndex() as wrong:
        old, default = f'index-url = "{right.url}"\n', ""
        if kind != "old":
            old = f'index-url = "{wrong.url}"\n'
            default = f'[pip]\nindex-url = "{right.url if kind == "pip" else wrong.url}"\n'
        if kind == "default":
            default += f'[[index]]\nurl = "{right.url}"\ndefault = true\n'
        machine.write("home/.config/uv/uv.toml", old + default)
        if kind == "system":
            machine.write("xdg/uv/uv.toml", f'[[index]]\nurl = "{right.url}"\ndefault = true\n')
        machine.environ = {"XDG_CONFIG_DIRS": str(machine.folder / "xdg")}
        assert index_url(None, machine.around).url == right.url
        environ = {**machine.environ, "HOME": str(machine.folder / "home"), "PATH": os.defpath}
        command = [
            find_uv_bin(),
            "pip",
            "install",
            "--dry-run",
            "--python",
            sys.executable,
            "no-such",
        ]
        subprocess.run(command, env=environ, capture_output=True, check=False, timeout=60)
        assert (right.count(), wrong.count()) == (1, 0)
        shown = [find_uv_bin(), "cache", "dir"]
        cache = subprocess.run(shown, env=environ, capture_output=True, check=True, timeout=60)
        assert cache_dir(machine.around) == Path(cache.stdout.decode().strip()).parent / "bisector"


def test_the_state_of_uv_changes_with_every_setting(machine: Machine) -> None:
    seen = [uv_state(machine.around)]
    machine.environ = {"HOME": "elsewhere", "HTTPS_PROXY": "http://proxy"}
    assert uv_state(machine.around) == seen[0]
    for change in (
        lambda: machine.environ.update(UV_PRERELEASE="allow"),
        lambda: machine.environ.update(UV_PRERELEASE="disallow"),
        lambda: machine.write("home/.config/uv/uv.toml", ""),
        lambda: os.utime(machine.folder / "home/.config/uv/uv.toml", (1, 1)),
    ):
        change()
        assert uv_state(machine.around) not in seen
        seen.append(uv_state(machine.around))
    machine.environ["UV_CONSTRAINT"] = "held.txt"
    assert uv_state(machine.around) == ""


@pytest.mark.parametrize(
    ("environ", "does"),
    [
        ({}, True),
        ({"UV_NO_CONFIG": "0", "UV_CONFIG_FILE": ""}, True),
        ({"UV_NO_CONFIG": "1"}, False),
        ({"UV_CONFIG_FILE": "uv.toml"}, False),
    ],
)
def test_uv_looks_around_where_nothing_keeps_it_from_that(
    machine: Machine, environ: dict[str, str], *, does: bool
) -> None:
    machine.environ = environ
    assert uv_looks_around(machine.around) is does


def test_threads_that_look_for_uv_at_once_all_find_it() -> None:
    code = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from bisector.settings import uv_program
sys.setswitchinterval(1e-6)
start = threading.Barrier(8)
def find(_):
    start.wait()
    return uv_program()
with ThreadPoolExecutor(8) as pool:
    assert len(set(pool.map(find, range(8)))) == 1
"""
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code], check=True)
