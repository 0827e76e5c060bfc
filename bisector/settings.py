"""Where things are: the package index to ask, and the folder to cache in.

Both follow what uv and pip have been told already, so that nothing needs to be said twice.
"""

from __future__ import annotations

import hashlib
import os
import pkgutil
import re
import sys
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from uv import find_uv_bin

from bisector.errors import IndexUnavailableError, UsageError

_FINDING = threading.Lock()

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FRESH = timedelta(minutes=10)
"""How long a listing, and what was resolved from it, is used without asking the index again."""

PATIENCE_S = 30.0
"""How long an index is waited for that sends nothing."""

_UV_FILES_OF_ITS_USER = (
    "UV_BUILD_CONSTRAINT",
    "UV_CONSTRAINT",
    "UV_ENV_FILE",
    "UV_EXCLUDE",
    "UV_FIND_LINKS",
    "UV_OVERRIDE",
)


@dataclass(frozen=True, slots=True)
class IndexSource:
    """A package index, and which setting named it; none did where ``origin`` is empty.

    ``url`` may carry credentials; it is for clients. ``shown`` never does; it is for people,
    files and error messages.
    """

    url: str = field(repr=False)
    origin: str

    @property
    def shown(self) -> str:
        """The address without credentials."""
        return without_credentials(self.url)

    @property
    def set_by(self) -> str:
        """What set it, for people."""
        return f"set by {self.origin}" if self.origin else "the default one"

    def without(self, project: str) -> IndexUnavailableError:
        """The error that it has no such project."""
        return IndexUnavailableError(
            f"there is no project {project} on {self.shown}",
            f"check the spelling, and the index ({self.set_by}); --index-url names another",
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the settings are looked up in; by default, where this process runs."""

    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    home: Path = field(default_factory=Path.home)
    root: Path = Path("/")
    prefix: Path = field(default_factory=lambda: Path(sys.prefix))
    platform: str = sys.platform

    def folders(self, variable: str, *default: Path) -> list[Path]:
        """The absolute folders that an XDG variable lists, or the default ones."""
        listed = map(Path, self.environ.get(variable, "").split(os.pathsep))
        return [folder for folder in listed if folder.is_absolute()] or list(default)


def without_credentials(url: str) -> str:
    """The address without the ``user:password@`` that it may carry."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def index_url(explicit: str | None = None, around: Surroundings | None = None) -> IndexSource:
    """The index to ask: ``explicit`` if given, else uv's setting, else pip's, else the default."""
    if explicit is not None:
        return _source(explicit, "--index-url")
    settings = _index_settings(around or Surroundings())
    return next(_source(value, origin) for value, origin in settings if value)


def uv_program() -> str:
    """Return the path of uv; raises FileNotFoundError where there is none.

    One thread at a time: it asks sysconfig, whose variables are None to a thread that asks while
    another reads them for the first time (https://github.com/python/cpython/issues/92452).
    """
    with _FINDING:
        return find_uv_bin()


def uv_looks_around(around: Surroundings | None = None) -> bool:
    """Whether uv reads the settings in the folder that it runs in, as it does by default."""
    around = around or Surroundings()
    return not (_without_files(around) or around.environ.get("UV_CONFIG_FILE"))


def uv_state(around: Surroundings | None = None) -> str:
    """A digest that changes where uv is set up otherwise, by variables or in its files.

    Empty where other files count, whose content may change: of constraints, say, or of wheels.
    """
    around = around or Surroundings()
    variables = {n: v for n, v in around.environ.items() if n.startswith("UV_")}
    if any(variables.get(name) for name in _UV_FILES_OF_ITS_USER):
        return ""
    times = [(str(path), path.stat().st_mtime_ns) for path in _uv_files(around) if path.is_file()]
    return hashlib.sha256(repr((sorted(variables.items()), times)).encode()).hexdigest()


def patience_s(around: Surroundings | None = None) -> float:
    """How long an index is waited for that sends nothing: ``UV_HTTP_TIMEOUT``, as uv has it."""
    around = around or Surroundings()
    for variable in ("UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT"):
        if (seconds := around.environ.get(variable, "")).isdecimal() and 0 < len(seconds) < 6:
            return float(seconds) or PATIENCE_S
    return PATIENCE_S


def cache_dir(around: Surroundings | None = None) -> Path:
    """The folder to cache in, on the file system of uv's cache, since hard links need one."""
    uv = uv_cache_dir(around)
    # What is beside a mount point, as containers have it, is on another file system.
    return (uv if uv.is_mount() else uv.parent) / "bisector"


def uv_cache_dir(around: Surroundings | None = None) -> Path:
    """The folder that uv caches in."""
    return _uv_cache_dir(around or Surroundings()).absolute()


def _source(value: str, origin: str) -> IndexSource:
    """The index that a setting means: an address, or a folder, which uv and pip take as well."""
    try:
        if urlsplit(value).scheme in ("http", "https", "file"):
            return IndexSource(value, origin)
        if value.strip() and (folder := Path(value).expanduser()).is_dir():
            return IndexSource(folder.absolute().as_uri(), origin)
    except (ValueError, RuntimeError):
        pass
    raise UsageError(
        f"the package index set by {origin} is neither an address nor a folder",
        "write it as https://host/simple/ or file:///folder",
    )


def _index_settings(around: Surroundings) -> Iterator[tuple[str, str]]:
    """Every index that is set, with its origin, the one that counts most first."""
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        # uv takes `name=address` here.
        yield re.sub(r"\A[\w.-]+=", "", around.environ.get(variable, "")), variable
    yield from _uv_index_settings(around)
    yield around.environ.get("PIP_INDEX_URL", ""), "PIP_INDEX_URL"
    yield from _pip_index_settings(around)
    yield _default_index(), ""


def _default_index() -> str:
    # Read from its source: what it imports takes a tenth of an answer from what is stored.
    source = (pkgutil.get_data("distlib", "index.py") or b"").decode()
    named = re.search(r"^DEFAULT_INDEX = ['\"](.+)['\"]$", source, re.MULTILINE)
    parts = urlsplit(named[1] if named else import_module("distlib.index").DEFAULT_INDEX)
    return urlunsplit((parts.scheme, parts.netloc, "/simple/", "", ""))


def _uv_index_settings(around: Surroundings) -> Iterator[tuple[str, str]]:
    """The indexes set in uv's files: uv merges its files key by key before it chooses."""
    files = [(_uv_settings(path), str(path)) for path in _uv_files(around)]
    for settings, origin in files:
        for index in settings.get("index", ()):
            if index.get("default"):
                yield str(index.get("url", "")), origin
    for settings, origin in files:
        yield str(settings.get("pip", {}).get("index-url", "")), origin
    for settings, origin in files:
        yield str(settings.get("index-url", "")), origin


def _uv_files(around: Surroundings) -> list[Path]:
    """The user's and the system's ``uv.toml`` that exist.

    Those of a project are left aside: what is measured must not depend on the working folder.
    """
    if _without_files(around):
        return []
    if named := around.environ.get("UV_CONFIG_FILE"):
        return [Path(named)]
    user = around.folders("XDG_CONFIG_HOME", around.home / ".config")[:1]
    system = [*around.folders("XDG_CONFIG_DIRS", around.root / "etc/xdg"), around.root / "etc"]
    found = [
        [path for folder in folders if (path := folder / "uv/uv.toml").is_file()]
        for folders in (user, system)
    ]
    return [path for paths in found for path in paths[:1]]


def _without_files(around: Surroundings) -> bool:
    return around.environ.get("UV_NO_CONFIG", "").lower() in ("1", "true", "yes", "on")


def _uv_settings(path: Path) -> dict[str, Any]:
    """The content of a ``uv.toml``, its tables known to be tables."""
    import tomli  # imported late: most machines have no such file

    try:
        settings = tomli.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    indexes, pip = settings.get("index", []), settings.get("pip", {})
    if not isinstance(indexes, list) or not all(isinstance(it, dict) for it in (pip, *indexes)):
        raise _unreadable(path, "`pip` and every `index` must be tables")
    return settings


def _pip_index_settings(around: Surroundings) -> Iterator[tuple[str, str]]:
    """The indexes set in pip's files; ``[install]`` of any file counts before ``[global]``."""
    files = [(_pip_settings(path), str(path)) for path in _pip_files(around)]
    for section in ("install", "global"):
        for settings, origin in files:
            yield settings.get((section, "index-url"), ""), origin


def _pip_files(around: Surroundings) -> list[Path]:
    """The configuration files of pip that exist, the one that counts most first."""
    named = around.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    dot_config = around.home / ".config"
    if around.platform == "darwin":
        support = around.home / "Library/Application Support"
        user = support if (support / "pip").is_dir() else dot_config
        system = [around.root / "Library/Application Support/pip"]
    else:
        user = around.folders("XDG_CONFIG_HOME", dot_config)[0]
        shared = around.folders("XDG_CONFIG_DIRS", around.root / "etc/xdg")
        system = [around.root / "etc", *(folder / "pip" for folder in reversed(shared))]
    folders = [around.prefix, user / "pip", around.home / ".pip", *system]
    paths = [folder / "pip.conf" for folder in folders]
    if named and Path(named).is_file():
        # It doesn't add to the user's own files, it stands in for them.
        paths[1:3] = []
        paths.insert(0, Path(named))
    return [path for path in paths if path.is_file()]


def _pip_settings(path: Path) -> dict[tuple[str, str], str]:
    """The content of a pip configuration file, by section and option."""
    import configparser  # read where pip is configured, and nowhere else

    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, configparser.Error) as error:
        # The message may quote lines of the file, and those may have credentials in them.
        raise _unreadable(path, type(error).__name__) from error
    return {
        (section, option.removeprefix("--").replace("_", "-")): value
        for section in parser.sections()
        for option, value in parser.items(section)
    }


def _unreadable(path: Path, why: object) -> UsageError:
    return UsageError(f"{path} can't be read: {why}", "mend it, or set --index-url")


def _uv_cache_dir(around: Surroundings) -> Path:
    """The cache folder of uv, by the rules of ``uv cache dir``."""
    if named := around.environ.get("UV_CACHE_DIR"):
        return Path(named)
    for path in _uv_files(around):
        if named := _uv_settings(path).get("cache-dir"):
            return Path(str(named))
    legacy = around.home / "Library/Caches/uv"
    if around.platform == "darwin" and legacy.is_dir():
        return legacy
    return around.folders("XDG_CACHE_HOME", around.home / ".cache")[0] / "uv"
