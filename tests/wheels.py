"""Real wheels and sdists, made from a few words about them.

>>> wheel("spam", "1.0", {"spam.py": "def eggs(): return 1"}, dependencies=["ham>=2"])
>>> history("spam", {"1.0": "GOOD = True", "1.1": "GOOD = False"})
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import product

from packaging.utils import NormalizedName, canonicalize_name

Modules = Mapping[str, str | bytes]

# An sdist carries the wheel that building it "makes", so that no build tool has to be installed.
_BACKEND = """
import pathlib, shutil
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    built = next(pathlib.Path("built").iterdir())
    shutil.copy(built, wheel_directory)
    return built.name
"""
_PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


@dataclass(frozen=True, slots=True)
class Built:
    """A distribution file, and what an index says of it. ``yanked`` may be the reason for it."""

    name: NormalizedName
    version: str
    filename: str
    content: bytes = field(repr=False)
    metadata: bytes = field(repr=False)
    requires_python: str | None = None
    yanked: bool | str = False
    upload_time: datetime | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def wheel(
    name: str,
    version: str,
    modules: Modules | None = None,
    *,
    tags: str | Sequence[str] = "py3-none-any",
    requires_python: str | None = None,
    dependencies: Iterable[str] = (),
    yanked: bool | str = False,
    upload_time: datetime | None = None,
) -> Built:
    """A wheel of these modules, path to source; by default, of one that knows its version.

    Several tags make a wheel for each of them, compressed into one file name as PEP 425 has it.
    """
    tags = [tags] if isinstance(tags, str) else tags
    modules = _module(name, version) if modules is None else modules
    stem = f"{canonicalize_name(name).replace('-', '_')}-{version}"
    metadata = _metadata(name, version, requires_python, dependencies)
    pythons, abis, platforms = (
        tuple(dict.fromkeys(part for tag in tags for part in tag.split("-")[place].split(".")))
        for place in range(3)
    )
    expanded = "".join(f"Tag: {'-'.join(tag)}\n" for tag in product(pythons, abis, platforms))
    pure = "true" if set(platforms) == {"any"} else "false"
    files = {p: s if isinstance(s, bytes) else s.encode() for p, s in modules.items()}
    files |= {
        f"{stem}.dist-info/METADATA": metadata,
        f"{stem}.dist-info/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {pure}\n{expanded}".encode()
        ),
    }
    record = f"{stem}.dist-info/RECORD"
    lines = [f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in files.items()]
    files[record] = "".join([*lines, f"{record},,\n"]).encode()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return Built(
        canonicalize_name(name),
        version,
        f"{stem}-{'.'.join(pythons)}-{'.'.join(abis)}-{'.'.join(platforms)}.whl",
        content.getvalue(),
        metadata,
        requires_python,
        yanked,
        upload_time,
    )


def sdist(
    name: str,
    version: str,
    modules: Modules | None = None,
    *,
    backend: str = _BACKEND,
    requires_python: str | None = None,
    dependencies: Sequence[str] = (),
    yanked: bool | str = False,
    upload_time: datetime | None = None,
) -> Built:
    """An sdist that builds to such a wheel; ``backend`` may be one that fails instead."""
    stem = f"{canonicalize_name(name).replace('-', '_')}-{version}"
    modules = _module(name, version) if modules is None else modules
    built = wheel(
        name, version, modules, requires_python=requires_python, dependencies=dependencies
    )
    files = {
        "PKG-INFO": built.metadata,
        "pyproject.toml": _PYPROJECT.encode(),
        "backend.py": backend.encode(),
        f"built/{built.filename}": built.content,
        **{p: s if isinstance(s, bytes) else s.encode() for p, s in modules.items()},
    }
    content = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=content, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for path, data in files.items():
            member = tarfile.TarInfo(f"{stem}/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return Built(
        canonicalize_name(name),
        version,
        f"{stem}.tar.gz",
        content.getvalue(),
        built.metadata,
        requires_python,
        yanked,
        upload_time,
    )


def history(
    name: str,
    sources: Mapping[str, str | Modules],
    *,
    yanked: Mapping[str, bool | str] | None = None,
    start: datetime = datetime(2024, 1, 1, tzinfo=timezone.utc),
    dependencies: Iterable[str] = (),
    requires_python: str | None = None,
) -> list[Built]:
    """A pure wheel per version, uploaded day after day in the order given.

    What a version maps to is the source of the project's only module, or several modules.
    """
    dependencies = tuple(dependencies)
    return [
        wheel(
            name,
            version,
            _module(name, version, source) if isinstance(source, str) else source,
            requires_python=requires_python,
            dependencies=dependencies,
            yanked=(yanked or {}).get(version, False),
            upload_time=start + timedelta(days=day),
        )
        for day, (version, source) in enumerate(sources.items())
    ]


def _module(name: str, version: str, source: str = "") -> Modules:
    module = canonicalize_name(name).replace("-", "_")
    return {f"{module}/__init__.py": f'__version__ = "{version}"\n{source}\n'}


def _metadata(
    name: str, version: str, requires_python: str | None, dependencies: Iterable[str]
) -> bytes:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    lines += [f"Requires-Dist: {dependency}" for dependency in dependencies]
    return "".join(f"{line}\n" for line in lines).encode()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
