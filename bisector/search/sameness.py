"""When two failures are one: what is left of a message without what varies, and equal keys.

Each failure has a few keys, and two that share one are the same failure. So is what is the same as
a third: over all failures of a search that is an equivalence, which looking at pairs alone isn't.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from bisector.model import Signature

Key = tuple[object, ...]

_NAMING = frozenset({"AttributeError", "ImportError", "NameError", "TypeError"})
"""Exceptions whose message names what is wrong: what is quoted in it is no mere data."""

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`")
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\")>]+")
_PATH = re.compile(
    r"(?:\b[A-Za-z]:|~|\.{1,2}|\{\w+\}|[\w.-]+)?(?:[/\\](?:[\w.+@-]|\{\w+\})+)+[/\\]?"
)
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+\b")
_HASH = re.compile(r"\b(?=[0-9a-f-]*\d)(?=[0-9a-f-]*[a-f])[0-9a-f]{7,}(?:-[0-9a-f]{4,})*\b")
_NUMBER = re.compile(r"\d+(?:[.,_:]\d+)*(?:(?:a|b|rc|\.dev|\.post|e[+-]?)\d+)*")
_QUALIFIED = re.compile(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])")
_BRACES = re.compile(r"\{([^{}]*)\}")


def classes(
    signatures: Iterable[Signature], together: Iterable[Sequence[Signature]] = ()
) -> dict[Signature, int]:
    """Return the number of the failure that each signature is of, in order of appearance.

    They are numbered from 0 on; the same number is the same failure. Those that stand ``together``
    in a sequence are known to be the same.
    """
    known = list(dict.fromkeys(signatures))
    # A run that was stored when lines were not is compared by what it has.
    lined = all(one.line for one in known if _type(one) == "AssertionError")
    parents: dict[object, object] = {}

    def root(node: object) -> object:
        while (parent := parents.setdefault(node, node)) != node:
            node = parent
        return node

    for signature in known:
        for key in _keys(signature, lined=lined):
            parents[root(("key", *key))] = root(signature)
    for same in together:
        for signature in same[1:]:
            parents[root(signature)] = root(same[0])
    numbers: dict[object, int] = {}
    return {one: numbers.setdefault(root(one), len(numbers)) for one in known}


def alike(one: Signature, other: Signature) -> bool:
    """Return whether two failures are the same one by themselves, without a third between them."""
    return len(set(classes([one, other]).values())) == 1


def _keys(signature: Signature, *, lined: bool) -> Iterable[Key]:
    """Yield what another failure must have one of to be the same.

    How the process ended and the type of the exception always count. An assertion is known by its
    own line: another that compares other things says much the same.
    """
    kind = (_type(signature), signature.status, signature.signal)
    if signature.line:
        yield ("line", *kind, signature.line)
    if _type(signature) == "AssertionError" and signature.line and lined:
        return
    if signature.frame:
        yield ("frame", *kind, signature.frame)
    message = plain(signature.message, named=_type(signature) in _NAMING)
    if re.search(r"\w", message) or not (signature.line or signature.frame) or signature.signal:
        yield ("message", *kind, message)


def _type(signature: Signature) -> str:
    """Return the type; that a module isn't there at all is one way not to be imported."""
    if signature.exception == "ModuleNotFoundError":
        return "ImportError"
    return signature.exception


@lru_cache(maxsize=4096)
def plain(message: str, *, named: bool = False) -> str:
    """Return a message without what varies from run to run and from release to release.

    That is numbers, versions, times, addresses, hashes, paths, quoted data, the qualification of
    names and the order inside printed sets and mappings. Where what is ``named`` in quotes tells
    one failure from another, names are kept.
    """

    def quoted(found: re.Match[str]) -> str:
        inside = found[0][1:-1]
        if named and _NAME.fullmatch(inside):
            return f"'{inside.rpartition('.')[2]}'"
        return "''"

    text = _QUOTED.sub(quoted, message)
    for pattern, instead in (
        (_URL, "URL"),
        (_PATH, "PATH"),
        (_ADDRESS, "0"),
        (_HASH, "0"),
        (_NUMBER, "0"),
        (_QUALIFIED, ""),
    ):
        text = pattern.sub(instead, text)
    return _ordered(text)


def _ordered(text: str) -> str:
    """Return a text with what is printed in braces sorted, the innermost first."""
    marks: Mapping[int, int] = str.maketrans("{}", "\x00\x01")
    while found := _BRACES.search(text):
        items = ", ".join(sorted(item.strip() for item in found[1].split(",")))
        text = f"{text[: found.start()]}{f'{{{items}}}'.translate(marks)}{text[found.end() :]}"
    return text.translate({0: "{", 1: "}"})
