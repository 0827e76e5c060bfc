# /// script
# requires-python = ">=3.8"
# dependencies = ["setuptools"]
#
# [tool.bisector]
# package = "setuptools"
# range = ">=71.1,<78.2"
# timeout = 60
# cases = ["test-command", "dash-options"]
#
# [tool.bisector.documented]
# issue = "https://github.com/pypa/setuptools/issues/4518"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its yank 72.0.0 breaks packages that import the test command (setuptools #4518)"
# outcome = "bad"
# releases = "==72.0.0"
# case = "test-command"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its changelog 72.1.0 restores it"
# outcome = "good"
# releases = ">=72.1.0"
# case = "test-command"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "Release 78.0.1 refuses dashes in the options of setup.cfg (setuptools #4910)"
# outcome = "bad"
# releases = "==78.0.1"
# case = "dash-options"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its changelog 78.0.2 takes them again (setuptools #4911)"
# outcome = "good"
# releases = ">=78.0.2"
# case = "dash-options"
# ///
"""What the set-up of an old package says must be understood."""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from pathlib import Path
from typing import Tuple

from setuptools import Distribution

SETTINGS = "[metadata]\nname = spam\nauthor-email = spam@example.org\n"


def test_command() -> Tuple[bool, str]:
    """Import what a package subclasses that has a test command of its own."""
    try:
        from setuptools.command.test import test
    except ImportError as error:
        return False, str(error)
    return True, f"{test.__name__} is imported"


def dash_options() -> Tuple[bool, str]:
    """Read an option that is written as it was before it had an underscore."""
    distribution = Distribution()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "setup.cfg")
        file.write_text(SETTINGS, encoding="utf-8")
        try:
            distribution.parse_config_files([str(file)])
        except Exception as error:
            return False, f"{type(error).__name__}: {error}"
    address = distribution.metadata.author_email
    return address == "spam@example.org", f"author-email is {address}"


CASES = {"test-command": test_command, "dash-options": dash_options}

if __name__ == "__main__":
    warnings.simplefilter("ignore")  # that it is deprecated is not the question
    parser = argparse.ArgumentParser()
    parser.add_argument("case", nargs="?", choices=CASES, default=next(iter(CASES)))
    good, reason = CASES[parser.parse_args().case]()
    print(json.dumps({"bisector": 1, "outcome": "good" if good else "bad", "reason": reason}))
