import ast
import asyncio
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import tomli
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector.inputs import documents
from bisector.inputs.probe import only, read

PROBES = Path(__file__).parents[2] / "probes"
SCRIPTS = sorted(path for path in PROBES.glob("*.py") if path.stem != "probekit")
LISTED = documents.read(PROBES)
BLOCK = re.compile(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$")

each_probe = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
each_case = pytest.mark.parametrize(
    ("path", "case"),
    [
        pytest.param(path, case, id=f"{path.stem}[{case}]" if case else path.stem)
        for path in SCRIPTS
        for case in read(path).cases or ("",)
    ],
)
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="exact on Linux only")


def start(
    *arguments: str | Path, env: dict[str, str] | None = None
) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    """Start Python where `import probekit` works, as it does beside the probes."""
    scrubbed = {name: value for name, value in os.environ.items() if name != "BISECTOR_RESULT"}
    return subprocess.Popen(
        [sys.executable, *arguments],
        env={**scrubbed, "PYTHONPATH": str(PROBES), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    *arguments: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    with start(*arguments, env=env) as process:
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.fixture
def probekit(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(PROBES))
    import probekit

    return probekit


# Each probe


def metadata(path: Path) -> dict[str, Any]:
    match = BLOCK.search(path.read_text())
    assert match
    return tomli.loads("".join(line[2:] for line in match["content"].splitlines(keepends=True)))


@each_probe
def test_metadata_names_the_package_and_what_to_search(path: Path) -> None:
    script = metadata(path)
    bisector = script["tool"]["bisector"]

    assert script["dependencies"] == [bisector["package"]]
    assert "3.13" in SpecifierSet(script["requires-python"])
    assert SpecifierSet(bisector["range"])
    assert bisector["timeout"] > 0


@each_probe
def test_documented_claims_are_links_and_releases(path: Path) -> None:
    documented = metadata(path)["tool"]["bisector"].get("documented", {})
    good, bad = (set(map(Version, documented.get(side, []))) for side in ("good", "bad"))

    assert documented.keys() <= {"issue", "fix", "good", "bad", "case"}
    for name, kind in (("issue", "issues"), ("fix", "pull")):
        address = rf"https://github\.com/[\w-]+/\w+/{kind}/\d+"
        assert re.fullmatch(address, documented.get(name, "")) or name not in documented
    assert good.isdisjoint(bad)
    assert documented.get("case") in {None, *read(path).cases[:1]}


@each_probe
def test_documented_versions_are_those_of_a_listed_document(path: Path) -> None:
    documented = read(path).documented

    if documented.good or documented.bad:
        assert documented.issue in {document.issue for document in LISTED}


@each_probe
def test_claims_are_sentences_of_listed_documents(path: Path) -> None:
    for claim in read(path).claims:
        assert claim.document in {document.name for document in LISTED}
        assert re.fullmatch(r"[A-Z]\S*( \S+)+[^.\s]", claim.says)


def test_claims_are_told_once_for_a_case() -> None:
    for path in SCRIPTS:
        script = read(path)
        for told in [only(script, case).claims for case in script.cases] or [script.claims]:
            assert len(set(told)) == len(told)


def test_documents_are_told_apart_and_refused_with_a_reason() -> None:
    assert len({document.name for document in LISTED}) == len(LISTED)
    for document in LISTED:
        assert document.title
        for refused in document.refused:
            assert refused.says.endswith(".")
            assert refused.why.endswith(".")


@each_probe
def test_no_release_is_named_outside_the_documented_claims(path: Path) -> None:
    code = BLOCK.sub("", path.read_text()).replace("127.0.0.1", "")

    assert re.findall(r"\b\d+\.\d+\.\d+\b", code) == []


@each_probe
def test_docstring_states_the_required_behaviour_in_one_line(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))

    assert docstring
    assert re.fullmatch(r".* must .*\.", docstring.splitlines()[0])


@pytest.mark.parametrize("path", sorted(PROBES.glob("*.py")), ids=lambda path: path.stem)
def test_syntax_is_that_of_the_oldest_python(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 8))


@each_case
def test_probe_runs_by_itself_and_decides(path: Path, case: str) -> None:
    pytest.importorskip(read(path).package, reason="the probe runs here, without bisector")
    done = run(path, *filter(None, [case]))
    result = json.loads(done.stdout.splitlines()[-1])

    assert result["outcome"] in {"good", "bad"}, done.stderr
    assert result.get("metrics") or "probekit" not in path.read_text()
    assert done.stderr == ""


@pytest.mark.parametrize("path", [p for p in SCRIPTS if read(p).cases], ids=lambda path: path.stem)
def test_unknown_case_is_an_error_that_names_those_of_the_metadata(path: Path) -> None:
    pytest.importorskip(read(path).package, reason="the probe runs here, without bisector")
    done = run(path, "none-such")

    assert done.returncode == 2
    assert done.stdout == ""
    choices = re.search(r"invalid choice: 'none-such' \(choose from (.*)\)", done.stderr)
    assert choices
    assert choices[1].replace("'", "").split(", ") == list(read(path).cases)


def test_documented_memory_probes_have_no_cases() -> None:
    assert read(PROBES / "iobase_payload.py").cases == ()
    assert read(PROBES / "textio_payload.py").cases == ()


# Reporting

REPORT = """
import probekit
probekit.report(probekit.Verdict({!r}, "why", {{"n": 1}}, {{"idle": 2}}))
"""


@pytest.mark.parametrize(("outcome", "status"), [("good", 0), ("bad", 1), ("skip", 125)])
def test_report_is_the_last_line_of_output_and_the_exit_status(outcome: str, status: int) -> None:
    done = run("-c", "print('noise')" + REPORT.format(outcome))

    assert json.loads(done.stdout.splitlines()[-1]) == {
        "bisector": 1,
        "outcome": outcome,
        "reason": "why",
        "metrics": {"n": 1},
        "pool": {"idle": 2},
    }
    assert done.returncode == status


def test_report_goes_to_the_file_that_the_driver_names(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    done = run("-c", REPORT.format("bad"), env={"BISECTOR_RESULT": str(file)})

    assert done.stdout == ""
    assert json.loads(file.read_text())["outcome"] == "bad"
    assert done.returncode == 1


def test_unknown_outcome_reports_nothing() -> None:
    done = run("-c", REPORT.format("perhaps"))

    assert "KeyError: 'perhaps'" in done.stderr
    assert done.stdout == ""


CASE = "import probekit; print(probekit.case('first', 'second'))"


@pytest.mark.parametrize(("argument", "chosen"), [([], "first"), (["second"], "second")])
def test_case_is_the_argument_or_the_first(argument: list[str], chosen: str) -> None:
    assert run("-c", CASE, *argument).stdout == f"{chosen}\n"


def test_unknown_case_decides_nothing() -> None:
    done = run("-c", CASE, "third")

    assert done.returncode == 2
    assert "choose from" in done.stderr


# Memory

GROWTH = """
from probekit import MIB, MemoryGrowth
{before}
with MemoryGrowth() as growth:
    {block}
print(growth.bytes / MIB, growth.exact)
"""


@linux_only
@pytest.mark.parametrize(
    ("before", "block", "growth_mib"),
    [
        ("", "pass", 0),
        ("", "kept = b'x' * (48 * MIB)", 48),
        ("", "b'x' * (48 * MIB)", 48),
        ("b'x' * (64 * MIB)", "b'x' * (48 * MIB)", 48),
        ("b'x' * (64 * MIB)", "pass", 0),
        ("kept = b'x' * (64 * MIB)", "del kept; b'x' * (48 * MIB)", 0),
    ],
    ids=["nothing", "kept", "freed", "below-an-earlier-peak", "earlier-peak-only", "replaced"],
)
def test_growth_is_what_was_allocated_at_most(before: str, block: str, growth_mib: int) -> None:
    done = run("-c", GROWTH.format(before=before, block=block))
    measured, exact = done.stdout.split()

    assert float(measured) == pytest.approx(growth_mib, abs=1)
    assert exact == "True"


@linux_only
def test_measuring_growth_keeps_an_earlier_peak_on_record() -> None:
    code = GROWTH.format(before="b'x' * (64 * MIB)", block="pass")
    done = run("-c", f"{code}\nimport probekit; print(probekit.memory().peak_bytes / MIB)")

    assert float(done.stdout.split()[-1]) > 64


def test_memory_without_proc_says_that_it_is_inexact(probekit: Any) -> None:
    memory = probekit.memory("/nonexistent")

    assert memory.resident_bytes == memory.peak_bytes > probekit.MIB
    assert not memory.exact


# The other process


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def refuses(url: str) -> bool:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=10)
    with contextlib.closing(connection):
        try:
            connection.connect()
        except OSError:
            return True
        return False


@pytest.mark.parametrize("early", [False, True], ids=["late", "early"])
@pytest.mark.parametrize("kind", ["raw", "web"])
def test_server_answers_every_request_of_a_connection(
    probekit: Any, kind: str, early: bool
) -> None:
    with probekit.Server(kind, early=early) as server:
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
        with contextlib.closing(connection):
            for body in (b"", b"known" * 100_000, iter([b"chunked"] * 1_000), b"last"):
                connection.request("POST", "/", body)
                response = connection.getresponse()
                assert (response.status, response.read()) == (200, b"")


@pytest.mark.parametrize("kind", ["raw", "web"])
def test_server_ends_with_its_context(probekit: Any, kind: str) -> None:
    with probekit.Server(kind) as server:
        url = server.url
        assert not refuses(url)

    assert refuses(url)


@pytest.mark.parametrize("kind", ["raw", "web"])
def test_server_ends_when_its_parent_is_killed(kind: str) -> None:
    code = f"""
import probekit, time
with probekit.Server({kind!r}) as server:
    print(server.url, flush=True)
    time.sleep(600)
"""
    with start("-c", code) as parent:
        assert parent.stdout
        url = parent.stdout.readline().strip()
        assert not refuses(url)
        parent.send_signal(signal.SIGKILL)

    wait_until(lambda: refuses(url))


def test_server_that_cannot_start_is_an_error(
    probekit: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        probekit.Server("none") as server,
        pytest.raises(RuntimeError, match="the server ended with status 1"),
    ):
        server.url  # noqa: B018  # asking is what raises

    assert "KeyError: 'none'" in capfd.readouterr().err


def test_pool_tells_idle_in_use_and_waiting_apart(
    probekit: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    import aiohttp

    async def request(session: aiohttp.ClientSession, url: str) -> None:
        async with session.get(url):
            pass

    async def until(expected: dict[str, Any], connector: Any) -> None:
        while probekit.pool(connector) != expected:
            await asyncio.sleep(0.01)

    async def check(quick: str, slow: str) -> None:
        hosts = {urlsplit(quick).netloc: {"idle": 1, "in_use": 0}}
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            await request(session, quick)
            expected = {"idle": 1, "in_use": 0, "waiting": 0, "limit": 1, "hosts": hosts}
            assert probekit.pool(session.connector) == expected

            tasks = [asyncio.create_task(request(session, slow)) for _ in range(2)]
            hosts[urlsplit(slow).netloc] = {"idle": 0, "in_use": 1}
            expected.update(in_use=1, waiting=1)
            await asyncio.wait_for(until(expected, session.connector), timeout=10)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    with probekit.Server("raw") as quick, probekit.Server("raw", delay=600) as slow:
        asyncio.run(check(quick.url, slow.url))
    assert capfd.readouterr().err == ""
