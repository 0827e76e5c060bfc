"""The wheels of commits: built as they are asked for, or before, and kept."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bisector import settings
from bisector.cause.building import Builder
from bisector.cause.git import Repository
from bisector.environment.ahead import Ahead
from bisector.inputs.request import Request
from bisector.model import Interpreter


@dataclass(frozen=True, slots=True)
class Wanted:
    """A commit whose wheel is wanted, built ``anew`` even where there is one."""

    commit: str
    anew: bool = False


class Wheels:
    """The wheels of a repository's commits; close it when none is asked for any more.

    They are kept in the cache of this machine, apart for each interpreter and what a build is told.
    ``spare`` is whether one more may be built beside what is asked for.
    """

    def __init__(
        self,
        repository: Repository,
        folder: Path,
        python: Interpreter,
        request: Request,
        *,
        spare: bool,
    ) -> None:
        environ = dict(item.partition("=")[::2] for item in request.build_environment)
        self._closing = threading.Event()
        self._builder = Builder(
            repository,
            folder / "asked",
            python.executable,
            environ,
            settings.index_url(request.index_url).url,
            request.offline,
            self._closing,
        )
        text = repr((sorted(environ.items()), python.tags[:1]))
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._kept = settings.cache_dir() / "built" / name
        beside = replace(self._builder, folder=folder / "ahead")
        for builder in (self._builder, beside):
            builder.folder.mkdir()
        self._ahead: Ahead[Wanted, Path] = Ahead(
            int(spare), lambda wanted: self._made(wanted, beside)
        )

    def close(self) -> None:
        """Stop what is being built, and wait for that."""
        self._closing.set()
        self._ahead.close()

    def expect(self, wanted: Sequence[Wanted]) -> None:
        """Begin with these, the likeliest first; no more with others."""
        self._ahead.expect({one: one for one in wanted if one.anew or not self._there(one.commit)})

    def get(self, wanted: Wanted) -> Path:
        """Return the wheel of a commit; raises BuildError where it can't be built."""
        ahead = self._ahead.take(wanted, self._closing)
        return ahead.result() if ahead else self._made(wanted, self._builder)

    def _there(self, commit: str) -> Path | None:
        return next(iter(sorted((self._kept / commit).glob("*.whl"))), None)

    def _made(self, wanted: Wanted, builder: Builder) -> Path:
        if not wanted.anew and (there := self._there(wanted.commit)):
            return there
        wheel = builder.build(wanted.commit, builder.folder / "dist")
        kept = self._kept / wanted.commit
        kept.mkdir(parents=True, exist_ok=True)
        for other in kept.glob("*.whl"):
            other.unlink()
        return wheel.rename(kept / wheel.name)
