"""uv and pip against a real index: what they install, and whose fault it is when they don't."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from e2e.projects import START, release
from local_index import LocalIndex
from wheels import Built, wheel

from bisector.environment.installers.choice import chosen
from bisector.environment.installers.interface import Installer
from bisector.environment.installers.messages import InstallFailedError, NotCachedError
from bisector.environment.installers.uv import Uv
from bisector.environment.interpreter import find
from bisector.environment.venv import Environment, make
from bisector.errors import InstallerError
from bisector.model import File
from bisector.run import process

Fresh = Callable[[], Environment]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cache and no setting of this machine's."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip"))
    for variable in ("UV_NO_CONFIG", "UV_CONFIG_FILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "config"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PIP_RETRIES", "0")


@pytest.fixture
def fresh(tmp_path: Path) -> Fresh:
    """Makes an environment each time it is called."""
    numbers = iter(range(99))
    interpreter = find()
    return lambda: make(tmp_path / f"env{next(numbers)}", interpreter)


@pytest.fixture
def stocked(index: LocalIndex) -> LocalIndex:
    index.add(wheel("ham", "1.0", upload_time=START))
    index.add(release("ham", "2.0", "", day=20))
    index.add(release("spam", "1.0", "", day=10, dependencies=["ham"]))
    index.add(release("spam", "1.1", "", dependencies=["ham", "eggs-nobody-laid"]))
    index.add(release("spam", "1.2", "", dependencies=["ham<2"]))
    return index


def installer(kind: str, index_url: str, folder: Path, *, offline: bool = False) -> Installer:
    return chosen(kind)(index_url, folder, offline)


def listed(index: LocalIndex, built: Built) -> File:
    """The file as an index lists it."""
    url = f"{index.url.removesuffix('simple/')}files/{built.filename}"
    return File(built.filename, url, built.sha256)


def hashed(built: Built) -> list[str]:
    """What only the listed file satisfies."""
    return [f"{built.name}=={built.version} --hash=sha256:{built.sha256}"]


both = pytest.mark.parametrize("kind", ["uv", "pip"])


@both
def test_a_release_is_installed_with_what_is_held(
    kind: str, stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    made, spam = fresh(), release("spam", "1.0", "", day=10, dependencies=["ham"])
    one = installer(kind, stocked.url, tmp_path)
    held = ["ham==1.0", "unused==7", f"spam==1.0 --hash=sha256:{spam.sha256}"]
    known = one.install(str(made.python), ["spam==1.0"], held)
    assert [(d.name, d.version) for d in made.distributions({})] == [
        ("ham", "1.0"),
        ("spam", "1.0"),
    ]
    assert known.get(spam.filename, spam.sha256) == spam.sha256
    assert not list(tmp_path.glob("installer-*"))


def test_what_is_resolved_is_told_with_its_wheels(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    found = Uv(stocked.url, tmp_path).resolve(str(fresh().python), ["spam==1.0"])
    assert sorted(found.pins) == ["ham==2.0", "spam==1.0"]
    spam = release("spam", "1.0", "", day=10, dependencies=["ham"])
    assert found.wheels[spam.filename] == spam.sha256


def test_only_what_was_uploaded_before_is_taken(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    made = fresh()
    one = Uv(stocked.url, tmp_path)
    one.install(str(made.python), ["spam==1.0"], before="2024-01-12T00:00:00Z")
    assert [(d.name, d.version) for d in made.distributions({})] == [
        ("ham", "1.0"),
        ("spam", "1.0"),
    ]


@both
def test_a_release_that_cannot_be_installed_is_to_blame_itself(
    kind: str, stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    """In one line, with what is missing in it."""
    with pytest.raises(InstallFailedError) as caught:
        installer(kind, stocked.url, tmp_path).install(str(fresh().python), ["spam==1.1"])
    assert "eggs-nobody-laid" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_conflict_with_what_is_held_is_to_blame_on_the_release(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    with pytest.raises(InstallFailedError, match="unsatisfiable"):
        Uv(stocked.url, tmp_path).install(str(fresh().python), ["spam==1.2"], ["ham==2.0"])


@pytest.mark.parametrize(
    ("status", "sign"),
    [
        (500, "500 Internal Server Error"),
        (503, "503 Service Unavailable"),
        (401, "401 Unauthorized"),
        (403, "403 Forbidden"),
    ],
)
def test_an_index_that_fails_is_to_blame_itself(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path, status: int, sign: str
) -> None:
    stocked.fail(status, times=100)
    with pytest.raises(InstallerError) as caught:
        Uv(stocked.url, tmp_path).install(str(fresh().python), ["spam==1.0"])
    assert sign in caught.value.message
    assert caught.value.message.startswith("the installer can't use the index: ")
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 4


def test_an_index_that_is_not_there_is_to_blame_itself(fresh: Fresh, tmp_path: Path) -> None:
    with pytest.raises(InstallerError, match="the installer can't use the index"):
        Uv("http://127.0.0.1:9/simple/", tmp_path).install(str(fresh().python), ["spam==1.0"])


@both
def test_an_index_that_lists_nothing_any_more_is_to_blame_itself(
    kind: str, stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    """Its releases are known from it."""
    stocked.fail(404, times=100)
    with pytest.raises(InstallerError) as caught:
        installer(kind, stocked.url, tmp_path).install(str(fresh().python), ["spam==1.0"])
    assert caught.value.message == "the index lists no release of spam to the installer"


@both
def test_offline_is_nobodys_fault(
    kind: str, stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    one = installer(kind, stocked.url, tmp_path, offline=True)
    with pytest.raises(NotCachedError):
        one.install(str(fresh().python), ["spam==1.0"])
    assert stocked.requests == []


def test_a_file_that_is_not_the_one_listed_is_refused(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    with pytest.raises(InstallerError) as caught:
        Uv(stocked.url, tmp_path).install(
            str(fresh().python), ["spam==1.0"], [f"spam==1.0 --hash=sha256:{'0' * 64}"]
        )
    assert caught.value.message == (
        "the index serves another file than it listed: Hash mismatch for `spam==1.0`"
    )


def test_a_password_in_the_address_is_told_to_nobody(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    stocked.credentials = "me:secret"
    made = fresh()
    Uv(stocked.url_with_credentials, tmp_path).install(str(made.python), ["spam==1.0"])
    stocked.fail(503, times=100)
    with pytest.raises(InstallerError) as caught:
        Uv(stocked.url_with_credentials, tmp_path).install(str(made.python), ["ham==1.0"])
    assert "secret" not in caught.value.message + caught.value.hint


def test_it_is_stopped_where_it_hangs(stocked: LocalIndex, fresh: Fresh, tmp_path: Path) -> None:
    cancelled = threading.Event()
    stocked.delay_s = 600
    python = str(fresh().python)
    asking = threading.Thread(target=_cancel_once_asked, args=(stocked, cancelled))
    asking.start()
    with pytest.raises(InstallerError, match=r"the installer was stopped \(cancelled\)"):
        Uv(stocked.url, tmp_path).install(python, ["spam==1.0"], cancelled=cancelled)
    asking.join()


def test_what_was_cancelled_is_not_tried_in_another_way(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installation tries the cache first, and then asks the index."""
    cancelled, capture = threading.Event(), process.capture
    tries: list[Sequence[str]] = []

    def cancel_then_capture(command: Sequence[str], **options: Any) -> process.Completed:
        cancelled.set()
        tries.append(command)
        return capture(command, **options)

    python = str(fresh().python)
    monkeypatch.setattr(process, "capture", cancel_then_capture)
    with pytest.raises(InstallerError, match=r"the installer was stopped \(cancelled\)"):
        Uv(stocked.url, tmp_path).install(python, ["spam==1.0"], cancelled=cancelled)
    assert ["--offline" in command for command in tries] == [True]


def _cancel_once_asked(index: LocalIndex, cancelled: threading.Event) -> None:
    deadline = time.monotonic() + 60
    while not index.requests and time.monotonic() < deadline:
        time.sleep(0.01)
    cancelled.set()


def test_what_nothing_holds_is_the_index_s_newest_not_the_cache_s(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    """A release's own dependency, held by nobody, must not depend on what is cached here."""
    uv = Uv(stocked.url, tmp_path)
    uv.install(str(fresh().python), ["spam==1.0"])
    stocked.add(release("ham", "3.0", "", day=21))
    made = fresh()
    uv.install(str(made.python), ["spam==1.0"])
    assert ("ham", "3.0") in [(d.name, d.version) for d in made.distributions({})]


def test_what_is_held_and_cached_asks_no_index(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    uv, held = Uv(stocked.url, tmp_path), ["ham==2.0"]
    uv.install(str(fresh().python), ["spam==1.0"], held)
    asked = len(stocked.requests)
    uv.install(str(fresh().python), ["spam==1.0"], held)
    assert len(stocked.requests) == asked


def test_what_is_listed_is_fetched_without_a_page(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    """Also where its index wants a password, and a folder above is somebody's project."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "1"')
    stocked.credentials = "me:secret"
    new = release("spam", "1.3", "", dependencies=["ham>=2", "nuts; extra == 'salted'"])
    stocked.add(new)
    uv, held = Uv(stocked.url_with_credentials, tmp_path), ["ham==2.0", *hashed(new)]
    uv.install(str(fresh().python), ["spam==1.0"], held[:1])
    for _ in range(2):
        before, made = stocked.requests[-1], fresh()
        uv.install(str(made.python), ["spam==1.3"], held, wheels=[listed(stocked, new)])
        asked = stocked.requests[stocked.requests.index(before) + 1 :]
        assert {request.path for request in asked} <= {f"/files/{new.filename}"}
        installed = [(d.name, d.version) for d in made.distributions({})]
        assert installed == [("ham", "2.0"), ("spam", "1.3")]
    assert (stocked.count(f"/files/{new.filename}"), asked) == (1, [])
    (kept,) = (tmp_path / "bisector").rglob("*.toml")
    assert "secret" not in kept.read_text()


@pytest.mark.parametrize("name", ["uv.toml", "pyproject.toml"])
def test_the_settings_of_a_project_that_the_cache_lies_in_don_t_count(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path, name: str
) -> None:
    table = "" if name == "uv.toml" else "[tool.uv]\n"
    (tmp_path / name).write_text(f'{table}constraint-dependencies = ["ham<2"]\n')
    uv, made = Uv(stocked.url, tmp_path), fresh()
    assert "ham==2.0" in uv.resolve(str(made.python), ["spam==1.0"]).pins
    uv.install(str(made.python), ["spam==1.0"])
    installed = [(d.name, d.version) for d in made.distributions({})]
    assert installed == [("ham", "2.0"), ("spam", "1.0")]


def test_what_was_resolved_is_fetched_if_it_is_to_be(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    uv, python = Uv(stocked.url, tmp_path), str(fresh().python)
    found = uv.resolve(python, ["spam==1.0"], fetch=True)
    asked = len(stocked.requests)
    uv.install(python, ["spam==1.0"], found.pins)
    assert len(stocked.requests) == asked


def test_what_is_fetched_ahead_needs_no_index_afterwards(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    new = release("spam", "1.3", "", dependencies=["ham"])
    stocked.add(new)
    uv, wheels = Uv(stocked.url, tmp_path), [listed(stocked, new)]
    uv.install(str(fresh().python), ["spam==1.0"], ["ham==2.0"])
    assert uv.fetch(str(fresh().python), "spam", wheels)
    assert not uv.fetch("no Python", "spam", wheels)
    assert stocked.count(f"/files/{new.filename}") == 1
    asked = len(stocked.requests)
    uv.install(str(fresh().python), ["spam==1.3"], ["ham==2.0", *hashed(new)], wheels=wheels)
    assert len(stocked.requests) == asked


@pytest.mark.parametrize(
    "dependencies", [["ham>=1.*"], ["nuts; extra == 'salted'\nthis line is no header", "ham"]]
)
def test_what_settings_can_t_say_the_index_is_asked_for(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path, dependencies: list[str]
) -> None:
    """uv reads in metadata what it doesn't take elsewhere, and what other parsers don't see."""
    uv, plain, made = Uv(stocked.url, tmp_path), fresh(), fresh()
    new = release("spam", "1.3", "", dependencies=dependencies)
    stocked.add(new)
    uv.install(str(plain.python), ["spam==1.3"], ["ham==2.0"])
    uv.install(str(made.python), ["spam==1.3"], ["ham==2.0"], wheels=[listed(stocked, new)])
    assert not list((tmp_path / "bisector").rglob("*.toml"))
    assert made.distributions({}) == plain.distributions({})


def test_a_conflict_is_no_reason_to_fetch_again(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    uv, new = Uv(stocked.url, tmp_path), release("spam", "1.3", "", dependencies=["ham<2"])
    stocked.add(new)
    uv.install(str(fresh().python), ["spam==1.0"], ["ham==2.0"])
    for _ in range(2):
        with pytest.raises(InstallFailedError):
            uv.install(
                str(fresh().python), ["spam==1.3"], ["ham==2.0"], wheels=[listed(stocked, new)]
            )
    assert not uv.fetch("no Python", "spam", [listed(stocked, new)])


@pytest.mark.parametrize("variable", ["UV_NO_CONFIG", "UV_CONFIG_FILE"])
def test_where_uv_reads_no_settings_of_ours_nothing_is_fetched_in_vain(
    stocked: LocalIndex,
    fresh: Fresh,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    (tmp_path / "uv.toml").write_text("")
    monkeypatch.setenv(variable, {"UV_NO_CONFIG": "1"}.get(variable, str(tmp_path / "uv.toml")))
    uv, made = Uv(stocked.url, tmp_path), fresh()
    new = release("spam", "1.3", "", dependencies=["ham"])
    stocked.add(new)
    assert not uv.fetch(str(made.python), "spam", [listed(stocked, new)])
    uv.install(str(made.python), ["spam==1.3"], ["ham==2.0"], wheels=[listed(stocked, new)])
    installed = [(d.name, d.version) for d in made.distributions({})]
    assert installed == [("ham", "2.0"), ("spam", "1.3")]


def test_a_listing_that_is_wrong_is_told_by_the_index(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    """A file that isn't there any more, or isn't the one that was listed."""
    uv, made = Uv(stocked.url, tmp_path), fresh()
    new = release("spam", "1.3", "", dependencies=["ham"])
    stocked.add(new)
    elsewhere = replace(listed(stocked, new), url=f"{stocked.url}nowhere/{new.filename}")
    uv.install(str(made.python), ["spam==1.3"], ["ham==2.0"], wheels=[elsewhere])
    assert ("spam", "1.3") in [(d.name, d.version) for d in made.distributions({})]
    other = replace(listed(stocked, new), sha256="0" * 64)
    told = f"spam==1.3 --hash=sha256:{other.sha256}"
    with pytest.raises(InstallerError, match="another file than it listed"):
        uv.install(str(fresh().python), ["spam==1.3"], ["ham==2.0", told], wheels=[other])


def test_what_nothing_holds_is_the_index_s_newest_also_beside_what_is_held(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    """What the cache had of it goes."""
    stocked.add(release("toast", "1.0", "", dependencies=["ham", "jam"]))
    stocked.add(release("jam", "1.0", "", dependencies=["butter"]), release("butter", "1.0", ""))
    uv, held = Uv(stocked.url, tmp_path), ["ham==2.0"]
    uv.install(str(fresh().python), ["toast==1.0"], held)
    stocked.add(release("jam", "2.0", "", day=21))
    made = fresh()
    uv.install(str(made.python), ["toast==1.0"], held)
    installed = [(d.name, d.version) for d in made.distributions({})]
    assert installed == [("ham", "2.0"), ("jam", "2.0"), ("toast", "1.0")]


def test_what_can_t_live_with_what_is_held_leaves_nothing_behind(
    stocked: LocalIndex, fresh: Fresh, tmp_path: Path
) -> None:
    made = fresh()
    with pytest.raises(InstallFailedError):
        Uv(stocked.url, tmp_path).install(str(made.python), ["spam==1.2"], ["ham==2.0"])
    assert made.distributions({}) == ()
