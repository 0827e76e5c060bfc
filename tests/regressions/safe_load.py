"""A document must be loaded by one call."""

import ruamel.yaml

print(ruamel.yaml.safe_load("a: 1"))
