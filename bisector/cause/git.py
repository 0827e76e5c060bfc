"""A project's repository: its tags, its trees, its commits. It is read, and never written to."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bisector.errors import UsageError
from bisector.run import process

_TIMEOUT_S = 300.0
_SAFE = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0")
_AT_ONCE = 500
"""Commits named on one command line."""


class GitError(UsageError):
    """Git refused, with what it said as the message."""


@dataclass(frozen=True, slots=True)
class Made:
    """A commit as its log shows it: ``parents`` are identifiers, the first the one built upon."""

    identifier: str
    parents: tuple[str, ...]
    author_date: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Repository:
    """A clone, with a work tree or bare; only its objects are looked at."""

    path: Path

    def run(self, *words: str) -> str:
        """Return what a git command prints; raises GitError where it fails."""
        return run(self.path, *words)

    @property
    def is_shallow(self) -> bool:
        """Whether its history was cut off."""
        return self.run("rev-parse", "--is-shallow-repository").strip() == "true"

    @property
    def algorithm(self) -> str:
        """The hash that names its objects: ``sha1`` or ``sha256``."""
        return self.run("rev-parse", "--show-object-format").strip()

    def tags(self) -> dict[str, str]:
        """Return the commits of all tags, by their names."""
        fields = ("refname:strip=2", "objectname", "*objectname", "objecttype", "*objecttype")
        shape = "%00".join(f"%({name})" for name in fields)
        commits = {}
        for line in self.run("for-each-ref", f"--format={shape}", "refs/tags").splitlines():
            name, direct, peeled, kind, peeled_kind = line.split("\0")
            if "commit" in (kind, peeled_kind):
                commits[name] = peeled if peeled_kind == "commit" else direct
        return commits

    def tree(self, commit: str) -> dict[str, str]:
        """Return the blob of each file of a commit, by its path; submodules are left out.

        A link is what it leads to, as what is built of it has that.
        """
        blobs, links = {}, []
        for line in self.run("ls-tree", "-r", "-z", commit).split("\0"):
            header, _, path = line.partition("\t")
            if path and header.split()[1] == "blob":
                mode, _, blobs[path] = header.split()
                links += [path] if mode == "120000" else []
        for path in links:
            target = self.run("cat-file", "blob", blobs[path])
            there = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            blobs[path] = blobs.get(there, blobs[path])
        return blobs

    def between(self, old: str, new: str) -> list[str]:
        """Return the commits reachable from ``new`` and not from ``old``, along first parents.

        They come in the order in which they were built on each other, the oldest first.
        """
        output = self.run("rev-list", "--first-parent", "--reverse", f"^{old}", new)
        return output.split()

    def inside(self, merge: Made) -> list[str]:
        """Return what a merge brought in, the oldest first, along first parents."""
        brought = [f"^{merge.parents[0]}", *merge.parents[1:]]
        return self.run("rev-list", "--first-parent", "--reverse", *brought).split()

    def base(self, one: str, other: str) -> str:
        """Return the newest commit that both are built upon; empty where there is none."""
        try:
            return self.run("merge-base", one, other).strip()
        except GitError:
            return ""

    def made(self, commit: str) -> Made:
        """Return a commit as its log shows it."""
        text = self.run("show", "--no-patch", "--format=%H%x00%P%x00%as%x00%s%x00%b", commit, "--")
        identifier, parents, date, subject, body = text.split("\0", 4)
        return Made(identifier, tuple(parents.split()), date, subject, body.strip())

    def touched(self, commits: Sequence[str]) -> dict[str, list[str]]:
        """Return the paths in which each commit differs from the first that it is built upon."""
        words = ["log", "--no-walk=unsorted", "--first-parent", "-m", "--root", "-z"]
        words += ["--name-only", "--no-renames", "--format=%x01%H"]
        by_commit: dict[str, list[str]] = {}
        for start in range(0, len(commits), _AT_ONCE):
            output = self.run(*words, *commits[start : start + _AT_ONCE], "--")
            for part in output.split("\1")[1:]:
                commit, _, paths = part.partition("\0")
                by_commit[commit.strip()] = [p for p in paths.lstrip("\n").split("\0") if p]
        return by_commit

    def submodules(self, commit: str) -> list[str]:
        """Return the paths at which a commit has other repositories."""
        lines = self.run("ls-tree", "-r", "-z", commit).split("\0")
        return [line.partition("\t")[2] for line in lines if line.startswith("160000 ")]

    def difference(self, commit: str, path: str) -> str:
        """Return what a commit changed in one file, as unified hunks with their function's name."""
        return self.run(
            "show", "--first-parent", "-m", "--format=", "--no-color", "--no-ext-diff",
            "--no-textconv", "--function-context", commit, "--", path,
        )  # fmt: skip

    def file(self, commit: str, path: str) -> bytes:
        """Return the content of a file in a commit; empty where it isn't there."""
        try:
            return self.run("show", "--no-textconv", f"{commit}:{path}").encode()
        except GitError:
            return b""


def opened(named: str, cache: Path) -> Repository:
    """Return the repository at a path, or a clone of the one at an address.

    An address is fetched anew each time. Raises UsageError where there is none.
    """
    if re.match(r"[a-z+]+://|[\w.-]+@[\w.-]+:", named):
        return _cloned(named, cache)
    path = Path(named).expanduser().absolute()
    if not path.exists():
        raise UsageError(f"there is no repository {named}", "--repo takes a path or an address")
    try:
        folder = run(path if path.is_dir() else path.parent, "rev-parse", "--absolute-git-dir")
    except GitError as error:
        raise UsageError(
            f"{named} is no Git repository that can be read: {error.message}",
            "--repo takes a clone's path, or an address that git can reach",
        ) from error
    repository = Repository(Path(folder.strip()))
    _refuse_shallow(repository, named)
    return repository


def _cloned(address: str, cache: Path) -> Repository:
    folder = cache / re.sub(r"[^\w.-]+", "-", address)[-100:]
    cache.mkdir(parents=True, exist_ok=True)
    try:
        if folder.is_dir():
            run(folder, "fetch", "--quiet", "--prune", "--tags", "origin")
        else:
            run(cache, "clone", "--quiet", "--mirror", "--", address, str(folder))
    except GitError as error:
        raise UsageError(
            f"{address} can't be cloned: {error.message}", "clone it yourself: --repo PATH"
        ) from error
    return Repository(folder)


def _refuse_shallow(repository: Repository, named: str) -> None:
    if repository.is_shallow:
        raise UsageError(
            f"{named} is a shallow clone: the commits between the releases are not all there",
            f"git -C {named} fetch --unshallow --tags",
        )


def run(folder: Path, *words: str) -> str:
    """Return what git prints in a folder; raises GitError where it fails, or isn't there."""
    environ = {
        **process.installer_environ(),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C.UTF-8",
    }
    try:
        done = process.capture(
            ["git", *_SAFE, *words], environ=environ, timeout_s=_TIMEOUT_S, cwd=folder
        )
    except process.StartError as error:
        raise UsageError(
            "git could not be started", "install it: --repo reads a repository with it"
        ) from error
    if done.exit_status != 0:
        lines = done.errors.decode("utf-8", "replace").strip().splitlines()
        reason = next((line for line in lines if line.startswith(("fatal:", "error:"))), "")
        raise GitError(reason.partition(": ")[2] or "git failed and said nothing")
    return done.output.decode("utf-8", "surrogateescape")
