"""``bisect probes``: what there is to run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bisector.commands import output
from bisector.inputs import probe
from bisector.inputs.arguments import Parser
from bisector.reports import as_text


def run(words: Sequence[str]) -> int:
    """Print the probes of the catalogue."""
    parser = Parser(prog="bisect probes", description="List the probes that there are to run.")
    parser.parse(words)
    view = output.view()
    probes = [probe.load(name)[0] for name in probe.names()]
    sys.stdout.write(as_text.probes_table(probes, width=view.width, color=view.color))
    return 0
