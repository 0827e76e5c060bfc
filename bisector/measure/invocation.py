"""What is started for a probe, and whether it had to do with the release under test."""

from __future__ import annotations

import ast
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bisector.environment.venv import Environment
from bisector.errors import UsageError
from bisector.model import Probe
from bisector.run import records


def laid_out(
    probe: Probe, environment: Environment, source: Path, target: Path, *, isolated: bool
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
    return (str(environment.python), str(script), *case), ("python", f"{probe.name}.py", *case)


def _apart(command: Iterable[str], source: Path, target: Path) -> tuple[str, ...]:
    """Copy the files and folders that ``command`` names to ``target``; return it naming those.

    What lies below ``source`` keeps its place there, what lies elsewhere its name alone. Programs
    are left where they are.
    """
    words = []
    for number, word in enumerate(command):
        path, colons, test = word.partition("::")  # as pytest writes a test of a file
        named = Path(path)
        there = source / named
        if word in (".", "./"):
            raise UsageError(
                "--isolated copies what a command names, and not the whole current folder",
                "name the files and folders that it needs",
            )
        below = not named.is_absolute() and ".." not in named.parts
        if not named.name or not _exists(there) or (number == 0 and named.is_absolute()):
            words.append(word)
            continue
        copy = named if below else Path(named.name)
        (target / copy).parent.mkdir(parents=True, exist_ok=True)
        if there.is_dir():
            if not below:
                raise UsageError(
                    f"--isolated would copy all of {path}, which lies outside the current folder",
                    "name the files that are needed, or folders below the current one",
                )
            shutil.copytree(there, target / copy, dirs_exist_ok=True)
        else:
            shutil.copy2(there, target / copy)
        words.append(word if below else f"{copy}{colons}{test}")
    return tuple(words)


def inside(command: Iterable[str], source: Path, target: Path) -> tuple[str, ...]:
    """Return the command with what it names of ``source`` named from ``target``, a copy of that.

    The files that it names elsewhere are copied there, under their name.
    """
    words = []
    for position, word in enumerate(command):
        path, colons, test = word.partition("::")
        named = Path(os.path.normpath(source / path))
        absolute = Path(path).is_absolute()
        if absolute and named.is_relative_to(source):
            word = f"{named.relative_to(source)}{colons}{test}"
        elif position and not named.is_relative_to(source) and _is_file(named):
            shutil.copy2(named, target / named.name)
            word = f"{named.name}{colons}{test}"
        words.append(word)
    return tuple(words)


def readable(command: Iterable[str], cwd: Path, script: str) -> Iterator[Path]:
    """Yield what of the caller's a command gets to read: its folder, and what it names.

    Of the home folder, and of one of the caller's own that holds it, that is what isn't hidden,
    and what is named.
    """
    home = Path.home()
    if not home.is_relative_to(cwd):
        yield cwd
    elif cwd != Path("/") and cwd.stat().st_uid == os.getuid():
        for path in sorted(cwd.iterdir()):
            if not (path.name.startswith(".") or home.is_relative_to(path)):
                yield path
    words = [word.partition("::")[0].rpartition("=")[2] for word in command]
    for word in filter(None, [*words, script]):
        named = cwd / word
        if not _exists(named):
            continue
        path = Path(os.path.normpath(named))
        beside = path.parent if path.suffix == ".py" else path  # a script imports its neighbours
        for found in (beside, path.resolve()):
            if not home.is_relative_to(found):
                yield found
            elif found != path.resolve() and not home.is_relative_to(path):
                yield path


def _exists(path: Path) -> bool:
    with suppress(OSError):  # code on a command line is too long for a name
        return path.exists()
    return False


def _is_file(path: Path) -> bool:
    return _exists(path) and path.is_file()


_ANYBODYS = frozenset({"doc", "docs", "example", "examples", "test", "tests"})
"""Modules that wheels carry by mistake, and that the caller's own folder has as well."""


def imported(records_dir: Path, environment: Environment, package: str) -> bool:
    """Return whether a run imported the package.

    Raises UsageError where it did from elsewhere than the environment.
    """
    home = environment.prefix.resolve()
    found = False
    for module, file in records.imported(records_dir):
        # Resolved as well as it is: an installer may link to its cache, and a prefix be a link.
        inside = Path(file).is_relative_to(environment.prefix) or Path(
            file
        ).resolve().is_relative_to(home)
        found = found or inside
        if not (inside or module in _ANYBODYS):
            raise UsageError(
                f"{module} was imported from {file}, not from the release of {package} under test",
                "run it from another folder, or with --isolated, which copies only the files that "
                "the command names",
            )
    return found


def elsewhere(probe: Probe, environment: Environment, requirements: Iterable[str]) -> str:
    """Return, as a sentence, which project a script imports where it isn't the one under test.

    Empty where that can't be told. What the caller had installed beside is a tool.
    """
    providers = environment.providers()
    modules = providers.pop(probe.package, frozenset())
    for requirement in (*probe.dependencies, *requirements):
        providers.pop(canonicalize_name(Requirement(requirement).name), None)
    for name in _imports(probe):
        for project, brought in providers.items():
            if name in brought or any(f"{name}.".startswith(f"{one}.") for one in brought):
                nothing = "installs nothing itself" if not modules else "is not what it imports"
                package = f"{probe.package} {nothing}"
                return f"{package}; {name} comes from {project}: --package {project}."
    return ""


def _imports(probe: Probe) -> Iterator[str]:
    """Yield the modules that a script, or code on the command line, imports by name."""
    code = probe.command[2] if probe.command[1:2] == ("-c",) else probe.text
    with suppress(SyntaxError, ValueError):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module
