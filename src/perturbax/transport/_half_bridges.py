r"""Half bridges in turn, each a regression on simulated paths: what `IPF` does once and `SBIRR` for every interval.

Over paths of the drift `f` from `x_0`, and then over paths of the drift `b` backwards from `x_1`, with steps of length
`h`, the reversed drift is what its *targets* regress on. Either as increments (Vargas et al. 2021),

    b <- regression of (X_t - X_{t+h}) / h      on (X_{t+h}, t + h)
    f <- regression of (X_{t+h} - X_t) / h      on (X_t, t),

or by mean matching (De Bortoli et al. 2021), which adds `f(X_t, t) - f(X_{t+h}, t)` to the first and
`b(X_{t+h}, t + h) - b(X_t, t + h)` to the second: it takes out what the length of a step would bias, and adds what the
drift before errs in its slope. The forward regression is of the difference from the drift of the reference.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._reference import AbstractReference
from ._regression import AbstractRegressor
from ._sde import simulate


class Corrected(eqx.Module):
    """The drift of the reference and what was regressed on top of it."""

    correction: Any
    reference: AbstractReference

    def __call__(self, x: Array, t: Any) -> Float[Array, "*batch d"]:
        return self.reference.drift(x, t) + self.correction(x, t)


# Of a drift, the states before and after its steps, the times before and the length of the steps.
Targets = Callable[[Any, Array, Array, Array, Array], Array]


class HalfBridges(NamedTuple):
    """Both drifts after the last iteration, and the changes of the forward one along its paths, over `epsilon`."""

    correction: Any
    backward: Any
    changes: Float[Array, " iterations"]


def half_bridges(
    regressor: AbstractRegressor,
    draw: Callable[[Any], tuple[Array, Array]],
    reference: AbstractReference,
    epsilon: Any,
    ts: Float[Array, " times"],
    key: Any,
    iterations: int,
    targets: Targets,
    caution: Any = 1.0,
) -> HalfBridges:
    """The bridge between the laws that `draw(key)` gives points of, at the first and the last of the times `ts`, which
    are evenly spaced. To be called inside of `jit`.

    Regressions take the variance of the noise times `caution`, which shrinks drifts that let paths explode. The
    backward drift is that of the process run backwards, from `x` at `t` to about `x + b(x, t) h` at `t - h`.
    """
    step = (ts[-1] - ts[0]) / (ts.shape[0] - 1)
    feature_key, start_key, path_key, loop_key = jax.random.split(key, 4)
    drawn = regressor.draw(feature_key, eqx.filter_eval_shape(draw, key)[0].shape[1])

    def paths(drift: Any, start: Array, key: Any) -> Array:
        return simulate(drift, start, ts, epsilon, key=key)

    def fit(at: Array, times: Array, rates: Array) -> Any:
        t = jnp.repeat(times, at.shape[1])
        x, y = (z.reshape(-1, z.shape[-1]) for z in (at, rates))
        return regressor.fit(drawn, x, t, y, caution * epsilon / step)

    def backward_drift(drift: Any, forward: Array) -> Any:
        return fit(forward[1:], ts[1:], targets(drift, forward[:-1], forward[1:], ts[:-1], step))

    def iteration(carry: tuple[Any, Any], key: Any) -> tuple[tuple[Any, Any], Array]:
        backward, previous = carry
        draw_key, back_key, forth_key = jax.random.split(key, 3)
        x0, x1 = draw(draw_key)
        path = paths(lambda x, t: backward(x, ts[0] + ts[-1] - t), x1, back_key)[::-1]
        rates = targets(backward, path[1:], path[:-1], ts[1:], step)
        correction = fit(path[:-1], ts[:-1], rates - jax.vmap(reference.drift)(path[:-1], ts[:-1]))
        drift = Corrected(correction, reference)
        forward = paths(drift, x0, forth_key)
        change = jax.vmap(correction)(forward[:-1], ts[:-1]) - jax.vmap(previous)(forward[:-1], ts[:-1])
        change = jnp.square(change).sum(-1).mean() / epsilon
        return (backward_drift(drift, forward), correction), change

    first = backward_drift(reference.drift, paths(reference.drift, draw(start_key)[0], path_key))
    nothing = eqx.tree_at(lambda drift: drift.coefficients, first, jnp.zeros_like(first.coefficients))
    keys = jax.random.split(loop_key, iterations)
    (backward, correction), changes = jax.lax.scan(iteration, (first, nothing), keys)
    return HalfBridges(correction, backward, changes)


def increments(drift: Any, here: Array, there: Array, times: Array, step: Array) -> Float[Array, "steps n d"]:
    """Targets of the reversed drift at `there`, of steps that a drift took from `here`."""
    return (here - there) / step


def mean_matching(drift: Any, here: Array, there: Array, times: Array, step: Array) -> Float[Array, "steps n d"]:
    """The same, corrected for how `drift` differs between both ends of a step that was taken at these times."""
    drifts = jax.vmap(drift)
    return (here - there) / step + drifts(here, times) - drifts(there, times)
