"""The module of one cache must be importable by its name."""

from cachetools.ttl import TTLCache

print(TTLCache(2, 60))
