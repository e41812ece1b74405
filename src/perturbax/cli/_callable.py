"""What `module:callable` names on a command line."""

import importlib
import sys
from pathlib import Path
from typing import Any


def find_callable(option: str, name: str, call: str) -> Any:
    """The function or object that `module:callable` names, from sys.path or the current folder.

    **Raises:** `ValueError` when there is no such module or attribute, or it is not callable.
    """
    module_name, separator, attribute = name.partition(":")
    if not separator or not module_name or not attribute:
        raise ValueError(f"{option} must be module:callable, called as {call}, got {name!r}")
    target: Any = _import(module_name, f"{option} {name}")
    for part in attribute.split("."):
        if not hasattr(target, part):
            raise ValueError(f"{option} {name}: module {module_name} has no {attribute}")
        target = getattr(target, part)
    if isinstance(target, type) or not callable(target):
        kind = "a class; name an instance or a function" if isinstance(target, type) else f"a {type(target).__name__}"
        raise ValueError(f"{option} {name} must be callable as {call}, but {attribute} is {kind}")
    return target


def _import(module_name: str, option: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise ValueError(f"{option}: there is no module {module_name} on sys.path or in {here}") from None
        raise
