"""immrax without its drawing of polytopes: pypoman, which it imports for that, builds a C library of its own."""

import sys
import types
from typing import Any


def load() -> Any:
    """The module, with an empty pypoman where there is none."""
    absent = types.ModuleType("pypoman")
    for name in ("plot_polygon", "compute_polytope_vertices", "project_polytope"):
        setattr(absent, name, None)
    sys.modules.setdefault("pypoman", absent)
    import immrax

    return immrax
