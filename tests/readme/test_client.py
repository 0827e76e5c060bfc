"""The test client must work."""

from flask import Flask


def test_client_answers() -> None:
    app = Flask("spam")
    app.add_url_rule("/", view_func=lambda: "eggs")
    assert app.test_client().get("/").data == b"eggs"
