"""What decides one behaviour, and what is held fixed while it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from packaging.specifiers import SpecifierSet

from bisector.model.index import Interpreter
from bisector.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Documented:
    """What a document claims of a regression: addresses, and versions said to be good or bad."""

    issue: str = ""
    fix: str = ""
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a document says, as far as a probe can bear it out.

    ``outcome`` is what the document leads one to expect of ``releases``: a specifier, ``some``
    or ``all`` of those looked at; ``python`` are the interpreters it is about, where it names
    any. ``document`` names it, ``says`` gives it in a sentence.
    """

    document: str
    says: str
    outcome: Outcome
    releases: str
    python: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """Something that decides one behaviour: a script that reports, or any script or command.

    ``text`` and ``companion`` are the whole source of the script and of the ``probekit`` beside
    it (empty where there is none); ``digest`` covers both and the command. ``reports`` says
    whether the probe speaks the result contract; one that doesn't is read by its exit status.
    ``case`` is handed to the script as its only argument where the probe has several. A
    ``serial`` probe runs alone: nothing else is measured at the same time. ``network`` where it
    needs more of it than loopback.
    """

    name: str
    package: str
    title: str = ""
    path: str = ""
    command: tuple[str, ...] = ()
    text: str = field(default="", repr=False)
    companion: str = field(default="", repr=False)
    digest: str = ""
    reports: bool = True
    crash_is_bad: bool = False
    serial: bool = False
    network: bool = False
    case: str = ""
    cases: tuple[str, ...] = ()
    range: SpecifierSet = field(default_factory=SpecifierSet)
    requires_python: SpecifierSet = field(default_factory=SpecifierSet)
    dependencies: tuple[str, ...] = ()
    timeout_s: float = 60.0
    documented: Documented = Documented()
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Symptom:
    """What alone makes a run bad, where the caller says so; any other failure is another one.

    ``output`` is a regular expression that a line of the output matches, ``memory_bytes`` what
    the run takes more than; with ``timeout``, a run that is not over at its time limit is bad.
    """

    output: str = ""
    memory_bytes: int | None = None
    timeout: bool = False


class Policy(str, Enum):
    """Where the dependencies' versions come from.

    The newest, resolved once; as of each release's upload; pinned in a file; exactly those that
    are constraints; as of each of several days; as of the beginning of one day, in UTC.
    """

    NEWEST = "newest"
    RELEASED = "released"
    FILE = "file"
    EXACT = "exact"
    EACH_DAY = "of each day"
    ONE_DAY = "one day"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is held fixed for a whole search.

    ``policy`` says where the dependencies' versions come from, as of ``day`` (like 2024-02-28)
    where it is one day's; ``constraints`` are those
    versions as ``name==version`` and ``wheels`` their files' SHA-256, ``resolved`` at that time
    for the release ``resolved_for``. ``requirements`` are installed beside the package.
    ``isolated`` runs have only what their command names of the caller's folder.
    """

    interpreter: Interpreter
    policy: Policy = Policy.NEWEST
    constraints: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    wheels: Mapping[str, str] = field(default_factory=dict, repr=False)
    resolved: str = field(default="", compare=False)
    resolved_for: str = ""
    installer: str = "uv"
    allow_build: bool = False
    timeout_s: float = 60.0
    memory_bytes: int | None = None
    symptom: Symptom = Symptom()
    isolated: bool = False
    day: str = ""

    @property
    def dependencies(self) -> str:
        """The policy as it is written: its name, or its day."""
        return self.day or self.policy.value
