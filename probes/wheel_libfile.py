# /// script
# requires-python = ">=3.8"
# dependencies = ["wheel"]
#
# [tool.bisector]
# package = "wheel"
# range = ">=0.43,<0.47"
# timeout = 60
#
# [tool.bisector.documented]
# issue = "https://github.com/pypa/wheel/issues/659"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its yank 0.46.0 causes problems with setuptools on macOS (wheel #659)"
# outcome = "bad"
# releases = "==0.46.0"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its changelog 0.46.1 restores the module for a time"
# outcome = "good"
# releases = "==0.46.1"
# ///
"""The module that setuptools takes from it on macOS must be there."""

from __future__ import annotations

import json
from typing import Tuple


def load() -> Tuple[bool, str]:
    """Import it as setuptools does; the module itself needs no macOS."""
    try:
        from wheel.macosx_libfile import calculate_macosx_platform_tag
    except ImportError as error:
        return False, str(error)
    return True, f"{calculate_macosx_platform_tag.__name__} is imported"


if __name__ == "__main__":
    good, reason = load()
    print(json.dumps({"bisector": 1, "outcome": "good" if good else "bad", "reason": reason}))
