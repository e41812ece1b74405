"""A name in a Python file of the user."""

from pathlib import Path
from typing import Any

from ._options import check_file


def from_file(argument: str, path: Path, name: str) -> Any:
    """What a Python file of the user defines under a name. The file is executed."""
    import importlib.util
    import sys

    check_file(argument, path)
    spec = importlib.util.spec_from_file_location(f"_perturbax_problem_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{argument}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses in the file, such as Equinox modules, look for the module that they are in.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    if not hasattr(module, name):
        raise ValueError(f"{argument}: {path} does not define {name}")
    return getattr(module, name)
