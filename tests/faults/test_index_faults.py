"""What an index does wrong, and what is made of it: a listing, or an error that says what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from e2e.command import Command
from local_index import RESET, LocalIndex, Response

from bisector.errors import IndexUnavailableError
from bisector.inputs import index as index_module
from bisector.inputs.asking import Limits
from bisector.settings import IndexSource

Record = Callable[[str, object], None]

QUICK = Limits(attempts=2, first_pause_s=0.001, longest_pause_s=0.01, patience_s=0.4)
DIGITS = "9" * 5000
SURROGATE = "\ud800"


def entry(filename: str = "spam-1.0-py3-none-any.whl", /, **fields: Any) -> dict[str, Any]:
    return {"filename": filename, "url": f"../../files/{filename}", "hashes": {}, **fields}


def uploaded(time: object) -> bytes:
    return page(entry() | {"upload-time": time})


def page(*entries: object, **fields: Any) -> bytes:
    whole = {"meta": {"api-version": "1.1"}, "name": "spam", "files": entries, **fields}
    return json.dumps(whole).encode()


def anchors(*texts: str) -> bytes:
    return f"<!DOCTYPE html><title>Links for spam</title>{''.join(texts)}".encode()


@dataclass(frozen=True)
class Fault:
    """What the index answers with, and what holds: the versions listed, or a part of the error."""

    done: str
    answer: Response | bytes
    held: list[str] | str


ONE = ["1.0"]
FAULTS = [
    Fault("an upload time before the first year", uploaded("0001-01-01T00:00:00+14:00"), ONE),
    Fault("an upload time after the last year", uploaded("9999-12-31T23:59:59-14:00"), ONE),
    Fault("an upload time in the last second that there is", uploaded("9999-12-31T23:59:59Z"), ONE),
    Fault("an upload time that is a number", uploaded(10**400), ONE),
    Fault("an upload time with 5,000 digits", uploaded(f"2024-01-01T00:00:00.{DIGITS}Z"), ONE),
    Fault(
        "a version of 5,000 digits", page(entry(), entry(f"spam-{DIGITS}-py3-none-any.whl")), ONE
    ),
    Fault("an sdist's version of 5,000 digits", page(entry(), entry(f"spam-{DIGITS}.tar.gz")), ONE),
    Fault("a version of 1,000 digits", page(entry(), entry(f"spam-{DIGITS[:1000]}.tar.gz")), ONE),
    Fault("an epoch of 5,000 digits", page(entry(), entry(f"spam-{DIGITS}!1.0.tar.gz")), ONE),
    Fault(
        "a build number of 5,000 digits",
        page(entry(), entry(f"spam-2.0-{DIGITS}-py3-none-any.whl")),
        ONE,
    ),
    Fault(
        "tags of 100,000 characters",
        page(entry(), entry(f"spam-2.0-{'py3.' * 25000}py3-none-any.whl")),
        [*ONE, "2.0"],
    ),
    Fault(
        "half a character in a file's name",
        page(entry(), entry(f"spam-2{SURROGATE}.0.tar.gz")),
        ONE,
    ),
    Fault(
        "half a character in a local version",
        page(entry(), entry(f"spam-2.0+{SURROGATE}.tar.gz")),
        ONE,
    ),
    Fault("half a character in an address", page(entry(url=f"../../files/{SURROGATE}.whl")), ONE),
    Fault("half a character in a digest", page(entry(hashes={"sha256": SURROGATE})), ONE),
    Fault("half a character in why it is yanked", page(entry(yanked=SURROGATE)), ONE),
    Fault(
        "half a character in the Python that it requires",
        page(entry() | {"requires-python": SURROGATE}),
        ONE,
    ),
    Fault("half a character in the project's name", page(entry(), name=SURROGATE), ONE),
    Fault("a yank reason of 300,000 characters", page(entry(yanked="no " * 100_000)), ONE),
    Fault(
        "a Python requirement of 300,000 characters",
        page(entry() | {"requires-python": ">=3," * 75_000}),
        ONE,
    ),
    Fault("a digest that is a path", page(entry(hashes={"sha256": "../../../../etc/passwd"})), ONE),
    Fault("a digest that is a list", page(entry(hashes=["sha256"])), ONE),
    Fault("a size below nothing", page(entry(size=-1)), ONE),
    Fault("a size beyond everything", page(entry(size=10**400)), ONE),
    Fault("a size that is true", page(entry(size=True)), ONE),
    Fault("a file's name that is a path", page(entry(), entry("../../../spam-2.0.tar.gz")), ONE),
    Fault("a file's name with NUL in it", page(entry(), entry("spam-2.0\0.tar.gz")), ONE),
    Fault("a file's name with a line's end in it", page(entry(), entry("spam-2.0\n.tar.gz")), ONE),
    Fault("an address that is none", page(entry(url="http://[")), ONE),
    Fault("files that are numbers", page(1, 2.5, None, entry()), ONE),
    Fault("files within files", page([entry()], entry()), ONE),
    Fault("the same file twice", page(entry(), entry()), ONE),
    Fault("no files", page(), []),
    Fault(
        "files that are an object",
        page(files={"spam-1.0.tar.gz": {}}),
        "JSON that is no project page",
    ),
    Fault(
        "numbers of 5,000 digits", b'{"files": [], "x": ' + DIGITS.encode() + b"}", "broken JSON"
    ),
    Fault("lists 100,000 deep", b'{"files": ' + b"[" * 100_000, "broken JSON"),
    Fault("JSON that was cut off", page(entry())[:-9], "broken JSON"),
    Fault("bytes that are no text", b'{"files": ["\xff\xfe"]}', "broken JSON"),
    Fault("another version of the protocol", page(meta={"api-version": "2.0"}), "version 2.0"),
    Fault(
        "a version of the protocol of 5,000 digits",
        page(meta={"api-version": DIGITS}),
        "version 999",
    ),
    Fault("an empty answer", b"", "an empty body"),
    Fault("plain text", b"Bad gateway", "neither HTML nor JSON"),
    Fault("NUL bytes", b"\0" * 100, "neither HTML nor JSON"),
    Fault(
        "HTML without a link",
        b"<html><body>Please enable JavaScript</body></html>",
        "perhaps a login page",
    ),
    Fault(
        "HTML with other links", b'<html><a href="/login">Log in</a></html>', "perhaps a login page"
    ),
    Fault("HTML that lists nothing", anchors(), []),
    Fault(
        "HTML with half a link", anchors('<a href="spam-1.0.tar.gz">x</a>', '<a href="spam-2'), ONE
    ),
    Fault(
        "HTML with a base that is none",
        b'<base href="http://[">' + anchors('<a href="spam-1.0.tar.gz">'),
        "Invalid",
    ),
    Fault("HTML with a section that is none", b"<![x[", "broken HTML"),
    Fault(
        "HTML with 5,000 digits",
        anchors('<a href="spam-1.0.zip">', f'<a href="spam-{DIGITS}.zip">'),
        ONE,
    ),
    Fault("status 204", Response(204), "answers 204"),
    Fault("status 304, unasked", Response(304), "as if spam were cached already"),
    Fault("status 401", Response(401), "refuses to list spam (401)"),
    Fault("status 403", Response(403), "refuses to list spam (403)"),
    Fault("status 404", Response(404), "no project spam"),
    Fault("status 410", Response(410), "no project spam"),
    Fault("status 418", Response(418), "answers 418"),
    Fault("status 429", Response(429), "answers 429, asked 2 times"),
    Fault("status 500", Response(500), "answers 500, asked 2 times"),
    Fault(
        "status 503 and a time to wait of 5,000 digits",
        Response(503, headers={"Retry-After": DIGITS[:400]}),
        "answers 503",
    ),
    Fault(
        "a redirect to itself",
        Response(302, headers={"Location": "/simple/spam/"}),
        "can't be asked (TooManyRedirects)",
    ),
    Fault(
        "a redirect to nowhere", Response(302, headers={"Location": "http://[/"}), "can't be asked"
    ),
    Fault(
        "a redirect to a file",
        Response(302, headers={"Location": "file:///etc/passwd"}),
        "can't be asked",
    ),
    Fault("a connection that is cut off", Response(RESET), "asked 2 times"),
    Fault(
        "gzip that is none",
        Response(200, b"plain", {"Content-Encoding": "gzip"}),
        "breaks off its answer",
    ),
    Fault(
        "a byte every 0.2 s",
        Response(200, page(entry()), pause_s=0.2),
        "sent next to nothing of the page of spam",
    ),
]


@pytest.fixture
def index() -> Iterator[LocalIndex]:
    with LocalIndex() as running:
        yield running


def held(index: LocalIndex, cache: Path) -> str:
    """What a listing came to, in words; only an error that says what to do may be raised."""
    try:
        found = index_module.releases(
            "spam", IndexSource(index.url, "--index-url"), cache, limits=QUICK
        )
    except IndexUnavailableError as error:
        return f"error: {error.message} hint: {error.hint}"
    return f"listed: {', '.join(str(release.version) for release in found.releases)}"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.done)
def test_what_an_index_answers_is_a_listing_or_an_error(
    fault: Fault, index: LocalIndex, tmp_path: Path, record_property: Record
) -> None:
    answer = fault.answer if isinstance(fault.answer, Response) else Response(200, fault.answer)
    index.answers["/simple/spam/"] = answer
    first = held(index, tmp_path)
    record_property("fault", (f"the index: {fault.done}", first))
    if isinstance(fault.held, str):
        assert fault.held in first
        assert list(tmp_path.rglob("*.json")) == []
        return
    assert first == f"listed: {', '.join(fault.held)}"
    assert held(index, tmp_path) == first, "what was kept of it is read as what was answered"
    assert index.count() == 1


@pytest.mark.parametrize(
    ("done", "answer", "status", "complaint"),
    [
        ("an index that never answers", Response(200, b"x" * 99, pause_s=9), 4, "next to nothing"),
        ("one without links", Response(200, b"<html></html>"), 4, "perhaps a login page"),
        ("one that isn't one", Response(200, b"hello"), 4, "neither HTML nor JSON"),
        ("half a character", Response(200, page(entry(yanked=SURROGATE))), 0, ""),
        ("a year out of range", Response(200, uploaded("9999-12-31T23:59:59-14:00")), 0, ""),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_the_command_says_what_to_do(
    done: str,
    answer: Response,
    status: int,
    complaint: str,
    index: LocalIndex,
    tmp_path: Path,
    record_property: Record,
) -> None:
    index.answers["/simple/spam/"] = answer
    result = Command(tmp_path, index.url)("releases", "spam", UV_HTTP_TIMEOUT="6")
    record_property("fault", (f"the command: {done}", f"exit {result.status} {result.complaint}"))
    assert result.status == status, result.errors
    assert complaint in result.errors
    assert [line.partition(":")[0] for line in result.complaint] == ["error", "hint"][
        : 2 * bool(status)
    ]
    if answer.pause_s:
        assert "it is given up after 6 s" in result.errors, "said while it is waited for"


def test_a_pipe_in_place_of_a_page_is_no_page(tmp_path: Path) -> None:
    (tmp_path / "simple/spam").mkdir(parents=True)
    os.mkfifo(tmp_path / "simple/spam/index.html")
    source = IndexSource((tmp_path / "simple").as_uri(), "--index-url")
    with pytest.raises(IndexUnavailableError, match="no project spam"):
        index_module.releases("spam", source, tmp_path / "cache")
