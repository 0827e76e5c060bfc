"""Reads what a file pins, one module per kind of file."""
