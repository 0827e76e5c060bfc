"""Files that are not as they were written, by chance or on purpose: a warning each, never a crash.

BISECTOR_EXAMPLES asks for more than a few of each kind.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version
from store import old_files
from store.test_tidy import HELD, PROBE, RELEASES, finding, keep

from bisector.session import from_store
from bisector.store.lines import Line, line, parsed
from bisector.store.runs import Store

EXAMPLES = settings(max_examples=int(os.environ.get("BISECTOR_EXAMPLES", "15")))

anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**18, 10**40)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1.0", "good", "2026-01-01T00:00:00Z", "ham==2.0", "introduced"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


def _kept(old: bool) -> dict[str, bytes]:
    """The files of a results folder with two searches in it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for held in (HELD, replace(HELD, timeout_s=61.0)):
            (old_files.keep if old else keep)(root, replace(finding(), conditions=held))
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        return {str(path.relative_to(root)): path.read_bytes() for path in paths}


NEW, OLD = _kept(old=False), _kept(old=True)


@contextmanager
def results(files: Mapping[str, bytes]) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    try:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield folder
    finally:
        shutil.rmtree(folder)


def check(files: Mapping[str, bytes], wrong: int) -> None:
    """Whatever is asked of the files, it is answered, with no more warnings than files are wrong.

    A cause of a warning may be in what another file names: such are of that other file's lines.
    """
    with results(files) as root:
        for _ in range(2):
            store = Store(root)
            blank = replace(HELD, constraints=(), wheels={})
            store.load(PROBE, HELD, RELEASES)
            store.constraints(PROBE, blank, Version("1.0"))
            store.caused(PROBE, HELD)
            store.searches()
            from_store.findings(store)
            store.describe(finding())
            assert len(store.warnings) <= wrong, store.warnings
            list(store.tidy())


@EXAMPLES
@given(st.data())
def test_bytes_changed_anywhere(data: st.DataObject) -> None:
    files = dict(data.draw(st.sampled_from([NEW, OLD])))
    name = data.draw(st.sampled_from(sorted(files)))
    content = files[name]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 200)))
        put = data.draw(st.binary(max_size=20) | st.just(b"\n") | st.just(content[:100]))
        content = content[:start] + put + content[end:]
    files[name] = content
    # A shared line that is gone is missed by each that names it.
    shared = name.count("/") == 1
    check(files, wrong=1 if not shared else 30)


@EXAMPLES
@given(st.data())
def test_values_of_other_types_whose_digests_are_right(data: st.DataObject) -> None:
    """Something wrote them that knows how to."""
    files = dict(NEW)
    name = data.draw(st.sampled_from(sorted(files)))
    lines = [parsed(text) for text in files[name].splitlines()]
    place = data.draw(st.integers(0, len(lines) - 1))
    lines[place] = _other(data, lines[place])
    files[name] = b"".join(one.text + b"\n" for one in lines)
    check(files, wrong=30)


@EXAMPLES
@given(st.data())
def test_old_files_of_other_types_whose_digests_are_right(data: st.DataObject) -> None:
    files = dict(OLD)
    name = data.draw(st.sampled_from(sorted(files)))
    value = _changed(data, json.loads(files.pop(name)))
    with results(files) as root:
        folder = (root / name).parent
        if Path(name).name[0].isdigit() and isinstance(value, dict):
            shown = {**value, "version": "1.0"}
            old_files.run_file(folder, {k: v for k, v in shown.items() if k != "schema"})
        else:
            (root / name).write_text(json.dumps(value))
        made = [path for path in root.rglob("*") if path.is_file()]
        check({str(path.relative_to(root)): path.read_bytes() for path in made}, wrong=30)


def _other(data: st.DataObject, one: Line) -> Line:
    value = _changed(data, json.loads(one.data))
    fields = value if isinstance(value, dict) else {"value": value}
    fields = {str(name): field for name, field in fields.items()}
    key = data.draw(st.sampled_from([one.key, "0" * 16, ""]))
    return line(key, one.schema, fields, one.named())


def _changed(data: st.DataObject, value: Any) -> Any:
    """A value with something else at some place in it."""
    if data.draw(st.integers(0, 3)) == 0 or not value or not isinstance(value, (dict, list)):
        return data.draw(anything)
    if isinstance(value, dict):
        name = data.draw(st.sampled_from(sorted(value)))
        if data.draw(st.booleans()):
            return {**value, name: _changed(data, value[name])}
        return {key: item for key, item in value.items() if key != name}
    place = data.draw(st.integers(0, len(value) - 1))
    return [*value[:place], _changed(data, value[place]), *value[place + 1 :]]
