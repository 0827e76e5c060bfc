# /// script
# dependencies = ["urllib3"]
#
# [tool.bisector]
# package = "urllib3"
# range = ">=1.26.12,<2.1"
#
# [tool.bisector.documented]
# issue = "https://github.com/urllib3/urllib3/security/advisories/GHSA-v845-jxx5-vc9f"
# good = ["1.26.17", "2.0.6"]
# bad = ["1.26.16", "2.0.5"]
# ///
"""A cookie meant for one server must not be carried to another by a redirect."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import urllib3


class Handler(BaseHTTPRequestHandler):
    """Notes the cookie it gets; the first server redirects to the second."""

    def do_GET(self):
        cookies.append(self.headers["Cookie"])
        self.send_response(302 if self.server is first else 204)
        self.send_header("Location", address(second))
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def address(server):
    return f"http://127.0.0.1:{server.server_port}/"


cookies = []
first, second = (HTTPServer(("127.0.0.1", 0), Handler) for _ in range(2))
for server in (first, second):
    Thread(target=server.serve_forever, daemon=True).start()

urllib3.PoolManager().request("GET", address(first), headers={"Cookie": "spam"})
told, carried = cookies
assert told == "spam", cookies

outcome = "bad" if carried else "good"
print(json.dumps({"bisector": 1, "outcome": outcome, "reason": f"carried: {carried}"}))
