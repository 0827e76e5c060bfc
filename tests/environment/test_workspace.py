"""The folder that one run works in: gone afterwards, and swept where its owner was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bisector.environment.workspace import place, remove, sweep, workspace
from bisector.errors import InstallerError

OWNER = """
import sys, time
from pathlib import Path
from bisector.environment.workspace import workspace
with workspace(Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    time.sleep(600)
"""
LEFT = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


def owner(root: Path) -> tuple[subprocess.Popen[str], Path]:
    """Another process that works below ``root``, and the folder it works in."""
    running = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(root)], stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    return running, Path(running.stdout.readline().strip())


def kill(running: subprocess.Popen[str]) -> None:
    running.kill()
    running.communicate()


def test_it_is_gone_afterwards_with_all_that_was_left_in_it(tmp_path: Path) -> None:
    with workspace(tmp_path) as folder:
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "er" / "file").touch()
        (folder / "deep" / "er").chmod(0)
        (folder / "dangling").symlink_to("nowhere")
    assert not folder.exists()


def test_it_is_gone_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), workspace(tmp_path) as folder:
        raise KeyboardInterrupt
    assert not folder.exists()


@pytest.mark.parametrize("runs", [True, False])
def test_where_something_was_run_nothing_is_left_running(tmp_path: Path, runs: bool) -> None:
    """Also where the folder of the run is gone already; where nothing was, nobody is looked at."""
    code = f"""
        import subprocess, sys
        from pathlib import Path
        from bisector.environment.workspace import workspace
        from bisector.run import process
        with workspace(Path(sys.argv[1])) as folder:
            if {runs}:
                process.capture(["true"], environ={{}}, timeout_s=60)
            left = subprocess.Popen(
                ["sleep", "600"], start_new_session=True, env={{"HOME": str(folder / "1.0-run")}}
            )
        print(left.poll(), "psutil" in sys.modules)
        left.kill()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == (["-9", "True"] if runs else ["None", "False"])


def test_what_a_killed_owner_left_is_swept_and_its_processes_with_it(tmp_path: Path) -> None:
    running, folder = owner(tmp_path)
    (folder / "1.0-run").mkdir()
    left = subprocess.Popen(
        [sys.executable, "-c", LEFT],
        cwd=folder / "1.0-run",
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert left.stdout is not None
    left.stdout.readline()
    kill(running)
    assert folder.exists()
    with workspace(tmp_path) as other:
        assert not folder.exists()
        assert other.exists()
    left.communicate(timeout=60)
    assert left.returncode == -signal.SIGKILL


def test_what_a_living_owner_works_in_is_left_alone(tmp_path: Path) -> None:
    running, folder = owner(tmp_path)
    try:
        sweep(tmp_path)
        with workspace(tmp_path):
            assert folder.exists()
    finally:
        kill(running)


def test_a_folder_without_an_owner_is_swept(tmp_path: Path) -> None:
    """It was killed between making the folder and owning it."""
    (tmp_path / "run-half").mkdir()
    with workspace(tmp_path):
        assert not (tmp_path / "run-half").exists()


def test_removing_follows_no_link_out_of_the_folder(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(precious)
    remove(folder)
    assert not folder.exists()
    assert (precious / "file").exists()
    assert os.access(precious, os.R_OK)


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove(tmp_path / "never")


def test_a_place_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InstallerError) as caught, workspace(tmp_path / "file"):
        pass
    assert caught.value.message == (
        f"environments can't be made in {tmp_path / 'file'}: File exists"
    )
    assert "UV_CACHE_DIR" in caught.value.hint
    assert caught.value.exit_code == 4


def test_a_folder_that_nobody_may_enter_is_removed(tmp_path: Path) -> None:
    """As a user other than root, for whom permissions count."""
    closed = tmp_path / "run" / "closed" / "inside"
    closed.mkdir(parents=True)
    (closed / "file").touch()
    script = (
        "import os, pathlib, sys; sys.path[:0] = sys.argv[2:]\n"
        "from bisector.environment.workspace import remove\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "if os.geteuid() == 0:\n"
        "    for path in (folder, *folder.rglob('*')): os.chown(path, 65534, 65534)\n"
        "    os.chown(folder.parent, 65534, 65534)\n"
        "    os.seteuid(65534)\n"
        "(folder / 'closed' / 'inside').chmod(0)\n"
        "(folder / 'closed').chmod(0)\n"
        "folder.chmod(0)\n"
        "remove(folder)\n"
        "sys.exit(folder.exists())\n"
    )
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.geteuid() and parent.name.startswith(("pytest-", "popen-")):
            parent.chmod(0o755)
    tmp_path.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "run", *sys.path], check=False)
    assert done.returncode == 0


def test_a_place_is_one_persons_at_a_time_and_used_again(tmp_path: Path) -> None:
    places, work = tmp_path / "places", tmp_path / "work"
    with place(places, work) as first, place(places, work) as second:
        assert first != second
        assert not first.exists()
        first.mkdir()
    assert not first.exists()
    with place(places, work) as third:
        assert third == first


def test_a_place_is_empty_whatever_was_left_there(tmp_path: Path) -> None:
    (tmp_path / "0" / "env").mkdir(parents=True)
    with place(tmp_path, tmp_path / "work") as empty:
        assert empty == tmp_path / "0"
        assert not empty.exists()


def test_a_place_where_nothing_can_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(InstallerError, match="environments can't be made"),
        place(tmp_path / "file", tmp_path),
    ):
        pass
