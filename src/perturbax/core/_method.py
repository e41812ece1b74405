"""What every method of every verb is, the papers behind it, and the registry of methods."""

import importlib
import inspect
import pkgutil
from dataclasses import dataclass
from typing import Any, ClassVar

import equinox as eqx


@dataclass(frozen=True)
class Paper:
    """A published source.

    **Arguments:** `title`; `authors`: full names; `year`; `arxiv`, `venue`, `doi`: where it is, as far as known.

    >>> Paper("A Title", ("Ada Lovelace",), 1843).key
    'lovelace1843title'
    """

    title: str
    authors: tuple[str, ...]
    year: int
    arxiv: str | None = None
    venue: str | None = None
    doi: str | None = None

    @property
    def key(self) -> str:
        """The BibTeX key: last name of the first author, year, first long word of the title."""
        words = ["".join(c for c in word if c.isalnum()).lower() for word in self.title.split()]
        word = next((word for word in words if len(word) > 3), words[0])
        return f"{self.authors[0].split()[-1].lower()}{self.year}{word}"

    def bibtex(self) -> str:
        """The entry as BibTeX."""
        fields = {"title": f"{{{self.title}}}", "author": " and ".join(self.authors), "year": str(self.year)}
        if self.venue:
            fields["booktitle"] = self.venue
        if self.arxiv:
            fields |= {"eprint": self.arxiv, "archiveprefix": "arXiv"}
        if self.doi:
            fields["doi"] = self.doi
        body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
        return f"@{'inproceedings' if self.venue else 'misc'}{{{self.key},\n{body}\n}}"


class Method(eqx.Module):
    """The base of every method: a frozen module of hyper-parameters that knows its papers."""

    papers: ClassVar[tuple[Paper, ...]] = ()


def cite(method: Method | type[Method]) -> str:
    """The papers of a method as BibTeX.

    **Arguments:** `method`: a method or its class.

    **Returns:** one entry per paper, separated by empty lines.

    **Raises:** `TypeError` when it is no method, `ValueError` when it names no paper.

    >>> from perturbax import diffusion
    >>> cite(diffusion.DPMSolver).splitlines()[0]
    '@inproceedings{lu2022dpmsolver,'
    """
    cls = method if isinstance(method, type) else type(method)
    if not issubclass(cls, Method):
        raise TypeError(f"method must be a perturbax method or its class, got {cls.__name__}")
    if not cls.papers:
        raise ValueError(f"{cls.__name__} names no paper")
    return "\n\n".join(paper.bibtex() for paper in cls.papers)


def registered_methods() -> dict[str, type[Method]]:
    """All methods: the concrete `Method` classes that the packages of perturbax export, as `"package.Class"`.

    **Returns:** a dictionary sorted by name.

    >>> "diffusion.DDIM" in registered_methods()
    True
    """
    root = importlib.import_module(__name__.partition(".")[0])
    found: dict[str, type[Method]] = {}
    for info in pkgutil.iter_modules(root.__path__):
        if not info.ispkg or info.name in ("core", "cli", "report", "studies"):
            continue
        package = importlib.import_module(f"{root.__name__}.{info.name}")
        for name in getattr(package, "__all__", ()):
            value: Any = getattr(package, name)
            exported = isinstance(value, type) and issubclass(value, Method) and not inspect.isabstract(value)
            if exported and not name.startswith("Abstract"):
                found[f"{info.name}.{name}"] = value
    return dict(sorted(found.items()))
