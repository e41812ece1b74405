"""The recurrent operators of ONNX: LSTM, GRU and RNN, scanned over time.

With the input `x_t`, the state `h`, and one row of the weights `W`, `R`, `b` for each gate,

    LSTM   i, o, f = sigmoid(W x_t + R h + b),   c <- f c + i tanh(W_c x_t + R_c h + b_c),   h <- o tanh(c)
    GRU    z, r = sigmoid(W x_t + R h + b),   n = tanh(W_n x_t + b_n + R_n (r h)),   h <- (1 - z) n + z h
    RNN    h <- tanh(W x_t + R h + b)

in the order of gates of ONNX: i, o, f, c and z, r, n. With `linear_before_reset` a GRU has `r (R_n h + b_Rn)`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._onnx_node import Node, Rule, known


def _lstm(node: Node, *values: Any) -> Any:
    return _scanned(node, _lstm_step, 2, ["Sigmoid", "Tanh", "Tanh"], *values)


def _gru(node: Node, *values: Any) -> Any:
    step = _gru_step_reset_after if node.get("linear_before_reset", 0) else _gru_step
    return _scanned(node, step, 1, ["Sigmoid", "Tanh"], *values)


def _rnn(node: Node, *values: Any) -> Any:
    return _scanned(node, _rnn_step, 1, ["Tanh"], *values)


def _lstm_step(state: Any, gates: Any, r: Any, b: Any) -> Any:
    h, c = state
    i, o, f, g = jnp.split(gates + h @ r.T + b, 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def _gru_step(state: Any, gates: Any, r: Any, b: Any) -> Any:
    (h,) = state
    width = h.shape[-1]
    z, reset = jnp.split(jax.nn.sigmoid((gates + b)[:, : 2 * width] + h @ r[: 2 * width].T), 2, axis=-1)
    n = jnp.tanh((gates + b)[:, 2 * width :] + (reset * h) @ r[2 * width :].T)
    return ((1 - z) * n + z * h,)


def _gru_step_reset_after(state: Any, gates: Any, r: Any, b: Any) -> Any:
    (h,) = state
    width = h.shape[-1]
    inner = h @ r.T + b
    z, reset = jnp.split(jax.nn.sigmoid((gates + inner)[:, : 2 * width]), 2, axis=-1)
    n = jnp.tanh(gates[:, 2 * width :] + reset * inner[:, 2 * width :])
    return ((1 - z) * n + z * h,)


def _rnn_step(state: Any, gates: Any, r: Any, b: Any) -> Any:
    (h,) = state
    return (jnp.tanh(gates + h @ r.T + b),)


def _scanned(
    node: Node,
    step: Callable[..., Any],
    count: int,
    activations: list[str],
    x: Any,
    w: Any,
    r: Any,
    b: Any = None,
    lengths: Any = None,
    h: Any = None,
    c: Any = None,
    peepholes: Any = None,
) -> Any:
    """All directions over all of the time, with `count` states. Returns the states at all times, and the last ones."""
    directions = w.shape[0]
    node.refuse(activations=activations * directions, clip=None, input_forget=0)
    if peepholes is not None:
        raise ValueError("peepholes are not supported")
    batch_first = bool(node.get("layout", 0))
    x = jnp.swapaxes(x, 0, 1) if batch_first else x
    times, batch, hidden = x.shape[0], x.shape[1], r.shape[-1]
    if lengths is not None and np.any(known("sequence_lens", lengths) != times):
        raise ValueError(f"sequences of different lengths are not supported, got sequence_lens {lengths}")
    shape = (directions, batch, hidden)
    states = [_directions_first(state, batch_first, shape, x.dtype) for state in (h, c)[:count]]
    b = np.zeros((directions, 2 * r.shape[1]), x.dtype) if b is None else b
    input_bias, state_bias = b[:, : r.shape[1]], b[:, r.shape[1] :]
    all_states, last_states = [], []
    for d in range(directions):
        reverse = node.get("direction", "forward") == "reverse" or d == 1
        # What does not depend on the state is one product for all times.
        gates = x @ w[d].T + input_bias[d]

        def advance(state: Any, gate: Any, d: int = d) -> Any:
            following = step(state, gate, r[d], state_bias[d])
            return following, following[0]

        last, seen = lax.scan(advance, tuple(state[d] for state in states), gates, reverse=reverse)
        all_states.append(seen)
        last_states.append(last)
    y = jnp.stack(all_states, axis=1)
    finals = [jnp.stack([last[i] for last in last_states]) for i in range(count)]
    if batch_first:
        y, finals = jnp.transpose(y, (2, 0, 1, 3)), [jnp.swapaxes(final, 0, 1) for final in finals]
    return (y, *finals)[: len(node.outputs)]


def _directions_first(state: Any, batch_first: bool, shape: tuple[int, ...], dtype: Any) -> Any:
    if state is None:
        return jnp.zeros(shape, dtype)
    return jnp.swapaxes(state, 0, 1) if batch_first else jnp.asarray(state)


RECURRENT: dict[str, Rule] = {"GRU": _gru, "LSTM": _lstm, "RNN": _rnn}
