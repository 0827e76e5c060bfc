"""``bisect completion SHELL``: what a shell completes, options and release numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bisector import commands, settings
from bisector.commands import report, search, table
from bisector.inputs import probe
from bisector.inputs.arguments import Parser
from bisector.session import from_store
from bisector.store.runs import Store

_SHELLS = ("bash", "zsh", "fish")


def run(words: Sequence[str]) -> int:
    """Print a shell's script, or what it asks for while something is typed."""
    asked = Parser(
        prog="bisect completion",
        description="Print what makes a shell complete options, probes and release numbers:\n"
        '  bash  eval "$(bisect completion bash)"\n'
        '  zsh   bisect completion zsh > "${fpath[1]}/_bisect"\n'
        "  fish  bisect completion fish > ~/.config/fish/completions/bisect.fish",
    )
    asked.add_argument("what", choices=(*_SHELLS, "probes", "releases"))
    what = asked.parse(words).what
    if what == "probes":
        print("\n".join(probe.names()))
    elif what == "releases":
        print("\n".join(_releases(Path("results"))))
    else:
        # It is needed only here, and costs what a stored answer does.
        import shtab

        sys.stdout.write(shtab.complete(_whole(), shell=what) + "\n")
    return 0


def _releases(results: Path) -> list[str]:
    """Return the releases of what was searched here, newest first."""
    findings = from_store.findings(Store(results, settings.cache_dir()))
    versions = {release.version for f in findings for release in f.plan.candidates}
    return [str(version) for version in sorted(versions, reverse=True)]


def _whole() -> Parser:
    """Return the command with its subcommands, as one parser."""
    import shtab

    whole = search.parser()
    named = whole.add_subparsers(metavar="COMMAND")
    own = {"table": table, "report": report}
    for name in commands.NAMES:
        module = own.get(name)
        parents = [module.parser()] if module else []
        named.add_parser(name, parents=parents, add_help=False, conflict_handler="resolve")
    completed = {
        "--probe": shtab.cmd("bisect completion probes"),
        "--good": shtab.cmd("bisect completion releases"),
        "--bad": shtab.cmd("bisect completion releases"),
        "--results": shtab.DIRECTORY,
        "--from": shtab.FILE,
        "--to": shtab.FILE,
    }
    for parser in (whole, *named.choices.values()):
        for option, complete in completed.items():
            if action := parser._option_string_actions.get(option):
                action.complete = complete  # type: ignore[attr-defined]  # what shtab looks for
    return whole
