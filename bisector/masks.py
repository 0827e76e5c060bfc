"""What is written down without what is its writer's own: home, user, host, secrets in addresses.

Masks go by the values themselves, so that they hold wherever a value turns up.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from bisector.model import Json

SECRET = "***"  # noqa: S105  # what stands where one was
_SHORTEST = 4
"""Values of fewer characters turn up by chance; they are masked in addresses alone."""

_EVERYBODYS = re.compile(
    "|admin|build|builder|circleci|default|docker|git|guest|home|jenkins|localhost|python|pytest"
    "|root|runner|test|tester|tests|ubuntu|user|users|vagrant|work",
    re.I,
)
"""Names of users and hosts that say of nobody who it is, and that are words of their own."""

_CREDENTIALS = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?P<user>[^\s/?#@'\"<>]+)@", re.I)
_IN_QUERY = re.compile(
    r"(?P<name>[?&;][\w.-]*(?:token|key|secret|passw|auth|sig|credential)[\w.-]*=)"
    r"(?P<value>[^&;\s#'\"<>]+)",
    re.I,
)


def addresses(text: str) -> str:
    """Return ``text`` with the user names, passwords and tokens in its addresses masked."""
    if "://" not in text:
        return text
    text = _CREDENTIALS.sub(_without_user, text)
    return _IN_QUERY.sub(rf"\g<name>{SECRET}", text)


def _without_user(found: re.Match[str]) -> str:
    # What `git clone` takes for GitHub and its like is the same for everybody.
    return found[0] if found["user"] == "git" else f"{found['scheme']}{SECRET}@"


def host(name: str | None = None) -> str:
    """Return what a host is called in what is written down: the same each time, and not its name.

    By default, this host.
    """
    name = platform.node() if name is None else name
    return f"host-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Masks:
    """The values that aren't written down, each with what stands for it.

    ``paths`` are replaced wherever they stand, the longest first, and ``words`` where they aren't
    part of a longer word.
    """

    paths: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict, repr=False)

    def text(self, text: str) -> str:
        """Return ``text`` with the values masked, and what is secret in its addresses."""
        for path, name in sorted(self.paths.items(), key=lambda pair: -len(pair[0])):
            if len(path) > 1:
                text = text.replace(path, name)
        text = addresses(text)
        for word, name in self.words.items():
            if word in text:
                text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", name, text)
        return text

    def json(self, value: Json) -> Json:
        """Return ``value`` with all its texts masked, names of members included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(item) for item in value]
        if isinstance(value, dict):
            return self.members(value)
        return value

    def members(self, value: Mapping[str, Json]) -> dict[str, Json]:
        """Return an object with all its texts masked, names of members included."""
        return {self.text(name): self.json(item) for name, item in value.items()}


def of_this_machine(paths: Mapping[str, str] | None = None, *more: str) -> Masks:
    """Return the masks for what is written here.

    Home, user and host are those of this process, secrets those in the addresses that its
    environment holds and in ``more`` addresses; ``paths`` are masked as well.
    """
    home = str(Path.home())
    user = ""
    with suppress(OSError, KeyError):  # a user without an entry
        user = getpass.getuser()
    found = _of(home, user, platform.node(), (*os.environ.values(), *more))
    return Masks({home: "~", **(paths or {})}, found)


def _of(home: str, user: str, node: str, texts: Iterable[str]) -> dict[str, str]:
    """Return what stands for each word that is somebody's own."""
    words = {secret: SECRET for text in texts if "://" in text for secret in _secrets(text)}
    names = {node: host(node), node.partition(".")[0]: host(node)}
    names |= {user: "{user}", Path(home).name: "{user}"}
    words |= {name: mask for name, mask in names.items() if not _EVERYBODYS.fullmatch(name)}
    lengthy = sorted((word for word in words if len(word) >= _SHORTEST), key=len, reverse=True)
    return {word: words[word] for word in lengthy}


@lru_cache(maxsize=256)
def _secrets(text: str) -> tuple[str, ...]:
    """Return the user names and passwords in the addresses of a text."""
    found: list[str] = []
    for address in re.findall(r"[a-z][a-z0-9+.-]*://[^\s'\"<>]+", text, re.I):
        with suppress(ValueError):
            parts = urlsplit(address)
            for part in (parts.username, parts.password):
                if part and not _EVERYBODYS.fullmatch(part):
                    found += [part, unquote(part)]
            found += [match["value"] for match in _IN_QUERY.finditer(f"?{parts.query}")]
    return tuple(found)
