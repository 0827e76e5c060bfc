"""What goes wrong where a release is installed, and whose fault it is said to be.

``release`` is the release's: an installer says what is wrong with it. ``machine`` is anybody
else's: the network's, the disk's, the settings', or what nobody knows.
"""

from __future__ import annotations

import dataclasses
import io
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from e2e.projects import release
from local_index import RESET, LocalIndex, Response
from wheels import Built, sdist, wheel

from bisector.environment.installers.choice import chosen
from bisector.environment.installers.messages import InstallFailedError, SilentError
from bisector.environment.interpreter import find
from bisector.environment.venv import make
from bisector.errors import InstallerError

Record = Callable[[str, object], None]

WHEEL = "spam-3-py3-none-any.whl"
WHEEL_TEXT = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
METADATA = "Metadata-Version: 2.1\nName: spam\nVersion: 3\n"
INFO = "spam-3.dist-info"
TOUCH = "import pathlib, os\npathlib.Path(os.environ['HOME'], 'built').touch()\n"
"""A build backend that leaves a trace, and can't build."""


def broken(**changed: str | None) -> Callable[[LocalIndex], object]:
    """An index with a wheel whose files are changed so; None leaves one out."""
    named = {"METADATA": METADATA, "WHEEL": WHEEL_TEXT, "RECORD": "spam.py,,\n", **changed}
    files = {f"{INFO}/{name}": text for name, text in named.items() if text is not None}
    return lambda index: index.add(archive({"spam.py": "", **files}))


def archive(files: Mapping[str, str | bytes]) -> Built:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as written:
        for path, text in files.items():
            written.writestr(path, text)
    metadata = files.get(f"{INFO}/METADATA", b"")
    return dataclasses.replace(
        wheel("spam", "3"),
        content=content.getvalue(),
        metadata=metadata.encode() if isinstance(metadata, str) else metadata,
    )


def answering(
    status: int = 200, body: bytes = b"", path: str = WHEEL
) -> Callable[[LocalIndex], object]:
    return lambda index: index.answers.update({path: Response(status, body)})


def wanting(*dependencies: str) -> Callable[[LocalIndex], object]:
    return lambda index: index.add(wheel("spam", "3", dependencies=dependencies))


def adding(*built: Built) -> Callable[[LocalIndex], object]:
    return lambda index: index.add(*built)


def instead(built: Built) -> Callable[[LocalIndex], object]:
    """An index with that in place of the wheel."""
    return both(lambda index: index._files.pop(WHEEL), adding(built))


def both(*done: Callable[[LocalIndex], object]) -> Callable[[LocalIndex], object]:
    def do(index: LocalIndex) -> None:
        for one in done:
            one(index)

    return do


def failing_once(path: str) -> Callable[[LocalIndex], object]:
    return lambda index: fail_once(index, path)


def nothing(_index: LocalIndex) -> None:
    """What is there does."""


@dataclass(frozen=True)
class Fault:
    """What was done, and whose fault it must be; ``said`` is part of what is told of it."""

    done: str
    index: Callable[[LocalIndex], object]
    whose: str
    said: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    needed: Sequence[str] = ("spam==3",)
    held: Sequence[str] = ()
    allow_build: bool = False


UV = [
    Fault("nothing", nothing, "nobody"),
    *(
        Fault(f"its file answers {status or 'nothing'}", answering(status), "machine", said)
        for status, said in {
            RESET: "",
            401: "401 Unauthorized",
            403: "403 Forbidden",
            404: "404 Not Found",
            410: "410 Gone",
            418: "418",
            429: "429 Too Many Requests",
            500: "500 Internal Server Error",
            503: "503 Service Unavailable",
        }.items()
    ),
    Fault("its file is garbage", answering(body=b"garbage"), "machine", "extract"),
    Fault("its file is empty", answering(body=b""), "machine", "extract"),
    Fault("its file is cut off", answering(body=wheel("spam", "3").content[:300]), "machine"),
    Fault("its file is an HTML page", answering(body=b"<html>Log in</html>"), "machine"),
    Fault(
        "its file is another",
        answering(body=wheel("spam", "3", {"spam.py": "1"}).content),
        "machine",
    ),
    Fault(
        "it is another than was listed",
        nothing,
        "machine",
        "Hash mismatch",
        held=[f"spam==3 --hash=sha256:{'0' * 64}"],
    ),
    Fault("its metadata answers 403", answering(403, path=f"{WHEEL}.metadata"), "machine"),
    Fault("its page is garbage", answering(body=b"garbage", path="/simple/spam/"), "machine"),
    Fault("its page is empty", answering(body=b"", path="/simple/spam/"), "machine"),
    Fault("its page answers 500", answering(500, path="/simple/spam/"), "machine", "500"),
    Fault(
        "its page answers 404",
        answering(404, path="/simple/spam/"),
        "machine",
        "lists no release of spam",
    ),
    Fault(
        "a dependency's page answers 403",
        both(wanting("eggs"), answering(403, path="/simple/eggs/")),
        "machine",
        "403",
    ),
    Fault(
        "a dependency's page answers 500",
        both(wanting("eggs"), answering(500, path="/simple/eggs/")),
        "machine",
        "500",
    ),
    Fault(
        "a dependency's page answers 404 once",
        both(adding(release("eggs", "1", "")), wanting("eggs"), failing_once("/simple/eggs/")),
        "nobody",
    ),
    Fault(
        "a dependency isn't on the index",
        wanting("eggs-nobody-laid"),
        "release",
        "eggs-nobody-laid was not found",
    ),
    Fault("a dependency has no such version", wanting("ham==7"), "release", "ham==7"),
    Fault(
        "a dependency conflicts with what is held",
        wanting("ham<2"),
        "release",
        "unsatisfiable",
        held=["ham==2.0"],
    ),
    Fault(
        "a dependency is at an address",
        wanting("ham @ https://nowhere.invalid/ham-1.tar.gz"),
        "release",
        "URL dependency",
    ),
    Fault(
        "there is no such version", nothing, "release", "no version of spam==4", needed=["spam==4"]
    ),
    Fault(
        "it requires another Python",
        lambda i: i.add(wheel("spam", "3", requires_python=">=3.99")),
        "release",
        "3.99",
    ),
    Fault(
        "it is for another system",
        instead(wheel("spam", "3", tags="cp27-cp27m-win32")),
        "release",
        "no wheels",
    ),
    Fault(
        "there is only an sdist",
        instead(sdist("spam", "3")),
        "release",
        "no usable wheels",
    ),
    Fault(
        "its metadata has a requirement that is none",
        wanting("this is ! not one"),
        "release",
        "invalid metadata",
    ),
    Fault(
        "its metadata has no name",
        broken(METADATA="Metadata-Version: 2.1\nVersion: 3\n"),
        "release",
        "invalid metadata",
    ),
    Fault(
        "its metadata has another name",
        broken(METADATA=METADATA.replace("spam", "eggs")),
        "release",
        "does not match",
    ),
    Fault(
        "its metadata has another version",
        broken(METADATA=METADATA.replace(": 3", ": 4")),
        "release",
        "does not match",
    ),
    Fault("its metadata is missing", broken(METADATA=None), "release", "invalid metadata"),
    Fault("its list of files is missing", broken(RECORD=None), "release", "RECORD"),
    Fault("its list of files is broken", broken(RECORD='a,b\n"'), "release", "RECORD"),
    Fault(
        "it is a wheel of version 9",
        broken(WHEEL=WHEEL_TEXT.replace("1.0", "9.0")),
        "release",
        "wheel is invalid",
    ),
    Fault("it says nothing of what kind of wheel it is", broken(WHEEL=None), "release", "WHEEL"),
    Fault(
        "it has a script that is none",
        broken(**{"entry_points.txt": "[console_scripts]\nx = ///\n"}),
        "release",
        "console script",
    ),
    Fault(
        "it has a script named python",
        lambda i: i.add(
            wheel("spam", "3", {"spam.py": "", f"{INFO[:-10]}.data/scripts/python": "#!python\n"})
        ),
        "release",
        "reserved name",
    ),
    Fault(
        "it doesn't build",
        instead(sdist("spam", "3", backend="raise OSError('no compiler')")),
        "release",
        "no compiler",
        allow_build=True,
    ),
    Fault(
        "an sdist's address is asked for",
        nothing,
        "release",
        "disabled",
        needed=["egg @ file:SDIST"],
    ),
    Fault(
        "a repository's address is asked for",
        nothing,
        "machine",
        "",
        needed=["egg @ git+file:///nowhere"],
    ),
    Fault(
        "the cache is a file",
        nothing,
        "machine",
        "failed to",
        environ={"UV_CACHE_DIR": "/dev/null"},
    ),
    Fault(
        "the settings are missing",
        nothing,
        "machine",
        "failed to open file",
        environ={"UV_CONFIG_FILE": "/nowhere/uv.toml"},
    ),
    Fault(
        "a time-out is no number",
        nothing,
        "machine",
        "UV_HTTP_TIMEOUT",
        environ={"UV_HTTP_TIMEOUT": "abc"},
    ),
    Fault("a setting is none", nothing, "machine", "", environ={"UV_LINK_MODE": "teleport"}),
    Fault(
        "the proxy isn't there",
        nothing,
        "machine",
        "",
        environ={"HTTP_PROXY": "http://127.0.0.1:9"},
    ),
    Fault(
        "the file comes at a byte a second",
        lambda i: i.answers.update({WHEEL: Response(200, wheel("spam", "3").content, pause_s=1)}),
        "silent",
        "next to nothing for",
        environ={"UV_HTTP_TIMEOUT": "3"},
    ),
]
PIP = [
    Fault("its file answers 404", answering(404), "machine", "404"),
    Fault("its file is garbage", answering(body=b"garbage"), "machine", "another file"),
    Fault("its page is garbage", answering(body=b"\0garbage", path="/simple/spam/"), "machine"),
    Fault(
        "a dependency's page answers 500",
        both(wanting("eggs"), answering(500, path="/simple/eggs/")),
        "machine",
        "500",
    ),
    Fault(
        "a dependency isn't on the index",
        wanting("eggs-nobody-laid"),
        "release",
        "eggs-nobody-laid",
    ),
    Fault(
        "its metadata has a requirement that is none",
        wanting("this is ! not one"),
        "release",
        "invalid metadata",
    ),
    Fault(
        "a dependency is an sdist at an address",
        wanting("egg @ file:SDIST"),
        "release",
        "--allow-build",
    ),
    Fault("a dependency is in a repository", wanting("egg @ git+file:///nowhere"), "release", ""),
    Fault("a time-out is no number", nothing, "machine", "timeout", environ={"PIP_TIMEOUT": "abc"}),
]


def fail_once(index: LocalIndex, path: str) -> None:
    answer = index._answer

    def answered(request: object) -> Response:
        if getattr(request, "path", "") == path and not index.count(path):
            index.requests.append(request)  # type: ignore[arg-type]  # the handler's own
            return Response(404)
        return answer(request)  # type: ignore[arg-type]  # the handler's own

    index._server.RequestHandlerClass.answer = staticmethod(answered)  # type: ignore[attr-defined]  # ours


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cache, no home and no setting of this machine's."""
    (tmp_path / "home").mkdir()
    for variable in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
        monkeypatch.delenv(variable)
    for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PIP_RETRIES", "0")


@pytest.fixture
def stocked(index: LocalIndex) -> LocalIndex:
    index.add(release("ham", "2.0", "", day=20), wheel("spam", "3"))
    return index


@pytest.mark.parametrize(
    ("kind", "fault"),
    [*(("uv", fault) for fault in UV), *(("pip", fault) for fault in PIP)],
    ids=lambda value: value if isinstance(value, str) else value.done,
)
def test_whose_fault_it_is(
    kind: str,
    fault: Fault,
    stocked: LocalIndex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Record,
) -> None:
    environment = make(tmp_path / "env", find())
    source = tmp_path / "egg-1.0.tar.gz"
    source.write_bytes(sdist("egg", "1.0", backend=TOUCH).content)
    fault.index(stocked)
    if any("SDIST" in str(built.metadata) for built in stocked._files.values()):
        stocked.add(wheel("spam", "3", dependencies=[f"egg @ {source.as_uri()}"]))
    for name, value in fault.environ.items():
        monkeypatch.setenv(name, value)
    needed = [text.replace("file:SDIST", source.as_uri()) for text in fault.needed]
    installer = chosen(kind)(stocked.url, tmp_path, False, fault.allow_build)
    whose, said = "nobody", ""
    try:
        installer.install(str(environment.python), needed, fault.held)
    except InstallFailedError as error:
        whose, said = "release", str(error)
    except SilentError as error:
        whose, said = "silent", error.message
    except InstallerError as error:
        whose, said = "machine", error.message
    record_property("fault", (f"{kind}: {fault.done}", f"{whose}: {said}"))
    assert whose == fault.whose
    assert fault.said in said
    assert "\n" not in said
    assert not (tmp_path / "home/built").exists(), "what may not be built was not run"
