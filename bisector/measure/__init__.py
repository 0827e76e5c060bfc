"""Measures one trial: here, on threads, or on a cluster."""
