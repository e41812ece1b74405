"""Simulation of `dX = b(X, t) dt + sqrt(eps) dW`: one compiled loop for every method that has a drift."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class AbstractStepper(eqx.Module):
    """One step of a scheme for stochastic differential equations with additive noise.

    - `evaluations`: of the drift in a step.
    """

    evaluations: ClassVar[int] = 1

    @abc.abstractmethod
    def step(self, drift: Callable, x: Array, t: Array, dt: Array, noise: Array) -> Float[Array, "*batch d"]:
        """From `t` to `t + dt`; `noise` is the increment `sqrt(eps) dW`."""


class EulerMaruyama(AbstractStepper):
    """Euler's method: `x + b(x, t) dt + sqrt(eps) dW`, of weak and, with additive noise, strong order 1.

    >>> EulerMaruyama().step(lambda x, t: -x, jnp.ones(1), jnp.array(0.0), jnp.array(0.1), jnp.zeros(1)).tolist()
    [0.89999...]
    """

    def step(self, drift: Callable, x: Array, t: Array, dt: Array, noise: Array) -> Float[Array, "*batch d"]:
        return x + drift(x, t) * dt + noise


class Heun(AbstractStepper):
    """Heun's method with the noise first: two evaluations, weak order 2 as the noise vanishes and 1 otherwise.

        y = x + sqrt(eps) dW,   x' = y + (b(y, t) + b(y + b(y, t) dt, t + dt)) dt / 2

    Source: Karras et al. 2022, algorithm 2.

    >>> Heun().step(lambda x, t: -x, jnp.ones(1), jnp.array(0.0), jnp.array(0.1), jnp.zeros(1)).tolist()
    [0.90499...]
    """

    evaluations: ClassVar[int] = 2

    def step(self, drift: Callable, x: Array, t: Array, dt: Array, noise: Array) -> Float[Array, "*batch d"]:
        y = x + noise
        first = drift(y, t)
        return y + 0.5 * (first + drift(y + first * dt, t + dt)) * dt


_EULER = EulerMaruyama()


def simulate(
    drift: Callable,
    x: Float[Array, "*batch d"],
    ts: Float[Array, " times"],
    epsilon: Any,
    *,
    key: Any,
    steps: Any = 1,
    stepper: AbstractStepper = _EULER,
) -> Float[Array, "times *batch d"]:
    """Paths of an SDE from `x` at `ts[0]`. To be called inside of `jit`.

    **Arguments:**

    - `drift`: `(x, t) -> b`, on all points at once and a scalar time.
    - `x`: where they start; `ts`: increasing times; `epsilon`: variance per unit of time, a number, of shape `(d,)`, or
      a function of time, which is taken at the beginning of each step.
    - `key`: PRNG key.
    - `steps`: equal steps in each interval of `ts`, one number or, of shape `(times - 1,)`, one for each.
    - `stepper`: the scheme.

    **Returns:** the states at `ts`, the first of them `x`.

    >>> ts = jnp.linspace(0.0, 1.0, 3)
    >>> x = simulate(lambda x, t: -x, jnp.ones((4, 1)), ts, 0.0, key=jax.random.key(0), steps=100)
    >>> x.shape, round(float(x[-1, 0, 0]), 2)
    ((3, 4, 1), 0.37)
    """

    def volatility(t: Array) -> Array:
        return jnp.sqrt(jnp.asarray(epsilon(t) if callable(epsilon) else epsilon, x.dtype))

    intervals = ts.shape[0] - 1

    def interval(x: Array, item: Any) -> tuple[Array, Array]:
        start, length, key, count = item
        dt = length / jnp.maximum(count, 1)

        def step(i: Array, x: Array) -> Array:
            t = start + i * dt
            noise = volatility(t) * jnp.sqrt(dt) * jax.random.normal(jax.random.fold_in(key, i), x.shape, x.dtype)
            return stepper.step(drift, x, t, dt, noise)

        # With a number known to the compiler the loop is a scan, and can be differentiated in reverse.
        x = jax.lax.fori_loop(0, steps if isinstance(steps, int) else count, step, x)
        return x, x

    counts = jnp.broadcast_to(jnp.asarray(steps, jnp.int32), (intervals,))
    items = (ts[:-1], jnp.diff(ts), jax.random.split(key, intervals), counts)
    _, states = jax.lax.scan(interval, x, items)
    return jnp.concatenate([x[None], states])
