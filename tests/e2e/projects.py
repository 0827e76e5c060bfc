"""Projects with a past, for a local index, and the probes that ask about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from wheels import Built, sdist, wheel

START = datetime(2024, 1, 1, tzinfo=timezone.utc)

BROKEN = """\
# /// script
# dependencies = ["spam"]
#
# [tool.bisector]
# package = "spam"
# ///
\"\"\"Spam must not be broken.\"\"\"
import json, os, spam
outcome = "skip" if spam.BROKEN is None else "bad" if spam.BROKEN else "good"
with open(os.environ["BISECTOR_RESULT"], "w") as file:
    json.dump({"bisector": 1, "outcome": outcome}, file)
"""
"""Bad where the release's BROKEN is true, and skips where it is None."""

ALONE = """\
# /// script
# dependencies = ["spam"]
#
# [tool.bisector]
# package = "spam"
# serial = SERIAL
# ///
\"\"\"Spam must not be broken, and takes its time.\"\"\"
import json, os, spam, time
try:
    os.mkdir("TAKEN")
except FileExistsError:
    outcome = "skip"
else:
    time.sleep(0.5)
    os.rmdir("TAKEN")
    outcome = "bad" if spam.BROKEN else "good"
with open(os.environ["BISECTOR_RESULT"], "w") as file:
    json.dump({"bisector": 1, "outcome": outcome}, file)
"""
"""As BROKEN, but skips where another run of it is under way."""

BEHAVE = """\
# /// script
# dependencies = ["spam"]
#
# [tool.bisector]
# package = "spam"
# timeout = 5
# ///
\"\"\"Spam must behave.\"\"\"
import json, os, signal, subprocess, sys, time
import spam

def say(text):
    with open(os.environ["BISECTOR_RESULT"], "w") as file:
        file.write(text)

def report(outcome, **more):
    told = {"bisector": 1, "outcome": outcome, "reason": spam.DOES, **more}
    say(json.dumps(told))

def hang():
    time.sleep(600)

def flood():
    for _ in range(128):
        os.write(1, b"flood " * 11000)
    print("the end")
    report("good")

def leave():
    forever = [sys.executable, "-c", "import time; time.sleep(600)"]
    left = subprocess.Popen(forever, start_new_session=True)
    print("left", left.pid)
    report("good")

def fill():
    with open(os.path.join(os.environ["TMPDIR"], "big"), "wb") as file:
        file.truncate(1 << 30)
    report("good")
    os._exit(0)

def run_out():
    with open("/dev/full", "w") as full:
        full.write("x")

{
    "good": lambda: report("good"),
    "bad": lambda: report("bad"),
    "skip": lambda: report("skip"),
    "hang": hang,
    "flood": flood,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "leave": leave,
    "garbage": lambda: say("no\\0thing"),
    "other": lambda: say('{"outcome": "bad"}'),
    "strange": lambda: say('{"bisector": 1, "outcome": ["bad"]}'),
    "nan": lambda: report("good", metrics={"growth_bytes": float("nan"), "n": float("-inf")}),
    "vast": lambda: report("good", metrics={"growth_bytes": 10 ** 400}, pool={"idle": "many"}),
    "huge": lambda: report("good", metrics={"text": "x" * (2 << 20)}),
    "deep": lambda: say('{"bisector": 1, "outcome": "good", "pool": %s}' % ("[" * 400 + "]" * 400)),
    "fifo": lambda: os.mkfifo(os.environ["BISECTOR_RESULT"]),
    "fill": fill,
    "full": run_out,
    "raise": lambda: spam.no_such_function(),
    "exit": lambda: sys.exit(125),
    "surrogate": lambda: report("good", reason=chr(0xD800) + chr(27) + "[31m"),
}[spam.DOES]()
"""
"""Does what the release's DOES says."""


def interpreters(*series: str) -> tuple[str, ...]:
    """Return the ``series`` as they are where pyenv has them all; skip the test where not."""
    versions = Path.home() / ".pyenv" / "versions"
    missing = [one for one in series if not any(versions.glob(f"{one}.*/bin/python"))]
    if missing:
        pytest.skip(f"needs Python {' and '.join(missing)} from pyenv")
    return series


def plain(
    name: str,
    letters: str,
    *,
    yanked: Iterable[str] = (),
    dependencies: Iterable[str] = (),
) -> list[Built]:
    """One release per letter, from 1.0: g is good, b is bad, u isn't importable, s is skipped."""
    sources = {"g": "BROKEN = False", "b": "BROKEN = True", "s": "BROKEN = None"}
    sources["u"] = "raise OSError('unfit')"
    return [
        release(
            name,
            f"1.{number}",
            sources[letter],
            day=number,
            yanked=f"1.{number}" in set(yanked),
            dependencies=dependencies,
        )
        for number, letter in enumerate(letters)
    ]


def release(
    name: str,
    version: str,
    source: str,
    *,
    day: int = 0,
    yanked: bool | str = False,
    tags: str = "py3-none-any",
    requires_python: str | None = None,
    dependencies: Iterable[str] = (),
) -> Built:
    """A wheel with one module of that source."""
    return wheel(
        name,
        version,
        {f"{name}.py": f"{source}\n"},
        tags=tags,
        requires_python=requires_python,
        dependencies=dependencies,
        yanked=yanked,
        upload_time=START + timedelta(days=day),
    )


TROUBLED: Mapping[str, str] = {
    "0.9.0": "sdist",
    "0.9.1": "old-wheel",
    "0.9.2": "future-python",
    "1.0.0": "good",
    "1.0.1": "good",
    "1.0.2": "good",
    "1.0.3": "surrogate",
    "1.0.4": "good",
    "1.1.0": "hang",
    "1.1.1": "flood",
    "1.1.2": "kill",
    "1.1.3": "crash",
    "1.1.4": "leave",
    "1.2.0": "garbage",
    "1.2.1": "nan",
    "1.2.2": "huge",
    "1.2.3": "deep",
    "1.2.4": "fill",
    "1.2.5": "other",
    "1.2.6": "strange",
    "1.2.7": "vast",
    "1.2.8": "fifo",
    "1.3.0": "full",
    "1.3.1": "conflict",
    "1.3.2": "missing-dependency",
    "1.3.3": "broken-import",
    "1.3.4": "skip",
    "1.3.5": "raise",
    "1.3.6": "exit",
    "1.3.7": "good",
    "1.4.0a1": "good",
    "1.4.0b1": "bad",
    "1.4.0": "bad yanked",
    "1.4.1": "bad yanked",
    "1.4.2": "bad",
    "1.4.3": "bad",
    "1.5.0": "bad",
    "1.5.1": "bad",
    "1.5.2": "broken-import",
    "1.5.3": "old-wheel",
    "1.5.4": "good",
    "1.6.0": "good",
    "1.6.1": "good",
    "1.7.0": "good",
    "1.7.1": "bad yanked",
    "1.7.2": "good",
    "1.8.0": "good",
    "1.9.0b1": "good",
}
"""What each release of the troubled project does."""


def troubled() -> list[Built]:
    """Every kind of trouble that a release can be, with ham (1.0, 2.0) that it depends on."""
    ham = [wheel("ham", version, upload_time=START) for version in ("1.0", "2.0")]
    return [*ham, *(_troubled(day, v, does) for day, (v, does) in enumerate(TROUBLED.items()))]


def _troubled(day: int, version: str, words: str) -> Built:
    does, _, yanked = words.partition(" ")
    source = f"DOES = {does!r}"
    requires_python, tags, dependencies = None, "py3-none-any", ["ham"]
    match does:
        case "sdist":
            return sdist("spam", version, {"spam.py": "DOES = 'good'\n"}, upload_time=START)
        case "old-wheel":
            tags = "cp27-cp27m-win32"
        case "future-python":
            requires_python = ">=3.99"
        case "conflict":
            source, dependencies = "DOES = 'good'", ["ham<2"]
        case "missing-dependency":
            dependencies = ["ham", "eggs-that-nobody-laid"]
        case "broken-import":
            source = "import module_that_is_not_there"
    return release(
        "spam",
        version,
        source,
        day=day,
        tags=tags,
        requires_python=requires_python,
        dependencies=dependencies,
        yanked="broken upload" if yanked else False,
    )
