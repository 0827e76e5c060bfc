"""Measurements on disk: what is written is what is read, and nothing else is trusted."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from bisector.errors import UsageError
from bisector.finding import (
    Blame,
    Cause,
    Cell,
    Change,
    Culprit,
    Finding,
    Kind,
    Transition,
)
from bisector.model import (
    Conditions,
    Distribution,
    File,
    Interpreter,
    Json,
    Measurement,
    Outcome,
    Plan,
    Policy,
    Probe,
    ProcessPeak,
    Reason,
    Release,
    Signature,
    Symptom,
)
from bisector.store.codec import (
    conditions_to_json,
    measurement_from_json,
    measurement_to_json,
)
from bisector.store.journal import append
from bisector.store.runs import Store, key

INTERPRETER = Interpreter(
    "/usr/bin/python3", "3.11.7", "cpython", "linux-x86_64", ("py3-none-any",)
)
CONDITIONS = Conditions(INTERPRETER, constraints=("ham==2.0",), resolved_for="1.0")
PROBE = Probe("eggs", "spam", text="print()", digest="abc")

texts = st.text(max_size=30)
numbers = st.integers(0, 2**62)
seconds = st.floats(0, 1e6)
jsons: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, jsons, max_size=3)
versions = st.sampled_from(["1.0", "1!2.0", "1.0.post1", "3.0a1", "1.0+local.7", "2024.1.1.dev3"])
distributions = st.builds(
    Distribution,
    st.sampled_from(["ham", "eggs-and-spam"]),
    st.sampled_from(["1.0", "2!1", "1.0+cpu"]),
    st.none() | st.just("f" * 64),
)
measurements = st.builds(
    Measurement,
    version=versions.map(Version),
    outcome=st.sampled_from(Outcome),
    reason=st.none() | st.sampled_from(Reason),
    detail=texts,
    signature=st.none() | st.builds(Signature, texts, texts, texts, st.none() | numbers, texts),
    metrics=objects,
    pool=st.none() | objects,
    processes=st.lists(
        st.builds(ProcessPeak, texts, numbers, st.booleans(), st.booleans()), max_size=3
    ).map(tuple),
    wall_s=seconds,
    cpu_s=seconds,
    exit_status=st.none() | st.integers(0, 255),
    output_tail=texts,
    command=st.lists(texts, max_size=3).map(tuple),
    installed=st.lists(distributions, max_size=3).map(tuple),
    differs=st.lists(texts, max_size=2).map(tuple),
    started=texts,
    host=texts,
)
found = versions.map(Version)
steps = st.builds(
    Transition,
    kind=st.sampled_from(Kind),
    before=found,
    after=found,
    untested=st.lists(found, max_size=2).map(tuple),
    zoom=st.none() | st.tuples(found, found),
    after_not_yanked=st.none() | found,
    confidence=st.floats(0, 1),
    confirmed=st.booleans(),
    parting=st.booleans(),
)
causes = st.builds(
    Cause,
    blame=st.sampled_from(Blame),
    cells=st.lists(st.builds(Cell, found, texts, st.sampled_from(Outcome), texts), max_size=3).map(
        tuple
    ),
    culprits=st.lists(
        st.builds(
            Culprit,
            st.builds(Change, texts, st.none() | texts, st.none() | texts),
            st.lists(steps, max_size=2).map(tuple),
            texts,
        ),
        max_size=2,
    ).map(tuple),
    why=texts,
)


def measured(version: str = "1.0", **fields: Any) -> Measurement:
    return Measurement(Version(version), Outcome.GOOD, **fields)


def listed(*found: str, sha256: str | None = None) -> dict[Version, Release]:
    files = {v: (File(f"spam-{v}-py3-none-any.whl", "", sha256=sha256),) for v in found}
    return {Version(v): Release(Version(v), files[v]) for v in found}


@given(measurements)
def test_a_measurement_comes_back_from_json_as_it_was(measurement: Measurement) -> None:
    text = json.dumps(measurement_to_json(measurement), allow_nan=False)
    assert measurement_from_json(json.loads(text)) == measurement


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(measurements, max_size=3))
def test_measurements_come_back_from_disk_as_they_were(
    tmp_path: Path, made: list[Measurement]
) -> None:
    """Every run is kept; the same run saved twice is one file."""
    shutil.rmtree(tmp_path / "results", ignore_errors=True)
    store = Store(tmp_path / "results")
    for measurement in [*made, *made]:
        store.save(PROBE, CONDITIONS, measurement)
    names = [str(measurement.version) for measurement in made]
    loaded = store.load(PROBE, CONDITIONS, listed(*names))
    found = [measurement for runs in loaded.values() for measurement in runs]
    kept = [measurement for measurement in made if measurement.reason is not Reason.ENVIRONMENT]
    assert all(measurement in found for measurement in kept)
    assert all(measurement in kept for measurement in found)
    assert len({repr(measurement) for measurement in kept}) == len(found)
    assert store.warnings == []


def test_what_is_loaded_is_known_to_be(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save(PROBE, CONDITIONS, measured())
    ((loaded,),) = store.load(PROBE, CONDITIONS, listed("1.0")).values()
    assert loaded.cached
    assert loaded == measured()


def test_runs_are_loaded_oldest_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    times = ["2026-01-03T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]
    for started in times:
        store.save(PROBE, CONDITIONS, measured(started=started))
    (runs,) = store.load(PROBE, CONDITIONS, listed("1.0")).values()
    assert [run.started for run in runs] == sorted(times)


def altered(path: Path, old: str, new: str) -> None:
    """Change a file by hand."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_what_was_stored_before_is_added_to(tmp_path: Path) -> None:
    """Nothing that is in a file changes any more: it grows by whole lines."""
    store, text = Store(tmp_path), b""
    for number in range(5):
        path = store.save(PROBE, CONDITIONS, measured(f"1.{number}"))
        assert path.read_bytes().startswith(text)
        text = path.read_bytes()
        assert text.endswith(b"}\n")
    assert len(text.splitlines()) == 1 + 5  # what was held is said once
    assert [file.suffix for file in path.parent.iterdir()] == [".jsonl"]


@pytest.mark.parametrize("key_in", ["", "cache"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"version":"1.0","outcome":"good"', '"version":"1.0","outcome":"bad"'),
        ('"version":"1.0"', '"version":"1.2"'),
        ('"version":"1.0",', '"version":"1.0", '),
        ('"bisector/measurement/1","parts":{"installed"', '"bisector/measurement/1","parts":{"x"'),
    ],
    ids=["outcome", "version", "spaces", "parts"],
)
def test_a_line_changed_by_hand_is_a_warning_that_names_it(
    tmp_path: Path, old: str, new: str, key_in: str
) -> None:
    """However many are: it is one warning, and what else the file has is read."""
    cache = tmp_path / key_in if key_in else None
    store = Store(tmp_path / "results", cache)
    for version in ("1.1", "1.0", "1.0"):
        store.save(PROBE, CONDITIONS, measured(version, started=f"{version}{id(version)}"))
    store.save(PROBE, CONDITIONS, measured("1.0", started="again"))
    path = store.save(PROBE, CONDITIONS, measured("1.3"))
    text = path.read_text(encoding="utf-8")
    path.write_text(
        "\n".join(
            line.replace(old, new) if "version" in line and '"1.0"' in line else line
            for line in text.splitlines()
        )
        + "\n"
    )
    reader = Store(tmp_path / "results", cache)
    loaded = reader.load(PROBE, CONDITIONS, listed("1.0", "1.1", "1.2", "1.3"))
    assert list(loaded) == [Version("1.1"), Version("1.3")]
    reader.load(PROBE, CONDITIONS, listed("1.0", "1.1", "1.2", "1.3"))
    assert reader.warnings == [
        (
            f"{path}, line 3 is ignored: its content is not what it was written with "
            "(2 more in this file)"
        )
    ]


@pytest.mark.parametrize("cut", [1, 2, 40, 700])
def test_a_line_that_was_cut_off_costs_itself_alone(tmp_path: Path, cut: int) -> None:
    """Also where others are written behind it; only the last end of a line is no loss."""
    store = Store(tmp_path)
    store.save(PROBE, CONDITIONS, measured("1.1"))
    path = store.save(PROBE, CONDITIONS, measured("1.0", output_tail="x" * 1000))
    path.write_bytes(path.read_bytes()[:-cut])
    lost = cut > 1
    reader = Store(tmp_path)
    loaded = reader.load(PROBE, CONDITIONS, listed("1.0", "1.1"))
    assert set(loaded) == ({Version("1.1")} if lost else {Version("1.0"), Version("1.1")})
    assert reader.warnings == [f"{path}, line 3 is ignored: it is cut off"] * lost
    Store(tmp_path).save(PROBE, CONDITIONS, measured("1.2"))
    written = next(other for other in path.parent.iterdir() if other != path)
    path.write_bytes(path.read_bytes() + written.read_bytes())
    append(path, written.read_bytes())
    again = Store(tmp_path)
    loaded = again.load(PROBE, CONDITIONS, listed("1.0", "1.1", "1.2"))
    assert set(loaded) >= {Version("1.1"), Version("1.2")}
    assert len(again.warnings) <= 1


RUN = '{"version":"1.0","outcome":"good",'


def foreign(key: str, schema: str, data: str) -> bytes:
    """A line whose digest is right: something else wrote it, or a later version."""
    signed = f'"key":"{key}","schema":"{schema}","parts":{{}},"data":{data}'.encode()
    digest = hashlib.sha256(signed).hexdigest()[:24].encode()
    return b'{"digest":"%b","seal":"",%b}\n' % (digest, signed)


@pytest.mark.parametrize(
    ("schema", "data", "why"),
    [
        ("measurement/2", "{}", "its schema is 'bisector/measurement/2'"),
        ("measurement/1", "{}", "Object missing required field `version`"),
        ("measurement/1", '{"version":"one"}', "Invalid version: 'one' - at `$.version`"),
        ("measurement/1", '{"version":1}', "1 is not a version - at `$.version`"),
        ("measurement/1", '{"version":"1.0","outcome":"great"}', "Invalid enum value 'great'"),
        ("measurement/1", RUN + '"wall_s":"1"}', "Expected `float`"),
        ("measurement/1", RUN + '"metrics":[]}', "Expected `object`"),
        ("measurement/1", RUN + '"cpu_s":1e999}', "Number out of"),
        ("measurement/1", RUN + '"exit_status":true}', "Expected"),
        ("measurement/1", RUN + '"pool":{"a":' + "9" * 5000 + "}}", "Integer value out of range"),
        ("measurement/1", RUN + '"pool":{"a":' + "[" * 100_000 + "}}", "maximum recursion"),
        ("measurement/1", "{not json}", "JSON is malformed"),
    ],
)
def test_a_foreign_line_is_a_warning_that_names_it(
    tmp_path: Path, schema: str, data: str, why: str
) -> None:
    store = Store(tmp_path)
    path = store.save(PROBE, CONDITIONS, measured("1.1"))
    other = path.with_name("0-other.jsonl")
    other.write_bytes(foreign(key(PROBE, CONDITIONS)[:16], f"bisector/{schema}", data))
    assert list(store.load(PROBE, CONDITIONS, listed("1.0", "1.1"))) == [Version("1.1")]
    (warning,) = store.warnings
    assert warning.startswith(f"{other}, line 1 is ignored: {why}")


@pytest.mark.parametrize(
    "content", [b"[]\n", b"{}\n", b"not json\n", b"\xff\xfe\n", b"\0" * 100, b"[" * 100_000]
)
def test_a_file_of_something_else_is_a_warning_that_names_it(
    tmp_path: Path, content: bytes
) -> None:
    store = Store(tmp_path)
    other = store.save(PROBE, CONDITIONS, measured("1.1")).with_name("0-other.jsonl")
    other.write_bytes(content)
    assert list(store.load(PROBE, CONDITIONS, listed("1.0", "1.1"))) == [Version("1.1")]
    (warning,) = store.warnings
    assert warning.startswith(f"{other}, line 1 is ignored: ")


def fifo(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


@pytest.mark.parametrize("there", [fifo, folder, dangling, zeros, huge])
@pytest.mark.parametrize("where", ["own", "shared"])
def test_what_is_no_plain_file_is_one_warning(
    tmp_path: Path, there: Callable[[Path], None], where: str
) -> None:
    """It is neither waited for nor followed, and what is stored meanwhile lies beside it."""
    cache = tmp_path / "cache"
    results = tmp_path / "results"
    path = Store(results, cache).save(PROBE, CONDITIONS, measured("1.1"))
    in_the_way = path if where == "own" else results / "spam" / path.name
    text = in_the_way.read_bytes()
    in_the_way.rename(in_the_way.with_name("before.jsonl"))
    there(in_the_way)
    store = Store(results, cache)
    assert list(store.load(PROBE, CONDITIONS, listed("1.0", "1.1"))) == [Version("1.1")]
    assert len(store.warnings) == 1
    assert store.warnings[0].startswith(f"{in_the_way} is ignored: it is ")
    if there is not huge:
        store.save(PROBE, CONDITIONS, measured("1.0", installed=(Distribution("ham", "1"),)))
        again = Store(results, cache).load(PROBE, CONDITIONS, listed("1.0", "1.1"))
        assert set(again) == {Version("1.0"), Version("1.1")}
    assert in_the_way.with_name("before.jsonl").read_bytes() == text


def test_a_disk_that_is_full_takes_nothing_from_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a line is taken back, so that the next one is whole."""
    store = Store(tmp_path)
    path = store.save(PROBE, CONDITIONS, measured("1.0"))
    before, write = path.read_bytes(), os.write

    def half(file: int, text: bytes) -> int:
        if len(text) < 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, bytes(text)[: len(text) // 2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(UsageError, match="No space left on device"):
        store.save(PROBE, CONDITIONS, measured("1.1"))
    monkeypatch.setattr(os, "write", write)
    assert path.read_bytes() == before
    store.save(PROBE, CONDITIONS, measured("1.2"))
    loaded = Store(tmp_path).load(PROBE, CONDITIONS, listed("1.0", "1.1", "1.2"))
    assert list(loaded) == [Version("1.0"), Version("1.2")]


def test_a_foreign_file_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.save(PROBE, CONDITIONS, measured())
    (path.parent / "README.md").write_text("about these")
    assert list(store.load(PROBE, CONDITIONS, listed("1.0"))) == [Version("1.0")]
    assert store.warnings == []
    assert (path.parent / "README.md").exists()


def test_a_release_whose_wheel_was_rebuilt_is_measured_anew(tmp_path: Path) -> None:
    store = Store(tmp_path)
    old = measured(installed=(Distribution("spam", "1.0", "a" * 64),))
    store.save(PROBE, CONDITIONS, old)
    assert store.load(PROBE, CONDITIONS, listed("1.0", sha256="a" * 64))
    assert store.load(PROBE, CONDITIONS, listed("1.0", sha256="b" * 64)) == {}
    assert store.load(PROBE, CONDITIONS, listed("1.0", sha256=None))
    assert store.warnings == []


def test_a_release_outside_the_range_is_not_loaded(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save(PROBE, CONDITIONS, measured("1.0"))
    assert store.load(PROBE, CONDITIONS, listed("2.0")) == {}


def test_what_was_the_machines_fault_is_measured_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save(PROBE, CONDITIONS, replace(measured(), reason=Reason.ENVIRONMENT))
    assert store.load(PROBE, CONDITIONS, listed("1.0")) == {}


@pytest.mark.parametrize(
    "changed",
    [
        replace(CONDITIONS, constraints=("ham==2.1",)),
        replace(CONDITIONS, policy=Policy.RELEASED),
        replace(CONDITIONS, requirements=("eggs",)),
        replace(CONDITIONS, timeout_s=61.0),
        replace(CONDITIONS, memory_bytes=1 << 30),
        replace(CONDITIONS, installer="pip"),
        replace(CONDITIONS, allow_build=True),
        replace(CONDITIONS, interpreter=replace(INTERPRETER, version="3.11.8")),
        replace(CONDITIONS, interpreter=replace(INTERPRETER, platform="macosx-14.0-arm64")),
        replace(CONDITIONS, interpreter=replace(INTERPRETER, implementation="pypy")),
    ],
)
def test_other_conditions_are_another_key(tmp_path: Path, changed: Conditions) -> None:
    store = Store(tmp_path)
    store.save(PROBE, CONDITIONS, measured())
    assert store.load(PROBE, changed, listed("1.0")) == {}
    assert key(PROBE, changed) != key(PROBE, CONDITIONS)


@pytest.mark.parametrize(
    "changed",
    [
        replace(PROBE, digest="abd"),
        replace(PROBE, case="fried"),
        replace(PROBE, name="other"),
        replace(PROBE, package="ham"),
    ],
)
def test_another_probe_is_another_key(tmp_path: Path, changed: Probe) -> None:
    store = Store(tmp_path)
    store.save(PROBE, CONDITIONS, measured())
    assert store.load(changed, CONDITIONS, listed("1.0")) == {}


@pytest.mark.parametrize(
    "changed",
    [
        replace(CONDITIONS, resolved="2026-01-01T00:00:00Z"),
        replace(CONDITIONS, wheels={"ham-2.0-py3-none-any.whl": "c" * 64}),
        replace(CONDITIONS, interpreter=replace(INTERPRETER, executable="/opt/python")),
    ],
)
def test_what_cannot_change_an_answer_is_not_in_the_key(changed: Conditions) -> None:
    assert key(PROBE, changed) == key(PROBE, CONDITIONS)


def test_a_search_goes_on_with_the_dependencies_it_was_begun_with(tmp_path: Path) -> None:
    store = Store(tmp_path)
    blank = Conditions(INTERPRETER)
    assert store.constraints(PROBE, blank, Version("1.0")) is None
    held = replace(
        blank,
        constraints=("ham==2.0",),
        wheels={"ham-2.0-py3-none-any.whl": "c" * 64},
        resolved="2026-01-01T00:00:00Z",
        resolved_for="1.0",
    )
    later = replace(held, constraints=("ham==3.0",), resolved="2026-02-01T00:00:00Z")
    for conditions in (later, held):
        store.save(PROBE, conditions, measured())
    assert store.constraints(PROBE, blank, Version("1.0")) == later
    assert store.constraints(PROBE, blank, Version("1.1")) is None
    assert store.constraints(PROBE, replace(blank, installer="pip"), Version("1.0")) is None


def test_altered_conditions_are_not_trusted(tmp_path: Path) -> None:
    blank = Conditions(INTERPRETER)
    held = replace(blank, constraints=("ham==2.0",), resolved="2026", resolved_for="1.0")
    path = Store(tmp_path).save(PROBE, held, measured())
    altered(path, "ham==2.0", "ham==1.0")
    store = Store(tmp_path)
    assert store.constraints(PROBE, blank, Version("1.0")) is None
    assert store.warnings == [
        f"{path}, line 1 is ignored: its content is not what it was written with"
    ]


def test_conditions_of_another_search_are_not_trusted(tmp_path: Path) -> None:
    """Their digest is right, so they were written by something that meant to."""
    blank = Conditions(INTERPRETER)
    held = replace(blank, constraints=("ham==1.0",), resolved="2026", resolved_for="1.0")
    data = json.dumps(conditions_to_json(PROBE, held))
    path = tmp_path / "spam/eggs/some/other.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(foreign("0" * 16, "bisector/conditions/1", data))
    store = Store(tmp_path)
    assert store.constraints(PROBE, blank, Version("1.0")) is None
    assert store.warnings == [f"{path}, line 1 is ignored: it is of another search"]


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError) as caught:
        Store(tmp_path / where).prepare()
    assert caught.value.message.startswith(f"results can't be written to {tmp_path / where}: ")
    assert caught.value.hint == "choose another folder with --results DIR"


def test_a_measurement_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "spam").touch()
    with pytest.raises(UsageError, match="results can't be written to"):
        Store(tmp_path).save(PROBE, CONDITIONS, measured())


def test_preparing_leaves_nothing_behind(tmp_path: Path) -> None:
    Store(tmp_path / "deep" / "results").prepare()
    assert list((tmp_path / "deep" / "results").iterdir()) == []


WRITER = """
import sys
from pathlib import Path
from packaging.version import Version
from bisector.model import Conditions, Interpreter, Measurement, Outcome, Probe
from bisector.store.runs import Store
conditions = Conditions(Interpreter("python", "3.11.7", "cpython", "linux", ()))
for number in range(40):
    measured = Measurement(Version(f"1.{number}"), Outcome.GOOD, host=sys.argv[2])
    Store(Path(sys.argv[1])).save(Probe("eggs", "spam"), conditions, measured)
"""


def test_two_processes_write_at_once_and_nobody_sees_half_a_file(tmp_path: Path) -> None:
    hosts = ["one", "two"]
    commands = [[sys.executable, "-c", WRITER, str(tmp_path), host] for host in hosts]
    writing = [subprocess.Popen(command) for command in commands]
    conditions = Conditions(Interpreter("python", "3.11.7", "cpython", "linux", ()))
    names = [f"1.{number}" for number in range(40)]
    store, loaded = Store(tmp_path), {}
    while any(one.poll() is None for one in writing):
        loaded = store.load(Probe("eggs", "spam"), conditions, listed(*names))
    loaded = store.load(Probe("eggs", "spam"), conditions, listed(*names))
    assert [one.returncode for one in writing] == [0, 0]
    assert len(loaded) == 40
    assert all(sorted(run.host for run in runs) == hosts for runs in loaded.values())
    assert store.warnings == []
    assert list(tmp_path.rglob(".*")) == []


def test_who_writes_has_a_file_of_its_own(tmp_path: Path) -> None:
    """Named by its key, so that copying results of several machines into one folder is safe."""
    saved = [
        Store(tmp_path / "results", tmp_path / cache).save(PROBE, CONDITIONS, measured(host=cache))
        for cache in ("here", "here", "there")
    ]
    assert saved[0] == saved[1] != saved[2]
    assert stat.S_IMODE((tmp_path / "here/key").stat().st_mode) == 0o600


def test_what_was_measured_elsewhere_is_known_to_be(tmp_path: Path) -> None:
    """A copy of one's own isn't, and a line that claims to be one's own is."""
    here, there = tmp_path / "here", tmp_path / "there"
    results = tmp_path / "results"
    Store(results, here).save(PROBE, CONDITIONS, measured("1.0"))
    path = Store(results, there).save(PROBE, CONDITIONS, measured("1.1"))
    Store(results).save(PROBE, CONDITIONS, measured("1.2"))
    signed = foreign(
        key(PROBE, CONDITIONS)[:16],
        "bisector/measurement/1",
        json.dumps(measurement_to_json(measured("1.3"))),
    )
    path.with_name("forged.jsonl").write_bytes(
        signed.replace(b'"seal":""', b'"seal":"%b"' % (b"0" * 32))
    )
    store = Store(results, here)
    loaded = store.load(PROBE, CONDITIONS, listed("1.0", "1.1", "1.2", "1.3"))
    elsewhere = {str(version): run.elsewhere for version, (run,) in loaded.items()}
    assert elsewhere == {"1.0": False, "1.1": True, "1.2": True, "1.3": True}
    assert store.warnings == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o000])
def test_a_key_that_others_can_read_marks_nothing(tmp_path: Path, mode: int) -> None:
    cache = tmp_path / "cache"
    results = tmp_path / "results"
    Store(results, cache).save(PROBE, CONDITIONS, measured("1.0"))
    (cache / "key").chmod(mode)
    store = Store(results, cache)
    ((run,),) = store.load(PROBE, CONDITIONS, listed("1.0")).values()
    readable = mode == 0 and os.geteuid() == 0
    assert run.elsewhere is not readable
    assert len(store.warnings) == (0 if readable else 1)


def test_reading_makes_no_key(tmp_path: Path) -> None:
    store = Store(tmp_path / "results", tmp_path / "cache")
    assert store.load(PROBE, CONDITIONS, listed("1.0")) == {}
    assert store.searches() == []
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_file_name_is_made_one(tmp_path: Path) -> None:
    path = Store(tmp_path).save(replace(PROBE, name="../eggs", case="a/b"), CONDITIONS, measured())
    assert tmp_path.resolve() in path.resolve().parents
    assert path.parent.parent.name.startswith(".._eggs.a_b-")


def test_names_that_look_alike_as_files_share_no_folder(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folders = {store.probe_folder(replace(PROBE, case=case)) for case in ("a|b", "a?b", "a_b")}
    assert len(folders) == 3


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.none() | causes, max_size=3))
def test_causes_come_back_from_disk_as_they_were(tmp_path: Path, kept: list[Cause | None]) -> None:
    """Each with the transition that it is of; those that nobody looked into have none."""
    shutil.rmtree(tmp_path / "results", ignore_errors=True)
    store = Store(tmp_path / "results")
    made = tuple(
        Transition(Kind.FIXED, Version(f"1.{n}"), Version(f"1.{n + 1}"), cause=cause)
        for n, cause in enumerate(kept)
    )
    store.save(PROBE, CONDITIONS, measured())
    store.describe(Finding(PROBE, Plan(()), CONDITIONS, (measured(),), made))
    (again,) = store.searches()
    assert again.transitions == tuple(one for one in made if one.cause is not None)
    assert store.warnings == []


@pytest.mark.parametrize("any_failure", [False, True])
def test_what_was_bad_to_a_search_comes_back_with_it(tmp_path: Path, any_failure: bool) -> None:
    """Else a stored finding would count other failures than the one that was made."""
    store = Store(tmp_path)
    held = replace(CONDITIONS, symptom=Symptom("st.le", 1 << 30, timeout=True), isolated=True)
    store.save(PROBE, held, measured())
    store.describe(Finding(PROBE, Plan(()), held, (measured(),), (), any_failure=any_failure))
    (again,) = store.searches()
    assert (again.conditions.symptom, again.conditions.isolated) == (held.symptom, True)
    assert again.any_failure is any_failure


def test_the_failure_that_a_search_told_from_others_comes_back_with_it(tmp_path: Path) -> None:
    """Else a stored search for an old failure would be about the newest one."""
    store, failure = Store(tmp_path), Signature("KeyError", "'pan'", "spam.py:fry", 1)
    other = measured(reason=Reason.DIFFERENT_FAILURE)
    store.save(PROBE, CONDITIONS, other)
    finding = Finding(PROBE, Plan(()), CONDITIONS, (other,), (), failure=failure)
    store.describe(finding)
    assert [found.failure for found in store.searches()] == [failure]
    store.describe(replace(finding, measurements=(measured(),)))
    assert [found.failure for found in store.searches()] == [None]


def test_what_is_bad_and_what_is_beside_a_run_tells_measurements_apart() -> None:
    """Under another symptom, or without the caller's folder, a run may come out otherwise."""
    plain = key(PROBE, CONDITIONS)
    others = [
        replace(CONDITIONS, symptom=Symptom("stale")),
        replace(CONDITIONS, symptom=Symptom(memory_bytes=1)),
        replace(CONDITIONS, symptom=Symptom(timeout=True)),
        replace(CONDITIONS, isolated=True),
        replace(CONDITIONS, policy=Policy.EXACT),
        replace(CONDITIONS, policy=Policy.ONE_DAY, day="2024-01-22"),
    ]
    assert len({plain, *(key(PROBE, other) for other in others)}) == 1 + len(others)


def test_a_search_that_measured_nothing_leaves_what_was_kept(tmp_path: Path) -> None:
    """Reading an answer from a store, under a checkout say, changes no file of it."""
    store, run = Store(tmp_path), measured()
    finding = Finding(PROBE, Plan(()), CONDITIONS, (run,), (), replay="bisect --exhaustive")
    store.save(PROBE, CONDITIONS, run)
    store.describe(finding)
    kept = replace(finding, measurements=(replace(run, cached=True),), replay="bisect")
    store.describe(kept)
    assert [found.replay for found in store.searches()] == ["bisect --exhaustive"]


def test_searches_of_other_ranges_stay_beside_each_other(tmp_path: Path) -> None:
    """One that looked at no more than a later one says nothing any more."""
    store = Store(tmp_path)
    days = itertools.count(1)

    def describe(replay: str, *numbers: int) -> None:
        plan = Plan(tuple(Release(Version(f"1.{number}"), ()) for number in numbers))
        run = measured(started=f"2026-01-{next(days):02}T00:00:00Z")
        store.save(PROBE, CONDITIONS, run)
        store.describe(Finding(PROBE, plan, CONDITIONS, (run,), (), replay=replay))

    def looked_at() -> tuple[str, list[str]]:
        (found,) = store.searches()
        return found.replay, [str(release.version) for release in found.plan.candidates]

    describe("first", 1, 2)
    describe("second", 2, 3, 4)
    assert looked_at() == ("second", ["1.1", "1.2", "1.3", "1.4"])
    assert store.warnings == []
    describe("apart", 7, 8)
    assert looked_at() == ("second", ["1.1", "1.2", "1.3", "1.4"])
    assert [warning.partition(" is ")[2] for warning in store.warnings] == [
        "ignored: it is of other releases"
    ]
    describe("whole", *range(1, 9))
    store.warnings.clear()
    assert looked_at()[0] == "whole"
    describe("narrow", 2, 3)
    assert looked_at()[0] == "whole"
    describe("whole again", *range(1, 9))
    assert looked_at()[0] == "whole again"
    assert store.warnings == []


def test_a_narrower_search_under_newer_conditions_hides_nothing(tmp_path: Path) -> None:
    """What it didn't look at is still told by those that did, until one looks at all of it."""
    store = Store(tmp_path)

    def describe(resolved: str, *numbers: int) -> None:
        plan = Plan(tuple(Release(Version(f"1.{number}"), ()) for number in numbers))
        conditions = replace(CONDITIONS, constraints=(f"ham=={resolved[:4]}",), resolved=resolved)
        run = measured(started=resolved)
        store.save(PROBE, conditions, run)
        store.describe(Finding(PROBE, plan, conditions, (run,), ()))

    describe("2026-01-01T00:00:00Z", 1, 2, 3)
    describe("2027-01-01T00:00:00Z", 1, 2)
    assert [len(found.plan.candidates) for found in store.searches()] == [3, 2]
    describe("2028-01-01T00:00:00Z", 1, 2, 3, 4)
    assert [len(found.plan.candidates) for found in store.searches()] == [4]
    assert store.warnings == []


def test_what_packages_share_is_in_the_files_of_each(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for package in ("spam", "eggs"):
        probe, run = replace(PROBE, package=package), measured()
        store.save(probe, CONDITIONS, run)
        plan = Plan((Release(run.version, ()),))
        store.describe(Finding(probe, plan, CONDITIONS, (run,), ()))
    shutil.rmtree(tmp_path / "spam")
    alone = Store(tmp_path)
    assert [found.probe.package for found in alone.searches()] == ["eggs"]
    assert alone.warnings == []
