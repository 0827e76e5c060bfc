"""Two sets of pins of which one is good and the other bad: which changes it takes, end to end."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest
from e2e.command import Command, Result
from e2e.projects import release
from local_index import LocalIndex
from wheels import Built, wheel

SETS = ("--from", "old.txt", "--to", "new.txt", "--jobs", "2")
COMMAND = ("--", "python", "check.py")
Pins = Mapping[str, str]


def compare(ask: Command, *words: str) -> Result:
    return ask(*SETS, *words, *COMMAND)


def write(ask: Command, check: str, old: Pins, new: Pins) -> None:
    """Write the script, and both sets as `pip freeze` prints them."""
    ask.write("check.py", check)
    for name, pins in (("old.txt", old), ("new.txt", new)):
        ask.write(name, "".join(f"{project}=={version}\n" for project, version in pins.items()))


def versions(name: str, *numbers: str, needs: Mapping[str, list[str]] | None = None) -> list[Built]:
    """Return releases of a project that know their version as a number."""
    return [
        release(name, n, f"V = {float(n)}", day=day, dependencies=(needs or {}).get(n, ()))
        for day, n in enumerate(numbers)
    ]


def runs(ask: Command) -> int:
    return len(ask.stored())


@pytest.fixture
def locked(bisect: Command, index: LocalIndex) -> Command:
    """Two locks with 30 changes, of which ham from 1.2 on and eggs from 1.1 on break it together.

    What else is pinned in both is no change.
    """
    names = [f"lib-{number:02}" for number in range(28)]
    for name in names:
        index.add(wheel(name, "1.0"), wheel(name, "2.0"))
    index.add(wheel("same", "1.0"))
    index.add(versions("ham", "1.0", "1.1", "1.2", "1.3", "2.0"), versions("eggs", "1.0", "1.1"))
    write(
        bisect,
        "import eggs, ham\nassert not (ham.V >= 1.2 and eggs.V >= 1.1), 'ham and eggs'\n",
        {**dict.fromkeys(names, "1.0"), "ham": "1.0", "eggs": "1.0", "same": "1.0"},
        {**dict.fromkeys(names, "2.0"), "ham": "2.0", "eggs": "1.1", "same": "1.0"},
    )
    return bisect


def test_two_of_thirty_changes_that_break_it_only_together(locked: Command) -> None:
    """Both are named with the release of each; the 28 others were in and out, and never matter."""
    first = compare(locked)
    assert first.status == 0, first.errors
    assert first.answer == (
        "It went bad from old.txt to new.txt: of 30 changed distributions, "
        "it takes eggs 1.0 → 1.1 and ham 1.1 → 1.2 together."
    )
    assert "30 distributions of 31 changed from old.txt to new.txt" in first.errors
    made = runs(locked)
    found = json.loads(compare(locked, "--format", "json").output)
    assert runs(locked) == made, "what is stored was measured again"
    assert [c["change"] for c in found["culprits"]] == [
        {"name": "eggs", "before": "1.0", "after": "1.1"},
        {"name": "ham", "before": "1.0", "after": "2.0"},
    ]
    assert [[(t["before"], t["after"]) for t in c["transitions"]] for c in found["culprits"]] == [
        [("1.0", "1.1")],
        [("1.1", "1.2")],
    ]
    assert len(found["changes"]) == 30
    assert [end["outcome"] for end in found["ends"]] == ["good", "bad"]
    assert found["untestable"] == 0
    # Two culprits of 30 take about 2 (log2 30 + 1), and ddmin's last word a few more.
    assert found["combinations"] <= 18


def test_all_formats_say_the_same(bisect: Command, index: LocalIndex) -> None:
    index.add(versions("ham", "1.0", "2.0"), versions("eggs", "1.0", "2.0"))
    check = '"""Breakfast must be edible."""\nimport ham\nassert ham.V < 2, "ham!"\n'
    both = {"ham": "1.0", "eggs": "1.0"}, {"ham": "2.0", "eggs": "2.0"}
    write(bisect, check, *both)
    text = compare(bisect)
    said = "It went bad from old.txt to new.txt: of 2 changed distributions, it is ham 1.0 → 2.0."
    assert text.answer == said
    found = json.loads(compare(bisect, "--format", "json").output)
    interpreter = f"CPython {found['python']}, {found['platform']}"
    replay = f"bisect --from old.txt --to new.txt --python {found['python'].rpartition('.')[0]}"
    replay += " -- python check.py"
    assert [line.rstrip() for line in text.output.splitlines()] == [
        "check: python check.py",
        "",
        *said.splitlines(),
        "",
        "changed  old.txt  new.txt",
        "ham      1.0      2.0      needed: 1.0 → 2.0",
        "eggs     1.0      2.0",
        "",
        "said       old.txt is good: exited with status 0",
        "           new.txt is bad: AssertionError: ham!",
        f"looked at  {found['combinations']} combinations of 2 changes",
        f"conditions {interpreter}",
        f"replay     {replay}",
    ]
    assert (found["schema"], found["answer"]) == ("bisector/comparison/1", said)
    assert (found["from"], found["to"], found["differs"]) == ("old.txt", "new.txt", True)
    assert found["replay"] == replay
    markdown = compare(bisect, "--format", "markdown").output
    assert markdown.partition("<details>")[0] == (
        "# check: python check.py\n\n"
        f"{said}\n\n"
        "| changed | old.txt | new.txt |  |\n"
        "| --- | --- | --- | --- |\n"
        "| ham | 1.0 | 2.0 | needed: 1.0 → 2.0 |\n"
        "| eggs | 1.0 | 2.0 |  |\n\n"
        "- said: old.txt is good: exited with status 0\n"
        "- said: new.txt is bad: AssertionError: ham!\n"
        f"- looked at: {found['combinations']} combinations of 2 changes\n"
        f"- conditions: {interpreter.replace('_', chr(92) + '_')}\n"
        f"- again: `{replay}`\n\n"
    )


def test_a_mix_that_does_not_resolve_is_untestable_not_bad(
    bisect: Command, index: LocalIndex
) -> None:
    """Ham 2.0 alone breaks it, but only goes with bacon 2.0: without either it isn't bad."""
    index.add(versions("ham", "1.0", "2.0"), versions("eggs", "1.0", "2.0"))
    needs = {"1.0": ["ham<2"], "2.0": ["ham>=2"]}
    index.add(versions("bacon", "1.0", "2.0", needs=needs))
    write(
        bisect,
        "import ham\nassert ham.V < 2\n",
        {"ham": "1.0", "bacon": "1.0", "eggs": "1.0"},
        {"ham": "2.0", "bacon": "2.0", "eggs": "2.0"},
    )
    found = compare(bisect)
    assert found.status == 0, found.errors
    assert found.answer == (
        "It went bad from old.txt to new.txt: of 3 changed distributions, "
        "it takes bacon 1.0 → 2.0 and ham 1.0 → 2.0 together."
    )
    told = json.loads(compare(bisect, "--format", "json").output)
    assert told["untestable"] > 0
    looked = next(line for line in found.output.splitlines() if line.startswith("looked at"))
    assert looked == (
        f"looked at  {told['combinations']} combinations of 3 changes; "
        f"{told['untestable']} of them could not be tested"
    )


def test_a_smaller_step_that_goes_without_the_others_is_enough(
    bisect: Command, index: LocalIndex
) -> None:
    """Only ham 2.0 needs bacon 2.0; it went bad in 1.5 already, which goes with either bacon."""
    index.add(versions("ham", "1.0", "1.4", "1.5", "2.0"), versions("eggs", "1.0", "2.0"))
    needs = {"1.0": ["ham<2"], "2.0": ["ham>=1.4"]}
    index.add(versions("bacon", "1.0", "2.0", needs=needs))
    write(
        bisect,
        "import ham\nassert ham.V < 1.5\n",
        {"ham": "1.0", "bacon": "1.0", "eggs": "1.0"},
        {"ham": "2.0", "bacon": "2.0", "eggs": "2.0"},
    )
    assert compare(bisect).answer == (
        "It went bad from old.txt to new.txt: of 3 changed distributions, it is ham 1.4 → 1.5."
    )


def test_a_conflict_beside_the_culprit_does_not_hide_it(bisect: Command, index: LocalIndex) -> None:
    index.add(versions("ham", "1.0", "2.0"), versions("eggs", "1.0", "1.5", "2.0"))
    needs = {"1.0": ["ham<2"], "2.0": ["ham>=2"]}
    index.add(versions("bacon", "1.0", "2.0", needs=needs))
    write(
        bisect,
        "import eggs\nassert eggs.V < 1.5\n",
        {"ham": "1.0", "bacon": "1.0", "eggs": "1.0"},
        {"ham": "2.0", "bacon": "2.0", "eggs": "2.0"},
    )
    assert compare(bisect).answer == (
        "It went bad from old.txt to new.txt: of 3 changed distributions, it is eggs 1.0 → 1.5."
    )


IMPORTABLE = "import importlib.util\nassert importlib.util.find_spec('jam') is None, 'sticky'\n"


def test_a_package_that_came_in(bisect: Command, index: LocalIndex) -> None:
    """And in the other direction it is the one that went."""
    index.add(versions("ham", "1.0", "2.0"), versions("jam", "1.0"), versions("toast", "1.0"))
    write(
        bisect,
        IMPORTABLE,
        {"ham": "1.0", "toast": "1.0"},
        {"ham": "2.0", "jam": "1.0"},
    )
    result = compare(bisect)
    assert result.answer == (
        "It went bad from old.txt to new.txt: of 3 changed distributions, "
        "it is jam 1.0, which came in."
    )
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "jam - 1.0 needed: 1.0, which came in" in lines
    back = bisect("--from", "new.txt", "--to", "old.txt", *COMMAND)
    assert back.status == 0
    assert back.answer == (
        "It was fixed from new.txt to old.txt: of 3 changed distributions, "
        "it is jam 1.0, which went."
    )


def test_nothing_but_a_dependency_of_a_pin_that_changed(bisect: Command, index: LocalIndex) -> None:
    """A set is completed: what isn't pinned, but needed, is a change as well."""
    index.add(versions("ham", "1.0", "2.0", needs={"1.0": ["jam<2"], "2.0": ["jam>=2"]}))
    index.add(versions("jam", "1.0", "2.0"))
    write(bisect, "import jam\nassert jam.V < 2\n", {"ham": "1.0"}, {"ham": "2.0"})
    assert compare(bisect).answer == (
        "It went bad from old.txt to new.txt: of 2 changed distributions, "
        "it takes ham 1.0 → 2.0 and jam 1.0 → 2.0 together."
    )


def test_sets_that_make_no_difference(bisect: Command, index: LocalIndex) -> None:
    index.add(versions("ham", "1.0", "2.0"))
    write(bisect, "import ham\n", {"ham": "1.0"}, {"ham": "2.0"})
    result = compare(bisect)
    assert (result.status, result.answer) == (
        1,
        "No difference: with old.txt and with new.txt it is good.",
    )
    bisect.write("new.txt", "ham==1.0  # the same\n")
    result = compare(bisect)
    assert (result.status, result.complaint) == (
        2,
        ["error: old.txt and new.txt lead to the same versions", "hint: compare others"],
    )


def test_a_set_that_cannot_be_installed_is_an_error(bisect: Command, index: LocalIndex) -> None:
    """Not bad, and not a difference: nothing can be said of what isn't there."""
    index.add(versions("ham", "1.0", "2.0", needs={"2.0": ["eggs<2"]}), versions("eggs", "2.0"))
    write(bisect, "import ham\n", {"ham": "1.0", "eggs": "2.0"}, {"ham": "2.0", "eggs": "2.0"})
    result = compare(bisect)
    assert result.status == 2
    error, hint = result.complaint
    assert error.startswith("error: new.txt can't be installed: ")
    assert "ham==2.0" in error
    assert hint == ("hint: both sets must be installable here; --python names another interpreter")
    assert runs(bisect) == 0


def test_a_set_whose_run_decides_nothing_is_undecided(bisect: Command, index: LocalIndex) -> None:
    index.add(versions("ham", "1.0", "2.0"))
    check = "import ham, sys\nsys.exit(125 if ham.V == 2 else 0)\n"
    write(bisect, check, {"ham": "1.0"}, {"ham": "2.0"})
    result = compare(bisect)
    assert (result.status, result.answer) == (
        3,
        "Undecided: new.txt could not be tested (skipped-by-probe: exited with status 125).",
    )


def test_a_search_that_was_cut_off_goes_on_where_it_was(locked: Command) -> None:
    """What is missing of the store is measured, and nothing else.

    One at a time: of several, those that were stopped are not stored.
    """
    compare(locked, "--jobs", "1")
    files = sorted(locked.results.glob("*/*/*/*.jsonl"))
    made, gone = locked.stored(), []
    for path in files[::3]:
        lines = path.read_text().splitlines(keepends=True)
        gone += [line for line in lines if '"schema":"bisector/measurement/1"' in line]
        path.write_text("".join(line for line in lines if line not in gone))
    result = compare(locked, "--jobs", "1")
    assert result.answer.endswith("it takes eggs 1.0 → 1.1 and ham 1.1 → 1.2 together.")
    assert runs(locked) <= len(made)
    measured = re.findall(r"^.* (?:good|bad) +\d+\.\d\d s", result.errors, re.MULTILINE)
    assert 0 < len(measured) <= len(gone)


def test_what_is_frozen_may_be_an_options_line_a_comment_or_a_marker(
    bisect: Command, index: LocalIndex
) -> None:
    index.add(versions("ham", "1.0", "2.0"), versions("eggs", "1.0", "2.0"))
    write(bisect, "import ham\nassert ham.V < 2\n", {"ham": "1.0"}, {})
    bisect.write(
        "new.txt",
        "--no-binary nothing\n# frozen\nHam==2.0 \\\n  --hash=sha256:abc\n"
        "eggs==2.0 ; python_version < '3'\n",
    )
    assert compare(bisect).answer == (
        "It went bad from old.txt to new.txt: of 1 changed distribution, it is ham 1.0 → 2.0."
    )


def test_two_pylock_files(bisect: Command, index: LocalIndex) -> None:
    index.add(versions("ham", "1.0", "1.5", "2.0"), versions("eggs", "1.0", "2.0"))
    bisect.write("check.py", "import ham\nassert ham.V < 1.5\n")
    for name, version in (("pylock.old.toml", "1.0"), ("pylock.new.toml", "2.0")):
        packages = "".join(
            f'[[packages]]\nname = "{project}"\nversion = "{version}"\n[[packages.wheels]]\n'
            f'url = "{bisect.index_url}{project}-{version}-py3-none-any.whl"\n'
            f'hashes = {{sha256 = "{"0" * 64}"}}\n'
            for project in ("eggs", "ham")
        )
        bisect.write(name, f'lock-version = "1.0"\ncreated-by = "hand"\n{packages}')
    result = bisect("--from", "pylock.old.toml", "--to", "pylock.new.toml", *COMMAND)
    assert result.status == 0, result.errors
    assert result.answer == (
        "It went bad from pylock.old.toml to pylock.new.toml: of 2 changed distributions, "
        "it is ham 1.0 → 1.5."
    )


def test_changes_that_do_it_each_by_themselves_are_all_named(
    bisect: Command, index: LocalIndex
) -> None:
    """Taking back the first one would leave it bad."""
    index.add(versions("ham", "1.0", "1.1", "1.2"), versions("eggs", "1.0", "1.1"))
    index.add(versions("toast", "1.0", "1.1"))
    write(
        bisect,
        "import eggs, ham\nassert ham.V < 1.2 and eggs.V < 1.1, 'either'\n",
        {"ham": "1.0", "eggs": "1.0", "toast": "1.0"},
        {"ham": "1.2", "eggs": "1.1", "toast": "1.1"},
    )
    result = compare(bisect)
    assert result.answer == (
        "It went bad from old.txt to new.txt: of 3 changed distributions, it is eggs 1.0 → 1.1. "
        "Even without that it went bad: ham 1.1 → 1.2 would do as well."
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ("--from", "old.txt"),
            ["error: --from and --to go together", "hint: give the good set and the bad one"],
        ),
        (
            (*SETS, "--package", "ham"),
            [
                (
                    "error: --from and --to compare two sets, --package is about one "
                    "project's releases"
                ),
                "hint: leave out the one or the other",
            ],
        ),
        (
            (*SETS, "--over", "dependencies"),
            [
                "error: --from and --to compare two sets, --over is about one project's releases",
                "hint: leave out the one or the other",
            ],
        ),
    ],
)
def test_sets_go_with_nothing_that_names_releases(
    bisect: Command, words: tuple[str, ...], complaint: list[str]
) -> None:
    write(bisect, "", {"ham": "1.0"}, {"ham": "2.0"})
    result = bisect(*words, *COMMAND)
    assert (result.status, result.complaint) == (2, complaint)
