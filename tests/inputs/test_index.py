from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from local_index import RESET, LocalIndex
from packaging.version import Version
from wheels import history, sdist, wheel

from bisector.errors import IndexUnavailableError, UsageError
from bisector.inputs import asking
from bisector.inputs import index as index_module
from bisector.inputs.asking import Limits
from bisector.inputs.listing import Listing
from bisector.settings import FRESH, IndexSource, index_url

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
SECRET = "s3cr3t"
QUICK = Limits(first_pause_s=0.001, longest_pause_s=0.01)


@pytest.fixture
def index() -> Iterator[LocalIndex]:
    with LocalIndex() as running:
        running.add(history("spam", {"1.9": "", "1.10": "", "1.11a1": ""}, yanked={"1.10": "oops"}))
        yield running


def releases(
    index: LocalIndex, cache: Path, url: str | None = None, project: str = "spam", **options: Any
) -> Listing:
    source = IndexSource(url or index.url, "--index-url")
    return index_module.releases(
        project, source, cache, **{"now": NOON, "limits": QUICK, **options}
    )


def told(error: pytest.ExceptionInfo[IndexUnavailableError]) -> str:
    return f"{error.value.message}\n{error.value.hint}"


@pytest.mark.parametrize("speaks", ["negotiated", "json", "html"])
@pytest.mark.parametrize("content_type", [None, "text/html", "application/json", "text/plain"])
@pytest.mark.parametrize("gzipped", [False, True])
def test_releases_whatever_the_index_speaks_and_claims(
    index: LocalIndex, tmp_path: Path, speaks: Any, content_type: str | None, gzipped: bool
) -> None:
    index.speaks, index.content_type, index.gzipped = speaks, content_type, gzipped
    found = releases(index, tmp_path)
    assert [str(release.version) for release in found.releases] == ["1.9", "1.10", "1.11a1"]
    assert [release.yanked_reason for release in found.releases] == ["", "oops", ""]
    assert found.releases[1].upload_time == datetime(2024, 1, 2, tzinfo=timezone.utc)
    (file,) = found.releases[0].files
    assert file.url == f"http://{index.host}/files/spam-1.9-py3-none-any.whl"
    assert (found.fetched, found.from_cache, found.warnings) == (NOON, False, ())


def test_json_is_preferred(index: LocalIndex, tmp_path: Path) -> None:
    (release, *_) = releases(index, tmp_path).releases
    assert release.files[0].size_bytes is not None


def test_names_are_normalized_for_the_index(index: LocalIndex, tmp_path: Path) -> None:
    index.add(wheel("Spam.Eggs", "1.0"), sdist("spam_eggs", "1.0", requires_python=">=3.9"))
    found = releases(index, tmp_path, project="SPAM__eggs")
    assert (found.name, found.project) == ("spam-eggs", "spam-eggs")
    assert [len(release.files) for release in found.releases] == [2]
    assert found.releases[0].files[1].requires_python == ">=3.9"


def test_no_name_of_a_project_reaches_the_index(index: LocalIndex, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        releases(index, tmp_path, project="../admin")
    assert index.requests == []


def test_base_href_and_missing_upload_times(index: LocalIndex, tmp_path: Path) -> None:
    index.speaks, index.base_href, index.upload_times = "html", True, False
    release = releases(index, tmp_path).releases[0]
    assert release.files[0].url == f"http://{index.host}/files/spam-1.9-py3-none-any.whl"
    assert release.upload_time is None


def test_a_folder_of_pages_is_an_index(index: LocalIndex, tmp_path: Path) -> None:
    url = index.write(tmp_path / "a folder")
    found = releases(index, tmp_path, url)
    assert [str(release.version) for release in found.releases] == ["1.9", "1.10", "1.11a1"]
    assert Path(found.releases[0].files[0].url.removeprefix("file://").replace("%20", " ")).exists()
    with pytest.raises(IndexUnavailableError, match="no project ham"):
        releases(index, tmp_path, url, "ham")


def test_a_fresh_listing_is_not_asked_for_again(index: LocalIndex, tmp_path: Path) -> None:
    first = releases(index, tmp_path)
    index.add(wheel("spam", "2.0"))
    again = releases(index, tmp_path, now=NOON + FRESH - timedelta(seconds=1))
    assert (again, again.from_cache, index.count()) == (first, True, 1)
    later = releases(index, tmp_path, now=NOON + FRESH)
    assert (later.releases[-1].version, later.from_cache) == (Version("2.0"), False)
    assert index.count() == 2


def test_a_listing_from_the_future_is_not_fresh(index: LocalIndex, tmp_path: Path) -> None:
    releases(index, tmp_path, now=NOON + timedelta(days=1))
    assert not releases(index, tmp_path).from_cache


def test_refresh_asks_again(index: LocalIndex, tmp_path: Path) -> None:
    index.etags = True
    releases(index, tmp_path)
    assert not releases(index, tmp_path, refresh=True).from_cache
    assert "If-None-Match" not in index.requests[-1].headers


def test_an_unchanged_page_is_not_sent_again(index: LocalIndex, tmp_path: Path) -> None:
    index.etags = True
    releases(index, tmp_path)
    confirmed = releases(index, tmp_path, now=NOON + timedelta(hours=1))
    assert (confirmed.from_cache, confirmed.fetched) == (True, NOON + timedelta(hours=1))
    assert releases(index, tmp_path, now=NOON + timedelta(minutes=65)) == confirmed
    index.add(wheel("spam", "2.0"))
    assert not releases(index, tmp_path, now=NOON + timedelta(hours=2)).from_cache
    assert index.count() == 3


def test_offline_takes_a_listing_of_any_age(index: LocalIndex, tmp_path: Path) -> None:
    first = releases(index, tmp_path)
    assert releases(index, tmp_path, offline=True, now=NOON + timedelta(days=999)) == first
    assert index.count() == 1
    with pytest.raises(IndexUnavailableError, match="no listing of ham") as error:
        releases(index, tmp_path, project="ham", offline=True)
    assert error.value.hint == "run once without --offline"
    with pytest.raises(UsageError):
        releases(index, tmp_path, offline=True, refresh=True)


def test_a_stale_listing_stands_in_for_an_index_out_of_reach(
    index: LocalIndex, tmp_path: Path
) -> None:
    first = releases(index, tmp_path)
    index.fail(503, times=99)
    stale = releases(index, tmp_path, now=NOON + timedelta(days=3))
    assert (stale, stale.from_cache) == (first, True)
    (warning,) = stale.warnings
    assert warning.startswith(
        f"{index.host} answers 503, asked 4 times for spam; using the listing"
    )
    assert warning.endswith("2024-05-01 12:00 UTC")
    with pytest.raises(IndexUnavailableError, match="answers 503") as error:
        releases(index, tmp_path, refresh=True)
    assert error.value.hint == "--offline uses the listing of 2024-05-01 12:00 UTC"


def test_a_stale_listing_does_not_hide_that_a_project_is_gone(
    index: LocalIndex, tmp_path: Path
) -> None:
    releases(index, tmp_path)
    index.fail(404)
    with pytest.raises(IndexUnavailableError, match="no project spam"):
        releases(index, tmp_path, now=NOON + timedelta(days=3))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"\xff", b'{"schema": "bisector/listing/1"}']
)
def test_a_broken_cache_is_one_warning(index: LocalIndex, tmp_path: Path, content: bytes) -> None:
    first = releases(index, tmp_path)
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(content)
    again = releases(index, tmp_path)
    assert (again, again.from_cache) == (first, False)
    (warning,) = again.warnings
    assert str(path) in warning
    assert releases(index, tmp_path).warnings == ()


def test_the_listing_of_another_project_is_not_trusted(index: LocalIndex, tmp_path: Path) -> None:
    releases(index, tmp_path)
    (path,) = tmp_path.rglob("*.json")
    path.rename(path.with_name("ham.json"))
    index.add(wheel("ham", "1.0"))
    assert "it lists spam" in releases(index, tmp_path, project="ham").warnings[0]


def test_a_cache_that_cannot_be_written_is_one_warning(index: LocalIndex, tmp_path: Path) -> None:
    (tmp_path / "listings").write_text("not a folder")
    found = releases(index, tmp_path)
    assert len(found.releases) == 3
    assert any("can't be cached" in warning for warning in found.warnings)


def test_a_cache_in_the_way_is_two_warnings(index: LocalIndex, tmp_path: Path) -> None:
    releases(index, tmp_path)
    (path,) = tmp_path.rglob("*.json")
    path.unlink()
    path.mkdir()
    assert len(releases(index, tmp_path).warnings) == 2
    assert [*path.parent.iterdir()] == [path]


def test_the_cache_is_written_whole(index: LocalIndex, tmp_path: Path) -> None:
    releases(index, tmp_path)
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".json"]


@pytest.mark.parametrize("failure", [429, 500, 502, 503, 504, RESET])
def test_passing_failures_are_tried_again(index: LocalIndex, tmp_path: Path, failure: int) -> None:
    index.fail(failure, times=3)
    assert len(releases(index, tmp_path).releases) == 3
    assert index.count() == 4


@pytest.mark.parametrize("failure", [429, 503, RESET])
def test_lasting_failures_are_told(index: LocalIndex, tmp_path: Path, failure: int) -> None:
    index.fail(failure, times=99)
    with pytest.raises(IndexUnavailableError) as error:
        releases(index, tmp_path)
    assert index.host in told(error)
    assert "--index-url" in told(error)
    assert failure == RESET or index.count() == 4  # aiohttp itself asks again after a reset


@pytest.mark.parametrize("header", ["0", "7", "in a while", "Wed, 01 May 2024 12:00:00 GMT"])
def test_retry_after_is_honoured_up_to_the_longest_pause(
    index: LocalIndex, tmp_path: Path, header: str
) -> None:
    paused = []

    class Noting(Limits):
        def pause_s(self, attempt: int, retry_after_s: float = 0.0) -> float:
            paused.append(super().pause_s(attempt, retry_after_s))
            return paused[-1]

    index.fail(429, Retry_After=header)
    releases(index, tmp_path, limits=Noting(first_pause_s=0.001, longest_pause_s=0.1))
    assert (paused == [0.1]) == (header == "7")


def test_retry_after_as_a_date() -> None:
    soon = datetime.now(timezone.utc) + timedelta(seconds=60)
    assert 55 < asking._retry_after_s(format_datetime(soon, usegmt=True)) <= 60


def test_pauses_grow_are_uneven_and_end() -> None:
    limits = Limits(first_pause_s=1.0, longest_pause_s=30.0)
    assert {0.5 <= limits.pause_s(0) <= 1.5 for _ in range(99)} == {True}
    assert len({limits.pause_s(0) for _ in range(99)}) > 50
    assert 4.0 <= limits.pause_s(3) <= 12.0
    assert limits.pause_s(9) == limits.pause_s(0, retry_after_s=3600) == 30.0
    assert limits.pause_s(0, retry_after_s=20) == 20


def test_a_slow_index_is_not_waited_for_forever(index: LocalIndex, tmp_path: Path) -> None:
    index.delay_s = 0.3
    with pytest.raises(IndexUnavailableError, match="sent next to nothing of the page of spam"):
        releases(index, tmp_path, limits=Limits(patience_s=0.05))


def test_an_absurd_answer_is_refused(index: LocalIndex, tmp_path: Path) -> None:
    index.pages["spam"], index.gzipped = b"<!-- " + b" " * (3 << 20), True
    with pytest.raises(IndexUnavailableError, match="more than 1 MiB"):
        releases(index, tmp_path, limits=Limits(body_bytes=1 << 20))


def test_a_page_that_is_none_is_told(index: LocalIndex, tmp_path: Path) -> None:
    index.pages["spam"] = b"please log in"
    with pytest.raises(IndexUnavailableError, match="neither HTML nor JSON") as error:
        releases(index, tmp_path)
    assert "set by --index-url" in error.value.hint
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_project_is_told(index: LocalIndex, tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailableError) as error:
        releases(index, tmp_path, project="Sapm")
    assert error.value.message == f"there is no project sapm on {index.url}"
    assert "spelling" in error.value.hint
    assert index.count() == 1


@pytest.mark.parametrize("status", [400, 418, 304, 204])
def test_other_answers_are_told(index: LocalIndex, tmp_path: Path, status: int) -> None:
    index.fail(status, times=99)
    with pytest.raises(IndexUnavailableError, match=r"answers"):
        releases(index, tmp_path)
    assert index.count() == 1


def test_credentials_of_the_address(index: LocalIndex, tmp_path: Path) -> None:
    index.credentials = f"me:{SECRET}"
    found = releases(index, tmp_path, index.url_with_credentials)
    assert len(found.releases) == 3
    assert SECRET not in repr(found)
    assert [SECRET in path.read_text() for path in tmp_path.rglob("*.json")] == [False]
    assert releases(index, tmp_path).from_cache


def test_credentials_of_netrc(
    index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.credentials = f"me:{SECRET}"
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert len(releases(index, tmp_path).releases) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 500, 418, RESET, 200])
def test_credentials_are_in_no_error(index: LocalIndex, tmp_path: Path, status: int) -> None:
    index.credentials = f"me:{SECRET}"
    index.pages["spam"] = b"nonsense"
    if status != 200:
        index.fail(status, times=99)
    with pytest.raises(IndexUnavailableError) as error:
        releases(index, tmp_path, index.url_with_credentials)
    assert SECRET not in told(error)
    assert "me:" not in told(error)
    assert ("netrc" in told(error)) == (status in (401, 403))


def test_a_refused_connection_is_told(index: LocalIndex, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        host = f"127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(IndexUnavailableError) as error:
        releases(index, tmp_path, f"http://me:{SECRET}@{host}/simple")
    assert error.value.message.startswith(f"{host} can't be reached (Connection refused)")
    assert SECRET not in told(error)


def test_a_name_that_does_not_resolve_is_told(index: LocalIndex, tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailableError, match=r"nowhere\.invalid can't be resolved"):
        releases(index, tmp_path, "https://nowhere.invalid/simple")


def test_an_index_without_tls_is_told(index: LocalIndex, tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailableError, match="TLS") as error:
        releases(index, tmp_path, f"https://me:{SECRET}@{index.host}/simple")
    assert SECRET not in told(error)


@pytest.mark.parametrize("url", ["http://:80/simple", "http://host:port/", "https:///"])
def test_an_address_that_is_none_is_told(index: LocalIndex, tmp_path: Path, url: str) -> None:
    with pytest.raises((IndexUnavailableError, UsageError)):
        releases(index, tmp_path, url)


def test_a_proxy_of_the_environment_is_asked(
    index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{index.host}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(
        IndexUnavailableError, match=r"no project spam on http://index\.test/simple"
    ):
        releases(index, tmp_path, "http://index.test/simple")
    assert index.requests[0].path == "http://index.test/simple/spam/"


def test_a_circle_of_redirects_is_told(index: LocalIndex, tmp_path: Path) -> None:
    index.fail(302, times=99, Location="/simple/spam/")
    with pytest.raises(IndexUnavailableError, match="TooManyRedirects"):
        releases(index, tmp_path)


def test_links_are_relative_to_where_a_redirect_leads(index: LocalIndex, tmp_path: Path) -> None:
    index.credentials = f"me:{SECRET}"
    index.fail(301, Location=f"http://localhost:{index.host.partition(':')[2]}/simple/spam/")
    with pytest.raises(IndexUnavailableError, match="401"):
        releases(index, tmp_path, index.url_with_credentials)
    assert "Authorization" in index.requests[0].headers
    assert "Authorization" not in index.requests[1].headers
    index.credentials = None
    index.fail(301, Location=f"http://localhost:{index.host.partition(':')[2]}/simple/spam/")
    (release, *_) = releases(index, tmp_path).releases
    assert release.files[0].url.startswith("http://localhost:")


def test_a_fresh_listing_loads_without_the_client(tmp_path: Path, index: LocalIndex) -> None:
    releases(index, tmp_path)
    saved = {name: sys.modules.pop(name) for name in [*sys.modules] if name == "aiohttp"}
    try:
        assert releases(index, tmp_path).from_cache
        assert "aiohttp" not in sys.modules
    finally:
        sys.modules.update(saved)


@pytest.mark.network
def test_a_real_project_on_the_real_index(tmp_path: Path) -> None:
    found = index_module.releases("AIOhttp", index_url(), tmp_path)
    by_version = {str(release.version): release for release in found.releases}
    assert found.project == "aiohttp"
    assert not by_version["3.12.7"].yanked
    assert any(release.yanked and release.yanked_reason for release in found.releases)
    wheels = by_version["3.12.7"].files
    assert len(wheels) > 50
    assert all(file.sha256 and file.requires_python and file.upload_time for file in wheels)
    line = [
        r.upload_time
        for r in found.releases
        if r.version.release[:2] == (3, 12) and not r.version.is_prerelease
    ]
    assert len(line) > 9
    assert line == sorted(moment for moment in line if moment)
    started = time.perf_counter()
    assert index_module.releases("aiohttp", index_url(), tmp_path) == found
    assert time.perf_counter() - started < 0.5
