"""A probe as one self-contained script, for who wants to see the behaviour without bisector."""

from __future__ import annotations

import ast
import re

from bisector.model import Finding
from bisector.reports import rows

_METADATA = re.compile(r"^# /// script$\n(?:^#(?:| .*)$\n)+^# ///$\n", re.MULTILINE)


def render(finding: Finding) -> str:
    """Return a script that runs with plain python where the package is installed.

    The probekit that it needs is inside, without what it doesn't use.
    """
    probe = finding.probe
    script = _METADATA.sub("", probe.text).lstrip("\n")
    # A script's name must not be read as a case's: the case is the only argument there is.
    case = f"import sys\n\nsys.argv[1:] = sys.argv[1:] or [{probe.case!r}]\n" if probe.case else ""
    if probe.companion:
        case += _UNPACK.format(source=_literal(used(probe.companion, probe.text)))
    affected = rows.joined(finding.affected) or "none found"
    command = f"python reproducer.py, with {probe.package} of a release to look at installed"
    head = f"# {rows.title(finding)}\n# {rows.safe(command)}\n# affected: {affected}\n"
    return head + _after_future(script, case)


def used(companion: str, script: str) -> str:
    """Return the companion's source without the definitions that ``script`` can't reach."""
    tree = ast.parse(companion)
    definitions = {
        node.name: node
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    others = [node for node in tree.body if node not in definitions.values()]
    reached: set[str] = set()
    waiting = _names(ast.parse(script)).union(*map(_names, others)) & set(definitions)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= (_names(definitions[name]) & set(definitions)) - reached
    lines = companion.splitlines(keepends=True)
    for name in set(definitions) - reached:
        node = definitions[name]
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        for number in range(first - 1, node.end_lineno or node.lineno):
            lines[number] = ""
    return re.sub(r"\n{4,}", "\n\n\n", "".join(lines))


def _names(tree: ast.AST) -> set[str]:
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imported = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return found | {alias.name for node in imported for alias in node.names}


def _literal(text: str) -> str:
    """Return ``text`` as a Python literal, readable where it can be."""
    if "'''" in text or text.endswith(("'", "\\")):
        return repr(text)
    return f"r'''{text}'''"


def _after_future(script: str, inserted: str) -> str:
    """Return ``script`` with ``inserted`` behind its docstring and its __future__ imports."""
    place = 0
    for node in ast.parse(script).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not (docstring or future):
            break
        place = node.end_lineno or place
    lines = script.splitlines(keepends=True)
    gap = "\n" if inserted else ""
    return "".join(lines[:place]) + gap + inserted + "".join(lines[place:])


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
