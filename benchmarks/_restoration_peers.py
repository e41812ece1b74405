"""DeepInverse and SigPy without the tools that restoring images does not need.

Both are installed with --no-deps: their own lists drag in training tools, pretrained networks and compilers. What they
import of these and is not here gets a stand-in, which fails only when it is used.
"""

import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from typing import Any

_NOT_NEEDED = ("torchvision", "natsort", "numba", "pywt")


class _StandIn:
    """Can be subclassed, called and used as a decorator, as happens on import."""

    def __init__(self, *_: Any, **__: Any):
        pass

    def __call__(self, *_: Any, **__: Any) -> "_StandIn":
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self


class _Module(types.ModuleType):
    __path__: list[str] = []  # noqa: RUF012  (what makes a module a package)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _StandIn


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] in _NOT_NEEDED:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: Any) -> types.ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


@functools.cache
def load(name: str) -> Any:
    """A module of `deepinv` or `sigpy`; last among the finders, the stand-ins only come where nothing is installed."""
    package = name.partition(".")[0]
    assert importlib.util.find_spec(package) is not None, f"{package} is not installed; `make bench` installs it"
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
    return importlib.import_module(name)
