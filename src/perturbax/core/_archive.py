"""Pytrees in files: a zip of `.npy` members and one JSON member, so that NumPy can read it and nothing is unpickled.

A checksum of every member is in the zip; a file that is cut short, altered or of another program is refused by name.
"""

import io
import json
import os
import secrets
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import jax
import numpy as np

_FORMAT = "perturbax-archive-1"
_TREE = "tree.json"

# What zipfile raises for a file that is cut short or altered (NotImplementedError where its way of packing is then one
# that zipfile does not know), and what a well packed file of another program leads to.
_DAMAGE = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
)


def write_atomic(path: str | os.PathLike[str], content: bytes | Callable[[BinaryIO], Any]) -> None:
    """Write a file whole or not at all: readers see the old content until the new one is complete.

    **Arguments:** `path`: of the file, in a folder that exists; `content`: bytes, or a function that writes to the
    binary file that it is given.

    **Raises:** `OSError` when the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomic(Path(folder) / "a.txt", b"text")
    ...     (Path(folder) / "a.txt").read_text()
    'text'
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_tree(path: str | os.PathLike[str], tree: Any, label: str) -> None:
    """Write a pytree of dictionaries, lists, tuples, arrays, numbers, texts and `None`, atomically.

    **Arguments:** `path`; `tree`; `label`: says what the file holds and is asked for when it is read.

    **Raises:** `TypeError` for a leaf of another kind, `OSError` when the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tree(Path(folder) / "a.npz", {"x": np.ones(2), "n": 3}, label="an example")
    ...     read_tree(Path(folder) / "a.npz", label="an example")
    {'x': array([1., 1.]), 'n': 3}
    """
    arrays: list[np.ndarray] = []
    encoded = _encode(tree, arrays)

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for i, array in enumerate(arrays):
                member = io.BytesIO()
                np.lib.format.write_array(member, array, allow_pickle=False)
                archive.writestr(f"{i}.npy", member.getbuffer())
            archive.writestr(_TREE, json.dumps({"format": _FORMAT, "label": label, "tree": encoded}))

    write_atomic(path, write)


def read_tree(path: str | os.PathLike[str], label: str) -> Any:
    """Read what `write_tree` wrote. Arrays come back as NumPy arrays, PRNG keys as keys.

    **Arguments:** `path`; `label`: as written.

    **Raises:** `ValueError` when the file is damaged or holds something else, `OSError` when it cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tree(Path(folder) / "a.npz", [1, None, "text"], label="an example")
    ...     read_tree(Path(folder) / "a.npz", label="an example")
    [1, None, 'text']
    """
    try:
        with zipfile.ZipFile(path) as archive:
            head = json.loads(archive.read(_TREE))
            if not isinstance(head, dict) or head.get("format") != _FORMAT:
                raise ValueError("it is of another format")
            if head.get("label") != label:
                raise ValueError(f"it holds {head.get('label')!r} and not {label!r}")
            return _decode(head["tree"], archive)
    except _DAMAGE as error:
        raise ValueError(f"{os.fspath(path)} is damaged or no file of perturbax: {error}") from None


def _encode(tree: Any, arrays: list[np.ndarray]) -> Any:
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    if isinstance(tree, dict) and all(isinstance(key, str) for key in tree):
        return {"dict": {key: _encode(value, arrays) for key, value in tree.items()}}
    if type(tree) in (list, tuple):
        return {type(tree).__name__: [_encode(value, arrays) for value in tree]}
    if isinstance(tree, jax.Array | np.ndarray | np.generic):
        return _encode_array(tree, arrays)
    raise TypeError(
        "a stored tree must hold dictionaries with texts as keys, lists, tuples, arrays, numbers, texts and None, "
        f"got {type(tree).__name__}"
    )


def _encode_array(value: Any, arrays: list[np.ndarray]) -> dict[str, Any]:
    code: dict[str, Any] = {"array": len(arrays)}
    if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
        code["key"] = str(jax.random.key_impl(value))
        value = jax.random.key_data(value)
    array = np.asarray(value)
    if array.dtype.kind == "O":
        raise TypeError("an array of objects cannot be stored")
    if array.dtype.kind == "V":  # bfloat16 and its like, which the .npy format does not know
        code["dtype"] = array.dtype.name
        array = array.view(np.dtype(f"u{array.dtype.itemsize}"))
    arrays.append(array)
    return code


def _decode(code: Any, archive: zipfile.ZipFile) -> Any:
    if not isinstance(code, dict):
        return code
    if "dict" in code:
        return {key: _decode(value, archive) for key, value in code["dict"].items()}
    if "list" in code:
        return [_decode(value, archive) for value in code["list"]]
    if "tuple" in code:
        return tuple(_decode(value, archive) for value in code["tuple"])
    array = np.lib.format.read_array(io.BytesIO(archive.read(f"{code['array']}.npy")), allow_pickle=False)
    if "dtype" in code:
        array = array.view(jax.numpy.dtype(code["dtype"]))
    if "key" in code:
        return jax.random.wrap_key_data(jax.numpy.asarray(array), impl=code["key"])
    return array
