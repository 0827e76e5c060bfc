"""What is held for a search, and what is asked of the index and the store for it."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from e2e.command import Command, changes, outcomes
from e2e.projects import BROKEN, START, plain, release
from local_index import LocalIndex
from wheels import sdist, wheel

PROBE = ("--probe", "broken.py", "--assure", "0")


@pytest.fixture
def ask(bisect: Command) -> Command:
    bisect.write("broken.py", BROKEN)
    return bisect


@pytest.fixture
def eaten(ask: Command, index: LocalIndex) -> Command:
    """Spam never changed: it is broken where ham, which it depends on, is 2.0."""
    for number in range(6):
        source = "import ham\nBROKEN = ham.V == '2.0'"
        index.add(release("spam", f"1.{number}", source, day=10 * number, dependencies=["ham"]))
    for version, day in (("1.0", 0), ("2.0", 25), ("3.0", 45)):
        index.add(
            wheel(
                "ham",
                version,
                {"ham.py": f"V = {version!r}\n"},
                upload_time=START + timedelta(days=day),
            )
        )
    return ask


def test_dependencies_are_resolved_once_and_held(eaten: Command) -> None:
    finding = eaten.json(*PROBE, "--exhaustive")
    assert finding["dependencies"] == "newest"
    assert finding["constraints"] == ["ham==3.0"]
    assert changes(finding) == []
    installed = {line for run in eaten.stored() for line in run["installed"] if "ham" in line}
    assert len(installed) == 1
    assert installed.pop().startswith("ham==3.0 --hash=sha256:")


def test_dependencies_of_the_time_of_each_release(eaten: Command) -> None:
    finding = eaten.json(*PROBE, "--exhaustive", "--dependencies", "released")
    assert finding["dependencies"] == "released"
    assert changes(finding) == [("introduced", "1.2", "1.3"), ("fixed", "1.4", "1.5")]


def test_dependencies_pinned_in_a_file(eaten: Command) -> None:
    eaten.write("pins.txt", "# held\n--no-binary nothing\n\nham==2.0 \\\n  --hash=sha256:abc\n")
    finding = eaten.json(*PROBE, "--exhaustive", "--dependencies", "pins.txt")
    assert finding["dependencies"] == "file"
    assert finding["constraints"] == ["ham==2.0"]
    assert set(outcomes(finding).values()) == {"bad"}


LOCK = """\
version = 1
requires-python = ">=3.8"

[[package]]
name = "app"
source = { virtual = "." }
dependencies = [{ name = "spam" }]

[[package]]
name = "ham"
version = "2.0"
source = { registry = "https://index.example/simple" }

[[package]]
name = "spam"
version = "1.2"
source = { registry = "https://index.example/simple" }
dependencies = [{ name = "ham" }]
"""


def test_dependencies_pinned_in_a_lock_file(eaten: Command) -> None:
    """What is searched is pinned as well, which must not keep its other releases out."""
    eaten.write("uv.lock", LOCK)
    finding = eaten.json(*PROBE, "--exhaustive", "--dependencies", "uv.lock")
    assert finding["dependencies"] == "file"
    assert finding["constraints"] == ["ham==2.0"]
    assert outcomes(finding) == dict.fromkeys((f"1.{n}" for n in range(6)), "bad")


def test_each_policy_is_measured_apart(eaten: Command) -> None:
    """A measurement under other conditions is another measurement."""
    eaten.json(*PROBE, "--exhaustive")
    finding = eaten.json(*PROBE, "--exhaustive", "--dependencies", "released")
    assert not any(m["cached"] for m in finding["measurements"])


def test_what_is_to_be_installed_beside(ask: Command, index: LocalIndex) -> None:
    index.add(release("spam", "1.0", "import ham\nBROKEN = False"))
    index.add(release("spam", "1.1", "import ham\nBROKEN = True"))
    index.add(wheel("ham", "1.0"), wheel("ham", "2.0"))
    without = ask.json(*PROBE)
    assert outcomes(without) == {"1.0": "import-failed", "1.1": "import-failed"}
    finding = ask.json(*PROBE, "--with", "ham<2")
    assert outcomes(finding) == {"1.0": "good", "1.1": "bad"}
    assert finding["constraints"] == ["ham==1.0"]


def test_pip_installs_the_same_as_uv(eaten: Command) -> None:
    words = (*PROBE, "--max-probes", "2")
    by_uv, by_pip = eaten.json(*words), eaten.json(*words, "--installer", "pip")
    assert outcomes(by_pip) == outcomes(by_uv) == {"1.0": "good", "1.5": "good"}
    for version in ("1.0", "1.5"):
        one, other = eaten.stored(version)
        assert one["installed"] == other["installed"]
        assert all("--hash=sha256:" in line for line in one["installed"])
    assert not any(m["cached"] for m in by_pip["measurements"])


def test_pip_takes_dependencies_of_the_time_as_well(eaten: Command) -> None:
    finding = eaten.json(
        *PROBE, "--range", "==1.3", "--installer", "pip", "--dependencies", "released"
    )
    assert outcomes(finding) == {"1.3": "bad"}


def test_a_second_run_needs_neither_index_nor_cache_nor_environment(
    ask: Command, index: LocalIndex
) -> None:
    """All is in the store: with the wheels gone and the index silent the answer is the same."""
    index.add(plain("spam", "gggbbbggg"))
    first = ask.json(*PROBE)
    asked = len(index.requests)
    shutil.rmtree(ask.cache / "uv")
    second = ask.json(*PROBE)
    assert len(index.requests) == asked
    assert all(m["cached"] for m in second["measurements"])
    assert not (ask.cache / "uv").exists()
    assert without_cached(second) == without_cached(first)


def without_cached(finding: dict[str, object]) -> dict[str, object]:
    listed = finding["measurements"]
    assert isinstance(listed, list)
    return {**finding, "measurements": [{**m, "cached": None} for m in listed]}


def test_offline_uses_what_is_cached_and_says_what_is_not(ask: Command, index: LocalIndex) -> None:
    """A wheel that isn't in the cache is nobody's fault: it is measured when it can be had."""
    index.add(plain("spam", "ggbb"))
    ask.json(*PROBE)
    index.fail(503, times=100)
    again = ask.json(*PROBE, "--offline")
    assert changes(again) == [("introduced", "1.1", "1.2")]
    shutil.rmtree(ask.cache / "uv")
    more = ask.json(*PROBE, "--offline", "--results", "others")
    assert set(outcomes(more).values()) == {"environment"}
    assert {m["detail"] for m in more["measurements"]} == {
        "not in the installer's cache, and --offline was given"
    }
    by_pip = ask.json(*PROBE, "--offline", "--installer", "pip")
    assert set(outcomes(by_pip).values()) == {"environment"}


def test_refresh_measures_anew_and_keeps_what_there_was(ask: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "gb"))
    first = ask.json(*PROBE)
    anew = ask.json(*PROBE, "--refresh")
    assert not any(m["cached"] for m in anew["measurements"])
    both = ask.json(*PROBE)
    assert len(both["measurements"]) == len(first["measurements"]) + len(anew["measurements"])
    assert all(m["cached"] for m in both["measurements"])


def test_another_probe_text_is_another_probe(ask: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "gb"))
    ask.json(*PROBE)
    ask.write("broken.py", BROKEN + "# decides as before, but who knows\n")
    assert not any(m["cached"] for m in ask.json(*PROBE)["measurements"])


def test_a_wheel_that_was_rebuilt_is_measured_anew(ask: Command, index: LocalIndex) -> None:
    """The store is asked for the wheel that the index lists now, by its hash."""
    index.add(plain("spam", "gb"))
    assert changes(ask.json(*PROBE)) == [("introduced", "1.0", "1.1")]
    rebuilt = release("spam", "1.1", "BROKEN = False", day=1)
    index.add(rebuilt)
    shutil.rmtree(ask.cache / "bisector")  # the listing, which is fresh for ten minutes
    finding = ask.json(*PROBE)
    assert outcomes(finding) == {"1.0": "good", "1.1": "good"}
    assert {m["version"] for m in finding["measurements"] if not m["cached"]} == {"1.1"}
    assert ask.stored("1.1")[-1]["installed"] == [f"spam==1.1 --hash=sha256:{rebuilt.sha256}"]


def test_a_wheel_that_is_not_the_one_listed_is_never_measured(
    ask: Command, index: LocalIndex
) -> None:
    """Neither from the index nor from the installer's cache: what is recorded is what ran."""
    index.add(plain("spam", "gb"))
    ask("releases", "spam")
    index.add(release("spam", "1.1", "BROKEN = False", day=1))
    finding = ask.json(*PROBE)
    assert outcomes(finding) == {"1.0": "good", "1.1": "environment"}
    detail = finding["measurements"][-1]["detail"]
    assert "the index serves another file than it listed" in detail
    assert detail.endswith("; --refresh lists the releases anew")
    assert outcomes(ask.json(*PROBE, "--refresh")) == {"1.0": "good", "1.1": "good"}


def test_a_source_distribution_is_built_where_that_is_allowed(
    ask: Command, index: LocalIndex
) -> None:
    index.add(plain("spam", "g"), sdist("spam", "1.1", {"spam.py": "BROKEN = True\n"}))
    refused = ask.json(*PROBE)
    assert refused["excluded"] == [
        {
            "version": "1.1",
            "reason": "no-wheel",
            "detail": "only a source distribution; --allow-build would build it",
        }
    ]
    finding = ask.json(*PROBE, "--allow-build")
    assert changes(finding) == [("introduced", "1.0", "1.1")]
    assert all(m["cached"] for m in ask.json(*PROBE, "--allow-build")["measurements"])


def test_a_source_distribution_that_does_not_build_is_not_bad(
    ask: Command, index: LocalIndex
) -> None:
    broken = "def build_wheel(*_, **__):\n    raise RuntimeError('no compiler')\n"
    index.add(plain("spam", "g"), sdist("spam", "1.1", {"spam.py": ""}, backend=broken))
    finding = ask.json(*PROBE, "--allow-build")
    assert outcomes(finding) == {"1.0": "good", "1.1": "build-failed"}


def test_environments_are_kept_where_that_is_asked_for(ask: Command, index: LocalIndex) -> None:
    """Those of each command in a folder of its own."""
    index.add(plain("spam", "gb"))
    folders = []
    for number in range(2):
        said = ask(*PROBE, "--keep-environments", "--results", f"kept{number}").errors
        found = re.search(r"^the environments are kept in (.+)$", said, re.MULTILINE)
        assert found
        folders.append(Path(found[1]))
    assert folders[0] != folders[1]
    for folder in folders:
        assert folder.parent == ask.cache / "bisector" / "kept"
        kept = {place.name.partition("-")[0] for place in folder.iterdir()}
        assert kept == {"1.0", "1.1"}
        assert all((place / "env" / "pyvenv.cfg").is_file() for place in folder.iterdir())
    assert ask.left_folders() == []


def test_settings_of_the_surroundings_name_the_index(ask: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "gb"))
    unset = Command(ask.folder, "")
    result = unset(*PROBE, UV_DEFAULT_INDEX=index.url)
    assert (result.status, result.errors.splitlines()[-1][:8]) == (0, "settled:")
    credentials = index.url.replace("//", "//me:secret@")
    index.credentials = "me:secret"
    refreshed = unset("--refresh", *PROBE, PIP_INDEX_URL=credentials)
    assert refreshed.status == 0
    stored = "".join(path.read_text() for path in ask.results.rglob("*.jsonl"))
    assert "secret" not in refreshed.output + refreshed.errors + stored
