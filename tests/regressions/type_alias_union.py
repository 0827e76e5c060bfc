# /// script
# dependencies = ["typing_extensions"]
#
# [tool.bisector]
# package = "typing_extensions"
# range = ">=4.10,<4.15"
#
# [tool.bisector.documented]
# issue = "https://github.com/python/typing_extensions/issues/574"
# fix = "https://github.com/python/typing_extensions/pull/575"
#
# [[tool.bisector.claims]]
# document = "changelog"
# says = "4.13.2 fixes it on Python 3.12 and 3.13"
# outcome = "good"
# releases = ">=4.13.2"
# python = ">=3.12,<3.14"
# ///
"""A type alias must form a union with one of the interpreter's own."""

import json
import typing

import typing_extensions

# Before Python 3.12 there is only the one.
TypeAliasType = getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType)
eggs = TypeAliasType("eggs", int)
spam = typing_extensions.TypeAliasType("spam", str)
try:
    outcome, reason = "good", repr(eggs | spam)
except TypeError as error:
    outcome, reason = "bad", str(error)
print(json.dumps({"bisector": 1, "outcome": outcome, "reason": reason}))
