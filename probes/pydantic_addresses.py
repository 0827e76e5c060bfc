# /// script
# requires-python = ">=3.8"
# dependencies = ["pydantic"]
#
# [tool.bisector]
# package = "pydantic"
# range = ">=1.9.1,<1.10.6"
# timeout = 60
#
# [tool.bisector.documented]
# issue = "https://github.com/pydantic/pydantic/issues/4458"
# fix = "https://github.com/pydantic/pydantic/pull/4470"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "In 1.10.0 and 1.10.1 what is percent-encoded is encoded once more (pydantic #4458)"
# outcome = "bad"
# releases = ">=1.10.0,<1.10.2"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "Release 1.10.2 reverts it (pydantic #4470)"
# outcome = "good"
# releases = ">=1.10.2"
# ///
"""An address that is percent-encoded must stay as it is."""

from __future__ import annotations

import json

from pydantic import AnyUrl, BaseModel

ADDRESS = "http://localhost/spam%20eggs"


class Model(BaseModel):
    """Has nothing but an address."""

    address: AnyUrl


if __name__ == "__main__":
    address = str(Model(address=ADDRESS).address)
    good, reason = address == ADDRESS, f"it is {address}"
    print(json.dumps({"bisector": 1, "outcome": "good" if good else "bad", "reason": reason}))
