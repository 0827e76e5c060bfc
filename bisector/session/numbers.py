"""Whether a number is asked for, and which; what doesn't go with that is an error at once."""

from __future__ import annotations

from bisector.errors import UsageError
from bisector.inputs.request import Request
from bisector.model import Probe
from bisector.search import metric
from bisector.search.metric import Metric


def asked_for(request: Request, probe: Probe) -> Metric | None:
    """Return the number whose steps are asked for; None where it is outcomes that are.

    Raises UsageError where no run of the probe can have it, or that doesn't go with the rest.
    """
    wanted = _named(request)
    if wanted is None or wanted.pattern or wanted.name in metric.MEASURED or probe.reports:
        return wanted
    raise UsageError(
        f"a command reports no {wanted.name!r}",
        f"there are {', '.join(metric.MEASURED)}; --metric-output REGEX takes a number from "
        "what it prints",
    )


def check(request: Request) -> None:
    """Raise UsageError where a number is asked for beside what it doesn't go with."""
    _named(request)


def _named(request: Request) -> Metric | None:
    if not (request.metric or request.metric_output):
        if request.threshold is not None:
            raise UsageError(
                "--threshold is about a number", "name it with --metric or --metric-output"
            )
        return None
    others = {
        "--bad-output": request.bad_output,
        "--bad-memory": request.bad_memory,
        "--bad-timeout": request.bad_timeout,
        "--failure": request.failure,
        "--any-failure": request.any_failure,
        "--why": request.why,
        "--from and --to": request.old or request.new,
    }
    if given := [option for option, value in others.items() if value]:
        raise UsageError(
            f"--metric asks where a number stepped, {given[0]} is about what is bad",
            "leave the one or the other out",
        )
    if request.metric_output and request.metric in metric.MEASURED:
        raise UsageError(
            f"{request.metric} is measured of every run, and not taken from its output",
            "give it another name, or leave --metric-output out",
        )
    return Metric(request.metric or "output", request.metric_output)
