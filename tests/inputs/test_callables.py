"""A function as a probe: what its script does, and what is refused with which reason."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bisector.errors import UsageError
from bisector.inputs.callables import script


def good() -> None:
    """Numbers must be numbers."""
    import json as parser

    assert [parser.loads(text) for text in ("1", "2")] == [1, 2]


def raising() -> None:
    raise ValueError("no")


def false() -> bool:
    def inner(number: int) -> bool:
        return number > 1

    return inner(1)


@pytest.mark.parametrize(("check", "status"), [(good, 0), (raising, 1), (false, 1)])
def test_the_script_runs_by_itself(
    check: Callable[[], object], status: int, tmp_path: Path
) -> None:
    path = tmp_path / "check.py"
    path.write_text(script(check), encoding="utf-8")
    done = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True)
    assert done.returncode == status, done.stderr


def test_its_docstring_is_the_title() -> None:
    assert script(good).startswith("'Numbers must be numbers.'\n")


def outside() -> object:
    return json.loads("1")


def with_arguments(spam: int) -> int:
    return spam


async def coroutine() -> None:
    """Never run by calling it."""


@functools.cache
def decorated() -> None:
    """Not what its source says."""


def _closure() -> Callable[[], object]:
    eggs = 1

    def check() -> int:
        return eggs

    return check


class Kitchen:
    def check(self) -> None:
        """Not by itself."""


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (outside, "outside can't be a probe: it needs json from outside; import inside of it"),
        (with_arguments, "it takes arguments, and is called without"),
        (coroutine, "calling it doesn't run it; write a def that does, with asyncio.run"),
        (decorated, "it is no function that was written with def"),
        (_closure(), "it is a closure over eggs, which the script wouldn't have"),
        (lambda: None, "a lambda has no source of its own; write it with def"),
        (Kitchen().check, "it is no function that was written with def"),
        (print, "print can't be a probe: it is no function that was written with def"),
    ],
)
def test_what_needs_more_than_its_source_is_refused(
    check: Callable[[], object], reason: str
) -> None:
    with pytest.raises(UsageError) as refused:
        script(check)
    assert refused.value.message.endswith(reason)
    assert refused.value.hint


def test_what_was_typed_has_no_source() -> None:
    names: dict[str, Callable[[], object]] = {}
    exec("def typed():\n    return True\n", names)
    with pytest.raises(UsageError, match="its source isn't in a file"):
        script(names["typed"])
