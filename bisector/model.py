"""The values that everything else passes around: frozen, picklable, without behaviour of their own.

Sizes are bytes and times are seconds throughout; names end in ``_bytes`` and ``_s``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from packaging.specifiers import SpecifierSet
from packaging.version import Version

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Outcome(str, Enum):
    """What one run of a probe said of one release."""

    GOOD = "good"
    BAD = "bad"
    UNTESTABLE = "untestable"


class Reason(str, Enum):
    """Why a release, or one run of it, decided nothing."""

    NO_WHEEL = "no-wheel"
    REQUIRES_PYTHON = "requires-python"
    INSTALL_FAILED = "install-failed"
    BUILD_FAILED = "build-failed"
    IMPORT_FAILED = "import-failed"
    DIFFERENT_FAILURE = "different-failure"
    TIMEOUT = "timeout"
    NO_VERDICT = "no-verdict"
    SKIPPED_BY_PROBE = "skipped-by-probe"
    OUT_OF_LIMITS = "out-of-limits"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a release, as the index lists it."""

    filename: str
    url: str
    sha256: str | None = None
    size_bytes: int | None = None
    requires_python: str | None = None
    upload_time: datetime | None = None
    yanked: bool = False
    yanked_reason: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a project with the files that the index lists for it.

    ``yanked`` as PEP 592 has it for a release: every one of its files is yanked.
    ``upload_time`` is that of its earliest file, or None where the index gives none.
    """

    version: Version
    files: tuple[File, ...]
    yanked: bool = False
    yanked_reason: str = ""
    upload_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that environments are made from: its path, what it is, and the wheels it takes.

    ``tags`` are in the order of preference of :mod:`packaging.tags`. ``cache_tag`` is in the names
    of its compiled modules (PEP 3147); empty where it doesn't write any.
    """

    executable: str
    version: str
    implementation: str
    platform: str
    tags: tuple[str, ...] = field(repr=False)
    cache_tag: str = ""

    @property
    def series(self) -> str:
        """The ``X.Y`` of its version."""
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True, slots=True)
class Excluded:
    """A release that can't be tested on the chosen interpreter, and why."""

    version: Version
    reason: Reason
    detail: str
    yanked: bool = False
    upload_time: datetime | None = None


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
class Distribution:
    """One installed distribution; ``sha256`` is that of the wheel it came from, where known."""

    name: str
    version: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """What makes two failures the same failure.

    ``exception`` is the qualified type, of the first cause where exceptions are chained; ``frame``
    is ``file:function`` of the innermost frame inside the package, relative to where it is
    installed; ``line`` is ``file:line`` of the innermost one in the caller's own script or test;
    ``signal`` is a name like ``SIGSEGV``.
    """

    exception: str = ""
    message: str = ""
    frame: str = ""
    status: int | None = None
    signal: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class ProcessPeak:
    """The highest resident size of one process of a run.

    ``sampled`` where the process could not report its own high-water mark as it exited: the
    figure is then the last one seen from outside, and may be too low.
    """

    command: str
    peak_memory_bytes: int
    main: bool = False
    sampled: bool = False


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of one probe against one release in one environment, with its evidence.

    ``imported`` is whether a process of the run imported the package; None where that isn't known.
    ``sandbox`` is what stood between the run and the machine, ``none`` where nothing did; empty
    where nothing ran, or that isn't known. ``remark`` is what people should be told of it, as a
    sentence. ``cached`` where it was stored before this search; ``elsewhere`` where what is stored
    of it doesn't bear the seal of this machine and user.
    """

    version: Version
    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    signature: Signature | None = None
    metrics: Mapping[str, Json] = field(default_factory=dict)
    pool: Mapping[str, Json] | None = None
    processes: tuple[ProcessPeak, ...] = ()
    wall_s: float = 0.0
    cpu_s: float = 0.0
    exit_status: int | None = None
    output_tail: str = ""
    command: tuple[str, ...] = ()
    installed: tuple[Distribution, ...] = ()
    differs: tuple[str, ...] = ()
    started: str = ""
    host: str = ""
    imported: bool | None = None
    remark: str = ""
    sandbox: str = ""
    cached: bool = field(default=False, compare=False)
    elsewhere: bool = field(default=False, compare=False)

    @property
    def main_process(self) -> ProcessPeak | None:
        """The probe's own process among ``processes``; None where nothing was started."""
        return next((p for p in self.processes if p.main), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a search may look at, in version order or that of their upload, and what it can't.

    ``candidates`` are searched, ``prereleases`` are kept for the zoom, ``excluded`` can't be
    tested on the interpreter.
    """

    candidates: tuple[Release, ...]
    prereleases: tuple[Release, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    by_upload: bool = False


@dataclass(frozen=True, slots=True)
class Symptom:
    """What alone makes a run bad, where the caller says so; any other failure is another one.

    ``output`` is a regular expression that a line of the output matches, ``memory_bytes`` what
    the run takes more than; with ``timeout``, a run that is not over at its time limit is bad.
    """

    output: str = ""
    memory_bytes: int | None = None
    timeout: bool = False


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is held fixed for a whole search.

    ``policy`` says where the dependencies' versions come from, ``constraints`` are those
    versions as ``name==version`` and ``wheels`` their files' SHA-256, ``resolved`` at that time
    for the release ``resolved_for``. ``requirements`` are installed beside the package.
    ``isolated`` runs have only what their command names of the caller's folder.
    """

    interpreter: Interpreter
    policy: str = "newest"
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
