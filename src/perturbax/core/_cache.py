"""What was expensive to build is kept in the user's cache folder, under the digest of what it was built from."""

import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from ._archive import read_tree, write_tree
from ._digest import digest

# Only these two folders are counted and cleared: PERTURBAX_CACHE may name a folder that holds other things too.
_OBJECTS, _COMPILED = "objects", "compiled"


def cache_folder() -> Path:
    """The cache folder: `PERTURBAX_CACHE` when it is set, else the platform's (`~/.cache/perturbax` on Linux).

    >>> cache_folder().is_absolute()
    True
    """
    if chosen := os.environ.get("PERTURBAX_CACHE"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "perturbax"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "perturbax" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")).absolute() / "perturbax"


def cached(name: str, inputs: Any, build: Callable[[], Any], *, refresh: bool = False) -> Any:
    """What `build()` returns, built once per content of `inputs`.

    **Arguments:**

    - `name`: of the kind of thing, a folder in the cache.
    - `inputs`: everything that the result depends on, as `core.digest` takes it: parameters, data, functions.
    - `build`: function without arguments; returns dictionaries, lists and tuples of arrays, numbers, texts and `None`.
      For a network store its leaves: `jax.tree.leaves(eqx.filter(model, eqx.is_array))`.
    - `refresh`: build again and replace what is there.

    **Returns:** what was built, with NumPy arrays, equal in the run that built it and in all later ones.

    **Raises:** `ValueError` for a bad name, or for a damaged file, by its path (`refresh=True` replaces it);
    `TypeError` when the inputs have no digest or the result cannot be stored; `OSError` when the folder cannot be
    written.

    >>> import tempfile
    >>> from unittest import mock
    >>> with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, PERTURBAX_CACHE=folder):
    ...     [cached("squares", {"n": 3}, lambda: print("building") or 9) for _ in range(2)]
    building
    [9, 9]
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(f"name must be letters, digits, '.', '_' and '-', got {name!r}")
    key = digest(inputs)
    path = cache_folder() / _OBJECTS / name / f"{key}.npz"
    if refresh or not path.exists():
        # Before the work, so that a folder that cannot be written does not cost what was computed.
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tree(path, build(), label=f"{name} {key}")
    try:
        return read_tree(path, label=f"{name} {key}")
    except ValueError as error:
        raise ValueError(f"{error}; build it again with refresh=True, or remove the file") from None


def cache_size() -> int:
    """The number of bytes in the cache.

    >>> cache_size() >= 0
    True
    """
    return sum(_size(file) for kind in (_OBJECTS, _COMPILED) for file in (cache_folder() / kind).rglob("*"))


def clear_cache() -> None:
    """Remove everything that perturbax keeps in the cache folder, and nothing else that may lie there.

    **Raises:** `OSError` when a file cannot be removed.
    """
    for kind in (_OBJECTS, _COMPILED):
        folder = cache_folder() / kind
        if folder.exists():
            shutil.rmtree(folder)


def enable_compilation_cache() -> None:
    """Keep compiled programs in the cache folder, so that a second run of anything starts warm.

    Commands, studies and tests call this; importing perturbax does not. A compilation cache that is configured already
    (`JAX_COMPILATION_CACHE_DIR`) stays.
    """
    if jax.config.jax_compilation_cache_dir is None:  # pyright: ignore[reportAttributeAccessIssue]
        folder = cache_folder() / _COMPILED
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            warnings.warn(f"nothing that is compiled is kept: {error}", stacklevel=2)
            return
        jax.config.update("jax_compilation_cache_dir", str(folder))
        # JAX's own default keeps only what compiled for a second, which is next to nothing on a CPU.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except FileNotFoundError:  # removed by another process since it was listed
        return 0
