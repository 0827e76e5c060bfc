"""How sizes, numbers, versions and texts are written, whatever is told with them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from packaging.version import Version

MIB = 1024 * 1024
_LEFT_OPEN = re.compile(r"""[(\[{][^)\]}]*$|(?<!\w)(['"`])(?:(?!\1).)*$""", re.DOTALL)
_REASON = 80
_REASONS = 4


def why_not(reasons: Iterable[str]) -> str:
    """Return why releases could not be tested, given the reason of each: counts where they differ.

    The reasons are in parentheses; it is nothing where there are none.
    """
    counts = Counter(safe(shortened(reason, _REASON)).replace("; ", ", ") for reason in reasons)
    each = [f"{number}: {reason}" for reason, number in counts.most_common(_REASONS)]
    if left := sum(counts.values()) - sum(n for _, n in counts.most_common(_REASONS)):
        each.append(f"{left}: other reasons")
    return f" ({'; '.join(each) if len(each) > 1 else next(iter(counts))})" if counts else ""


def sure(confidence: float) -> str:
    """Return a probability in percent, never rounded up to certainty."""
    return ">99%" if confidence > 0.99 else f"{math.floor(confidence * 100 + 1e-9)}%"


def mib(size_bytes: int | None) -> str:
    """Return a size in MiB, or a dash."""
    return "-" if size_bytes is None else f"{size_bytes / MIB:.1f} MiB"


def count(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural where it isn't one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def joined(parts: Iterable[str]) -> str:
    """Return specifier sets as people write several of them."""
    return " or ".join(parts)


def listed(versions: Sequence[Version]) -> str:
    """Return the versions, or how many and their ends where that is shorter."""
    if len(versions) <= 4:
        return ", ".join(map(str, versions))
    return f"{len(versions)} releases from {versions[0]} to {versions[-1]}"


def shortened(text: str, longest: int) -> str:
    """Return ``text`` of at most ``longest`` characters, an ellipsis where it was cut.

    It is cut behind a word, and before a bracket or a quotation that would be left open, where
    that leaves most of it.
    """
    if len(text) <= longest:
        return text
    begun = text[: longest - 1]
    ends = [begun.rfind(" ") + 1, *(one.start() for one in _LEFT_OPEN.finditer(begun))]
    end = min((at for at in ends if at >= longest // 2), default=len(begun))
    return begun[:end].rstrip(" ,;:.") + "…"


def sentence(text: str) -> str:
    """Return ``text`` with a full stop, where it doesn't end like a sentence already."""
    return text if text.endswith(("…", ".", "!", "?")) else f"{text}."


def safe(text: str) -> str:
    """Return ``text`` on one line, with what a terminal would act on made visible instead."""
    return text if text.isprintable() else "".join(map(shown, text))


def shown(character: str) -> str:
    """Return the character, or its escape where nothing would be seen of it."""
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def word(outcome: str, reason: str) -> str:
    """Return what is said of a run everywhere: its outcome, with the reason where it has one."""
    return f"{outcome}: {reason}" if reason else outcome
