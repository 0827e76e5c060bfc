"""Reads a probe: its inline metadata (PEP 723), its digest, the claims it documents."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, is_normalized_name
from packaging.version import Version

from bisector.errors import UsageError, near
from bisector.inputs.metadata import Metadata
from bisector.model import Claim, Documented, Outcome, Probe

COMPANION = "probekit.py"
_LONGEST_CASE = 100
_LONGEST_S = 10**8
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
    text = text_of(path)
    return parse(text, path, _companion(path, text))


def text_of(path: Path) -> str:
    """Return what a script holds; raises UsageError where it can't be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"{path} can't be read: {why}", "give a Python script") from error


def parse(text: str, path: Path, companion: str = "") -> Probe:
    """Return the probe that ``text`` is, a script that lies, or lay, at ``path``."""
    block = Metadata(path, text)
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
        network=table.get("network", False),
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


def _check(block: Metadata, table: dict[str, Any]) -> None:
    """Raise UsageError where a value is of the right type, but none that can be used."""
    timeout_s, crash, package = (table.get(key) for key in ("timeout", "crash", "package"))
    if timeout_s is not None and not 0 < timeout_s <= _LONGEST_S:
        raise block.error(block.line_of("timeout"), "timeout is not a number of seconds above 0")
    if crash not in (None, "bad"):
        raise block.error(block.line_of("crash"), f"crash can only be 'bad', not {crash!r}")
    if package and not is_normalized_name(canonicalize_name(package)):
        raise block.error(block.line_of("package"), f"{package!r} is not the name of a project")
    cases = table.get("cases", [])
    for case in cases:
        if cases.count(case) > 1:
            raise block.error(block.line_of("cases"), f"cases names {case!r} twice")
        if not (case.isprintable() and 0 < len(case) <= _LONGEST_CASE):
            # It is an argument of the script, and part of a folder's name.
            why = f"a case is 1 to {_LONGEST_CASE} characters that can be printed"
            raise block.error(block.line_of("cases"), why)


def only(probe: Probe, case: str) -> Probe:
    """Return the probe for one of its cases, with the claims that are about that case."""
    block = Metadata(Path(probe.path), probe.text)
    table = block.data["tool"]["bisector"]
    documented = probe.documented
    if table.get("documented", {}).get("case", case) != case:
        documented = replace(documented, good=(), bad=())
    claims = tuple(claim for claim, about in _claims(block, table) if about in ("", case))
    return replace(probe, case=case, documented=documented, claims=claims)


def _claims(block: Metadata, table: dict[str, Any]) -> Iterator[tuple[Claim, str]]:
    """Yield what documents claim, and the case that each claim is about, if it is about one."""
    for claim in table.get("claims", ()):
        fields = block.table(claim, "claims")
        block.only(fields, dict.fromkeys(_CLAIM, str))
        if not fields.get("says"):
            raise block.error(block.line_of("claims"), "a claim says nothing: give it `says`")
        block.parse(SpecifierSet, fields.get("python", ""), "python")
        releases = fields.get("releases", "some")
        if releases not in ("some", "all"):
            block.parse(SpecifierSet, releases, "releases")
        if fields.get("outcome") not in ("good", "bad"):
            raise block.error(block.line_of("outcome"), "a claim's outcome is good or bad")
        if fields.get("case", "") not in ("", *table.get("cases", ())):
            raise block.error(block.line_of("case"), f"there is no case {fields['case']!r}")
        yield (
            Claim(
                document=fields.get("document", ""),
                says=fields["says"],
                outcome=Outcome(fields["outcome"]),
                releases=releases,
                python=fields.get("python", ""),
            ),
            fields.get("case", ""),
        )


def digest(*texts: str) -> str:
    """Return the SHA-256, in hexadecimal, over ``texts`` and the places where they part."""
    joined = b"".join(
        b"%d:%s," % (len(data), data)
        for data in (t.encode("utf-8", "surrogatepass") for t in texts)
    )
    return hashlib.sha256(joined).hexdigest()


_CLAIM = ("document", "says", "outcome", "releases", "python", "case")
_DOCUMENTED = {"issue": str, "fix": str, "good": list, "bad": list, "case": str}
_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "package": str,
    "range": str,
    "timeout": (int, float),
    "crash": str,
    "serial": bool,
    "network": bool,
    "cases": list,
    "documented": dict,
    "claims": list,
}


def _title(path: Path, text: str, *, strict: bool) -> str:
    """Return the first line of the script's docstring.

    A plain script that doesn't parse here may be meant for another Python.
    """
    try:
        docstring = ast.get_docstring(ast.parse(text, str(path)))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
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
    meant = near(name, names(), 3, 0.5)
    hint = f"did you mean {' or '.join(meant)}?" if meant else "`bisect probes` lists what there is"
    return UsageError(f"there is no probe named {name!r}", hint)
