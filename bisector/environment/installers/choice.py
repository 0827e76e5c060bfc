"""The installers that there are, by the names that ``--installer`` has for them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bisector.environment.installers.interface import Installer

INSTALLERS: Mapping[str, str] = {"uv": "Uv", "pip": "Pip"}
"""The class of each, in the module of its name."""


def chosen(name: str) -> type[Installer]:
    """Return the class of an installer; its module is read then, not for ``--help``."""
    module = import_module(f"bisector.environment.installers.{name}")
    kind: type[Installer] = getattr(module, INSTALLERS[name])
    return kind
