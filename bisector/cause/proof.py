"""Which commit a release was made of, proved by its files and by nobody's word.

Git names a file's content by a hash of it. Where every module of a wheel is in the tree of a
commit under the same name of content, the wheel was made of that tree, whatever a tag is called.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from bisector.cause.contents import Contents
from bisector.cause.git import Repository
from bisector.errors import UsageError

_MOST_TREES = 1000
_BEFORE = timedelta(days=45)
"""How long before a release's upload the commit that it was made of was made, at most."""
_PREFIX = re.compile(r"^(?:(?P<name>[A-Za-z][\w.]*?(?:-[A-Za-z][\w.]*?)*)[-_/@=]+)?[vV]?\.?(?=\d)")


@dataclass(frozen=True, slots=True)
class Proof:
    """How much of a release a commit holds.

    ``equal`` of ``modules`` are in its tree as they are; ``generated`` are those of which it has
    none at that path, as what a build writes. ``places`` lead from a path in the wheel to that in
    the tree. ``by`` is the tag, or how else the commit was found.
    """

    commit: str
    by: str
    equal: int
    modules: int
    generated: int
    places: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def holds(self) -> bool:
        """Whether the release was made of that commit: none of its modules says otherwise."""
        return (
            self.equal > 0
            and self.equal + self.generated == self.modules
            and (self.generated <= max(2, self.modules // 10))
        )

    def sentence(self, version: str) -> str:
        """Return what is known, for people."""
        aside = f", {self.generated} generated" if self.generated else ""
        return (
            f"{version} is commit {self.commit[:12]} ({self.by}): "
            f"{self.equal} of its {self.modules} modules are in that tree as they are{aside}"
        )


def blob(content: bytes, algorithm: str = "sha1") -> str:
    """Return the name that Git gives to a file's content.

    See https://git-scm.com/book/en/v2/Git-Internals-Git-Objects.
    """
    hashed = hashlib.new(algorithm, usedforsecurity=False)
    hashed.update(b"blob %d\0" % len(content))
    hashed.update(content)
    return hashed.hexdigest()


def tagged(tags: Iterable[str], project: str, version: str) -> list[str]:
    """Return the tags that may be of a release, the plainest spelling first.

    ``N``, ``vN`` and ``v.N`` are, and those with the project's name before; ``N`` is compared as a
    version, so that ``1.0`` is ``1.0.0``.
    """
    wanted = Version(version)
    matching = []
    for tag in tags:
        match = _PREFIX.match(tag)
        name = (match["name"] or "") if match else ""
        if name and canonicalize_name(name) not in (project, "release", "rel", "version"):
            continue
        try:
            if match and Version(tag[match.end() :].replace("_", ".")) == wanted:
                matching.append(tag)
        except InvalidVersion:
            continue
    return sorted(matching, key=lambda tag: (len(tag), tag))


def compared(commit: str, by: str, tree: Mapping[str, str], modules: Mapping[str, str]) -> Proof:
    """Return how much of a release's ``modules``, path to blob, a tree holds.

    A wheel's path is the end of that in the tree: packages may lie in a folder such as ``src``.
    """
    folder = _folder(tree, modules)
    equal = generated = 0
    places = {}
    for path, content in modules.items():
        there = f"{folder}{path}"
        if there in tree:
            equal += tree[there] == content
            places[path] = there
        else:
            generated += 1
    return Proof(commit, by, equal, len(modules), generated, places)


def _folder(tree: Mapping[str, str], modules: Mapping[str, str]) -> str:
    """Return the folder of a tree in which most of the modules lie as they are."""
    ends: dict[str, list[str]] = {}
    for path in tree:
        ends.setdefault(path.rpartition("/")[2], []).append(path)
    votes: dict[str, int] = {}
    for path, content in modules.items():
        for there in ends.get(path.rpartition("/")[2], ()):
            if there == path or there.endswith(f"/{path}"):
                folder = there[: -len(path)]
                votes[folder] = votes.get(folder, 0) + 1 + (tree[there] == content)
    return max(sorted(votes, key=len), key=lambda folder: votes[folder], default="")


def proved(
    repository: Repository,
    project: str,
    version: str,
    contents: Contents,
    uploaded: datetime | None = None,
) -> Proof:
    """Return the commit that a release was made of.

    That of its tag, if the tag's tree holds the release's modules; else the only commit, of the
    weeks before it was ``uploaded`` where that is known, whose tree holds them. Raises UsageError
    where there is no such commit, or no way to tell.
    """
    algorithm = repository.algorithm
    modules = {path: blob(data, algorithm) for path, data in contents.sources.items()}
    if not modules:
        raise UsageError(f"{project} {version} has no Python files to know its commit by")
    tags = repository.tags()
    tried = []
    for tag in tagged(tags, project, version):
        proof = compared(tags[tag], f"tag {tag}", repository.tree(tags[tag]), modules)
        if proof.holds:
            return proof
        tried.append(proof)
    if found := _searched(repository, modules, uploaded):
        return found
    lies = [
        f"the tag {p.by.removeprefix('tag ')} isn't of that release: "
        f"{p.modules - p.equal} of its {p.modules} modules differ"
        for p in tried
    ]
    raise UsageError(
        f"no commit of the repository is {project} {version}"
        + (f"; {lies[0]}" if lies else "; no tag is called so"),
        "is it that project's repository, with all its tags? `git fetch --tags`",
    )


def _searched(
    repository: Repository, modules: Mapping[str, str], uploaded: datetime | None
) -> Proof | None:
    """Return the only commit, or the first of a row of equal ones, whose tree is the release's."""
    words = ["rev-list", "--all", "--topo-order", f"--max-count={_MOST_TREES}"]
    if uploaded:
        words += [f"--since={(uploaded - _BEFORE).isoformat()}"]
        words += [f"--until={(uploaded + timedelta(days=1)).isoformat()}"]
    holding: list[Proof] = []
    for commit in reversed(repository.run(*words).split()):
        proof = compared(commit, "found by its files", repository.tree(commit), modules)
        if proof.holds:
            holding.append(proof)
    firsts = [p for p in holding if all(_is_ancestor(repository, p, other) for other in holding)]
    return firsts[0] if firsts else None


def _is_ancestor(repository: Repository, one: Proof, other: Proof) -> bool:
    return one is other or repository.base(one.commit, other.commit) == one.commit
