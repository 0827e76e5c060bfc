"""What the command was asked for, and the command that says it again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from bisector import masks
from bisector.model import Interpreter, Probe

if TYPE_CHECKING:
    from bisector.run.sandbox import Mode


@dataclass(frozen=True, slots=True)
class Request:
    """What the command was asked for, as its options name it."""

    probes: Sequence[str] = ()
    package: str | None = None
    command: tuple[str, ...] = ()
    within: SpecifierSet | None = None
    pythons: Sequence[str] = ()
    pre: bool = False
    yanked: bool = True
    allow_build: bool = False
    good: Sequence[str] = ()
    bad: Sequence[str] = ()
    assure: float | None = None
    exhaustive: bool = False
    max_probes: int | None = None
    confidence: float | None = None
    dependencies: str = "newest"
    requirements: Sequence[str] = ()
    installer: str = "uv"
    jobs: int | None = None
    executor: str = "threads"
    scheduler: str | None = None
    timeout: float | None = None
    max_memory: int | None = None
    bad_output: str = ""
    bad_memory: int | None = None
    bad_timeout: bool = False
    any_failure: bool = False
    failure: str = ""
    isolated: bool = False
    attribute: bool = True
    over: str = "releases"
    order: str = "version"
    old: Path | None = None
    new: Path | None = None
    last_failed: Path | None = None
    budget: float | None = None
    json_lines: bool = False
    dry_run: bool = False
    keep_environments: bool = False
    sandbox: Mode = "auto"
    network: bool = False
    max_disk: int | None = None
    results: Path = field(default_factory=lambda: Path("results"))
    index_url: str | None = None
    offline: bool = False
    refresh: bool = False
    format: str = "text"
    memory: bool = False
    fold: bool = False
    verbose: bool = False
    stored: bool = False
    evidence: bool = False
    output: Path | None = None
    why: bool = False
    deep: bool = False
    releases: Sequence[str] = ()
    repository: str = ""
    build_environment: Sequence[str] = ()
    metric: str = ""
    metric_output: str = ""
    threshold: float | None = None
    replay: Path | None = None


def with_extras(request: Request) -> Request:
    """Return the request with the extras in its package's name among what is installed beside.

    ``--package 'spam[toast]'`` is ``--package spam --with 'spam[toast]'``.
    """
    named = re.fullmatch(r"\s*([^\s\[\]]+)\s*\[[^\[\]]+\]\s*", request.package or "")
    if named is None or request.package is None:
        return request
    beside = (*request.requirements, request.package.strip())
    return replace(request, package=named[1], requirements=beside)


def replay(request: Request, wanted: Probe, python: Interpreter | None) -> str:
    """Return the command that makes the same search; what was held is in the results.

    ``python`` is None where no interpreter is held.
    """
    bare = (given.partition("[")[0] for given in request.probes)
    paths = (path for path in bare if path.endswith(".py") and Path(path).stem == wanted.name)
    name = next(paths, wanted.name) + (f"[{wanted.case}]" if wanted.case else "")
    words = ["bisect", "why"] if request.releases else ["bisect"]
    words += [] if request.command else ["--probe", name]
    if request.package:
        words += ["--package", request.package]
    if request.old and request.new:
        words += ["--from", str(request.old), "--to", str(request.new)]
    elif request.releases:
        words += request.releases
    else:
        within = ",".join(sorted(map(str, request.within or wanted.range), reverse=True))
        words += ["--range", within] if within else []
    words += ["--python", python.series] if python else []
    words += [word for v in request.good for word in ("--good", v)]
    words += [word for v in request.bad for word in ("--bad", v)]
    words += [word for r in request.requirements for word in ("--with", r)]
    flags: Mapping[str, bool] = {
        "--pre": request.pre,
        "--no-yanked": not request.yanked,
        "--allow-build": request.allow_build,
        "--exhaustive": request.exhaustive,
        "--bad-timeout": request.bad_timeout,
        "--any-failure": request.any_failure,
        "--isolated": request.isolated,
        "--network": request.network,
    }
    words += [flag for flag, given in flags.items() if given]
    if request.order != "version":
        words += ["--order", request.order]
    if request.over != "releases":
        words += ["--over", request.over]
    if request.dependencies != "newest":
        words += ["--dependencies", request.dependencies]
    if request.confidence is not None:
        words += ["--confidence", f"{request.confidence:g}"]
    if request.timeout is not None:
        words += ["--timeout", f"{request.timeout:g}"]
    if request.max_memory is not None:
        words += ["--max-memory", str(request.max_memory)]
    if request.failure:
        words += ["--failure", request.failure]
    if request.max_disk is not None:
        words += ["--max-disk", str(request.max_disk)]
    if request.sandbox != "auto":
        words += ["--sandbox", request.sandbox]
    if request.bad_output:
        words += ["--bad-output", request.bad_output]
    if request.bad_memory is not None:
        words += ["--bad-memory", str(request.bad_memory)]
    words += _about_number(request)
    if request.installer != "uv":
        words += ["--installer", request.installer]
    if request.command:
        words += ["--", *request.command]
    return " ".join(map(_quoted, words))


def about_number(command: str, request: Request) -> str:
    """Return a command that makes a search, asking for the number that a request asks for or none.

    One that a shell can't read is returned as it is.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    end = words.index("--") if "--" in words else len(words)
    options = iter(words[:end])
    kept = [word for word in options if not (word in _OF_NUMBERS and next(options, None))]
    return " ".join(map(_quoted, (*kept, *_about_number(request), *words[end:])))


_OF_NUMBERS = ("--metric", "--metric-output", "--threshold")


def _about_number(request: Request) -> list[str]:
    """Return the options that ask for a number."""
    words = ["--metric", request.metric] if request.metric else []
    if request.metric_output:
        words += ["--metric-output", request.metric_output]
    if request.threshold is not None:
        words += ["--threshold", f"{100 * request.threshold:g}%"]
    return words


def _quoted(word: str) -> str:
    """Return a word for a shell, without what is its writer's own: home, user, host, secrets."""
    if not re.search(r"[/\\@]", word):
        return shlex.quote(word)
    word = masks.of_this_machine().text(word)
    # A shell knows whose home a tilde is only where it isn't quoted.
    return f"~/{shlex.quote(word[2:])}" if word[:2] == "~/" and word[2:] else shlex.quote(word)
