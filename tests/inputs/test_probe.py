"""Reading a probe: PEP 723 with its edge cases, and errors that name the line and the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from bisector.errors import UsageError
from bisector.inputs import command, probe

WHOLE = '''\
#!/usr/bin/env python3
# A timeout, a range and a package are named below.
# /// script
# requires-python = ">=3.9"
# dependencies = ["Spam_Eggs[fried]>=1", "ham"]
#
# [tool.bisector]
# package = "Spam.Eggs"
# range = ">=3.10,<3.13"
# timeout = 2.5
# crash = "bad"
# serial = true
# cases = ["fried", "boiled"]
#
# [tool.bisector.documented]
# issue = "https://example.org/1"
# fix = "https://example.org/2"
# good = ["3.11.18"]
# bad = ["3.12.7"]
# ///
"""Spam must be edible.

At length.
"""
import probekit
'''
HINT = "the metadata is TOML in comments, from `# /// script` to `# ///` (PEP 723)"


def written(folder: Path, text: str, name: str = "eggs.py") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def block(*lines: str) -> str:
    """A script with these lines in its metadata; the first of them is the script's second."""
    return "".join(f"{line}\n" for line in ("# /// script", *lines, "# ///", "import spam"))


def complaint(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        probe.read(path)
    assert caught.value.exit_code == 2
    assert caught.value.hint in (HINT, "the probe must be Python")
    return caught.value.message.removeprefix(f"{path}, ")


def test_all_of_a_probe_is_read(tmp_path: Path) -> None:
    written(tmp_path, "def report(): ...\n", "probekit.py")
    read = probe.read(written(tmp_path, WHOLE))
    assert (read.name, read.package, read.title) == ("eggs", "spam-eggs", "Spam must be edible.")
    assert (read.range, read.requires_python) == (
        SpecifierSet(">=3.10,<3.13"),
        SpecifierSet(">=3.9"),
    )
    assert (read.timeout_s, read.cases) == (2.5, ("fried", "boiled"))
    assert (read.crash_is_bad, read.serial) == (True, True)
    assert read.dependencies == ("Spam_Eggs[fried]>=1", "ham")
    assert (read.documented.good, read.documented.bad) == (("3.11.18",), ("3.12.7",))
    assert (read.documented.issue, read.documented.fix) == (
        "https://example.org/1",
        "https://example.org/2",
    )
    assert read.reports
    assert read.text == WHOLE
    assert read.companion == "def report(): ...\n"


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_line_endings_mean_nothing(tmp_path: Path, ending: str) -> None:
    """Not for what is read, nor for the digest: a checkout on Windows is the same probe."""
    unix = probe.read(written(tmp_path, WHOLE))
    other = probe.read(written(tmp_path, WHOLE.replace("\n", ending)))
    assert other == unix


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    read = probe.read(
        written(tmp_path, "\ufeff" + block("# [tool.bisector]", '# package = "spam"'))
    )
    assert (read.package, read.reports) == ("spam", True)


def test_a_script_without_metadata_is_a_plain_one(tmp_path: Path) -> None:
    read = probe.read(written(tmp_path, '"""Look."""\nimport spam\n'))
    assert (read.reports, read.package, read.title, read.timeout_s) == (False, "", "Look.", 60.0)


def test_a_plain_script_may_be_no_python_that_parses_here(tmp_path: Path) -> None:
    assert probe.read(written(tmp_path, "print 'python 2'\n")).title == ""


def test_metadata_of_other_tools_is_nothing_to_bisector(tmp_path: Path) -> None:
    read = probe.read(
        written(tmp_path, block('# dependencies = ["spam"]', "# [tool.uv]", "# x = 1"))
    )
    assert (read.reports, read.package) == (False, "spam")


def test_the_package_is_the_only_dependency_where_none_is_named(tmp_path: Path) -> None:
    one = probe.read(written(tmp_path, block('# dependencies = ["Spam"]', "# [tool.bisector]")))
    two = probe.read(written(tmp_path, block('# dependencies = ["a", "b"]', "# [tool.bisector]")))
    assert (one.package, two.package) == ("spam", "")


def test_a_block_at_the_very_end_needs_no_newline(tmp_path: Path) -> None:
    text = '# /// script\n# [tool.bisector]\n# package = "spam"\n# ///'
    assert probe.read(written(tmp_path, text)).package == "spam"


def test_a_block_of_another_type_is_no_metadata(tmp_path: Path) -> None:
    assert not probe.read(written(tmp_path, "# /// other\n# nonsense = = =\n# ///\n")).reports


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# /// script\n# x = 1\nimport spam\n", "line 1: the metadata block is not closed"),
        ("import a\n# /// script\n# x = 1", "line 2: the metadata block is not closed"),
        (
            "# /// script\n#x = 1\n# ///\n",
            "line 2: a line of the metadata must begin with `# `",
        ),
        (
            block("# [tool.bisector]") + block("# [tool.bisector]"),
            "line 5: there is a second metadata block",
        ),
        (block("# package = spam"), "line 2: Invalid value"),
        (block("# [tool.bisector]", "# a = 1", "# a = 2"), "line 4: Cannot overwrite a value"),
        (block('# dependencies = "spam"'), "line 2: dependencies is not a list of strings"),
        (block("# dependencies = 3"), "line 2: dependencies is not a list of strings"),
        (block("# dependencies = [3]"), "line 2: dependencies is not a list of strings"),
        (block('# dependencies = ["spam", "=1"]'), "line 2: '=1' is not a valid Requirement"),
        (block("# requires-python = 3"), "line 2: 3 is not a valid SpecifierSet"),
        (block('# requires-python = "3"'), "line 2: '3' is not a valid SpecifierSet"),
        (block("# tool = 3"), "line 2: tool is not a table"),
        (block("# [tool]", "# bisector = 3"), "line 3: bisector is not a table"),
        (
            block("# [tool.bisector]", '# pakage = "spam"'),
            "line 3: unknown key 'pakage'; did you mean package?",
        ),
        (
            block("# [tool.bisector]", "# timeout = '60'"),
            "line 3: timeout has the wrong type: '60'",
        ),
        (
            block("# [tool.bisector]", "# timeout = true"),
            "line 3: timeout has the wrong type: True",
        ),
        (
            block("# [tool.bisector]", "# timeout = 0"),
            "line 3: timeout is not a number of seconds above 0",
        ),
        (
            block("# [tool.bisector]", "# timeout = nan"),
            "line 3: timeout is not a number of seconds above 0",
        ),
        (
            block("# [tool.bisector]", "# timeout = inf"),
            "line 3: timeout is not a number of seconds above 0",
        ),
        (
            block("# [tool.bisector]", "# serial = 1"),
            "line 3: serial has the wrong type: 1",
        ),
        (
            block("# [tool.bisector]", '# crash = "good"'),
            "line 3: crash can only be 'bad', not 'good'",
        ),
        (block("# [tool.bisector]", "# package = 3"), "line 3: package has the wrong type: 3"),
        (
            block("# [tool.bisector]", '# package = "no such!"'),
            "line 3: 'no such!' is not the name of a project",
        ),
        (
            block("# [tool.bisector]", '# range = "3.x"'),
            "line 3: '3.x' is not a valid SpecifierSet",
        ),
        (block("# [tool.bisector]", "# cases = [1]"), "line 3: cases is not a list of strings"),
        (
            block("# [tool.bisector]", '# cases = ["a", "a"]'),
            "line 3: cases names 'a' twice",
        ),
        (
            block("# [tool.bisector]", "# [tool.bisector.documented]", '# bad = ["1", "one"]'),
            "line 4: 'one' is not a valid Version",
        ),
        (
            block("# [tool.bisector]", "# [tool.bisector.documented]", '# bda = ["1"]'),
            "line 4: unknown key 'bda'; did you mean bad?",
        ),
        (block("# [tool.bisector]") + "def f(:\n", "line 5: invalid syntax"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    assert complaint(written(tmp_path, text)).startswith(expected)


def test_prose_above_the_block_is_not_where_the_fault_is_looked_for(tmp_path: Path) -> None:
    text = "# timeout of the whole thing\n" + block("# [tool.bisector]", "# timeout = '1'")
    assert complaint(written(tmp_path, text)) == "line 4: timeout has the wrong type: '1'"


def test_a_script_that_is_no_text_is_told_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "eggs.py"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError) as caught:
        probe.read(path)
    assert caught.value.message == f"{path} can't be read: it is not UTF-8 text"


def test_every_case_is_a_probe_and_one_can_be_named(tmp_path: Path) -> None:
    path = str(written(tmp_path, WHOLE))
    assert [one.case for one in probe.load(path)] == ["fried", "boiled"]
    assert [one.case for one in probe.load(f"{path}[boiled]")] == ["boiled"]
    with pytest.raises(UsageError) as caught:
        probe.load(f"{path}[raw]")
    assert caught.value.message == "probe eggs has no case 'raw'"
    assert caught.value.hint == "its cases are fried, boiled"


def test_a_script_whose_name_has_brackets_is_found_by_it(tmp_path: Path) -> None:
    path = written(tmp_path, block("# [tool.bisector]", '# package = "spam"'), "eggs[1].py")
    assert [one.name for one in probe.load(str(path))] == ["eggs[1]"]


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        (
            "iobase_payloda",
            "there is no probe named 'iobase_payloda'",
            "did you mean iobase_payload",
        ),
        ("xyzzy", "there is no probe named 'xyzzy'", "`bisect probes` lists what there is"),
        ("probekit", "there is no probe named 'probekit'", ""),
        ("xyzzy.py", "there is no file xyzzy.py", "give a probe's name or a script's path"),
        ("no/such", "there is no file no/such", "give a probe's name or a script's path"),
    ],
)
def test_an_unknown_name_gets_near_ones(name: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        probe.load(name)
    assert caught.value.message == message
    assert caught.value.hint.startswith(hint)


def test_every_probe_of_the_catalogue_can_be_read() -> None:
    for name in probe.names():
        for one in probe.load(name):
            assert one.reports
            assert one.package
            assert one.title


def test_what_is_run_is_in_the_digest(tmp_path: Path) -> None:
    """The script's text and probekit's, where the script imports that."""
    path, kit = written(tmp_path, WHOLE), written(tmp_path, "a = 1\n", "probekit.py")
    first = probe.read(path).digest
    kit.write_text("a = 2\n", encoding="utf-8")
    second = probe.read(path).digest
    path.write_text(WHOLE + "\n", encoding="utf-8")
    assert len({first, second, probe.read(path).digest}) == 3
    alone = probe.read(written(tmp_path, "import spam\n", "alone.py")).digest
    kit.write_text("a = 3\n", encoding="utf-8")
    assert probe.read(tmp_path / "alone.py").digest == alone


def test_texts_that_part_elsewhere_have_another_digest() -> None:
    assert probe.digest("ab", "c") != probe.digest("a", "bc") != probe.digest("abc")


def test_files_that_a_command_names_are_in_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "assert True\n", "check.py")
    first = command.from_command(["python", "check.py"], "Spam")
    written(tmp_path, "assert False\n", "check.py")
    second = command.from_command(["python", "check.py"], "Spam")
    assert (first.name, first.package, first.reports) == ("check", "spam", False)
    assert first.digest != second.digest
    assert command.from_command(["python", "-c", "pass"], "spam").name == "python"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("eggs", "eggs"),
        ("eggs[raw]", "eggs[raw]"),
        ("./eggs.py", "eggs"),
        ("some/folder/eggs.py[raw]", "eggs[raw]"),
    ],
)
def test_a_probe_is_stored_under_one_name_however_it_is_given(given: str, stored: str) -> None:
    assert probe.spelt(given) == stored


def test_a_script_of_another_language_is_a_command(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_text("exit 1\n")
    with pytest.raises(UsageError) as caught:
        probe.read(path)
    assert caught.value.message == f"{path} is not a Python script"
    assert caught.value.hint == f"run it as a command: --package PROJECT -- {path}"


def test_a_script_that_a_command_lacks_is_no_release_s_fault() -> None:
    with pytest.raises(UsageError, match=r"there is no file nowhere\.py"):
        command.from_command(["python", "nowhere.py"], "spam")
