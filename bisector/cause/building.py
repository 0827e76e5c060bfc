"""Builds a wheel of a commit, in a checkout of its own; this runs the project's own build code."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bisector import settings
from bisector.cause.git import GitError, Repository, run
from bisector.errors import BisectorError
from bisector.run import process

_TIMEOUT_S = 900.0
_FRAMES = " │╰─▶├\N{MULTIPLICATION SIGN}"


class BuildError(BisectorError):
    """A commit could not be built; the message is the last line that says why."""


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds commits of a repository below ``folder``, one at a time.

    ``python`` is the interpreter that is built for and with, ``environ`` what is set besides, and
    ``index_url`` where the build's own requirements come from; it may carry a password.
    """

    repository: Repository
    folder: Path
    python: str
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    index_url: str = field(default="", repr=False)
    offline: bool = False
    cancelled: threading.Event | None = None

    def build(self, commit: str, to: Path) -> Path:
        """Return the wheel of a commit, built anew into ``to``.

        What the newest build requirements can't build is tried with those of the commit's day.
        Raises BuildError where neither does.
        """
        checkout = self._checked_out(commit)
        missing = self._without_submodules(checkout)
        try:
            return self._built(checkout, to)
        except BuildError as error:
            if missing:
                message = f"{error.message}; its submodules could not be fetched: {missing}"
                raise BuildError(message) from error
            day = self.repository.run("show", "--no-patch", "--format=%cs", commit, "--").strip()
            with suppress(BuildError):
                return self._built(checkout, to, "--exclude-newer", f"{day}T23:59:59Z")
            raise

    def _checked_out(self, commit: str) -> Path:
        """Return a folder with a commit and nothing else in it; its objects are the clone's own."""
        checkout = self.folder / "checkout"
        try:
            if not checkout.is_dir():
                path = str(self.repository.path)
                run(self.folder, "clone", "--quiet", "--shared", "--no-checkout", path, "checkout")
                with suppress(GitError):
                    origin = self.repository.run("config", "remote.origin.url").strip()
                    run(checkout, "config", "remote.origin.url", origin)
            run(checkout, "checkout", "--quiet", "--force", "--detach", commit, "--")
            run(checkout, "clean", "-ffdxq")
        except GitError as error:
            raise BuildError(f"it can't be checked out: {error.message}") from error
        return checkout

    def _without_submodules(self, checkout: Path) -> str:
        """Return why submodules are missing, which a build may need or not; empty where none is."""
        if (checkout / ".gitmodules").is_file():
            try:
                run(checkout, "submodule", "--quiet", "update", "--init", "--recursive", "--force")
            except GitError as error:
                return error.message
        return ""

    def _built(self, checkout: Path, to: Path, *options: str) -> Path:
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir(parents=True)
        words = [settings.uv_program(), "build", "--wheel", "--no-progress"]
        words += ["--python", self.python, "--out-dir", str(to), *options]
        words += ["--offline"] if self.offline else []
        environ = {**process.installer_environ(), **self.environ}
        if self.index_url:
            environ |= {"UV_DEFAULT_INDEX": self.index_url, "PIP_INDEX_URL": self.index_url}
        done = process.capture(
            [*words, str(checkout)],
            environ=environ,
            timeout_s=_TIMEOUT_S,
            cwd=checkout,
            cancelled=self.cancelled,
        )
        wheels = sorted(to.glob("*.whl"))
        if done.exit_status != 0 or not wheels:
            raise BuildError(_reason(done))
        return wheels[0]


def _reason(done: process.Completed) -> str:
    """Return the last line that says why a build failed."""
    if done.ended is not process.Ended.EXITED:
        return f"its build was stopped ({done.ended.value})"
    lines = [line.strip(_FRAMES) for line in done.errors.decode("utf-8", "replace").splitlines()]
    end = next((n for n, line in enumerate(lines) if "Failed to build `" in line), len(lines))
    log = [line for line in lines[:end] if line and not line.endswith("...")]
    causes = [line.removeprefix("cause: ") for line in lines[end:] if line.startswith("cause: ")]
    errors = [line for line in log if re.search(r"\w*Error\b|\berror\b", line)]
    reason = errors[-1:] or [" ".join(log[-3:])] if log else causes[-1:]
    return (reason or ["the build said nothing"])[0][:300]
