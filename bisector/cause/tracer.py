"""Records which functions of a package a process enters, how often, in what order, called by which.

Not for the driver: this file is copied into an environment as ``_bisector_tracer``, with the hooks
beside it, and started by a ``.pth`` file there, in each interpreter of one extra run that is never
measured. Python 3.8 must understand it. A line is written where a function is entered for the first
time, so that it is known of a process that is killed as well; how often each was entered, as the
process exits.
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

_MAX_NAMES = 20000
_FARTHEST = 30
"""Functions outside of the package between one of it and the one that called that, at most."""

_DESCRIPTOR = 251
_STATM = "/proc/self/statm"
_started = []  # type: list[str]
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Entered:
    """What is known of one function; ``last`` is the clock as it was last entered."""

    __slots__ = ("calls", "code", "grown", "last", "raised")

    def __init__(self, code: "CodeType") -> None:
        self.code = code
        self.calls = self.last = self.raised = self.grown = 0


class Tracer:
    """What is known of this process; ``roots`` are the files and folders of the package.

    ``modules`` are what it is imported as, where it has functions in C. With ``memory``, how much
    the process grew inside each function, without what it did inside others of the package that
    were called from there. Code objects are known by their identity: to hash one takes long.
    """

    def __init__(self, folder: str, roots: "list[str]", modules: "list[str]", memory: bool) -> None:
        self.folder = folder
        self.roots = tuple(roots)
        self.modules = tuple(modules)
        self.functions = {}  # type: dict[int, Entered]
        self.links = set()  # type: set[tuple[int, int]]
        self.native = {}  # type: dict[str, int]
        self.files = {}  # type: dict[str, int]
        self.known = {}  # type: dict[str, bool]
        self.memory = memory and os.path.exists(_STATM)
        self.local = threading.local()
        self.clock = 0
        self.begin()

    def begin(self) -> None:
        """Begin anew, with a file of this process; also in a child that was forked."""
        for table in (self.functions, self.links, self.native, self.files):
            table.clear()
        self.lock = threading.Lock()
        name = "%d-%x.trace" % (os.getpid(), int(time.time() * 1e6))
        path = os.path.join(self.folder, name)
        _open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _DESCRIPTOR)
        if self.memory:
            _open(_STATM, os.O_RDONLY, _DESCRIPTOR + 1)

    def is_ours(self, path: str) -> bool:
        """Return whether what is defined in a file is of the package."""
        ours = self.known.get(path)
        if ours is None:
            ours = self.known[path] = path.startswith(self.roots)
        return ours

    def entered(self, frame: "FrameType") -> None:
        """Count that a function of the package is entered."""
        code, caller = frame.f_code, frame.f_back
        known = self.functions.get(id(code))
        self.clock += 1
        if known is None:
            with self.lock:
                known = self.functions.setdefault(id(code), Entered(code))
            self.write("E", self.clock, *_named(code))
        known.calls += 1
        known.last = self.clock
        if caller is not None and (id(caller.f_code), id(code)) not in self.links:
            self.links.add((id(caller.f_code), id(code)))
            self.link(caller, code)

    def link(self, caller: "FrameType | None", code: "CodeType") -> None:
        """Note which function of the package called another, be it through some that are not."""
        for _ in range(_FARTHEST):
            if caller is None or code.co_name == "<module>":
                return
            if self.is_ours(caller.f_code.co_filename):
                self.write("K", *(_named(caller.f_code) + _named(code)))
                return
            caller = caller.f_back

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
        known = self.functions.get(id(code))
        if known:
            known.grown = max(known.grown, grown - inside)
        if stack:
            stack[-1][2] += grown

    def left_by_exception(self, code: "CodeType") -> None:
        """Count that an exception left a function of the package."""
        known = self.functions.get(id(code))
        if known:
            known.raised += 1

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
        for known in list(self.functions.values()):
            counted = (known.calls, known.last, known.raised, known.grown)
            self.write("C", *(counted + _named(known.code)))
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


def _open(path: str, flags: int, number: int) -> None:
    """Open a file at a high number, so that a script is given those that it would be given."""
    descriptor = os.open(path, flags, 0o600)
    os.dup2(descriptor, number, inheritable=False)
    os.close(descriptor)


def _resident_bytes() -> int:
    try:
        return int(os.pread(_DESCRIPTOR + 1, 128, 0).split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):  # the script has closed it
        return 0


def _named(code: "CodeType") -> "tuple[object, ...]":
    return code.co_firstlineno, code.co_name, os.path.abspath(code.co_filename)


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
        import _bisector_hooks  # type: ignore[import-not-found]  # hooks.py, as it is put there

        listen = "monitor" if hasattr(sys, "monitoring") else "profile"
        getattr(_bisector_hooks, listen)(tracer)
    except Exception:
        return
