"""The digest of the code that a study's numbers depend on.

The rule: the study's file, and every module of perturbax (and of the study's own top-level package) that it imports,
directly or through others. The imports are read from the source (`ast`), nothing is imported or executed. A name
that a package only re-exports (`from perturbax.diffusion import DDIM`, `perturbax.diffusion.DDIM`) leads to the file
that defines it, so that an edit of another method in the package changes nothing. Of a package that is used in a way
that cannot be followed, everything that its `__init__` imports counts. Comments, docstrings, annotations of functions
and blank lines do not count, nor do the engine of the studies, data files and other people's packages.
"""

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterator, Mapping, Set
from functools import cache
from pathlib import Path

_PERTURBAX = Path(__file__).parent.parent
_ENGINE = {
    f"perturbax.studies{name}"
    for name in (
        *("", "._backend", "._code", "._codec", "._owner", "._recorded", "._run", "._store", "._study", "._systems"),
        "._worker",
    )
}


def code_digest(path: Path, module: str, root: str, *, trials_only: bool = False) -> str:
    """Digest of a study's file and all that it imports from perturbax and its own package, as the module says.

    **Arguments:**

    - `path`, `module`, `root`: the study's file, its dotted name, and the folder that the name starts from.
    - `trials_only`: leave out what only `judge` and `plot` of the study use (functions of its file, and imports): it
        decides no trial, so that a new picture does not throw finished trials away.

    **Returns:**

    64 hexadecimal digits, the same on every machine and Python.
    """
    unused = _unused_by_trials(_tree(path)) if trials_only else set()
    sources = _reachable(path, module, root, unused)
    code = hashlib.sha256()
    for name in sorted(sources):
        file, skip = sources[name], frozenset(unused if name == module else ())
        code.update(f"{'' if name == module else name}\n{_essence(file, _stamp(file), skip)}\n".encode())
    return code.hexdigest()


def imported_modules(path: Path, module: str, root: str) -> tuple[str, ...]:
    """The names of the modules that `code_digest` counts, the study's own first."""
    return (module, *sorted(name for name in _reachable(path, module, root, set()) if name != module))


def _reachable(path: Path, module: str, root: str, unused: set[str]) -> dict[str, Path]:
    folders = {"perturbax": _PERTURBAX}
    top = module.partition(".")[0]
    if "." in module and top != "perturbax":
        folders[top] = Path(root) / top
    seen: dict[str, Path] = {}
    waiting = [(module, path)]
    while waiting:
        name, file = waiting.pop()
        if name in seen or name in _ENGINE:
            continue
        seen[name] = file
        waiting.extend(_imports(name, file, folders, unused if name == module else set()))
    return seen


def _imports(name: str, file: Path, folders: Mapping[str, Path], unused: set[str]) -> Iterator[tuple[str, Path]]:
    """The modules that one module uses, each re-exported name followed to the file that defines it."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for target, uses in _targets(file, _stamp(file), package, frozenset(unused)):
        yield from _resolve(target, uses, folders)


@cache
def _targets(
    file: Path, stamp: tuple[int, int], package: str, unused: frozenset[str]
) -> tuple[tuple[str, frozenset[str] | None], ...]:
    """The dotted names that a module imports, each with the attributes that are used of it."""
    tree = ast.Module([node for node in _parsed(file, stamp).body if not _is_unused(node, unused)], [])
    chains = _attribute_chains(tree)
    found: list[tuple[str, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            source = _absolute(node, package)
            found.extend((f"{source}.{alias.name}", alias.asname or alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            first = [alias.name.partition(".")[0] for alias in node.names]
            found.extend(
                (alias.name, alias.asname) if alias.asname else (top, top)
                for alias, top in zip(node.names, first, strict=True)
            )
    return tuple((target, frozenset(chains[name]) if name in chains else None) for target, name in found)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def _resolve(target: str, uses: frozenset[str] | None, folders: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """The modules behind a dotted name; for a package also behind its attributes in `uses`."""
    if target.partition(".")[0] not in folders:
        return
    name, rest = target, ""
    while name and (file := _file(name, folders)) is None:
        name, _, last = name.rpartition(".")
        rest = f"{last}.{rest}" if rest else last
    if not name:
        return
    if rest and rest.partition(".")[0] != "*":
        yield from _exported(name, rest.partition(".")[0], rest.partition(".")[2], file, folders)
    elif not rest and file.name == "__init__.py" and uses and "" not in uses:
        for use in uses:
            yield from _resolve(f"{name}.{use}", None, folders)
    else:
        yield name, file


def _exported(
    name: str, attribute: str, further: str, file: Path, folders: Mapping[str, Path]
) -> Iterator[tuple[str, Path]]:
    """Where a package's attribute comes from; the module itself when it defines the attribute."""
    if file.name == "__init__.py":
        for node in ast.walk(_tree(file)):
            if not isinstance(node, ast.ImportFrom):
                continue
            for alias in node.names:
                if (alias.asname or alias.name) == attribute:
                    found = f"{_absolute(node, name)}.{alias.name}"
                    yield from _resolve(f"{found}.{further}" if further else found, None, folders)
                    return
    yield name, file


def _file(name: str, folders: Mapping[str, Path]) -> Path | None:
    top, _, rest = name.partition(".")
    if top not in folders:
        return None
    base = folders[top].joinpath(*rest.split(".")) if rest else folders[top]
    for candidate in (base.with_suffix(".py") if rest else base / "__init__.py", base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _attribute_chains(tree: ast.AST) -> dict[str, set[str]]:
    """For every name of a module: the dotted attributes it is used with, "" where it is used bare."""
    chains: dict[str, set[str]] = {}
    inner: set[int] = set()
    for node in ast.walk(tree):
        if id(node) in inner:
            continue
        parts, base = [], node
        while isinstance(base, ast.Attribute):
            parts.append(base.attr)
            base = base.value
            inner.add(id(base))
        if isinstance(base, ast.Name):
            chains.setdefault(base.id, set()).add(".".join(reversed(parts)))
    return chains


@cache
def _parsed(file: Path, stamp: tuple[int, int]) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    except SyntaxError as error:
        raise ValueError(f"{file}: line {error.lineno}: {error.msg}") from None


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size


def _tree(file: Path) -> ast.Module:
    return _parsed(file, _stamp(file))


@cache
def _essence(file: Path, stamp: tuple[int, int], unused: frozenset[str]) -> str:
    """The source without comments, docstrings, annotations of functions, blank lines, and the names in `unused`."""
    tree = _parsed(file, stamp)
    text = file.read_text(encoding="utf-8")
    lines = text.split("\n")
    dropped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            # A docstring that shares its line with code stays: leaving it in is never wrong, only stricter.
            if ast.get_docstring(node, clean=False) is not None and _alone(node, first):
                dropped.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    for statement in tree.body:
        if _is_unused(statement, unused):
            first_line = min([statement.lineno, *(item.lineno for item in getattr(statement, "decorator_list", []))])
            dropped.update(range(first_line, (statement.end_lineno or statement.lineno) + 1))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    lines = _without_annotations(tree, lines)
    kept = (line.rstrip() for number, line in enumerate(lines, start=1) if number not in dropped)
    return "\n".join(line for line in kept if line)


def _without_annotations(tree: ast.Module, lines: list[str]) -> list[str]:
    """The lines, as many as before, without what functions say of the types of their arguments and results."""
    spans: list[tuple[int, int, int, int]] = []
    raw = [line.encode() for line in lines]  # the columns of a tree count bytes
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            start = node.col_offset + len(node.arg.encode())
            spans.append((node.lineno, start, node.annotation.end_lineno or 0, node.annotation.end_col_offset or 0))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            before = raw[node.returns.lineno - 1][: node.returns.col_offset].rstrip()
            start = len(before.removesuffix(b"->").rstrip())
            spans.append((node.returns.lineno, start, node.returns.end_lineno or 0, node.returns.end_col_offset or 0))
    for first, start, last, end in sorted(spans, reverse=True):
        rest = raw[last - 1][end:]
        for row in range(first, last):
            raw[row] = b""
        raw[first - 1] = raw[first - 1][:start] + rest
    return [line.decode() for line in raw]


def _alone(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, docstring: ast.stmt) -> bool:
    """Whether a docstring has its lines for itself and is not the whole body."""
    after = len(node.body) > 1 and node.body[1].lineno > (docstring.end_lineno or docstring.lineno)
    return after and (isinstance(node, ast.Module) or docstring.lineno > node.lineno)


def _unused_by_trials(tree: ast.Module) -> set[str]:
    """The functions and imports of a study's file that only its `judge` and `plot` lead to."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    imported = {
        name for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) for name in _local_names(node)
    }
    used: set[str] = set()
    waiting: list[ast.AST] = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.keyword) and node.arg in ("judge", "plot"):
            continue
        if isinstance(node, ast.Name) and node.id not in used:
            used.add(node.id)
            waiting.extend([functions[node.id]] if node.id in functions else [])
        waiting.extend(ast.iter_child_nodes(node))
    return (set(functions) | imported) - used - {"*"}


def _is_unused(node: ast.stmt, unused: Set[str]) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return _local_names(node) <= unused
    return isinstance(node, ast.FunctionDef) and node.name in unused


def _local_names(node: ast.Import | ast.ImportFrom) -> set[str]:
    """The names that an import makes; `*` is a name that nothing proves unused."""
    return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
