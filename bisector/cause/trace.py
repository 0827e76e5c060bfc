"""The driver's side of the tracer: puts it into an environment, and reads what it recorded.

What is recorded is written by code under test: a line that isn't one is passed over in silence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from bisector.cause.contents import EXTENSIONS
from bisector.cause.definitions import MODULE
from bisector.run.records import RECORDS_VARIABLE

TRACER_MODULE = "_bisector_tracer"
_SCRIPTS = {TRACER_MODULE: "tracer.py", "_bisector_hooks": "hooks.py"}
_MOST_FILES = 1000
_MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Function:
    """A function as its code object names it; ``path`` is that in the wheel."""

    path: str
    line: int
    name: str


@dataclass(frozen=True, slots=True)
class Entered:
    """How often a function was entered, and left by an exception.

    ``first`` and ``last`` are its places in the order of entries, from 0 on: of what was entered
    for the first time, and counted back from the last entry of all. ``grown_bytes`` is how much
    the process grew inside it at most, where that was asked for.
    """

    calls: int
    first: int
    last: int
    raised: int = 0
    grown_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Trace:
    """What a run executed of a package: its functions, those in C by name, its data files.

    ``frames`` are those of the traceback that ended the script, innermost last. ``calls`` are who
    called whom, be it through what isn't of the package. ``ended`` is whether each process lived
    to say how often functions were entered.
    """

    functions: Mapping[Function, Entered] = field(default_factory=dict)
    native: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)
    frames: tuple[Function, ...] = ()
    calls: frozenset[tuple[Function, Function]] = frozenset()
    ended: bool = True


def install(
    site_packages: Path, folder: Path | None, paths: Iterable[str], *, memory: bool = False
) -> None:
    """Have every interpreter of an environment record what it enters of the files at ``paths``.

    They are those of the wheel; records appear in ``folder``, or where a run has its own.
    """
    tops = sorted({path.partition("/")[0] for path in paths})
    roots = [str(site_packages / top) for top in tops]
    roots = [root if root.endswith(".py") else f"{root}/" for root in roots]
    # Every call of a function in C is looked at where one may be of the package.
    in_c = sorted({path.partition("/")[0] for path in paths if path.endswith(EXTENSIONS)})
    modules = [top.partition(".")[0] for top in in_c]
    for name, script in _SCRIPTS.items():
        content = Path(__file__).with_name(script).read_bytes()
        (site_packages / f"{name}.py").write_bytes(content)
    where = f"os.environ.get({RECORDS_VARIABLE!r})" if folder is None else repr(str(folder))
    start = f"start({where}, {roots!r}, {modules!r}, {memory})"
    line = f"import os, {TRACER_MODULE}; {where} and {TRACER_MODULE}.{start}\n"
    (site_packages / f"{TRACER_MODULE}.pth").write_text(line, encoding="utf-8")


def read(folder: Path, site_packages: Path) -> Trace:
    """Return what the processes of a run recorded, in the order in which they began."""
    entered: dict[Function, Entered] = {}
    native: dict[str, int] = {}
    files: dict[str, int] = {}
    frames: list[Function] = []
    called: set[tuple[Function, Function]] = set()
    ended = True
    named = sorted(folder.glob("*.trace"), key=lambda path: path.name.rpartition("-")[2])
    for path in named[:_MOST_FILES]:
        counted = False
        clock = 0
        functions: dict[Function, Entered] = {}
        for kind, *values in _lines(path):
            try:
                if kind == "E":
                    clock = max(clock, int(values[0]))
                    function = _function(values[1:], site_packages)
                    functions.setdefault(function, Entered(1, len(functions), int(values[0])))
                elif kind == "C":
                    counted = True
                    calls, last, raised, grown = map(int, values[:4])
                    clock = max(clock, last)
                    function = _function(values[4:], site_packages)
                    first = functions[function].first if function in functions else len(functions)
                    functions[function] = Entered(calls, first, last, raised, grown)
                elif kind == "N":
                    native[values[1]] = native.get(values[1], 0) + int(values[0])
                elif kind == "F":
                    file = _within(values[1], site_packages)
                    files[file] = files.get(file, 0) + int(values[0])
                elif kind == "T":
                    frames.append(_function(values, site_packages))
                elif kind == "K":
                    caller, callee = values[:3], values[3:]
                    called.add((_function(caller, site_packages), _function(callee, site_packages)))
            except (ValueError, IndexError):
                continue
        ended = ended and (counted or not functions)
        for function, entry in functions.items():
            entered[function] = _together(entered.get(function), entry, len(entered), clock)
    return Trace(entered, native, files, tuple(frames), frozenset(called), ended)


def distances(trace: Trace) -> dict[Function, int]:
    """Return how many calls, in either direction, each function is away from the failure.

    That is the innermost of the package's functions in the traceback; none is where there is none.
    What a module does as it is imported leads everywhere, and so tells nothing.
    """
    raising = [frame for frame in trace.frames if frame in trace.functions]
    near: defaultdict[Function, set[Function]] = defaultdict(set)
    for ends in trace.calls:
        if MODULE not in (ends[0].name, ends[1].name):
            near[ends[0]].add(ends[1])
            near[ends[1]].add(ends[0])
    away = dict.fromkeys(raising[-1:], 0)
    reached = list(away)
    for function in reached:
        for other in near[function] - away.keys():
            away[other] = away[function] + 1
            reached.append(other)
    return away


def _together(before: Entered | None, entry: Entered, position: int, clock: int) -> Entered:
    back = clock - entry.last
    if before is None:
        return replace(entry, first=position, last=back)
    return Entered(
        before.calls + entry.calls,
        before.first,
        min(before.last, back),
        before.raised + entry.raised,
        max(before.grown_bytes, entry.grown_bytes),
    )


def _lines(path: Path) -> Iterator[list[str]]:
    try:
        if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
            return
        text = path.read_text("utf-8", "replace")
    except OSError:
        return
    for line in text.splitlines():
        yield line.split("\t")


def _function(values: list[str], site_packages: Path) -> Function:
    line, name, path = values
    return Function(_within(path, site_packages), int(line), name)


@lru_cache(maxsize=4096)
def _within(path: str, site_packages: Path) -> str:
    """Return a path as the wheel has it, where it lies in the environment."""
    for root in (site_packages, site_packages.resolve()):
        if Path(path).is_relative_to(root):
            return Path(path).relative_to(root).as_posix()
    return path
