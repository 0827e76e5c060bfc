"""What differs between two releases, from the contents of hand-made wheels."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from wheels import wheel

from bisector.cause.changes import Changes, changes
from bisector.cause.contents import Contents, installed
from bisector.explanation import Edit, Sort

LONG = "    total = 0\n    for item in items:\n        total += item * 2\n    return total\n"


def between(old: dict[str, str], new: dict[str, str]) -> list[tuple[str, str, str]]:
    before, after = (Contents({p: t.encode() for p, t in f.items()}) for f in (old, new))
    return [(e.path, e.name, e.edit.value) for e in changes(before, after).edited]


def compared(
    folder: Path, old: dict[str, str], new: dict[str, str], **metadata: list[str]
) -> Changes:
    """The changes between two installed wheels."""
    read = []
    for version, modules in (("1.0", old), ("1.1", new)):
        built = wheel("spam", version, modules, dependencies=metadata.get(f"v{version}", ()))
        site_packages = folder / version
        zipfile.ZipFile(io.BytesIO(built.content)).extractall(site_packages)
        read.append(installed(site_packages, "spam"))
    return changes(*read)


def test_equal_releases_do_not_differ() -> None:
    assert between({"spam.py": "X = 1\n"}, {"spam.py": "X = 1\n"}) == []


def test_a_file_may_differ_and_nothing_in_it(tmp_path: Path) -> None:
    found = compared(tmp_path, {"spam.py": "x = 1"}, {"spam.py": "x = 1  # so"})

    assert (found.files, found.edited, found.functions) == (1, (), 0)


def test_what_was_added_changed_and_removed_is_named() -> None:
    old = {"spam.py": "def ham(): return 1\ndef eggs(): return 2\n"}
    new = {"spam.py": "def ham(): return 3\ndef toast(): return 4\n"}

    assert between(old, new) == [
        ("spam.py", "ham", "changed"),
        ("spam.py", "toast", "added"),
        ("spam.py", "eggs", "removed"),
    ]


def test_a_new_module_is_what_it_defines() -> None:
    assert between({}, {"spam/new.py": "def ham(): return 1\n"}) == [
        ("spam/new.py", "<module>", "added"),
        ("spam/new.py", "ham", "added"),
    ]


def test_a_function_that_kept_its_body_was_moved_or_renamed() -> None:
    old = {"a.py": f"def ham(items):\n{LONG}", "b.py": "X = 1\n"}
    new = {"a.py": "", "b.py": f"X = 1\nclass C:\n    pass\ndef toast(items):\n{LONG}"}

    before, after = (Contents({p: t.encode() for p, t in f.items()}) for f in (old, new))
    moved = [e for e in changes(before, after).edited if e.edit is Edit.MOVED]

    assert [(e.label, e.origin) for e in moved] == [("b.py:toast", "a.py:ham")]


def test_short_functions_are_alike_by_chance() -> None:
    old, new = {"a.py": "def ham(): return 1"}, {"a.py": "def eggs(): return 1"}

    assert ("a.py", "eggs", "added") in between(old, new)


def test_of_two_equal_bodies_nobody_knows_which_was_moved() -> None:
    old = {"a.py": f"def ham(items):\n{LONG}def eggs(items):\n{LONG}"}
    new = {"a.py": f"def toast(items):\n{LONG}"}

    assert ("a.py", "toast", "added") in between(old, new)


def test_extensions_and_data_are_called_what_they_are(tmp_path: Path) -> None:
    old = {"spam/fast.cpython-311-x86_64-linux-gnu.so": "1", "spam/table.json": "{}", "a.py": "("}
    new = {"spam/fast.cpython-312-x86_64-linux-gnu.so": "2", "spam/table.json": "[]", "a.py": ")"}

    found = compared(tmp_path, old, new)

    assert [(e.path, e.sort, e.edit) for e in found.edited] == [
        ("a.py", Sort.MODULE, Edit.CHANGED),
        ("spam/fast.cpython-312-x86_64-linux-gnu.so", Sort.EXTENSION, Edit.CHANGED),
        ("spam/table.json", Sort.DATA, Edit.CHANGED),
    ]


def test_requirements_are_compared_by_what_they_say(tmp_path: Path) -> None:
    requirements = {"v1.0": ["ham>=1", "eggs"], "v1.1": ["ham >= 2", "eggs", "toast; extra == 'x'"]}
    found = compared(tmp_path, {"a.py": ""}, {"a.py": ""}, **requirements)

    assert [(e.name, e.edit) for e in found.edited] == [
        ("ham>=2", Edit.CHANGED),
        ('toast; extra == "x"', Edit.ADDED),
    ]


MODULES = st.dictionaries(
    st.sampled_from(["a.py", "b.py", "data.txt"]),
    st.sampled_from(["", "X = 1\n", "def ham():\n    return 1\n", f"def eggs(items):\n{LONG}"]),
)


@given(MODULES, MODULES)
def test_the_way_back_is_the_way_there_turned_round(
    old: dict[str, str], new: dict[str, str]
) -> None:
    turned = {"added": "removed", "removed": "added"}
    there, back = between(old, new), between(new, old)

    counted = sorted((path, turned.get(edit, edit)) for path, _, edit in there if edit != "moved")
    assert counted == sorted((path, edit) for path, _, edit in back if edit != "moved")
    assert len(there) == len(back)
