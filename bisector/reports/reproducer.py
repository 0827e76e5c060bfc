"""A probe as one self-contained script, for who wants to see the behaviour without bisector."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

from packaging.requirements import Requirement

from bisector.finding import Finding
from bisector.reports import facts
from bisector.reports.words import joined, safe

_METADATA = re.compile(r"^# /// script$\n(?:^#(?:| .*)$\n)+^# ///$\n", re.MULTILINE)


def render(finding: Finding) -> str:
    """Return a script that runs with plain python where the package is installed.

    The probekit that it needs is inside, without what it doesn't use. Its own metadata pins a
    release that is bad, for runners that install what a script asks for.
    """
    probe = finding.probe
    command = _command(finding)
    head = [
        f"# {facts.title(finding)}",
        f"# affected: {joined(finding.affected) or 'none found'}",
    ]
    if command:
        head += [f"# python reproducer.py, where {safe(probe.package)} is installed"]
        source = _literal(probe.text)
        words = [word if Path(word).stem != probe.name else None for word in command]
        return "\n".join(head) + "\n" + _RUN.format(words=words, source=source)
    bad = [version for version, outcome in facts.decided(finding) if outcome == "bad"]
    wanted = f"{probe.package}=={bad[-1]}" if bad else probe.package
    head += [f"# uv run reproducer.py, or python reproducer.py where {wanted} is installed"]
    head += ["", "# /// script"]
    if probe.requires_python:
        head += [f'# requires-python = "{probe.requires_python}"']
    beside = [r for r in probe.dependencies if Requirement(r).name != probe.package]
    head += [f"# dependencies = {json.dumps([wanted, *beside])}", "# ///", ""]
    # A script's name must not be read as a case's: the case is the only argument there is.
    case = f"import sys\n\nsys.argv[1:] = sys.argv[1:] or [{probe.case!r}]\n" if probe.case else ""
    if probe.companion:
        case += _UNPACK.format(source=_literal(used(probe.companion, probe.text)))
    script = _METADATA.sub("", probe.text).lstrip("\n")
    return "\n".join(head) + _after_future(script, case)


def _command(finding: Finding) -> list[str]:
    """Return the command that is the probe, if it is one; from the replay, where that is stored."""
    if finding.probe.command:
        return list(finding.probe.command)
    words = shlex.split(finding.replay) if "--" in finding.replay else []
    return words[words.index("--") + 1 :] if "--" in words else []


def used(companion: str, script: str) -> str:
    """Return the companion's source without what ``script`` can't reach."""
    tree = ast.parse(companion)
    bound: dict[str, list[ast.stmt]] = {}
    for node in tree.body:
        for name in _bound(node):
            bound.setdefault(name, []).append(node)
    optional = {node for nodes in bound.values() for node in nodes}
    needed = {node for node in tree.body if node not in optional}
    waiting = _names(ast.parse(script)).union(*map(_names, needed))
    while waiting:
        reached = {node for name in waiting for node in bound.get(name, ())} - needed
        needed |= reached
        waiting = set[str]().union(*map(_names, reached))
    lines = companion.splitlines(keepends=True)
    for node in optional - needed:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
        for number in range(first - 1, node.end_lineno or node.lineno):
            lines[number] = ""
    return re.sub(r"\n{4,}", "\n\n\n", "".join(lines))


def _bound(node: ast.stmt) -> set[str]:
    """Return the names without whose use a statement of a module isn't needed."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        names = {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        return set() if future else names
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _is_stored(n)}
    # What a companion does as a script matters where it is started as one, from its own file.
    return {"__file__"} if isinstance(node, ast.If) and "__name__" in _names(node) else set()


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _names(tree: ast.AST) -> set[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imported = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return names | {alias.name for node in imported for alias in node.names}


def _literal(text: str) -> str:
    """Return ``text`` as a Python literal, readable where it can be."""
    if "'''" in text or text.endswith(("'", "\\")):
        return repr(text)
    return f"r'''{text}'''"


def _after_future(script: str, inserted: str) -> str:
    """Return ``script`` with ``inserted`` behind its docstring and its __future__ imports."""
    position = 0
    for node in ast.parse(script).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not (docstring or future):
            break
        position = node.end_lineno or position
    lines = script.splitlines(keepends=True)
    gap = "\n" if inserted else ""
    return "".join(lines[:position]) + gap + inserted + "".join(lines[position:])


_UNPACK = """\
import atexit
import pathlib
import shutil
import sys
import tempfile

# What this probe shares with others; it is a file, because its servers run from it.
_folder = pathlib.Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, _folder)
sys.path.insert(0, str(_folder))
(_folder / "probekit.py").write_text({source}, encoding="utf-8")
"""

_RUN = """\
import subprocess
import sys
import tempfile
from pathlib import Path

words = {words!r}
with tempfile.TemporaryDirectory() as folder:
    script = Path(folder, "script")
    script.write_text({source}, encoding="utf-8")
    words = [str(script) if word is None else word for word in words]
    words[0] = sys.executable if words[0] == "python" else words[0]
    sys.exit(subprocess.call(words))
"""
