"""Starts one program, tells how it ended, and lets nothing of it outlive the driver.

Not for the driver: this is run as a script by a Python of its own, between the driver and the
program. It imports only what costs nothing. Its one argument is the number of a socket: the
driver sends the job on it, ``supervisor`` answers there in lines of ASCII, and as soon as nobody
holds the other end any more, however the driver died, all that descends from it is killed. Inside
a PID namespace it is process 1, so that ending is enough; elsewhere it becomes a subreaper, so
that no descendant gets away.

The answers: ``started PID``, then ``ended PID STATUS WALL_S CPU_S`` where ``STATUS`` is that of
wait(2); or ``failed ERRNO FILE`` where the program can't be started.
"""

import _thread
import marshal
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_INIT = 1
_SIGPIPE, _SIGKILL, _SIGXFSZ = 13, 9, 25
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 36, 38
_LANDLOCK_RESTRICT_SELF = 446
_CAPABILITY_VERSION_3 = 0x20080522


def main() -> None:
    """Do the job that comes on the socket named by the only argument."""
    control = int(sys.argv[1])
    os.set_inheritable(control, False)
    job = _received(control)
    call = _c_library() if os.getpid() != _INIT and job["thorough"] else None
    if call:
        call.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    failing, failed = os.pipe()
    began = time.monotonic()
    program = os.fork()
    if program == 0:
        _become(job, failed, call)
    os.close(failed)
    if failure := os.read(failing, 4096):
        _answer(control, b"failed " + failure)
        os._exit(1)
    _thread.start_new_thread(_outlast, (control, program))
    _answer(control, b"started %d\n" % program)
    while True:
        try:
            ended, status, used = os.wait3(0)
        except ChildProcessError:
            time.sleep(3600)  # the driver says when it is over
            continue
        if ended == program:
            cpu_s = used.ru_utime + used.ru_stime
            wall_s = time.monotonic() - began
            _answer(control, b"ended %d %d %.6f %.6f\n" % (program, status, wall_s, cpu_s))


def _answer(control: int, text: bytes) -> None:
    """Tell the driver; where it is gone, that is seen to by `_outlast`."""
    try:
        os.write(control, text)
    except OSError:
        pass


def _received(control: int) -> "dict[str, Any]":
    """Return the job: its length as eight bytes, then what ``marshal`` made of it."""
    size = int.from_bytes(_exactly(control, 8), "little")
    job: dict[str, Any] = marshal.loads(_exactly(control, size))
    return job


def _exactly(control: int, size: int) -> bytes:
    content = b""
    while len(content) < size:
        chunk = os.read(control, size - len(content))
        if not chunk:
            os._exit(1)  # the driver died first
        content += chunk
    return content


def _c_library() -> "Any":
    try:
        import ctypes

        library = ctypes.CDLL(None, use_errno=True)
        return library if hasattr(library, "prctl") else None
    except (ImportError, OSError):
        return None


def _become(job: "dict[str, Any]", failed: int, call: "Any") -> None:
    """Turn into the program, in a session of its own, within its limits; never return."""
    file = ""
    try:
        os.setsid()
        _restore_signals()
        for limit, value in job["limits"]:
            _limit(limit, value)
        if call and job["thorough"]:
            call.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        if job["ruleset"] >= 0:
            _restrict(call, job["ruleset"])
        file = job["cwd"]
        os.chdir(file)
        file = job["command"][0]
        os.execvpe(file, job["command"], job["environ"])
    except OSError as error:
        os.write(failed, b"%d %s" % (error.errno or 0, os.fsencode(file)))
    finally:
        os._exit(127)


def _restore_signals() -> None:
    """Undo what Python ignores, as subprocess does."""
    # ``signal`` itself costs as much as all the rest of this file.
    import _signal  # type: ignore[import-not-found]  # it is private, and has no types

    for number in (_SIGPIPE, _SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)


def _limit(name: str, value: int) -> None:
    import resource

    number = getattr(resource, name, None)
    if number is None:
        return
    hard = resource.getrlimit(number)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(number, (value, value))


def _restrict(call: "Any", ruleset: int) -> None:
    """Enter a Landlock domain for good, without capabilities; raises OSError where it can't."""
    import ctypes

    call.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # Root's would let it look into other processes all the same.
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    if call.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    if call.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0) != 0:
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    os.close(ruleset)


def _outlast(control: int, program: int) -> None:
    """Wait until nobody holds the other end; kill what is left, and end."""
    try:
        while os.read(control, 1):
            pass
    except OSError:
        pass  # it died before it had read an answer
    if os.getpid() != _INIT:
        _kill_descendants(program)
    os._exit(0)


def _kill_descendants(program: int) -> None:
    try:
        os.killpg(program, _SIGKILL)
    except OSError:
        pass
    for _ in range(200):
        # Without children there are no descendants, and there never will be: nothing else forks.
        found = _descendants("self")
        if not found:
            return
        for pid in found:
            try:
                os.kill(pid, _SIGKILL)
            except OSError:
                pass
        time.sleep(0.005)


def _descendants(pid: str) -> "list[int]":
    """Return the processes below one that are known from /proc, zombies too.

    One whose parent ends meanwhile may be missing.
    """
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                children = file.read().split()
            for child in children:
                found += [int(child), *_descendants(str(int(child)))]
    except OSError:
        pass
    return found


if __name__ == "__main__":
    main()
