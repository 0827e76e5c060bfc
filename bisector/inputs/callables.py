"""A function as a probe: its source, in a script that runs by itself."""

from __future__ import annotations

import builtins
import dis
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType

from bisector.errors import UsageError

Check = Callable[[], object]

_SCRIPT = """\
{docstring}from __future__ import annotations


{source}

if {name}() is False:
    raise SystemExit("{name} returned False")
"""


def script(check: Check) -> str:
    """Return a script that calls ``check``: bad is that it raises, or returns False.

    Raises UsageError, with the reason, where the function isn't all of what it needs.
    """
    if not isinstance(check, FunctionType):
        raise _refused(check, "it is no function that was written with def")
    name = check.__name__
    if name == "<lambda>":
        raise _refused(check, "a lambda has no source of its own; write it with def")
    if inspect.iscoroutinefunction(check) or inspect.isgeneratorfunction(check):
        raise _refused(check, "calling it doesn't run it; write a def that does, with asyncio.run")
    if check.__code__.co_freevars:
        names = ", ".join(check.__code__.co_freevars)
        raise _refused(check, f"it is a closure over {names}, which the script wouldn't have")
    if inspect.signature(check).parameters:
        raise _refused(check, "it takes arguments, and is called without")
    if outside := sorted(set(_globals(check.__code__)) - {name}):
        raise _refused(check, f"it needs {', '.join(outside)} from outside; import inside of it")
    try:
        source = textwrap.dedent(inspect.getsource(check)).rstrip()
    except (OSError, TypeError) as error:
        raise _refused(check, "its source isn't in a file") from error
    if not source.startswith("def "):
        raise _refused(check, "it is decorated, or not a def of its own")
    title = (inspect.getdoc(check) or "").partition("\n")[0]
    docstring = f"{title!r}\n" if title else ""
    return _SCRIPT.format(docstring=docstring, source=source, name=name)


def _globals(code: CodeType) -> Iterator[str]:
    """Yield the names that the code takes from its module; what Python has anyway is none."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"):
            name = str(instruction.argval)
            # What pytest writes into a function's asserts is in no source.
            builtin = hasattr(builtins, name) or name in ("__name__", "__file__")
            if name.isidentifier() and not builtin:
                yield name
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals(constant)


def _refused(check: object, why: str) -> UsageError:
    name = getattr(check, "__qualname__", repr(check))
    return UsageError(
        f"{name} can't be a probe: {why}",
        "its source goes into a script that runs by itself, in another environment",
    )
