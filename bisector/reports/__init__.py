"""Findings -> text, one module per format, all over the rows of :mod:`bisector.reports.rows`."""
