"""Git repositories with a past, made at one stroke, of a package that builds without a network.

>>> history = History(tmp_path / "spam.git")
>>> first = history.commit("Begin", {"spam/__init__.py": "X = 1"})
>>> history.tag("v1.0", first)
>>> history.write()
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BACKEND = """\
import base64, hashlib, io, pathlib, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    version = pathlib.Path("VERSION").read_text().strip()
    requires = pathlib.Path("REQUIRES").read_text().split("\\n")
    stem = f"spam-{version}"
    metadata = f"Metadata-Version: 2.1\\nName: spam\\nVersion: {version}\\n"
    metadata += "".join(f"Requires-Dist: {line}\\n" for line in requires if line)
    wheel = "Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    source = pathlib.Path("src")
    files = {p.relative_to(source).as_posix(): p.read_bytes() for p in source.rglob("*.*")}
    files[f"{stem}.dist-info/METADATA"] = metadata.encode()
    files[f"{stem}.dist-info/WHEEL"] = wheel.encode()
    record = "".join(f"{path},,\\n" for path in files) + f"{stem}.dist-info/RECORD,,\\n"
    files[f"{stem}.dist-info/RECORD"] = record.encode()
    name = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory, name), "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return name
"""
PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
SKELETON = {"pyproject.toml": PYPROJECT, "backend.py": BACKEND, "VERSION": "1.0", "REQUIRES": ""}


@dataclass
class History:
    """A bare repository at ``path`` that is written once all its commits are known."""

    path: Path
    _commands: list[bytes] = field(default_factory=list)
    _marks: int = 0
    files: dict[int, dict[str, str]] = field(default_factory=dict)

    def commit(
        self, subject: str, changed: Mapping[str, str | None], parents: Sequence[int] | None = None
    ) -> int:
        """Add a commit upon the newest, or upon ``parents``; return its number.

        ``changed`` are whole files; None removes one.
        """
        on = parents if parents is not None else [self._marks] if self._marks else []
        self._marks += 1
        mark = self._marks
        files = dict(self.files[on[0]]) if on else {}
        for other in on[1:]:
            files |= {p: t for p, t in self.files[other].items() if p not in files}
        for path, text in changed.items():
            if text is None:
                files.pop(path, None)
            else:
                files[path] = text
        self.files[mark] = files
        stamp = f"A U Thor <author@example.org> {1704067200 + 3600 * mark} +0000"
        lines = [f"commit refs/heads/c{mark}", f"mark :{mark}", f"author {stamp}"]
        lines += [f"committer {stamp}", f"data {len(subject.encode())}", subject]
        lines += [f"from :{on[0]}"] if on else []
        lines += [f"merge :{other}" for other in on[1:]]
        lines += ["deleteall"]
        for path, text in files.items():
            lines += [f"M 100644 inline {path}", f"data {len(text.encode())}", text]
        self._commands.append("\n".join([*lines, ""]).encode())
        return mark

    def tag(self, name: str, commit: int) -> None:
        self._commands.append(f"reset refs/tags/{name}\nfrom :{commit}\n\n".encode())

    def write(self) -> None:
        """Write the repository; the newest commit is its main branch."""
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.path), at=".")
        head = f"reset refs/heads/main\nfrom :{self._marks}\n\n".encode()
        marks = self.path / "marks"
        stream = b"".join([*self._commands, head])
        self.git("fast-import", "--quiet", f"--export-marks={marks}", stdin=stream)
        lines = marks.read_text().splitlines()
        self.identifiers = {int(m[1:]): commit for m, commit in map(str.split, lines)}

    def modules(self, commit: int) -> dict[str, str]:
        """What a wheel of a commit installs."""
        files = self.files[commit].items()
        return {path.removeprefix("src/"): text for path, text in files if path.startswith("src/")}

    def git(self, *words: str, at: str = "", stdin: bytes = b"") -> str:
        done = subprocess.run(
            ["git", *words], cwd=at or self.path, input=stdin, capture_output=True, check=True
        )
        return done.stdout.decode()
