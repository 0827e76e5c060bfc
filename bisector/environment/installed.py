"""What is installed in an environment: distributions, the modules they bring, their wheels."""

from __future__ import annotations

import csv
import importlib.metadata
from collections.abc import Collection, Iterable, Mapping
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name, is_normalized_name
from packaging.version import InvalidVersion

from bisector.model import Distribution
from bisector.wheels import wheel_tags


def distributions(site_packages: Path, wheels: Mapping[str, str]) -> tuple[Distribution, ...]:
    """Return what is installed, sorted by name, with the hash of each wheel in ``wheels``."""
    named = []
    for installed in importlib.metadata.distributions(path=[str(site_packages)]):
        name, version = _named(installed)
        if not (is_normalized_name(name) and version):
            continue  # metadata that a wheel carries by mistake
        sha256 = _wheel_hash(name, version, _text_of(installed, "WHEEL"), wheels)
        named.append(Distribution(name, version, sha256))
    return tuple(sorted(named, key=lambda distribution: distribution.name))


def providers(site_packages: Path) -> dict[str, frozenset[str]]:
    """Return the modules that each distribution brings, by its name."""
    installed = importlib.metadata.distributions(path=[str(site_packages)])
    return {_named(distribution)[0]: _modules(distribution) for distribution in installed}


def _modules(installed: importlib.metadata.Distribution) -> frozenset[str]:
    parts = [Path(file).parts for file in _files(installed)]
    inside = [
        path for path in parts if path[-1].endswith(_CODE) and not path[0].endswith(_NOT_MODULES)
    ]
    packages = {path[:-1] for path in inside if path[-1].split(".")[0] == "__init__"}
    names = (_imported_as(path, packages) for path in inside)
    return frozenset(".".join(name) for name in names if all(part.isidentifier() for part in name))


def _imported_as(parts: tuple[str, ...], packages: Collection[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the module that a file is, or the outermost of the ``packages`` that it lies in."""
    for depth in range(1, len(parts)):
        if parts[:depth] in packages:
            return parts[:depth]
    return (*parts[:-1], parts[-1].split(".")[0])


_CODE = (".py", ".pyc", ".pyd", ".so")
_NOT_MODULES = (".dist-info", ".data", ".pth", "__pycache__", "..")


def _named(installed: importlib.metadata.Distribution) -> tuple[str, str]:
    """Return the name and the version, empty where its metadata has none.

    What follows the header, long descriptions, isn't parsed.
    """
    text = _text_of(installed, "METADATA") or _text_of(installed, "PKG-INFO")
    header = HeaderParser().parsestr(text.partition("\n\n")[0])
    return canonicalize_name(header["Name"] or ""), header["Version"] or ""


def _files(installed: importlib.metadata.Distribution) -> list[str]:
    """Return the paths that a distribution lists as its own; none where the list is broken."""
    try:
        return [str(file) for file in installed.files or ()]
    except (ValueError, TypeError, csv.Error):
        return []


def _text_of(installed: importlib.metadata.Distribution, name: str) -> str:
    """Return a file of metadata; empty where it isn't there."""
    try:
        return installed.read_text(name) or ""
    except UnicodeDecodeError as error:  # wheels older than the rule have other encodings
        return error.object.decode("utf-8", "replace")


def _wheel_hash(name: str, version: str, text: str, wheels: Mapping[str, str]) -> str | None:
    """Return the hash of the wheel that was installed, by its name, version and tags.

    The installed metadata doesn't name the file, but the ``text`` of its WHEEL file carries the
    tags that the name is made of.
    """
    lines = text.splitlines()
    tags = {tag for line in lines if line.startswith("Tag:") for tag in parse_tag(line[4:].strip())}
    for filename, sha256 in wheels.items():
        project, of, *_ = [*filename.split("-"), "", ""]
        same = of == version and canonicalize_name(project) == name
        if same and wheel_tags(filename) == tags:
            return sha256 or None
    return None


def differing(
    installed: Iterable[Distribution], constraints: Iterable[str], package: str
) -> tuple[str, ...]:
    """Return the dependencies whose version isn't the one held, as ``name 1.0 (held: 2.0)``."""
    specifiers: dict[str, SpecifierSet] = {}
    for constraint in constraints:
        try:
            requirement = Requirement(constraint)
        except InvalidRequirement:
            continue
        specifiers[canonicalize_name(requirement.name)] = requirement.specifier
    return tuple(
        f"{d.name} {d.version} (held: {str(specifiers[d.name]).removeprefix('==')})"
        for d in installed
        if d.name != package
        and d.name in specifiers
        and not _is_among(d.version, specifiers[d.name])
    )


def _is_among(version: str, specifiers: SpecifierSet) -> bool:
    try:
        return specifiers.contains(version, prereleases=True)
    except InvalidVersion:
        return False
