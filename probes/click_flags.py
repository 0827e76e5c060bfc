# /// script
# requires-python = ">=3.8"
# dependencies = ["click"]
#
# [tool.bisector]
# package = "click"
# range = ">=8.1.7,<8.4"
# timeout = 60
# cases = ["typed", "undecided", "negative", "optional"]
#
# [tool.bisector.documented]
# issue = "https://github.com/pallets/click/issues/3024"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "In 8.2.0 a flag with a type stays at its default (click #2897)"
# outcome = "bad"
# releases = "==8.2.0"
# case = "typed"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its changelog 8.2.1 mends it"
# outcome = "good"
# releases = ">=8.2.1"
# case = "typed"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its yank 8.2.2 changes what boolean options make of None (click #3024)"
# outcome = "bad"
# releases = "==8.2.2"
# case = "undecided"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "Since 8.3.0 the default of a negative flag is taken for its being given (click #3111)"
# outcome = "bad"
# releases = ">=8.3.0,<8.3.3"
# case = "negative"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By a maintainer 8.3.3 works as it should again (click #3403)"
# outcome = "good"
# releases = ">=8.3.3"
# case = "negative"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "In 8.3.0 the value of an option can't be left out as documented (click #3163)"
# outcome = "bad"
# releases = "==8.3.0"
# case = "optional"
# ///
"""An option must have the value that its flag and its default say."""

from __future__ import annotations

import argparse
import json
from typing import Any, Dict, List, Tuple

import click
from click.testing import CliRunner

# What is declared, what is given, and what the option is then.
CASES: Dict[str, Any] = {
    "typed": ("--spam", {"type": bool, "is_flag": True, "default": False}, ["--spam"], True),
    "undecided": ("--spam/--no-spam", {"is_flag": True, "default": None}, [], None),
    "negative": ("--no-spam", {"flag_value": False, "default": True}, [], True),
    "optional": (
        "--spam",
        {"is_flag": False, "flag_value": "flag", "default": "default"},
        ["--spam"],
        "flag",
    ),
}


def run(
    name: str, options: Dict[str, Any], arguments: List[str], expected: Any
) -> Tuple[bool, str]:
    """Run a command that has one option, and compare what it is given."""
    given: List[Any] = []

    @click.command()
    @click.option(name, "spam", **options)
    def command(spam: Any) -> None:
        given.append(spam)

    ran = CliRunner().invoke(command, arguments)
    value = repr(given[0]) if given else ran.output.strip()
    good = given == [expected]
    return good, f"the option is {value}" + ("" if good else f", not {expected!r}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("case", nargs="?", choices=CASES, default=next(iter(CASES)))
    good, reason = run(*CASES[parser.parse_args().case])
    print(json.dumps({"bisector": 1, "outcome": "good" if good else "bad", "reason": reason}))
