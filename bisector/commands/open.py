"""``bisect open``: the page of what was last found."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence

from bisector import atomic, settings
from bisector.commands import output
from bisector.errors import UndecidedError
from bisector.inputs import options
from bisector.inputs.arguments import Parser
from bisector.reports.formats import TABLES
from bisector.session import from_store
from bisector.store.runs import Store


def run(words: Sequence[str]) -> int:
    """Write the page of the package that was measured last, show it, and print where it is."""
    parser = Parser(prog="bisect open", description="Show the page of what was last found.")
    parser.add_argument(
        "--no-browser", action="store_false", dest="browser", help="say only where the page is"
    )
    options.add_results_option(parser)
    given = parser.parse(words)
    findings = [
        f for f in from_store.findings(Store(given.results, settings.cache_dir())) if f.measurements
    ]
    if not findings:
        raise UndecidedError(
            f"nothing is stored in {given.results}", "measure something first, with `bisect`"
        )
    last = max(findings, key=lambda f: max(run.started for run in f.measurements))
    alike = [f for f in findings if f.probe.package == last.probe.package]
    # What was found last comes first.
    alike.sort(key=lambda finding: finding is not last)
    page = settings.cache_dir() / "page.html"
    atomic.write(page, TABLES["html"].render(alike, output.view()).encode())
    print(page)
    if given.browser:
        webbrowser.open(page.as_uri())
    return 0
