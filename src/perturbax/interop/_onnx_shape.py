"""ONNX operators that move elements: shapes, slices, gathers, padding. All are affine in what they move."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from ._onnx_node import Node, Rule, axes_of, is_known, known, known_integers, namespace


def _shape(node: Node, x: Any) -> Any:
    return np.asarray(x.shape, np.int64)[slice(node.get("start", 0), node.get("end", None))]


def _reshape(node: Node, x: Any, shape: Any = None) -> Any:
    wanted = list(node.need("shape")) if shape is None else known_integers("shape", shape)
    if not node.get("allowzero", 0):
        wanted = [x.shape[axis] if size == 0 else int(size) for axis, size in enumerate(wanted)]
    return x.reshape(wanted)


def _flatten(node: Node, x: Any) -> Any:
    axis = node.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def _transpose(node: Node, x: Any) -> Any:
    return namespace(x).transpose(x, node.get("perm", None))


def _squeeze(node: Node, x: Any, axes: Any = None) -> Any:
    chosen = axes_of(node, axes)
    return x.squeeze() if chosen is None else x.squeeze(tuple(chosen))


def _unsqueeze(node: Node, x: Any, axes: Any = None) -> Any:
    return namespace(x).expand_dims(x, tuple(axes_of(node, axes) or ()))


def _concatenate(node: Node, *values: Any) -> Any:
    return namespace(*values).concatenate(values, node.need("axis"))


def _split(node: Node, x: Any, sizes: Any = None) -> Any:
    axis = node.get("axis", 0)
    wanted = node.get("split", None) if sizes is None else known_integers("split", sizes)
    if wanted is None:
        count = node.get("num_outputs", len(node.outputs))
        part = -(-x.shape[axis] // count)
        wanted = [part] * (count - 1) + [x.shape[axis] - part * (count - 1)]
    if sum(wanted) != x.shape[axis]:
        raise ValueError(f"parts of {list(wanted)} do not fill an axis of {x.shape[axis]}")
    return tuple(namespace(x).split(x, np.cumsum(wanted)[:-1].tolist(), axis))


def _slice(node: Node, x: Any, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None) -> Any:
    if starts is None:
        begin, stop, along = node.need("starts"), node.need("ends"), node.get("axes", None)
    else:
        begin, stop = known_integers("starts", starts), known_integers("ends", ends)
        along = None if axes is None else known_integers("axes", axes)
    along = range(len(begin)) if along is None else along
    stride = [1] * len(begin) if steps is None else known_integers("steps", steps)
    index = [slice(None)] * x.ndim
    for axis, first, last, step in zip(along, begin, stop, stride, strict=True):
        first, last, step = slice(first, last, step).indices(x.shape[axis])
        # Downwards to the very first element, which Python writes as no end at all.
        index[axis] = slice(first, None if last < 0 else last, step)
    return x[tuple(index)]


def _gather(node: Node, x: Any, indices: Any) -> Any:
    axis = node.get("axis", 0)
    if not is_known(indices):
        return jnp.take(x, jnp.where(indices < 0, indices + x.shape[axis], indices), axis)
    size = x.shape[axis]
    if np.any(indices < -size) or np.any(indices >= size):
        raise ValueError(f"indices must be in [{-size}, {size}), got {indices.min()} to {indices.max()}")
    indices = np.where(indices < 0, indices + size, indices)
    if is_known(x):
        return np.take(x, indices, axis)
    if indices.ndim == 0:
        return lax.index_in_dim(x, int(indices), axis % x.ndim, keepdims=False)
    return jnp.take(x, indices, axis, mode="clip")


def _gather_elements(node: Node, x: Any, indices: Any) -> Any:
    axis, xp = node.get("axis", 0) % x.ndim, namespace(x, indices)
    x = x[tuple(slice(None if i == axis else size) for i, size in enumerate(indices.shape))]
    return xp.take_along_axis(x, xp.where(indices < 0, indices + x.shape[axis], indices), axis)


def _gather_nd(node: Node, x: Any, indices: Any) -> Any:
    batch = node.get("batch_dims", 0)
    grid = np.indices(indices.shape[:batch], sparse=True) if batch else ()
    lead = tuple(g.reshape(g.shape + (1,) * (indices.ndim - 1 - batch)) for g in grid)
    return namespace(x, indices).asarray(x)[(*lead, *(indices[..., i] for i in range(indices.shape[-1])))]


def _scatter_nd(node: Node, x: Any, indices: Any, updates: Any) -> Any:
    node.refuse(reduction="none")
    return jnp.asarray(x).at[tuple(indices[..., i] for i in range(indices.shape[-1]))].set(updates)


def _pad(node: Node, x: Any, pads: Any = None, value: Any = None, axes: Any = None) -> Any:
    sizes = list(node.need("pads")) if pads is None else known_integers("pads", pads)
    along = [axis % x.ndim for axis in known_integers("axes", axes)] if axes is not None else list(range(x.ndim))
    mode = node.get("mode", "constant")
    widths = [(0, 0)] * x.ndim
    for i, axis in enumerate(along):
        widths[axis] = (sizes[i], sizes[len(along) + i])
    if mode == "constant":
        fill = node.get("value", 0.0) if value is None else value
        if is_known(x) and min(sizes) >= 0:
            return np.pad(x, widths, constant_values=known("constant_value", fill).item())
        return lax.pad(x, jnp.asarray(fill, x.dtype).reshape(()), [(low, high, 0) for low, high in widths])
    return namespace(x).pad(x, widths, mode={"reflect": "reflect", "edge": "edge", "wrap": "wrap"}[mode])


def _expand(node: Node, x: Any, shape: Any) -> Any:
    return namespace(x).broadcast_to(x, np.broadcast_shapes(x.shape, tuple(known_integers("shape", shape))))


def _tile(node: Node, x: Any, repeats: Any) -> Any:
    return namespace(x).tile(x, known_integers("repeats", repeats))


def _constant_of_shape(node: Node, shape: Any) -> Any:
    value = node.get("value", np.zeros(1, np.float32))
    return np.full(known_integers("shape", shape), value.item(), value.dtype)


def _range(node: Node, start: Any, limit: Any, delta: Any) -> Any:
    first, last, step = (known(name, v) for name, v in (("start", start), ("limit", limit), ("delta", delta)))
    return np.arange(first.item(), last.item(), step.item(), dtype=first.dtype)


def _depth_to_space(node: Node, x: Any) -> Any:
    n, c, h, w = x.shape
    block = node.need("blocksize")
    if node.get("mode", "DCR") == "DCR":
        split, order = (n, block, block, c // block**2, h, w), (0, 3, 4, 1, 5, 2)
    else:
        split, order = (n, c // block**2, block, block, h, w), (0, 1, 4, 2, 5, 3)
    return x.reshape(split).transpose(order).reshape(n, c // block**2, h * block, w * block)


def _space_to_depth(node: Node, x: Any) -> Any:
    n, c, h, w = x.shape
    block = node.need("blocksize")
    split = x.reshape(n, c, h // block, block, w // block, block).transpose(0, 3, 5, 1, 2, 4)
    return split.reshape(n, c * block**2, h // block, w // block)


def _trilu(node: Node, x: Any, k: Any = None) -> Any:
    offset = 0 if k is None else int(known("k", k).item())
    rows, columns = np.indices(x.shape[-2:])
    kept = columns - rows >= offset if node.get("upper", 1) else columns - rows <= offset
    return namespace(x).where(kept, x, np.zeros((), x.dtype))


def _cumulative_sum(node: Node, x: Any, axis: Any) -> Any:
    along = known("axis", axis).item() % x.ndim
    backwards = bool(node.get("reverse", 0))
    total = lax.cumsum(jnp.asarray(x), along, reverse=backwards)
    return total - x if node.get("exclusive", 0) else total


SHAPES: dict[str, Rule] = {
    "Concat": _concatenate,
    "ConstantOfShape": _constant_of_shape,
    "CumSum": _cumulative_sum,
    "DepthToSpace": _depth_to_space,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Pad": _pad,
    "Range": _range,
    "Reshape": _reshape,
    "ScatterND": _scatter_nd,
    "Shape": _shape,
    "Size": lambda node, x: np.asarray(math.prod(x.shape), np.int64),
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Trilu": _trilu,
    "Unsqueeze": _unsqueeze,
}
