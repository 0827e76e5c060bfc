"""A release writes into what it shares: no other project, and no later run, gets to see it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from e2e.command import Command
from e2e.projects import BROKEN, release
from faults.sandboxes import KINDS, sandbox
from local_index import LocalIndex
from uv import find_uv_bin

Record = Callable[[str, object], None]

TRY = (
    "import contextlib, os, pathlib, sys\nBROKEN = False\nwith contextlib.suppress(OSError):\n    "
)
HAM = "__import__('ham').__file__"
POISON = {
    "appends to a dependency": f"open({HAM}, 'a').write('EVIL = 1\\n')",
    "appends to itself": "open(__file__, 'a').write('BROKEN = True\\n')",
    "empties a dependency": f"open({HAM}, 'w').close()",
    "writes over the bytecode of a dependency": (
        "open(__import__('ham').__cached__, 'r+b').write(bytes(64))"
    ),
    "rewrites a file of its own data": (
        "open(os.path.join(os.path.dirname(__file__), 'spam_data.txt'), 'a').write('more')"
    ),
    "writes through a link of its own": (
        f"os.link({HAM}, os.environ['TMPDIR'] + '/l'); "
        "open(os.environ['TMPDIR'] + '/l', 'a').write('EVIL = 1\\n')"
    ),
    "sets the time back": (
        f"s = os.stat({HAM}); open({HAM}, 'a').write('EVIL = 1\\n'); "
        f"os.utime({HAM}, ns=(s.st_atime_ns, s.st_mtime_ns))"
    ),
    "appends to the harness": (
        "open(sys.modules['_bisector_harness'].__file__, 'a').write('raise SystemExit(9)\\n')"
    ),
    "writes into all that is installed": (
        "[open(p, 'a').write('\\n#') for p in pathlib.Path(__file__).parent.rglob('*.py')]"
    ),
}
"""What a release does as it is imported."""


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_other_projects_read_stays_as_it_was(
    kind: str, bisect: Command, index: LocalIndex, record_property: Record
) -> None:
    """One release for each way of poisoning; afterwards another project installs, by hash."""
    sandbox(kind)
    mode = {"bubblewrap": "require", "landlock": "auto", "none": "off"}[kind]
    path = os.defpath if kind == "bubblewrap" else str(bisect.folder / "nothing")
    bisect = replace(bisect, sandbox=mode, environ={"PATH": path})
    index.add(release("ham", "1.0", "V = 1"))
    for number, does in enumerate(POISON.values()):
        source = f"import ham\n{TRY}{does}"
        index.add(release("spam", f"1.{number}", source, day=number, dependencies=["ham"]))
    words = ("--probe", bisect.write("broken.py", BROKEN), "--exhaustive", "--assure", "0")
    first = bisect.json(*words, "--no-attribution", "--jobs", "1")
    assert {run["outcome"] for run in first["measurements"]} == {"good"}
    cached = digests(bisect.cache / "uv" / "archive-v0")
    assert any(name.endswith("ham.py") for name in cached)
    installed = reinstalled(bisect, index)
    assert {p: h for p, h in installed.items() if p.endswith("ham.py")} == {
        "ham.py": hashlib.sha256(b"V = 1\n").hexdigest()
    }
    for _ in range(3 if kind == "none" else 1):
        again = bisect.json(*words, "--no-attribution", "--jobs", "1", "--refresh")
        assert {run["outcome"] for run in again["measurements"]} == {"good"}
    assert digests(bisect.cache / "uv" / "archive-v0") == cached
    assert reinstalled(bisect, index) == installed
    for does in POISON:
        record_property("fault", (f"a release {does}, {kind}", "uv's cache is as it was"))


def reinstalled(bisect: Command, index: LocalIndex) -> dict[str, str]:
    """Return what another project gets of ham, with its hash required."""
    target = bisect.folder / "another"
    subprocess.run(["rm", "-rf", str(target)], check=True)
    built = release("ham", "1.0", "V = 1")
    pinned = bisect.folder / "pinned.txt"
    pinned.write_text(f"ham==1.0 --hash=sha256:{built.sha256}\n")
    command = [find_uv_bin(), "pip", "install", "--quiet", "--require-hashes", "-r", str(pinned)]
    command += ["--target", str(target), "--index-url", index.url, "--python", sys.executable]
    environ = bisect.surroundings({"PATH": os.defpath})
    subprocess.run(command, env=environ, check=True, cwd=bisect.folder)
    return digests(target)


def test_shared_bytecode_that_was_written_over_is_made_again(
    bisect: Command, index: LocalIndex, record_property: Record
) -> None:
    index.add(release("spam", f"1.{n}", f"BROKEN = {n > 1}", day=n) for n in range(4))
    words = ("--probe", bisect.write("broken.py", BROKEN), "--assure", "0", "--jobs", "1")
    first = bisect.json(*words)
    kept = [p for p in (bisect.cache / "bisector" / "bytecode").rglob("*") if p.is_file()]
    before = {path: path.read_bytes() for path in kept}
    for path in kept:
        path.write_bytes(b"\0" * len(before[path]))
    again = bisect.json(*words, "--refresh")
    assert again["transitions"] == first["transitions"]
    for path in kept:
        code, digest = path.read_bytes()[:-32], path.read_bytes()[-32:]
        assert hashlib.sha256(code).digest() == digest
    record_property("fault", ("shared bytecode is written over", "found by its digest, made again"))


def test_a_template_that_was_written_into_is_made_again(
    bisect: Command, index: LocalIndex, record_property: Record
) -> None:
    index.add(release("spam", f"1.{n}", f"BROKEN = {n > 1}", day=n) for n in range(4))
    words = ("--probe", bisect.write("broken.py", BROKEN), "--assure", "0", "--jobs", "1")
    first = bisect.json(*words)
    [harness] = (bisect.cache / "bisector" / "places").rglob("_bisector_harness.py")
    harness.write_text("raise SystemExit(9)\n")
    again = bisect.json(*words, "--refresh")
    assert again["transitions"] == first["transitions"]
    assert harness.read_text() != "raise SystemExit(9)\n"
    record_property("fault", ("the template is written into", "found by its digest, made again"))
