"""Reads a probe: its inline metadata (PEP 723), its digest, the claims it documents."""

from __future__ import annotations

import ast
import difflib
import hashlib
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import tomli
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name, is_normalized_name
from packaging.version import InvalidVersion, Version

from bisector.errors import UsageError
from bisector.inputs import slips
from bisector.model import Claim, Documented, Outcome, Probe

COMPANION = "probekit.py"
_BLOCK = re.compile(r"^# /// script$\n(?P<content>(?:^#(?:| .*)$\n)+)^# ///$", re.MULTILINE)
_NAMED_CASE = re.compile(r"(?P<name>.+)\[(?P<case>[^\[\]]+)\]")


def catalogue() -> Path:
    """Return the folder of the probes that come with bisector."""
    installed = Path(__file__).parents[1] / "catalogue"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "probes"


def names() -> list[str]:
    """Return the names of the catalogue's probes, sorted."""
    return sorted(p.stem for p in catalogue().glob("*.py") if p.name != COMPANION)


def load(name_or_path: str) -> list[Probe]:
    """Return the probe of that name or path: one per case, or the one named as ``probe[case]``.

    Raises UsageError where there is no such probe or case, or where it can't be read.
    """
    path = _locate(name_or_path)
    wanted = ""
    if path is None and (named := _NAMED_CASE.fullmatch(name_or_path)):
        path, wanted = _locate(named["name"]), named["case"]
    if path is None:
        raise _unknown(name_or_path)
    probe = read(path)
    if wanted and wanted not in probe.cases:
        raise UsageError(
            f"probe {probe.name} has no case {wanted!r}",
            f"its cases are {', '.join(probe.cases)}" if probe.cases else "it has no cases",
        )
    return [only(probe, case) for case in ((wanted,) if wanted else probe.cases)] or [probe]


def spelt(name_or_path: str) -> str:
    """Return the name, with its case, under which a probe's measurements are stored."""
    named = _NAMED_CASE.fullmatch(name_or_path)
    name, case = (named["name"], f"[{named['case']}]") if named else (name_or_path, "")
    return (Path(name).stem if name.endswith(".py") else Path(name).name) + case


def read(path: Path) -> Probe:
    """Return the probe that the script at ``path`` is.

    A script without ``[tool.bisector]`` is a plain one, read by its exit status. Raises
    UsageError, with the line, where the script or its metadata can't be used.
    """
    if path.suffix not in ("", ".py"):
        raise UsageError(
            f"{path} is not a Python script", f"run it as a command: --package PROJECT -- {path}"
        )
    text = _text_of(path)
    return parse(text, path, _companion(path, text))


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"{path} can't be read: {why}", "give a Python script") from error


def parse(text: str, path: Path, companion: str = "") -> Probe:
    """Return the probe that ``text`` is, a script that lies, or lay, at ``path``."""
    block = _Block(path, text)
    tool = block.table(block.data.get("tool", {}), "tool").get("bisector")
    table = block.table(tool or {}, "bisector")
    block.only(table, _FIELDS)
    documented = block.table(table.get("documented", {}), "documented")
    block.only(documented, _DOCUMENTED)
    for key in ("good", "bad"):
        for version in documented.get(key, []):
            block.parse(Version, version, key)
    _check(block, table)
    dependencies = block.strings(block.data.get("dependencies", []), "dependencies")
    requirements = [block.parse(Requirement, r, "dependencies") for r in dependencies]
    package = table.get("package") or (requirements[0].name if len(requirements) == 1 else "")
    return Probe(
        name=path.stem,
        package=canonicalize_name(package) if package else "",
        title=_title(path, text, strict=tool is not None),
        path=str(path),
        text=text,
        companion=companion,
        digest=digest(text, companion),
        reports=tool is not None,
        crash_is_bad=table.get("crash") == "bad",
        serial=table.get("serial", False),
        cases=tuple(table.get("cases", ())),
        range=block.parse(SpecifierSet, table.get("range", ""), "range"),
        requires_python=block.parse(
            SpecifierSet, block.data.get("requires-python", ""), "requires-python"
        ),
        dependencies=tuple(str(r) for r in requirements),
        timeout_s=float(table.get("timeout", 60)),
        claims=tuple(claim for claim, _ in _claims(block, table)),
        documented=Documented(
            issue=documented.get("issue", ""),
            fix=documented.get("fix", ""),
            good=tuple(documented.get("good", ())),
            bad=tuple(documented.get("bad", ())),
        ),
    )


def _check(block: _Block, table: dict[str, Any]) -> None:
    """Raise UsageError where a value is of the right type, but none that can be used."""
    timeout_s, crash, package = (table.get(key) for key in ("timeout", "crash", "package"))
    if timeout_s is not None and not 0 < timeout_s < inf:
        raise block.error(block.line_of("timeout"), "timeout is not a number of seconds above 0")
    if crash not in (None, "bad"):
        raise block.error(block.line_of("crash"), f"crash can only be 'bad', not {crash!r}")
    if package and not is_normalized_name(canonicalize_name(package)):
        raise block.error(block.line_of("package"), f"{package!r} is not the name of a project")
    cases = table.get("cases", [])
    for case in cases:
        if cases.count(case) > 1:
            raise block.error(block.line_of("cases"), f"cases names {case!r} twice")


def only(probe: Probe, case: str) -> Probe:
    """Return the probe for one of its cases, with the claims that are about that case."""
    block = _Block(Path(probe.path), probe.text)
    table = block.data["tool"]["bisector"]
    documented = probe.documented
    if table.get("documented", {}).get("case", case) != case:
        documented = replace(documented, good=(), bad=())
    claims = tuple(claim for claim, about in _claims(block, table) if about in ("", case))
    return replace(probe, case=case, documented=documented, claims=claims)


def _claims(block: _Block, table: dict[str, Any]) -> Iterator[tuple[Claim, str]]:
    """Yield what documents claim, and the case that each claim is about, if it is about one."""
    for claim in table.get("claims", ()):
        told = block.table(claim, "claims")
        block.only(told, dict.fromkeys(_CLAIM, str))
        if not told.get("says"):
            raise block.error(block.line_of("claims"), "a claim says nothing: give it `says`")
        block.parse(SpecifierSet, told.get("python", ""), "python")
        releases = told.get("releases", "some")
        if releases not in ("some", "all"):
            block.parse(SpecifierSet, releases, "releases")
        if told.get("outcome") not in ("good", "bad"):
            raise block.error(block.line_of("outcome"), "a claim's outcome is good or bad")
        if told.get("case", "") not in ("", *table.get("cases", ())):
            raise block.error(block.line_of("case"), f"there is no case {told['case']!r}")
        yield (
            Claim(
                document=told.get("document", ""),
                says=told["says"],
                outcome=Outcome(told["outcome"]),
                releases=releases,
                python=told.get("python", ""),
            ),
            told.get("case", ""),
        )


def from_command(command: Sequence[str], package: str = "") -> Probe:
    """Return the probe that ``command`` is; files that it names count in its digest.

    A script that it gives to python may carry metadata: what it depends on is installed, and where
    that is one project, it is the one under test unless another is named. Raises UsageError where
    python is given a script that isn't there: no release is to blame.
    """
    if slip := slips.of_program(command):
        raise slip
    _refuse_other_python(command)
    script = _script(command)
    told = parse(_text_of(script), script) if script else None
    named = [Path(word.partition("::")[0]) for word in command]  # as pytest writes a test of a file
    files = [path for path in named if _is_file(path)]
    contents = [file.read_bytes().decode("utf-8", "replace") for file in files]
    name = files[0].stem if files else Path(command[0]).stem
    about = canonicalize_name(package) if package else told.package if told else ""
    return Probe(
        name=name,
        package=about,
        title=shlex.join(command),
        command=tuple(command),
        text=contents[0] if contents else "",
        digest=digest(*command, *contents),
        reports=False,
        dependencies=told.dependencies if told else (),
        requires_python=told.requires_python if told else SpecifierSet(),
    )


def _is_file(path: Path) -> bool:
    """Return whether there is such a file; code on a command line is too long for a name."""
    with suppress(OSError):
        return path.is_file()
    return False


def _refuse_other_python(command: Sequence[str]) -> None:
    """Raise UsageError where a command brings a Python of its own: it has another package."""
    program = Path(command[0])
    if program.name == command[0] or not _is_file(program):
        return
    with program.open("rb") as file:
        first = file.readline(256)
    shebang = re.match(rb"#!\s*(/\S*python[\d.]*)\s*$", first)
    if shebang or re.fullmatch(r"python[\d.]*", program.name):
        plain = "python" if not shebang else f"python {command[0]}"
        plain = program.name if shebang and program.parent.name == "bin" else plain
        raise UsageError(
            f"{command[0]} runs a Python of its own, not that of the environment under test",
            f"write `{plain}`, which is the environment's; --with PROJECT installs what it needs",
        )


def _script(command: Sequence[str]) -> Path | None:
    """Return the script that a command gives to python, if it does."""
    if len(command) < 2 or not re.fullmatch(r"python[\d.]*", command[0]):
        return None
    if not command[1].endswith(".py"):
        return None
    if not Path(command[1]).is_file():
        raise UsageError(f"there is no file {command[1]}", "the command runs in this folder")
    return Path(command[1])


def digest(*texts: str) -> str:
    """Return the SHA-256, in hexadecimal, over ``texts`` and the places where they part."""
    joined = b"".join(b"%d:%s," % (len(data), data) for data in (t.encode() for t in texts))
    return hashlib.sha256(joined).hexdigest()


_CLAIM = ("document", "says", "outcome", "releases", "python", "case")
_DOCUMENTED = {"issue": str, "fix": str, "good": list, "bad": list, "case": str}
_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "package": str,
    "range": str,
    "timeout": (int, float),
    "crash": str,
    "serial": bool,
    "cases": list,
    "documented": dict,
    "claims": list,
}


class _Block:
    """The inline metadata of one script, which knows the line of what is wrong with it."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text
        self.data: dict[str, Any] = {}
        found = list(_BLOCK.finditer(text))
        opened = re.search(r"^# /// script\s*$", text, re.MULTILINE)
        self.start = opened.start() if opened else 0
        if opened and not found:
            other = re.compile(r"^(?!#$|# ).*", re.MULTILINE).search(text, opened.end() + 1)
            if other and other[0].startswith("#"):
                reason = "a line of the metadata must begin with `# `"
                raise self.error(_line(text, other.start()), reason)
            raise self.error(_line(text, opened.start()), "the metadata block is not closed")
        if len(found) > 1:
            raise self.error(_line(text, found[1].start()), "there is a second metadata block")
        if found:
            start = _line(text, found[0].start("content"))
            lines = found[0]["content"].splitlines()
            content = "\n".join(line[2:] if line.startswith("# ") else "" for line in lines)
            try:
                self.data = tomli.loads(content)
            except tomli.TOMLDecodeError as error:
                place = re.search(r"line (\d+)", str(error))
                line = start + int(place[1]) - 1 if place else start + len(lines) - 1
                reason = re.sub(r"\s*\(at [^)]*\)$", "", str(error))
                raise self.error(line, reason) from error

    def error(self, line: int, reason: str) -> UsageError:
        return UsageError(
            f"{self.path}, line {line}: {reason}",
            "the metadata is TOML in comments, from `# /// script` to `# ///` (PEP 723)",
        )

    def line_of(self, key: str) -> int:
        line = re.compile(rf"^# \[?(?:[\w.-]*\.)?{re.escape(key)}\b", re.MULTILINE)
        found = line.search(self.text, self.start)
        return _line(self.text, found.start()) if found else 1

    def table(self, value: object, key: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.error(self.line_of(key), f"{key} is not a table")
        return value

    def only(self, table: dict[str, Any], fields: Mapping[str, type | tuple[type, ...]]) -> None:
        for key, value in table.items():
            if key not in fields:
                near = difflib.get_close_matches(key, fields, 1)
                meant = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(fields)}"
                raise self.error(self.line_of(key), f"unknown key {key!r}{meant}")
            kind = fields[key]
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise self.error(self.line_of(key), f"{key} has the wrong type: {value!r}")
            if isinstance(value, list) and key != "claims":
                self.strings(value, key)

    def strings(self, value: object, key: str) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(self.line_of(key), f"{key} is not a list of strings")
        return value

    def parse(self, kind: Callable[[str], Any], value: object, key: str) -> Any:
        try:
            return kind(value)  # type: ignore[arg-type]  # a wrong type raises, and is told below
        except (InvalidRequirement, InvalidSpecifier, InvalidVersion, TypeError, AttributeError):
            wanted = kind.__name__
            raise self.error(self.line_of(key), f"{value!r} is not a valid {wanted}") from None


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _title(path: Path, text: str, *, strict: bool) -> str:
    """Return the first line of the script's docstring.

    A plain script that doesn't parse here may be meant for another Python.
    """
    try:
        docstring = ast.get_docstring(ast.parse(text, str(path)))
    except (SyntaxError, ValueError) as error:
        if not strict:
            return ""
        line = getattr(error, "lineno", None) or 1
        reason = getattr(error, "msg", None) or str(error)
        raise UsageError(f"{path}, line {line}: {reason}", "the probe must be Python") from error
    return docstring.splitlines()[0] if docstring else ""


def _companion(path: Path, text: str) -> str:
    """Return the source of the probekit beside the script, where the script imports it."""
    beside = path.with_name(COMPANION)
    if not re.search(r"^\s*(?:import|from) probekit\b", text, re.MULTILINE):
        return ""
    return beside.read_text(encoding="utf-8") if beside.is_file() else ""


def _locate(name_or_path: str) -> Path | None:
    path = Path(name_or_path)
    if path.suffix == ".py" or path.name != name_or_path:
        return path if path.is_file() else None
    named = catalogue() / f"{name_or_path}.py"
    return named if named.is_file() and named.name != COMPANION else None


def _unknown(name: str) -> UsageError:
    if name.endswith(".py") or Path(name).name != name:
        return UsageError(f"there is no file {name}", "give a probe's name or a script's path")
    near = difflib.get_close_matches(name, names(), 3, 0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "`bisect probes` lists what there is"
    return UsageError(f"there is no probe named {name!r}", hint)
