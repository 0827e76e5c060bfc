"""What is started for a probe, and whether it had to do with the release under test."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from bisector.environment.venv import Environment
from bisector.errors import UsageError
from bisector.model import Probe
from bisector.run import records


def laid_out(
    probe: Probe, made: Environment, source: Path, target: Path, *, isolated: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the command to start, and how it is shown to people.

    A probe that reports runs from its recorded text in ``target``, so that what ran is what is
    kept. ``isolated`` commands and scripts find there what they name of ``source``. Raises
    UsageError where that can't be.
    """
    if probe.command:
        command = _apart(probe.command, source, target) if isolated else probe.command
        return command, probe.command
    script = Path(probe.path).absolute()
    case = (probe.case,) if probe.case else ()
    if probe.reports or isolated:
        script = target / f"{probe.name}.py"
        script.write_text(probe.text, encoding="utf-8")
        if probe.companion:
            (target / "probekit.py").write_text(probe.companion, encoding="utf-8")
    return (str(made.python), str(script), *case), ("python", f"{probe.name}.py", *case)


def _apart(command: Iterable[str], source: Path, target: Path) -> tuple[str, ...]:
    """Copy the files and folders that ``command`` names to ``target``; return it naming those.

    What lies below ``source`` keeps its place there, what lies elsewhere its name alone. Programs
    are left where they are.
    """
    words = []
    for place, word in enumerate(command):
        path, colons, test = word.partition("::")  # as pytest writes a test of a file
        named = Path(path)
        there = source / named
        if word in (".", "./"):
            raise UsageError(
                "--isolated copies what a command names, and not the whole current folder",
                "name the files and folders that it needs",
            )
        below = not named.is_absolute() and ".." not in named.parts
        if not named.name or not _exists(there) or (place == 0 and named.is_absolute()):
            words.append(word)
            continue
        copy = named if below else Path(named.name)
        (target / copy).parent.mkdir(parents=True, exist_ok=True)
        if there.is_dir():
            shutil.copytree(there, target / copy, dirs_exist_ok=True)
        else:
            shutil.copy2(there, target / copy)
        words.append(word if below else f"{copy}{colons}{test}")
    return tuple(words)


def _exists(path: Path) -> bool:
    with suppress(OSError):  # code on a command line is too long for a name
        return path.exists()
    return False


_ANYBODYS = frozenset({"doc", "docs", "example", "examples", "test", "tests"})
"""Modules that wheels carry by mistake, and that the caller's own folder has as well."""


def imported(records_dir: Path, made: Environment, package: str) -> bool:
    """Return whether a run imported the package.

    Raises UsageError where it did from elsewhere than the environment.
    """
    home = made.prefix.resolve()
    found = False
    for module, file in records.imported(records_dir):
        # Resolved as well as it is: an installer may link to its cache, and a prefix be a link.
        inside = Path(file).is_relative_to(made.prefix) or Path(file).resolve().is_relative_to(home)
        found = found or inside
        if not (inside or module in _ANYBODYS):
            raise UsageError(
                f"{module} was imported from {file}, not from the release of {package} under test",
                "run it from another folder, or with --isolated, which copies only the files that "
                "the command names",
            )
    return found
