"""Any command as a probe: it is read by its exit status."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from bisector import masks
from bisector.errors import UsageError
from bisector.inputs import slips
from bisector.inputs.probe import digest, parse, text_of
from bisector.model import Probe


def from_command(command: Sequence[str], package: str = "") -> Probe:
    """Return the probe that ``command`` is; files that it names count in its digest.

    A script that it gives to python may carry metadata: what it depends on is installed, and where
    that is one project, it is the one under test unless another is named. Raises UsageError where
    python is given a script that isn't there: no release is to blame.
    """
    if slip := slips.of_program(command):
        raise slip
    _refuse_other_python(command)
    script = _script(command)
    described = parse(text_of(script), script) if script else None
    named = [Path(word.partition("::")[0]) for word in command]  # as pytest writes a test of a file
    files = [path for path in named if _is_file(path)]
    contents = [file.read_bytes().decode("utf-8", "replace") for file in files]
    name = files[0].stem if files else Path(command[0]).stem
    about = canonicalize_name(package) if package else described.package if described else ""
    return Probe(
        name=name,
        package=about,
        title=titled(command),
        command=tuple(command),
        text=contents[0] if contents else "",
        digest=digest(*command, *contents),
        reports=False,
        network=described is not None and described.network,
        dependencies=described.dependencies if described else (),
        requires_python=described.requires_python if described else SpecifierSet(),
    )


def titled(command: Sequence[str]) -> str:
    """Return what a command is called: its words, with nothing of this machine in them."""
    return shlex.join(map(masks.of_this_machine().text, command))


def _is_file(path: Path) -> bool:
    """Return whether there is such a file; code on a command line is too long for a name."""
    with suppress(OSError):
        return path.is_file()
    return False


def _refuse_other_python(command: Sequence[str]) -> None:
    """Raise UsageError where a command brings a Python of its own: it has another package."""
    program = Path(command[0])
    if program.name == command[0] or not _is_file(program):
        return
    with program.open("rb") as file:
        first = file.readline(256)
    shebang = re.match(rb"#!\s*(/\S*python[\d.]*)\s*$", first)
    if shebang or re.fullmatch(r"python[\d.]*", program.name):
        plain = "python" if not shebang else f"python {command[0]}"
        plain = program.name if shebang and program.parent.name == "bin" else plain
        raise UsageError(
            f"{command[0]} runs a Python of its own, not that of the environment under test",
            f"write `{plain}`, which is the environment's; --with PROJECT installs what it needs",
        )


def _script(command: Sequence[str]) -> Path | None:
    """Return the script that a command gives to python, if it does."""
    if len(command) < 2 or not re.fullmatch(r"python[\d.]*", command[0]):
        return None
    if not command[1].endswith(".py"):
        return None
    if not Path(command[1]).is_file():
        raise UsageError(f"there is no file {command[1]}", "the command runs in this folder")
    return Path(command[1])
