"""Whose fault a change is: the package or which of its dependencies."""
