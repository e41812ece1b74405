"""The statements of a module's top level: what each defines and uses, and whether it does something by itself.

Read from the source (`ast`); nothing is imported or executed.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

# Decorators that only make another function or class of theirs. Any other may write it down somewhere.
_PLAIN_DECORATORS = {
    *("cache", "lru_cache", "contextmanager", "dataclass", "partial", "runtime_checkable", "wraps"),
    *("custom_jvp", "custom_vjp", "filter_jit", "jit", "vmap"),
}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Statement(NamedTuple):
    """A statement at the top level of a module, imports excepted.

    - `first`, `last`: its lines, decorators included.
    - `defines`: names of the module; `uses`: names, each with the dotted attributes that are used of it, "" for the
      name itself; `imports`: what its functions import, the absolute dotted name for each local one.
    - `acts`: whether it counts although nobody names what it defines, as a call does.
    """

    first: int
    last: int
    defines: frozenset[str]
    uses: frozenset[tuple[str, str]]
    imports: Mapping[str, str]
    acts: bool


class Contents(NamedTuple):
    """What a module consists of; `stars` are the modules of which it imports everything."""

    statements: tuple[Statement, ...]
    imports: Mapping[str, str]
    stars: tuple[str, ...]

    def defining(self, name: str) -> Iterator[int]:
        """The numbers of the statements that define a name."""
        return (number for number, statement in enumerate(self.statements) if name in statement.defines)


def stamp(file: Path) -> tuple[int, int]:
    """What changes when a file is written."""
    status = file.stat()
    return status.st_mtime_ns, status.st_size


def tree_of(file: Path) -> ast.Module:
    """The syntax tree of a file. **Raises:** `ValueError`, with the line, for what is no Python."""
    return _parsed(file, stamp(file))


@cache
def _parsed(file: Path, _: tuple[int, int]) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    except SyntaxError as error:
        raise ValueError(f"{file}: line {error.lineno}: {error.msg}") from None


def contents(file: Path, package: str) -> Contents:
    """The statements and imports of a file in a package, which relative imports start from."""
    return _contents(file, stamp(file), package)


@cache
def _contents(file: Path, _: tuple[int, int], package: str) -> Contents:
    statements: list[Statement] = []
    imports: dict[str, str] = {}
    for node in tree_of(file).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.update(imported(node, package))
        elif not _for_types(node) and not _is_docstring(node):
            inner = dict(pair for part in ast.walk(node) for pair in imported(part, package))
            if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
                imports.update(inner)
            statements.append(
                Statement(
                    min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))]),
                    node.end_lineno or node.lineno,
                    frozenset(_defined(node)),
                    frozenset(_used(node)),
                    inner,
                    _acts(node),
                )
            )
    stars = tuple(target for name, target in imports.items() if name.startswith("*"))
    return Contents(tuple(statements), {n: t for n, t in imports.items() if not n.startswith("*")}, stars)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """The module that `from ... import` names."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def attribute_chains(nodes: Iterator[ast.AST]) -> Iterator[tuple[str, str]]:
    """Names, each with the dotted attributes it is used with, "" where it is used bare. Outer nodes come first."""
    inner: set[int] = set()
    for node in nodes:
        if id(node) in inner:
            continue
        parts, base = [], node
        while isinstance(base, ast.Attribute):
            parts.append(base.attr)
            base = base.value
            inner.add(id(base))
        if isinstance(base, ast.Name):
            yield base.id, ".".join(reversed(parts))


def imported(node: ast.AST, package: str) -> Iterator[tuple[str, str]]:
    """Local names and the absolute ones that they stand for; of a star `*` and the module."""
    if isinstance(node, ast.ImportFrom):
        source = _absolute(node, package)
        for alias in node.names:
            yield (
                (f"*{source}", source) if alias.name == "*" else (alias.asname or alias.name, f"{source}.{alias.name}")
            )
    elif isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            yield (alias.asname, alias.name) if alias.asname else (top, top)


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        yield node.name
        return
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id
        elif isinstance(part, (*_FUNCTIONS, ast.ClassDef)):
            yield part.name


def _used(node: ast.stmt) -> Iterator[tuple[str, str]]:
    return attribute_chains(_without_annotations(node))


def _without_annotations(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it, except what functions say of types."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        yield part
        for field, value in ast.iter_fields(part):
            if (field == "returns" and isinstance(part, _FUNCTIONS)) or (
                field == "annotation" and isinstance(part, ast.arg)
            ):
                continue
            waiting.extend(
                item for item in (value if isinstance(value, list) else [value]) if isinstance(item, ast.AST)
            )


def _acts(node: ast.stmt) -> bool:
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        dunder = node.name.startswith("__") and node.name.endswith("__")
        return dunder or any(_last_name(item) not in _PLAIN_DECORATORS for item in node.decorator_list)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return not targets or not all(_is_plain_target(target) for target in targets)


def _is_plain_target(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return all(_is_plain_target(item) for item in target.elts)
    return isinstance(target, ast.Name)


def _last_name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _for_types(node: ast.stmt) -> bool:
    """Whether it is the imports that only type checkers see."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not node.orelse


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
