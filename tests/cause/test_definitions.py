"""What a module defines, whatever it looks like, and which piece a code object came of."""

from __future__ import annotations

import ast
import textwrap
import types
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisector.cause.definitions import MODULE, Definition, at, definitions
from bisector.explanation import Sort

SOURCE = '''\
"""A module."""
import os

LIMIT = 512  # bytes


class Payload(object):
    """A payload."""

    size: int = 1
    """Its size."""

    @property
    def name(self) -> str:
        """Its name."""
        return "x"

    async def write(self, writer, *, pause=0):
        def part(n):
            return [x for x in range(n)]

        await writer.write(part(LIMIT))


if os.name == "posix":
    def close(value): return value
else:
    def close(value): return None

double = lambda n: n * 2
'''


def named(source: str) -> dict[str, Definition]:
    return {d.name: d for d in definitions(source.encode())}


def test_functions_classes_and_variables_have_their_qualified_names() -> None:
    known = [(d.name, d.sort) for d in definitions(SOURCE.encode())]

    assert known == [
        (MODULE, Sort.MODULE),
        ("LIMIT", Sort.VARIABLE),
        ("Payload", Sort.CLASS),
        ("Payload.size", Sort.VARIABLE),
        ("Payload.name", Sort.FUNCTION),
        ("Payload.write", Sort.FUNCTION),
        ("Payload.write.<locals>.part", Sort.FUNCTION),
        ("close", Sort.FUNCTION),
        ("close", Sort.FUNCTION),
        ("double", Sort.VARIABLE),
    ]


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ('"""A payload."""', '"""Another text."""', set()),
        ("  # bytes", "  # octets", set()),
        ('"""Its size."""', "", set()),
        ("def close(value): return value", "def close(value):\n        return (value)", set()),
        ("LIMIT = 512", "LIMIT = 1024", {"LIMIT"}),
        ("range(n)", "range(n + 1)", {"Payload.write.<locals>.part"}),
        ("pause=0", "pause=1", {"Payload.write"}),
        ("class Payload(object)", "class Payload(dict)", {"Payload"}),
        ("size: int = 1", "size: int = 2", {"Payload.size"}),
        ("return None", "return 0", {"close"}),
        ("n * 2", "n * 3", {"double"}),
        ("import os", "import os, sys", {MODULE}),
        ("@property", "@cached_property", {"Payload.name"}),
    ],
)
def test_only_the_innermost_piece_that_does_something_else_differs(
    old: str, new: str, changed: set[str]
) -> None:
    assert old in SOURCE
    before = [(d.name, d.digest) for d in definitions(SOURCE.encode())]
    after = [(d.name, d.digest) for d in definitions(SOURCE.replace(old, new).encode())]

    assert {name for name, digest in after if (name, digest) not in before} == changed


def test_annotations_are_told_from_what_it_does() -> None:
    before, after = named("def f(x): return x"), named("def f(x: int) -> int: return x")

    assert before["f"].digest != after["f"].digest
    assert before["f"].bare == after["f"].bare


def test_a_body_is_the_same_under_another_name() -> None:
    before, after = named("def f(x): return x + 1"), named("def g(x): return x + 1")

    assert before["f"].body == after["g"].body
    assert before["f"].digest != after["g"].digest


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


def test_every_code_object_has_its_piece() -> None:
    known = definitions(SOURCE.encode())
    found = {}
    for code in codes(compile(SOURCE, "spam.py", "exec")):
        definition = at(known, code.co_firstlineno, code.co_name)
        found[code.co_firstlineno, code.co_name] = definition and definition.name

    assert found.pop((30, "<lambda>")) is None  # it is a variable's
    inside = "Payload.write.<locals>.part"
    assert found.pop((20, "<listcomp>"), inside) == inside  # inlined from Python 3.12 on
    assert found == {
        (1, MODULE): MODULE,
        (7, "Payload"): "Payload",
        (13, "name"): "Payload.name",
        (18, "write"): "Payload.write",
        (19, "part"): inside,
        (26, "close"): "close",
        (28, "close"): "close",
    }


def test_what_is_no_python_is_refused() -> None:
    with pytest.raises(ValueError, match="can't be parsed"):
        definitions(b"print 'so'")


NAMES = st.sampled_from(["ham", "eggs", "toast"])
EXPRESSIONS = st.sampled_from(["1", "x", "x + 1", "ham(x)", "[y for y in x]", "{'a': x}"])


@st.composite
def functions(draw: st.DrawFn) -> str:
    body = "\n".join(f"y = {draw(EXPRESSIONS)}" for _ in range(draw(st.integers(1, 3))))
    return f"def {draw(NAMES)}(x):\n{textwrap.indent(body, '    ')}\n"


@given(st.lists(functions(), min_size=1, max_size=4))
def test_formatting_and_comments_never_count(parts: list[str]) -> None:
    source = "".join(parts)
    looks = ast.unparse(ast.parse(source)).replace("\n", "  # so\n").replace("=", " =  ")
    looks = looks.replace("(x):", "(x, ):")

    before = [(d.name, d.digest) for d in definitions(source.encode())]
    assert before == [(d.name, d.digest) for d in definitions(looks.encode())]


@given(functions(), functions())
def test_what_compiles_otherwise_is_another_piece(one: str, other: str) -> None:
    same = ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
    digests = [[d.digest for d in definitions(source.encode())] for source in (one, other)]

    assert (digests[0] == digests[1]) is same
