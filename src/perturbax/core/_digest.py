"""A digest of content: equal for equal values in every process and on every machine."""

import dataclasses
import enum
import functools
import hashlib
import inspect
import os
import struct
import textwrap
import types
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.core import Tracer


def digest(value: Any) -> str:
    """The SHA-256 digest of a value's content, the same in every process.

    **Arguments:** `value`: numbers, texts, bytes, `None`, arrays, PRNG keys, enumerations, types, tuples, lists, sets,
    dictionaries (whose order does not count), dataclasses and Equinox modules of these, and functions. A function
    counts by its source, its defaults and the values that it closes over; what it calls does not count.

    **Returns:** 64 hexadecimal digits.

    **Raises:** `TypeError` for anything else, by its type.

    >>> digest({"a": 1, "b": (2.0, "c")})[:12]
    '142e2b1770e0'
    """
    return _digest(value, ()).hex()


def _digest(value: Any, within: tuple[int, ...]) -> bytes:
    tag, parts = _parts(value, within)
    content = hashlib.sha256(tag.encode())
    for part in parts:
        content.update(struct.pack("<q", len(part)))
        content.update(part)
    return content.digest()


def _parts(value: Any, within: tuple[int, ...]) -> tuple[str, list[bytes]]:
    """The kind of a value, and the bytes that say which one of its kind it is."""
    if value is None or value is Ellipsis:
        return repr(value), []
    if isinstance(value, enum.Enum):
        return "enum", [_name(type(value)), value.name.encode()]
    if isinstance(value, bool | int | float | complex) and not isinstance(value, np.generic):
        return type(value).__name__, [repr(value).encode()]
    if isinstance(value, str):
        return "str", [value.encode()]
    if isinstance(value, bytes):
        return "bytes", [value]
    if isinstance(value, os.PathLike):
        return "path", [os.fspath(value).encode()]
    if isinstance(value, Tracer):
        raise TypeError("a digest needs values that are known: call it outside of jit, grad and vmap")
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        return _parts_of_array(value)
    if isinstance(value, np.dtype):
        return "dtype", [value.str.encode()]
    if isinstance(value, type):
        return "type", [_name(value)]
    if id(value) in within:
        return "itself", [str(len(within) - within.index(id(value))).encode()]
    inner = functools.partial(_digest, within=(*within, id(value)))
    if isinstance(value, tuple | list):
        return type(value).__name__, [inner(item) for item in value]
    if isinstance(value, set | frozenset):
        return "set", sorted(inner(item) for item in value)
    if isinstance(value, Mapping):
        return "mapping", sorted(inner(key) + inner(item) for key, item in value.items())
    if dataclasses.is_dataclass(value):
        fields = [field.name for field in dataclasses.fields(value) if hasattr(value, field.name)]
        return "dataclass", [_name(type(value)), *(inner((name, getattr(value, name))) for name in fields)]
    if isinstance(value, functools.partial):
        return "partial", [inner((value.func, value.args, value.keywords))]
    return _parts_of_function(value, inner)


def _parts_of_array(value: Any) -> tuple[str, list[bytes]]:
    kind = "array"
    if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
        kind, value = f"key {jax.random.key_impl(value)}", jax.random.key_data(value)
    array = np.asarray(value)
    if array.dtype.kind == "O":
        raise TypeError("a digest of an array of objects is not defined")
    dtype = array.dtype.name if array.dtype.kind == "V" else array.dtype.str
    return kind, [dtype.encode(), repr(array.shape).encode(), array.tobytes()]


def _parts_of_function(value: Any, inner: Any) -> tuple[str, list[bytes]]:
    if isinstance(value, types.MethodType):
        return "method", [inner((value.__func__, value.__self__))]
    wrapped = getattr(value, "__wrapped__", None)
    if wrapped is not None and not isinstance(value, types.FunctionType):  # such as what jax.jit returns
        return "wrapper", [_name(type(value)), inner(wrapped)]
    if isinstance(value, types.FunctionType):
        closed = [_content(cell) for cell in value.__closure__ or ()]
        return "function", [_source(value), inner((value.__defaults__, value.__kwdefaults__, closed))]
    if callable(value) and getattr(value, "__module__", None) and getattr(value, "__qualname__", None):
        return "builtin", [_name(value)]
    if isinstance(value, np.ufunc):
        return "ufunc", [value.__name__.encode()]
    raise TypeError(f"a digest of {type(value).__name__} is not defined")


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet: the function is digested while its definition is under way
        return None


def _source(function: types.FunctionType) -> bytes:
    try:
        return textwrap.dedent(inspect.getsource(function)).encode()
    except (OSError, TypeError):  # typed into an interpreter
        return b"".join(_bytecode(function.__code__))


def _bytecode(code: types.CodeType) -> list[bytes]:
    inner = [part for const in code.co_consts if isinstance(const, types.CodeType) for part in _bytecode(const)]
    # The repr of a frozenset, as in `x in {1, 2}`, depends on the hash seed of the process.
    plain = [
        repr(sorted(const, key=repr) if isinstance(const, frozenset) else const).encode()
        for const in code.co_consts
        if not isinstance(const, types.CodeType)
    ]
    return [code.co_code, repr(code.co_names).encode(), repr(code.co_varnames).encode(), *plain, *inner]


def _name(value: Any) -> bytes:
    return f"{value.__module__}.{value.__qualname__}".encode()
