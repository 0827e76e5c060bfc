# /// script
# requires-python = ">=3.8"
# dependencies = ["importlib-metadata"]
#
# [tool.bisector]
# package = "importlib-metadata"
# range = ">=4.6,<5.2"
# timeout = 60
# cases = ["unlisted", "item", "get"]
#
# [tool.bisector.documented]
# issue = "https://github.com/python/importlib_metadata/issues/348"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its yank 4.7.0 fails where a distribution lists no files (importlib_metadata #344)"
# outcome = "bad"
# releases = "==4.7.0"
# case = "unlisted"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its changelog 4.7.1 mends it"
# outcome = "good"
# releases = ">=4.7.1"
# case = "unlisted"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its yank 4.8.0 gives nothing of an entry point by its number (importlib_metadata #348)"
# outcome = "bad"
# releases = "==4.8.0"
# case = "item"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its changelog 4.8.1 restores access by item"
# outcome = "good"
# releases = ">=4.8.1"
# case = "item"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "Since 5.0.0 entry points have no get, which gym needs (Abmarl #333)"
# outcome = "bad"
# releases = ">=5.0.0"
# case = "get"
# ///
"""What is installed must be found, and entry points be read as they were."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import importlib_metadata


def install(site: Path) -> None:
    """Make a distribution with an entry point, and neither a list of files nor of packages."""
    folder = site / "spam-1.dist-info"
    folder.mkdir()
    text = "Metadata-Version: 2.1\nName: spam\nVersion: 1\n"
    (folder / "METADATA").write_text(text, encoding="utf-8")
    (folder / "entry_points.txt").write_text("[spam]\neggs = spam:eggs\n", encoding="utf-8")


def unlisted() -> bool:
    """Return whether the packages of each distribution can be asked for."""
    return isinstance(importlib_metadata.packages_distributions(), dict)


def item() -> bool:
    """Return whether an entry point gives its name by its number."""
    [point] = importlib_metadata.entry_points(group="spam")
    return bool(point[0] == "eggs")


def get() -> bool:
    """Return whether entry points are had by their group."""
    points: Any = importlib_metadata.entry_points()
    return [point.name for point in points.get("spam", ())] == ["eggs"]


CASES = {"unlisted": unlisted, "item": item, "get": get}

if __name__ == "__main__":
    warnings.simplefilter("ignore")  # that it is deprecated is not the question
    parser = argparse.ArgumentParser()
    parser.add_argument("case", nargs="?", choices=CASES, default=next(iter(CASES)))
    chosen = CASES[parser.parse_args().case]
    with tempfile.TemporaryDirectory() as site:
        install(Path(site))
        sys.path.insert(0, site)
        try:
            good, reason = chosen(), "it is read"
        except Exception as error:
            good, reason = False, f"{type(error).__name__}: {error}"
    print(json.dumps({"bisector": 1, "outcome": "good" if good else "bad", "reason": reason}))
