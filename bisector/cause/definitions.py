"""The functions, classes and variables of a module, known by what they do and not how it looks."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bisector.explanation import Sort

MODULE = "<module>"
Block = Sequence[ast.stmt]
_LINE_END = re.compile(r"\r\n|\r|\n")
"""Of the lines that the parser counts; ``str.splitlines`` knows more."""


@dataclass(frozen=True)
class Definition:
    """A piece of a module, without the pieces inside it, which have their own.

    ``first`` and ``last`` are lines, decorators included as in ``co_firstlineno``; ``text`` is what
    they hold. What it does is looked at when it is asked for: most pieces read the same on both
    sides of a change.
    """

    name: str
    sort: Sort
    first: int
    last: int
    text: str = field(repr=False)
    _node: ast.AST = field(repr=False, compare=False)
    _apart: frozenset[int] = field(repr=False, compare=False)

    @property
    def short(self) -> str:
        """Its name without that of what it is in."""
        return self.name.rpartition(".")[2]

    @cached_property
    def digest(self) -> str:
        """That of its syntax without comments, docstrings and formatting."""
        return _digest(_shape(self._node, self._apart, annotations=True))

    @property
    def bare(self) -> str:
        """That of its syntax also without annotations."""
        return _digest(self._bare)

    @cached_property
    def body(self) -> str:
        """That of its syntax also without its name."""
        return _digest(self._bare.replace(f"name={self.short!r}", "name=''", 1))

    @property
    def size(self) -> int:
        """How many nodes its syntax has."""
        return self._bare.count("(")

    @cached_property
    def named(self) -> frozenset[str]:
        """The identifiers that it reads."""
        return frozenset(_named(self._node, self._apart))

    @cached_property
    def words(self) -> frozenset[str]:
        """Its identifiers, parameters and short texts."""
        return frozenset(_words(self._node, self._apart))

    @cached_property
    def _bare(self) -> str:
        return _shape(self._node, self._apart, annotations=False)


def definitions(source: bytes) -> tuple[Definition, ...]:
    """Return the pieces of a module, in their order; raises ValueError where it can't be parsed."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"it can't be parsed here: {error}") from error
    lines = _LINE_END.split(source.decode("utf-8", "replace"))
    inner = [node for node in _flat(tree.body) if isinstance(node, _APART)]
    module = Definition(MODULE, Sort.MODULE, 1, 1, "\n".join(lines), tree, _identities(inner))
    return (module, *_within(tree.body, "", lines))


def at(pieces: Sequence[Definition], line: int, code_name: str) -> Definition | None:
    """Return the piece that a code object came of, by its first line and ``co_name``.

    A lambda or a comprehension belongs to the innermost function around it.
    """
    functions = [d for d in pieces if d.sort is Sort.FUNCTION]
    for definition in functions:
        if definition.first == line and definition.short == code_name:
            return definition
    if code_name == MODULE:
        return pieces[0] if pieces else None
    around = [d for d in functions if d.first <= line <= d.last]
    if code_name.startswith("<") and around:
        return max(around, key=lambda d: d.first)
    classes = [d for d in pieces if d.sort is Sort.CLASS and d.short == code_name]
    return next((d for d in classes if d.first <= line <= d.last), None)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef)
_VARIABLES = (ast.Assign, ast.AnnAssign, ast.AugAssign)
_APART = (*_SCOPES, *_VARIABLES)


def _within(
    block: Block, prefix: str, lines: Sequence[str], *, variables: bool = True
) -> Iterator[Definition]:
    """Yield what is defined in a block, and in what is defined there."""
    for node in _flat(block):
        if isinstance(node, _FUNCTIONS):
            name = prefix + node.name
            inner: list[ast.stmt] = [n for n in _flat(node.body) if isinstance(n, _SCOPES)]
            yield _definition(name, Sort.FUNCTION, node, lines, inner)
            yield from _within(node.body, f"{name}.<locals>.", lines, variables=False)
        elif isinstance(node, ast.ClassDef):
            name = prefix + node.name
            inner = [n for n in _flat(node.body) if isinstance(n, _APART)]
            yield _definition(name, Sort.CLASS, node, lines, inner)
            yield from _within(node.body, f"{name}.", lines)
        elif isinstance(node, _VARIABLES) and variables:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            name = prefix + ", ".join(map(ast.unparse, targets))
            yield _definition(name, Sort.VARIABLE, node, lines)


def _flat(block: Block) -> Iterator[ast.stmt]:
    """Yield the statements of a block and of the conditions, loops and tries in it."""
    for node in block:
        yield node
        if isinstance(node, _SCOPES):
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from _flat(getattr(node, name, []))
        for handler in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
            yield from _flat(handler.body)


def _definition(
    name: str, sort: Sort, node: ast.stmt, lines: Sequence[str], inner: Sequence[ast.AST] = ()
) -> Definition:
    """Return the piece that a node is without what is ``inner``."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    last = node.end_lineno or node.lineno
    text = "\n".join(lines[first - 1 : last])
    return Definition(name, sort, first, last, text, node, _identities(inner))


def _identities(nodes: Sequence[ast.AST]) -> frozenset[int]:
    return frozenset(map(id, nodes))


def _shape(node: object, apart: frozenset[int], *, annotations: bool) -> str:
    """Return the syntax of a node as text, without docstrings and what is ``apart``."""
    if isinstance(node, list):
        shapes = [
            _shape(item, apart, annotations=annotations)
            for item in node
            if id(item) not in apart and not _is_docstring(item)
        ]
        return f"[{', '.join(shapes)}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [
        f"{name}={_shape(value, apart, annotations=annotations)}"
        for name, value in ast.iter_fields(node)
        if name not in _LOOKS and value is not None and (annotations or name not in _ANNOTATIONS)
    ]
    return f"{type(node).__name__}({', '.join(fields)})"


_LOOKS = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_ANNOTATIONS = frozenset({"annotation", "returns"})


def _is_docstring(node: object) -> bool:
    """Return whether a statement is text that nobody reads: a docstring, or one of a variable."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _named(node: ast.AST, apart: frozenset[int]) -> Iterator[str]:
    """Yield the identifiers that a node reads, without what is ``apart``."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    for child in ast.iter_child_nodes(node):
        if id(child) not in apart:
            yield from _named(child, apart)


def _words(node: ast.AST, apart: frozenset[int]) -> Iterator[str]:
    """Yield what a message may quote of a node: identifiers, parameters, texts like identifiers."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, (ast.arg, ast.keyword)) and node.arg:
        yield node.arg
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).rpartition(".")[2]
    elif isinstance(node, ast.Constant) and str(node.value).isidentifier():
        yield str(node.value)
    for child in ast.iter_child_nodes(node):
        if id(child) not in apart and not _is_docstring(child):
            yield from _words(child, apart)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
