"""What differs between two releases: files, and what is defined in the modules that differ."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from bisector.cause.contents import EXTENSIONS, Contents
from bisector.cause.definitions import Definition, definitions
from bisector.explanation import Edit, Edited, Sort

Known = Mapping[str, Sequence[Definition]]
"""The pieces of modules, by path."""

_LEAST_MOVED = 12
"""Syntax nodes below which two bodies are alike by chance: ``return self._x`` has fewer."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two releases, and what is defined in their modules that differ.

    ``files`` is how many of them differ; ``old`` and ``new`` are without modules that can't be
    parsed here, which are in ``edited`` as wholes.
    """

    edited: tuple[Edited, ...]
    files: int
    old: Known = field(default_factory=dict, repr=False)
    new: Known = field(default_factory=dict, repr=False)

    @property
    def functions(self) -> int:
        """How many functions differ in what they do."""
        counted = (Edit.CHANGED, Edit.ADDED, Edit.REMOVED)
        return sum(e.sort is Sort.FUNCTION and e.edit in counted for e in self.edited)


def changes(old: Contents, new: Contents) -> Changes:
    """Return what differs from one release to the other, in the order of the paths."""
    earlier, later = old.everything, new.everything
    before, after = _canonical(earlier), _canonical(later)
    paths = sorted({*before, *after})
    differing = [p for p in paths if before.get(p, (p, None))[1] != after.get(p, (p, None))[1]]
    modules = [path for path in differing if path.endswith(".py")]
    olds, news = _parsed(modules, earlier), _parsed(modules, later)
    parsed = [p for p in modules if _whole(p, earlier, olds) and _whole(p, later, news)]
    edited = list(_pieces(parsed, olds, news))
    for path in differing:
        if path not in parsed:
            spelled = after.get(path, before.get(path, (path, b"")))[0]
            edited.append(_file(spelled, path in before, path in after))
    edited += _requirements(old.requirements, new.requirements)
    return Changes(tuple(edited), len(differing), olds, news)


def _canonical(files: Mapping[str, bytes]) -> dict[str, tuple[str, bytes]]:
    """Return the files, those of extension modules without what names the interpreter."""
    return {
        re.sub(r"\.(cpython-|cp|abi3|pypy)[^/]*(?=\.\w+$)", "", p): (p, d) for p, d in files.items()
    }


def _parsed(paths: Iterable[str], files: Mapping[str, bytes]) -> dict[str, Sequence[Definition]]:
    parsed: dict[str, Sequence[Definition]] = {}
    for path in paths:
        try:
            parsed[path] = definitions(files[path]) if path in files else ()
        except ValueError:
            continue
    return parsed


def _whole(path: str, files: Mapping[str, bytes], known: Known) -> bool:
    return path not in files or path in known


def _file(path: str, before: bool, after: bool) -> Edited:
    edit = Edit.CHANGED if before and after else Edit.ADDED if after else Edit.REMOVED
    sort = Sort.EXTENSION if path.endswith(EXTENSIONS) else Sort.DATA
    return Edited(path, "", Sort.MODULE if path.endswith(".py") else sort, edit)


def _pieces(paths: Sequence[str], olds: Known, news: Known) -> Iterator[Edited]:
    """Yield what was changed, added, removed, and moved between or within modules."""
    removed: list[tuple[str, Definition]] = []
    added: list[tuple[str, Definition]] = []
    for path in paths:
        before, after = _by_name(olds.get(path, ())), _by_name(news.get(path, ()))
        for name in dict.fromkeys((*before, *after)):
            old, new = before.get(name, []), after.get(name, [])
            if old and new:
                if edit := _edit(old, new):
                    yield Edited(path, name, new[0].sort, edit, new[0].first)
            else:
                removed += [(path, d) for d in old[:1]]
                added += [(path, d) for d in new[:1]]
    moved = dict(_moved(removed, added))
    for path, d in added:
        if (path, d.name) in moved:
            yield Edited(path, d.name, d.sort, Edit.MOVED, d.first, moved[path, d.name])
        else:
            yield Edited(path, d.name, d.sort, Edit.ADDED, d.first)
    origins = set(moved.values())
    for path, d in removed:
        if f"{path}:{d.name}" not in origins:
            yield Edited(path, d.name, d.sort, Edit.REMOVED, d.first)


def _by_name(pieces: Iterable[Definition]) -> dict[str, list[Definition]]:
    """Return the pieces by name; one may be defined in both branches of a condition."""
    named: defaultdict[str, list[Definition]] = defaultdict(list)
    for definition in pieces:
        named[definition.name].append(definition)
    return named


def _edit(before: Sequence[Definition], after: Sequence[Definition]) -> Edit | None:
    if [d.text for d in before] == [d.text for d in after]:
        return None  # the usual case; no syntax has to be looked at
    if [d.digest for d in before] == [d.digest for d in after]:
        return None
    same = [d.bare for d in before] == [d.bare for d in after]
    return Edit.ANNOTATED if same else Edit.CHANGED


def _moved(
    removed: Sequence[tuple[str, Definition]], added: Sequence[tuple[str, Definition]]
) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield what was added with a body that was removed elsewhere, and where that was.

    Bodies that are removed or added more than once, or are short, say nothing.
    """
    bodies = Counter(d.body for _, d in removed), Counter(d.body for _, d in added)
    origins = {d.body: f"{path}:{d.name}" for path, d in removed}
    for path, d in added:
        alone = all(counted[d.body] == 1 for counted in bodies)
        if alone and d.size >= _LEAST_MOVED and d.sort in (Sort.FUNCTION, Sort.CLASS):
            yield (path, d.name), origins[d.body]


def _requirements(old: Iterable[str], new: Iterable[str]) -> Iterator[Edited]:
    """Yield the requirements that differ, by their names and markers."""
    before, after = _named(old), _named(new)
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was != now:
            edit = Edit.CHANGED if was and now else Edit.ADDED if now else Edit.REMOVED
            yield Edited("METADATA", now or was or "", Sort.REQUIREMENT, edit, origin=was or "")


def _named(requirements: Iterable[str]) -> dict[tuple[str, str], str]:
    named: dict[tuple[str, str], str] = {}
    for text in requirements:
        try:
            read = Requirement(text)
        except InvalidRequirement:
            continue
        named[canonicalize_name(read.name), str(read.marker or "")] = str(read)
    return named
