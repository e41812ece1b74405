"""Features of layers in a user's files, with the labels of their samples."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ._arrays import load_archive, load_npy
from ._points import load_points

_ARCHIVES = (".npz", ".safetensors")


def load_layers(option: str, paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """Features by layer, in the order of the files and of the arrays in them; of more than two axes flattened."""
    layers: dict[str, np.ndarray] = {}
    for path in paths:
        found = load_archive(option, path) if path.suffix in _ARCHIVES else {path.stem: load_points(option, path)}
        for name, array in found.items():
            if array.ndim < 2 or array.dtype.kind != "f":
                raise ValueError(
                    f"{option}: {name} of {path} must hold features of shape (N, d), got {array.dtype} {array.shape}"
                )
            if name in layers:
                raise ValueError(f"{option}: {name} is in more than one file")
            layers[name] = array.reshape(array.shape[0], -1)
    counts = {name: len(array) for name, array in layers.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"{option}: all layers must have the same samples, got {counts}")
    return layers


def load_labels(option: str, path: Path) -> np.ndarray:
    """Integers, one for each sample, from a `.npy` or `.csv` file with one column."""
    values = load_npy(option, path) if path.suffix == ".npy" else load_points(option, path)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "fiu" or (values != np.round(values)).any():
        raise ValueError(f"{option}: {path} must hold one integer for each sample, got {values.dtype} {values.shape}")
    return values.astype(np.int64)
