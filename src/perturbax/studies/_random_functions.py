"""Random functions of ten kinds, on which claims about any function are tried. Inputs are near 0 and of order 1."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array


def dense(key: Any, inputs: int, outputs: int) -> Array:
    """A matrix that keeps the scale."""
    return jax.random.normal(key, (outputs, inputs)) / inputs**0.5


def _perceptron(activation: Callable[[Array], Array]) -> Callable[[Any], Any]:
    def make(key: Any) -> tuple[Callable[[Array], Array], tuple[int, ...]]:
        a, b, c = jax.random.split(key, 3)
        W, U, V = 1.5 * dense(a, 6, 12), 1.5 * dense(b, 12, 12), dense(c, 12, 3)
        return lambda x: V @ activation(U @ activation(W @ x)), (6,)

    return make


def _pooling(key: Any) -> tuple[Callable[[Array], Array], tuple[int, ...]]:
    """Convolution, batch normalisation as in use, ReLU, and pooling by maxima and by means."""
    kernel_key, scale_key, shift_key, out_key = jax.random.split(key, 4)
    kernel = 0.5 * jax.random.normal(kernel_key, (3, 1, 3, 3))
    scale, shift = 1.0 + 0.3 * jax.random.normal(scale_key, (3, 1, 1)), 0.2 * jax.random.normal(shift_key, (3, 1, 1))
    V = dense(out_key, 3 * 4, 3)

    def f(x: Array) -> Array:
        y = lax.conv_general_dilated(x[None, None], kernel, (1, 1), "SAME")
        y = jax.nn.relu((y - 0.1) * lax.rsqrt(jnp.float32(0.8)) * scale + shift)
        y = lax.reduce_window(y, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        y = lax.reduce_window(y, 0.0, lax.add, (1, 1, 2, 2), (1, 1, 1, 1), "VALID") / 4.0
        return V @ y.reshape(-1)

    return f, (6, 6)


def _residual(key: Any) -> tuple[Callable[[Array], Array], tuple[int, ...]]:
    keys = jax.random.split(key, 4)
    weights = [(dense(k, 6, 12), dense(k, 12, 6)) for k in keys]

    def f(x: Array) -> Array:
        for W, V in weights:
            x = x + 0.5 * V @ jax.nn.relu(W @ x)
        return x

    return f, (6,)


def _layer_norm(key: Any) -> tuple[Callable[[Array], Array], tuple[int, ...]]:
    a, b = jax.random.split(key)
    W, V = dense(a, 6, 8), dense(b, 8, 3)

    def f(x: Array) -> Array:
        y = W @ x
        centred = y - y.mean()
        return V @ jax.nn.gelu(centred * lax.rsqrt((centred**2).mean() + 1e-2))

    return f, (6,)


def _attention(key: Any) -> tuple[Callable[[Array], Array], tuple[int, ...]]:
    keys = jax.random.split(key, 4)
    Q, K, V, P = (dense(k, 4, 4) for k in keys)

    def f(x: Array) -> Array:
        y = x + jax.nn.softmax((x @ Q) @ (x @ K).T / 2.0) @ (x @ V)
        return (y @ P).mean(0)

    return f, (3, 4)


def _recurrent(gates: int) -> Callable[[Any], Any]:
    """An LSTM cell with four gates or a GRU cell with three, over two steps."""

    def make(key: Any) -> tuple[Callable[[Array], Array], tuple[int, ...]]:
        a, b = jax.random.split(key)
        W, U = dense(a, 3, 4 * gates), dense(b, 4, 4 * gates)

        def lstm(state: Any, x: Array) -> Any:
            h, c = state
            i, f, g, o = jnp.split(W @ x + U @ h, 4)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        def gru(state: Any, x: Array) -> Any:
            (h,), given, kept = state, W @ x, U @ state[0]
            z, r = (jax.nn.sigmoid(given[s] + kept[s]) for s in (slice(0, 4), slice(4, 8)))
            return ((1.0 - z) * h + z * jnp.tanh(given[8:] + r * kept[8:]),), None

        def f(xs: Array) -> Array:
            state = (jnp.zeros(4), jnp.zeros(4)) if gates == 4 else (jnp.zeros(4),)
            return lax.scan(lstm if gates == 4 else gru, state, xs)[0][0]

        return f, (2, 3)

    return make


KINDS: dict[str, Callable[[Any], tuple[Callable[[Array], Array], tuple[int, ...]]]] = {
    "ReLU": _perceptron(jax.nn.relu),
    "GELU": _perceptron(jax.nn.gelu),
    "SiLU": _perceptron(jax.nn.silu),
    "sine": _perceptron(jnp.sin),
    "pooling": _pooling,
    "residual": _residual,
    "layer norm": _layer_norm,
    "attention": _attention,
    "LSTM": _recurrent(4),
    "GRU": _recurrent(3),
}


def extremes(f: Any, key: Any, region: Any, samples: int) -> Any:
    """The least and the largest outputs over samples, corners and 20 steps of projected gradients of each output."""
    inner, corner = jax.random.split(key)

    def chunk(key: Any) -> Any:
        values = jax.vmap(f)(jax.vmap(region.sample)(jax.random.split(key, 1000)))
        return values.min(0), values.max(0)

    low, high = lax.map(chunk, jax.random.split(inner, max(1, samples // 1000)))
    low, high = low.min(0), high.max(0)
    size = region.upper - region.lower
    signs = jax.random.rademacher(corner, (64, *size.shape), size.dtype)
    starts = 0.5 * (region.lower + region.upper) + 0.5 * signs * size

    def climb(sign: float) -> Any:
        def along(i: Any) -> Any:
            def step(x: Any, _: Any) -> Any:
                slope = jax.vmap(jax.grad(lambda x: f(x).reshape(-1)[i]))(x)
                return jax.vmap(region.project)(x + 0.1 * sign * size * jnp.sign(slope)), None

            x = lax.scan(step, starts, length=20)[0]
            return jax.vmap(f)(jnp.concatenate([starts, x]))

        return lax.map(along, jnp.arange(low.size)).reshape(-1, *low.shape)

    return jnp.minimum(low, climb(-1.0).min(0)), jnp.maximum(high, climb(1.0).max(0))
