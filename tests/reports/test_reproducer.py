"""The probe as one script: it must say the same where nothing else is installed."""

from __future__ import annotations

import ast
import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from histories import HOSTILE, found
from packaging.specifiers import SpecifierSet

from bisector.inputs import probe
from bisector.model import Probe
from bisector.reports import reproducer

SCRIPT = '''\
# /// script
# requires-python = ">=3.9"
# dependencies = ["spam", "ham<2"]
#
# [tool.bisector]
# package = "spam"
# cases = ["raw", "boiled"]
# ///
"""Eggs must be fresh, also those of a server's."""

from __future__ import annotations

import urllib.request

import probekit
import spam


def ask(url: str) -> int:
    """Return the status with which the server answers."""
    with urllib.request.urlopen(url, b"payload") as answer:
        return answer.status


if __name__ == "__main__":
    case = probekit.case("raw", "boiled")
    with probekit.Server("raw") as server:
        status = ask(server.url)
    fresh = spam.FRESH and status == 200
    probekit.report(probekit.Verdict("good" if fresh else "bad", f"{case}, {status}"))
'''
PROBE = replace(
    Probe("eggs", "spam", "Eggs must be fresh, also those of a server's."),
    case="boiled",
    text=SCRIPT,
    companion=(Path(probe.__file__).parents[2] / "probes" / "probekit.py").read_text("utf-8"),
    dependencies=("spam", "ham<2"),
    requires_python=SpecifierSet(">=3.9"),
)


def run(
    script: str, folder: Path, *words: str, fresh: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run the script with plain python: no site, no settings, one package."""
    package = folder / "site"
    package.mkdir(exist_ok=True)
    (package / "spam.py").write_text(f"FRESH = {fresh}", encoding="utf-8")
    (folder / "reproducer.py").write_text(script, encoding="utf-8")
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-S", "reproducer.py", *words],
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONPATH": str(package), "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert list(temporary.iterdir()) == [], "it leaves nothing behind"
    return done


@pytest.mark.parametrize(("fresh", "outcome", "status"), [(True, "good", 0), (False, "bad", 1)])
def test_it_gives_the_same_verdict_in_a_bare_environment(
    tmp_path: Path, fresh: bool, outcome: str, status: int
) -> None:
    """With its server in a child process, and with the case that the finding is of."""
    done = run(reproducer.render(found("gb", probe=PROBE)), tmp_path, fresh=fresh)
    assert (done.stderr, done.returncode) == ("", status)
    told = json.loads(done.stdout)
    assert (told["outcome"], told["reason"]) == (outcome, "boiled, 200")


def test_another_case_can_be_asked_for(tmp_path: Path) -> None:
    done = run(reproducer.render(found("gb", probe=PROBE)), tmp_path, "raw")
    assert json.loads(done.stdout)["reason"] == "raw, 200"


def test_a_script_that_needs_nothing_else_stays_as_it_is() -> None:
    text = SCRIPT.replace("import probekit\n", "").partition("if __name__")[0]
    script = reproducer.render(found("gbb", probe=replace(PROBE, text=text, companion="", case="")))
    assert script == (
        """\
# eggs: Eggs must be fresh, also those of a server's.
# affected: >=1.1,<=1.2
# uv run reproducer.py, or python reproducer.py where spam==1.2 is installed

# /// script
# requires-python = ">=3.9"
# dependencies = ["spam==1.2", "ham<2"]
# ///
"""
        + text.partition("# ///\n")[2]
    )


def test_where_nothing_is_bad_no_release_is_pinned() -> None:
    script = reproducer.render(found("gg", probe=PROBE))
    assert "# affected: none found\n" in script
    assert '# dependencies = ["spam", "ham<2"]\n' in script


COMPANION = '''\
"""What probes share."""

from __future__ import annotations

import json
import os
from typing import Any, Dict

USED = 1
UNUSED = os.sep


def used(text: str) -> Dict[str, int]:
    """Return it."""
    return _inner(text)


def _inner(text: str) -> Any:
    return json.loads(text) + USED


class Server:
    name = __file__


def serve() -> None:
    Server()


if __name__ == "__main__":
    serve()
'''


def test_of_the_companion_only_what_is_reached_is_kept() -> None:
    assert reproducer.used(COMPANION, "import probekit\nprobekit.used('1')") == (
        '''\
"""What probes share."""

from __future__ import annotations

import json
from typing import Any, Dict

USED = 1


def used(text: str) -> Dict[str, int]:
    """Return it."""
    return _inner(text)


def _inner(text: str) -> Any:
    return json.loads(text) + USED


'''
    )


def test_a_companion_that_runs_itself_keeps_what_it_runs() -> None:
    kept = reproducer.used(COMPANION, "from probekit import Server")
    assert "def serve" in kept
    assert "def used" not in kept


@pytest.mark.parametrize("name", probe.names())
def test_every_probe_of_the_catalogue_becomes_a_script_with_all_that_it_names(name: str) -> None:
    for one in probe.load(name):
        script = reproducer.render(found("gb", probe=one))
        compile(script, name, "exec")
        kept = reproducer.used(one.companion, one.text)
        defined = {n for node in ast.parse(one.companion).body for n in reproducer._bound(node)}
        named = reproducer._names(ast.parse(kept)) & defined
        assert named <= {n for node in ast.parse(kept).body for n in reproducer._bound(node)}
        assert len(kept) <= len(one.companion)


@pytest.mark.parametrize(
    "ends", ["'''", '"""', "\\", "\\\\", "'", "r'''x'''", "\x00", "\u2028", "{brace} {0}"]
)
def test_a_companion_of_any_text_is_carried_whole(tmp_path: Path, ends: str) -> None:
    companion = f"TEXT = {ends!r}\n# {ends.replace(chr(0), '').replace(chr(0x2028), '')}"
    text = "import probekit\nprint(ascii(probekit.TEXT))\n"
    one = Probe("eggs", "spam", text=text, companion=companion)
    done = run(reproducer.render(found("gb", probe=one)), tmp_path)
    assert (done.stderr, done.stdout) == ("", f"{ends!a}\n")


@pytest.mark.parametrize(("fresh", "status"), [(True, 0), (False, 3)])
def test_a_command_with_a_script_is_run_as_it_was(tmp_path: Path, fresh: bool, status: int) -> None:
    text = "import sys, spam\nassert sys.argv[1:] == ['a b']\nsys.exit(0 if spam.FRESH else 3)\n"
    command = ("python", "checks/eggs.py", "a b")
    one = Probe("eggs", "spam", command=command, text=text)
    done = run(reproducer.render(found("gb", probe=one)), tmp_path, fresh=fresh)
    assert (done.stderr, done.returncode) == ("", status)


def test_a_script_in_another_language_is_run_as_it_was_also_from_what_is_stored(
    tmp_path: Path,
) -> None:
    """What is stored of a command is in the replay alone."""
    one = Probe("eggs", "spam", text='echo "it\'s $1"; exit 7\n')
    words = ["bisect", "--package", "spam", "--", "sh", "eggs.sh", "fine"]
    script = reproducer.render(found("gb", probe=one, replay=shlex.join(words)))
    done = run(script, tmp_path)
    assert (done.stdout, done.returncode) == ("it's fine\n", 7)


def test_hostile_titles_are_comments_and_no_more(tmp_path: Path) -> None:
    one = Probe(HOSTILE, "spam", f"{HOSTILE}\nraise SystemExit", text="print('fine')\n")
    script = reproducer.render(found("gb", probe=one))
    script.encode()
    assert run(script, tmp_path).stdout == "fine\n"
