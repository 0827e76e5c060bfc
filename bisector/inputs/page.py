"""A project's page on an index, HTML or JSON, read into files.

Pure: bytes in, values out. The formats are those of the simple repository API,
https://packaging.python.org/en/latest/specifications/simple-repository-api/.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from bisector.model import File
from bisector.settings import without_credentials

_SUFFIX = re.compile(r"\.(whl|tar\.\w+|tgz|zip|egg|exe|msi|rpm|dmg|deb)$", re.I)
_UPLOAD_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?", re.I)
_YEARS = range(1990, 2200)
"""Those in which something can have been uploaded; a time in another is none."""

_SHA256 = re.compile(r"[0-9a-f]{64}", re.I)
_LONGEST = 1000
"""Characters beyond which a text isn't what it should be, or not for people to read."""


@dataclass(frozen=True, slots=True)
class Page:
    """A project's page as it stands: the name it gives itself, if any, and all its files."""

    project: str
    files: tuple[File, ...]


def parse(body: bytes, base_url: str) -> Page:
    """Return the page that a body is, by its looks: the declared type is often wrong.

    Raises ValueError, saying what the body is instead, where it is no page of a project.
    """
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in (b"{", b"["):
        return parse_json(body, base_url)
    if start[:1] == b"<":
        return parse_html(body, base_url)
    raise ValueError("neither HTML nor JSON" if start else "an empty body")


def parse_json(body: bytes, base_url: str) -> Page:
    """Return the page that a JSON body is (PEP 691, with PEP 592 and PEP 700)."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError("broken JSON") from error
    if not isinstance(document, dict) or not isinstance(document.get("files"), list):
        raise ValueError("JSON that is no project page")
    _refuse_other_version(_table(document.get("meta")).get("api-version"))
    entries = map(_table, document["files"])
    files = (_json_file(entry, base_url) for entry in entries if _is_file(entry))
    return Page(_plain(_text(document.get("name")) or ""), tuple(files))


def parse_html(body: bytes, base_url: str) -> Page:
    """Return the page that an HTML body is (PEP 503, with PEP 592, PEP 629 and upload times)."""
    html = body.decode("utf-8-sig", "replace")
    page = _Anchors()
    try:
        page.feed(html)
        page.close()
    except AssertionError as error:  # how html.parser refuses some marked sections
        raise ValueError("broken HTML") from error
    _refuse_other_version(page.api_version)
    base_url = urljoin(base_url, page.base)
    files = tuple(_html_file(anchor, base_url) for anchor in page.anchors if anchor.get("href"))
    listed = page.api_version or re.search("links for", html, re.I)
    if not any(_SUFFIX.search(file.filename) for file in files) and (files or not listed):
        raise ValueError("an HTML page without a file in it, perhaps a login page")
    title = re.search(r"<title>\s*Links for ([^<]*?)\s*</title>", html[:1024], re.I)
    return Page(_plain(title[1]) if title else "", files)


class _Anchors(HTMLParser):
    """Collects the attributes of every anchor of a page, its base and its API version."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: list[dict[str, str | None]] = []
        self.base = ""
        self.api_version: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.anchors.append(dict(attrs))
        elif tag == "base":
            self.base = self.base or dict(attrs).get("href") or ""
        elif tag == "meta" and (attributes := dict(attrs)).get("name") == "pypi:repository-version":
            self.api_version = attributes.get("content")


def _html_file(anchor: dict[str, str | None], base_url: str) -> File:
    url, _, fragment = _absolute(anchor["href"] or "", base_url).partition("#")
    hashes = dict(part.partition("=")[::2] for part in fragment.split("&"))
    return File(
        filename=_plain(unquote(url.partition("?")[0].rpartition("/")[2])),
        url=url,
        sha256=_sha256(hashes.get("sha256")),
        requires_python=_requirement(anchor.get("data-requires-python")),
        upload_time=_upload_time(anchor.get("data-upload-time")),
        yanked="data-yanked" in anchor,
        yanked_reason=_reason(anchor.get("data-yanked")),
    )


def _json_file(entry: dict[str, Any], base_url: str) -> File:
    size, yanked = entry.get("size"), entry.get("yanked")
    return File(
        filename=_plain(entry["filename"]),
        url=_absolute(entry["url"], base_url).partition("#")[0],
        sha256=_sha256(_table(entry.get("hashes")).get("sha256")),
        size_bytes=size if type(size) is int and 0 <= size < 1 << 63 else None,
        requires_python=_requirement(entry.get("requires-python")),
        upload_time=_upload_time(_text(entry.get("upload-time"))),
        yanked=bool(yanked),
        yanked_reason=_reason(yanked),
    )


def _is_file(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("filename"), str) and isinstance(entry.get("url"), str)


def _absolute(url: str, base_url: str) -> str:
    """Return the address that a link means, without the credentials that some indexes put in.

    Empty where it is none of a file on the web, or of one beside a page that is a file.
    """
    try:
        url = _plain(url)
        if not url.startswith("https://"):
            url = urljoin(base_url, url)
            if urlsplit(url).scheme not in {"http", "https", urlsplit(base_url).scheme}:
                return ""
        if re.search(r"[@\[\]]", url):
            # Without a host, what looks like credentials is a path, and would become them.
            hosted = urlsplit(url).netloc or url.startswith("file:")
            return without_credentials(url) if hosted else ""
        return url
    except ValueError:
        return ""  # one broken link among thousands


def _upload_time(text: str | None) -> datetime | None:
    """Return the moment in UTC that ISO 8601 text says, to the microsecond; None for none."""
    if not text or not (match := _UPLOAD_TIME.fullmatch(text)):
        return None
    # Python 3.10 reads neither `Z` nor fractions of other lengths.
    moment, fraction, zone = match.groups("")
    zone = "+00:00" if zone in ("", "Z", "z") else f"{zone[:3]}:{zone[-2:]}"
    try:
        parsed = datetime.fromisoformat(f"{moment}.{fraction[:6]:0<6}{zone}")
        uploaded = parsed.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return uploaded if uploaded.year in _YEARS else None


def _refuse_other_version(api_version: object) -> None:
    # A client must refuse a major version that it doesn't know: https://peps.python.org/pep-0629/
    if api_version is not None and str(api_version).partition(".")[0] != "1":
        raise ValueError(
            f"version {str(api_version)[:20]} of the index protocol, which is not known here"
        )


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _plain(text: str) -> str:
    """Return text that can be written down: JSON can hold halves of characters."""
    return text.encode("utf-8", "replace").decode()


def _sha256(value: object) -> str | None:
    text = _text(value) or ""
    return text.lower() if _SHA256.fullmatch(text) else None


def _requirement(value: object) -> str | None:
    """Return a Python requirement; None where there is none, or none that can be one."""
    text = _plain(_text(value) or "")
    return text if 0 < len(text) <= _LONGEST else None


def _reason(value: object) -> str:
    """Return why a file is yanked, the beginning of it where it is a long story."""
    text = _text(value) or ""
    return _plain(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
