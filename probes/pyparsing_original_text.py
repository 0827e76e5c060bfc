# /// script
# requires-python = ">=3.8"
# dependencies = ["pyparsing"]
#
# [tool.bisector]
# package = "pyparsing"
# range = ">=3.0.2,<3.1"
# timeout = 60
#
# [tool.bisector.documented]
# issue = "https://github.com/pyparsing/pyparsing/issues/329"
# fix = "https://github.com/pypa/packaging/pull/489"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "Release 3.0.5 breaks requirements with extras, and packaging excludes it (pyparsing #329)"
# outcome = "bad"
# releases = "==3.0.5"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "Release 3.0.6 addresses it, by its maintainer"
# outcome = "good"
# releases = ">=3.0.6"
# ///
"""A parse action must be told where the original text begins and ends."""

from __future__ import annotations

import json
from typing import Tuple

import pyparsing

TEXT = "spam  eggs"


def parse() -> Tuple[bool, str]:
    """Slice the text that was parsed, as packaging does with a requirement's marker."""
    word = pyparsing.Word(pyparsing.alphas)
    marker = pyparsing.originalTextFor(word + word)("marker")
    marker.setParseAction(lambda s, _, t: s[t._original_start : t._original_end])
    try:
        sliced = marker.parseString(TEXT)[0]
    except TypeError as error:
        return False, str(error)
    return sliced == TEXT, f"the text is {sliced!r}"


if __name__ == "__main__":
    good, reason = parse()
    print(json.dumps({"bisector": 1, "outcome": "good" if good else "bad", "reason": reason}))
