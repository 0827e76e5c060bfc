"""What a release installs: its files, its metadata; from a wheel, or where it is installed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.message import Message
from email.parser import HeaderParser
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name

EXTENSIONS = (".so", ".pyd", ".dylib", ".dll")
"""What the names of modules in C end with, and of the libraries beside them."""

_MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of a release by their path in the wheel, and its core metadata.

    ``beside`` are those of what else is installed, where that is looked at too.
    """

    files: Mapping[str, bytes] = field(repr=False)
    metadata: str = field(default="", repr=False)
    beside: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def everything(self) -> Mapping[str, bytes]:
        """The files of the release, and of what is looked at beside it."""
        return {**self.beside, **self.files}

    @property
    def requirements(self) -> tuple[str, ...]:
        """What it says that it requires, as it says it."""
        return tuple(self._header.get_all("Requires-Dist", ()))

    @property
    def addresses(self) -> tuple[tuple[str, str], ...]:
        """The labels and addresses of its ``Project-URL`` fields, and its home page."""
        labelled = [tuple(map(str.strip, text.partition(",")[::2])) for text in self._urls]
        home = self._header.get("Home-page", "").strip()
        labelled += [("Homepage", home)] if home and home != "UNKNOWN" else []
        return tuple((label, address) for label, address in labelled if address)

    @property
    def sources(self) -> dict[str, bytes]:
        """Its Python modules."""
        return {path: data for path, data in self.files.items() if path.endswith(".py")}

    @property
    def description(self) -> str:
        """Its long description."""
        return str(self._header.get_payload() or self._header.get("Description", ""))

    @property
    def _urls(self) -> list[str]:
        return list(self._header.get_all("Project-URL", ()))

    @property
    def _header(self) -> Message:
        return HeaderParser().parsestr(self.metadata)


def installed(site_packages: Path, package: str, *, deep: bool = False) -> Contents:
    """Return the contents of an installed release; empty where it isn't there.

    With ``deep``, those of all other distributions are ``beside`` it.
    """
    contents, beside = Contents({}), dict[str, bytes]()
    for distribution in distributions(path=[str(site_packages)]):
        if canonicalize_name(distribution.metadata["Name"] or "") == package:
            contents = Contents(_files(distribution), distribution.read_text("METADATA") or "")
        elif deep:
            beside |= _files(distribution)
    return replace(contents, beside=beside)


def _files(distribution: Distribution) -> dict[str, bytes]:
    read = {}
    for file in distribution.files or ():
        path = PurePosixPath(file).as_posix()
        if not _is_apart(path):
            with suppress(OSError):
                located = Path(str(file.locate()))
                if located.stat().st_size <= _MOST_BYTES:
                    read[path] = located.read_bytes()
    return read


def _is_apart(path: str) -> bool:
    """Return whether a file belongs to the installation, not to what is imported."""
    return bool(re.search(r"(^|/)(\.\.|__pycache__)/|\.pyc$|^[^/]+\.(dist-info|data)/", path))
