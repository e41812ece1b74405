"""ONNX operators of convolutional and residual networks: convolutions, pooling, normalisation."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from ._onnx_node import Node, Rule


def _padding(node: Node, size: tuple[int, ...], kernel: tuple[int, ...]) -> list[tuple[int, int]]:
    """Elements to add before and after each spatial axis, explicit or as `auto_pad` says."""
    n = len(size)
    strides, dilations = node.get("strides", [1] * n), node.get("dilations", [1] * n)
    reach = [dilation * (k - 1) + 1 for k, dilation in zip(kernel, dilations, strict=True)]
    auto = node.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        totals = [max((-(-s // t) - 1) * t + r - s, 0) for s, t, r in zip(size, strides, reach, strict=True)]
        smaller = [(total // 2, total - total // 2) for total in totals]
        return smaller if auto == "SAME_UPPER" else [(after, before) for before, after in smaller]
    pads = [0] * 2 * n if auto == "VALID" else node.get("pads", [0] * 2 * n)
    pairs = list(zip(pads[:n], pads[n:], strict=True))
    if not node.get("ceil_mode", 0):
        return pairs
    return [_ceiled(*each) for each in zip(size, pairs, strides, reach, strict=True)]


def _ceiled(size: int, pads: tuple[int, int], stride: int, reach: int) -> tuple[int, int]:
    """Padding with which the last window of `ceil_mode` fits; windows that start in the padding behind are left out."""
    before, after = pads
    count = -(-(size + before + after - reach) // stride) + 1
    if (count - 1) * stride >= size + before:
        count -= 1
    return before, (count - 1) * stride + reach - size - before


def _conv(node: Node, x: Any, w: Any, b: Any = None) -> Any:
    n, kernel = x.ndim - 2, w.shape[2:]
    x, w = _of_one_precision(x, w)
    y = lax.conv_general_dilated(
        x,
        w,
        node.get("strides", [1] * n),
        _padding(node, x.shape[2:], kernel),
        rhs_dilation=node.get("dilations", [1] * n),
        feature_group_count=node.get("group", 1),
    )
    return y if b is None else y + b.reshape(-1, *(1,) * n)


def _of_one_precision(x: Any, w: Any) -> tuple[Any, Any]:
    """Both in the wider of their dtypes, which `lax` asks for: weights may be float32 where the function is float64."""
    wide = jnp.result_type(x, w)
    return jnp.asarray(x, wide), jnp.asarray(w, wide)


def _conv_transpose(node: Node, x: Any, w: Any, b: Any = None) -> Any:
    n, group = x.ndim - 2, node.get("group", 1)
    kernel, strides = w.shape[2:], node.get("strides", [1] * n)
    dilations, extra = node.get("dilations", [1] * n), node.get("output_padding", [0] * n)
    reach = [dilation * (k - 1) + 1 for k, dilation in zip(kernel, dilations, strict=True)]
    sizes = [t * (s - 1) + e + r for t, s, e, r in zip(strides, x.shape[2:], extra, reach, strict=True)]
    auto, wanted = node.get("auto_pad", "NOTSET"), node.get("output_shape", None)
    if wanted is None and auto.startswith("SAME"):
        wanted = [s * t for s, t in zip(x.shape[2:], strides, strict=True)]
    if wanted is not None:
        totals = [size - w for size, w in zip(sizes, wanted[-n:], strict=True)]
        halves = [(total // 2, total - total // 2) for total in totals]
        pads = halves if auto == "SAME_UPPER" else [(after, before) for before, after in halves]
    else:
        flat = node.get("pads", [0] * 2 * n)
        pads = list(zip(flat[:n], flat[n:], strict=True))
    # The transpose of a convolution is one over the input spread out by the stride, with the kernel turned around.
    x, w = _of_one_precision(x, w)
    turned = jnp.flip(w, tuple(range(2, w.ndim))).reshape(group, w.shape[0] // group, *w.shape[1:])
    turned = jnp.swapaxes(turned, 1, 2).reshape(group * w.shape[1], w.shape[0] // group, *kernel)
    y = lax.conv_general_dilated(
        x,
        turned,
        [1] * n,
        [(r - 1 - low, r - 1 - high + e) for r, (low, high), e in zip(reach, pads, extra, strict=True)],
        lhs_dilation=strides,
        rhs_dilation=dilations,
        feature_group_count=group,
    )
    return y if b is None else y + b.reshape(-1, *(1,) * n)


def _max_pool(node: Node, x: Any) -> Any:
    if len(node.outputs) > 1:
        raise ValueError("the indices of the largest elements are not supported")
    n, kernel = x.ndim - 2, tuple(node.need("kernel_shape"))
    return lax.reduce_window(
        x,
        -math.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min,
        lax.max,
        (1, 1, *kernel),
        (1, 1, *node.get("strides", [1] * n)),
        [(0, 0), (0, 0), *_padding(node, x.shape[2:], kernel)],
        window_dilation=(1, 1, *node.get("dilations", [1] * n)),
    )


def _average_pool(node: Node, x: Any) -> Any:
    n, kernel = x.ndim - 2, tuple(node.need("kernel_shape"))
    strides, dilations = node.get("strides", [1] * n), node.get("dilations", [1] * n)
    pads = _padding(node, x.shape[2:], kernel)
    total = lax.reduce_window(
        x,
        0.0,
        lax.add,
        (1, 1, *kernel),
        (1, 1, *strides),
        [(0, 0), (0, 0), *pads],
        window_dilation=(1, 1, *dilations),
    )
    flat = node.get("pads", [0] * 2 * n)
    counted = list(zip(flat[:n], flat[n:], strict=True)) if node.get("count_include_pad", 0) else [(0, 0)] * n
    if node.get("auto_pad", "NOTSET") != "NOTSET" and node.get("count_include_pad", 0):
        counted = pads
    counts = np.ones((1, 1, *(1,) * n), x.dtype)
    for axis, (size, (before, after), (low, high), k, stride, dilation) in enumerate(
        zip(x.shape[2:], pads, counted, kernel, strides, dilations, strict=True)
    ):
        # A window counts what lies on the input, and on the explicit padding where that is asked for.
        starts = np.arange(0, size + before + after - dilation * (k - 1), stride) - before
        places = starts[:, None] + dilation * np.arange(k)
        number = np.count_nonzero((places >= -low) & (places < size + high), axis=1)
        counts = counts * number.reshape([-1 if i == axis + 2 else 1 for i in range(n + 2)]).astype(counts.dtype)
    return total / counts


def _global(name: str) -> Rule:
    def apply(node: Node, x: Any) -> Any:
        return getattr(jnp, name)(x, axis=tuple(range(2, x.ndim)), keepdims=True)

    return apply


def _batch_norm(node: Node, x: Any, scale: Any, bias: Any, mean: Any, variance: Any) -> Any:
    node.refuse(training_mode=0, spatial=1)
    if len([name for name in node.outputs if name]) > 1:
        raise ValueError("it is in training mode; export the network in evaluation mode")
    factor = scale * lax.rsqrt(jnp.asarray(variance + np.asarray(node.get("epsilon", 1e-5), variance.dtype)))
    return x * _channels(factor, x.ndim) + _channels(bias - mean * factor, x.ndim)


def _channels(values: Any, ndim: int) -> Any:
    return values.reshape(-1, *(1,) * (ndim - 2))


def _standardised(x: Any, axes: tuple[int, ...], epsilon: float) -> Any:
    centred = x - jnp.mean(x, axes, keepdims=True)
    variance = jnp.mean(centred * centred, axes, keepdims=True)
    return centred * lax.rsqrt(variance + np.asarray(epsilon, x.dtype))


def _instance_norm(node: Node, x: Any, scale: Any, bias: Any) -> Any:
    normal = _standardised(x, tuple(range(2, x.ndim)), node.get("epsilon", 1e-5))
    return normal * _channels(scale, x.ndim) + _channels(bias, x.ndim)


def _group_norm(node: Node, x: Any, scale: Any, bias: Any) -> Any:
    groups = node.need("num_groups")
    grouped = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
    normal = _standardised(grouped, tuple(range(2, grouped.ndim)), node.get("epsilon", 1e-5))
    if node.opset < 21:  # one scale for each group, since then for each channel
        scale, bias = (jnp.repeat(value, x.shape[1] // groups) for value in (scale, bias))
    return normal.reshape(x.shape) * _channels(scale, x.ndim) + _channels(bias, x.ndim)


def _layer_norm(node: Node, x: Any, scale: Any, bias: Any = None) -> Any:
    if len([name for name in node.outputs if name]) > 1:
        raise ValueError("its outputs for training are not supported; export the network in evaluation mode")
    axes = tuple(range(node.get("axis", -1) % x.ndim, x.ndim))
    normal = _standardised(x, axes, node.get("epsilon", 1e-5)) * scale
    return normal if bias is None else normal + bias


def _rms_norm(node: Node, x: Any, scale: Any) -> Any:
    axes = tuple(range(node.get("axis", -1) % x.ndim, x.ndim))
    square = jnp.mean(x * x, axes, keepdims=True)
    return x * lax.rsqrt(square + np.asarray(node.get("epsilon", 1e-5), x.dtype)) * scale


def _local_response_norm(node: Node, x: Any) -> Any:
    size = node.need("size")
    before = (size - 1) // 2
    window = (1, size, *(1,) * (x.ndim - 2))
    pads = [(0, 0), (before, size - 1 - before), *[(0, 0)] * (x.ndim - 2)]
    squares = lax.reduce_window(x * x, 0.0, lax.add, window, (1,) * x.ndim, pads)
    return x * (node.get("bias", 1.0) + node.get("alpha", 1e-4) / size * squares) ** -node.get("beta", 0.75)


LAYERS: dict[str, Rule] = {
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "GlobalAveragePool": _global("mean"),
    "GlobalMaxPool": _global("max"),
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "LRN": _local_response_norm,
    "LayerNormalization": _layer_norm,
    "MaxPool": _max_pool,
    "RMSNormalization": _rms_norm,
}
