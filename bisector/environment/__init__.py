"""An environment with one release in it."""
