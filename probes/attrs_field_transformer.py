# /// script
# requires-python = ">=3.8"
# dependencies = ["attrs"]
#
# [tool.bisector]
# package = "attrs"
# range = ">=24.1,<26"
# timeout = 60
#
# [tool.bisector.documented]
# fix = "https://github.com/python-attrs/attrs/pull/1417"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "Release 25.2.0 loses the fields that a generator yields (attrs #1417)"
# outcome = "bad"
# releases = "==25.2.0"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its changelog 25.3.0 restores field transformers that are generators"
# outcome = "good"
# releases = ">=25.3.0"
# ///
"""A field transformer must be free to yield its fields."""

from __future__ import annotations

import json
from typing import Any, List, Tuple

import attr


def unchanged(_: type, fields: List[Any]) -> Any:
    """Yield the fields as they are."""
    yield from fields


def define() -> Tuple[bool, str]:
    """Define a class of two fields and make one of it."""
    spam = attr.make_class("Spam", ["eggs", "ham"], field_transformer=unchanged)
    try:
        shown = repr(spam(1, 2))
    except TypeError as error:
        return False, str(error)
    return shown == "Spam(eggs=1, ham=2)", f"it is {shown}"


if __name__ == "__main__":
    good, reason = define()
    print(json.dumps({"bisector": 1, "outcome": "good" if good else "bad", "reason": reason}))
