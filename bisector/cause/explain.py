"""Two releases, and one traced run of each -> what may have changed the outcome between them."""

from __future__ import annotations

from collections.abc import Sequence

from bisector.cause.changelog import ranked
from bisector.cause.changes import Changes
from bisector.cause.ranking import side, suspects
from bisector.cause.trace import Trace
from bisector.explanation import Edit, Entry, Explanation, Sort
from bisector.finding import Kind


def explanation(
    package: str,
    versions: tuple[str, str],
    changed: Changes,
    traces: tuple[Trace, Trace] | None,
    kind: Kind,
    texts: Sequence[str] = (),
    entries: Sequence[Entry] = (),
) -> Explanation:
    """Return what differs between two releases, ranked by what the runs executed of it.

    Without ``traces`` nothing is suspected. ``texts`` are what is required, and what is known of
    the failure in words; ``entries`` those of the changelog between the releases.
    """
    suspected = suspects(changed, *traces, kind, "\n".join(texts[1:])) if traces else ()
    bad = (changed.old, changed.new)[kind is Kind.INTRODUCED]
    entered = side(traces[kind is Kind.INTRODUCED], bad).entered if traces else {}
    executed = sum(
        edited.sort is Sort.FUNCTION
        and edited.edit in (Edit.CHANGED, Edit.ADDED, Edit.REMOVED)
        and (edited.path, edited.name) in entered
        for edited in changed.edited
    )
    words = [*(suspect.edited.label for suspect in suspected[:5]), *texts]
    return Explanation(
        package=package,
        before=versions[0],
        after=versions[1],
        files=changed.files,
        functions=changed.functions,
        executed=executed,
        suspects=suspected,
        entries=ranked(entries, words),
    )
