"""The packaged table of the 72 systems, and how a study is found by its name."""

import difflib
import hashlib
import importlib
import importlib.util
import json
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from ._study import Study

_FOLDER = Path(__file__).parent
_FROM_FILE = "_perturbax_study_"


@dataclass(frozen=True)
class System:
    """One of the 72 published systems: where it comes from, and the verb and methods that it is planned as."""

    number: int
    slug: str
    title: str
    arxiv: str | None
    doi: str | None
    verb: str
    methods: tuple[str, ...]

    @property
    def study_path(self) -> Path:
        """Where the file of the system's study is, or would be."""
        return _FOLDER / f"{self.slug.replace('-', '_')}.py"

    @property
    def built(self) -> bool:
        """Whether the study exists."""
        return self.study_path.is_file()


@cache
def systems() -> tuple[System, ...]:
    """The 72 systems in the order of their numbers.

    >>> from perturbax.studies import systems
    >>> systems()[57].slug, systems()[57].verb
    ('dpm-solver', 'diffusion.sample')
    """
    rows = json.loads((_FOLDER / "systems.json").read_text(encoding="utf-8"))
    return tuple(System(**{**row, "methods": tuple(row["methods"])}) for row in rows)


@dataclass(frozen=True)
class StudySource:
    """A study with what another process needs to load it again: its reference and the folder of its module."""

    study: Study
    reference: str
    root: str
    module: str
    path: Path


def module_root(module: ModuleType) -> str:
    """The folder that a module's dotted name starts from."""
    path = Path(module.__file__ or "").resolve()
    return str(path.parents[module.__name__.count(".") + (path.name == "__init__.py")])


def reference_of(study: Study, module: ModuleType) -> str:
    """How `find_study` finds a study of a module again; "" when it cannot, as for a script that is running."""
    names = [name for name, value in vars(module).items() if value is study]
    if not names or module.__name__ == "__main__":
        return ""
    if module.__name__.startswith(_FROM_FILE):
        return f"{module.__file__}:{names[0]}"
    return f"{module.__name__}:{names[0]}"


def find_study(reference: str, root: str | None = None) -> StudySource:
    """Loads a study by name.

    **Arguments:**

    - `reference`: the slug of a packaged study (`"dpm-solver"`), `"package.module:NAME"` for a study of your own, or
        the path of a Python file that defines `STUDY` (`"mine.py"`, `"folder/mine.py:NAME"`).
    - `root`: a folder to look for modules in; the current one when `None`.

    **Returns:**

    A `StudySource`.

    **Raises:**

    `ValueError` when there is no such study, with the nearest names; `TypeError` when the name is no `Study`.
    """
    if not isinstance(reference, str) or not reference.strip() or "\0" in reference:
        raise ValueError(f"a study is named by a slug, package.module:NAME or a .py file, got {reference!r}")
    target, attribute = _split(reference)
    if target.endswith(".py"):
        module = _load_file(Path(target))
    elif ":" in reference:
        module = _load_module(target, root)
    else:
        module = _load_packaged(target)
    study = getattr(module, attribute, None)
    if study is None:
        raise ValueError(f"{reference}: the module has no {attribute}")
    if not isinstance(study, Study):
        raise TypeError(f"{reference}: {attribute} must be a perturbax.studies.Study, got {type(study).__name__}")
    if module.__file__ is None:
        raise ValueError(f"{reference}: the module is no file")
    path = Path(module.__file__).resolve()
    if target.endswith(".py"):
        reference = f"{path}:{attribute}"
    return StudySource(study, reference, module_root(module), module.__name__, path)


def _split(reference: str) -> tuple[str, str]:
    match = re.fullmatch(r"(.+):([A-Za-z_]\w*)", reference)
    return (match.group(1), match.group(2)) if match else (reference, "STUDY")


def _load_packaged(slug: str) -> ModuleType:
    by_slug = {system.slug: system for system in systems()}
    if slug not in by_slug:
        near = difflib.get_close_matches(slug, by_slug, n=3)
        hint = f"; near: {', '.join(near)}" if near else "; `perturbax systems` lists all"
        raise ValueError(f"no study is called {slug!r}{hint}")
    system = by_slug[slug]
    if not system.built:
        built = ", ".join(other.slug for other in systems() if other.built) or "none"
        raise ValueError(f"system {system.number} ({slug}) has no study yet; built: {built}")
    module = importlib.import_module(f"perturbax.studies.{system.study_path.stem}")
    study = getattr(module, "STUDY", None)
    if isinstance(study, Study):
        declared, listed = (study.slug, study.number, study.paper), (slug, system.number, system.arxiv)
        if declared != listed:
            raise ValueError(f"study {slug!r} declares slug, number, paper = {declared}, systems.json has {listed}")
    return module


def _load_module(name: str, root: str | None) -> ModuleType:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name):
        raise ValueError(f"{name!r} is not the name of a module")
    # A study of one's own lies in the folder that one works in, which a console script does not have on its path.
    folder = str(Path(root) if root is not None else Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ValueError(f"there is no module {name!r} (looked in {folder} and the installed packages)") from None
        raise
    if module.__file__ is None:
        raise ValueError(f"{name!r} is a folder of modules, not a module with a study")
    return module


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"there is no file {str(path)!r}")
    path = path.resolve()
    # The content is part of the name: a file that was edited is another module.
    content = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    name = f"{_FROM_FILE}{re.sub(r'[^0-9A-Za-z]', '_', str(path))}_{content}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{str(path)!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
