"""perturbax: state a problem, choose a method, get a solution.

Packages load when they are first used: `import perturbax` imports none of them, nor JAX.
"""

import importlib
from typing import Any

from ._version import __version__ as __version__

__all__ = [
    "__version__",
    "approximate",
    "cli",
    "core",
    "data",
    "diffusion",
    "dynamics",
    "interop",
    "linalg",
    "nn",
    "optimize",
    "pde",
    "perturb",
    "report",
    "rom",
    "stats",
    "studies",
    "systems",
    "transport",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
