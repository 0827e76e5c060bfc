# /// script
# requires-python = ">=3.8"
# dependencies = ["Werkzeug"]
#
# [tool.bisector]
# package = "Werkzeug"
# range = ">=2.1,<3"
# timeout = 60
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "Release 2.2.0 finds nothing at a path with a slash at its end"
# outcome = "bad"
# releases = "==2.2.0"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its changelog 2.2.1 finds it where slashes aren't strict (werkzeug #2467)"
# outcome = "good"
# releases = ">=2.2.1"
# ///
"""A path must match its rule with a slash at the end where slashes aren't strict."""

from __future__ import annotations

import json
from typing import Tuple

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule


def match() -> Tuple[bool, str]:
    """Match a path that has a slash more than its rule."""
    rules = Map([Rule("/spam", endpoint="eggs", strict_slashes=False)])
    try:
        endpoint, _ = rules.bind("localhost").match("/spam/")
    except HTTPException as error:
        return False, f"{error.code} {error.name}"
    return True, f"/spam/ is matched by {endpoint}"


if __name__ == "__main__":
    good, reason = match()
    print(json.dumps({"bisector": 1, "outcome": "good" if good else "bad", "reason": reason}))
