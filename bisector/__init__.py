"""Find the release of a Python package in which a behaviour broke, and the one that fixed it.

>>> from bisector import find
>>> finding = find("packaging", ["python", "reproducer.py"])
>>> finding.affected
('>=22.0',)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bisector.errors import BisectorError
    from bisector.finding import Finding
    from bisector.library import find

__version__ = "0.1.0"
__all__ = ["BisectorError", "Finding", "__version__", "find"]

_HOMES = {"BisectorError": "errors", "Finding": "finding", "find": "library"}


def __getattr__(name: str) -> object:
    """Return what the package offers, imported when it is asked for: the command needs little."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
