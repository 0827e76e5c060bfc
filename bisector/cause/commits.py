"""Which commits between two releases can have changed an outcome, and how likely each did."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from bisector.cause.changes import changes
from bisector.cause.contents import Contents
from bisector.cause.git import GitError, Made, Repository
from bisector.cause.proof import Proof
from bisector.explanation import Commit, Suspect

_BUILDS = re.compile(
    r"^(pyproject\.toml|setup\.(py|cfg)|MANIFEST\.in|meson\.build|CMakeLists\.txt|Cargo\.(toml|lock)|"
    r"\.gitmodules|build\.py|hatch_build\.py|.*\.(pyx|pxd|c|cc|cpp|h|hpp|rs|in))$"
)
_REQUESTS = tuple(
    map(
        re.compile,
        (r"\(#(\d+)\)\s*$", r"^Merge pull request #(\d+)", r"\bPR #(\d+)", r"\(!(\d+)\)"),
    )
)
_BESIDE = (".md", ".rst", ".ini", ".toml", ".yml", ".yaml", ".lock")
"""Files at the top that no build reads for what it builds; others may be versions, requirements."""

_PROSE = (".md", ".rst", ".txt", ".pyi")
_LEAST = 0.05
"""The weight of a commit that touches no suspect: anything may have done it."""

_MOST_READ = 300
"""Commits of which the changed functions are looked at; of more, only the files are."""

_HUNK_LINES = 60


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a repository a run can depend on.

    ``executed`` are the tree's paths of the modules that were executed, empty where that isn't
    known; ``modules`` those of all, and ``folders`` those that they lie in. ``submodules`` are
    other repositories.
    """

    executed: Collection[str]
    modules: Collection[str]
    folders: Collection[str]
    submodules: Collection[str] = ()

    def concerns(self, path: str) -> bool:
        """Return whether a change of the file at ``path`` can matter.

        What isn't seen to be executed can: what a module was built of, data, a new module.
        """
        if path in self.submodules or _BUILDS.match(path):
            return True
        if "/" not in path and path not in self.modules:
            return not (path.startswith(".") or path.endswith(_BESIDE))
        if not any(path.startswith(folder) for folder in self.folders):
            return path in self.modules and (not self.executed or path in self.executed)
        if not path.endswith(".py"):
            return not path.endswith(_PROSE)
        is_module = path in self.modules
        return not self.executed or not is_module or path in self.executed


def scope(
    proofs: Iterable[Proof], executed: Iterable[str], submodules: Collection[str] = ()
) -> Scope:
    """Return what matters of a repository, where the wheel's ``executed`` paths are known."""
    modules: set[str] = set()
    inside: set[str] = set()
    ran = set(executed)
    for proof in proofs:
        modules |= set(proof.places.values())
        inside |= {proof.places[path] for path in ran if path in proof.places}
    tops = {f"{parent}/" for path in modules if (parent := str(PurePosixPath(path).parent)) != "."}
    outermost = {top for top in tops if not any(top != o and top.startswith(o) for o in tops)}
    return Scope(frozenset(inside), frozenset(modules), frozenset(outermost), submodules)


def relevant(
    commits: Sequence[str], touched: Mapping[str, Sequence[str]], within: Scope
) -> list[str]:
    """Return the commits that change anything that can matter, in their order."""
    return [c for c in commits if any(map(within.concerns, touched.get(c, ())))]


@dataclass(frozen=True, slots=True)
class Weigher:
    """Weighs commits by the rank of the suspects that they change."""

    repository: Repository
    suspects: Sequence[Suspect]
    places: Mapping[str, str] = field(default_factory=dict)

    def weights(self, commits: Sequence[str], touched: Mapping[str, Sequence[str]]) -> list[float]:
        """Return how likely each commit is, as far as that is known; not normalised."""
        closely = len(commits) <= _MOST_READ
        return [self._weight(c, set(touched.get(c, ())), closely=closely) for c in commits]

    def changed(self, commit: str, paths: Collection[str]) -> list[Suspect]:
        """Return the suspects that a commit changes, the likeliest first."""
        changed = []
        pieces: dict[str, set[str]] = {}
        for suspect in self.suspects:
            path = suspect.edited.path
            tree_path = self.places.get(path, path)
            if tree_path not in paths:
                continue
            if tree_path not in pieces:
                pieces[tree_path] = self._pieces(commit, tree_path)
            if not suspect.edited.name or suspect.edited.name in pieces[tree_path]:
                changed.append(suspect)
        return changed

    def _weight(self, commit: str, paths: Collection[str], *, closely: bool) -> float:
        ranks = {id(suspect): rank for rank, suspect in enumerate(self.suspects, 1)}
        if closely:
            return _LEAST + sum(1 / ranks[id(s)] for s in self.changed(commit, paths))
        files = {self.places.get(s.edited.path, s.edited.path) for s in self.suspects}
        return _LEAST + len(files & set(paths))

    def _pieces(self, commit: str, path: str) -> set[str]:
        """Return the names of what a commit changes in one file."""
        before, after = (
            Contents({path: content} if content else {})
            for content in (
                self.repository.file(f"{commit}^", path),
                self.repository.file(commit, path),
            )
        )
        return {edited.name for edited in changes(before, after).edited}


def described(
    weigher: Weigher,
    commit: Made,
    parent: str,
    paths: Collection[str],
    host: str,
    *,
    confirmed: bool,
) -> Commit:
    """Return what is said of the commit that did it; ``host`` is its project's address."""
    changed = weigher.changed(commit.identifier, paths)
    hunk = ""
    if changed:
        edited = changed[0].edited
        tree_path = weigher.places.get(edited.path, edited.path)
        try:
            hunk = _hunk(weigher.repository.difference(commit.identifier, tree_path), edited.name)
        except GitError:
            hunk = ""
    number = next(filter(None, (pattern.search(commit.subject) for pattern in _REQUESTS)), None)
    request = number[1] if number else ""
    lab = "/-" if "gitlab" in host else ""
    return Commit(
        identifier=commit.identifier,
        parent=parent,
        author_date=commit.author_date,
        subject=commit.subject,
        confirmed=confirmed,
        pull_request=f"#{request}" if request else "",
        address=f"{host}{lab}/commit/{commit.identifier}" if host else "",
        hunk=hunk,
    )


def _hunk(difference: str, name: str) -> str:
    """Return of a difference what is of the piece ``name``, else its first hunk, not all too long.

    A hunk reaches from one definition to another; it ends where the next begins.
    """
    _, *hunks = re.split(r"^(?=@@ )", difference, flags=re.MULTILINE)
    short = re.escape(name.rpartition(".")[2])
    begins = re.compile(rf"^[ +-](\s*)(?:(?:async\s+)?(?:def|class)\s+)?{short}\b(?=\s*[(:=])")
    lines = hunks[0].rstrip().splitlines() if hunks else []
    for hunk in hunks:
        inside = hunk.rstrip().splitlines()
        starts = [(n, match) for n, line in enumerate(inside) if (match := begins.match(line))]
        if starts:
            first, match = starts[0]
            last = _end(inside, first, len(match[1]))
            if any(line[:1] in "+-" for line in inside[first:last]):
                lines = [inside[0], *inside[first:last]]
                break
    left = len(lines) - _HUNK_LINES
    return "\n".join([*lines[:_HUNK_LINES], *([f"… {left} more lines"] if left > 0 else [])])


def _end(lines: Sequence[str], first: int, indent: int) -> int:
    """Return the position behind the piece that begins at ``first``, so deep in its module."""
    open_ = 0
    for end in range(first, len(lines)):
        text = lines[end][1:]
        outside = text.strip() and len(text) - len(text.lstrip()) <= indent
        if end > first and open_ <= 0 and outside and text.strip()[0] not in ")]}":
            again = text.strip() == lines[first][1:].strip()  # its old head beside its new one
            if (not again and lines[end][:1] == lines[first][:1]) or lines[end][:1] == " ":
                return end
        if lines[end][:1] == lines[first][:1] or lines[end][:1] == " ":
            open_ += sum(map(text.count, "([{")) - sum(map(text.count, ")]}"))
    return len(lines)
