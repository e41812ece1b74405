"""Resize and Upsample of ONNX: one small matrix for each axis, so that the operator is visibly linear."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from ._onnx_node import Node, Rule, axes_of, known, known_integers


def _resize(node: Node, x: Any, roi: Any = None, scales: Any = None, sizes: Any = None) -> Any:
    if node.opset < 11:
        scales, roi = roi, None
        transform, rounding = "asymmetric", "floor"
    else:
        transform = node.get("coordinate_transformation_mode", "half_pixel")
        rounding = node.get("nearest_mode", "round_prefer_floor")
    node.refuse(antialias=0, exclude_outside=0, keep_aspect_ratio_policy="stretch")
    axes = axes_of(node) or list(range(x.ndim))
    if sizes is not None and np.size(sizes):
        lengths: list[int] = known_integers("sizes", sizes)
        factors = [length / x.shape[axis] for length, axis in zip(lengths, axes, strict=True)]
    else:
        factors = [float(factor) for factor in np.ravel(known("scales", scales))]
        lengths = [math.floor(x.shape[axis] * factor) for factor, axis in zip(factors, axes, strict=True)]
    for axis, length, factor in zip(axes, lengths, factors, strict=True):
        if length == x.shape[axis] and factor == 1.0:
            continue
        at = _places(transform, length, x.shape[axis], factor)
        x = _along(x, axis, at, node.get("mode", "nearest"), rounding, node.get("cubic_coeff_a", -0.75))
    return x


def _upsample(node: Node, x: Any, scales: Any = None) -> Any:
    factors = np.asarray(node.get("scales", [])) if scales is None else scales
    kept = {"mode": node.get("mode", "nearest")}
    return _resize(Node(node.label, "Resize", node.inputs, node.outputs, 10, kept), x, factors)


def _places(transform: str, length: int, size: int, factor: float) -> np.ndarray:
    """The coordinate in the input of every element of the output, along one axis."""
    out = np.arange(length, dtype=np.float64)
    if transform == "half_pixel" or (transform == "pytorch_half_pixel" and length > 1):
        return (out + 0.5) / factor - 0.5
    if transform == "pytorch_half_pixel":
        return np.zeros(1)
    if transform == "asymmetric":
        return out / factor
    if transform == "align_corners":
        return out * (size - 1) / max(length - 1, 1)
    if transform == "half_pixel_symmetric":
        offset = size / 2 * (1 - length / (factor * size))
        return offset + (out + 0.5) / factor - 0.5
    raise ValueError(f"coordinate_transformation_mode={transform!r} is not supported")


def _along(x: Any, axis: int, at: np.ndarray, mode: str, rounding: str, a: float) -> Any:
    size = x.shape[axis]
    if mode == "nearest":
        nearest = {
            "round_prefer_floor": np.ceil(at - 0.5),
            "round_prefer_ceil": np.floor(at + 0.5),
            "floor": np.floor(at),
            "ceil": np.ceil(at),
        }[rounding]
        return jnp.take(x, np.clip(nearest, 0, size - 1).astype(np.int32), axis, mode="clip")
    if mode not in ("linear", "cubic"):
        raise ValueError(f"mode={mode!r} is not supported")
    first = np.floor(at)
    matrix = np.zeros((len(at), size))
    for offset in (0, 1) if mode == "linear" else (-1, 0, 1, 2):
        distance = np.abs(at - first - offset)
        weight = 1 - distance if mode == "linear" else _cubic(distance, a)
        column = np.clip(first + offset, 0, size - 1).astype(int)
        np.add.at(matrix, (np.arange(len(at)), column), weight)
    return jnp.moveaxis(jnp.tensordot(matrix.astype(x.dtype), x, ((1,), (axis,))), 0, axis)


def _cubic(distance: np.ndarray, a: float) -> np.ndarray:
    """The cubic convolution kernel with slope `a` at distance 1 (Keys 1981)."""
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = a * (((distance - 5) * distance + 8) * distance - 4)
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))


RESIZE: dict[str, Rule] = {"Resize": _resize, "Upsample": _upsample}
