"""What a command names of the caller's folder, and what its runs do to that."""

from __future__ import annotations

from pathlib import Path

from bisector.measure.caller import Caller, named


def test_a_file_that_a_run_made_is_not_taken_for_one_that_was_there(tmp_path: Path) -> None:
    """The command names it before another: each is put back as it was, or left as it is."""
    folder, records = tmp_path / "folder", tmp_path / "records"
    folder.mkdir()
    words = ("made.txt", "given.txt")
    (folder / "given.txt").write_text("as given")
    Caller(folder, named(words, folder), records).prepare()
    (folder / "made.txt").write_text("by a run")
    (folder / "given.txt").write_text("rewritten")
    later = Caller(folder, named(words, folder), records)
    later.prepare()
    assert later.rewritten() == ("given.txt",)
    assert (folder / "given.txt").read_text() == "as given"
    assert (folder / "made.txt").read_text() == "by a run"


def test_whether_a_run_was_alone_is_known_whenever_the_other_began_or_ended(tmp_path: Path) -> None:
    caller = Caller(tmp_path, (), tmp_path / "records")
    caller.prepare()
    with caller.running() as first:
        assert first()
        with caller.running() as beside:
            assert not beside()
            assert not first()
        assert not first()
    with caller.running() as later:
        assert later()
        since = caller.watch()
        assert not since()
    assert not since()
    since = caller.watch()
    assert since()
    with caller.running():
        pass
    assert not since()


def test_what_is_put_back_is_known_to_have_been_changed(tmp_path: Path) -> None:
    (tmp_path / "given.txt").write_text("as given")
    caller = Caller(tmp_path, named(["given.txt"], tmp_path), tmp_path / "records")
    caller.prepare()
    assert not caller.rewritten()
    assert not caller.spoils
    (tmp_path / "given.txt").write_text("rewritten")
    assert caller.rewritten()
    assert caller.spoils
