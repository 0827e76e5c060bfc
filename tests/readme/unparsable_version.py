# /// script
# dependencies = ["packaging"]
#
# [tool.bisector]
# package = "packaging"
# range = ">=20"
# ///
"""A version that follows no standard must be parsed all the same."""

import json

from packaging.version import parse

try:
    outcome, reason = "good", f"parsed as {parse('dog')!r}"
except ValueError as error:
    outcome, reason = "bad", str(error)

print(json.dumps({"bisector": 1, "outcome": outcome, "reason": reason}))
