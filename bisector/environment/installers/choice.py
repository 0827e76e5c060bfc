"""The installers that there are, by the names that ``--installer`` has for them."""

from __future__ import annotations

from collections.abc import Mapping

from bisector.environment.installers.pip import Pip
from bisector.environment.installers.uv import Uv

INSTALLERS: Mapping[str, type[Uv] | type[Pip]] = {"uv": Uv, "pip": Pip}
