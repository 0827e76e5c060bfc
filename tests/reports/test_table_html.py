"""The compatibility table as a page: its structure, what it embeds, and what can't get out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from random import Random
from typing import Any

import pytest
from histories import found
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.version import Version
from sample_findings import HOSTILE, SPAM, finding, flaky, hostile, run, sample, uploads

from bisector.explanation import Commit, Edit, Edited, Entry, Explanation, Search, Sort, Suspect
from bisector.finding import Finding
from bisector.model import Reason
from bisector.reports.behaviour import Group, grouped
from bisector.reports.chart import chart
from bisector.reports.evidence import evidence, interned
from bisector.reports.grid import Cell, Known, fold, grids
from bisector.reports.table_html import render, state

VOID = {"meta", "link", "input", "wbr", "img"}


class Page(HTMLParser):
    """The elements of a page, with a check that every one is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]] = self.texts.get(self._open[-1], "") + data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(findings: Sequence[Finding]) -> Page:
    return Page(render(grids(findings), findings))


def embedded(text: str) -> list[Any]:
    """Return the sections that a page embeds, each number replaced by what it stands for."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    data = json.loads(found[1])

    def whole(value: Any) -> Any:
        if isinstance(value, int):
            return whole(data["shared"][value])
        return [whole(inner) for inner in value] if isinstance(value, list) else value

    return [whole(section) for section in data["sections"]]


def told(data: list[Any], release: str) -> list[Any]:
    """Return the first cell of a release in the first table: its detail, then its runs."""
    _package, _columns, lines = data[0]
    cell = next(cells for label, _date, _yanked, cells in lines if label == release)[0]
    assert isinstance(cell, list)
    return cell


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from (name, *strings(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


@pytest.mark.parametrize(
    ("cell", "word"),
    [
        (Cell(Known.MEASURED, "good"), "good"),
        (Cell(Known.MEASURED, "bad"), "bad"),
        (Cell(Known.INFERRED, "good"), "inferred-good"),
        (Cell(Known.INFERRED, "bad"), "inferred-bad"),
        (Cell(Known.UNTESTABLE, reason="timeout"), "untestable"),
        (Cell(Known.CONFLICTING), "conflicting"),
        (Cell(Known.NOT_LOOKED_AT), "unknown"),
    ],
)
def test_each_way_of_knowing_has_a_word_of_its_own(cell: Cell, word: str) -> None:
    assert state(cell) == word


def test_every_cell_is_a_row_and_a_column_that_say_how_it_is_known() -> None:
    findings = sample()
    tables = grids(findings)
    read = page(findings)
    shown = Counter(attributes["class"] for attributes in read.all("td") if "class" in attributes)
    assert shown == Counter(state(c) for t in tables for line in t.lines for c in line.cells)
    assert set(shown) >= {"good", "bad", "inferred-good", "untestable", "conflicting", "unknown"}
    assert [h.get("scope") for h in read.all("th")].count("row") == sum(
        len(table.lines) for table in tables
    )
    assert len([s for s in read.all("section") if "data-section" in s]) == len(tables) == 2


def test_runs_that_disagree_are_called_so_in_chips_and_cells() -> None:
    text = render(grids(sample()), sample())
    shown = re.sub(r"<(style|script)\b.*?</\1>", "", text, flags=re.DOTALL)
    assert ">conflicting<" not in shown
    assert '<td class="conflicting">runs disagree' in shown
    assert "<span>runs disagree</span>" in shown


def test_what_fails_at_random_has_its_picture_in_the_page() -> None:
    """It is an image that the page holds itself: nothing is asked for, and nothing in it runs."""
    finding = flaky()
    (picture,) = page([finding, uploads()]).all("img")
    kind, _, data = (picture["src"] or "").partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data).decode() == chart(finding)
    assert picture["alt"] == "race: how often each release is bad, and where that may have changed"
    assert page([uploads()]).all("img") == []


def test_an_inferred_cell_is_never_written_as_a_measured_one() -> None:
    text = render(grids(sample()), sample())
    cells = re.findall(r'<td class="([\w-]+)">(inferred )?', text)
    assert len(cells) > 100
    for name, inferred in cells:
        assert bool(inferred) == name.startswith("inferred")


def test_a_fold_of_measured_and_inferred_releases_says_how_many_were_measured() -> None:
    tables = tuple(fold(table) for table in grids(sample()))
    text = render(tables, sample())
    assert "1 of 3 measured" in text
    assert '<th scope="row">1.0.0–1.0.2 <i>3 releases</i></th>' in text


def test_it_is_one_file_that_asks_for_nothing_and_runs_nothing_but_its_own_script() -> None:
    text = render(grids(sample()), sample())
    read = Page(text)
    policy = next(m["content"] for m in read.all("meta") if m.get("http-equiv"))
    assert policy
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        inline = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert inline
        digest = base64.b64encode(hashlib.sha256(inline[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?://|@import|url\(", text)
    assert not [a for _, a in read.elements if "src" in a or "style" in a]
    assert not [n for _, a in read.elements for n in a if n.startswith("on")]
    links = [a["href"] for tag, a in read.elements if "href" in a]
    assert {str(link)[:1] for link in links} == {"#", "d"}


def test_the_script_inserts_text_only_as_text() -> None:
    text = render((), ())
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)


def test_the_evidence_is_complete() -> None:
    data = embedded(render(grids([uploads()]), [uploads()]))
    line = next(one for one in data[0][2] if one[0] == "1.0.4")
    assert line[2] == "regression in uploads"
    _, (heading, labels, values, output, installed) = told(data, "1.0.4")
    assert heading == "1.0.4: bad"
    facts = dict(zip(labels, values))
    assert facts["peak memory"] == "132.5 MiB"
    assert facts["said"] == "grew by 91.9 MiB for a 32 MiB upload"
    assert facts["failed with"] == "builtins.MemoryError: too much in payload.py:write"
    assert facts["connection pool"] == "idle 1, in_use 0"
    assert facts["its hosts"] == "127.0.0.1:41873 (idle 1)"
    assert facts["growth_bytes"] == "69468160 (66.2 MiB)"
    assert facts["command"] == "python probe.py"
    assert facts["run"] == "2025-10-01 on builder"
    assert facts["at"] == "12:00:00.000Z"
    assert output.startswith("server ready\nuploading to spam 1.0.4\n")
    assert installed[1] == f"multidict==6.4.4 --hash=sha256:{'cd' * 32}"
    assert told(data, "0.1") == ["needs Python <3.8"]


def test_every_run_of_a_release_is_told() -> None:
    data = embedded(render(grids([sample()[1]]), [sample()[1]]))
    _, *runs = told(data, "1.1.8")
    assert [run[0] for run in runs] == ["1.1.8: good", "1.1.8: bad"]
    assert dict(zip(*runs[1][1:3]))["differs"] == "multidict==6.4.3"


def test_an_untestable_run_keeps_its_reason_and_a_sampled_peak_says_so() -> None:
    limited = finding("spam", "p", "", ["1.0"], lambda _version: Reason.OUT_OF_LIMITS.value)
    _, ran = told(embedded(render(grids([limited]), [limited])), "1.0")
    assert ran[0] == "1.0: untestable (out-of-limits)"
    assert dict(zip(*ran[1:3]))["peak memory"] == "at least 45.0 MiB"


JSON = st.recursive(
    st.none() | st.sampled_from(["", "a", "b", "spam and eggs"]),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=30,
)


@given(st.lists(JSON, max_size=6))
def test_what_is_shared_is_there_once_and_nothing_is_lost(values: list[Any]) -> None:
    shared, short = interned(values)

    def whole(value: Any) -> Any:
        if isinstance(value, int):
            return whole(shared[value])
        return [whole(inner) for inner in value] if isinstance(value, list) else value

    assert [whole(value) for value in short] == values

    def inside(value: Any) -> Iterator[str]:
        if isinstance(value, list):
            for inner in value:
                yield repr(inner)
                yield from inside(inner)

    kept = Counter([*inside(shared), *inside(short)])
    plain = {text for text in kept if not text.isdecimal() and text not in ("[]", "''", "None")}
    assert {text for text in plain if kept[text] > 1} == set()


def test_hostile_text_makes_no_element_and_no_control_character() -> None:
    honest, harmful = page([uploads()]), hostile()
    text = render(grids([harmful]), [harmful])
    text.encode()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", text)
    read = Page(text)
    assert {tag for tag, _ in read.elements} <= {tag for tag, _ in honest.elements}
    assert not read.all("img")
    assert len(read.all("script")) == 2
    assert {n for _, a in read.elements for n in a} <= {n for _, a in honest.elements for n in a}
    shown = list(strings(embedded(text)))
    assert any("\\x1b[31mred" in one for one in shown)
    assert any("<img src=x onerror=" in one for one in shown)


@given(st.text())
@example(HOSTILE)
def test_why_it_changed_is_text_whatever_it_says(said: str) -> None:
    piece = Edited(f"{said}.py", said, Sort.FUNCTION, Edit.CHANGED)
    commit = Commit("c0ffee", "", said, said, True, said, "javascript:alert(1)", said)
    entry = Entry("1.1", said, (), ((said, "javascript:alert(1)"), ("#1", "https://host/1")))
    searched = Search((said,), commit=commit, notes=(said,))
    why = Explanation(
        said, "1.0", "1.1", 1, 1, 1, (Suspect(piece, 1.0, said),), (entry,), search=searched
    )
    found = finding("spam", "p", "", ["1.0", "1.1"], lambda v: "bad" if v == "1.1" else "good")
    explained = [replace(transition, why=why) for transition in found.transitions]
    assert explained
    read = page([replace(found, transitions=tuple(explained))])

    leading_out = [a["href"] for a in read.all("a") if not str(a["href"]).startswith("#")]
    assert leading_out == ["https://host/1"]
    assert len(read.all("script")) == 2
    assert len(read.all("code")) == len(explained)


@settings(max_examples=50)
@given(st.text(), st.text())
@example(HOSTILE, "</script><!--<script>")
@example("</title><body>", "a\r\nb\x85c\u2028d\ud800")
def test_any_text_comes_out_as_text(name: str, printed: str) -> None:
    ran = replace(run("spam", "1.0", "bad"), output_tail=printed, detail=printed)
    honest = finding("spam", "p", "", ["1.0"], lambda _version: "good")
    said = replace(honest.probe, name=name, title=printed, package=name, case=printed)
    found = replace(honest, probe=said, measurements=(ran,))
    text = render(grids([found]), [found], title=name)
    text.encode()
    read = Page(text)
    assert len(read.all("script")) == 2
    assert len([cell for cell in read.all("td") if "class" in cell]) == 3
    _, (*_, output, _installed) = told(embedded(text), "1.0")
    assert all(c == "\n" or c.isprintable() or c == "\\" or ord(c) > 127 for c in output)


def test_what_is_too_long_keeps_its_end() -> None:
    long = replace(run("spam", "1.0", "good"), output_tail="x" * 50_000 + "the end")
    found = replace(uploads(), measurements=(long,))
    data = evidence(grids([found]), [found])
    outputs = [one for one in strings(data) if one.endswith("the end")]
    assert [len(one) < 21_000 for one in outputs] == [True]
    assert outputs[0].startswith("… 30007 characters left out …")


def test_several_interpreters_are_columns_of_their_own() -> None:
    one = uploads()
    held = replace(
        one.conditions, interpreter=replace(one.conditions.interpreter, version="3.13.1")
    )
    findings = [one, replace(one, conditions=held)]
    read = page(findings)
    assert [h.get("scope") for h in read.all("th")].count("col") == 1 + 2
    text = render(grids(findings), findings)
    assert '<span class="python">Python 3.13</span>' in text
    assert "1 probe on Python 3.11 and 3.13" in text


@pytest.mark.parametrize("columns", [1, 20])
def test_one_column_and_twenty_are_tables(columns: int) -> None:
    findings = [
        replace(uploads(), probe=replace(uploads().probe, case=f"a-rather-long-case-{n}"))
        for n in range(columns)
    ]
    read = page(findings)
    assert [h.get("scope") for h in read.all("th")].count("col") == 1 + columns
    sizes = {str(s["class"]).split()[1] for s in read.all("section") if "data-section" in s}
    assert sizes == {"few" if columns == 1 else "many"}


def test_without_a_measurement_it_is_still_a_page() -> None:
    assert "Nothing has been measured." in render((), ())
    Page(render((), ()))
    nothing = replace(uploads(), measurements=(), transitions=())
    read = page([nothing])
    assert {a.get("class") for a in read.all("td")} == {None, "unknown", "untestable"}
    assert "windows" not in {a.get("class") for a in read.all("section")}


def test_a_title_of_ones_own_is_escaped_and_else_names_the_packages() -> None:
    assert "<title>a &lt;b&gt; &amp; c</title>" in render((), (), title="a <b> & c")
    assert "<h1>Which releases of spam and eggs work</h1>" in render(grids(sample()), sample())


def test_three_hundred_releases_make_a_page_of_a_reasonable_size() -> None:
    versions = [f"{a}.{b}.{c}" for a in range(3) for b in range(10) for c in range(10)]
    found = finding("spam", "p", "", versions, lambda _version: "good")
    text = render(grids([found]), [found])
    assert len(text) < 1_000_000
    assert Version(embedded(text)[0][2][-1][0]) == Version("2.9.9")


def test_each_cell_of_several_failures_says_which_it_has_and_each_is_named() -> None:
    text = render(grids([found("gb-b-c-cg")]), [found("gb-b-c-cg")])
    cells = re.findall(r'<td class="[\w-]+">[\w ]+(?:<sup>(\d)</sup>)?', text)
    assert cells == ["", "2", "2", "2", "", "1", "1", "1", ""]
    assert Page(text).texts["li"].endswith("TypeError: fry() takes no eggsbad")
    ((_package, columns, _lines),) = embedded(render(grids([found("gbcg")]), [found("gbcg")]))
    assert columns[0][3] == ["TypeError: fry() takes no eggs", "bad"]
    assert "<li>TypeError" not in render(grids([found("gbbg")]), [found("gbbg")])


SHAPES = [
    ("gbbg", "1.1 to 1.2", True),
    ("gbgb", "1.1, since 1.3", True),
    ("bg", "up to 1.0", True),
    ("g-b-g", "1.2", True),
    ("gg", "always good", False),
    ("b-b", "always bad", False),
]


@pytest.mark.parametrize(("shape", "words", "changes"), SHAPES)
def test_where_a_column_is_bad_is_said_in_words(shape: str, words: str, changes: bool) -> None:
    (group,) = grouped(grids([found(shape)])[0])[1]
    assert (group.words, group.changes) == (words, changes)
    assert group.bad == ("b" in shape)
    assert (f"<b>{words}</b>" in render(grids([found(shape)]), [found(shape)])) == group.bad


def test_columns_that_behave_alike_stand_together_and_those_that_never_change_last() -> None:
    shapes = {"a": "gbg", "b": "ggg", "c": "bgg", "d": "gbg", "e": "bbb"}
    findings = [
        replace(of, probe=replace(of.probe, name=name))
        for name, of in ((name, found(shape)) for name, shape in shapes.items())
    ]
    (grid,) = grids(findings)
    ordered, groups = grouped(grid)
    assert groups == (
        Group("1.1", True, True, ("a", "d")),
        Group("up to 1.0", True, True, ("c",)),
        Group("always bad", False, True, ("e",)),
        Group("always good", False, False, ("b",)),
    )
    assert [column.name for column in ordered.columns] == ["a", "d", "c", "e", "b"]
    for before, after in zip(grid.lines, ordered.lines):
        assert after.cells == tuple(before.cells[at] for at in (0, 3, 2, 4, 1))


def test_seventy_six_probes_of_forty_six_releases_are_less_than_a_megabyte() -> None:
    """No two runs are alike: each has times, peaks, ports and metrics of its own."""
    chance = Random(7)
    findings = []
    for n in range(76):
        of = finding("spam", f"probe_{n}", "", SPAM[:46], lambda v: "bad" if v > "1.2" else "good")
        runs = tuple(
            replace(
                ran,
                detail=f"{chance.randrange(10**6)} bytes were sent ahead, {chance.random():.3f}",
                wall_s=chance.random(),
                cpu_s=chance.random(),
                metrics={f"some_{m}_bytes": chance.randrange(2**20) for m in range(3)},
                pool={"idle": 1, "hosts": {f"127.0.0.1:{chance.randrange(2**16)}": {"idle": 1}}},
                started=f"2025-10-01T12:00:{chance.random() * 60:06.3f}Z",
                processes=tuple(
                    replace(peak, peak_memory_bytes=chance.randrange(2**27))
                    for peak in ran.processes
                ),
            )
            for ran in of.measurements
        )
        findings.append(replace(of, measurements=runs))
    text = render(grids(findings), findings)
    assert len(re.findall(r'<td class="(?:good|bad)">', text)) == 76 * 46
    assert len(text.encode()) < 1_000_000
