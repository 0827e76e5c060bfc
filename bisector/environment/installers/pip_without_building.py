"""Runs the pip in the wheel that is named first, and keeps it from building and cloning.

pip builds what a requirement names by its address, and clones it, whatever --only-binary says. All
of that is done by processes of its own: installing wheels needs none. This runs in the interpreter
that is installed for, however old that is.
"""

import errno
import os
import runpy
import subprocess
import sys

_ALLOWED = ("keyring",)  # it hands out the passwords of indexes


class Popen(subprocess.Popen):  # type: ignore[type-arg]  # older Pythons know no parameters of it
    """A process that isn't started."""

    def __init__(self, args, *more, **named):  # type: ignore[no-untyped-def]  # any Popen's
        """Raise PermissionError unless the program is one that pip needs to read an index."""
        program = args if isinstance(args, str) else args[0]
        if os.path.basename(str(program)) not in _ALLOWED:
            raise PermissionError(errno.EPERM, "needs a build; --allow-build allows that", program)
        super().__init__(args, *more, **named)

    def __del__(self, *more, **named):  # type: ignore[no-untyped-def]  # any Popen's
        """Leave alone what was never started."""
        if hasattr(self, "_child_created"):
            super().__del__(*more, **named)


if __name__ == "__main__":
    subprocess.Popen = Popen  # type: ignore[misc]  # replaced on purpose
    del sys.argv[0]
    sys.path.insert(0, sys.argv[0])
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
