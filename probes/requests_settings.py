# /// script
# requires-python = ">=3.8"
# dependencies = ["requests"]
#
# [tool.bisector]
# package = "requests"
# range = ">=2.26,<2.33"
# timeout = 60
# cases = ["proxy-credentials", "ssl-context"]
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "Since 2.27.0 the user and password of a proxy are dropped (requests #6027)"
# outcome = "bad"
# releases = "==2.27.0"
# case = "proxy-credentials"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its changelog 2.27.1 keeps them again (requests #6028)"
# outcome = "good"
# releases = ">=2.27.1"
# case = "proxy-credentials"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By their yanks 2.32.0 and 2.32.1 conflict with the mitigation of CVE-2024-35195"
# outcome = "bad"
# releases = ">=2.32.0,<2.32.2"
# case = "ssl-context"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its changelog 2.32.3 mends adapters with an SSL context of their own"
# outcome = "good"
# releases = ">=2.32.3"
# case = "ssl-context"
# ///
"""What was set on a proxy's address, or on an adapter, must be used."""

from __future__ import annotations

import argparse
import json
import ssl
from typing import Any, Tuple

import requests
from requests.adapters import HTTPAdapter
from requests.utils import prepend_scheme_if_needed

PROXY = "http://user:password@proxy.example:3128"


def proxy_credentials() -> Tuple[bool, str]:
    """Read the address of a proxy as every request with one does."""
    read = prepend_scheme_if_needed(PROXY, "http")
    return read == PROXY, f"the proxy became {read}"


def ssl_context() -> Tuple[bool, str]:
    """Take a connection from an adapter that has a context of its own, as a request does."""
    own = ssl.create_default_context()

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, ssl_context=own, **options)

    adapter, request = Adapter(), requests.Request("GET", "https://localhost/").prepare()
    for name in ("get_connection_with_tls_context", "_get_connection"):
        if hasattr(adapter, name):
            pool = getattr(adapter, name)(request, verify=True)
            break
    else:
        pool = adapter.get_connection(request.url)
    used = pool.conn_kw.get("ssl_context") is own
    return used, f"the adapter's own SSL context is {'used' if used else 'replaced'}"


CASES = {"proxy-credentials": proxy_credentials, "ssl-context": ssl_context}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("case", nargs="?", choices=CASES, default=next(iter(CASES)))
    good, reason = CASES[parser.parse_args().case]()
    print(json.dumps({"bisector": 1, "outcome": "good" if good else "bad", "reason": reason}))
