"""One run: how it came out, and its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from packaging.version import Version

if TYPE_CHECKING:
    Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
else:
    Json = Any  # what reads stored runs takes no type that names itself


class Outcome(str, Enum):
    """What one run of a probe said of one release."""

    GOOD = "good"
    BAD = "bad"
    UNTESTABLE = "untestable"


class Reason(str, Enum):
    """Why a release, or one run of it, decided nothing.

    ``measure.reading`` gives them by how a run ended, ``measure.measure`` where none began. Those
    that are no release's fault count in ``Measurement.of_machine``.
    """

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
class Distribution:
    """One installed distribution; ``sha256`` is that of the wheel it came from, where known."""

    name: str
    version: str
    sha256: str | None = None


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
    def of_machine(self) -> bool:
        """Whether the machine is at fault: then nothing was learned of the release."""
        return self.reason is Reason.ENVIRONMENT

    @property
    def main_process(self) -> ProcessPeak | None:
        """The probe's own process among ``processes``; None where nothing was started."""
        for peak in self.processes:  # it is asked of thousands
            if peak.main:
                return peak
        return None
