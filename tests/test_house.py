"""What keeps the house one that newcomers find their way in: small modules, short signatures."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bisector

_HOUSE = Path(bisector.__file__).parent
_MODULES = sorted(_HOUSE.rglob("*.py"))
_MOST_LINES = 300
_MOST_PARAMETERS = 7
_MOST_AT_THE_TOP = 12


def _constructors(tree: ast.Module) -> Iterator[tuple[str, list[ast.arg]]]:
    """Yield each class that has a constructor of its own, and what that takes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    given = method.args
                    yield node.name, [*given.posonlyargs, *given.args, *given.kwonlyargs][1:]


@pytest.mark.parametrize("module", _MODULES, ids=lambda path: str(path.relative_to(_HOUSE)))
def test_a_module_is_short_and_its_constructors_take_little(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= _MOST_LINES
    for name, parameters in _constructors(ast.parse(text)):
        assert len(parameters) <= _MOST_PARAMETERS, name


def test_few_modules_lie_outside_the_rooms() -> None:
    assert 0 < len(list(_HOUSE.glob("*.py"))) <= _MOST_AT_THE_TOP
