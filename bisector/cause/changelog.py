"""The entries of a changelog between two releases, those first that speak of the failure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from packaging.version import InvalidVersion, Version

from bisector.explanation import Entry

MOST = 5
"""Entries beyond which nobody reads on."""

_LONGEST = 400
_NAME = re.compile(r"(^|/)(CHANGE|HISTORY|NEWS|RELEASE)[^/]*$", re.IGNORECASE)
_KINDS = (".rst", ".md", ".txt", "")
_FRAGMENT = re.compile(
    r"(?:^|/)(?:changes|newsfragments|news|changelog(?:\.d)?|upcoming_changes)/(?:[\w-]+/)?"
    r"\+?(?P<issue>[\w-]+)\.(?:feature|bugfix|bug|fix|doc|docs|removal|breaking|deprecation|misc|"
    r"packaging|contrib|change|changed|security|enhancement|improvement|performance|perf)"
    r"(?:\.\d+)?(?:\.(?:rst|md|txt))?$",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"^(?P<marks>#+\s*)?(?P<name>[A-Za-z][\w.-]*\s+)?[\[(]?v?(?P<version>\d+(?:\.\w+)+)[\])]?"
    r"(?P<rest>.*)$"
)
_UNDERLINE = re.compile(r"^([=\-~^*#\"'`+])\1{2,}\s*$")
_DATE = re.compile(
    r"\d{4}[-/. ]\d{1,2}[-/. ]\d{1,2}|\b\d{1,2}(st|nd|rd|th)?[ -][A-Z][a-z]{2}"
    r"|[A-Z][a-z]{2,8} \d{1,2}"
)
_BULLET = re.compile(r"^(\s*)([-*+•])\s+(?=\S)")
_NUMBER = re.compile(r"(?::\w+:`|(?<![\w/&])#|\bGH-|/(?:issues|pull|merge_requests)/)(\d{1,6})\b`?")
_ROLE = re.compile(r":[\w:]+:`~?([^`<]*?)(?:\s*<[^`]*>)?`")
_HOST = re.compile(
    r"https?://(?:www\.)?(github\.com|gitlab\.com|codeberg\.org|bitbucket\.org)/([\w.-]+)/([\w.-]+)"
)


def is_changelog(path: str) -> bool:
    """Return whether a file's name is that of a changelog, not of a folder's worth of modules."""
    name = path.rpartition("/")[2]
    stem, dot, kind = name.rpartition(".")
    suffix = f".{kind}".lower() if dot else ""
    return bool(_NAME.search(stem or name)) and suffix in _KINDS


def chosen(files: Mapping[str, bytes]) -> str:
    """Return the text of the outermost changelog among ``files``; empty where there is none."""
    named = sorted(filter(is_changelog, files), key=lambda path: (path.count("/"), len(path)))
    return files[named[0]].decode("utf-8", "replace") if named else ""


def is_fragment(path: str) -> bool:
    """Return whether a file is an entry by itself, which towncrier is to put into the changelog.

    See https://towncrier.readthedocs.io/en/stable/tutorial.html#creating-news-fragments.
    """
    return bool(_FRAGMENT.search(path))


def fragments(
    files: Mapping[str, bytes], version: str, addresses: Sequence[tuple[str, str]] = ()
) -> tuple[Entry, ...]:
    """Return the entries among ``files`` that are fragments, as those of ``version``."""
    hosted = host(addresses)
    entries = []
    for path, content in sorted(files.items()):
        if match := _FRAGMENT.search(path):
            raw = content.decode("utf-8", "replace")
            number = f"#{match['issue']} " if match["issue"].isdecimal() else ""
            entries.append(Entry(version, _plain(raw), (), _links(number + raw, hosted)))
    return tuple(entry for entry in entries if entry.text)


def entries(
    text: str, before: str, after: str, addresses: Sequence[tuple[str, str]] = ()
) -> tuple[Entry, ...]:
    """Return the entries of the releases later than ``before`` up to ``after``.

    A pre-release is also written of under its final release.
    """
    low, high = Version(before), Version(after)
    hosted = host(addresses)
    entries = []
    for version, block in _sections(text):
        final = Version(version.base_version) == Version(high.base_version)
        if low < version <= high or (final and version > low):
            entries += [
                Entry(str(version), plain, (), _links(raw, hosted))
                for raw in _items(block)
                if (plain := _plain(raw))
            ]
    return tuple(entries)


def ranked(entries: Sequence[Entry], texts: Iterable[str]) -> tuple[Entry, ...]:
    """Return the entries that share words with the ``texts``, at most ``MOST``, the most first.

    What stands under a pre-release and under its final release is one entry: that which comes
    first. Those that share less than half of what the first does are left out.

    A word counts for more the fewer entries it is in (inverse document frequency: Spärck Jones,
    "A statistical interpretation of term specificity", 1972).
    """
    words = {word for text in texts for word in _words(text)}
    entries = list({entry.text: entry for entry in reversed(entries)}.values())[::-1]
    each = [set(_words(entry.text)) for entry in entries]
    frequency = Counter(word for vocabulary in each for word in vocabulary)
    scored = []
    for position, (entry, vocabulary) in enumerate(zip(entries, each)):
        shared = sorted(words & vocabulary, key=lambda word: (frequency[word], word))
        score = sum(math.log((len(entries) + 1) / frequency[word]) for word in shared)
        if shared:
            scored.append((-score, position, replace(entry, shared=tuple(shared[:MOST]))))
    scored.sort(key=lambda item: item[:2])
    return tuple(entry for score, _, entry in scored[:MOST] if 2 * score <= scored[0][0])


def _sections(text: str) -> Iterator[tuple[Version, str]]:
    """Yield each version's part of a changelog."""
    lines = text.expandtabs().splitlines()
    starts = [(n, version) for n in range(len(lines)) if (version := _heading(lines, n))]
    for (start, version), (end, _) in zip(starts, [*starts[1:], (len(lines), None)]):
        yield version, "\n".join(lines[start + 1 : end])


def _heading(lines: Sequence[str], number: int) -> Version | None:
    """Return the version that a line is the heading of; None where it is no heading."""
    line = lines[number].strip()
    match = _HEADING.match(line)
    if match is None or len(line) > 100 or lines[number].startswith(("  ", "- ", "* ")):
        return None
    following = lines[number + 1] if number + 1 < len(lines) else ""
    underlined = bool(_UNDERLINE.match(following))
    dated = bool(_DATE.search(match["rest"])) and not match["name"]
    if not (match["marks"] or underlined or dated or line == match["version"]):
        return None
    try:
        return Version(match["version"].rstrip("."))
    except InvalidVersion:
        return None


def _items(block: str) -> Iterator[str]:
    """Yield the items of the outermost lists in a section; its paragraphs where it has none."""
    lines = [line for line in block.splitlines() if not _UNDERLINE.match(line)]
    indents = [len(match[1]) for line in lines if (match := _BULLET.match(line))]
    if not indents:
        yield from filter(None, (part.strip() for part in re.split(r"\n\s*\n", "\n".join(lines))))
        return
    outermost = min(indents)
    item: list[str] = []
    for line in lines:
        match = _BULLET.match(line)
        if match and len(match[1]) == outermost:
            if item:
                yield "\n".join(item)
            item = [line[match.end() :]]
        elif item and line.strip() and len(line) - len(line.lstrip()) <= outermost:
            yield "\n".join(item)
            item = []
        elif item:
            item.append(line)
    if item:
        yield "\n".join(item)


def _plain(text: str) -> str:
    """Return an entry as one line, without the roles and links of its markup."""
    plain = re.sub(r"\*?Related issues and pull requests on GitHub:\*?", "", text)
    plain = re.sub(r":(?:issue|pr|pull|gh|bug):`(\d+)`", r"#\1", plain)
    plain = _ROLE.sub(r"\1", plain)
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", plain)
    plain = re.sub(r"`([^`<]+?)\s*<[^`>]*>`_{1,2}", r"\1", plain)
    plain = re.sub(r"`{1,2}([^`]*)`{1,2}_{0,2}", r"\1", plain)
    plain = " ".join(plain.split())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"


def _links(text: str, hosted: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the issues and pull requests that an entry names, with their addresses."""
    base, path = hosted
    numbers = dict.fromkeys(_NUMBER.findall(text)) if base else {}
    return tuple((f"#{number}", f"{base}/{path}/{number}") for number in numbers)


def host(addresses: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return where a project is hosted, and how the path of an issue goes on there."""
    for _, address in addresses:
        if match := _HOST.match(address):
            base = f"https://{match[1]}/{match[2]}/{match[3].removesuffix('.git')}"
            return base, "-/issues" if match[1] == "gitlab.com" else "issues"
    return "", ""


def _words(text: str) -> Iterator[str]:
    """Yield the words of a text: identifiers as they are and in their parts, in small letters."""
    for word in re.findall(r"[A-Za-z][A-Za-z0-9_]{2,}", text):
        if word.lower() not in _COMMON:
            yield word.lower()
        parts = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", word)
        for part in parts if len(parts) > 1 else ():
            if len(part) > 3 and part.lower() not in _COMMON:
                yield part.lower()


_COMMON = frozenset(
    re.findall(
        r"\w+",
        """about after all also and any are been before but can error errors exception for from has
        have into init locals module more not now only other over package return returns than that
        the their then this true false none type value was were when where which will with
        without""",
    )
)
