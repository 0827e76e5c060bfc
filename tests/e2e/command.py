"""Runs the real ``bisect`` command apart from this process, in a home of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bisector.run.sandbox import SUPERVISOR

_WITHOUT_INDEX = ("probes", "check", "completion", "config", "export", "open", "probe", "serve")
"""Commands that ask no index."""

HANG_S = 120
"""No command here takes long: one that isn't back by then hangs."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the command printed and how it exited."""

    status: int
    output: str
    errors: str

    @property
    def finding(self) -> dict[str, Any]:
        """The finding that ``--format json`` printed."""
        found: dict[str, Any] = json.loads(self.output)
        return found

    @property
    def findings(self) -> list[dict[str, Any]]:
        """The findings where there are several of them."""
        found: list[dict[str, Any]] = json.loads(self.output)
        return found

    @property
    def answer(self) -> str:
        """The sentences of the text report, on one line, behind what to pin."""
        return self._sentences[len(self.pin) :].lstrip()

    @property
    def pin(self) -> str:
        """Which releases to pin and why, as the text report begins; empty where it doesn't say."""
        pin = re.match(r"Pin ([\w-]+)\S+( \([^)]+\))?: .+?[.…](?= \1 )", self._sentences)
        return pin[0] if pin else ""

    @property
    def _sentences(self) -> str:
        return " ".join(self.output.split("\n\n")[1].partition("\nOpen: ")[0].split())

    @property
    def complaint(self) -> list[str]:
        """The lines from ``error:`` on, which are the last ones."""
        lines = self.errors.splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("error: ")]
        return lines[starts[0] :] if starts else []


@dataclass(frozen=True)
class Command:
    """The command, run in ``folder`` with its home and its caches below it, against one index."""

    folder: Path
    index_url: str
    environ: Mapping[str, str] = field(default_factory=dict)
    sandbox: str = ""

    def __call__(self, *words: str, stdin: str = "", **environ: str) -> Result:
        """Run ``bisect WORDS`` to its end; ``environ`` is set beside what it always gets."""
        done = subprocess.run(
            self.words(*words),
            cwd=self.folder,
            env=self.surroundings(environ),
            capture_output=True,
            input=stdin,
            encoding="utf-8",
            timeout=HANG_S,
        )
        assert "\nTraceback" not in f"\n{done.stderr}", done.stderr
        assert "this is a bug in bisector" not in done.stderr, done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def json(self, *words: str, **environ: str) -> dict[str, Any]:
        """Run it to its end with ``--format json``; return the finding."""
        result = self("--format", "json", *words, **environ)
        assert result.output, result.errors
        return result.finding

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start it, its output in pipes, in a session of its own."""
        return subprocess.Popen(
            self.words(*words),
            cwd=self.folder,
            env=self.surroundings({}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_as_from_a_terminal,
        )

    def words(self, *words: str) -> list[str]:
        """The command line; the index goes where options still are options."""
        listed = list(words)
        if self.index_url and not {"--index-url", *_WITHOUT_INDEX} & set(listed):
            place = listed.index("--") if "--" in listed else len(listed)
            listed[place:place] = ["--index-url", self.index_url]
        if self.sandbox and not {"releases", "probes"} & set(listed):
            place = listed.index("--") if "--" in listed else len(listed)
            listed[place:place] = ["--sandbox", self.sandbox]
        return [sys.executable, "-m", "bisector", *listed]

    def surroundings(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment: nothing of the caller's, so that none of its settings leak in."""
        return {
            "PATH": os.defpath,
            "HOME": str(self.folder / "home"),
            "XDG_CACHE_HOME": str(self.cache),
            "UV_CACHE_DIR": str(self.cache / "uv"),
            "PYENV_ROOT": str(Path.home() / ".pyenv"),
            "PIP_CONFIG_FILE": os.devnull,
            "XDG_CONFIG_DIRS": str(self.folder / "home"),
            "BISECTOR_TRACEBACK": "1",
            **self.environ,
            **environ,
        }

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def stored(self, version: str = "*") -> list[dict[str, Any]]:
        """What the results folder keeps of the runs of a release, or of all; oldest first."""
        runs = stored(self.results, "measurement")
        wanted = [run for run in runs if version in ("*", run["version"])]
        return sorted(wanted, key=lambda run: str(run["started"]))

    def write(self, name: str, text: str) -> str:
        """Write a file into the folder; return its name."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def left_folders(self) -> list[str]:
        """The environments and folders of runs that are still there."""
        return sorted(path.name for path in (self.cache / "bisector" / "work").glob("run-*"))

    def left_processes(self) -> list[str]:
        """The processes still running that have anything to do with the folder.

        And supervisors whose driver is gone: they have no folder and no environment.
        """
        return [" ".join(words) for words in self._processes()]

    def _processes(self) -> Iterator[list[str]]:
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):  # it may end meanwhile
                if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                words = process.cmdline()
                told = [process.cwd(), *process.environ().values(), *words]
                alone = str(SUPERVISOR) in words and process.ppid() == 1
                if alone or any(str(self.folder) in text for text in told):
                    yield words


def stored(results: Path, schema: str) -> list[dict[str, Any]]:
    """The values of a schema that a results folder keeps, each once, with their parts."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(results.rglob("*.jsonl"))]
    lines = {line["digest"]: line for text in texts for line in map(json.loads, text.splitlines())}
    return [
        line["data"]
        | {name: lines[digest]["data"]["value"] for name, digest in line["parts"].items()}
        for line in lines.values()
        if line["schema"].startswith(f"bisector/{schema}/")
    ]


def _as_from_a_terminal() -> None:
    """Take SIGINT as usual: what a shell starts in the background ignores it, children included."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def outcomes(finding: Mapping[str, Any]) -> dict[str, str]:
    """What each release turned out to be, its reason where it decided nothing; by version."""
    return {m["version"]: m["reason"] or m["outcome"] for m in finding["measurements"]}


def changes(finding: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The transitions: kind, last before, first after."""
    return [
        ("introduced", t["last_good"], t["first_bad"])
        if t["kind"] == "introduced"
        else ("fixed", t["last_bad"], t["first_good"])
        for t in finding["transitions"]
    ]
