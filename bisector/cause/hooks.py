"""How a process tells the tracer what it enters: ``sys.monitoring``, or profile functions before.

As the tracer is, this is copied into an environment, there as ``_bisector_hooks``, and Python 3.8
must understand it.
"""

import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

    from bisector.cause.tracer import Tracer

_RESUMED = 0x20 | 0x80 | 0x200
"""The flags of generators, coroutines and asynchronous generators, which are entered again."""


def monitor(tracer: "Tracer") -> None:
    """Count by ``sys.monitoring`` (PEP 669): what isn't of the package costs one look each."""
    monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]  # from Python 3.12 on
    free = [number for number in (2, 3, 4, 1, 0, 5) if monitoring.get_tool(number) is None]
    tool = free[0]
    events, off = monitoring.events, monitoring.DISABLE
    monitoring.use_tool_id(tool, "bisector")

    def entered(code: "CodeType", _offset: int) -> "Any":
        if not tracer.is_ours(code.co_filename):
            return off
        tracer.entered(sys._getframe(1))
        if tracer.memory:
            tracer.enter(code)
        return None

    def unwound(code: "CodeType", _offset: int, _error: BaseException) -> None:
        if tracer.is_ours(code.co_filename):
            tracer.left_by_exception(code)
            left(code, 0, None)

    def resumed(code: "CodeType", _offset: int, _error: object = None) -> "Any":
        if not tracer.is_ours(code.co_filename):
            return off if _error is None else None  # an event of exceptions can't be disabled
        tracer.enter(code)
        return None

    def left(code: "CodeType", _offset: int, _value: object) -> "Any":
        if not tracer.is_ours(code.co_filename):
            return off
        if tracer.memory:
            tracer.leave(code)
        return None

    def called(code: "CodeType", _offset: int, function: object, _first: object) -> "Any":
        # The first call at each place tells what is called there.
        if not hasattr(function, "__code__"):
            tracer.called(function, tracer.is_ours(code.co_filename))
        return off

    callbacks = {events.PY_START: entered, events.PY_UNWIND: unwound, events.CALL: called}
    if tracer.memory:
        callbacks[events.PY_RESUME] = callbacks[events.PY_THROW] = resumed
        callbacks[events.PY_RETURN] = callbacks[events.PY_YIELD] = left
    for event, callback in callbacks.items():
        monitoring.register_callback(tool, event, callback)
    monitoring.set_events(tool, sum(callbacks))


def profile(tracer: "Tracer") -> None:
    """Count by the profile function of each thread, as before Python 3.12.

    Where it is set, all that happens takes longer: the first thread does without until there is
    anything of the package, or another thread that may import it.
    """
    known, memory, in_c, module = tracer.known, tracer.memory, tracer.modules, type(sys)
    starts = {}  # type: dict[int, int]
    native = {}  # type: dict[Any, bool]
    armed = []  # type: list[bool]

    def first_time(frame: "FrameType") -> bool:
        # Where a generator is as it is entered for the first time, it never is again.
        start = starts.setdefault(id(frame.f_code), frame.f_lasti)
        return frame.f_lasti == start or not frame.f_code.co_flags & _RESUMED

    def noted(frame: "FrameType", event: str, argument: "Any") -> None:
        # To ask a frame for its code is an audited event, and takes as long as all of this.
        path = frame.f_globals.get("__file__")  # type: Any
        ours = known.get(path) if type(path) is str else False
        if ours is None:
            ours = tracer.is_ours(path)
        if ours:
            if event == "c_call":
                tracer.called(argument, ours)
            elif not tracer.is_ours(frame.f_code.co_filename):  # made by a call of `exec` there
                return
            elif event == "call":
                if first_time(frame):
                    tracer.entered(frame)
                if memory:
                    tracer.enter(frame.f_code)
            elif event == "return" and memory:
                tracer.leave(frame.f_code)
        elif in_c and event == "c_call":
            owner = argument.__self__
            of = owner if type(owner) is module else type(owner)
            if native.get(of, True):
                native[of] = str(getattr(of, "__module__", of.__name__)).startswith(in_c)
                tracer.called(argument, ours)

    def arm() -> None:
        if not armed:
            armed.append(True)
            sys.setprofile(noted)

    def noticed(event: str, arguments: "tuple[Any, ...]") -> None:
        if event in ("exec", "import") and not armed:
            path = arguments[1] if event == "import" else arguments[0]
            if str(getattr(path, "co_filename", path)).startswith(tracer.roots):
                arm()

    def start_thread(*words: "Any", **named: "Any") -> "Any":
        arm()
        return start(*words, **named)

    start = threading._start_new_thread  # type: ignore[attr-defined]  # it is private
    threading._start_new_thread = start_thread  # type: ignore[attr-defined]  # it is private
    threading.setprofile(noted)
    sys.addaudithook(noticed)
