"""``bisect probe new PROJECT``: a probe to begin with, which runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from packaging.utils import canonicalize_name, is_normalized_name

from bisector.errors import UsageError
from bisector.inputs.arguments import Parser

_TEMPLATE = '''\
# /// script
# dependencies = ["{project}"]
#
# [tool.bisector]
# package = "{project}"
# ///
"""Say here, in a sentence, what must hold."""

import json
import os
from importlib.metadata import version


def check():
    """Return what is measured; raise an exception where it is bad."""
    installed = version("{project}")
    # Import {project} here and do what went wrong; an assert says what must hold.
    assert installed, "it has no version"
    return {{"length_of_its_version": len(installed)}}


try:
    metrics = check()
    verdict = {{"outcome": "good", "reason": "it holds", "metrics": metrics}}
except Exception as error:
    verdict = {{"outcome": "bad", "reason": f"{{type(error).__name__}}: {{error}}"}}

text = json.dumps({{"bisector": 1, **verdict}})
print(text)
if path := os.environ.get("BISECTOR_RESULT"):
    with open(path, "w") as file:
        file.write(text)
raise SystemExit(verdict["outcome"] == "bad")
'''


def run(words: Sequence[str]) -> int:
    """Write a probe of a project, and print the command that runs it."""
    parser = Parser(prog="bisect probe", description="Write a probe to begin with.")
    parser.add_argument("action", choices=("new",))
    parser.add_argument("project", metavar="PROJECT")
    given = parser.parse(words)
    project = canonicalize_name(given.project)
    if not is_normalized_name(project):
        raise UsageError(
            f"{given.project!r} is not the name of a project",
            "a name is letters, digits, '-', '_' and '.', like zope.interface",
        )
    # Called as the package, it would be imported in its place.
    path = Path(f"probe_{project.replace('-', '_')}.py")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_TEMPLATE.format(project=project))
    except FileExistsError as error:
        raise UsageError(f"{path} is there already", "rename it, or work in it") from error
    print(f"{path} is written; this runs it, and searches with it:")
    print(f"  python {path}")
    print(f"  bisect --probe ./{path}")
    return 0
