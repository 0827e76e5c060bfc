"""The server of large, slow, short and compressed bodies, and the probes that download them."""

import asyncio
import contextlib
import hashlib
import http.client
import re
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bisector.inputs import documents
from bisector.inputs.probe import read

PROBES = Path(__file__).parents[2] / "probes"
TWINS = sorted(
    path.stem.removeprefix("httpx_")
    for path in PROBES.glob("httpx_*.py")
    if path.with_name(path.name.replace("httpx", "aiohttp")).exists()
)
DOCUMENTS = ("aiohttp-large-downloads", "httpx-streaming")

each_twin = pytest.mark.parametrize("name", TWINS)
each_framing = pytest.mark.parametrize("framing", ["length", "chunked", "close"])


@pytest.fixture
def probekit(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(PROBES))
    import probekit

    return probekit


@pytest.fixture
def server(probekit: Any) -> Iterator[Any]:
    with probekit.BodyServer() as running:
        yield running


@contextlib.contextmanager
def get(url: str, timeout_s: float = 10) -> Iterator[http.client.HTTPResponse]:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=timeout_s)
    with contextlib.closing(connection):
        connection.request("GET", f"{address.path}?{address.query}")
        with connection.getresponse() as response:
            yield response


# The documents


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_is_listed_claimed_and_partly_refused(name: str) -> None:
    listed = {document.name: document for document in documents.read(PROBES)}
    claimed = [claim for path in PROBES.glob("*_*.py") for claim in read(path).claims]

    assert any(claim.document == name for claim in claimed)
    assert listed[name].refused


# The probes come in pairs


def test_every_probe_of_httpx_has_its_counterpart() -> None:
    assert len(TWINS) == len(list(PROBES.glob("httpx_*.py"))) == 11


@each_twin
def test_counterparts_ask_for_the_same_behaviour(name: str) -> None:
    aiohttp, httpx = (read(PROBES / f"{package}_{name}.py") for package in ("aiohttp", "httpx"))

    assert (aiohttp.package, httpx.package) == ("aiohttp", "httpx")
    assert aiohttp.title == httpx.title
    assert len({*aiohttp.cases} & {*httpx.cases}) >= 2


# Bodies


def test_body_is_the_same_every_time_and_its_blocks_differ(probekit: Any) -> None:
    size = 3 * probekit.BLOCK_BYTES + 17
    blocks = list(probekit.body_blocks(size))

    assert [len(block) for block in blocks] == [probekit.BLOCK_BYTES] * 3 + [17]
    assert len(set(blocks)) == 4
    assert b"".join(probekit.body_blocks(size)) == b"".join(blocks)
    assert probekit.body_sha256(size) == hashlib.sha256(b"".join(blocks)).hexdigest()


@each_framing
def test_body_arrives_whole_in_every_framing(probekit: Any, server: Any, framing: str) -> None:
    size = 5 * probekit.MIB + 1
    with get(server.body_url(size, framing)) as response:
        body = response.read()

    assert hashlib.sha256(body).hexdigest() == probekit.body_sha256(size)
    assert response.getheader("Content-Length") == (str(size) if framing == "length" else None)
    assert response.getheader("Transfer-Encoding") == ("chunked" if framing == "chunked" else None)
    assert server.sent_bytes() == size


def test_connection_is_kept_for_another_body(server: Any) -> None:
    address = urlsplit(server.url)
    with contextlib.closing(http.client.HTTPConnection(address.netloc, timeout=10)) as connection:
        for size, framing in ((10, "length"), (200_000, "chunked"), (30, "length")):
            connection.request("GET", server.body_url(size, framing).removeprefix(server.url[:-1]))
            assert len(connection.getresponse().read()) == size


@each_framing
def test_body_stalls_after_so_many_bytes(server: Any, framing: str) -> None:
    with get(server.body_url(1000, framing, stall=600), timeout_s=0.3) as response:
        assert len(response.read(600)) == 600
        with pytest.raises(TimeoutError):
            response.read(1)


def test_not_even_a_head_comes_from_a_mute_server(server: Any) -> None:
    with pytest.raises(TimeoutError), get(server.body_url(1000, mute=1), timeout_s=0.3):
        pass


def test_head_comes_alone_where_nothing_is_sent(server: Any) -> None:
    with get(server.body_url(1000, stall=0), timeout_s=0.3) as response:
        assert response.getheader("Content-Length") == "1000"
        with pytest.raises(TimeoutError):
            response.read(1)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_that_says_its_length_is_cut_short_of_it(server: Any, framing: str) -> None:
    with (
        get(server.body_url(1000, framing, cut=600)) as response,
        pytest.raises(http.client.IncompleteRead) as raised,
    ):
        response.read()

    assert len(raised.value.partial) == 600


def test_body_that_ends_with_its_connection_is_cut_without_a_trace(server: Any) -> None:
    with get(server.body_url(1000, "close", cut=600)) as response:
        assert len(response.read()) == 600


@each_framing
def test_connection_is_reset_after_so_many_bytes(server: Any, framing: str) -> None:
    with (
        get(server.body_url(1000, framing, reset=600)) as response,
        pytest.raises(ConnectionResetError),
    ):
        response.read()


def test_body_pauses_after_each_block(server: Any) -> None:
    begun = time.monotonic()
    with get(server.body_url(64, block=16, pause=0.05)) as response:
        assert len(response.read()) == 64

    assert time.monotonic() - begun > 2.5 * 0.05  # the last pause is after the body


def test_compressed_body_is_a_thousandth_of_what_it_holds(probekit: Any, server: Any) -> None:
    with get(server.body_url(probekit.MIB, gzip=1)) as response:
        body = response.read()

    assert response.getheader("Content-Encoding") == "gzip"
    assert response.getheader("Content-Length") == str(len(body))
    assert len(body) < probekit.MIB / 500
    assert zlib.decompress(body, 16 + zlib.MAX_WBITS) == bytes(probekit.MIB)


def test_server_tells_how_much_a_client_that_does_not_read_lets_it_send(
    probekit: Any, server: Any
) -> None:
    size = 256 * probekit.MIB
    with get(server.body_url(size)):
        sent = asyncio.run(server.sent_at_most())
        assert 0 < sent < size / 2
        assert server.sent_bytes() == sent


# Verdicts


@pytest.mark.parametrize(
    ("per_byte", "outcome"), [(0, "good"), (0.2, "good"), (0.5, "skip"), (1, "bad"), (2, "bad")]
)
def test_slope_decides_whether_memory_grows_with_the_body(
    probekit: Any, per_byte: float, outcome: str
) -> None:
    base = 300_000
    sizes = [mib * probekit.MIB for mib in (1, 16, 64)]
    growth = {size: base + int(per_byte * size) for size in sizes}
    verdict = probekit.memory_verdict(growth, True, {"idle": 1}, wire_bytes=7)

    assert verdict.outcome == outcome
    assert verdict.metrics["slope"] == pytest.approx(per_byte, abs=1e-4)
    assert verdict.metrics["growth_bytes"] == growth[sizes[-1]]
    assert verdict.metrics["wire_bytes"] == 7
    assert re.match(rf"peak memory rose by {per_byte:.2f} bytes per byte of body", verdict.reason)


def test_slope_never_reads_as_minus_nothing(probekit: Any) -> None:
    verdict = probekit.memory_verdict({1: 1000, 10**9: 900}, True, {})

    assert verdict.reason.startswith("peak memory rose by 0.00 bytes")


def test_pool_of_httpx_tells_idle_in_use_and_waiting_apart(probekit: Any, server: Any) -> None:
    httpx = pytest.importorskip("httpx", reason="the test looks at what httpx itself does")

    async def check() -> None:
        host = urlsplit(server.url).netloc
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=1)) as client:
            await client.get(server.body_url(1))
            expected = {"idle": 1, "in_use": 0, "waiting": 0, "limit": 1}
            hosts = {host: {"idle": 1, "in_use": 0}}
            assert probekit.httpx_pool(client) == {**expected, "hosts": hosts}

            async with client.stream("GET", server.body_url(1000, stall=1)):
                task = asyncio.create_task(client.get(server.body_url(1)))
                expected = {"idle": 0, "in_use": 1, "waiting": 1, "limit": 1}
                hosts = {host: {"idle": 0, "in_use": 1}}
                while probekit.httpx_pool(client) != {**expected, "hosts": hosts}:
                    await asyncio.sleep(0.01)
                task.cancel()
                await asyncio.wait([task])

    asyncio.run(asyncio.wait_for(check(), 10))
