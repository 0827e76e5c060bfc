"""Reads pylock.toml (PEP 751): what of it is installed by default.

https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

from __future__ import annotations

from collections.abc import Iterator

from packaging.pylock import Package, Pylock, PylockUnsupportedVersionError, PylockValidationError

from bisector.inputs.locks.entry import Entry, Target, at_commit
from bisector.inputs.locks.table import Table


def entries(lock: Table, target: Target) -> Iterator[Entry]:
    """Yield the packages that are for ``target``, with the default groups and without extras."""
    try:
        whole = Pylock.from_dict(lock.data)
    except PylockUnsupportedVersionError as error:
        version = lock.data.get("lock-version")
        raise lock.wrong(
            f"has lock-version {version}; 1 is known", "lock in version 1.0"
        ) from error
    except (PylockValidationError, ValueError, RecursionError) as error:
        raise lock.wrong(f"is not as PEP 751 has it: {_first_line(error)}") from error
    target.require(str(whole.requires_python or ""), lock)
    environments = [str(marker) for marker in whole.environments or ()]
    if environments and not any(target.holds(marker, lock) for marker in environments):
        raise lock.wrong(
            f"is for other environments: {'; '.join(environments)}",
            "choose another Python with --python, or lock for this machine",
        )
    groups = frozenset(whole.default_groups or ())
    for package in whole.packages:
        where = Table(f"{lock.where}, {package.name}")
        own = package.directory is not None and package.directory.path == "."
        if own or not target.holds(str(package.marker or ""), where, dependency_groups=groups):
            continue
        target.require(str(package.requires_python or ""), where)
        yield _entry(package, where)


def _entry(package: Package, where: Table) -> Entry:
    name, vcs, archive = package.name, package.vcs, package.archive
    if vcs and vcs.url:
        at = at_commit(vcs.url, vcs.commit_id, vcs.subdirectory or "", vcs.type)
        return Entry(where.where, name, at)
    if vcs:
        return Entry(where.where, name, local=f"it is the repository {vcs.path}")
    if package.directory:
        return Entry(where.where, name, local=f"it is the folder {package.directory.path}")
    if archive and archive.url:
        return Entry(where.where, name, f" @ {archive.url}")
    if archive:
        return Entry(where.where, name, path=str(archive.path))
    if package.version is None:
        raise where.wrong("has no version")
    return Entry(where.where, name, f"=={package.version}")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
