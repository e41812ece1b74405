"""How a record is kept as bytes: scalars as JSON, arrays as `.npz`. Reading executes nothing (`allow_pickle=False`)."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

_MAX_ARRAY_BYTES = 16 * 2**20


def encode_record(record: Mapping[str, Any]) -> tuple[str, bytes | None]:
    """A record as JSON of its scalars and `.npz` bytes of its arrays.

    **Raises:**

    `TypeError`/`ValueError` that name the entry, for anything that is no number, text, `None` or array of numbers.
    """
    if not isinstance(record, Mapping):
        raise TypeError(
            f"a record must be a dict of names to numbers, texts and small arrays, got {type(record).__name__}"
        )
    scalars: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, value in record.items():
        if not isinstance(name, str) or not name:
            raise TypeError(f"a name in a record must be a non-empty text, got {name!r}")
        settled = _settle_value(name, value)
        (arrays if isinstance(settled, np.ndarray) else scalars)[name] = settled
    text = json.dumps({"order": list(record), "values": scalars})
    if not arrays:
        return text, None
    size = sum(array.nbytes for array in arrays.values())
    if size > _MAX_ARRAY_BYTES:
        raise ValueError(f"the arrays of a record must be <= {_MAX_ARRAY_BYTES} bytes together, got {size}")
    buffer = io.BytesIO()
    # Numbered names, because a record's own names may hold characters that a zip archive changes.
    numbered: dict[str, Any] = {f"array_{i}": array for i, array in enumerate(arrays.values())}
    np.savez(buffer, names=np.array(list(arrays)), **numbered)
    return text, buffer.getvalue()


def decode_record(text: str, arrays: bytes | None) -> dict[str, Any]:
    """The record of `encode_record`, in its order. Bytes that are no record are a `ValueError`."""
    try:
        content = json.loads(text)
        values = dict(content["values"])
        if arrays is not None:
            with np.load(io.BytesIO(arrays), allow_pickle=False) as file:
                values |= {str(name): file[f"array_{i}"] for i, name in enumerate(file["names"])}
        return {name: values[name] for name in content["order"]}
    except (TypeError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"not a record: {error}") from None


def _settle_value(name: str, value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if not hasattr(value, "__array__") and not isinstance(value, list | tuple):
        raise TypeError(f"record[{name!r}] must be a number, text or array, got {type(value).__name__}")
    array = np.asarray(value)
    if array.dtype.kind == "V":
        array = array.astype(np.float32)
    if array.dtype.kind not in "biufcU":
        raise TypeError(f"record[{name!r}] must be an array of numbers, got dtype {array.dtype}")
    if array.ndim or array.dtype.kind == "c":
        return array
    return array.item()


def checksum(text: str, arrays: bytes | None) -> str:
    return hashlib.sha256(text.encode() + b"\0" + (arrays or b"")).hexdigest()
