"""What is checked: an f-string without a placeholder."""

print(f"hello")  # noqa: F541  # what the report is about
