# /// script
# requires-python = "<3.12"
# dependencies = ["setuptools"]
#
# [tool.bisector]
# package = "setuptools"
# range = ">=47.3,<51"
#
# [tool.bisector.documented]
# issue = "https://github.com/pypa/setuptools/issues/2350"
# fix = "https://github.com/pypa/setuptools/pull/2231"
# good = ["47.3.2", "49.1.0", "50.1.0"]
# bad = ["48.0.0", "50.0.0"]
# ///
"""Importing setuptools must leave the interpreter's own distutils in its place."""

import json

import setuptools  # isort: skip  # first: it is what may replace the other
import distutils

outcome = "bad" if distutils.__file__.startswith(setuptools.__path__[0]) else "good"
print(json.dumps({"bisector": 1, "outcome": outcome, "reason": distutils.__file__}))
