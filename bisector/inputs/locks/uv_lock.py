"""Reads uv.lock: what `uv sync` installs from it by default, dependencies and the group dev.

The groups that are default otherwise, and how far a workspace reaches, stand in pyproject.toml,
which is not read. https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from bisector.inputs.locks.entry import Entry, Target, at_commit, pinned
from bisector.inputs.locks.table import Table

_GROUP = "dev"
_FOLDERS = ("editable", "virtual", "directory")


def entries(lock: Table, target: Target) -> Iterator[Entry]:
    """Yield the packages that are reached from the roots for ``target``, in the file's order."""
    if lock.data.get("version") != 1:
        version = lock.data.get("version", "missing")
        raise lock.wrong(f"has version {version}; 1 is known", "lock with another uv")
    target.require(lock.text("requires-python", ""), lock)
    packages = lock.tables("package")
    named: dict[str, list[int]] = {}
    for number, package in enumerate(packages):
        named.setdefault(package.text("name"), []).append(number)
    roots = _roots(lock, packages)
    reached: set[int] = set()
    for root in roots:
        # Where groups conflict, uv writes into markers which of them are chosen.
        name = root.text("name", "")
        walk = _Walk(packages, named, target, f"group-{len(name)}-{name}-{_GROUP}")
        walk.follow(root.tables("dependencies"))
        walk.follow(root.table("dev-dependencies").tables(_GROUP))
        reached |= walk.reached
    local = {id(root.data) for root in roots}
    for number, package in enumerate(packages):
        if number in reached and id(package.data) not in local:
            yield _entry(package)


def _roots(lock: Table, packages: Sequence[Table]) -> list[Table]:
    """Return the project itself; where there is none, all of a workspace and what it asks for."""
    projects = [p for p in packages if any(key in p.table("source").data for key in _FOLDERS)]
    own = [p for p in projects if "." in p.table("source").data.values()]
    if own:
        return own
    manifest = lock.table("manifest")
    members = set(manifest.texts("members"))
    asked = {
        "dependencies": manifest.data.get("requirements", []),
        "dev-dependencies": manifest.data.get("dependency-groups", {}),
    }
    roots = [p for p in projects if p.text("name") in members]
    if not roots and not any(asked.values()) and packages:
        raise lock.wrong("names no project that it is for")
    return [Table(f"{lock.where}, manifest", asked), *roots]


@dataclass(slots=True)
class _Walk:
    """What is reached from one root; packages are told by their number."""

    packages: Sequence[Table]
    named: Mapping[str, Sequence[int]]
    target: Target
    group: str
    reached: set[int] = field(default_factory=set)
    _seen: set[tuple[int, str]] = field(default_factory=set)

    def follow(self, edges: Sequence[Table]) -> None:
        """Follow the edges whose marker is true, and those of the extras that they name."""
        pending = list(edges)
        while pending:
            edge = pending.pop()
            if not self.target.holds(edge.text("marker", ""), edge, extra=self.group):
                continue
            number = self._chosen(edge)
            self.reached.add(number)
            package = self.packages[number]
            # A script's own requirements have ``extras`` where a package's have ``extra``.
            for extra in ("", *edge.texts("extra"), *edge.texts("extras")):
                if (number, extra) not in self._seen:
                    self._seen.add((number, extra))
                    optional = package.table("optional-dependencies").tables(extra)
                    pending += optional if extra else package.tables("dependencies")

    def _chosen(self, edge: Table) -> int:
        """Return which package an edge leads to."""
        version, source = edge.text("version", ""), edge.table("source").data
        fitting = [
            number
            for number in self.named.get(edge.text("name"), ())
            if version in ("", self.packages[number].text("version", ""))
            and source in ({}, self.packages[number].table("source").data)
        ]
        if len(fitting) > 1:
            fitting = [number for number in fitting if self._is_for(self.packages[number])]
        if len(fitting) != 1:
            problem = f"leads to {len(fitting)} packages" if fitting else "leads to no package"
            raise edge.wrong(f"{problem} for Python {self.target.version}")
        return fitting[0]

    def _is_for(self, package: Table) -> bool:
        markers = package.texts("resolution-markers")
        return not markers or any(
            self.target.holds(marker, package, extra=self.group) for marker in markers
        )


def _entry(package: Table) -> Entry:
    where, name = package.where, package.text("name")
    source = package.table("source")
    for kind in _FOLDERS:
        if kind in source.data:
            return Entry(where, name, local=f"it is the folder {source.text(kind)}")
    if "git" in source.data:
        try:
            address = urlsplit(source.text("git"))
        except ValueError as error:
            raise package.wrong("has an address that is none") from error
        inside = parse_qs(address.query).get("subdirectory", [""])[0]
        url = address._replace(query="", fragment="").geturl()
        return Entry(where, name, at_commit(url, address.fragment, inside))
    if "url" in source.data:
        return Entry(where, name, f" @ {source.text('url')}")
    if "path" in source.data:
        return Entry(where, name, path=source.text("path"))
    return pinned(package)
