# /// script
# dependencies = ["typing_extensions"]
#
# [tool.bisector]
# package = "typing_extensions"
# range = ">=4.4,<4.8"
#
# [tool.bisector.documented]
# issue = "https://github.com/python/typing_extensions/pull/188"
#
# [[tool.bisector.claims]]
# document = "changelog"
# says = "4.6.2 mends what 4.6.1 broke on Python 3.7"
# outcome = "bad"
# releases = "==4.6.1"
# python = "==3.7.*"
#
# [[tool.bisector.claims]]
# document = "changelog"
# says = "Only Python 3.7 has it"
# outcome = "good"
# releases = "all"
# python = ">=3.8"
# ///
"""An object of a generic class must be comparable with a protocol checked at run time."""

import json
from typing import Generic, TypeVar

from typing_extensions import Protocol, runtime_checkable

T = TypeVar("T")


@runtime_checkable
class Named(Protocol):
    name: str


class Spam(Generic[T]):
    name: str


try:
    outcome, reason = "good", f"is one: {isinstance(Spam(), Named)}"
except AttributeError as error:
    outcome, reason = "bad", str(error)
print(json.dumps({"bisector": 1, "outcome": outcome, "reason": reason}))
