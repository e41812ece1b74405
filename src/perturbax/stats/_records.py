"""Records of a user, tables or pytrees of arrays: how many, their digest, and which are in two sets."""

import hashlib
import warnings
from typing import Any

import jax
import numpy as np
import pandas as pd
from jax.core import Tracer

from ..core import check_array, digest


def count_records(name: str, records: Any) -> int:
    """How many records there are.

    **Raises:** `ValueError` when a column is empty, not finite or of another length than the first.
    """
    lengths = {label: len(column) for label, column in _columns(name, records).items()}
    if not lengths or len(set(lengths.values())) > 1:
        raise ValueError(f"{name} must have columns of one length, got {lengths or 'no column'}")
    return next(iter(lengths.values()))


def traceable(name: str, records: Any) -> Any:
    """Records for a compiled loop: a table as a dictionary of its columns.

    **Raises:** `ValueError` when a column holds texts.
    """
    if not isinstance(records, pd.DataFrame):
        return records
    columns = {str(label): _column(f"{name}[{label!r}]", records[label]) for label in records}
    for label, column in columns.items():
        if column.dtype.kind == "U":
            raise ValueError(f"{name}[{label!r}] must hold numbers in a compiled session; a Holdout takes texts too")
    return columns


def digest_of_records(name: str, records: Any) -> str:
    """A digest of the content."""
    return digest({label: np.asarray(column) for label, column in _columns(name, records).items()})


def warn_of_overlap(train: Any, holdout: Any) -> None:
    """Warn when records of one set are also in the other, as after a split that went wrong."""
    sets = [_hashes("train", train), _hashes("holdout", holdout)]
    shared = len(set.intersection(*sets))
    if shared:
        warnings.warn(
            f"{shared} different records are both in train and in holdout; answers are valid only when the holdout was "
            "drawn apart from the training records",
            UserWarning,
            stacklevel=4,
        )


def _columns(name: str, records: Any) -> dict[str, Any]:
    if isinstance(records, pd.DataFrame):
        return {str(label): _column(f"{name}[{label!r}]", records[label]) for label in records}
    leaves = jax.tree_util.tree_leaves_with_path(records)
    named = [(f"{name}{jax.tree_util.keystr(path)}", leaf) for path, leaf in leaves]
    return {label.removeprefix(name): _array(label, leaf) for label, leaf in named}


def _array(name: str, leaf: Any) -> Any:
    array = check_array(name, leaf, kind="any")
    if array.ndim == 0:
        raise ValueError(f"{name} must have one entry for each record, got a scalar")
    return check_array(name, array) if array.dtype.kind == "f" else array


def _column(name: str, column: pd.Series) -> np.ndarray:
    if column.isna().any():
        raise ValueError(f"{name} must not have missing values, got {int(column.isna().sum())} of {len(column)}")
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        return np.asarray(column.astype(str), dtype=np.str_)
    return check_array(name, column.to_numpy(), kind="any" if column.dtype.kind in "biu" else "floating")


def _hashes(name: str, records: Any) -> set[bytes]:
    columns = list(_columns(name, records).values())
    if any(isinstance(column, Tracer) for column in columns):
        return set()
    rows = [np.ascontiguousarray(column).reshape(len(column), -1) for column in columns]
    return {hashlib.blake2b(b"|".join(row.tobytes() for row in record)).digest() for record in zip(*rows, strict=True)}
