"""Prints memory, open files and threads of one process while it makes thousands of measurements.

``python tests/benchmarks/soak.py [MEASUREMENTS]``, where ``bisector`` can be imported. Each search
measures anew, and is asked for as a user of the library would; a row is what the process has then.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import threading
from pathlib import Path
from unittest import mock

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from e2e.projects import BROKEN, plain
from local_index import LocalIndex

from bisector import find

ROWS = 20


def main(measurements: int) -> None:
    with tempfile.TemporaryDirectory() as name, LocalIndex() as index:
        folder, made = Path(name), 0
        index.add(plain("spam", "g" * 20 + "b" * 12 + "g" * 8))
        script = folder / "broken.py"
        script.write_text(BROKEN, encoding="utf-8")
        own = {"XDG_CACHE_HOME": f"{name}/cache", "UV_CACHE_DIR": f"{name}/cache/uv"}
        with mock.patch.dict("os.environ", own):
            print("measurements  resident MiB  open files  threads  children", flush=True)
            shown = 0
            while made < measurements:
                # Each in a folder of its own: what is stored is read whole, and would grow.
                finding = find(
                    "spam",
                    script,
                    exhaustive=True,
                    assure_s=0,
                    attribute=False,
                    refresh=True,
                    index_url=index.url,
                    results=folder / f"results{made}",
                )
                assert [len(failure.transitions) for failure in finding.failures] == [2]
                made += sum(not run.cached for run in finding.measurements)
                if made >= shown or made >= measurements:
                    shown = made + measurements // ROWS
                    del finding
                    print(figures(made), flush=True)


def figures(made: int) -> str:
    gc.collect()
    process = psutil.Process()
    resident = process.memory_info().rss / 2**20
    counts = process.num_fds(), threading.active_count(), len(process.children(recursive=True))
    return f"{made:12,}  {resident:12.1f}  {counts[0]:10}  {counts[1]:7}  {counts[2]:8}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 2_000)
