"""Two complete sets of pins -> what changed between them, and sets that lie between the two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from bisector.errors import UsageError
from bisector.finding import Change


@dataclass(frozen=True, slots=True)
class Mix:
    """What to install of two sets of pins, and what to hold where somebody asks for it."""

    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()


def changes(old: Sequence[str], new: Sequence[str]) -> tuple[Change, ...]:
    """Return what changed between two complete sets of ``name==version``, sorted by name.

    What is the same text in both may be any requirement. Raises UsageError for what else is no
    such pin.
    """
    before, after = _versions(set(old) - set(new)), _versions(set(new) - set(old))
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if name not in before or name not in after or _differ(before[name], after[name])
    )


def mixed(old: Sequence[str], among: Iterable[Change], applied: Iterable[Change]) -> Mix:
    """Return ``old`` with those changes ``applied``, of all ``among`` which they are.

    An applied change may be a smaller step than the one of that name ``among`` them. A name that
    is in neither is held nevertheless, since another's dependency may bring it: what isn't added
    yet to the version that it would be added in, what is removed to the one it had.
    """
    chosen = {change.name: change for change in applied}
    requirements = {name_of(text): text for text in old}
    constraints = {}
    for change in among:
        name = change.name
        if name in chosen:
            requirements.pop(name, None)
            if (after := chosen[name].after) is not None:
                requirements[name] = f"{name}=={after}"
        if name not in requirements:
            constraints[name] = f"{name}=={change.after or change.before}"
    return Mix(
        tuple(requirements[name] for name in sorted(requirements)),
        tuple(constraints[name] for name in sorted(constraints)),
    )


def without(mix: Mix, name: str) -> Mix:
    """Return the mix with nothing said of one name."""
    return Mix(
        tuple(pin for pin in mix.requirements if name_of(pin) != name),
        tuple(pin for pin in mix.constraints if name_of(pin) != name),
    )


def loosened(mix: Mix, among: Iterable[Change]) -> Mix:
    """Return the mix with each change at any version between its two, where it has two."""
    between = {}
    for change in among:
        if change.before is not None and change.after is not None:
            low, high = sorted((change.before, change.after), key=Version)
            between[change.name] = f"{change.name}>={low},<={high}"
    return Mix(
        tuple(between.get(name_of(pin), pin) for pin in mix.requirements),
        tuple(between.get(name_of(pin), pin) for pin in mix.constraints),
    )


def _versions(pins: Iterable[str]) -> dict[str, str]:
    """Return the version of each name."""
    versions: dict[str, str] = {}
    for pin in sorted(pins):
        name = name_of(pin)
        specifiers = list(Requirement(pin).specifier)
        exact = [s for s in specifiers if s.operator == "==" and not s.version.endswith("*")]
        if len(exact) != 1 or len(specifiers) != 1:
            raise UsageError(
                f"{pin} is no release of {name}, and can't be told from another",
                "pin every package that changed to a version, like 'eggs==2.0'",
            )
        if name in versions:
            raise UsageError(f"{pin} contradicts {name}=={versions[name]}", "keep one of them")
        versions[name] = exact[0].version
    return versions


def name_of(text: str) -> str:
    """Return the normalised name of the project that a requirement names."""
    try:
        return canonicalize_name(Requirement(text).name)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{text!r} is not a requirement: {reason}", "write it like 'eggs==2.0'"
        ) from error


def _differ(one: str, other: str) -> bool:
    return Version(one) != Version(other)
