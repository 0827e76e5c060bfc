"""Why an outcome changed, in words: suspects, changelog entries, the commit where it is known."""

from __future__ import annotations

import html as hypertext
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from bisector.explanation import Commit, Entry, Explanation, Suspect
from bisector.finding import Finding, Kind, Transition
from bisector.reports.answer import answer
from bisector.reports.facts import title
from bisector.reports.markdown import block, code, escape, link
from bisector.reports.terminal import plain, printed, verbatim
from bisector.reports.words import count, safe, shortened

_MOST = 5
_MOST_LINES = 24
_LONGEST = 300


def render(findings: Sequence[Finding], *, width: int = 100, color: bool = False) -> str:
    """Return what changed, and why: what `bisect why` prints."""
    return "\n".join(
        printed(
            [
                plain(f"{title(finding)}\n", "bold"),
                plain(answer(finding)),
                *map(verbatim, text(finding, width)),
            ],
            width=width,
            color=color,
        )
        for finding in findings
    )


def text(finding: Finding, width: int) -> Iterator[str]:
    """Yield the lines that say why each transition came to be, wrapped for a terminal."""
    for transition in finding.transitions:
        if transition.why is not None:
            yield ""
            yield safe(f"{heading(transition, transition.why)}:")
            yield from _text(transition.why, width)


def heading(transition: Transition, why: Explanation) -> str:
    """Return what is explained, as a heading."""
    did = "Why it went bad" if transition.kind is Kind.INTRODUCED else "What fixed it"
    return f"{did}, {why.package} {why.before} → {why.after}"


def _text(why: Explanation, width: int) -> Iterator[str]:
    yield from _wrapped("  ", summary(why), width)
    if why.search and why.search.commit:
        yield from _commit(why.search.commit, width)
    for number, suspect in enumerate(why.suspects[:_MOST], 1):
        text = f"{suspect.edited.label}: {suspect.because}"
        yield from _wrapped(f"  {number}. ", text, width)
    if (left := len(why.suspects) - _MOST) > 0:
        yield f"     … {left} more, as --format json has them"
    for entry in why.entries:
        text = f"{entry.version}: {shortened(entry.text, _LONGEST)}"
        yield from _wrapped("  changelog  ", text, width)
        yield from (f"             {safe(address)}" for _, address in entry.links)
    for proof in why.search.proofs if why.search else ():
        yield from _wrapped("  proof      ", proof, width)
    for left_over in why.search.left if why.search else ():
        yield from _wrapped("  left       ", left_over, width)
    for note in _notes(why):
        yield from _wrapped("  note       ", note, width)


def _wrapped(label: str, text: str, width: int) -> list[str]:
    """Return a text behind its label, the lines after the first indented as far."""
    return textwrap.wrap(
        safe(text),
        max(width, 40),
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )


def summary(why: Explanation) -> str:
    """Return what was compared, and how much of it is left, in a sentence."""
    text = f"{count(why.files, 'file')} and {count(why.functions, 'function')} differ"
    if why.suspects or why.executed:
        text += f"; the bad side executes {why.executed} of those functions"
    search = why.search
    if search and search.commit and search.commit.confirmed:
        return f"{text}. The commit is {search.commit.identifier[:12]}, confirmed by a second run."
    if why.suspects:
        return f"{text}. Suspects, none of them confirmed, the likeliest first:"
    return f"{text}. Nothing of what changed was seen to be executed."


def _notes(why: Explanation) -> tuple[str, ...]:
    return (*why.notes, *(why.search.notes if why.search else ()))


def _commit(commit: Commit, width: int) -> Iterator[str]:
    text = f"{commit.identifier} of {commit.author_date}"
    text += "" if commit.confirmed else " (a suspect: a second run didn't confirm it)"
    yield from _wrapped("  commit     ", text, width)
    yield from _wrapped("             ", commit.subject, width)
    if commit.address:
        yield f"             {safe(commit.address)}"
    lines = commit.hunk.splitlines()
    yield from (f"    {safe(line.expandtabs())}".rstrip() for line in lines[:_MOST_LINES])
    if (left := len(lines) - _MOST_LINES) > 0:
        yield f"    … {left} more, as report.md has them"


def markdown(transition: Transition) -> str:
    """Return the section on why a transition came to be; empty where nobody asked."""
    why = transition.why
    if why is None:
        return ""
    parts = [f"## {escape(heading(transition, why))}", escape(summary(why))]
    if why.search and why.search.commit:
        parts += _commit_markdown(why.search.commit)
    if why.suspects:
        parts.append("\n".join(_suspects_markdown(why.suspects[:_MOST])))
    if why.entries:
        lines = [_entry_markdown(entry) for entry in why.entries]
        parts += ["From the changelog:", "\n".join(lines)]
    proofs = (*why.search.proofs, *why.search.left) if why.search else ()
    if notes := [*proofs, *_notes(why)]:
        parts.append("\n".join(f"- {escape(note)}" for note in notes))
    return "\n\n".join(parts)


def _suspects_markdown(suspects: tuple[Suspect, ...]) -> Iterator[str]:
    for number, suspect in enumerate(suspects, 1):
        yield f"{number}. {code(suspect.edited.label)}: {escape(suspect.because)}"


def _entry_markdown(entry: Entry) -> str:
    links = ", ".join(link(label, address) for label, address in entry.links)
    line = f"- {escape(entry.version)}: {escape(shortened(entry.text, _LONGEST))}"
    return f"{line} ({links})" if links else line


def _commit_markdown(commit: Commit) -> Iterator[str]:
    named = link(commit.identifier[:12], commit.address) if commit.address else ""
    named = named or code(commit.identifier)
    sure = "" if commit.confirmed else "; a suspect, since its second run didn't confirm it"
    yield f"Commit {named} of {escape(commit.author_date)}: {escape(commit.subject)}{sure}"
    if commit.hunk:
        yield block(commit.hunk, "diff")


def html(finding: Finding) -> Iterator[str]:
    """Yield the sections of a page on why each transition came to be."""
    for transition in finding.transitions:
        if why := transition.why:
            yield '<details class="notes why" open>'
            yield f"<summary>{_html(heading(transition, why))}</summary>"
            yield f"<p>{_html(summary(why))}</p>"
            if why.search and why.search.commit:
                yield from _commit_html(why.search.commit)
            if why.suspects:
                named = (
                    f"<li><code>{_html(suspect.edited.label)}</code>: {_html(suspect.because)}</li>"
                    for suspect in why.suspects[:_MOST]
                )
                yield f"<ol>{''.join(named)}</ol>"
            if why.entries:
                entries = "".join(map(_entry_html, why.entries))
                yield f"<p>From the changelog:</p>\n<ul>{entries}</ul>"
            proofs = (*why.search.proofs, *why.search.left) if why.search else ()
            yield from (f"<p>{_html(note)}</p>" for note in (*proofs, *_notes(why)))
            yield "</details>"


def _html(text: str) -> str:
    return hypertext.escape(safe(text))


def _entry_html(entry: Entry) -> str:
    links = "".join(f" {_anchor(label, address)}" for label, address in entry.links)
    return f"<li>{_html(f'{entry.version}: {shortened(entry.text, _LONGEST)}')}{links}</li>"


def _anchor(text: str, address: str) -> str:
    """Return a link, where the address is one of the web; else its text."""
    is_web = address.startswith(("https://", "http://"))
    return f'<a href="{_html(address)}">{_html(text)}</a>' if is_web else _html(text)


def _commit_html(commit: Commit) -> Iterator[str]:
    sure = "" if commit.confirmed else "; a suspect, since its second run didn't confirm it"
    text = _html(f" of {commit.author_date}: {commit.subject}{sure}")
    yield f"<p>Commit {_anchor(commit.identifier[:12], commit.address)}{text}</p>"
    hunk = "\n".join(_html(line.expandtabs()) for line in commit.hunk.splitlines())
    yield f'<div class="scroll"><pre>{hunk}</pre></div>' if hunk else ""


def to_json(why: Explanation) -> dict[str, Any]:
    """Return the ``why`` of a transition as JSON has it."""
    search = why.search
    return {
        "package": why.package,
        "before": why.before,
        "after": why.after,
        "files": why.files,
        "functions": why.functions,
        "executed": why.executed,
        "suspects": [
            {
                "path": suspect.edited.path,
                "name": suspect.edited.name or None,
                "line": suspect.edited.line or None,
                "sort": suspect.edited.sort.value,
                "edit": suspect.edited.edit.value,
                "score": suspect.score,
                "calls": list(suspect.calls),
                "because": suspect.because,
            }
            for suspect in why.suspects
        ],
        "changelog": [
            {
                "version": entry.version,
                "text": entry.text,
                "links": [address for _, address in entry.links],
            }
            for entry in why.entries
        ],
        "repository": search
        and {
            "proofs": list(search.proofs),
            "between": search.between,
            "candidates": search.candidates,
            "runs": search.runs,
            "left": list(search.left),
            "commit": search.commit and _commit_json(search.commit),
        },
        "notes": list(_notes(why)),
    }


def _commit_json(commit: Commit) -> dict[str, Any]:
    return {
        "id": commit.identifier,
        "parent": commit.parent,
        "author_date": commit.author_date,
        "subject": commit.subject,
        "confirmed": commit.confirmed,
        "pull_request": commit.pull_request or None,
        "address": commit.address or None,
        "hunk": commit.hunk,
    }
