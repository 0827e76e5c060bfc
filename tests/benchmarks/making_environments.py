"""Prints what making an environment costs, step by step: medians, and ratios to a bare import.

``python tests/benchmarks/making_environments.py [ROUNDS]``, where ``bisector`` can be imported. It
installs aiohttp, from the index the first time.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bisector import settings
from bisector.environment import bytecode, interpreter, venv
from bisector.environment.workspace import remove

RELEASE = "aiohttp==3.12.15"


def main(rounds: int) -> None:
    python = interpreter.find()
    seconds: dict[str, list[float]] = {}

    def timed(name: str, take: Callable[[], object]) -> object:
        began = time.perf_counter()
        made = take()
        seconds.setdefault(name, []).append(time.perf_counter() - began)
        return made

    def install(made: venv.Environment) -> None:
        command = [settings.uv_program(), "pip", "install", "--quiet", "--python", str(made.python)]
        subprocess.run([*command, RELEASE, "--offline"], check=True)

    def start(made: venv.Environment, number: int = 1) -> None:
        command = [str(made.python), "-c", "import aiohttp"]
        for running in [subprocess.Popen(command) for _ in range(number)]:
            running.wait()

    beside = settings.cache_dir().parent
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside) as name:
        folder = Path(name)
        kept = venv.empty(folder, python)
        first = venv.make(folder / "first", python)
        command = [settings.uv_program(), "pip", "install", "--quiet", "--python"]
        subprocess.run([*command, str(first.python), RELEASE], check=True)
        for round_ in range(rounds + 1):
            made = venv.make(folder / f"new-{round_}", python)
            timed("uv, at a new path", partial(install, made))
            again = folder / "again"
            timed("a copy of an empty one", partial(venv.copy, kept, again))
            made = venv.copy(kept, folder / "place")
            timed("uv, at a path it knows", partial(install, made))
            supply = (made, python, folder / "bytecode", folder)
            timed("links to bytecode", partial(bytecode.supply, *supply))
            timed("whether it was changed", partial(venv.state, made))
            timed("bare import", partial(start, made))
            timed("two at once", partial(start, made, 2))
            remove(again)
            timed("removing it", partial(remove, made.prefix))
    bare = statistics.median(seconds["bare import"][1:])
    for name, taken in seconds.items():  # the first round fills the caches
        median = statistics.median(taken[1:])
        print(f"{name:24} {median * 1000:6.1f} ms {median / bare:6.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10)
