"""Prints what wheels weigh and what installing takes, over a sample of popular projects.

``python tests/benchmarks/index_sample.py [PROJECT ...]``; needs the index, and a quarter of an
hour. It prints one line per project, then the figures that ``cluster_plan.py`` takes.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
from packaging.specifiers import SpecifierSet

from bisector import settings
from bisector.environment import interpreter, venv
from bisector.environment.installers.messages import InstallFailedError
from bisector.environment.installers.uv import Uv
from bisector.inputs import index
from bisector.model import Interpreter, Release
from bisector.search.releases import plan
from bisector.wheels import compatible

PROJECTS = [
    "aiohttp",
    "attrs",
    "boto3",
    "certifi",
    "charset-normalizer",
    "click",
    "cryptography",
    "fastapi",
    "flask",
    "httpx",
    "idna",
    "jinja2",
    "jsonschema",
    "lxml",
    "numpy",
    "packaging",
    "pandas",
    "pillow",
    "psutil",
    "pydantic",
    "pygments",
    "pytest",
    "pyyaml",
    "redis",
    "requests",
    "rich",
    "setuptools",
    "sqlalchemy",
    "urllib3",
    "werkzeug",
]
RELEASES = 50
WEIGHED = 5


def main(projects: list[str]) -> None:
    python = interpreter.find()
    source = settings.index_url(None)
    candidates, wheel_bytes, cold, warm, making, cached = [], [], [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for project in projects:
            # Every project starts with nothing cached, as on a worker that is asked for the first.
            os.environ["UV_CACHE_DIR"] = str(folder / "caches" / project)
            listing = index.releases(project, source, folder / "index")
            made = plan(listing.releases, python, within=SpecifierSet())
            chosen = made.candidates[-RELEASES:]
            weighed = chosen[:: max(1, len(chosen) // WEIGHED)][:WEIGHED]
            sizes = asyncio.run(weigh(weighed, python))
            began = time.perf_counter()
            first = venv.make(folder / f"{project}-1", python)
            making.append(time.perf_counter() - began)
            second = venv.make(folder / f"{project}-2", python)
            uv = Uv(source.url, folder)
            wanted = f"{project}=={chosen[-1].version}"
            try:
                pins = uv.resolve(python.executable, [wanted]).pins
                took = []
                for made_in in (first, second):
                    began = time.perf_counter()
                    uv.install(str(made_in.python), [wanted], pins)
                    took.append(time.perf_counter() - began)
            except InstallFailedError as error:
                print(f"{project}: {error}", file=sys.stderr)
                continue
            candidates.append(len(made.candidates))
            wheel_bytes.append(statistics.mean(sizes))
            cold.append(took[0])
            warm.append(took[1])
            cached.append(folder_bytes(Path(os.environ["UV_CACHE_DIR"])))
            print(
                f"{project:20} {candidates[-1]:4} candidates  wheel {wheel_bytes[-1] / 1e6:6.2f} MB"
                f"  cold {cold[-1]:5.2f} s  warm {1000 * warm[-1]:4.0f} ms"
                f"  {len(pins)} pins, {cached[-1] / 1e6:6.1f} MB unpacked",
                flush=True,
            )
    print(f"projects {len(cold)}")
    for title, values, unit, scale in (
        ("candidates", candidates, "", 1.0),
        ("wheel", wheel_bytes, "MB", 1e-6),
        ("cache of one release with its dependencies", cached, "MB", 1e-6),
        ("making an environment", making, "ms", 1e3),
        ("installing cold", cold, "s", 1.0),
        ("installing warm", warm, "ms", 1e3),
    ):
        scaled = sorted(value * scale for value in values)
        print(
            f"{title}: median {statistics.median(scaled):.3g}, mean {statistics.mean(scaled):.3g}, "
            f"most {scaled[-1]:.3g} {unit}"
        )


async def weigh(releases: list[Release] | tuple[Release, ...], python: Interpreter) -> list[int]:
    """The size of the wheel that would be installed of each release."""
    sizes = []
    async with aiohttp.ClientSession(trust_env=True) as client:
        for release in releases:
            url = compatible(release.files, python)[0].url
            async with client.head(url, allow_redirects=True) as response:
                sizes.append(int(response.headers["Content-Length"]))
    return sizes


def folder_bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main(sys.argv[1:] or PROJECTS)
