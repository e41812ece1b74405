r"""Points carried along the fields of an interpolant, by its ODE or by an SDE of any diffusion, in both directions.

    dX = b dt,    dX = (b + eps s) dt + sqrt(2 eps) dW  (forward),    dX = (b - eps s) dt + sqrt(2 eps) dW  (backward)

all have the law of `x_t` at time `t`. Equations are solved on `[m, 1 - m]` with a margin `m`, since a learnt score is
divided by `gamma`, and end with one Euler step of the ODE over the margin; on a linear one-sided path that is the
denoised state `E[x_1 | x_t]`.
"""

import abc
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Result, check_instance, check_integer, check_number
from ._fields import AbstractFields
from ._path import AbstractPath
from ._sde import AbstractStepper, Heun, simulate


class AbstractDiffusion(eqx.Module):
    """The diffusion `eps` of the SDE."""

    @abc.abstractmethod
    def __call__(self, path: AbstractPath, t: Array) -> Float[Array, ""]:
        """`eps(t)`."""


class Constant(AbstractDiffusion):
    """The same at all times. The score of a path whose noise vanishes makes it stiff there.

    **Arguments:** `value`: in squared units of the data per unit of time.

    **Raises:** `ValueError` when it is negative.

    >>> from perturbax import transport
    >>> float(Constant(0.5)(transport.LinearPath(), jnp.asarray(0.1)))
    0.5
    """

    value: Any

    def __check_init__(self):
        check_number("value", self.value, minimum=0.0)

    def __call__(self, path: AbstractPath, t: Array) -> Float[Array, ""]:
        return jnp.asarray(self.value, t.dtype)


class Proportional(AbstractDiffusion):
    """`eps = a gamma(t)`: the drift then gains `-a eta`, the denoiser, which is bounded where the score is not.

    On `OneSidedLinearPath` it is `a (1 - t)`.

    **Arguments:** `scale`: `a`.

    **Raises:** `ValueError` when it is negative.

    >>> from perturbax import transport
    >>> float(Proportional(2.0)(transport.OneSidedLinearPath(), jnp.asarray(0.75)))
    0.5
    """

    scale: Any = 1.0

    def __check_init__(self):
        check_number("scale", self.scale, minimum=0.0)

    def __call__(self, path: AbstractPath, t: Array) -> Float[Array, ""]:
        return self.scale * path.gamma(t)


class ODE(eqx.Module):
    """The probability flow `dX = b dt` by Tsitouras' method of order 5 with adaptive steps.

    **Arguments:** `tolerance`: relative and absolute; `margin`: of time at both ends; `max_steps`.

    **Raises:** `ValueError` when one is out of range.

    >>> ODE().tolerance
    1e-05
    """

    tolerance: float = 1e-5
    margin: float = 1e-3
    max_steps: int = 10_000

    def __check_init__(self):
        check_number("tolerance", self.tolerance, minimum=0.0, exclusive=True)
        _check_margin(self.margin)
        check_integer("max_steps", self.max_steps, minimum=1)


class SDE(eqx.Module):
    """The SDE with a diffusion, in equal steps.

    **Arguments:**

    - `diffusion`: `Constant(eps)` or `Proportional(a)`; 0 gives the ODE in equal steps.
    - `steps`, `stepper`: how many, and by `Heun()` or `EulerMaruyama()`.
    - `margin`: of time at both ends.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    >>> SDE(Constant(0.5)).steps
    200
    """

    diffusion: AbstractDiffusion = Proportional(1.0)
    steps: int = 200
    stepper: AbstractStepper = Heun()
    margin: float = 1e-3

    def __check_init__(self):
        check_instance("diffusion", self.diffusion, AbstractDiffusion, "a diffusion such as Constant(0.5)")
        check_integer("steps", self.steps, minimum=1)
        check_instance("stepper", self.stepper, AbstractStepper, "Heun() or EulerMaruyama()")
        _check_margin(self.margin)


def _check_margin(margin: Any) -> None:
    check_number("margin", margin, minimum=0.0)
    if margin >= 0.5:
        raise ValueError(f"margin must be < 0.5, got {margin:g}")


class AbstractDivergence(eqx.Module):
    """How the divergence of the velocity is taken."""

    @abc.abstractmethod
    def __call__(self, velocity: Any, x: Array, probes: Array) -> tuple[Float[Array, "n d"], Float[Array, " n"]]:
        """Velocity and divergence at points."""

    @abc.abstractmethod
    def draw(self, key: Any, x: Array) -> Array:
        """What is drawn once for the whole path."""


class ExactDivergence(AbstractDivergence):
    """The trace of the Jacobian, at the cost of `d` derivatives along directions.

    >>> ExactDivergence()(lambda x: 2.0 * x, jnp.ones((1, 3)), jnp.zeros(0))[1].tolist()
    [6.0]
    """

    def draw(self, key: Any, x: Array) -> Array:
        return jnp.zeros(0, x.dtype)

    def __call__(self, velocity: Any, x: Array, probes: Array) -> tuple[Float[Array, "n d"], Float[Array, " n"]]:
        value, push = jax.linearize(velocity, x)

        def along(i: Array) -> Array:
            return push(jnp.zeros_like(x).at[:, i].set(1.0))[:, i]

        return value, jax.lax.map(along, jnp.arange(x.shape[1])).sum(0)


class HutchinsonDivergence(AbstractDivergence):
    """Hutchinson's estimate `v . J v` of the trace with random signs `v`, unbiased at the cost of `probes` derivatives.

    **Arguments:** `probes`: how many are averaged; the same along the whole path of a point.

    **Raises:** `ValueError` when it is smaller than 1.

    >>> rule = HutchinsonDivergence()
    >>> rule(lambda x: 2.0 * x, jnp.ones((1, 3)), rule.draw(jax.random.key(0), jnp.ones((1, 3))))[1].tolist()
    [6.0]
    """

    probes: int = 1

    def __check_init__(self):
        check_integer("probes", self.probes, minimum=1)

    def draw(self, key: Any, x: Array) -> Array:
        return jax.random.rademacher(key, (self.probes, *x.shape), x.dtype)

    def __call__(self, velocity: Any, x: Array, probes: Array) -> tuple[Float[Array, "n d"], Float[Array, " n"]]:
        value, push = jax.linearize(velocity, x)
        return value, jax.vmap(lambda v: (v * push(v)).sum(-1))(probes).mean(0)


@eqx.filter_jit
def along_ode(
    fields: AbstractFields, ode: ODE, x: Array, condition: Any, start: Array, end: Array
) -> tuple[Array, Result, Array]:
    """States at `end` of the flow from `x` at `start`, how it went, and the evaluations of the velocity."""

    def velocity(t: Array, x: Array, args: Any) -> Array:
        return fields(x, t, condition).velocity

    x, good, steps = _flow(velocity, ode, x, start, end)
    x, last = _last_step(fields, ode.margin, x, condition, end)
    return x, good, _stages(steps) + last


@eqx.filter_jit
def along_ode_with_divergence(
    fields: AbstractFields, ode: ODE, divergence: AbstractDivergence, key: Any, x: Array, condition: Any
) -> tuple[Array, Array, Result, Array]:
    """States at 0 of the flow from `x` at 1, and the integral of the divergence from 0 to 1 along each path."""
    probes, start, end = divergence.draw(key, x), jnp.asarray(1.0, x.dtype), jnp.asarray(0.0, x.dtype)

    def moved(t: Array, state: tuple[Array, Array], args: Any) -> tuple[Array, Array]:
        return divergence(lambda x: fields(x, t, condition).velocity, state[0], probes)

    def over_margin(state: tuple[Array, Array], edge: Array) -> tuple[Array, Array]:
        rates = moved(edge, state, None)
        return jax.tree.map(lambda leaf, rate: leaf - ode.margin * rate, state, rates)

    state = (x, jnp.zeros_like(x[:, 0]))
    if ode.margin > 0.0:
        state = over_margin(state, start - ode.margin)
    state, good, steps = _flow(moved, ode, state, start, end)
    if ode.margin > 0.0:
        state = over_margin(state, end + ode.margin)
    return state[0], -state[1], good, _stages(steps) + 2 * (ode.margin > 0.0)


def _flow(velocity: Any, ode: ODE, state: Any, start: Array, end: Array) -> tuple[Any, Result, Array]:
    t0, t1 = (jnp.clip(t, ode.margin, 1.0 - ode.margin) for t in (start, end))
    solved = diffrax.diffeqsolve(
        diffrax.ODETerm(velocity),
        diffrax.Tsit5(),
        t0,
        t1,
        0.01 * (t1 - t0),
        state,
        stepsize_controller=diffrax.PIDController(rtol=ode.tolerance, atol=ode.tolerance),
        max_steps=ode.max_steps,
        throw=False,
    )
    state = jax.tree.map(lambda leaf: leaf[0], solved.ys)
    finite = jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(state)]))
    ended = Result.where(solved.result == diffrax.RESULTS.successful, Result.successful, Result.max_steps)
    return state, Result.where(finite, ended, Result.nonfinite), solved.stats["num_steps"]


def _stages(steps: Array) -> Array:
    """Evaluations of Tsitouras' method, whose last stage is the first of the next step."""
    return 6 * steps + 1


@eqx.filter_jit
def along_sde(
    fields: AbstractFields,
    diffusion: AbstractDiffusion,
    stepper: AbstractStepper,
    margin: float,
    steps: Array,
    key: Any,
    x: Array,
    condition: Any,
    start: Array,
    end: Array,
) -> tuple[Array, Result, Array]:
    """States at `end` of the SDE from `x` at `start`; backward when `end` is the earlier.

    Diffusion and number of steps may be arrays, so that others compile nothing new."""
    t0, t1 = (jnp.clip(t, margin, 1.0 - margin) for t in (start, end))
    sign = jnp.sign(t1 - t0)

    def drift(x: Array, elapsed: Array) -> Array:
        t = t0 + sign * elapsed
        velocity, score = fields(x, t, condition)
        return sign * velocity + diffusion(fields.path, t) * score

    def variance(elapsed: Array) -> Array:
        return 2.0 * diffusion(fields.path, t0 + sign * elapsed)

    ts = jnp.stack([jnp.zeros_like(t0), jnp.abs(t1 - t0)])
    x = simulate(drift, x, ts, variance, key=key, steps=steps[None], stepper=stepper)[-1]
    x, last = _last_step(fields, margin, x, condition, end)
    finite = jnp.isfinite(x).all()
    return x, Result.where(finite, Result.successful, Result.nonfinite), stepper.evaluations * steps + last


def _last_step(fields: AbstractFields, margin: float, x: Array, condition: Any, end: Array) -> tuple[Array, int]:
    """Euler's step of the ODE over the margin before `end`."""
    if margin == 0.0:
        return x, 0
    edge = jnp.clip(end, margin, 1.0 - margin)
    return x + (end - edge) * fields(x, edge, condition).velocity, 1


@eqx.filter_jit
def stiffness(
    fields: AbstractFields, diffusion: AbstractDiffusion, key: Any, x: Array, condition: Any, times: Array
) -> Float[Array, ""]:
    """The largest `eps |J v| / |v|` of the score at states `x` of shape `(times, n, d)`, with random signs `v`: a time
    step must not be much longer than its inverse."""
    signs = jax.random.rademacher(key, x.shape, x.dtype)

    def one(t: Array, x: Array, v: Array) -> Array:
        _, moved = jax.jvp(lambda x: fields(x, t, condition).score, (x,), (v,))
        return diffusion(fields.path, t) * jnp.sqrt(jnp.square(moved).mean(-1)).max()

    return jax.vmap(one)(times, x, signs).max()
