"""What is left running of what was run, and who ends it.

psutil and what stands on it are imported once something was run or is to be looked for: what is
stored is answered without.
"""

from __future__ import annotations

from pathlib import Path

_adopting = False
_ran = False


def adopt() -> None:
    """Be handed what outlives its parent among all that is run from now on, and end it.

    For a command's own process: children that it was not told of may be ended as well.
    """
    global _adopting
    _adopting = True


def begin() -> None:
    """Be told that something is about to be run."""
    global _ran
    _ran = True
    if _adopting:
        from bisector.run import tree

        tree.become_subreaper()


def stop_own(folder: Path) -> None:
    """Stop what is left of what this process ran below a folder of its own."""
    if _ran:
        stop_marked(folder)


def stop_marked(folder: Path) -> int:
    """Stop what bears a folder below ``folder`` as its mark, as `tree.stop_marked` does."""
    from bisector.run import tree

    return tree.stop_marked(folder)
