"""What the two light solvers share: the parameters of the mixture, its start, its training, and the report."""

import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import adam, check_integer, check_number, fit
from ._bridge import Outcome
from ._covariance import AbstractCovariance
from ._door import settle
from ._mixture import MixtureProcess
from ._problem import Batches, BridgeProblem, Frame, check_reference
from ._reference import Brownian

# A component that no more than this share of an equal part of the starts goes to is called dead.
_DEAD = 1e-3
# Exponents are kept in log-space and cannot overflow, but at this size float32 rounds them by 0.01.
_LARGEST_EXPONENT = 0.01 * 2.0**24


class Potential(eqx.Module):
    """The adjusted potential in training: `eps log alpha`, so that a step of Adam moves a component's share on the
    scale on which its centre does, then `r`, and the parameters of `S`."""

    cost: Float[Array, " k"]
    centres: Float[Array, "k d"]
    raw: Array


def check_light(method: Any) -> None:
    """Checks of the hyper-parameters that both solvers have."""
    check_integer("potentials", method.potentials, minimum=1)
    check_number("initial_variance", method.initial_variance, minimum=0.0, exclusive=True)
    if method.initial_variance <= method.covariance.floor:
        floor = method.covariance.floor
        raise ValueError(f"initial_variance must be > the floor {floor:g}, got {method.initial_variance:g}")
    check_number("learning_rate", method.learning_rate, minimum=0.0, exclusive=True)
    check_integer("steps", method.steps, minimum=1)
    check_integer("batch_size", method.batch_size, minimum=1)


def train(
    method: Any,
    loss: Callable[[Any], Callable],
    problem: BridgeProblem,
    key: Any,
    progress: bool | None,
) -> Outcome:
    """Fit a `Potential` in the frame of the problem and give it back in its units.

    **Arguments:** `loss`: of the `epsilon` of the frame, a function for `core.fit`.
    """
    check_reference(problem, method, Brownian)
    covariance: AbstractCovariance = method.covariance
    point_key, centre_key, fit_key, report_key = jax.random.split(key, 4)
    x0, x1 = problem.points(point_key)
    frame = Frame.of(x0, x1)
    components = method.potentials
    if components > x1.shape[0]:
        warnings.warn(f"potentials reduced from {components} to {x1.shape[0]}, the points of x1", stacklevel=4)
        components = x1.shape[0]
    chosen = jax.random.choice(centre_key, x1.shape[0], (components,), replace=False)
    epsilon = float(problem.epsilon) / frame.scale**2
    start = Potential(
        settle(np.full(components, -epsilon * np.log(components))),
        settle((np.asarray(x1[chosen], np.float64) - frame.end) / frame.scale),
        covariance.initial(components, frame.start.size, method.initial_variance),
    )
    done = fit(
        loss(settle(epsilon)),
        start,
        _Framed(problem.batches(method.batch_size), *map(settle, frame)),
        steps=method.steps,
        optimizer=adam(method.learning_rate, method.steps),
        key=fit_key,
        chunk=min(method.steps, 250),
        progress=progress,
        throw=False,
    )
    potential = done.model
    values, vectors = covariance.decompose(potential.raw)
    process = MixtureProcess(
        log_alpha=settle(np.asarray(potential.cost, np.float64) / epsilon),
        centres=settle(np.asarray(potential.centres, np.float64) * frame.scale),
        eigenvalues=settle(values),
        eigenvectors=None if vectors is None else settle(vectors),
        start=settle(frame.start),
        end=settle(frame.end),
        epsilon=settle(problem.epsilon),
    )
    shares = process.weights(problem.points(report_key, 2000)[0]).mean(0)
    largest = _largest_exponent(process, x0, x1)
    if largest > _LARGEST_EXPONENT and process.centres.dtype == np.float32:
        warnings.warn(
            f"epsilon = {problem.epsilon:g} is small for the spread of the data, {frame.scale:g}: exponents reach "
            f"{largest:.1g}, which float32 rounds visibly; use core.float64() or a larger epsilon",
            stacklevel=4,
        )
    stats = {
        "evaluations": done.steps,
        "seconds": done.stats["seconds"],
        "components": components,
        "dead_components": int((np.asarray(shares) < _DEAD / components).sum()),
        "collapsed_components": int((values.min(1) < 2.0 * covariance.floor).sum()),
        "largest_exponent": largest,
    }
    return Outcome(process, done.losses, done.result, stats)


class _Framed(eqx.Module):
    """Batches in the frame of the problem."""

    batches: Batches
    start: Array
    end: Array
    scale: Array

    def __call__(self, key: Any) -> tuple[Float[Array, "batch d"], Float[Array, "batch d"]]:
        x, y = self.batches(key)
        return (x - self.start) / self.scale, (y - self.end) / self.scale


def _largest_exponent(process: MixtureProcess, x0: Array, x1: Array) -> float:
    """The largest of `|x| |r| / eps` and `|x|^2 S / eps`, as far as the data reach."""
    reach = float(jnp.sqrt(jnp.square(x0 - process.start).sum(-1).max()))
    centres = float(jnp.sqrt(jnp.square(process.centres).sum(-1).max()))
    return reach * max(centres, reach * float(process.eigenvalues.max())) / float(process.epsilon)
