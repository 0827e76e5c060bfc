"""Reports the memory, the uncaught exception and the crash of the process that imports it.

Not for the driver: this file is copied into the environment under test as ``_bisector_harness``
and imported there as each interpreter starts, if BISECTOR_RECORDS names a folder. A file
``<pid>-<image>.json`` appears in it as the process exits, and ``<pid>.fault`` (empty unless it
crashes) as it starts. Python 3.6 must understand it; it imports only what costs nothing, and
changes nothing that a script prints or can fail by. Visible to a script: ``os._exit``,
``os.execv`` and ``os.execve`` are wrapped (where they fail, the traceback has a frame more), and
one high descriptor is open.
"""

import atexit
import errno
import faulthandler
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Callable

_CRASH_DESCRIPTOR = 250
_MAIN = ("__main__", "runpy")
_MAX_FRAMES = 100
_MAX_ARGUMENTS = 50
_MAX_CHARS = 2000

_folder = os.environ.get("BISECTOR_RECORDS", "")
_pid = os.getpid()
_image = int(time.time() * 1e6)
_records_crash = False


def _report(ended_by: str) -> None:
    """Write the record of this process; a later one replaces it."""
    try:
        text = _encoded(_record(ended_by)).encode("ascii")
        path = "%s/%d-%x.json" % (_folder, os.getpid(), _image)
        descriptor = _open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            os.write(descriptor, text)
        finally:
            os.close(descriptor)
    except Exception:
        return


def _record(ended_by: str) -> "dict[str, object]":
    peak_memory_bytes, exact = _peak_memory_bytes()
    return {
        "pid": os.getpid(),
        "ppid": os.getppid(),
        "argv": _arguments(),
        "peak_memory_bytes": peak_memory_bytes,
        "exact": exact,
        "exception": _uncaught(),
        "imported": _imported(),
        "started_by": "exec" if os.getpid() == _pid else "fork",
        "ended_by": ended_by,
    }


def _imported() -> "dict[str, str]":
    """Where the modules named in BISECTOR_MODULES were imported from, those that were."""
    files = {}
    for name in os.environ.get("BISECTOR_MODULES", "").split():
        file = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(file, str):
            files[name] = os.path.abspath(file)[:_MAX_CHARS]
    return files


def _peak_memory_bytes() -> "tuple[int, bool]":
    """The high-water mark of this process, and whether it is its own alone (getrusage's isn't)."""
    try:
        status = _read("/proc/self/status")
        return int(status.partition(b"VmHWM:")[2].split(None, 1)[0]) * 1024, True
    except Exception:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024), False


def _arguments() -> "list[str]":
    try:
        arguments = [os.fsdecode(a) for a in _read("/proc/self/cmdline").split(b"\0")[:-1]]
    except Exception:
        arguments = getattr(sys, "orig_argv", None) or [sys.executable, *sys.argv]
    return [argument[:_MAX_CHARS] for argument in arguments[:_MAX_ARGUMENTS]]


def _uncaught() -> "dict[str, object] | None":
    """The exception that ended the main script, as the interpreter leaves it in ``sys.last_value``.

    ``sys.excepthook`` stays untouched: libraries look whether it is the original before they
    set theirs (https://github.com/agronholm/exceptiongroup). Test runners set ``last_value``
    too, for an exception that they caught: its traceback doesn't start in the main script.
    """
    error = getattr(sys, "last_value", None)
    trace = getattr(sys, "last_traceback", None)
    if error is None or (trace and trace.tb_frame.f_globals.get("__name__") not in _MAIN):
        return None
    first = _first_cause(error)
    return dict(
        _described(error, trace),
        first=None if first is error else _described(first, first.__traceback__),
    )


def _first_cause(error: "BaseException") -> "BaseException":
    """The exception that a chain of them begins with, as a traceback shows them."""
    seen = []  # type: list[BaseException]
    while not any(error is other for other in seen) and len(seen) < _MAX_FRAMES:
        seen.append(error)
        before = error.__cause__
        if before is None and not error.__suppress_context__:
            before = error.__context__
        if before is None:
            break
        error = before
    return error


def _described(error: "BaseException", trace: "TracebackType | None") -> "dict[str, object]":
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else "%s." % kind.__module__
    try:
        message = str(error)
    except Exception:
        message = ""
    return {
        "type": (module + kind.__qualname__)[:_MAX_CHARS],
        "message": message[:_MAX_CHARS],
        "errno": getattr(error, "errno", None) if isinstance(error, OSError) else None,
        "name": getattr(error, "name", None) if isinstance(error, ImportError) else None,
        "frames": _frames(trace) + _unparsed(error),
    }


def _unparsed(error: "BaseException") -> "list[object]":
    """Where a file that is no Python begins to be none, as a traceback shows it last."""
    file = getattr(error, "filename", None) if isinstance(error, SyntaxError) else None
    if not isinstance(file, str) or file.startswith("<"):
        return []
    return [[file[:_MAX_CHARS], getattr(error, "lineno", None) or 0, "<module>"]]


def _frames(trace: "TracebackType | None") -> "list[object]":
    frames = []  # type: list[object]
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append([code.co_filename[:_MAX_CHARS], trace.tb_lineno, code.co_name[:_MAX_CHARS]])
        if len(frames) > _MAX_FRAMES:
            del frames[_MAX_FRAMES // 2]
        trace = trace.tb_next
    return frames


def _encoded(value: object) -> str:
    """The value as JSON; the ``json`` module would cost more than all the rest of this file."""
    if isinstance(value, dict):
        return "{%s}" % ",".join("%s:%s" % (_encoded(k), _encoded(v)) for k, v in value.items())
    if isinstance(value, list):
        return "[%s]" % ",".join(map(_encoded, value))
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int):
        return str(int(value))
    units = memoryview(str(value).encode("utf-16-le", "surrogatepass")).cast("H")
    plain = (chr(u) if 32 <= u < 127 and u not in (34, 92) else "\\u%04x" % u for u in units)
    return '"%s"' % "".join(plain)


def _read(path: str) -> bytes:
    descriptor = _open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)


def _open(path: str, flags: int) -> int:
    global _records_crash
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno != errno.EMFILE or not _records_crash:
            raise
        # A script that leaks descriptors until none is left is worth a report.
        faulthandler.disable()
        os.close(_CRASH_DESCRIPTOR)
        _records_crash = False
        return os.open(path, flags, 0o600)


def _reporting(call: "Callable[..., object]", ended_by: str) -> "Callable[..., object]":
    def wrapper(*args: object, **kwargs: object) -> object:
        _report(ended_by)
        return call(*args, **kwargs)

    wrapper.__name__ = wrapper.__qualname__ = call.__name__
    wrapper.__doc__ = call.__doc__
    return wrapper


def _record_crash() -> None:
    """Have the frames written at a fatal signal, unless somebody else has asked for them already.

    The descriptor is high, so that a daemon that closes all of them doesn't get its number for
    something else, and is not inherited. A script that enables faulthandler itself replaces this.
    """
    global _records_crash
    if faulthandler.is_enabled():
        return
    try:
        os.fstat(_CRASH_DESCRIPTOR)
    except OSError:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open("%s/%d.fault" % (_folder, _pid), flags, 0o600)
        try:
            os.dup2(descriptor, _CRASH_DESCRIPTOR, inheritable=False)
        finally:
            os.close(descriptor)
        faulthandler.enable(_CRASH_DESCRIPTOR)
        _records_crash = True


def _activate() -> None:
    try:
        # Exit handlers run in reverse: the first one sees what the others used.
        atexit.register(_report, "exit")
        for name, ended_by in (("_exit", "_exit"), ("execv", "exec"), ("execve", "exec")):
            setattr(os, name, _reporting(getattr(os, name), ended_by))
        _record_crash()
    except Exception:
        return


if _folder:
    _folder = os.path.abspath(_folder)
    _activate()
