"""Records which functions of a package a process enters, how often and in what order.

Not for the driver: this file is copied into an environment as ``_bisector_tracer`` and started by
a ``.pth`` file there, in each interpreter of one extra run that is never measured. Python 3.8 must
understand it. A line is written where a function is entered for the first time, so that it is known
of a process that is killed as well; how often each was entered, as the process exits.
"""

import atexit
import os
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

_RESUMED = 0x20 | 0x80 | 0x200
"""The flags of generators, coroutines and asynchronous generators, which are entered again."""

_MAX_NAMES = 20000
_DESCRIPTOR = 251
_STATM = "/proc/self/statm"
_started = []  # type: list[str]
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Tracer:
    """What is known of this process; ``roots`` are the files and folders of the package.

    With ``memory``, how much the process grew inside each function, without what it did inside
    others of the package that were called from there.
    """

    def __init__(self, folder: str, roots: "list[str]", modules: "list[str]", memory: bool) -> None:
        self.folder = folder
        self.roots = tuple(roots)
        self.modules = tuple(modules)
        self.counts = {}  # type: dict[CodeType, int]
        self.orders = {}  # type: dict[CodeType, int]
        self.last = {}  # type: dict[CodeType, int]
        self.raised = {}  # type: dict[CodeType, int]
        self.native = {}  # type: dict[str, int]
        self.files = {}  # type: dict[str, int]
        self.grown = {}  # type: dict[CodeType, int]
        self.known = {}  # type: dict[CodeType, bool]
        self.memory = memory and os.path.exists(_STATM)
        self.local = threading.local()
        self.clock = 0
        self.lock = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """Begin anew, with a file of this process; also in a child that was forked."""
        counted = (self.counts, self.orders, self.last, self.raised, self.native, self.files)
        for table in (*counted, self.grown):
            table.clear()
        self.lock = threading.Lock()
        name = "%d-%x.trace" % (os.getpid(), int(time.time() * 1e6))
        path = os.path.join(self.folder, name)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        # A high one, so that a script is given the numbers that it would be given without.
        os.dup2(descriptor, _DESCRIPTOR, inheritable=False)
        os.close(descriptor)

    def is_ours(self, code: "CodeType") -> bool:
        """Return whether a function is of the package."""
        ours = self.known.get(code)
        if ours is None:
            ours = self.known[code] = code.co_filename.startswith(self.roots)
        return ours

    def entered(self, code: "CodeType") -> None:
        """Count that a function of the package is entered."""
        self.clock += 1
        self.last[code] = self.clock
        if code in self.counts:
            self.counts[code] += 1
            return
        with self.lock:
            self.counts[code] = self.counts.get(code, 0) + 1
            self.orders.setdefault(code, len(self.orders))
        self.write("E", self.clock, *_named(code))

    def enter(self, code: "CodeType") -> None:
        """Note how large the process is as a function begins, or goes on."""
        stack = self.local.__dict__.setdefault("stack", [])
        stack.append([code, _resident_bytes(), 0])

    def leave(self, code: "CodeType") -> None:
        """Count how much the process has grown since, as a function ends or pauses."""
        stack = self.local.__dict__.get("stack")
        if not stack or stack[-1][0] is not code:
            return
        _, before, inside = stack.pop()
        grown = _resident_bytes() - before
        self.grown[code] = max(self.grown.get(code, 0), grown - inside)
        if stack:
            stack[-1][2] += grown

    def left_by_exception(self, code: "CodeType") -> None:
        """Count that an exception left a function of the package."""
        self.raised[code] = self.raised.get(code, 0) + 1

    def called(self, function: object, ours: bool) -> None:
        """Count the call of a function that isn't Python's, from the package or of its modules."""
        module = getattr(function, "__module__", None) or ""
        if not isinstance(module, str):
            return
        owner = getattr(function, "__self__", None)
        if not module and owner is not None:
            kind = owner if isinstance(owner, type) else type(owner)
            module = (
                getattr(owner, "__name__", "") if kind.__name__ == "module" else kind.__module__
            )
        if not ours and not module.startswith(self.modules):
            return
        name = getattr(function, "__qualname__", None) or getattr(function, "__name__", "")
        label = "%s.%s" % (module, name)
        if label in self.native:
            self.native[label] += 1
        elif len(self.native) < _MAX_NAMES:
            self.native[label] = 1

    def opened(self, event: str, arguments: "tuple[object, ...]") -> None:
        """Note a file of the package that is opened and no module; an audit hook (PEP 578)."""
        if event != "open" or not arguments or not isinstance(arguments[0], str):
            return
        path = arguments[0]
        if path.startswith(self.roots) and not path.endswith((".py", ".pyc")):
            self.files[path] = self.files.get(path, 0) + 1

    def end(self) -> None:
        """Write down how often each function was entered, and the traceback of the script."""
        for code, count in list(self.counts.items()):
            raised = self.raised.get(code, 0)
            grown = self.grown.get(code, 0)
            self.write("C", count, self.last.get(code, 0), raised, grown, *_named(code))
        for name, count in list(self.native.items()):
            self.write("N", count, name)
        for path, count in list(self.files.items()):
            self.write("F", count, path)
        trace = getattr(sys, "last_traceback", None)
        while trace is not None:
            self.write("T", *_named(trace.tb_frame.f_code))
            trace = trace.tb_next

    def write(self, *values: object) -> None:
        """Write a line; what stands in the way of that must not stand in the script's."""
        line = "\t".join(str(value).replace("\t", " ").replace("\n", " ") for value in values)
        try:
            os.write(_DESCRIPTOR, (line + "\n").encode("utf-8", "backslashreplace"))
        except OSError:
            return


def _resident_bytes() -> int:
    with open(_STATM, "rb", buffering=0) as file:
        return int(file.read().split()[1]) * _PAGE_BYTES


def _named(code: "CodeType") -> "tuple[object, ...]":
    return code.co_firstlineno, code.co_name, os.path.abspath(code.co_filename)


def _monitor(tracer: Tracer) -> None:
    """Count by ``sys.monitoring`` (PEP 669): what isn't of the package costs one look each."""
    monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]  # from Python 3.12 on
    free = [number for number in (2, 3, 4, 1, 0, 5) if monitoring.get_tool(number) is None]
    tool = free[0]
    events, off = monitoring.events, monitoring.DISABLE
    monitoring.use_tool_id(tool, "bisector")

    def entered(code: "CodeType", _offset: int) -> "Any":
        if not tracer.is_ours(code):
            return off
        tracer.entered(code)
        if tracer.memory:
            tracer.enter(code)
        return None

    def unwound(code: "CodeType", _offset: int, _error: BaseException) -> None:
        if tracer.is_ours(code):
            tracer.left_by_exception(code)
            left(code, 0, None)

    def resumed(code: "CodeType", _offset: int, _error: object = None) -> "Any":
        if not tracer.is_ours(code):
            return off if _error is None else None  # an event of exceptions can't be disabled
        tracer.enter(code)
        return None

    def left(code: "CodeType", _offset: int, _value: object) -> "Any":
        if not tracer.is_ours(code):
            return off
        if tracer.memory:
            tracer.leave(code)
        return None

    def called(code: "CodeType", _offset: int, function: object, _first: object) -> "Any":
        # The first call at each place tells what is called there.
        if not hasattr(function, "__code__"):
            tracer.called(function, tracer.is_ours(code))
        return off

    monitoring.register_callback(tool, events.PY_START, entered)
    monitoring.register_callback(tool, events.PY_UNWIND, unwound)
    monitoring.register_callback(tool, events.CALL, called)
    wanted = events.PY_START | events.PY_UNWIND | events.CALL
    if tracer.memory:
        monitoring.register_callback(tool, events.PY_RESUME, resumed)
        monitoring.register_callback(tool, events.PY_THROW, resumed)
        monitoring.register_callback(tool, events.PY_RETURN, left)
        monitoring.register_callback(tool, events.PY_YIELD, left)
        wanted |= events.PY_RESUME | events.PY_THROW | events.PY_RETURN | events.PY_YIELD
    monitoring.set_events(tool, wanted)


def _profile(tracer: Tracer) -> None:
    """Count by the profile function of each thread, as before Python 3.12."""
    by_operand = sys.version_info >= (3, 11)

    def first_time(frame: "FrameType") -> bool:
        if not frame.f_code.co_flags & _RESUMED:
            return True
        if by_operand:
            return frame.f_code.co_code[frame.f_lasti + 1] == 0  # RESUME at the start
        return frame.f_lasti < 0

    def profile(frame: "FrameType", event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call":
            if tracer.is_ours(code):
                if first_time(frame):
                    tracer.entered(code)
                if tracer.memory:
                    tracer.enter(code)
        elif event == "return":
            if tracer.memory and tracer.is_ours(code):
                tracer.leave(code)
        elif event == "c_call":
            tracer.called(argument, tracer.is_ours(code))

    threading.setprofile(profile)
    sys.setprofile(profile)


def _ending(tracer: Tracer, call: "Callable[..., object]") -> "Callable[..., object]":
    def wrapper(*args: object, **kwargs: object) -> object:
        tracer.end()
        return call(*args, **kwargs)

    return wrapper


def start(folder: str, roots: "list[str]", modules: "list[str]", memory: bool) -> None:
    """Trace this process from now on; where that can't be, leave it alone.

    A ``.pth`` file in a virtual environment is read twice.
    """
    if _started:
        return
    _started.append(folder)
    try:
        tracer = Tracer(folder, roots, modules, memory)
        atexit.register(tracer.end)
        os.register_at_fork(after_in_child=tracer.begin)
        for name in ("_exit", "execv", "execve"):
            setattr(os, name, _ending(tracer, getattr(os, name)))
        sys.addaudithook(tracer.opened)
        if hasattr(sys, "monitoring"):
            _monitor(tracer)
        else:
            _profile(tracer)
    except Exception:
        return
