"""Prints at which place `bisect why` has the code that did it, for real regressions of known cause.

``python tests/benchmarks/cause.py [--clones DIR] [CASE...] > tests/benchmarks/cause.md``, where
``bisector`` can be imported; it needs the index. ``DIR`` holds clones as ``OWNER+NAME``; with them,
the releases' commits are proved and those between searched. What did it, is what the change that
mended it changed, or what the changelog names; see the links. A clone's submodules come from where
Git's settings have them (``url.….insteadOf`` names mirrors).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[2]
REGRESSIONS = TOP / "tests" / "regressions"


@dataclass(frozen=True)
class Case:
    """A regression: what reproduces it, between which releases, and the code that did it."""

    name: str
    old: str
    new: str
    culprits: tuple[str, ...]
    source: str
    probe: str = ""
    package: str = ""
    command: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    python: str = "3.11"
    clone: str = ""
    build: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        named = ["--probe", self.probe] if self.probe else []
        named += ["--package", self.package] if self.package else []
        words = [*named, self.old, self.new, "--python", self.python, *self.options]
        return [*words, *(["--", *self.command] if self.command else [])]


def script(name: str) -> str:
    return str(REGRESSIONS / f"{name}.py")


_AIOHTTP = "aio-libs+aiohttp"
_NO_EXTENSIONS = ("AIOHTTP_NO_EXTENSIONS=1",)
_READS = "aiohttp/payload.py:IOBasePayload._read_and_available_len"
_READS_TEXT = "aiohttp/payload.py:TextIOPayload._read_and_available_len"
_PULL = "https://github.com/aio-libs/aiohttp/pull"

CASES = (
    Case(
        "a file is read whole", "3.11.18", "3.12.0", (_READS,), f"{_PULL}/11139",
        probe="iobase_payload", clone=_AIOHTTP, build=_NO_EXTENSIONS,
    ),
    Case(
        "a file is read whole (fix)", "3.12.8", "3.12.9", (_READS,), f"{_PULL}/11139",
        probe="iobase_payload", clone=_AIOHTTP, build=_NO_EXTENSIONS,
    ),
    Case(
        "a text is read whole", "3.11.18", "3.12.0", (_READS_TEXT,), f"{_PULL}/11139",
        probe="textio_payload", clone=_AIOHTTP, build=_NO_EXTENSIONS,
    ),
    Case(
        "a request stays in a cycle (fix)", "3.11.13", "3.11.14",
        ("aiohttp/web_protocol.py:RequestHandler.start",), f"{_PULL}/10569",
        probe="request_cycle[idle]", clone=_AIOHTTP, build=_NO_EXTENSIONS,
    ),
    Case(
        "a body goes on beyond its length (fix)", "3.11.18", "3.12.0",
        (
            "aiohttp/client_reqrep.py:ClientRequest.write_bytes",
            "aiohttp/payload.py:IOBasePayload.write_with_length",
        ),
        f"{_PULL}/10915",
        probe="payload_truncation[file]", clone=_AIOHTTP, build=_NO_EXTENSIONS,
    ),
    Case(
        "a proxy's password is dropped", "2.26.0", "2.27.0",
        ("requests/utils.py:prepend_scheme_if_needed",),
        "https://github.com/psf/requests/pull/6028",
        package="requests", options=("--with", "pytest"), clone="psf+requests",
        command=(
            "python", "-m", "pytest", "-q", "--noconftest", "-c", "/dev/null",
            script("proxy_credentials"),
        ),
    ),
    Case(
        "a token's algorithm is refused", "1.5.0", "1.5.1", ("jwt/api_jwt.py:PyJWT.decode",),
        "https://github.com/jpadilla/pyjwt/commit/7c1e61dde27bafe16e7d1bb6e35199e778962742",
        package="PyJWT", python="3.9", command=("python", script("token_algorithm")),
        clone="jpadilla+pyjwt",
    ),
    Case(
        "a token can't be signed (fix)", "1.5.2", "1.5.3", ("jwt/algorithms.py:RSAAlgorithm.sign",),
        "https://github.com/jpadilla/pyjwt/pull/285",
        probe=script("signed_token"), python="3.9", clone="jpadilla+pyjwt",
    ),
    Case(
        "distutils is replaced", "59.8.0", "60.0.0", ("_distutils_hack/__init__.py:enabled",),
        "https://github.com/pypa/setuptools/pull/2896", probe=script("setuptools_distutils"),
        options=("--range", ">=47"),
    ),
    Case(
        "type aliases form no union", "4.12.2", "4.13.0",
        ("typing_extensions.py:<module>",),  # the condition on which it has a class of its own
        "https://github.com/python/typing_extensions/pull/575",
        probe=script("type_alias_union"), python="3.12", clone="python+typing_extensions",
    ),
    Case(
        "a cookie is carried along (fix)", "2.0.5", "2.0.6",
        ("urllib3/util/retry.py:Retry.DEFAULT_REMOVE_HEADERS_ON_REDIRECT",),
        "https://github.com/urllib3/urllib3/security/advisories/GHSA-v845-jxx5-vc9f",
        probe=script("redirect_cookie"),
    ),
    Case(
        "an argument is gone", "1.26.15", "2.0.0", ("urllib3/util/retry.py:Retry.__init__",),
        "https://github.com/urllib3/urllib3/blob/main/CHANGES.rst", package="urllib3",
        command=("python", str(TOP / "tests" / "readme" / "method_whitelist.py")),
    ),
    Case(
        "a version is gone", "3.0.6", "3.1.0", ("werkzeug/__init__.py:__getattr__",),
        "https://github.com/pallets/werkzeug/pull/2967", probe=script("flask_client"),
        package="Werkzeug", options=("--with", "Flask==2.3.2", "--range", ">=2.3.4"),
        clone="pallets+werkzeug",
    ),
    Case(
        "a function is gone", "2.0.1", "2.1.0", ("markupsafe/_native.py:soft_unicode",),
        "https://github.com/pallets/markupsafe/blob/main/CHANGES.rst",
        package="markupsafe", python="3.9",
        command=("python", str(TOP / "tests" / "readme" / "soft_unicode.py")),
        clone="pallets+markupsafe",
    ),
    Case(
        "a class is gone", "3.0.3", "3.1.0", ("jinja2/utils.py:Markup",),
        "https://github.com/pallets/jinja/blob/main/CHANGES.rst", package="Jinja2",
        command=("python", "-c", "from jinja2 import Markup; print(Markup('so'))"),
    ),
    Case(
        "old versions don't parse", "21.3", "22.0", ("packaging/version.py:parse",),
        "https://github.com/pypa/packaging/pull/407", package="packaging",
        command=("python", "-c", "from packaging.version import parse; parse('2004d')"),
        clone="pypa+packaging",
    ),
    Case(
        "a lexer hangs (fix)", "2.7.3", "2.7.4", ("pygments/lexers/ml.py:SMLLexer.tokens",),
        "https://github.com/pygments/pygments/pull/1625", package="Pygments",
        options=("--timeout", "5", "--bad-timeout"),
        command=(
            "python", "-c", ("from pygments import lex; from pygments.lexers import "
            "get_lexer_by_name; print(len(list(lex('exception', get_lexer_by_name('sml')))))"),
        ),
    ),
    Case(
        "an upload's path is refused", "3.2", "3.2.1",
        (
            "django/core/files/utils.py:validate_file_name",
            "django/db/models/fields/files.py:FileField.generate_filename",
        ),
        "https://code.djangoproject.com/ticket/32718", probe=script("upload_to"), python="3.9",
        options=("--range", ">=3.2"),
    ),
    Case(
        "a schema takes no `strict`", "2.21.0", "3.0.0",
        ("marshmallow/schema.py:BaseSchema.__init__",),
        "https://marshmallow.readthedocs.io/en/stable/upgrading.html", package="marshmallow",
        command=(
            "python", "-c", ("import marshmallow as m; "
            "S = type('S', (m.Schema,), {'n': m.fields.Integer()}); print(S(strict=True))"),
        ),
    ),
)  # fmt: skip


@dataclass
class Outcome:
    """What was printed for a case; ``why`` is empty where nothing was."""

    case: Case
    why: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0

    @property
    def labels(self) -> list[str]:
        suspects = self.why.get("suspects", ())
        return [f"{s['path']}:{s['name']}" if s["name"] else s["path"] for s in suspects]

    @property
    def rank(self) -> int:
        """The place of the first culprit, from 1; 0 where none is there."""
        return next((n for n, label in enumerate(self.labels, 1) if label in self.case.culprits), 0)


def explained(case: Case, results: Path, clones: Path | None) -> Outcome:
    repository: list[str] = []
    if clones and case.clone:
        there = [p for p in (clones / case.clone / "repo", clones / case.clone) if p.exists()]
        repository = ["--repo", str(there[0])] if there else []
        repository += [word for name in case.build for word in ("--build-env", name)]
    words = ["why", "--format", "json", "--no-attribution", "--results", str(results)]
    command = [sys.executable, "-m", "bisector", *words, *repository, *case.words]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    seconds = time.monotonic() - began
    try:
        (transition,) = json.loads(done.stdout)["transitions"]
        return Outcome(case, transition["why"], "", seconds)
    except (ValueError, KeyError, TypeError) as error:
        said = done.stderr.strip().splitlines()[-2:] or [repr(error)]
        return Outcome(case, {}, " ".join(said), seconds)


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "| what | releases | functions that differ / run | place of what did it | commit |"
    yield "| --- | --- | --- | --- | --- |"
    for outcome in outcomes:
        case, why = outcome.case, outcome.why
        name = case.package or case.probe.rpartition("/")[2].removesuffix(".py").partition("_")[0]
        about = f"{why.get('package', name)} {case.old} → {case.new}"
        place = str(outcome.rank or f"not among {len(outcome.labels)}") if why else outcome.error
        size = f"{why['functions']} / {why['executed']}" if why else "–"
        yield f"| [{case.name}]({case.source}) | {about} | {size} | {place} | {commit(outcome)} |"


def commit(outcome: Outcome) -> str:
    found = outcome.why.get("repository")
    if not found:
        return "–"
    proofs = f"{len(found['proofs'])} of 2 proved"
    if not found["commit"]:
        return f"{proofs}; {len(found['left'])} left of {found['between']}"
    sure = "confirmed" if found["commit"]["confirmed"] else "not confirmed"
    size = f"{found['runs']} runs of {found['candidates']} among {found['between']}"
    return f"{proofs}; {found['commit']['id'][:9]}, {sure}, {size}"


def summed(outcomes: Sequence[Outcome]) -> Iterator[str]:
    ranks = [outcome.rank for outcome in outcomes]
    first, five = sum(r == 1 for r in ranks), sum(0 < r <= 5 for r in ranks)
    packages = {outcome.why["package"] for outcome in outcomes if outcome.why}
    size = len(ranks)
    yield (
        f"{size} regressions of {len(packages)} packages: what did it is first in {first} "
        f"({first / size:.0%}) and among the first five in {five} ({five / size:.0%})."
    )
    searches = [o.why["repository"] for o in outcomes if o.why.get("repository")]
    if searches:
        proved = sum(len(s["proofs"]) for s in searches)
        named = [s for s in searches if s["commit"]]
        runs = [s["runs"] for s in named]
        yield (
            f"Of {2 * len(searches)} releases {proved} were proved; of {len(searches)} searches "
            f"{len(named)} named a commit, {sum(s['commit']['confirmed'] for s in named)} of them "
            f"confirmed, with {statistics.mean(runs) if runs else 0:.1f} commits run on average "
            "before that."
        )


def missed(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        if outcome.why and outcome.rank != 1:
            ahead = outcome.why["suspects"][: max(0, outcome.rank - 1) or 3][:5]
            told = "; ".join(f"`{s['path']}:{s['name']}` ({s['because']})" for s in ahead)
            yield f"- {outcome.case.name}: before it {told or 'nothing is suspected'}"
        for note in outcome.why.get("notes", ()):
            yield f"- {outcome.case.name}: {note}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clones", type=Path)
    parser.add_argument("cases", nargs="*")
    asked = parser.parse_args()
    chosen = [c for c in CASES if not asked.cases or any(text in c.name for text in asked.cases)]
    outcomes = []
    with tempfile.TemporaryDirectory() as results:
        for case in chosen:
            outcomes.append(explained(case, Path(results), asked.clones))
            done = outcomes[-1]
            print(f"{case.name}: {done.rank} {done.error} {done.seconds:.0f} s", file=sys.stderr)
    clones = sorted({case.clone.replace("+", "/") for case in chosen if case.clone})
    print("# From the release to the cause: real regressions\n")
    print("Made by `python tests/benchmarks/cause.py --clones DIR`; the clones are those of")
    print(f"{', '.join(clones)}.\n")
    print("\n".join(summed(outcomes)), end="\n\n")
    print("\n".join(table(outcomes)), end="\n\n")
    print("\n".join(["What isn't first, and what else there is to say:\n", *missed(outcomes)]))


if __name__ == "__main__":
    main()
