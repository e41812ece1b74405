"""The digest of the code that a study's numbers depend on.

The rule: the study's file, and of every module of perturbax (and of the study's own top-level package) that it imports,
directly or through others, the statements that it needs: functions, classes and values that it names, what these name
in turn, and all statements that do something by themselves, such as a call or a function that is registered. Everything
is read from the source (`ast`), nothing is imported or executed. A name that a package only re-exports
(`from perturbax.diffusion import DDIM`, `perturbax.diffusion.DDIM`) leads to the file that defines it, so that an edit
of another method in the package changes nothing. Of a package that is used in a way that cannot be followed, everything
that its `__init__` imports counts. Comments, docstrings, annotations of functions and blank lines do not count, nor do
the engine of the studies, data files and other people's packages.
"""

import ast
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from functools import cache
from pathlib import Path

from ..core import cached
from ._essence import essence
from ._statements import Contents, attribute_chains, contents, imported, stamp, tree_of

_PERTURBAX = Path(__file__).parent.parent
_ENGINE = {
    f"perturbax.studies{name}"
    for name in (
        *(
            "",
            "._backend",
            "._code",
            "._codec",
            "._essence",
            "._owner",
            "._recorded",
            "._run",
            "._statements",
            "._store",
        ),
        *("._study", "._systems", "._worker"),
    )
}


def code_digest(path: Path, module: str, root: str, *, trials_only: bool = False) -> str:
    """Digest of a study's file and all that it needs from perturbax and its own package, as the module says.

    **Arguments:**

    - `path`, `module`, `root`: the study's file, its dotted name, and the folder that the name starts from.
    - `trials_only`: leave out what only `judge` and `plot` of the study use (functions of its file, and imports): it
        decides no trial, so that a new picture does not throw finished trials away.

    **Returns:**

    64 hexadecimal digits, the same on every machine and Python.
    """
    folders = _folders(module, root)
    asked = (str(path), module, trials_only, _texts(path, folders))
    return cached("code", asked, lambda: _digest(path, module, folders, trials_only))


def _texts(path: Path, folders: Mapping[str, Path]) -> str:
    """A digest of everything that may count."""
    texts = hashlib.sha256()
    for file in sorted({path, *(file for folder in folders.values() for file in folder.rglob("*.py"))}):
        texts.update(f"{file.name}\n{_text_digest(file, stamp(file))}\n".encode())
    return texts.hexdigest()


@cache
def _text_digest(file: Path, _: tuple[int, int]) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _digest(path: Path, module: str, folders: Mapping[str, Path], trials_only: bool) -> str:
    unused = _unused_by_trials(tree_of(path)) if trials_only else set()
    sources = _reachable(path, module, folders, unused)
    needed, links = _needed(sources, module, folders, unused)
    code = hashlib.sha256()
    for name in sorted(needed):
        shown = "" if name == module else name
        statements = _contents_of(name, sources[name]).statements
        spans = [(statements[number].first, statements[number].last) for number in sorted(needed[name])]
        code.update(f"{shown}\n{essence(sources[name], spans)}\n{sorted(links[name])}\n".encode())
    return code.hexdigest()


def needed_names(path: Path, module: str, root: str) -> dict[str, frozenset[str]]:
    """The modules that `code_digest` counts, each with the names whose definitions count there."""
    folders = _folders(module, root)
    sources = _reachable(path, module, folders, set())
    needed, _ = _needed(sources, module, folders, set())
    return {
        name: frozenset().union(*(_contents_of(name, sources[name]).statements[i].defines for i in numbers))
        for name, numbers in needed.items()
    }


def _folders(module: str, root: str) -> dict[str, Path]:
    """The packages whose modules count, and where they lie."""
    folders = {"perturbax": _PERTURBAX}
    top = module.partition(".")[0]
    if "." in module and top != "perturbax":
        folders[top] = Path(root) / top
    return folders


def _contents_of(name: str, file: Path) -> Contents:
    return contents(file, name if file.name == "__init__.py" else name.rpartition(".")[0])


def _needed(
    sources: Mapping[str, Path], study: str, folders: Mapping[str, Path], unused: set[str]
) -> tuple[dict[str, set[int]], dict[str, set[str]]]:
    """Of every module the numbers of the statements that count, and what the imported names in them stand for."""
    needed: dict[str, set[int]] = defaultdict(set)
    links: dict[str, set[str]] = defaultdict(set)
    waiting: list[tuple[str, int]] = []
    asked: set[tuple[str, str | None]] = set()

    def ask(module: str, name: str | None) -> None:
        if module not in sources or (module, name) in asked:
            return
        asked.add((module, name))
        held = _contents_of(module, sources[module])
        numbers = [] if name is None else list(held.defining(name))
        waiting.extend((module, number) for number in numbers)
        if name is not None and name in held.imports:
            follow(held.imports[name], None)
        elif not numbers:
            # Passed around, made by a star, or looked up in another way: everything counts.
            waiting.extend((module, number) for number in range(len(held.statements)))
            for target in held.imports.values():
                follow(target, None)

    def follow(target: str, attributes: str | None) -> None:
        for module, _, name in _resolve(target, None if attributes is None else frozenset({attributes}), folders):
            ask(module, name)

    for module, file in sources.items():
        held = _contents_of(module, file)
        roots = (i for i, s in enumerate(held.statements) if (s.acts or module == study) and not s.defines & unused)
        waiting.extend((module, number) for number in roots)
        for target in held.stars:
            follow(target, None)
    of_study = _contents_of(study, sources[study])
    used = {name for statement in of_study.statements for name, _ in statement.uses}
    for name, target in of_study.imports.items():
        if name not in used | unused:
            follow(target, None)
    while waiting:
        module, number = waiting.pop()
        if number in needed[module]:
            continue
        needed[module].add(number)
        held = _contents_of(module, sources[module])
        statement = held.statements[number]
        for name, attributes in statement.uses:
            if module == study and name in unused:
                continue
            target = statement.imports.get(name) or held.imports.get(name)
            if target is not None:
                links[module].add(f"{name} = {target}")
                follow(target, attributes)
            waiting.extend((module, other) for other in held.defining(name))
    return needed, links


def _reachable(path: Path, module: str, folders: Mapping[str, Path], unused: set[str]) -> dict[str, Path]:
    """All modules that are imported, by their names."""
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
    for target, uses in _targets(file, stamp(file), package, frozenset(unused)):
        yield from ((found, where) for found, where, _ in _resolve(target, uses, folders))


@cache
def _targets(
    file: Path, _: tuple[int, int], package: str, unused: frozenset[str]
) -> tuple[tuple[str, frozenset[str] | None], ...]:
    """The dotted names that a module imports, each with the attributes that are used of it."""
    tree = ast.Module([node for node in tree_of(file).body if not _is_unused(node, unused)], [])
    chains: dict[str, set[str]] = defaultdict(set)
    for name, attributes in attribute_chains(ast.walk(tree)):
        chains[name].add(attributes)
    found = (pair for node in ast.walk(tree) for pair in imported(node, package))
    return tuple((target, frozenset(chains[name]) if name in chains else None) for name, target in found)


def _resolve(
    target: str, uses: frozenset[str] | None, folders: Mapping[str, Path]
) -> Iterator[tuple[str, Path, str | None]]:
    """The modules behind a dotted name and the name in them, or `None` for a whole module. Of a name that stands for a
    module and is used with attributes only, those behind the attributes."""
    if target.partition(".")[0] not in folders:
        return
    name, rest = target, ""
    while name and (file := _file(name, folders)) is None:
        name, _, last = name.rpartition(".")
        rest = f"{last}.{rest}" if rest else last
    if not name:
        return
    if rest:
        yield from _exported(name, rest, file, folders)
    elif uses and "" not in uses:
        for use in uses:
            yield from _resolve(f"{name}.{use}", None, folders)
    else:
        yield name, file, None


def _exported(
    name: str, attributes: str, file: Path, folders: Mapping[str, Path]
) -> Iterator[tuple[str, Path, str | None]]:
    """Where a package's attribute comes from; the module itself when it defines the attribute."""
    attribute, _, further = attributes.partition(".")
    found = _exports(file, stamp(file), name).get(attribute) if file.name == "__init__.py" else None
    if found is None:
        yield name, file, attribute
    else:
        yield from _resolve(f"{found}.{further}" if further else found, None, folders)


@cache
def _exports(file: Path, _: tuple[int, int], package: str) -> Mapping[str, str]:
    """What a package imports: local names and what they stand for, the first of each."""
    exported: dict[str, str] = {}
    for node in ast.walk(tree_of(file)):
        for local, found in imported(node, package):
            exported.setdefault(local, found)
    return exported


def _file(name: str, folders: Mapping[str, Path]) -> Path | None:
    top, _, rest = name.partition(".")
    if top not in folders:
        return None
    base = folders[top].joinpath(*rest.split(".")) if rest else folders[top]
    for candidate in (base.with_suffix(".py") if rest else base / "__init__.py", base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


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
