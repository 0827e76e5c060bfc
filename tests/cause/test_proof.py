"""Which commit a release was made of: what its tag is called, and whether its files agree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from git_history import History

from bisector.cause.contents import Contents
from bisector.cause.git import Repository, opened
from bisector.cause.proof import blob, compared, proved, tagged
from bisector.errors import UsageError

ONE = {"src/spam/__init__.py": "X = 1\n", "src/spam/core.py": "Y = 1\n"}


@pytest.mark.parametrize(
    ("tag", "is_one"),
    [
        ("1.5.0", True), ("v1.5.0", True), ("v.1.5.0", True), ("1.5", True), ("V1.5", True),
        ("spam-1.5.0", True), ("spam-v1.5.0", True), ("spam/1.5.0", True), ("spam@1.5.0", True),
        ("release-1.5.0", True), ("1_5_0", True),
        ("ham-1.5.0", False), ("1.5.1", False), ("v1.5.0rc1", False),
        ("latest", False), ("v", False),
    ],
)  # fmt: skip
def test_tags_are_known_by_their_spelling(tag: str, is_one: bool) -> None:
    assert tagged([tag], "spam", "1.5.0") == ([tag] if is_one else [])


@pytest.mark.parametrize("content", [b"", b"X = 1\n", bytes(range(256))])
def test_a_blob_is_called_what_git_calls_it(content: bytes) -> None:
    words = ["git", "hash-object", "--stdin"]
    named = subprocess.run(words, input=content, capture_output=True, check=True).stdout.decode()

    assert blob(content) == named.strip()


def test_a_tree_holds_a_release_wherever_its_package_lies() -> None:
    modules = {"spam/__init__.py": "a", "spam/core.py": "b"}
    tree = {"lib/spam/__init__.py": "a", "lib/spam/core.py": "b", "spam/__init__.py": "x"}

    proof = compared("c", "tag", tree, modules)

    assert proof.holds
    assert proof.places == {path: f"lib/{path}" for path in modules}


@pytest.mark.parametrize(
    ("tree", "holds"),
    [
        ({"spam/__init__.py": "a", "spam/core.py": "b"}, True),
        ({"spam/__init__.py": "a"}, True),  # the other is generated
        ({"spam/__init__.py": "a", "spam/core.py": "x"}, False),
        ({"spam/core.py": "x"}, False),
        ({}, False),
    ],
)
def test_one_module_that_differs_is_another_commit(tree: dict[str, str], holds: bool) -> None:
    modules = {"spam/__init__.py": "a", "spam/core.py": "b"}

    assert compared("c", "tag", tree, modules).holds is holds


def contents(files: dict[str, str]) -> Contents:
    return Contents({p.removeprefix("src/"): t.encode() for p, t in files.items()})


@pytest.fixture
def history(tmp_path: Path) -> History:
    history = History(tmp_path / "spam.git")
    first = history.commit("One", ONE)
    history.commit("Two", {"src/spam/core.py": "Y = 2\n"})
    third = history.commit("Three", {"README.md": "so\n"})
    history.tag("v1.0", first)
    history.tag("v1.1", third)
    history.write()
    return history


def test_a_tag_is_believed_where_the_files_agree(history: History) -> None:
    proof = proved(Repository(history.path), "spam", "1.0", contents(history.files[1]))

    assert proof.commit == history.identifiers[1]
    assert proof.sentence("1.0") == (
        f"1.0 is commit {history.identifiers[1][:12]} (tag v1.0): "
        "2 of its 2 modules are in that tree as they are"
    )


def test_of_equal_trees_in_a_row_the_first_is_the_commit(history: History) -> None:
    proof = proved(Repository(history.path), "spam", "1.7", contents(history.files[2]))

    assert (proof.commit, proof.by) == (history.identifiers[2], "found by its files")


def test_what_no_commit_holds_is_refused(history: History) -> None:
    with pytest.raises(UsageError, match=r"v1\.0 isn't of that release: 1 of its 2 modules differ"):
        proved(
            Repository(history.path), "spam", "1.0", contents({**ONE, "src/spam/core.py": "Z = 1"})
        )


def test_a_release_without_modules_can_not_be_known(history: History) -> None:
    with pytest.raises(UsageError, match="has no Python files"):
        proved(Repository(history.path), "spam", "1.0", Contents({"spam/fast.so": b""}))


def test_a_link_is_what_it_leads_to(tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    (folder / "spam").mkdir(parents=True)
    (folder / "spam" / "real.py").write_text("X = 1\n")
    (folder / "spam" / "link.py").symlink_to("real.py")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "Begin"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    repository = opened(str(folder), tmp_path)

    tree = repository.tree("HEAD")

    assert tree["spam/link.py"] == tree["spam/real.py"] == blob(b"X = 1\n")
