"""What a run executes of a package, on every Python: in real environments, by the real tracer."""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from bisector.cause.trace import Entered, Trace, install, read
from bisector.environment import interpreter, venv
from bisector.errors import UsageError

PACKAGE = {
    "spam/__init__.py": """\
        import asyncio, os, threading
        from spam.helpers import helper

        def twice():
            helper(); helper()

        def fails():
            raise ValueError("so")

        def catches():
            try:
                fails()
            except ValueError:
                return [n for n in range(3)]

        def numbers():
            yield 1
            yield 2

        async def waits():
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        def text():
            with open(os.path.join(os.path.dirname(__file__), "table.txt")) as file:
                return file.read()

        def keeps():
            global kept
            kept = bytearray(b"x") * (32 << 20)

        def calls_keeps():
            keeps()
        """,
    "spam/helpers.py": "def helper(): return len('so')\ndef unused(): pass\n",
    "spam/table.txt": "good",
}


@pytest.fixture(params=["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"], scope="module")
def environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> venv.Environment:
    try:
        python = interpreter.find(request.param)
    except UsageError:
        pytest.skip("not installed here")
    made = venv.make(tmp_path_factory.mktemp("environment") / "env", python)
    for path, text in PACKAGE.items():
        file = made.site_packages / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(textwrap.dedent(text))
    return made


Traced = Callable[..., Trace]


@pytest.fixture
def traced(environment: venv.Environment, tmp_path: Path) -> Traced:
    """What a script executes of the package."""

    def run(code: str, *, memory: bool = False, status: int = 0) -> Trace:
        install(environment.site_packages, tmp_path, PACKAGE, memory=memory)
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(code))
        done = subprocess.run([environment.python, script], capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        assert "_bisector_tracer" not in done.stderr
        return read(tmp_path, environment.site_packages)

    return run


def entered(trace: Trace) -> dict[str, Entered]:
    return {f"{f.path.rpartition('/')[2]}:{f.name}": one for f, one in trace.functions.items()}


def test_functions_are_counted_in_the_order_in_which_they_were_entered(traced: Traced) -> None:
    trace = traced("import spam; spam.twice(); spam.twice()")

    found = {name: (one.first, one.calls) for name, one in entered(trace).items()}
    assert found == {
        "__init__.py:<module>": (0, 1),
        "helpers.py:<module>": (1, 1),
        "__init__.py:twice": (2, 2),
        "helpers.py:helper": (3, 4),
    }
    assert [one.last for one in entered(trace).values()] == [7, 6, 2, 0]
    assert trace.ended


def test_nothing_else_is_recorded(traced: Traced) -> None:
    trace = traced("import json, spam; json.dumps({}); spam.twice()")

    assert {function.path.partition("/")[0] for function in trace.functions} == {"spam"}


def test_a_generator_and_a_coroutine_are_entered_once(traced: Traced) -> None:
    trace = traced("import asyncio, spam; list(spam.numbers()); asyncio.run(spam.waits())")

    assert entered(trace)["__init__.py:numbers"].calls == 1
    assert entered(trace)["__init__.py:waits"].calls == 1


def test_the_traceback_of_the_script_is_known(traced: Traced) -> None:
    trace = traced("import spam; spam.fails()", status=1)

    (script, innermost) = trace.frames
    assert (script.name, innermost.path, innermost.name) == (
        "<module>",
        "spam/__init__.py",
        "fails",
    )


def test_functions_that_an_exception_left_are_known_from_3_12_on(
    traced: Traced, environment: venv.Environment
) -> None:
    trace = traced("import spam; spam.catches()")

    modern = environment.site_packages.parent.name >= "python3.12" and (
        environment.site_packages.parent.name not in ("python3.8", "python3.9")
    )
    assert entered(trace)["__init__.py:fails"].raised == (1 if modern else 0)
    assert entered(trace)["__init__.py:catches"].raised == 0


def test_threads_and_children_are_traced_too(traced: Traced) -> None:
    trace = traced(
        """
        import os, subprocess, sys, threading, spam
        thread = threading.Thread(target=spam.twice)
        thread.start(); thread.join()
        subprocess.run([sys.executable, "-c", "import spam; spam.catches()"], env={}, check=True)
        if hasattr(os, "fork"):
            child = os.fork()
            if not child:
                spam.text()
                os._exit(0)
            os.waitpid(child, 0)
        """
    )

    found = entered(trace)
    assert found["__init__.py:twice"].calls == 1
    assert found["__init__.py:catches"].calls == 1
    assert found["__init__.py:text"].calls == 1
    assert trace.ended


def test_what_a_killed_process_entered_is_known(traced: Traced) -> None:
    trace = traced("import os, signal, spam; spam.twice(); os.kill(os.getpid(), 9)", status=-9)

    assert "__init__.py:twice" in entered(trace)
    assert not trace.ended


def test_who_called_whom_is_known(traced: Traced) -> None:
    trace = traced("import spam; spam.catches(); list(map(lambda n: spam.twice(), [1]))")

    calls = {(caller.name, callee.name) for caller, callee in trace.calls}
    assert calls == {("catches", "fails"), ("catches", "<listcomp>"), ("twice", "helper")} or (
        calls == {("catches", "fails"), ("twice", "helper")}  # inlined, since 3.12
    )


def test_threads_that_began_before_the_package_was_there_are_traced(traced: Traced) -> None:
    trace = traced(
        """
        import threading
        imported, called = threading.Event(), threading.Event()
        def first():
            imported.wait()
            import spam
            spam.twice()
            called.set()
        thread = threading.Thread(target=first)
        thread.start()
        imported.set()
        called.wait()
        import spam
        spam.text()
        thread.join()
        """
    )

    found = entered(trace)
    assert found["__init__.py:twice"].calls == 1
    assert found["__init__.py:text"].calls == 1


def test_a_function_made_where_it_runs_is_no_function_of_a_file(traced: Traced) -> None:
    trace = traced(
        """
        import spam
        made = {}
        exec("def twice(): pass", vars(spam), made)
        made["twice"]()
        """
    )

    assert "__init__.py:twice" not in entered(trace)


def test_functions_in_c_are_known_by_name(traced: Traced) -> None:
    trace = traced("import spam; spam.twice()")

    assert trace.native["builtins.len"] >= 1


def test_data_files_that_were_opened_are_known(traced: Traced) -> None:
    assert traced("import spam; spam.text()").files == {"spam/table.txt": 1}
    assert traced("import spam").files in ({}, {"spam/table.txt": 1})


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="where /proc says it")
def test_memory_counts_where_it_grew_and_not_in_callers(traced: Traced) -> None:
    found = entered(traced("import spam; spam.calls_keeps()", memory=True))

    assert found["__init__.py:keeps"].grown_bytes > 24 << 20
    assert found["__init__.py:calls_keeps"].grown_bytes < 4 << 20


def test_what_is_no_record_is_passed_over(tmp_path: Path) -> None:
    lines = ["E\tso\t1", "C\t1", "N\tx\ty", "?", "", "E\t1\t3\tham\t/env/spam.py", "T\t1"]
    (tmp_path / "1-1.trace").write_text("\n".join(lines))
    (tmp_path / "2-2.trace").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "3-3.trace").symlink_to("/dev/zero")

    trace = read(tmp_path, Path("/env"))

    assert [function.path for function in trace.functions] == ["spam.py"]
