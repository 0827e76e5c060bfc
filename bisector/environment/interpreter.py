"""Finds the Python that environments are made from, and says which wheels it takes."""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from packaging import tags
from packaging.version import Version

from bisector import settings
from bisector.errors import UsageError
from bisector.model import Interpreter
from bisector.run import process

_OLDEST = Version("3.9")
"""The oldest release whose environments are made and whose runs are watched."""


def _facts() -> "dict[str, Any]":  # noqa: UP037  # older interpreters run its source too
    """Return what the running interpreter is."""
    import platform
    import sys
    import sysconfig

    return {
        "implementation": sys.implementation.name,
        "version": platform.python_version(),
        "platform": sysconfig.get_platform(),
        "cache_tag": sys.implementation.cache_tag or "",
        "soabi": sysconfig.get_config_var("SOABI") or "",
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "debug": bool(sysconfig.get_config_var("Py_DEBUG")),
    }


def find(wanted: str | None = None) -> Interpreter:
    """Return the interpreter for ``X.Y``, ``X.Y.Z`` or a path; by default the one running.

    Looked for in pyenv's versions, then where uv looks: its own Pythons and the PATH. Raises
    UsageError where there is none or where it doesn't run.
    """
    if wanted is None:
        return describe(sys.executable)
    if not re.fullmatch(r"\d+(\.\d+){0,2}t?", wanted):
        path = Path(wanted).expanduser()
        if not path.is_file():
            raise UsageError(
                f"there is no Python at {wanted}",
                "give --python a version like 3.12, or the path of an interpreter",
            )
        return describe(str(path))
    for executable in _candidates(wanted):
        interpreter = describe(executable)
        if f"{interpreter.version}.".startswith(wanted.rstrip("t") + "."):
            return interpreter
    raise UsageError(
        f"no Python {wanted} was found here",
        f"get one with `uv python install {wanted}`, or give a path: --python /path/to/python",
    )


def installed() -> list[Interpreter]:
    """Return the CPythons that are here, one of each release from 3.9 on, in their order.

    Looked for where ``find`` looks. Builds without a GIL or for debugging are others' releases.
    """
    by_version: dict[Version, Interpreter] = {}
    programs = set[Path]()
    for executable in (sys.executable, *_pyenv("*"), *_known_to_uv()):
        if (program := Path(executable).resolve()) in programs:
            continue
        programs.add(program)
        with suppress(UsageError):
            python = describe(executable)
            version = Version(python.version.rstrip("+"))
            plain = python.tags[0].split("-")[1] == f"cp{python.series.replace('.', '')}"
            if python.implementation == "cpython" and plain and version >= _OLDEST:
                by_version.setdefault(version, python)
    return [python for _, python in sorted(by_version.items())]


def describe(executable: str) -> Interpreter:
    """Return what the interpreter at ``executable`` says of itself."""
    # Absolute but not resolved: what a virtual environment's symbolic link leads to is not it.
    absolute = str(Path(executable).absolute())
    if absolute == sys.executable:  # which need not be asked in a process of its own
        return _interpreter(absolute, _facts())
    ask = f"{inspect.getsource(_facts)}\nimport json\nprint(json.dumps(_facts()))"
    done = process.capture([absolute, "-I", "-S", "-c", ask], environ={}, timeout_s=30)
    try:
        return _interpreter(absolute, json.loads(done.output))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        errors = done.errors.decode(errors="replace").splitlines()
        raise UsageError(
            f"{executable} is not a Python 3 that runs" + (f": {errors[0]}" if errors else ""),
            "give --python a version like 3.12, or the path of an interpreter",
        ) from error


def _interpreter(executable: str, facts: dict[str, Any]) -> Interpreter:
    return Interpreter(
        executable=executable,
        version=facts["version"],
        implementation=facts["implementation"],
        platform=facts["platform"],
        tags=tuple(dict.fromkeys(str(tag) for tag in _tags(facts))),
        cache_tag=facts["cache_tag"],
    )


def _tags(facts: dict[str, Any]) -> Iterator[tags.Tag]:
    """Yield the tags of that interpreter, best first, as it would compute them for itself."""
    major, minor = (int(part) for part in facts["version"].split(".")[:2])
    platforms = list(tags.platform_tags())
    if facts["platform"] != sysconfig.get_platform():
        platforms = [re.sub(r"[-.]", "_", facts["platform"])]
    series = f"{major}{minor}"
    if facts["implementation"] == "cpython":
        flags = ("t" if facts["free_threaded"] else "") + ("d" if facts["debug"] else "")
        yield from tags.cpython_tags((major, minor), [f"cp{series}{flags}"], platforms)
        short = f"cp{series}"
    else:
        short = f"pp{series}" if facts["implementation"] == "pypy" else facts["implementation"]
        abi = re.sub(r"[-.]", "_", facts["soabi"])
        yield from tags.generic_tags(short, [abi], platforms)
    yield from tags.compatible_tags((major, minor), short, platforms)


def _candidates(wanted: str) -> Iterator[str]:
    """Yield the interpreters that may be the ``X.Y`` or ``X.Y.Z`` wanted, the likeliest first."""
    if f"{sysconfig.get_python_version()}" == wanted:
        yield sys.executable
    for executable in _pyenv(f"{wanted}*"):
        if f"{Path(executable).parts[-3]}.".startswith(f"{wanted}."):
            yield executable
    done = process.capture(
        [settings.uv_program(), "python", "find", "--no-project", wanted],
        environ=process.installer_environ(),
        timeout_s=60,
    )
    if done.exit_status == 0:
        yield os.fsdecode(done.output).strip()


def _pyenv(pattern: str) -> list[str]:
    """Return the interpreters of the versions of pyenv that match, in their order."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    folders = sorted(
        versions.glob(pattern), key=lambda p: [int(n) for n in re.findall(r"\d+", p.name)]
    )
    programs = (folder / "bin" / "python" for folder in folders)
    return [str(program) for program in programs if program.is_file()]


def _known_to_uv() -> list[str]:
    """Return the interpreters that uv finds: its own, and those on the PATH."""
    done = process.capture(
        [settings.uv_program(), "python", "list", "--only-installed", "--output-format", "json"],
        environ=process.installer_environ(),
        timeout_s=60,
    )
    try:
        return [str(python["path"]) for python in json.loads(done.output)]
    except (ValueError, TypeError, KeyError):
        return []
