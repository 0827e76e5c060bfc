"""The supervisor of a run, once nobody holds the other end of its socket any more."""

from __future__ import annotations

import subprocess
import sys

import pytest

OUTLASTING = """
import builtins, ctypes, os, signal, sys, time
from bisector.run import supervisor

SUBREAPER = 36
ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
told, telling = os.pipe()

def daemon():
    if os.fork() == 0:
        os.setsid()
        os.write(telling, b"%d" % os.getpid())
        time.sleep(600)

where = sys.argv[1]
program = os.fork()
if program == 0:
    os.setsid()
    if where == "below":
        daemon()
    time.sleep(600)
if where == "beside":
    daemon()
daemons_pid = int(os.read(told, 16))

def once_the_program_ended(look):
    def looked(path, *options):
        if str(path).startswith(f"/proc/{program}/"):
            try:
                os.kill(program, signal.SIGKILL)
                os.waitpid(program, 0)
            except OSError:
                pass
        return look(path, *options)
    return looked

os.listdir = once_the_program_ended(os.listdir)
builtins.open = once_the_program_ended(open)
supervisor._kill_descendants(program)
ended, status = os.waitpid(daemons_pid, os.WNOHANG)
print(os.WTERMSIG(status))
if not ended:
    os.kill(daemons_pid, signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a subreaper")
@pytest.mark.parametrize("where", ["beside", "below"])
def test_a_daemon_is_killed_though_the_program_ends_while_it_is_looked_for(where: str) -> None:
    """Its parent's death hands it on, and takes away what was to be read of the parent."""
    told = subprocess.run(
        [sys.executable, "-c", OUTLASTING, where], capture_output=True, text=True, timeout=120
    )
    assert (told.stdout, told.stderr) == ("9\n", "")
