"""ONNX operators that act on every element by itself, with NumPy's broadcasting."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ._onnx_node import Node, Rule, is_known, known, namespace, settled


def _same(name: str) -> Rule:
    """An operator that NumPy has under a name of its own."""

    def apply(node: Node, *values: Any) -> Any:
        return getattr(namespace(*values), name)(*values)

    return apply


def _variadic(name: str) -> Rule:
    def apply(node: Node, *values: Any) -> Any:
        return functools.reduce(getattr(namespace(*values), name), values)

    return apply


def _mean(node: Node, *values: Any) -> Any:
    return functools.reduce(namespace(*values).add, values) / np.asarray(len(values), values[0].dtype)


def _divide(node: Node, x: Any, y: Any) -> Any:
    if not jnp.issubdtype(x.dtype, np.integer):
        return x / y
    xp = namespace(x, y)  # integers are divided towards zero
    return xp.sign(x) * xp.sign(y) * (xp.abs(x) // xp.abs(y))


def _modulo(node: Node, x: Any, y: Any) -> Any:
    xp = namespace(x, y)
    return xp.fmod(x, y) if node.get("fmod", 0) else xp.mod(x, y)


def _power(node: Node, x: Any, exponent: Any) -> Any:
    if is_known(x) and is_known(exponent):
        return np.power(x, exponent).astype(x.dtype)
    if not isinstance(exponent, Tracer) and np.size(exponent) == 1:
        # A power with a fixed exponent is a primitive of its own, of which more is known.
        shape, number = np.shape(exponent), float(np.ravel(exponent)[0])
        base = jnp.broadcast_to(x, np.broadcast_shapes(x.shape, shape))
        if number == 0.5:
            return jnp.sqrt(base)
        return jnp.power(base, int(number) if number.is_integer() else number)
    return jnp.power(x, exponent).astype(x.dtype)


def _relu(node: Node, x: Any) -> Any:
    return namespace(x).maximum(x, np.zeros((), x.dtype))


def _leaky_relu(node: Node, x: Any) -> Any:
    return jax.nn.leaky_relu(jnp.asarray(x), node.get("alpha", 0.01))


def _prelu(node: Node, x: Any, slope: Any) -> Any:
    return jnp.where(x >= 0, x, slope * x)


def _thresholded_relu(node: Node, x: Any) -> Any:
    return jnp.where(x > node.get("alpha", 1.0), x, 0)


def _clip(node: Node, x: Any, low: Any = None, high: Any = None) -> Any:
    if node.opset < 11:
        low, high = (node.attributes.get(name) for name in ("min", "max"))
        low, high = (None if bound is None else np.asarray(bound, x.dtype) for bound in (low, high))
    for name, bound in (("maximum", low), ("minimum", high)):
        if bound is not None:
            x = getattr(namespace(x, bound), name)(x, bound)
    return x


def _hard_sigmoid(node: Node, x: Any) -> Any:
    return _between_0_and_1(node.get("alpha", 0.2) * x + node.get("beta", 0.5))


def _hard_swish(node: Node, x: Any) -> Any:
    return x * _between_0_and_1(x / 6 + 0.5)


def _between_0_and_1(x: Any) -> Any:
    return jnp.minimum(jnp.maximum(x, 0), 1)


def _elu(node: Node, x: Any) -> Any:
    return jax.nn.elu(jnp.asarray(x), node.get("alpha", 1.0))


def _celu(node: Node, x: Any) -> Any:
    return jax.nn.celu(jnp.asarray(x), node.get("alpha", 1.0))


def _selu(node: Node, x: Any) -> Any:
    alpha, gamma = node.get("alpha", 1.6732631921768188), node.get("gamma", 1.0507010221481323)
    return gamma * jax.nn.elu(jnp.asarray(x), alpha)


def _gelu(node: Node, x: Any) -> Any:
    return jax.nn.gelu(jnp.asarray(x), approximate=node.get("approximate", "none") == "tanh")


def _swish(node: Node, x: Any) -> Any:
    return x * jax.nn.sigmoid(node.get("alpha", 1.0) * x)


def _mish(node: Node, x: Any) -> Any:
    return x * jnp.tanh(jax.nn.softplus(x))


def _where(node: Node, condition: Any, x: Any, y: Any) -> Any:
    return namespace(condition, x, y).where(condition, x, y)


def _reciprocal(node: Node, x: Any) -> Any:
    return np.ones((), x.dtype) / x


def _identity(node: Node, x: Any, *_: Any) -> Any:
    return x


def _dropout(node: Node, x: Any, ratio: Any = None, training: Any = None) -> Any:
    if training is not None and bool(known("training_mode", training)):
        raise ValueError("it is in training mode; export the network in evaluation mode")
    return (x, np.ones(x.shape, bool)) if len(node.outputs) > 1 else x


def _cast(node: Node, x: Any) -> Any:
    return convert(x, node.need("to"))


def _cast_like(node: Node, x: Any, target: Any) -> Any:
    return convert(x, np.dtype(target.dtype))


def convert(x: Any, dtype: np.dtype) -> Any:
    """An array in another dtype, no wider than JAX is set to, except for known integers."""
    return settled(x.astype(dtype)) if is_known(x) else x.astype(jax.dtypes.canonicalize_dtype(dtype))


ELEMENTWISE: dict[str, Rule] = {
    **{name: _same(name.lower()) for name in ("Add", "Ceil", "Cos", "Cosh", "Exp", "Floor", "Log", "Sign", "Sin")},
    **{name: _same(name.lower()) for name in ("Sinh", "Sqrt", "Tan", "Tanh", "Equal", "Greater", "Less")},
    "Abs": _same("abs"),
    "Acos": _same("arccos"),
    "Acosh": _same("arccosh"),
    "And": _same("logical_and"),
    "Asin": _same("arcsin"),
    "Asinh": _same("arcsinh"),
    "Atan": _same("arctan"),
    "Atanh": _same("arctanh"),
    "Cast": _cast,
    "CastLike": _cast_like,
    "Celu": _celu,
    "Clip": _clip,
    "Div": _divide,
    "Dropout": _dropout,
    "Elu": _elu,
    "Erf": lambda node, x: jax.scipy.special.erf(x),
    "Gelu": _gelu,
    "GreaterOrEqual": _same("greater_equal"),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "Identity": _identity,
    "IsInf": _same("isinf"),
    "IsNaN": _same("isnan"),
    "LeakyRelu": _leaky_relu,
    "LessOrEqual": _same("less_equal"),
    "Max": _variadic("maximum"),
    "Mean": _mean,
    "Min": _variadic("minimum"),
    "Mish": _mish,
    "Mod": _modulo,
    "Mul": _same("multiply"),
    "Neg": _same("negative"),
    "Not": _same("logical_not"),
    "Or": _same("logical_or"),
    "PRelu": _prelu,
    "Pow": _power,
    "Reciprocal": _reciprocal,
    "Relu": _relu,
    "Round": _same("round"),
    "Selu": _selu,
    "Sigmoid": lambda node, x: jax.nn.sigmoid(x),
    "Softplus": lambda node, x: jax.nn.softplus(x),
    "Softsign": lambda node, x: x / (1 + namespace(x).abs(x)),
    "Sub": _same("subtract"),
    "Sum": _variadic("add"),
    "Swish": _swish,
    "ThresholdedRelu": _thresholded_relu,
    "Where": _where,
    "Xor": _same("logical_xor"),
}
