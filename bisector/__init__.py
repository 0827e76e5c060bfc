"""Find the release of a Python package in which a behaviour broke, and the one that fixed it."""

__version__ = "0.1.0"
