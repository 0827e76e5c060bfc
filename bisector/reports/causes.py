"""Whose fault a transition is, in words."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

from bisector.finding import (
    Blame,
    Cause,
    Culprit,
    Finding,
    Kind,
    Transition,
)
from bisector.reports.words import safe


def verdict(finding: Finding, transition: Transition) -> str:
    """Return the sentence that must stand beside a transition that isn't the package's own.

    Empty where it is, or where nobody asked.
    """
    cause, package = transition.cause, safe(finding.probe.package)
    if cause is None:
        return ""
    if cause.blame is Blame.DEPENDENCY and finding.over:
        return f"{_took(cause)}." if cause.culprits else ""
    if cause.blame is Blame.DEPENDENCY:
        return f"That is not {package}'s own: {_took(cause)}."
    if cause.blame is Blame.INCOMPATIBLE:
        return f"{_incompatible(package, transition, cause)}."
    if cause.blame is Blame.TOGETHER:
        named = _named(cause).removesuffix(",")
        return f"It takes {_side(finding, transition)} together with {named}."
    if cause.blame is Blame.EITHER:
        return f"{_side(finding, transition)} or what came in with it: either alone does it."
    return ""


def _incompatible(package: str, transition: Transition, cause: Cause) -> str:
    """Return what made a release bad, and that the package has learned to live with it."""
    with_it = " and ".join(map(_since, cause.culprits)) or "newer dependencies than its own"
    names = " and ".join(safe(blamed.change.name) for blamed in cause.culprits) or "a dependency"
    only = f"{package} {transition.before} is bad only with {with_it}"
    lives = f"{package} {transition.after} works with {'it' if len(cause.culprits) < 2 else 'them'}"
    return f"{only}; {lives}: {names} broke it, {package} fixed it"


def _since(blamed: Culprit) -> str:
    """Return from which release on a dependency makes it bad, as narrow as is known."""
    change = blamed.change
    if change.before is None or change.after is None or _descends(change.before, change.after):
        return culprit(blamed).removesuffix(",")
    first = blamed.transitions[-1] if blamed.transitions else None
    return safe(f"{change.name} ≥ {first.after if first else change.after}")


def _side(finding: Finding, transition: Transition) -> str:
    """Return what came in with a transition, as people name it."""
    named = finding.axis.side or f"{safe(finding.probe.package)} {{after}}"
    return named.format(after=finding.axis.shown(transition.after))


def own(finding: Finding) -> str:
    """Return that each change whose fault was asked for is the package's own; empty where not."""
    blames = {transition.cause.blame for transition in finding.transitions if transition.cause}
    if blames != {Blame.PACKAGE} or not whose(finding):
        return ""
    return f"{safe(finding.probe.package)}'s own, also with dependencies of its time"


def undecided(finding: Finding) -> tuple[str, ...]:
    """Return of which changes it was asked, but couldn't be told, whose fault they are, and why."""
    return tuple(
        safe(f"{t.kind.value} {t.before} → {t.after}: {_whose(finding.probe.package, t.cause)}")
        for t in finding.transitions
        if t.cause and t.cause.blame is Blame.UNDECIDED
    )


def whose(finding: Finding) -> tuple[str, ...]:
    """Return whose fault each transition is, and what that was told from.

    Nothing is said where nothing is installed beside the package.
    """
    return tuple(
        safe(f"{t.kind.value} {t.before} → {t.after}: {_whose(finding.probe.package, t.cause)}")
        for t in finding.transitions
        if t.cause is not None and t.cause not in (Cause(Blame.PACKAGE), Cause(Blame.INTERPRETER))
    )


def _whose(package: str, cause: Cause) -> str:
    if cause.blame is Blame.UNDECIDED:
        return f"undecided, {cause.why}"
    names = {
        Blame.PACKAGE: f"{package}'s own",
        Blame.INTERPRETER: "the interpreter's",
        Blame.DEPENDENCY: f"not {package}'s own",
        Blame.INCOMPATIBLE: f"{package} fixed what a dependency had broken",
        Blame.TOGETHER: "both together",
        Blame.EITHER: "either of both",
    }
    clauses = [names[cause.blame]]
    for dependencies in dict.fromkeys(cell.dependencies for cell in cause.cells):
        cells = [cell for cell in cause.cells if cell.dependencies == dependencies]
        sides = " and ".join(f"{cell.version} is {cell.outcome.value}" for cell in cells)
        clauses.append(f"with dependencies {dependencies}, {sides}")
    if cause.culprits:
        clauses.append(_took(cause))
    if cause.why:
        clauses.append(cause.why)
    return "; ".join(clauses)


def _took(cause: Cause) -> str:
    did_it = "did it" if len(cause.culprits) < 2 else "did it together"
    return f"{_named(cause)} {did_it}"


def _named(cause: Cause) -> str:
    return " and ".join(map(culprit, cause.culprits)) or "what is installed beside it"


def culprit(blamed: Culprit) -> str:
    """Return a change with the releases it lies between, as narrow as is known."""
    change = blamed.change
    if change.before is None:
        return safe(f"{change.name} {change.after}, which came in,")
    if change.after is None:
        return safe(f"{change.name} {change.before}, which went,")
    down = _descends(change.before, change.after)
    steps = [_step(transition, down=down) for transition in blamed.transitions]
    return safe(f"{change.name} {', '.join(steps) or f'{change.before} → {change.after}'}")


def _descends(before: str, after: str) -> bool:
    try:
        return Version(before) > Version(after)
    except InvalidVersion:
        return False


def _step(transition: Transition, *, down: bool) -> str:
    if down:
        return f"{transition.after} → {transition.before}"
    first = transition.zoom[1] if transition.zoom else transition.after
    already = f" (already in {first})" if first != transition.after else ""
    return f"{transition.before} → {transition.after}{already}"


def steps(blamed: Culprit) -> tuple[str, ...]:
    """Return what a culprit's transitions did, without its name, where one step doesn't say it."""
    verbs = {Kind.INTRODUCED: ("went bad", "good"), Kind.FIXED: ("was fixed", "bad")}
    plain = len(blamed.transitions) == 1 and not blamed.transitions[0].untested
    sentences = []
    for transition in () if plain else blamed.transitions:
        verb, was = verbs[transition.kind]
        untested = f", {len(transition.untested)} between untested" if transition.untested else ""
        sentences.append(
            f"{verb} in {transition.after}; {transition.before} is the last {was} one{untested}"
        )
    return tuple(sentences)
