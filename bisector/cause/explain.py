"""Two releases, and one traced run of each -> what may have changed the outcome between them."""

from __future__ import annotations

from collections.abc import Sequence

from bisector.cause.changelog import entries, ranked
from bisector.cause.changes import changes
from bisector.cause.contents import Contents
from bisector.cause.ranking import side, suspects
from bisector.cause.trace import Trace
from bisector.explanation import Edit, Explanation, Sort
from bisector.finding import Kind


def explanation(
    package: str,
    versions: tuple[str, str],
    contents: tuple[Contents, Contents],
    traces: tuple[Trace, Trace] | None,
    kind: Kind,
    texts: Sequence[str] = (),
    changelog: str = "",
) -> Explanation:
    """Return what differs between two releases, ranked by what the runs executed of it.

    Without ``traces`` nothing is suspected. ``texts`` are what is required, and what is known of
    the failure in words; ``changelog`` the text that the entries between the releases are taken
    from.
    """
    old, new = contents
    changed = changes(old, new)
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
    addresses = new.addresses or old.addresses
    between = entries(changelog, *versions, addresses)
    return Explanation(
        package=package,
        before=versions[0],
        after=versions[1],
        files=changed.files,
        functions=changed.functions,
        executed=executed,
        suspects=suspected,
        entries=ranked(between, words),
        addresses=addresses,
    )
