"""From two neighbouring releases to what changed between them, and what of it a probe executes."""
