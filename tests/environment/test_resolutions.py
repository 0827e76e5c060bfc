"""What was resolved lately."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bisector.environment.installers.interface import Resolution
from bisector.environment.resolutions import load, path, save
from bisector.model import Conditions, Interpreter

NOON = "2026-05-01T12:00:00.000Z"
FOUND = Resolution(("ham==1.0", "spam==2.0"), {"ham-1.0-py3-none-any.whl": "0" * 64})
HELD = Conditions(Interpreter("python", "3.11.7", "cpython", "linux", ()), timeout_s=1)


def kept(folder: Path) -> Path:
    return path(folder, "https://example.org/simple/", HELD, ["spam==2.0", "jam"])


@pytest.mark.parametrize(
    ("now", "there"),
    [
        (NOON, True),
        ("2026-05-01T12:09:59.999Z", True),
        ("2026-05-01T12:10:00.000Z", False),
        ("2026-05-01T11:59:59.999Z", False),  # the clock was set back
    ],
)
def test_it_is_there_for_ten_minutes(tmp_path: Path, now: str, *, there: bool) -> None:
    save(kept(tmp_path), FOUND, NOON)
    assert load(kept(tmp_path), now) == ((FOUND, NOON) if there else None)


def test_what_would_resolve_differently_is_kept_apart(tmp_path: Path) -> None:
    other = replace(HELD.interpreter, version="3.11.8")
    places = {
        kept(tmp_path),
        path(tmp_path, "https://example.com/simple/", HELD, ["spam==2.0", "jam"]),
        path(tmp_path, "https://example.org/simple/", HELD, ["spam==2.0"]),
        path(
            tmp_path,
            "https://example.org/simple/",
            replace(HELD, interpreter=other),
            ["spam==2.0", "jam"],
        ),
        path(
            tmp_path,
            "https://example.org/simple/",
            replace(HELD, interpreter=replace(HELD.interpreter, tags=("py3-none-any",))),
            ["spam==2.0", "jam"],
        ),
        path(
            tmp_path,
            "https://example.org/simple/",
            replace(HELD, installer="pip"),
            ["spam==2.0", "jam"],
        ),
        path(
            tmp_path,
            "https://example.org/simple/",
            replace(HELD, allow_build=True),
            ["spam==2.0", "jam"],
        ),
    }
    assert len(places) == 7
    assert path(tmp_path, "https://example.org/simple/", HELD, ["jam", "spam==2.0"]) in places


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"resolved": 1}', '{"resolved": "yesterday"}'])
def test_what_can_t_be_read_is_resolved_again(tmp_path: Path, text: str) -> None:
    save(kept(tmp_path), FOUND, NOON)
    kept(tmp_path).write_text(text)
    assert load(kept(tmp_path), NOON) is None


def test_where_it_can_t_be_kept_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "resolutions").write_text("a file")
    save(kept(tmp_path), FOUND, NOON)
    assert load(kept(tmp_path), NOON) is None


def test_what_was_written_over_is_resolved_again(tmp_path: Path) -> None:
    save(kept(tmp_path), FOUND, NOON)
    written = kept(tmp_path).read_text()
    kept(tmp_path).write_text(written.replace("spam==2.0", "spam==1.0"))
    assert load(kept(tmp_path), NOON) is None
    kept(tmp_path).write_text(written)
    assert load(kept(tmp_path), NOON) == (FOUND, NOON)
