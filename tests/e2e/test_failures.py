"""Any script, any command, any project: what each failure counts as, and what is said of it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from e2e.command import Command, changes, outcomes
from e2e.projects import BROKEN, START, plain, release
from local_index import LocalIndex
from wheels import sdist, wheel

QUICK = ("--package", "spam", "--assure", "0", "--jobs", "2")
COMMAND = ("--", "python", "check.py")


def asked(bisect: Command, *words: str) -> dict[str, Any]:
    return bisect.json(*QUICK, *words, *COMMAND)


def frying(index: LocalIndex, sources: Iterable[str]) -> None:
    """Add releases of spam from 1.0 on, each of that source."""
    for number, source in enumerate(sources):
        index.add(release("spam", f"1.{number}", source, day=number))


FRY = "def fry():\n    return {!r}"


@pytest.fixture
def fried(bisect: Command, index: LocalIndex) -> Command:
    """Spam can't be fried before 1.2, is crisp up to 1.4, and soggy since."""
    frying(index, ["", "", *[FRY.format("crisp")] * 3, *[FRY.format("soggy")] * 2])
    bisect.write("check.py", "import spam\nassert spam.fry() == 'crisp', spam.fry()\n")
    return bisect


def test_a_feature_that_is_not_there_yet_is_another_failure(fried: Command) -> None:
    """The newest failure is told first; the other is called a guess, and is no regression."""
    finding = asked(fried, "--exhaustive")
    assert outcomes(finding) == {
        **dict.fromkeys(("1.0", "1.1"), "bad"),
        **dict.fromkeys(("1.2", "1.3", "1.4"), "good"),
        **dict.fromkeys(("1.5", "1.6"), "bad"),
    }
    assert finding["answer"] == (
        "spam went bad in 1.5; 1.4 is the last good release before it. "
        "It fails with AssertionError: soggy. "
        "AttributeError: module 'spam' has no attribute 'fry': up to 1.1, as if what is asked for "
        "was not there yet (a guess)."
    )
    assert finding["affected"] == ">=1.5,<=1.6"
    assert finding["affected_by_any"] == [">=1.0,<1.2", ">=1.5,<=1.6"]
    assert finding["pin"] == "Pin spam>=1.2,<1.5: 1.5 fails with AssertionError: soggy."
    assert [failure["not_yet_until"] for failure in finding["failures"]] == [None, "1.1"]
    assert [failure["releases"] for failure in finding["failures"]] == [
        ["1.5", "1.6"],
        ["1.0", "1.1"],
    ]
    text = fried(*QUICK, "--exhaustive", *COMMAND).output
    assert text.splitlines()[2] == finding["pin"]


def test_what_is_not_there_yet_isnt_said_to_be_fixed_behind_another_failure(
    bisect: Command, index: LocalIndex
) -> None:
    """Up to 1.3 it lacks what is asked for, but for 1.1, which fails otherwise."""
    frying(index, ["", "raise RuntimeError('cold')", "", "", *[FRY.format("crisp")] * 2])
    bisect.write("check.py", "import spam\nassert spam.fry() == 'crisp', spam.fry()\n")
    finding = asked(bisect, "--exhaustive")
    missing = next(f for f in finding["failures"] if f["not_yet_until"])
    assert missing["not_yet_until"] == "1.3"
    assert (
        "fails up to 1.3, as if what is asked for was not there yet (a guess)"
        in (finding["answer"])
    )
    assert "fixed in" not in finding["answer"].partition("RuntimeError")[0]


def test_any_failure_counts_it(fried: Command) -> None:
    finding = asked(fried, "--exhaustive", "--any-failure")
    assert finding["answer"] == (
        "spam was fixed in 1.2; 1.1 is the last bad release before it. "
        "It went bad again in 1.5; 1.4 is the last good release before it. "
        "The failures counted are not one "
        "(1.0, 1.1: AttributeError: module 'spam' has no attribute 'fry'; "
        "1.5, 1.6: AssertionError: soggy)."
    )
    assert finding["affected"] == [">=1.0,<1.2", ">=1.5,<=1.6"]
    assert finding["replay"].endswith("--exhaustive --any-failure -- python check.py")


def test_two_bugs_in_neighbouring_windows_are_not_one(bisect: Command, index: LocalIndex) -> None:
    """From 1.3 to 1.4 one failure gives way to another: that is no transition of either."""
    good, burnt, raw = FRY.format("crisp"), "def fry():\n    {}['pan']", "def fry():\n    int('x')"
    frying(index, [good, good, burnt, burnt, raw, raw, good])
    bisect.write("check.py", "import spam\nspam.fry()\n")
    finding = asked(bisect, "--exhaustive")
    assert finding["answer"] == (
        "spam went bad between 1.1 and 1.4 (1.2, 1.3 fail otherwise). "
        "It was fixed in 1.6; 1.5 is the last bad release before it. "
        "It fails with ValueError: invalid literal for int() with base 10: 'x' (in spam.py:fry). "
        "KeyError: 'pan' (in spam.py:fry): since 1.2; until 1.3, then others fail otherwise; "
        "1.6 is the first good one."
    )
    assert finding["transitions"][0]["otherwise"] == ["1.2", "1.3"]
    assert finding["pin"].startswith("Pin spam>=1.6: 1.5 fails with ValueError: ")
    older = asked(bisect, "--exhaustive", "--bad", "1.3")
    assert older["answer"] == (
        "spam went bad in 1.2; 1.1 is the last good release before it. "
        "It was fixed between 1.3 and 1.6 (1.4, 1.5 fail otherwise). "
        "It fails with KeyError: 'pan' (in spam.py:fry). "
        "ValueError: invalid literal for int() with base 10: 'x' (in spam.py:fry): since 1.4, "
        "after others that fail otherwise; 1.1 is the last good one; fixed in 1.6."
    )
    stored = bisect("report", "--stored", "--format", "json").finding
    assert (stored["answer"], changes(stored)) == (older["answer"], changes(older))


@pytest.mark.skipif(sys.platform != "linux", reason="signals differ elsewhere")
def test_a_crash_is_named_and_another_failure_than_an_exception(
    bisect: Command, index: LocalIndex
) -> None:
    crash = "import os, signal\ndef fry():\n    os.kill(os.getpid(), signal.SIGSEGV)"
    frying(index, ["def fry():\n    raise OSError('cold')", FRY.format("crisp"), crash])
    bisect.write("check.py", "import spam\nspam.fry()\n")
    finding = asked(bisect)
    assert finding["answer"] == (
        "spam went bad in 1.2; 1.1 is the last good release before it. "
        "It dies of SIGSEGV (in spam.py:fry). "
        "OSError: cold (in spam.py:fry): already in 1.0; fixed in 1.1."
    )
    text = bisect("-v", *QUICK, *COMMAND).output
    assert "1.2: died of SIGSEGV" in text
    bad = next(m for m in finding["measurements"] if m["version"] == "1.2")
    assert (bad["signature"]["signal"], bad["signature"]["frame"]) == ("SIGSEGV", "spam.py:fry")


def test_only_output_that_matches_is_bad(bisect: Command, index: LocalIndex) -> None:
    """A failure without it decides nothing, and a run that prints it and exits with 0 is bad."""
    frying(
        index,
        [
            "raise SystemExit(3)",
            "print('all is fresh')",
            "print('sour since 12 days')\nraise SystemExit(1)",
            "print('sour since 3 days')",
            "print('sweet and sour')",
        ],
    )
    bisect.write("check.py", "import spam\n")
    finding = asked(bisect, "--exhaustive", "--bad-output", r"^sour since \d+ days")
    assert outcomes(finding) == {
        "1.0": "different-failure",
        "1.1": "good",
        "1.2": "bad",
        "1.3": "bad",
        "1.4": "good",
    }
    assert finding["answer"] == (
        "spam went bad in 1.2; 1.1 is the last good release before it. "
        "It was fixed in 1.4; 1.3 is the last bad release before it. "
        "1.0 fails in another way (exit status 3)."
    )
    details = {m["version"]: m["detail"] for m in finding["measurements"]}
    assert (details["1.2"], details["1.3"]) == ("sour since 12 days", "sour since 3 days")
    assert "--bad-output '^sour since \\d+ days' -- python check.py" in finding["replay"]


def test_only_memory_is_bad(bisect: Command, index: LocalIndex) -> None:
    """Ending by itself or not: 1.3 holds on to it and would never end."""
    frying(
        index,
        [
            "raise SystemExit('other')",
            "held = b'x' * (1 << 20)",
            "held = b'x' * (200 << 20)",
            "import time\nheld = b'x' * (200 << 20)\ntime.sleep(600)",
            "held = None",
        ],
    )
    bisect.write("check.py", "import spam\n")
    finding = asked(bisect, "--exhaustive", "--bad-memory", "150M")
    assert outcomes(finding) == {
        "1.0": "different-failure",
        "1.1": "good",
        "1.2": "bad",
        "1.3": "bad",
        "1.4": "good",
    }
    said = {m["detail"] for m in finding["measurements"] if m["outcome"] == "bad"}
    assert said == {"it took more than 150M"}
    assert "--bad-memory 150M" in finding["replay"]


def test_only_hanging_is_bad(bisect: Command, index: LocalIndex) -> None:
    frying(index, ["raise SystemExit(1)", "", "import time\ntime.sleep(600)"])
    bisect.write("check.py", "import spam\n")
    finding = asked(bisect, "--timeout", "1.5", "--bad-timeout")
    assert outcomes(finding) == {"1.0": "different-failure", "1.1": "good", "1.2": "bad"}
    assert finding["measurements"][-1]["detail"] == "it was still running at the time limit"
    assert changes(finding) == [("introduced", "1.1", "1.2")]


@pytest.mark.parametrize(
    "words", [("--bad-output", "x"), ("--bad-memory", "1G"), ("--bad-timeout",)]
)
def test_a_probe_that_reports_says_itself_what_is_bad(
    bisect: Command, index: LocalIndex, words: tuple[str, ...]
) -> None:
    index.add(plain("spam", "g"))
    result = bisect("--probe", bisect.write("broken.py", BROKEN), *words)
    assert (result.status, result.complaint) == (
        2,
        [
            "error: broken says itself what is bad",
            (
                "hint: leave --bad-output, --bad-memory and --bad-timeout to commands and plain "
                "scripts"
            ),
        ],
    )


SHADOW = "BROKEN = False\n"


def test_a_release_that_the_current_folder_shadows_is_never_tested(
    bisect: Command, index: LocalIndex
) -> None:
    """A spam.py beside the script is what python imports: no release would have been bad."""
    index.add(plain("spam", "ggbb"))
    bisect.write("check.py", "import spam\nassert not spam.BROKEN\n")
    bisect.write("spam.py", SHADOW)
    result = bisect(*QUICK, *COMMAND)
    assert (result.status, result.complaint) == (
        2,
        [
            (
                f"error: spam was imported from {bisect.folder / 'spam.py'}, "
                "not from the release of spam under test"
            ),
            (
                "hint: run it from another folder, or with --isolated, which copies only the files "
                "that the command names"
            ),
        ],
    )
    assert bisect.stored() == []
    isolated = asked(bisect, "--isolated")
    assert changes(isolated) == [("introduced", "1.1", "1.2")]
    assert "--isolated" in isolated["replay"]


RUNNER = """\
import importlib.util, os, sys
def main():
    if os.environ.get('TESTER_IN_PATH'):
        sys.path.insert(0, os.getcwd())
    path, _, name = sys.argv[-1].partition('::')
    spec = importlib.util.spec_from_file_location('test', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        getattr(module, name)()
    except Exception as error:
        print('E       %s: %s' % (type(error).__name__, error))
        sys.exit(1)
"""
ENTRY = "[console_scripts]\ntester = tester:main\n"


@pytest.fixture
def tester(bisect: Command, index: LocalIndex) -> Command:
    """A test runner as pytest is one: a console script that takes ``path::test`` and catches."""
    modules = {"tester.py": RUNNER, "tester-1.0.dist-info/entry_points.txt": ENTRY}
    index.add(wheel("tester", "1.0", modules))
    (bisect.folder / "unit").mkdir()
    bisect.write(
        "unit/test_eggs.py",
        "import spam\n"
        "def test_fresh():\n    assert not spam.BROKEN, 'broken %d' % id(spam)\n"
        "def test_new():\n    spam.new()\n",
    )
    return bisect


TEST = ("--with", "tester", "--", "tester", "-q", "unit/test_eggs.py::test_fresh")


def test_one_test_of_a_file_run_by_what_is_installed_beside(
    tester: Command, index: LocalIndex
) -> None:
    """What a runner catches and prints is the failure: the numbers in it don't matter."""
    index.add(plain("spam", "gggbbb"))
    finding = tester.json(*QUICK, *TEST)
    assert finding["answer"] == "spam went bad in 1.3; 1.2 is the last good release before it."
    bad = next(m for m in finding["measurements"] if m["outcome"] == "bad")
    assert bad["signature"]["exception"] == "AssertionError"
    assert bad["detail"].startswith("AssertionError: broken ")


def test_isolated_has_a_copy_of_the_test_and_nothing_else(
    tester: Command, index: LocalIndex
) -> None:
    """The runner puts the current folder first, as `python -m` does, and a spam.py lies there."""
    index.add(plain("spam", "gggbbb"))
    tester.write("spam.py", SHADOW)
    runner = RUNNER.replace("os.environ.get('TESTER_IN_PATH')", "True")
    entry = "[console_scripts]\ntester = tester:main\n"
    index.add(
        wheel(
            "tester", "2.0", {"tester.py": runner, "tester-2.0.dist-info/entry_points.txt": entry}
        )
    )
    shadowed = tester(*QUICK, *TEST)
    assert shadowed.status == 2
    assert shadowed.complaint[0] == (
        f"error: spam was imported from {tester.folder / 'spam.py'}, not from the release of "
        "spam under test"
    )
    finding = tester.json("--isolated", *QUICK, *TEST)
    assert changes(finding) == [("introduced", "1.2", "1.3")]


def test_isolated_copies_what_is_named_outside_of_the_folder_as_well(
    bisect: Command, index: LocalIndex
) -> None:
    """By its name alone, and without what lies beside it."""
    index.add(plain("spam", "ggbb"))
    elsewhere = bisect.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "check.py").write_text("import spam\nassert not spam.BROKEN\n")
    (elsewhere / "spam.py").write_text(SHADOW)
    for named in ("elsewhere/../elsewhere/check.py", str(elsewhere / "check.py")):
        finding = bisect.json("--isolated", *QUICK, "--", "python", named)
        assert changes(finding) == [("introduced", "1.1", "1.2")]
        assert {m["detail"] for m in finding["measurements"] if m["outcome"] == "bad"} == {
            "AssertionError"
        }


def test_a_script_whose_metadata_names_one_dependency_needs_no_package(
    bisect: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "ggbb"))
    metadata = '# /// script\n# dependencies = ["Spam>=1.1"]\n# ///\n'
    bisect.write("check.py", f"{metadata}import spam\nassert not spam.BROKEN\n")
    for words in (("--probe", "check.py"), COMMAND):
        finding = bisect.json("--assure", "0", *words)
        assert finding["package"] == "spam"
        assert changes(finding) == [("introduced", "1.1", "1.2")]


SEVERAL = '# /// script\n# dependencies = ["spam", "ham<2"]\n# ///\n'


def test_a_script_whose_metadata_names_several_lists_them(
    bisect: Command, index: LocalIndex
) -> None:
    bisect.write("check.py", f"{SEVERAL}import spam\n")
    said = [
        "error: check doesn't say which package it is about; it depends on spam, ham<2",
        "hint: name it with --package",
    ]
    by_probe, by_command = bisect("--probe", "check.py"), bisect(*COMMAND)
    assert (by_probe.status, by_probe.complaint) == (2, said)
    assert (by_command.status, by_command.complaint) == (2, said)
    assert index.requests == []


def test_what_else_a_script_names_in_its_metadata_is_installed(
    bisect: Command, index: LocalIndex
) -> None:
    """In the version that it names, for a script and for a command that runs it."""
    index.add(plain("spam", "ggbb"))
    for version in ("1.0", "1.5", "2.0"):
        index.add(release("ham", version, f"V = '{version}'"))
    check = "import ham, spam\nassert ham.V == '1.5'\nassert not spam.BROKEN, 'broken'\n"
    bisect.write("check.py", SEVERAL + check)
    by_command = asked(bisect)
    assert by_command["constraints"] == ["ham==1.5"]
    assert by_command["answer"] == "spam went bad in 1.2; 1.1 is the last good release before it."
    by_probe = bisect.json("--probe", "check.py", *QUICK)
    assert (by_probe["constraints"], by_probe["answer"]) == (["ham==1.5"], by_command["answer"])


def test_a_project_with_only_source_distributions_says_so(
    bisect: Command, index: LocalIndex
) -> None:
    for day, broken in enumerate((False, False, True, True)):
        index.add(sdist("spam", f"1.{day}", {"spam.py": f"BROKEN = {broken}\n"}))
    bisect.write("check.py", "import spam\nassert not spam.BROKEN\n")
    refused = bisect(*QUICK, *COMMAND)
    assert refused.status == 3
    version = sys.version.split()[0]
    assert refused.complaint == [
        (
            "error: none of the 4 releases of spam in the range can be searched on Python "
            f"{version} (only a source distribution, --allow-build would build it)"
        ),
        "hint: `bisect releases spam` says why of each; --pre searches pre-releases",
    ]
    built = asked(bisect, "--allow-build")
    assert built["answer"] == "spam went bad in 1.2; 1.1 is the last good release before it."


def test_three_thousand_releases_are_planned_from_their_listing_alone(
    bisect: Command, index: LocalIndex
) -> None:
    """Nothing is installed, and nothing asked but the one page: there are no files to be had."""
    versions = [f"1.{minor}.{patch}" for minor in range(30) for patch in range(100)]
    index.pages["spam"] = json.dumps(
        {
            "meta": {"api-version": "1.1"},
            "name": "spam",
            "versions": versions,
            "files": [
                {
                    "filename": f"spam-{version}-py3-none-any.whl",
                    "url": f"../../files/spam-{version}-py3-none-any.whl",
                    "hashes": {"sha256": f"{number:064x}"},
                }
                for number, version in enumerate(versions)
            ],
        }
    ).encode()
    began = time.monotonic()
    result = bisect("--dry-run", "--bad", "1.7.3", *QUICK, "--", "python", "-c", "import spam")
    took_s = time.monotonic() - began
    assert result.status == 0, result.errors
    # Both ends, 12 halvings of 3,000, and a second run of both sides: 2 + 12 + 2.
    version = sys.version.split()[0]
    assert result.output == (
        f"spam: 3000 candidates on cpython {version} from 1.0.0 to 1.29.99, "
        "0 pre-releases to zoom into, 0 excluded; about 16 runs if it changed once, "
        "up to 3000 if it never did\n"
        "starts with 1.29.99, 1.7.3, 1.0.0\n"
    )
    assert [request.path for request in index.requests] == ["/simple/spam/"]
    assert bisect.stored() == []
    # Seconds, also on a machine that is busy; one second per release would be an hour.
    assert took_s < 30


@pytest.mark.parametrize(
    "words",
    [
        ("--package", "spam", "--over", "dependencies"),
        ("--from", "old.txt", "--to", "new.txt"),
    ],
)
def test_a_dry_run_never_measures(
    bisect: Command, index: LocalIndex, words: tuple[str, ...]
) -> None:
    """Where it can't say what would be looked at, it says so instead of looking."""
    index.add(plain("spam", "gb"))
    for name, version in (("old.txt", "1.0"), ("new.txt", "1.1")):
        bisect.write(name, f"spam=={version}\n")
    result = bisect("--dry-run", *words, "--", "python", "-c", "import spam")
    assert (result.status, result.output, result.complaint) == (
        2,
        "",
        [
            "error: --dry-run shows what a search over releases would look at",
            "hint: leave it out, or leave out --from and --to, or --over",
        ],
    )
    assert (index.requests, bisect.stored()) == ([], [])


def test_a_name_that_is_spelt_otherwise_is_the_same_project(
    bisect: Command, index: LocalIndex
) -> None:
    """The index has spam-eggs-x; its module is spam_eggs_x."""
    for number, broken in enumerate((False, False, True)):
        module = {"spam_eggs_x.py": f"BROKEN = {broken}\n"}
        index.add(wheel("Spam.Eggs_x", f"1.{number}", module))
    check = "import spam_eggs_x\nassert not spam_eggs_x.BROKEN\n"
    bisect.write("check.py", check)
    words = ("--assure", "0", "--jobs", "2", *COMMAND)
    finding = bisect.json("--package", "Spam.Eggs_x", *words)
    assert finding["package"] == "spam-eggs-x"
    assert finding["answer"] == (
        "spam-eggs-x went bad in 1.2; 1.1 is the last good release before it."
    )
    made = len(bisect.stored())
    other = bisect.json("--package", "SPAM__eggs-X", *words)
    assert other["answer"] == finding["answer"]
    assert len(bisect.stored()) == made
    bisect.write("spam_eggs_x.py", SHADOW)
    bisect.write("check.py", f"{check}# another text\n")
    shadowed = bisect("--package", "spam-eggs-x", *words)
    assert shadowed.complaint[0] == (
        f"error: spam_eggs_x was imported from {bisect.folder / 'spam_eggs_x.py'}, "
        "not from the release of spam-eggs-x under test"
    )


def test_a_package_that_cannot_be_imported_is_a_failure(bisect: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "gguu"))
    bisect.write("check.py", "import spam\n")
    finding = asked(bisect, "--exhaustive")
    assert changes(finding) == [("introduced", "1.1", "1.2")]
    assert finding["answer"].endswith("It can't be imported: OSError: unfit (in spam.py:<module>).")
    (failure,) = finding["failures"]
    assert (failure["reason"], failure["releases"]) == ("import-failed", ["1.2", "1.3"])
    result = bisect(*QUICK, "--exhaustive", "--refresh", *COMMAND)
    assert result.status == 0
    assert "1.2          bad: import-failed " in result.errors, "the same word as in the table"
    assert "bad: import-failed" in result.output


def test_a_command_with_a_python_of_its_own_is_refused(bisect: Command, index: LocalIndex) -> None:
    """It has another copy of the package, or none: every release would be the same."""
    index.add(plain("spam", "gb"))
    bisect.write("check.py", "import spam\nassert not spam.BROKEN\n")
    other = bisect.folder / "other" / "bin"
    other.mkdir(parents=True)
    (other / "python3.11").symlink_to(sys.executable)
    (other / "tester").write_text(f"#!{sys.executable}\nimport spam\n")
    for program, instead in (("python3.11", "python"), ("tester", "tester")):
        result = bisect(*QUICK, "--", f"other/bin/{program}", "check.py")
        assert (result.status, result.complaint) == (
            2,
            [
                (
                    f"error: other/bin/{program} runs a Python of its own, not that of the "
                    "environment under test"
                ),
                (
                    f"hint: write `{instead}`, which is the environment's; --with PROJECT installs "
                    "what it needs"
                ),
            ],
        )


def test_a_command_that_never_imports_the_package_has_not_tested_it(
    bisect: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "gg"))
    answer = bisect.json(*QUICK, "--", "python", "-c", "print()")["answer"]
    assert "No run imported spam into Python: " in answer
    bisect.write("check.py", "import spam\n")
    assert "No run imported" not in asked(bisect)["answer"]


def test_a_run_that_was_killed_is_not_said_to_have_imported_nothing(
    bisect: Command, index: LocalIndex
) -> None:
    """What it imported it writes down as it ends."""
    index.add(plain("spam", "g"))
    hanging = "import spam, time\ntime.sleep(60)\n"
    words = ("--timeout", "1", "--", "python", bisect.write("hang.py", hanging))
    assert "No run imported" not in bisect.json(*QUICK, *words)["answer"]


def test_options_that_contradict_each_other_are_refused(bisect: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "gb"))
    bisect.write("check.py", "import spam\nassert not spam.BROKEN\n")
    for words, complaint in (
        (("--with", "Spam<1.1"), "error: --with Spam<1.1 is about the package whose releases are"),
        (("--any-failure", "--bad-timeout"), "error: --any-failure counts every failure, and "),
    ):
        result = bisect(*QUICK, *words, *COMMAND)
        assert result.status == 2
        assert result.complaint[0].startswith(complaint)
    result = bisect(*QUICK, "--isolated", "--", "python", ".")
    assert (result.status, result.complaint[0]) == (
        2,
        "error: --isolated copies what a command names, and not the whole current folder",
    )


def test_one_script_searched_in_several_ways_leaves_nothing_to_warn_of(
    bisect: Command, index: LocalIndex
) -> None:
    """Each way is stored under conditions of its own."""
    index.add(plain("spam", "gb", dependencies=["ham"]), release("ham", "1.0", ""))
    bisect.write("check.py", "import spam\nassert not spam.BROKEN, 'broken'\n")
    for options in ((), ("--bad-output", "broken"), ("--isolated",), (), ("--isolated",)):
        result = bisect(*QUICK, *options, *COMMAND)
        assert result.status == 0
        assert "is ignored" not in result.errors


def test_what_is_installed_beside_is_not_of_the_time_of_a_release(
    bisect: Command, index: LocalIndex
) -> None:
    """A tool of that time needn't run on this interpreter: only dependencies are dated."""
    index.add(plain("spam", "ggbb", dependencies=["ham"]), release("ham", "1.0", ""))
    index.add(release("tool", "1.0", "raise OSError('too old')"))
    index.add(release("tool", "2.0", "", day=50))
    bisect.write("check.py", "import tool, spam\nassert not spam.BROKEN\n")
    words = ("--with", "tool", "--exhaustive")
    released = asked(bisect, *words, "--dependencies", "released")
    assert changes(released) == [("introduced", "1.1", "1.2")]
    (transition,) = asked(bisect, *words)["transitions"]
    assert transition["cause"]["blame"] == "package"


@pytest.mark.parametrize("options", [(), ("--isolated",)])
def test_code_on_the_command_line_may_be_longer_than_a_file_name(
    bisect: Command, index: LocalIndex, options: tuple[str, ...]
) -> None:
    index.add(plain("spam", "gb"))
    code = f"import spam\n{'x = 1; ' * 200}\nassert not spam.BROKEN"
    finding = bisect.json(*QUICK, *options, "--", "python", "-c", code)
    assert changes(finding) == [("introduced", "1.0", "1.1")]


BROKEN_BACKEND = """\
import sys
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    print("a thousand lines of log")
    print("compiling", file=sys.stderr)
    raise RuntimeError("spam.h is not there")
"""


def test_extras_may_be_given_with_the_package(bisect: Command, index: LocalIndex) -> None:
    """Also with dependencies of its own time, where tools are those of today."""
    for number in range(4):
        index.add(
            wheel(
                "spam",
                f"1.{number}",
                {"spam.py": f"BROKEN = {number > 1}\n"},
                dependencies=["ham; extra == 'toast'"],
                upload_time=START + timedelta(days=number),
            )
        )
    index.add(release("ham", "1.0", ""), release("tool", "1.0", "", day=50))
    bisect.write("check.py", "import ham, spam, tool\nassert not spam.BROKEN\n")
    words = ("--package", "spam[toast]", "--with", "tool", "--assure", "0", "--jobs", "2")
    finding = bisect.json(*words, *COMMAND)
    assert finding["package"] == "spam"
    assert finding["answer"] == "spam went bad in 1.2; 1.1 is the last good release before it."
    assert finding["transitions"][0]["cause"]["blame"] == "package"
    assert "--package spam " in finding["replay"]
    assert "--with tool --with 'spam[toast]' " in finding["replay"]
    made = len(bisect.stored())
    bisect.json("--package", "spam", "--with", "tool", "--with", "spam[toast]", *COMMAND)
    assert len(bisect.stored()) == made


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_release_that_does_not_build_says_so_in_its_last_line(
    bisect: Command, index: LocalIndex, installer: str
) -> None:
    index.add(sdist("spam", "1.0", {"spam.py": ""}))
    index.add(sdist("spam", "1.1", {"spam.py": ""}, backend=BROKEN_BACKEND))
    bisect.write("check.py", "import spam\n")
    finding = asked(bisect, "--allow-build", "--installer", installer)
    assert changes(finding) == [("introduced", "1.0", "1.1")]
    assert finding["pin"] == (
        "Pin spam<1.1: 1.1 does not build (RuntimeError: spam.h is not there)."
    )
    run = bisect.stored("1.1")[0]
    assert (run["reason"], run["detail"]) == ("build-failed", "RuntimeError: spam.h is not there")
    assert run["signature"]["exception"] == "RuntimeError"


@pytest.mark.parametrize("sandbox", ["auto", "off"])
def test_who_lets_releases_be_built_is_told_that_no_sandbox_keeps_builds(
    bisect: Command, index: LocalIndex, sandbox: str
) -> None:
    index.add(plain("spam", "gb"))
    bisect.write("check.py", "import spam\nassert not spam.BROKEN\n")
    result = bisect(*QUICK, "--allow-build", "--sandbox", sandbox, *COMMAND)
    warning = "warning: --allow-build runs builds as yourself, in no sandbox"
    assert (warning in result.errors) == (sandbox == "auto")


def test_a_project_that_installs_nothing_names_the_one_to_give(
    bisect: Command, index: LocalIndex
) -> None:
    for number in range(2):
        index.add(wheel("spam", f"0.{number}", {}, dependencies=["spam-and-eggs"]))
    index.add(wheel("spam-and-eggs", "4.0", {"spam/__init__.py": ""}), release("ham", "1.0", ""))
    bisect.write("check.py", "import ham\nfrom spam import __file__\n")
    finding = asked(bisect, "--with", "ham")
    assert finding["answer"].endswith(
        "spam installs nothing itself; spam comes from spam-and-eggs: --package spam-and-eggs."
    )


REWRITES = """\
import pathlib, spam, sys
file = pathlib.Path(sys.argv[1])
if file.read_text() == "raw":
    file.write_text("fried")
    assert not spam.BROKEN
"""


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_a_command_that_rewrites_what_it_names_has_a_copy_for_each_run(
    bisect: Command, index: LocalIndex, jobs: str
) -> None:
    """Without, the second run on would find it rewritten and see nothing wrong."""
    bisect = replace(bisect, sandbox="off")  # in one it could not be rewritten
    index.add(plain("spam", "ggggbbgg"))
    bisect.write("check.py", REWRITES)
    bisect.write("egg.txt", "raw")
    words = ("--package", "spam", "--assure", "0", "--jobs", jobs, "--bad", "1.5")
    finding = bisect.json(*words, *COMMAND, "egg.txt")
    assert changes(finding) == [("introduced", "1.3", "1.4"), ("fixed", "1.5", "1.6")]
    assert "A run changed egg.txt; what the command names is put back, " in finding["answer"]
    assert (bisect.folder / "egg.txt").read_text() == "raw"


def test_what_is_rewritten_outside_of_the_folder_is_a_copy_too(
    bisect: Command, index: LocalIndex
) -> None:
    """The sandbox refuses to write it where it lies, and a copy of the folder is without it."""
    index.add(plain("spam", "ggggbbgg"))
    here, elsewhere = bisect.folder / "here", bisect.folder / "elsewhere"
    for folder, name, text in (
        (here, "beside.txt", ""),
        (elsewhere, "check.py", REWRITES),
        (elsewhere, "egg.txt", "raw"),
    ):
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    words = ("--package", "spam", "--assure", "0", "--bad", "1.5", "--", "python")
    finding = replace(bisect, folder=here).json(
        *words, str(elsewhere / "check.py"), str(elsewhere / "egg.txt")
    )
    assert changes(finding) == [("introduced", "1.3", "1.4"), ("fixed", "1.5", "1.6")]
    assert (elsewhere / "egg.txt").read_text() == "raw"


def test_a_device_may_be_named(bisect: Command, index: LocalIndex) -> None:
    """As in `pytest -c /dev/null`."""
    index.add(plain("spam", "ggggbbgg"))
    bisect.write("check.py", "import spam, sys\nopen(sys.argv[1])\nassert not spam.BROKEN\n")
    finding = bisect.json(*QUICK, "--bad", "1.5", *COMMAND, os.devnull)
    assert changes(finding) == [("introduced", "1.3", "1.4"), ("fixed", "1.5", "1.6")]


def test_a_cache_beside_the_command_is_not_read_by_the_next_run(
    bisect: Command, index: LocalIndex
) -> None:
    bisect = replace(bisect, sandbox="off")  # in one it could not be written
    index.add(plain("spam", "ggggbbgg"))
    bisect.write(
        "check.py",
        "import pathlib, spam\n"
        "cache = pathlib.Path('cache.txt')\n"
        "if not cache.exists():\n"
        "    cache.write_text(str(spam.BROKEN))\n"
        "assert cache.read_text() == 'False'\n",
    )
    finding = asked(bisect, "--bad", "1.5")
    assert changes(finding) == [("introduced", "1.3", "1.4"), ("fixed", "1.5", "1.6")]
    assert "A run changed cache.txt; " in finding["answer"]


def test_what_one_run_writes_is_not_read_by_one_beside_it(
    bisect: Command, index: LocalIndex
) -> None:
    """Not even where that one ends first, and would itself have changed nothing."""
    bisect = replace(bisect, sandbox="off")  # in one it could not be written
    index.add(plain("spam", "gggbb"))
    bisect.write(
        "check.py",
        "import pathlib, time, spam\n"
        "mark = pathlib.Path('failed.txt')\n"
        "if spam.BROKEN:\n"
        "    mark.touch()\n"
        "time.sleep(0.5 if spam.BROKEN else 0.3)\n"
        "assert not mark.exists()\n",
    )
    finding = bisect.json(*QUICK, "--jobs", "3", "--exhaustive", *COMMAND)
    assert changes(finding) == [("introduced", "1.2", "1.3")]
