"""Installs a wheel that was built here in place of a release."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bisector.environment.installers.interface import Installer, Resolution
from bisector.model import File


@dataclass(frozen=True, slots=True)
class Built:
    """Installs ``wheel`` wherever ``project`` is asked for, and all else by ``installer``."""

    installer: Installer
    project: str
    wheel: Path

    @property
    def name(self) -> str:
        """What ``--installer`` calls what it installs by."""
        return self.installer.name

    @property
    def index_url(self) -> str:
        """The address of the index; it may carry a password."""
        return self.installer.index_url

    @staticmethod
    def unfit() -> str:
        """Return nothing: it runs wherever what it installs by does."""
        return ""

    def at(self, folder: Path) -> Built:
        """Return the same, working in another folder."""
        return replace(self, installer=self.installer.at(folder))

    def state(self) -> str:
        """Return a digest that changes where what it installs by is set up otherwise."""
        return self.installer.state()

    def resolve(
        self,
        python: str,
        requirements: Sequence[str],
        *,
        before: str = "",
        offline: bool = False,
        fetch: bool = False,
        cancelled: threading.Event | None = None,
    ) -> Resolution:
        """Return what satisfies ``requirements``, as the index has it."""
        return self.installer.resolve(
            python, requirements, before=before, offline=offline, fetch=fetch, cancelled=cancelled
        )

    def fetch(
        self,
        python: str,  # noqa: ARG002  # the protocol's
        project: str,  # noqa: ARG002  # the protocol's
        wheels: Sequence[File],  # noqa: ARG002  # the protocol's
        *,
        cancelled: threading.Event | None = None,  # noqa: ARG002  # the protocol's
    ) -> bool:
        """Fetch nothing: the wheel is here."""
        return False

    def install(
        self,
        python: str,
        requirements: Sequence[str],
        constraints: Iterable[str] = (),
        *,
        before: str = "",
        wheels: Sequence[File] = (),  # noqa: ARG002  # the protocol's
        cancelled: threading.Event | None = None,
    ) -> Mapping[str, str]:
        """Install ``requirements``, the wheel among them."""
        others = [c for c in constraints if _name(c.partition(" --hash=")[0]) != self.project]
        replaced = [self._replaced(text) for text in requirements]
        return self.installer.install(python, replaced, others, before=before, cancelled=cancelled)

    def _replaced(self, text: str) -> str:
        read = Requirement(text)
        if canonicalize_name(read.name) != self.project:
            return text
        extras = f"[{','.join(sorted(read.extras))}]" if read.extras else ""
        return f"{read.name}{extras} @ {self.wheel.as_uri()}"


def _name(text: str) -> str:
    return canonicalize_name(Requirement(text).name)
