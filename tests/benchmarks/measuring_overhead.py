"""Prints what being measured costs a script: ratios of medians, the variants taken in turns.

``python tests/benchmarks/measuring_overhead.py [ROUNDS]``, where ``bisector`` can be imported.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import virtualenv

from bisector.run.process import Limits, run, scrubbed_environ
from bisector.run.records import install

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCRIPTS = {
    "trivial": "pass",
    "0.3 s": "import time\nwhile time.process_time() < 0.3: sum(range(10_000))",
}


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = scrubbed_environ(folder, folder, [])
        recorded = {**bare, "BISECTOR_RECORDS": str(folder)}
        executable = environment(folder / "environment")
        for title, code in SCRIPTS.items():
            command = [executable, "-c", code]
            measured = partial(run, command, limits=Limits(60, memory_bytes=2**30), marks=[folder])
            print_ratios(
                title,
                rounds,
                {
                    "bare": partial(subprocess.run, command, env=bare, check=True),
                    "harness": partial(subprocess.run, command, env=recorded, check=True),
                    "run": partial(measured, environ=bare),
                    "run and harness": partial(measured, environ=recorded),
                },
            )


def environment(folder: Path) -> str:
    """The Python of a new environment that has the harness."""
    command = [str(folder), "--no-seed", "--python", sys.executable]
    session = virtualenv.session_via_cli(command, setup_logging=False)
    session.run()
    install(Path(str(session.creator.purelib)))
    return str(session.creator.exe)


def print_ratios(title: str, rounds: int, variants: Mapping[str, Callable[[], object]]) -> None:
    """Print the median of each variant as a multiple of the first one's, paired by round."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for round_number in range(rounds + 1):
        for name, start in variants.items():
            began = time.perf_counter()
            start()
            if round_number > 0:  # the first one compiles
                seconds[name].append(time.perf_counter() - began)
    first = next(iter(seconds.values()))
    for name, taken in seconds.items():
        ratio = statistics.median(one / base for one, base in zip(taken, first, strict=True))
        extra_ms = 1000 * statistics.median(
            one - base for one, base in zip(taken, first, strict=True)
        )
        print(f"{title:8} {name:16} {ratio:6.3f} {extra_ms:+7.2f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
