"""Reads a finding as ``--format json`` wrote it: what it claims, and the command that made it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import msgspec
from packaging.version import Version

from bisector.errors import UsageError
from bisector.finding import Failure, Kind, Transition
from bisector.inputs import options
from bisector.inputs.arguments import Parser, split
from bisector.inputs.request import Request, with_extras
from bisector.model import Outcome, Reason, Signature
from bisector.series import Step

SCHEMA = "bisector/finding/1"
_MOST_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class Recorded:
    """A finding that was written down: what it claims, and under what.

    ``request`` is what its command asked for. ``digest`` is that of its probe; empty where it is
    older than its being written down. ``failures`` are those of its transitions, ``steps`` those of
    its number. ``shares`` are how many runs of each release were bad, of how many that decided.
    """

    path: Path
    request: Request
    package: str
    name: str
    python: str
    platform: str
    replay: str
    digest: str
    constraints: tuple[str, ...]
    failures: tuple[Failure, ...]
    steps: tuple[Step, ...]
    shares: Mapping[Version, tuple[int, int]] = field(repr=False)


class _Change(msgspec.Struct):
    kind: Kind
    last_good: Version | None = None
    first_bad: Version | None = None
    last_bad: Version | None = None
    first_good: Version | None = None


class _Failure(msgspec.Struct):
    signature: Signature | None
    reason: Reason | None
    transitions: tuple[_Change, ...]


class _Step(msgspec.Struct):
    before: Version
    after: Version
    old: float
    new: float
    change: float
    interval: tuple[float, float]
    confidence: float
    pairs: int


class _Number(msgspec.Struct):
    relative: bool


class _Run(msgspec.Struct):
    version: Version
    outcome: Outcome


class _Finding(msgspec.Struct):
    package: str
    probe: str
    platform: str
    replay: str
    failures: tuple[_Failure, ...]
    constraints: tuple[str, ...]
    measurements: tuple[_Run, ...]
    case: str | None = None
    python: str | None = None
    over: str | None = None
    probe_digest: str = ""
    metric: _Number | None = None
    steps: tuple[_Step, ...] = ()


def read(path: Path, installers: Iterable[str], kinds: Mapping[str, str]) -> list[Recorded]:
    """Return the findings in a file, as ``--format json`` and ``bisect report`` write them.

    ``installers`` and ``kinds`` are those that a command may name. Raises UsageError where the file
    holds no finding that can be replayed.
    """
    hint = "give what --format json printed, or the finding.json of `bisect report`"
    try:
        if path.stat().st_size > _MOST_BYTES or not path.is_file():
            raise UsageError(f"{path} is not a finding: it is no file of that kind", hint)
        data = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}", hint) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}", hint) from error
    objects = data if isinstance(data, list) else [data]
    if not objects:
        raise UsageError(f"{path} has no finding in it", hint)
    parser = _parser(installers, kinds)
    return [_recorded(path, one, parser) for one in objects]


def _recorded(path: Path, data: object, parser: Parser) -> Recorded:
    schema = data.get("schema") if isinstance(data, dict) else None
    if not isinstance(schema, str) or not schema.startswith("bisector/"):
        raise UsageError(
            f"{path} is not a finding: it has no schema",
            "give what --format json printed, or the finding.json of `bisect report`",
        )
    if schema != SCHEMA:
        raise UsageError(
            f"{path} is of schema {schema[:80]!r}, not {SCHEMA!r}",
            "a finding is what the main command prints with --format json",
        )
    try:
        found = msgspec.convert(data, _Finding, dec_hook=_version)
        command = _request(parser, found.replay)
        failures = tuple(
            Failure(f.signature, f.reason, tuple(map(_transition, f.transitions)), (), ())
            for f in found.failures
        )
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{path} is not a finding as it was written: {error}", "write it anew, or undo its edit"
        ) from error
    if found.over or found.python is None:
        raise UsageError(
            f"{path} is of a search over {command.over}, whose sides are no two releases",
            f"make the whole search again: {found.replay}",
        )
    relative = found.metric is None or found.metric.relative
    return Recorded(
        path=path,
        request=command,
        package=found.package,
        name=f"{found.probe}[{found.case}]" if found.case else found.probe,
        python=found.python,
        platform=found.platform,
        replay=found.replay,
        digest=found.probe_digest,
        constraints=found.constraints,
        failures=failures,
        steps=tuple(
            Step(**msgspec.structs.asdict(step), relative=relative) for step in found.steps
        ),
        shares=_shares(found.measurements),
    )


def _transition(change: _Change) -> Transition:
    introduced = change.kind is Kind.INTRODUCED
    before = change.last_good if introduced else change.last_bad
    after = change.first_bad if introduced else change.first_good
    if before is None or after is None:
        raise ValueError(f"a transition that was {change.kind.value} has no two sides")
    return Transition(change.kind, before, after)


def _shares(runs: Iterable[_Run]) -> dict[Version, tuple[int, int]]:
    shares: dict[Version, tuple[int, int]] = {}
    for run in runs:
        if run.outcome is not Outcome.UNTESTABLE:
            bad, decided = shares.get(run.version, (0, 0))
            shares[run.version] = bad + (run.outcome is Outcome.BAD), decided + 1
    return shares


def _version(kind: type, value: object) -> object:
    """Return the version that a text is; raises ValueError."""
    if kind is Version and isinstance(value, str):
        return Version(value)
    raise ValueError(f"{value!r:.80} is not a {kind.__name__.lower()}")


def _parser(installers: Iterable[str], kinds: Mapping[str, str]) -> Parser:
    """Return what reads the command of a finding, of a search or of ``bisect why``."""
    parser = Parser(prog="bisect", add_help=False)
    parser.add_argument("releases", nargs="*")
    options.add_search_options(parser, installers)
    options.add_only_search_options(parser, kinds)
    return parser


def _request(parser: Parser, replay: str) -> Request:
    """Return what a command asked for, today's defaults left out; raises ValueError."""
    program, *words = shlex.split(replay) or [""]
    if program != "bisect":
        raise ValueError(f"its replay is no command of bisect: {replay[:80]!r}")
    # A tilde stands for the home of who wrote it.
    words = [str(Path(word).expanduser()) if word.startswith("~/") else word for word in words]
    words, command = split(words[1:] if words[:1] == ["why"] else words)
    try:
        given = vars(parser.parse_args(words))
    except UsageError as error:
        raise ValueError(f"its replay is no command of bisect: {error.message}") from error
    known = {one.name for one in fields(Request)}
    wanted = {name: value for name, value in given.items() if name in known}
    return with_extras(Request(command=command, **wanted))
