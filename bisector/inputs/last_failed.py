"""The tests that failed last: from pytest's cache, or from JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bisector.errors import UsageError

CACHE = Path(".pytest_cache/v/cache/lastfailed")


def tests(path: Path) -> list[str]:
    """Return the tests as pytest names them, sorted; ``path`` is pytest's cache or JUnit XML.

    Raises UsageError where there is no such file, or none of its tests failed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, FileNotFoundError) and path == CACHE and path.parent.is_dir():
            raise _none(path) from error  # pytest ran, and has no such file where all passed
        raise UsageError(
            f"the tests that failed can't be read from {path}: {getattr(error, 'strerror', error)}",
            "run pytest here first, or name its JUnit XML: --last-failed report.xml",
        ) from error
    try:
        failed = set(_of_xml(text)) if path.suffix == ".xml" else set(_of_cache(text))
    except (ValueError, SyntaxError) as error:  # as what is wrong with XML is
        raise UsageError(
            f"{path} is neither pytest's cache nor JUnit XML: {error}", "write it anew with pytest"
        ) from error
    if not failed:
        raise _none(path)
    return sorted(failed)


def _none(path: Path) -> UsageError:
    return UsageError(
        f"no test failed by {path}",
        "run the tests again so that it is current; to find what fixed them, leave out "
        "--last-failed and name the tests",
    )


def added(command: Sequence[str], failed: Sequence[str]) -> tuple[str, ...]:
    """Return a command of pytest that runs only the tests that failed."""
    if not any(Path(word).name in ("pytest", "py.test") for word in command):
        raise UsageError(
            "--last-failed names pytest's tests, and the command isn't pytest",
            "write `-- pytest -q`, and --with pytest where nothing else installs it",
        )
    return (*command, *failed)


def _of_cache(text: str) -> Iterator[str]:
    import json  # what reads files is not for --help

    names = json.loads(text)
    if not isinstance(names, dict):
        raise ValueError("it is no JSON object")
    yield from names


def _of_xml(text: str) -> Iterator[str]:
    from xml.etree import ElementTree as ET

    # Entities are what such a file could do harm with; pytest writes none.
    if "<!" in text.partition("<testsuite")[0]:
        raise ValueError("it declares a type of its own")
    for test in ET.fromstring(text).iter("testcase"):  # noqa: S314  # no entity gets this far
        if test.find("failure") is not None or test.find("error") is not None:
            yield _named(test.get("file", ""), test.get("classname", ""), test.get("name", ""))


def _named(file: str, group: str, name: str) -> str:
    """Return a test's name from its module and class, which JUnit has in one, with dots."""
    parts = group.split(".")
    for position in range(len(parts), 0, -1):
        path = Path(*parts[:position]).with_suffix(".py")
        if path.is_file() or path.as_posix() == file:
            return "::".join([path.as_posix(), *parts[position:], name])
    # A module that can't be imported has neither class nor test: it is named by itself.
    whole = Path(*name.split(".")).with_suffix(".py")
    if not group and whole.is_file():
        return whole.as_posix()
    raise ValueError(f"there is no file here for {group or name}")
