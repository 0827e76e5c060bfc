"""``bisector.find``: the command's meaning as a function, silent, for one search at a time."""

from __future__ import annotations

import asyncio
import shlex
import tempfile
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from bisector.commands.findings import found
from bisector.environment.installers.choice import INSTALLERS
from bisector.errors import UsageError
from bisector.finding import Finding
from bisector.inputs import callables, values
from bisector.inputs.request import Request, with_extras
from bisector.reports.progress import silent


def find(
    package: str,
    probe: str | Path | Sequence[str] | Callable[[], object],
    *,
    range: str = "",  # noqa: A002  # as the option is called
    python: str | Path | None = None,
    good: Sequence[str] = (),
    bad: Sequence[str] = (),
    pre: bool = False,
    requirements: Sequence[str] = (),
    dependencies: str = "newest",
    assure_s: float | None = None,
    exhaustive: bool = False,
    max_probes: int | None = None,
    confidence: float | None = None,
    attribute: bool = True,
    any_failure: bool = False,
    isolated: bool = False,
    timeout_s: float | None = None,
    jobs: int | None = None,
    installer: str = "uv",
    results: str | Path = "results",
    index_url: str | None = None,
    offline: bool = False,
    refresh: bool = False,
) -> Finding:
    """Return in which release of ``package`` the behaviour changed that ``probe`` decides.

    The probe is a name of the catalogue, as ``name[case]`` where it has cases; the path of a
    script; the words of a command; or a function without arguments, which is bad where it raises
    or returns False. The options are those of the command, with the units in their names; runs
    are kept in ``results``, and those that are there count. Nothing is printed.

    Raises the errors of the command, of :class:`bisector.BisectorError`: their ``message`` says
    what happened, their ``hint`` what to do.
    """
    try:
        within = SpecifierSet(range) if range else None
    except InvalidSpecifier as error:
        raise UsageError(
            f"{range!r} is not a version specifier", "write it like '>=1.2,<2'"
        ) from error
    if installer not in INSTALLERS:
        raise UsageError(
            f"there is no installer {installer!r}", f"there are {' and '.join(INSTALLERS)}"
        )
    _check("jobs", jobs, values.positive)
    _check("max_probes", max_probes, values.positive)
    _check("confidence", confidence, values.probability)
    _check("timeout_s", timeout_s, values.above_zero)
    _check("assure_s", assure_s, values.seconds)
    if not (isinstance(probe, (str, Path, Sequence)) or callable(probe)):
        raise UsageError(
            f"{probe!r} is no probe", "give a name, a path, the words of a command, or a function"
        )
    request = Request(
        package=package,
        within=within,
        pythons=[str(python)] if python else [],
        good=good,
        bad=bad,
        pre=pre,
        requirements=requirements,
        dependencies=dependencies,
        assure=assure_s,
        exhaustive=exhaustive,
        max_probes=max_probes,
        confidence=confidence,
        attribute=attribute,
        any_failure=any_failure,
        isolated=isolated,
        timeout=timeout_s,
        jobs=jobs,
        installer=installer,
        results=Path(results),
        index_url=index_url,
        offline=offline,
        refresh=refresh,
    )
    request = with_extras(request)
    if isinstance(probe, (str, Path)):
        return _one(replace(request, probes=[str(probe)]))
    if not callable(probe):
        return _one(replace(request, command=tuple(probe)))
    text = callables.script(probe)
    with tempfile.TemporaryDirectory(prefix="bisector-") as folder:
        path = Path(folder) / f"{probe.__name__}.py"
        path.write_text(text, encoding="utf-8")
        finding = _one(replace(request, probes=[str(path)]))
    # The script is in the finding, its folder is gone.
    again = finding.replay.replace(shlex.quote(str(path)), path.name)
    return replace(finding, replay=again, probe=replace(finding.probe, path=path.name))


def _check(name: str, number: object, read: Callable[[str], float]) -> None:
    """Raise UsageError where a number isn't what the option of that meaning takes."""
    try:
        if number is not None:
            read(str(number))
    except ArgumentTypeError as error:
        raise UsageError(f"{name}: {error}", "leave it out for what the command does") from error


def _one(request: Request) -> Finding:
    """Return the only finding of a request.

    Asking an index runs an event loop: where one is running here already, as in a notebook, it
    is done in another thread.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _searched(request)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_searched, request).result()


def _searched(request: Request) -> Finding:
    findings = found(request, silent())
    if len(findings) > 1:
        cases = ", ".join(finding.probe.case for finding in findings)
        raise UsageError(
            f"{findings[0].probe.name} has several cases: {cases}", "name one, as 'name[case]'"
        )
    return findings[0]
