"""``bisect export osv``: the records of regressions, a file each and an archive, or a line each."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bisector import atomic
from bisector.commands.records import measured
from bisector.inputs import options
from bisector.inputs.arguments import Parser
from bisector.reports import known
from bisector.reports.as_json import strict, strict_line

_DATE = (1980, 1, 1, 0, 0, 0)
"""Of every file in the archive, so that the same records are the same archive."""


def run(words: Sequence[str]) -> int:
    """Write the records, and print the names of the files."""
    parser = Parser(
        prog="bisect export",
        description="Write what was measured to be a regression in the OSV schema, for scanners:\n"
        "a file each, and all.zip; or a line each, where --output ends with .jsonl.",
    )
    parser.add_argument("format", choices=("osv",))
    parser.add_argument(
        "--output", type=Path, default=Path("osv"), metavar="PATH", help="where to (default: osv)"
    )
    parser.add_argument(
        "--probe",
        action="append",
        default=[],
        dest="probes",
        metavar="NAME",
        help="of what is in the results folder only this, beside the records that come along; "
        "repeat it for several",
    )
    options.add_results_option(parser)
    given = parser.parse(words)
    records = [
        regression.record for regression in known.read(measured(given.results, given.probes))
    ]
    if given.output.suffix == ".jsonl":
        atomic.write(given.output, "".join(map(_line, records)).encode(), mode=0o666)
        print(given.output)
        return 0
    files = {f"{record['id']}.json": strict(dict(record)) for record in records}
    for name, text in files.items():
        atomic.write(given.output / name, text.encode(), mode=0o666)
        print(given.output / name)
    atomic.write(given.output / "all.zip", _archive(files), mode=0o666)
    print(given.output / "all.zip")
    return 0


def _line(record: Mapping[str, Any]) -> str:
    return strict_line(dict(record))


def _archive(files: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), text, zipfile.ZIP_DEFLATED)
    return content.getvalue()
