"""Prints what a table of many packages costs on a cluster, with the arithmetic.

``python tests/benchmarks/cluster_plan.py [--packages 1000 …]``: every figure is an option, and by
default what was measured as ``cluster.md`` says. It imports nothing of bisector.
"""

from __future__ import annotations

import argparse
from math import ceil, log2

FIGURES = {
    "packages": (1000, "projects"),
    "releases": (50, "releases of each that can be searched"),
    "interpreters": (3, "interpreters, each a search of its own"),
    "probes": (1, "probes of each project"),
    "window": (10, "releases in the bad window, for the search that isn't exhaustive"),
    "hosts": (25, "machines, each with caches of its own"),
    "cores": (8, "workers' threads of a machine, one to a core"),
    "probe-s": (0.7, "seconds of one run of a probe"),
    "overhead-s": (0.33, "seconds beside it, wheels cached: environment, installing, sending"),
    "cold-s": (0.27, "seconds more where a release's own wheel isn't cached"),
    "wheel-mb": (1.84, "MB of a release's wheel"),
    "dependencies-mb": (1.1, "MB of the wheels of its dependencies, held for a whole search"),
    "unpacked": (4.0, "bytes on a worker's disk for each byte of wheels"),
    "price": (0.05, "of a core-hour, in any currency"),
    "memory-mb": (315.0, "MB that one measurement needs at most"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, (value, told) in FIGURES.items():
        parser.add_argument(f"--{name}", type=type(value), default=value, help=told)
    given = parser.parse_args()
    for name, (_, told) in FIGURES.items():
        print(f"{name} = {getattr(given, name.replace('-', '_')):g}  # {told}")
    searches = given.packages * given.interpreters * given.probes
    bound = ceil(2 * (given.releases + 1) / given.window + 2 * ceil(log2(2 * given.window)))
    sides = 4  # one more run of each side of the two transitions of a window
    for title, each in (
        ("every release measured (--exhaustive)", given.releases + sides),
        ("only the transitions looked for", min(bound, given.releases) + sides),
    ):
        cost(title, searches, each, given)


def cost(title: str, searches: int, each: int, given: argparse.Namespace) -> None:
    """Print one way of measuring, line by line."""
    threads = given.hosts * given.cores
    measurements = searches * each
    # A release's wheel is measured with on one machine, or on two for the runs beside a
    # transition; its dependencies on every machine that takes part in its search.
    wheels = measurements * given.wheel_mb
    sharing = min(given.hosts, each)
    dependencies = searches * sharing * given.dependencies_mb
    seconds = measurements * (given.probe_s + given.overhead_s + given.cold_s)
    hours = seconds / 3600
    megabytes = wheels + dependencies
    print(f"\n{title}:")
    print(
        f"  searches      {given.packages} x {given.interpreters} x {given.probes} = {searches:,}"
    )
    print(
        f"  environments  {searches:,} x {each} = {measurements:,}, each gone when it was measured"
    )
    print(
        f"  downloads     {measurements:,} x {given.wheel_mb:g} MB + "
        f"{searches:,} x {sharing} hosts x {given.dependencies_mb:g} MB = "
        f"{megabytes / 1e6:,.2f} TB at most, "
        f"{megabytes / given.hosts / 1e3:,.0f} GB to a host"
    )
    print(
        f"  disk          {megabytes / given.hosts / 1e3:,.0f} GB x {given.unpacked:g} = "
        f"{megabytes * given.unpacked / given.hosts / 1e3:,.0f} GB of cache on a host"
    )
    print(
        f"  core-hours    {measurements:,} x ({given.probe_s:g} + {given.overhead_s:g} + "
        f"{given.cold_s:g}) s = {hours:,.0f}"
    )
    print(
        f"  wall clock    {hours:,.0f} / ({given.hosts} x {given.cores}) = "
        f"{hours / threads:,.2f} h, with all threads busy"
    )
    print(f"  price         {hours:,.0f} x {given.price:g} = {hours * given.price:,.2f}")
    rate = megabytes * 8 / (hours / threads * 3600) / 1e3
    print(f"  bandwidth     {rate:,.2f} Gbit/s from the index meanwhile, so put a cache before it")
    print(f"  memory        {given.cores} x {given.memory_mb:g} MB on a host at once")
    print(f"  results       {measurements:,} lines of about 1 kB = {measurements / 1e6:,.2f} GB")


if __name__ == "__main__":
    main()
