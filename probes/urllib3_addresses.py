# /// script
# requires-python = ">=3.8"
# dependencies = ["urllib3"]
#
# [tool.bisector]
# package = "urllib3"
# range = ">=1.24.1,<1.26"
# timeout = 60
# cases = ["brackets", "tilde"]
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "Releases 1.25 and 1.25.1, yanked as broken, parse no brackets (urllib3 #1585)"
# outcome = "bad"
# releases = ">=1.25,<1.25.2"
# case = "brackets"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its changelog 1.25.2 percent-encodes what is invalid in a path (urllib3 #1586)"
# outcome = "good"
# releases = ">=1.25.2"
# case = "brackets"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By the changelog of 1.25.6 the releases before it percent-encode a tilde (urllib3 #1692)"
# outcome = "bad"
# releases = ">=1.25,<1.25.6"
# case = "tilde"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its changelog 1.25.6 leaves a tilde as it is"
# outcome = "good"
# releases = ">=1.25.6"
# case = "tilde"
# ///
"""What an address may have in its path must be parsed, and a tilde stay one."""

from __future__ import annotations

import argparse
import json
from typing import Tuple

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

# Brackets may be percent-encoded: RFC 3986 allows them in no path.
CASES = {"brackets": ("/spam[]", "/spam%5B%5D"), "tilde": ("/~spam",)}


def parse(path: str, *others: str) -> Tuple[bool, str]:
    """Return whether a path stays as it is, or becomes one of *others*, and what it becomes."""
    try:
        parsed = parse_url(f"http://localhost{path}").path
    except LocationParseError as error:
        return False, str(error)
    return parsed in (path, *others), f"{path} became {parsed}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("case", nargs="?", choices=CASES, default=next(iter(CASES)))
    good, reason = parse(*CASES[parser.parse_args().case])
    print(json.dumps({"bisector": 1, "outcome": "good" if good else "bad", "reason": reason}))
