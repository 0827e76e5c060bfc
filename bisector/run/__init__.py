"""Starts one process, limits, watches, measures and stops it."""
