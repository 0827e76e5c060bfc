"""Decides: what to measure next, what was learned, how sure, whose fault. Pure throughout."""
