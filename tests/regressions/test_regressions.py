"""What a search says of a real regression must be borne out by a full scan of the same releases.

No version and no outcome is written down here: the full scan is what is known, measured anew and
kept apart from what the search measured. The scripts beside this file are the reproducers.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from e2e.command import Command, changes, outcomes
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector.environment import interpreter
from bisector.errors import UsageError

pytestmark = pytest.mark.network

HERE = Path(__file__).parent

Finding = dict[str, Any]


class OnTheRealIndex(Command):
    """The command as its user has it: with this process's index, certificates and caches."""

    def words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "bisector", *words]

    def surroundings(self, environ: Mapping[str, str]) -> dict[str, str]:
        return {**os.environ, "BISECTOR_TRACEBACK": "1", **environ}


@pytest.fixture
def bisect(tmp_path: Path) -> Command:
    return OnTheRealIndex(tmp_path, "")


def probe(name: str, *options: str) -> tuple[str, ...]:
    return ("--probe", str(HERE / f"{name}.py"), *options)


def plain(name: str, *options: str, command: tuple[str, ...] = ("python",)) -> tuple[str, ...]:
    return (*options, "--", *command, str(HERE / f"{name}.py"))


# Ranges are no longer than it takes: a scan measures every release.
PYTEST = ("python", "-m", "pytest", "-q", "--noconftest", "-c", os.devnull)
PROXY = plain(
    "proxy_credentials",
    *("--package", "requests", "--range", ">=2.26,<2.28.1", "--with", "pytest"),
    command=PYTEST,
)
TOKEN = plain("token_algorithm", "--package", "PyJWT", "--range", ">=1.4.1,<1.6.2")
CRASH = plain("orjson_attributes", "--package", "orjson", "--range", ">=3.7.2,<3.8")
REPORTED = {
    # All as reported, but for the range; see LOG.md.
    "aiosqlite": plain("unclosed_connection", "--range", ">=0.19", "--timeout", "5"),
    "bcrypt": plain("hashed_password", "--range", ">=4", "--with", "passlib"),
    "bleach": plain("style_attribute", "--range", ">=3.1.3,<5.1"),
    "cachetools": plain("cache_module", "--range", ">=4.1,<5.1"),
    "networkx": plain("graph_info", "--range", ">=2.6,<3.1"),
    "pyflakes": plain("plain_fstring", "--range", "<2.4", command=("pyflakes",)),
    "ruamel.yaml": plain("safe_load", "--range", ">=0.17.32,<0.18.5"),
    "tenacity": plain("retried_call", "--range", ">=8.1,<9"),
}
CATALOGUED = (
    "click_flags[undecided]",
    "pydantic_addresses",
    "pyparsing_original_text",
    "wheel_libfile",
)
"""Of the regressions in the catalogue, those of few releases."""
DISTUTILS = probe("setuptools_distutils", "--range", ">=47.3.2,<50.2,!=49.2.*,!=49.3.*")


def search(bisect: Command, python: str, *words: str) -> Finding:
    """What a search finds that stops as soon as it may."""
    need(python)
    return bisect.json("--results", "search", "--python", python, "--assure", "0", *words)


def full_scan(bisect: Command, python: str, *words: str) -> Finding:
    """What there is to find."""
    need(python)
    options = ("--results", "scan", "--python", python, "--exhaustive", "--no-attribution")
    scan = bisect.json(*options, *words)
    assert len(finals(scan)) == scan["candidates"]
    return scan


def need(python: str) -> None:
    try:
        interpreter.find(python)
    except UsageError:
        pytest.skip(f"needs Python {python}")


def finals(finding: Finding) -> list[str]:
    """The releases measured, in their order, without the pre-releases between them."""
    return [version for version in outcomes(finding) if not Version(version).is_prerelease]


def kinds(finding: Finding) -> list[str]:
    return [kind for kind, *_ in changes(finding)]


def bears_out(scan: Finding, found: Finding) -> None:
    """Check that ``found`` claims only what is so, and owns up to what it left untested."""
    known, seen = outcomes(scan), outcomes(found)
    assert seen == {version: known[version] for version in seen}
    assert set(changes(found)) <= set(changes(scan))
    stretches = groupby(finals(scan), lambda version: seen.get(version) in ("good", "bad"))
    untested = [len([*stretch]) for is_decided, stretch in stretches if not is_decided]
    assert found["longest_untested"] == max(untested, default=0)


@pytest.mark.parametrize(
    ("python", "words"),
    [
        pytest.param("3.11", PROXY, id="proxy_credentials"),
        pytest.param("3.9", TOKEN, id="token_algorithm"),
        pytest.param("3.12", probe("type_alias_union"), id="type_alias_union"),
        *(pytest.param("3.11", ("--probe", name), id=name) for name in CATALOGUED),
    ],
)
def test_one_window_is_found_whole(bisect: Command, python: str, words: tuple[str, ...]) -> None:
    scan, found = full_scan(bisect, python, *words), search(bisect, python, *words)
    bears_out(scan, found)
    assert kinds(scan) == ["introduced", "fixed"]
    assert changes(found) == changes(scan)


@pytest.mark.parametrize(
    ("python", "words"),
    [
        pytest.param("3.9", CRASH, id="orjson_attributes"),
        pytest.param("3.11", DISTUTILS, id="setuptools_distutils"),
    ],
)
def test_of_two_windows_none_is_invented(
    bisect: Command, python: str, words: tuple[str, ...]
) -> None:
    """A search may stop at the first one, if it says how long another could be."""
    scan, found = full_scan(bisect, python, *words), search(bisect, python, *words)
    bears_out(scan, found)
    assert kinds(scan) == ["introduced", "fixed"] * 2
    assert {"introduced", "fixed"} <= set(kinds(found))


PIN = re.compile(
    r"Pin [\w.-]+?(?P<bounds>[<>=][^ :]+)(?P<reach> \(.+ tested\))?: (?P<bad>\S+) .+[.…]"
)


def called(finding: Finding) -> dict[str, str]:
    """What each release does: nothing wrong, or the failure that it has."""
    releases = {m["version"]: "" for m in finding["measurements"] if m["outcome"] == "good"}
    for failure in finding["failures"]:
        releases |= dict.fromkeys(failure["releases"], failure["name"])
    return releases


@pytest.mark.parametrize("package", REPORTED)
def test_a_public_report_is_answered_as_a_scan_has_it(bisect: Command, package: str) -> None:
    """What to pin, and why, is said first, and owns up to what was not looked at."""
    words = ("--package", package, *REPORTED[package])
    scan, found = full_scan(bisect, "3.11", *words), search(bisect, "3.11", *words)
    known, seen = called(scan), called(found)
    assert {version: bool(known[version]) for version in seen} == {
        version: bool(name) for version, name in seen.items()
    }
    assert kinds(found)
    assert set(changes(found)) <= set(changes(scan))

    pin = PIN.fullmatch(found["pin"])
    assert pin is not None
    inside = [version for version in finals(scan) if version in SpecifierSet(pin["bounds"])]
    assert not any(known[version] for version in inside if version in seen)
    assert bool(pin["reach"]) == (not {*inside} <= {*seen})
    assert known[pin["bad"]]


@pytest.mark.skipif(sys.platform != "linux", reason="signals differ elsewhere")
def test_a_crash_is_told_by_its_signal(bisect: Command) -> None:
    scan = full_scan(bisect, "3.9", *CRASH)
    crashes = [m["signature"]["signal"] for m in scan["measurements"] if m["outcome"] == "bad"]
    assert len(crashes) > 2
    assert set(crashes) == {"SIGSEGV"}


def test_a_fix_in_two_lines_is_found_in_both(bisect: Command) -> None:
    """Both lines are older than the fix: in the order of versions, bad, good, bad, good."""
    scan = full_scan(bisect, "3.11", *probe("redirect_cookie"))
    bears_out(scan, search(bisect, "3.11", *probe("redirect_cookie")))
    assert kinds(scan) == ["fixed", "introduced", "fixed"]
    assert scan["bad_at_oldest"]


def test_one_interpreter_shows_what_others_do_not(bisect: Command) -> None:
    words = probe("generic_protocol")
    only, other = full_scan(bisect, "3.7", *words), full_scan(bisect, "3.8", *words)
    assert kinds(only) == ["introduced", "fixed"]
    assert set(outcomes(other).values()) == {"good"}
    assert finals(only) == finals(other)
    bears_out(only, search(bisect, "3.7", *words))
    bears_out(other, search(bisect, "3.8", *words))


@pytest.mark.parametrize(
    ("python", "words", "package", "dependency"),
    [
        pytest.param(
            "3.11",
            probe("flask_client", "--range", ">=2.3.1,<3.0.1"),
            "Flask",
            ("Werkzeug", ">=3.0.5,<3.1.1"),
            id="flask_client",
        ),
        pytest.param(
            "3.9",
            probe("signed_token", "--range", ">=1.5,<1.6.2"),
            "PyJWT",
            ("cryptography", ">=36.0.1,<37.0.2"),
            id="signed_token",
        ),
    ],
)
def test_what_a_dependency_did_is_not_the_doing_of_the_package(
    bisect: Command,
    python: str,
    words: tuple[str, ...],
    package: str,
    dependency: tuple[str, str],
) -> None:
    """A newer dependency, held for all, broke what the package then learned to live with.

    The answer names the release of the dependency, or says why that can't be told.
    """
    scan, found = full_scan(bisect, python, *words), search(bisect, python, *words)
    bears_out(scan, found)
    assert kinds(scan) == ["fixed"]
    assert not changes(search(bisect, python, *words, "--dependencies", "released"))

    bad = f"{package}=={scan['transitions'][0]['last_bad']}"
    script, (name, releases) = words[:2], dependency
    culprit = full_scan(
        bisect, python, *script, "--package", name, "--range", releases, "--with", bad
    )
    assert kinds(culprit) == ["introduced"]

    edge = culprit["transitions"][0]
    cause = found["transitions"][0]["cause"]
    named = [(t["before"], t["after"]) for c in cause["culprits"] for t in c["transitions"]]
    assert cause["blame"] == ("incompatible" if named else "undecided")
    assert named == [(edge["last_good"], edge["first_bad"])] or "can't be tested" in cause["why"]
    assert not changes(search(bisect, python, *words, "--with", f"{name}=={edge['last_good']}"))
    held = search(bisect, python, *words, "--with", f"{name}=={edge['first_bad']}")
    assert changes(held) == changes(scan)


@pytest.mark.parametrize(
    "words",
    [
        plain("pickled_lambda", "--package", "cloudpickle", "--range", "<2.1"),
        plain("own_grammar", "--package", "parso", "--range", "<0.8.4"),
    ],
)
def test_the_python_since_which_a_release_fails(bisect: Command, words: tuple[str, ...]) -> None:
    """Each reaches into what a later Python has otherwise; a scan says from which one on."""
    over = ("--over", "interpreters")
    scan = bisect.json("--results", "scan", *over, "--exhaustive", *words)
    if len({run["outcome"] for run in scan["measurements"]}) == 1:
        pytest.skip("needs a Python on which it works, and one on which it doesn't")
    found = bisect.json("--results", "search", *over, "--assure", "0", *words)
    assert [kind for kind, *_ in changes(found)] == ["introduced"]
    assert changes(found) == changes(scan)
    assert found["python"] is None
