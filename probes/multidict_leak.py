# /// script
# requires-python = ">=3.8"
# dependencies = ["multidict"]
#
# [tool.bisector]
# package = "multidict"
# range = ">=6.1,<6.7"
# timeout = 60
#
# [tool.bisector.documented]
# issue = "https://github.com/aio-libs/multidict/issues/1117"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By their yanks 6.3.0, 6.3.1 and 6.3.2 leak memory (multidict #1117)"
# outcome = "bad"
# releases = ">=6.3.0,<6.4"
# ///
"""A multidict that is gone must leave nothing in memory."""

from __future__ import annotations

from multidict import CIMultiDict, MultiDict
from probekit import MIB, MemoryGrowth, Verdict, report

ROUNDS = 20_000
ALLOWED_BYTES = 2 * MIB


def use() -> None:
    """Make multidicts of each other and change them in each of the usual ways."""
    for _ in range(ROUNDS):
        headers = CIMultiDict(MultiDict([("spam", "1")]))
        headers.update({"eggs": "2"})
        headers.extend(ham="3")
        headers["bacon"] = "4"
        headers.setdefault("toast", str(object()))
        headers.popall("bacon")
        headers.pop("eggs")
        assert len(headers.items() & {("spam", "1")}) == 1
        assert len([*headers.items(), *headers.keys()]) == 2 * len(headers)


def grow() -> Verdict:
    """Measure how far memory grows after a first round has made what stays."""
    use()
    with MemoryGrowth() as growth:
        for _ in range(3):
            use()
    return Verdict(
        "good" if growth.bytes < ALLOWED_BYTES else "bad",
        f"grew by {growth.bytes / MIB:.1f} MiB in {3 * ROUNDS} rounds",
        {"growth_bytes": growth.bytes, "growth_exact": growth.exact},
    )


if __name__ == "__main__":
    report(grow())
