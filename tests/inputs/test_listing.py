from __future__ import annotations

import html
import json
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from local_index import rfc3339
from packaging.utils import canonicalize_name
from packaging.version import Version

from bisector.inputs import listing, page
from bisector.inputs.listing import Listing
from bisector.model import File

BASE = "https://index.test/simple/spam/"
SPAM = canonicalize_name("spam")
NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


def render_html(files: list[File]) -> bytes:
    lines = []
    for file in files:
        attributes = {
            "href": f"{file.url}#sha256={file.sha256}" if file.sha256 else file.url,
            "data-requires-python": file.requires_python,
            "data-upload-time": file.upload_time and rfc3339(file.upload_time),
            "data-yanked": file.yanked_reason if file.yanked else None,
        }
        written = (
            f'{name}="{html.escape(str(value))}"'
            for name, value in attributes.items()
            if value is not None
        )
        lines.append(f"<a {' '.join(written)}>{html.escape(file.filename)}</a>")
    return "\n".join(["<!DOCTYPE html><title>Links for spam</title>", *lines]).encode()


def render_json(files: list[File]) -> bytes:
    entries: list[dict[str, Any]] = []
    for file in files:
        entry: dict[str, Any] = {"filename": file.filename, "url": file.url}
        entry["hashes"] = {"sha256": file.sha256} if file.sha256 else {}
        entry["requires-python"] = file.requires_python
        entry["yanked"] = file.yanked_reason or file.yanked
        if file.upload_time:
            entry["upload-time"] = rfc3339(file.upload_time)
        entries.append(entry)
    return json.dumps({"meta": {"api-version": "1.1"}, "name": "spam", "files": entries}).encode()


versions = st.sampled_from(
    ["0.9", "1.0", "1.0.0", "1.0a1", "1.0rc2", "1.0.post1", "1.0.dev3", "1.9", "1.10", "2!0.1"]
)
text = st.text("ab <>&\"'=;#/é語", max_size=9)
times = st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc))


@st.composite
def files(draw: st.DrawFn) -> File:
    kind = draw(st.sampled_from(["-py3-none-any.whl", "-cp39-abi3-linux_x86_64.whl", ".tar.gz"]))
    filename = f"{draw(st.sampled_from(['spam', 'Spam', 'ham']))}-{draw(versions)}{kind}"
    reason = draw(st.none() | text)
    return File(
        filename=filename,
        url=draw(st.sampled_from(["https://files.test/a/", "http://x.test:8/"])) + filename,
        sha256=draw(st.none() | st.just("0af3" * 16)),
        requires_python=draw(st.none() | st.sampled_from([">=3.9", "<4,>3.8", '== "3"'])),
        upload_time=draw(st.none() | times),
        yanked=reason is not None,
        yanked_reason=reason or "",
    )


@given(st.lists(files(), max_size=8))
def test_html_and_json_of_the_same_listing_are_the_same_releases(given: list[File]) -> None:
    from_html = listing.group(SPAM, page.parse(render_html(given), BASE).files)
    from_json = listing.group(SPAM, page.parse(render_json(given), BASE).files)
    assert from_html == from_json == listing.group(SPAM, given)


@given(st.lists(files(), max_size=8))
def test_what_is_packed_unpacks_to_itself(given: list[File]) -> None:
    releases, left_aside = listing.group(SPAM, given)
    packed = Listing("Spam", SPAM, "https://index.test", releases, NOON, left_aside, '"tag"')
    assert listing.unpack(listing.pack(packed)) == packed


@given(st.lists(files(), max_size=8))
def test_every_file_is_in_one_release_or_left_aside(given: list[File]) -> None:
    releases, left_aside = listing.group(SPAM, given)
    kept = [file.filename for release in releases for file in release.files]
    assert sorted([*kept, *left_aside]) == sorted(file.filename for file in given)
    assert [r.version for r in releases] == sorted({r.version for r in releases})


@given(st.binary(max_size=40) | st.text("<>a![]{}\"' href=/&#;-", max_size=40).map(str.encode))
@example(b"<![x[")
@example(b'<a href="http://[/spam-1.0.zip">')
@example(b"[" * 100_000)
def test_any_body_is_a_page_or_a_value_error(body: bytes) -> None:
    for reads in (page.parse, page.parse_html, page.parse_json):
        try:
            read = reads(body, BASE)
        except ValueError:
            continue
        listing.group(SPAM, read.files)


@given(st.recursive(st.none() | st.integers() | text, st.lists))
def test_json_of_any_shape_is_a_page_or_a_value_error(value: Any) -> None:
    fields = ("filename", "url", "hashes", "size", "requires-python", "upload-time", "yanked")
    entries = [value, dict.fromkeys(fields, value), {"filename": "x", "url": "y", "size": value}]
    document = {"meta": value, "name": value, "files": entries}
    files = page.parse_json(json.dumps(document).encode(), BASE).files
    assert files[-1].filename == "x"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "an empty body"),
        (b"Bad gateway", "neither HTML nor JSON"),
        (b'{"files"', "broken JSON"),
        (b'{"message": "welcome"}', "JSON that is no project page"),
        (b"[]", "JSON that is no project page"),
        (b'{"meta": {"api-version": "2.0"}, "files": []}', "version 2.0 of the index protocol"),
        (b'<meta name="pypi:repository-version" content="2.0">', "version 2.0 of the index"),
        (b"<html>Please enable JavaScript.</html>", "perhaps a login page"),
        (b'<html><a href="/forgotten">Forgot your password?</a></html>', "perhaps a login page"),
    ],
)
def test_a_body_that_is_no_page_says_what_it_is(body: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        page.parse(body, BASE)


def parsed(anchor: str, base: str = "") -> File:
    (file,) = page.parse_html(f"\ufeff <!doctype html>{base}{anchor}".encode(), BASE).files
    return file


def test_links_are_resolved_and_undressed() -> None:
    sha256 = "12" * 32
    href = f"../../files/spam-1%2E0.zip?x=1#md5=0&amp;sha256={sha256}&amp;egg=x"
    file = parsed(f'<A HREF="{href}">any</A>')
    assert file == File("spam-1.0.zip", "https://index.test/files/spam-1%2E0.zip?x=1", sha256)
    assert parsed('<a href="spam-1.zip">', '<base href="/f/">').url.endswith(".test/f/spam-1.zip")
    assert (
        parsed('<a href="https://me:secret@f.test/spam-1.zip">').url == "https://f.test/spam-1.zip"
    )


def test_attributes_are_unescaped() -> None:
    assert parsed('<a href="s-1.zip" data-requires-python="&gt;=3.9">').requires_python == ">=3.9"
    assert parsed('<a href="s-1.zip" data-yanked="&lt;broken&gt;">').yanked_reason == "<broken>"
    assert parsed('<a href="s-1.zip" data-yanked>').yanked
    assert not parsed('<a href="s-1.zip">').yanked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01T12:00:00Z", NOON),
        ("2024-05-01T12:00:00", NOON),
        ("2024-05-01T14:00:00.000+02:00", NOON),
        ("2024-05-01T12:00:00.1Z", NOON.replace(microsecond=100_000)),
        ("2024-05-01T12:00:00.123456789+0000", NOON.replace(microsecond=123_456)),
        ("2024-13-01T12:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("yesterday", None),
    ],
)
def test_upload_times_of_every_precision(text: str, expected: datetime | None) -> None:
    assert parsed(f'<a href="s-1.zip" data-upload-time="{text}">').upload_time == expected


def test_a_release_is_yanked_where_all_its_files_are() -> None:
    sdist = File("spam-1.0.tar.gz", "", yanked=True, yanked_reason="no", upload_time=NOON)
    wheel = File("spam-1.0-py3-none-any.whl", "", upload_time=NOON.replace(hour=3))
    ((half,), _) = listing.group(SPAM, [sdist, wheel])
    assert (half.yanked, half.yanked_reason) == (False, "")
    assert [file.yanked for file in half.files] == [True, False]
    assert half.upload_time == wheel.upload_time
    ((whole,), _) = listing.group(SPAM, [sdist, replace(wheel, yanked=True, yanked_reason="bad")])
    assert (whole.yanked, whole.yanked_reason) == (True, "no; bad")


def test_names_of_other_kinds_are_left_aside() -> None:
    legacy = [
        "spam-1.0-py2.7.egg",
        "spam-1.0.win32.exe",
        "spam-2004d.tar.gz",
        "spam-1.0.linux-x86_64.tar.gz",
        "spam-1.0-py3-none.whl",
        "ham-1.0.tar.gz",
        "../spam-1.0.tar.gz",
        "",
    ]
    names = [*legacy, "spam-1.0.tar.gz", "spam-1.0.0.zip"]
    releases, left_aside = listing.group(SPAM, [File(name, "") for name in names])
    assert left_aside == tuple(legacy)
    assert [(r.version, len(r.files)) for r in releases] == [(Version("1.0"), 2)]


@pytest.mark.parametrize("broken", ["files", "schema", "shifted", "cut", "naive", "list"])
def test_a_broken_packed_listing_is_a_value_error(broken: str) -> None:
    releases, _ = listing.group(SPAM, [File("spam-1.zip", "https://f.test/spam-1.zip")])
    packed = listing.pack(Listing("spam", SPAM, "https://index.test", releases, NOON))
    document = json.loads(packed)
    if broken == "naive":  # a time without zone is this machine's, and no reason to refuse
        document["fetched"] = "2024-05-01T12:00:00"
        assert listing.unpack(json.dumps(document).encode()).fetched.tzinfo is timezone.utc
        return
    changed = {
        "files": {key: value for key, value in document.items() if key != "url"},
        "schema": document | {"schema": "bisector/listing/0"},
        "shifted": document | {"counts": [0]},
        "list": [document],
    }
    body = packed[:-9] if broken == "cut" else json.dumps(changed[broken]).encode()
    with pytest.raises(ValueError, match=r"."):
        listing.unpack(body)
