"""One line of a results file: a value, what tells that it is as it was written, and who wrote it.

``{"digest":D,"seal":S,"key":K,"schema":C,"parts":{…},"data":{…}}``, in exactly this order. D is
the beginning of the SHA-256 of all that follows the seal. S is a keyed BLAKE2 (RFC 7693) of the
same, by a key that only its machine and user have; it may be empty. K names the search that the
line belongs to. What many lines share, a script's text or what was installed, is a line of its
own without a key, and ``parts`` names it by its digest, field by field.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from bisector.model import Json

PART = "bisector/part/1"
_DIGEST_LENGTH, _SEAL_LENGTH = 24, 32
OPENING = b'{"digest":"'
_DIGEST_AT = len(OPENING)
_DIGEST_END = _DIGEST_AT + _DIGEST_LENGTH
_SEAL_AT = _DIGEST_END + len('","seal":"')
_KEY, _SCHEMA, _PARTS, _DATA = b'","key":"', b'","schema":"', b'","parts":', b',"data":'
_UNSEALED = _SEAL_AT + len(_KEY)
_TO_NAME = len('","schema":"bisector/')


class Line(NamedTuple):
    """A line: its digest, seal and key as text, its schema, and what is signed of it."""

    digest: str
    seal: str
    key: str
    schema: str
    parts: str
    data: bytes
    signed: bytes

    @property
    def text(self) -> bytes:
        """The whole line, without its end."""
        return b'{"digest":"%b","seal":"%b",%b}' % (
            self.digest.encode(),
            self.seal.encode(),
            self.signed,
        )

    def named(self) -> Mapping[str, str]:
        """Return the digests of the parts that the value is without; raises ValueError."""
        return _named(self.parts)

    def is_as_written(self) -> bool:
        """Return whether it is what its digest was made of."""
        return self.digest == _digest(self.signed)

    def is_sealed(self, secret: bytes) -> bool:
        """Return whether it bears the seal of that key, and so is as it was written as well."""
        return bool(secret and self.seal) and self.seal == _seal(self.digest, self.signed, secret)


def line(
    key: str,
    schema: str,
    data: Mapping[str, Json],
    parts: Mapping[str, str] | None = None,
    *,
    secret: bytes = b"",
) -> Line:
    """Return the line of a value, sealed where there is a key to do it with."""
    told, text = _dumped(dict(parts or {})).decode(), _dumped(dict(data))
    signed = b'"key":"%b","schema":"%b","parts":%b,"data":%b' % (
        key.encode(),
        schema.encode(),
        told.encode(),
        text,
    )
    digest = _digest(signed)
    seal = _seal(digest, signed, secret) if secret else ""
    return Line(digest, seal, key, schema, told, text, signed)


def split(
    key: str, data: Mapping[str, Json], shared: Iterable[str], *, secret: bytes = b""
) -> tuple[Line, list[Line]]:
    """Return the line of a value that says its schema, and those of its fields that are shared."""
    fields = {name: value for name, value in data.items() if name != "schema"}
    parts = {
        name: line("", PART, {"value": fields.pop(name)}, secret=secret)
        for name in shared
        if name in fields
    }
    named = {name: part.digest for name, part in parts.items()}
    return line(key, str(data["schema"]), fields, named, secret=secret), list(parts.values())


def slot(text: bytes) -> bytes | None:
    """Return the key and the schema's name that a line begins with; None where it has none.

    By position alone: most of the lines in a file are of no interest, and need no more.
    """
    if not text.startswith(OPENING):
        return None
    start = _key_at(text)
    end = text.find(_SCHEMA, start)
    name = text[end + _TO_NAME : end + _TO_NAME + 20].partition(b"/")[0]
    return text[start:end] + b" " + name if end >= 0 else None


def alike(text: bytes) -> tuple[bytes, int]:
    """Return what lines of the slot of this one have in common, and where they have it."""
    start = _key_at(text) - len(_KEY)
    end = text.find(b"/", text.index(_SCHEMA, start) + _TO_NAME)
    return text[start : end + 1 if end >= 0 else None], start


def slot_of(key: str | None, schema: str) -> bytes:
    """Return what lines of a search and a schema begin with; of any search without a key."""
    return f"{key or ''} {schema.split('/')[1]}".encode()


def parsed(text: bytes) -> Line:
    """Return the line that ``text`` is, whoever wrote it; raises ValueError where it is none."""
    at = _key_at(text)
    try:
        data = text.index(_DATA, at)
        key, schema, parts = _names(text[at:data])
        marks = text[:at].decode("ascii")
    except ValueError as error:
        raise ValueError("it is no line of results") from error
    return Line(
        marks[_DIGEST_AT:_DIGEST_END],
        marks[_SEAL_AT : -len(_KEY)],
        key,
        schema,
        parts,
        text[data + len(_DATA) : -1],
        text[at - len(_KEY) + len('",') : -1],
    )


@lru_cache(maxsize=10_000)
def _names(head: bytes) -> tuple[str, str, str]:
    """Return the key, schema and parts that thousands of lines have in common; else ValueError."""
    schema = head.index(_SCHEMA)
    parts = head.index(_PARTS, schema + len(_SCHEMA))
    text = head.decode("ascii")
    return text[:schema], text[schema + len(_SCHEMA) : parts], text[parts + len(_PARTS) :]


def _key_at(text: bytes) -> int:
    """Return where the key is in a line, which depends on its having a seal."""
    return _UNSEALED if text.startswith(_KEY, _SEAL_AT) else _UNSEALED + _SEAL_LENGTH


def _dumped(value: Json) -> bytes:
    """Return compact JSON that every reader takes: no lone surrogates, no infinite numbers."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value


def _digest(signed: bytes) -> str:
    return hashlib.sha256(signed).hexdigest()[:_DIGEST_LENGTH]


def _seal(digest: str, signed: bytes, secret: bytes) -> str:
    return hashlib.blake2b(
        digest.encode() + signed, key=secret, digest_size=_SEAL_LENGTH // 2
    ).hexdigest()


@lru_cache(maxsize=10_000)
def _named(parts: str) -> Mapping[str, str]:
    """Return a line's parts; thousands of lines name the same few."""
    named = json.loads(parts)
    if not all(isinstance(digest, str) for digest in named.values()):
        raise ValueError("its parts aren't named by digests")
    return dict(named)
