"""Inputs that are almost right, by the hundred thousand, for everything that a stranger writes.

``python tests/faults/fuzzing.py 200000 SEED [KIND...]`` tries so many for each kind; what it prints
is how many were taken, the rest being refused, and how long the slowest took. An input that raises
anything but the error that its reader is to raise is printed, and ends it.
"""

from __future__ import annotations

import copy
import json
import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

from packaging.utils import canonicalize_name
from packaging.version import Version

from bisector import masks
from bisector.environment import interpreter
from bisector.errors import UsageError
from bisector.inputs import listing, page, probe
from bisector.inputs.listing import Listing
from bisector.inputs.locks import files
from bisector.measure import reading
from bisector.model import Interpreter, Measurement, Outcome
from bisector.settings import without_credentials
from bisector.store import codec

SPAM = canonicalize_name("spam")
NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
BASE = "https://index.test/simple/spam/"
CHUNK = 10_000

NASTY: Sequence[Any] = (
    None,
    True,
    False,
    -1,
    0,
    1.5,
    float("nan"),
    float("inf"),
    10**400,
    "",
    " ",
    "\ud800",
    "\0",
    "\n",
    "9" * 5000,
    "1.0",
    "../../../etc/passwd",
    "/etc/passwd",
    "~",
    "http://[",
    "file:///etc/passwd",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "x" * 5000,
    "é語",
    "a\u2028b",
    [],
    {},
    [[[[[]]]]],
    {"": {"": None}},
    [None],
    ["sha256"],
    {"sha256": "../x"},
)
TOKENS: Sequence[str] = (
    "\0",
    "\n",
    "\r",
    "\t",
    " ",
    '"',
    "'",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "(",
    ")",
    "=",
    "==",
    ",",
    ";",
    "#",
    "# ///\n",
    "# /// script\n",
    "@",
    "<",
    ">",
    "</",
    "<a href=",
    "<![x[",
    "<!--",
    "&",
    "://",
    "..",
    "../",
    "\\",
    "%00",
    "9" * 5000,
    "1e999",
    "-1",
    "true",
    "null",
    "nan",
    "inf",
    "\ud800",
    "é",
    "$(x)",
    "[tool.bisector]\n",
    "python_version",
    " and ",
    " or ",
    "~=",
    "*",
    "!",
    "+",
    "0001-01-01",
    "'''",
    '"""',
)

JSON_PAGE = {
    "meta": {"api-version": "1.1"},
    "name": "spam",
    "versions": ["1.0"],
    "files": [
        {
            "filename": "spam-1.0-1-py3-none-any.whl",
            "url": "../../files/spam-1.0-1-py3-none-any.whl#sha256=0",
            "hashes": {"sha256": "0af3" * 16},
            "size": 12,
            "requires-python": ">=3.9",
            "upload-time": "2024-01-01T00:00:00.5Z",
            "yanked": "broken",
            "core-metadata": {"sha256": "0af3" * 16},
        },
        {"filename": "spam-2!1.0a1.tar.gz", "url": "https://u:p@files.test/x", "hashes": {}},
    ],
}
HTML_PAGE = """<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.1">
<base href="/files/"><title>Links for spam</title></head><body>
<a href="spam-1.0-py3-none-any.whl#sha256=0af3" data-requires-python="&gt;=3.9" data-yanked="no"
 data-upload-time="2024-01-01T00:00:00Z">spam</a><br>
<a href='../spam-2.0.tar.gz'>x</a></body></html>"""
PROBE = '''# /// script
# requires-python = ">=3.9"
# dependencies = ["spam", "eggs[x]>=1; python_version > '3.8'"]
#
# [tool.bisector]
# package = "spam"
# range = ">=1.0,<3"
# timeout = 60
# crash = "bad"
# serial = true
# cases = ["one", "two"]
# [[tool.bisector.claims]]
# document = "a"
# says = "b"
# outcome = "bad"
# releases = ">=1"
# case = "one"
#
# [tool.bisector.documented]
# issue = "https://host/1"
# good = ["1.0"]
# bad = ["2.0"]
# ///
"""A title."""
import spam
'''
RESULT = {
    "bisector": 1,
    "outcome": "good",
    "reason": "grew",
    "metrics": {"growth_bytes": 1, "share": 0.5},
    "pool": {"idle": 1, "hosts": {"127.0.0.1:1": {"idle": 1}}},
}
LOCKS = {
    "requirements.txt": """# pins
eggs==1.0 --hash=sha256:0af3 \\
    --hash=sha256:0af4
ham[x]>=2,<3 ; python_version < "4"
toast @ https://host/toast-1.0.whl
""",
    "pylock.toml": """lock-version = "1.0"
created-by = "x"
requires-python = ">=3.9"
environments = ["sys_platform == 'linux'"]
default-groups = ["dev"]
[[packages]]
name = "eggs"
version = "1.0"
marker = "python_version > '3.8' and 'dev' in dependency_groups"
wheels = [{url = "https://host/eggs-1.0-py3-none-any.whl", hashes = {sha256 = "0af3"}}]
[[packages]]
name = "ham"
[packages.vcs]
type = "git"
url = "https://host/ham"
commit-id = "0af3"
[[packages]]
name = "toast"
archive = {url = "https://host/toast.tar.gz", hashes = {sha256 = "0af3"}}
""",
    "uv.lock": """version = 1
requires-python = ">=3.9"
[[package]]
name = "spam"
version = "0"
source = { virtual = "." }
dependencies = [{ name = "eggs", marker = "python_version > '3.8'", extra = ["x"] }]
[package.dev-dependencies]
dev = [{ name = "ham" }]
[[package]]
name = "eggs"
version = "1.0"
source = { registry = "https://host/simple" }
[package.optional-dependencies]
x = [{ name = "ham" }]
[[package]]
name = "ham"
version = "2.0"
source = { git = "https://host/ham?subdirectory=a#0af3" }
""",
    "poetry.lock": """[[package]]
name = "eggs"
version = "1.0"
optional = false
python-versions = "^3.8 || ~3.9"
groups = ["main"]
markers = {main = "python_version > '3.8'"}
[package.source]
type = "git"
url = "git@host:ham"
reference = "main"
resolved_reference = "0af3"
[metadata]
lock-version = "2.1"
python-versions = ">=3.8,<4"
""",
}


@dataclass(frozen=True)
class Kind:
    """One kind of input: what almost right ones are made from, and what reads them.

    ``read`` returns whether it took one, and raises where it does what it must not.
    """

    made: Callable[[random.Random], Any]
    read: Callable[[Any], bool]


def mutated_json(value: Any, rng: random.Random) -> Any:
    """The value with something else at a few places."""
    whole = json.loads(json.dumps(value))
    for _ in range(rng.randint(1, 3)):
        at, parent, key = whole, cast("Any", None), cast("Any", None)
        while isinstance(at, (dict, list)) and at and rng.random() < 0.8:
            parent, key = at, rng.choice(list(at) if isinstance(at, dict) else range(len(at)))
            at = at[key]
        other = copy.deepcopy(rng.choice(NASTY))
        if parent is None:
            return other if rng.random() < 0.1 else whole
        if rng.random() < 0.1 and isinstance(parent, dict):
            parent[str(other)] = parent.pop(key)
        elif rng.random() < 0.1:
            del parent[key]
        else:
            parent[key] = other
    return whole


def mutated_text(text: str, rng: random.Random) -> str:
    """The text with a few spans of it removed, doubled, moved, or replaced."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((0, 1, 2, 5, 20, 100)))
        span = text[start:end]
        if rng.random() < 0.05:
            return text[:start]
        if rng.random() < 0.3:  # something else in place of a word or number
            words = list(re.finditer(r"[\w.-]+", text))
            if words:
                start, end = rng.choice(words).span()
        replacement = rng.choice(
            (rng.choice(TOKENS), span * 2, "", span[::-1], chr(rng.randrange(1 << 16)))
        )
        text = text[:start] + replacement + text[end:]
    return text


def encoded(text: str, rng: random.Random) -> bytes:
    body = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.1 and body:
        place = rng.randrange(len(body))
        body = body[:place] + bytes([rng.randrange(256)]) + body[place + 1 :]
    return body


def dumped(value: Any, rng: random.Random) -> bytes:
    # Python writes no such number, but others do.
    sys.set_int_max_str_digits(0)
    text = json.dumps(mutated_json(value, rng))
    sys.set_int_max_str_digits(4300)
    return encoded(mutated_text(text, rng) if rng.random() < 0.3 else text, rng)


def a_page(rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return dumped(JSON_PAGE, rng)
    return encoded(mutated_text(HTML_PAGE, rng), rng)


def read_page(body: bytes) -> bool:
    try:
        found = page.parse(body, BASE)
    except ValueError:
        return False
    releases, left_aside = listing.group(SPAM, found.files)
    for release in releases:
        for file in release.files:
            assert not set(file.filename) & set("/\\\0\n"), file.filename
            assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert without_credentials(file.url) == file.url
        assert len(str(release.version)) <= 128
    whole = Listing("spam", SPAM, BASE, releases, NOON, left_aside)
    assert listing.unpack(listing.pack(whole)) == whole
    return True


def a_listing(rng: random.Random) -> bytes:
    found = page.parse(json.dumps(JSON_PAGE).encode(), BASE)
    releases, left_aside = listing.group(SPAM, found.files)
    packed = listing.pack(Listing("spam", SPAM, BASE, releases, NOON, left_aside))
    return dumped(json.loads(packed), rng)


def read_listing(body: bytes) -> bool:
    try:
        listing.pack(listing.unpack(body))
    except ValueError:
        return False
    return True


def refused(error: UsageError, where: str) -> bool:
    """See that an error says where it is and what to do; return that nothing was taken."""
    assert error.message.startswith(where), error.message
    assert error.hint, error.message
    return False


def read_probe(text: str) -> bool:
    try:
        found = probe.parse(text, Path("eggs.py"))
        for case in found.cases:
            probe.only(found, case)
    except UsageError as error:
        return refused(error, "eggs.py")
    return True


def a_result(rng: random.Random) -> bytes:
    return dumped(RESULT, rng)


def read_result(body: bytes) -> bool:
    told, _ = reading.result(body, b"noise\n" + body)
    if told is None:
        return False
    read = reading._reported(told)
    metrics = masks.of_this_machine().members(read.metrics or {})
    run = Measurement(Version("1.0"), read.outcome, read.reason, read.detail, metrics=metrics)
    again = codec.measurement_from_json(json.loads(json.dumps(codec.measurement_to_json(run))))
    assert again.outcome in (Outcome.GOOD, Outcome.BAD, Outcome.UNTESTABLE)
    return True


def a_lock(rng: random.Random) -> tuple[str, str]:
    name = rng.choice(list(LOCKS))
    return (name if rng.random() < 0.9 else "pins"), mutated_text(LOCKS[name], rng)


_HERE: list[Interpreter] = []


def read_lock(named: tuple[str, str]) -> bool:
    if not _HERE:
        _HERE.append(interpreter.find())
    name, text = named
    try:
        files.parse(text, Path("/nowhere") / name, _HERE[0])
    except UsageError as error:
        return refused(error, "/nowhere/")
    return True


KINDS = {
    "an index's page": Kind(a_page, read_page),
    "a list of versions": Kind(a_listing, read_listing),
    "a probe's metadata": Kind(lambda rng: mutated_text(PROBE, rng), read_probe),
    "what a probe reports": Kind(a_result, read_result),
    "a lock": Kind(a_lock, read_lock),
}


def fuzz(kind: Kind, inputs: int, seed: int) -> tuple[int, float, Any]:
    """Try so many inputs; return how many were taken, and the slowest with its seconds."""
    rng, taken, slowest, slow = random.Random(seed), 0, 0.0, None
    for _ in range(inputs):
        made = kind.made(rng)
        began = time.perf_counter()
        try:
            taken += kind.read(made)
        except BaseException:
            print(f"seed {seed}: {made!r}"[:4000])
            raise
        if (took := time.perf_counter() - began) > slowest:
            slowest, slow = took, made
    return taken, slowest, slow


if __name__ == "__main__":
    count, first = map(int, sys.argv[1:3])
    for name in sys.argv[3:] or KINDS:
        for chunk in range(0, count, CHUNK):
            taken, slowest, slow = fuzz(KINDS[name], CHUNK, first + chunk)
            told = f"{name}: {chunk + CHUNK} inputs, {taken} of the last {CHUNK} taken; "
            print(f"{told}the slowest {slowest:.3f} s: {slow!r}"[:200], flush=True)
