"""Keeps runs and searches on disk, and their JSON."""
