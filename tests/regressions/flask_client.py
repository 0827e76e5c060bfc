# /// script
# dependencies = ["Flask"]
#
# [tool.bisector]
# package = "Flask"
# range = ">=2.2.3,<3.1"
#
# [tool.bisector.documented]
# issue = "https://github.com/pallets/flask/issues/5652"
# ///
"""A view must be reached by the test client."""

import json

from flask import Flask

app = Flask("spam")
app.add_url_rule("/", view_func=lambda: "eggs")
try:
    said = app.test_client().get("/").get_data(as_text=True)
    outcome, reason = ("good" if said == "eggs" else "bad"), said
except AttributeError as error:
    outcome, reason = "bad", str(error)
print(json.dumps({"bisector": 1, "outcome": outcome, "reason": reason}))
