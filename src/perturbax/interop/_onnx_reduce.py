"""ONNX operators that take together the elements of an axis: sums, extremes, softmax, products of matrices."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._onnx_node import Node, Rule, axes_of, namespace


def _reduced(name: str, before: Any = None, after: Any = None) -> Rule:
    """A reduction that NumPy has under a name of its own, between two elementwise functions."""

    def apply(node: Node, x: Any, axes: Any = None) -> Any:
        along = axes_of(node, axes)
        if not along:
            if node.get("noop_with_empty_axes", 0):
                return x
            along = list(range(x.ndim))
        xp = namespace(x)
        x = x if before is None else before(xp, x)
        total = getattr(xp, name)(x, axis=tuple(along), keepdims=bool(node.get("keepdims", 1)))
        total = total if after is None else after(xp, total)
        return total.astype(x.dtype)

    return apply


def _log_sum_exp(node: Node, x: Any, axes: Any = None) -> Any:
    along = axes_of(node, axes)
    chosen = None if not along else tuple(along)
    return jax.scipy.special.logsumexp(x, axis=chosen, keepdims=bool(node.get("keepdims", 1)))


def _index_of(largest: bool) -> Rule:
    def apply(node: Node, x: Any) -> Any:
        xp, axis = namespace(x), node.get("axis", 0)
        find = xp.argmax if largest else xp.argmin
        if node.get("select_last_index", 0):
            found = x.shape[axis] - 1 - find(xp.flip(x, axis), axis=axis, keepdims=True)
        else:
            found = find(x, axis=axis, keepdims=True)
        return found if node.get("keepdims", 1) else found.squeeze(axis)

    return apply


def _along_axis(function: Any) -> Rule:
    """Softmax and its kin: before version 13 over all axes from the given one on, since then over one axis."""

    def apply(node: Node, x: Any) -> Any:
        if node.opset >= 13:
            return function(x, axis=node.get("axis", -1))
        axis = node.get("axis", 1) % x.ndim
        flat = x.reshape(*x.shape[:axis], -1)
        return function(flat, axis=-1).reshape(x.shape)

    return apply


def _hardmax(x: Any, axis: int) -> Any:
    return jax.nn.one_hot(jnp.argmax(x, axis), x.shape[axis], axis=axis, dtype=x.dtype)


def _matmul(node: Node, x: Any, y: Any) -> Any:
    return namespace(x, y).matmul(x, y)


def _gemm(node: Node, a: Any, b: Any, c: Any = None) -> Any:
    a = a.T if node.get("transA", 0) else a
    b = b.T if node.get("transB", 0) else b
    product = _scaled(node.get("alpha", 1.0), jnp.matmul(a, b))
    return product if c is None else product + _scaled(node.get("beta", 1.0), c)


def _scaled(factor: float, x: Any) -> Any:
    return x if factor == 1.0 else np.asarray(factor, x.dtype) * x


def _einsum(node: Node, *values: Any) -> Any:
    equation = node.need("equation")
    return jnp.einsum(equation.decode() if isinstance(equation, bytes) else equation, *values)


REDUCTIONS: dict[str, Rule] = {
    "ArgMax": _index_of(largest=True),
    "ArgMin": _index_of(largest=False),
    "Einsum": _einsum,
    "Gemm": _gemm,
    "Hardmax": _along_axis(_hardmax),
    "LogSoftmax": _along_axis(lambda x, axis: jax.nn.log_softmax(jnp.asarray(x), axis)),
    "MatMul": _matmul,
    "ReduceL1": _reduced("sum", before=lambda xp, x: xp.abs(x)),
    "ReduceL2": _reduced("sum", before=lambda xp, x: x * x, after=lambda xp, total: xp.sqrt(total)),
    "ReduceLogSum": _reduced("sum", after=lambda xp, total: xp.log(total)),
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceMax": _reduced("max"),
    "ReduceMean": _reduced("mean"),
    "ReduceMin": _reduced("min"),
    "ReduceProd": _reduced("prod"),
    "ReduceSum": _reduced("sum"),
    "ReduceSumSquare": _reduced("sum", before=lambda xp, x: x * x),
    "Softmax": _along_axis(lambda x, axis: jax.nn.softmax(jnp.asarray(x), axis)),
}
