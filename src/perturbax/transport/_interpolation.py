"""The solution of `fit_interpolant`: fields, and what is drawn and told with them."""

import os
import warnings
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..core import Result, check_array, check_instance, check_integer, check_key, check_number, raise_if_failed
from ._carry import (
    ODE,
    SDE,
    AbstractDiffusion,
    AbstractDivergence,
    ExactDivergence,
    along_ode,
    along_ode_with_divergence,
    along_sde,
    stiffness,
)
from ._coupling import Coupling, Pairs
from ._door import settle, settle_points, settle_time
from ._fields import AbstractFields, Fields
from ._path import AbstractPath
from ._saved_interpolant import load_fields, save_fields

_ODE = ODE()
_EXACT = ExactDivergence()
# The score is divided by gamma: it is asked no nearer to a time at which gamma vanishes.
_NEAREST = 1e-4
# Points of each time that the stiffness of an SDE is estimated from.
_PROBED = 32


class Carried(eqx.Module):
    """Points that were carried from one time to another.

    - `x`: shape `(n, d)`; `result`: how it went; `stats`: the exact number of `"evaluations"` of the fields, each on
      all points at once.
    """

    x: Float[Array, "n d"]
    result: Any
    stats: dict[str, Any]


class Likelihood(eqx.Module):
    """`log_density`: of each point, in nats; `result`, `stats`: as in `Carried`."""

    log_density: Float[Array, " n"]
    result: Any
    stats: dict[str, Any]


class FieldErrors(NamedTuple):
    """`int_0^1 E |b' - b|^2 dt` and `int_0^1 E |s' - s|^2 dt` of learnt fields, over the law of the interpolant.

    By Girsanov's theorem they bound the divergence of what the SDE with a constant diffusion draws,

        KL(rho_1 | drawn) <= velocity / (2 eps) + eps score / 2,

    which is least at `eps* = sqrt(velocity / score)`. The ODE has no such bound.
    """

    velocity: float
    score: float

    def kl_bound(self, epsilon: float) -> float:
        """The bound in nats."""
        epsilon = check_number("epsilon", epsilon, minimum=0.0, exclusive=True)
        return self.velocity / (2.0 * epsilon) + epsilon * self.score / 2.0

    @property
    def best_epsilon(self) -> float:
        """`eps*`."""
        return float(np.sqrt(self.velocity / self.score))


class Interpolation(eqx.Module):
    """What `fit_interpolant` returns: the fields of an interpolant, and what is done with them.

    - `fields`: velocity and score; `coupling`: the problem, which gives the starts.
    - `losses`: of each step of training; `result`, `stats`: how it went, and what it took.

    Where the problem has a `condition`, every method needs one row of it per point.
    """

    fields: AbstractFields
    coupling: Coupling
    losses: Float[np.ndarray, " steps"]
    result: Any
    stats: dict[str, Any]

    @property
    def path(self) -> AbstractPath:
        """The path."""
        return self.fields.path

    def velocity(self, x: Any, t: Any, condition: Any = None) -> Float[Array, "*batch d"]:
        """`b(x, t)` for points of shape `(..., d)` and a time in [0, 1], a scalar or one per point."""
        return _evaluate(self.fields, *self._at(x, t, condition)).velocity

    def score(self, x: Any, t: Any, condition: Any = None) -> Float[Array, "*batch d"]:
        """`s(x, t)`, the gradient of the log-density of `x_t`. Where `gamma` vanishes at an end, times are moved into
        [0.0001, 0.9999] with a warning."""
        self._check_score("score")
        x, t, condition = self._at(x, t, condition)
        return _evaluate(self.fields, x, self._inside(t), condition).score

    def denoiser(self, x: Any, t: Any, condition: Any = None) -> Float[Array, "*batch d"]:
        """`eta(x, t) = -gamma s`, the mean of the noise in a state."""
        self._check_score("denoiser")
        x, t, condition = self._at(x, t, condition)
        t = self._inside(t)
        gamma = self.path.gamma(t)
        return -(gamma[..., None] if gamma.ndim else gamma) * _evaluate(self.fields, x, t, condition).score

    def drift(self, x: Any, t: Any, epsilon: Any, condition: Any = None) -> Float[Array, "*batch d"]:
        """`b + eps s`, of the forward SDE `dX = (b + eps s) dt + sqrt(2 eps) dW`; with a negative one that of the
        backward SDE."""
        self._check_score("drift")
        epsilon = check_number("epsilon", epsilon)
        x, t, condition = self._at(x, t, condition)
        fields = _evaluate(self.fields, x, self._inside(t), condition)
        return fields.velocity + epsilon * fields.score

    def starts(self, key: Any, n: int) -> Float[Array, "n d"]:
        """Draws of `x_t` at 0: of `x0`, of noise, or of `x1`."""
        return self.states(key, n, 0.0)

    def states(self, key: Any, n: int, t: Any) -> Float[Array, "n d"]:
        """Draws of `x_t` itself, from the coupling and noise, without the fields."""
        n, t = check_integer("n", n, minimum=1), settle_time("t", t, (), end=True)
        return _states(self.path, self.coupling.ends, self.coupling.pairing, check_key("key", key), n, t[None])[0]

    def sample(self, key: Any, n: int, method: ODE | SDE = _ODE, condition: Any = None) -> Carried:
        """Draw new points of the second distribution: starts, carried forward.

        **Arguments:** `key`: PRNG key; `n`: how many; `method`: `ODE()` or `SDE(diffusion)`; `condition`: of each.
        """
        start_key, key = jax.random.split(check_key("key", key))
        return self.forward(self.starts(start_key, n), method, key=key, condition=condition)

    def forward(self, x: Any, method: ODE | SDE = _ODE, *, key: Any = None, condition: Any = None) -> Carried:
        """Carry points of shape `(n, d)` from time 0 to 1; an SDE needs a `key`.

        **Raises:** `SolverError` when the solver took too many steps or a value is not finite.
        """
        return self._carry(x, method, key, condition, 0.0, 1.0)

    def reverse(self, x: Any, method: ODE | SDE = _ODE, *, key: Any = None, condition: Any = None) -> Carried:
        """Carry points of shape `(n, d)` from time 1 to 0; along the ODE the inverse of `forward`.

        **Raises:** as `forward`.
        """
        return self._carry(x, method, key, condition, 1.0, 0.0)

    def log_prob(
        self,
        x: Any,
        method: ODE = _ODE,
        *,
        divergence: AbstractDivergence = _EXACT,
        base: Any = None,
        key: Any = None,
        condition: Any = None,
    ) -> Likelihood:
        """The log-density at points of what the ODE draws,

            log rho(x) = log rho_0(X_0) - int_0^1 div b(X_t, t) dt    along the path that ends at x.

        **Arguments:** `x`: shape `(n, d)`; `method`: `ODE(...)`; `divergence`: `ExactDivergence()` or
        `HutchinsonDivergence(probes)`, which needs a `key`; `base`: the log-density of the starts, a function of points
        `(n, d)`; not needed when they are noise.

        **Raises:** `ValueError` when `base` is missing; `SolverError` as `forward`.
        """
        x = settle_points("x", x, self.fields.size, ndim=2)
        check_instance("method", method, ODE, "an ODE(...), along which densities are known")
        check_instance("divergence", divergence, AbstractDivergence, "ExactDivergence() or HutchinsonDivergence()")
        if not isinstance(divergence, ExactDivergence):
            key = check_key("key", key)
        if base is None and not self.path.one_sided:
            raise ValueError("base must be the log-density of the starts, which is known only when they are noise")
        start, gained, result, evaluations = along_ode_with_divergence(
            self.fields, method, divergence, jax.random.key(0) if key is None else key, x, self._rows(x, condition)
        )
        raise_if_failed(result, "log_prob along the ODE")
        log_density = _standard_normal(start) if base is None else base(start)
        return Likelihood(log_density - gained, result, _counted(evaluations))

    def errors(self, key: Any, truth: "Interpolation", n: int = 10_000, times: int = 64) -> FieldErrors:
        """The errors of these fields, when `truth` has the true ones of the same path.

        **Arguments:** `key`; `truth`: such as `mixture_fields` gives; `n`: states at each of the `times`, which are the
        middles of equal intervals.
        """
        self._check_score("errors")
        check_instance("truth", truth, Interpolation, "an Interpolation")
        at = settle((np.arange(check_integer("times", times, minimum=1)) + 0.5) / times)
        n = check_integer("n", n, minimum=1)
        ends, pairing = truth.coupling.ends, truth.coupling.pairing
        velocity, score = _errors(self.fields, truth.fields, ends, pairing, check_key("key", key), n, at)
        return FieldErrors(float(velocity), float(score))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write path, network and units to a file, atomically; the samples are not written.

        **Raises:** `TypeError` when the fields are not those of a network that the method made.
        """
        save_fields(path, self.fields)

    @classmethod
    def load(cls, path: str | os.PathLike[str], coupling: Coupling | None = None) -> "Interpolation":
        """Read what `save` wrote. Nothing is unpickled.

        **Arguments:** `path`; `coupling`: to draw starts from, which paths from noise do not need.

        **Raises:** `ValueError` when the file is damaged or holds something else, or the model is conditional and there
        is no coupling.
        """
        fields = load_fields(path)
        if coupling is None:
            if fields.conditional:
                raise ValueError("coupling must be given for a model with a condition")
            coupling = Coupling(None, _Unknown(fields.size))
        return cls(fields, coupling, np.zeros(0), Result.successful, {})

    def _carry(self, x: Any, method: ODE | SDE, key: Any, condition: Any, start: float, end: float) -> Carried:
        x = settle_points("x", x, self.fields.size, ndim=2)
        check_instance("method", method, ODE | SDE, "ODE(...) or SDE(...)")
        rows, t0, t1 = self._rows(x, condition), settle(start), settle(end)
        if isinstance(method, ODE):
            x, result, evaluations = along_ode(self.fields, method, x, rows, t0, t1)
        else:
            self._check_score("method SDE")
            key, check = jax.random.split(check_key("key", key))
            # Numbers as arrays, so that another diffusion or number of steps compiles nothing new.
            diffusion = jax.tree.map(lambda leaf: settle(leaf) if eqx.is_array_like(leaf) else leaf, method.diffusion)
            steps = jnp.asarray(method.steps)
            if rows is None and not isinstance(x, Tracer):
                self._warn_when_stiff(method, diffusion, check)
            x, result, evaluations = along_sde(
                self.fields, diffusion, method.stepper, method.margin, steps, key, x, rows, t0, t1
            )
        raise_if_failed(result, f"{type(method).__name__} from t = {start:g} to {end:g}")
        return Carried(x, result, _counted(evaluations))

    def _warn_when_stiff(self, sde: SDE, diffusion: AbstractDiffusion, key: Any) -> None:
        """An explicit scheme is stable for `eps dt Lip(s)` up to 2; tell of what exceeds 1 where states really are."""
        if isinstance(self.coupling.x1, _Unknown):
            return
        state_key, sign_key = jax.random.split(key)
        times = settle(np.linspace(max(sde.margin, _NEAREST), 1.0 - max(sde.margin, _NEAREST), 9))
        x = _states(self.path, self.coupling.ends, self.coupling.pairing, state_key, _PROBED, times)
        found = float(stiffness(self.fields, diffusion, sign_key, x, None, times)) / sde.steps
        if found > 1.0:
            warnings.warn(
                f"eps dt Lip(score) reaches {found:.2g} with {sde.steps} steps; take "
                f"{int(np.ceil(found * sde.steps))} steps, a smaller eps, or Proportional(...)",
                stacklevel=4,
            )

    def _at(self, x: Any, t: Any, condition: Any) -> tuple[Array, Array, Any]:
        x = settle_points("x", x, self.fields.size)
        return x, settle_time("t", t, x.shape[:-1], end=True), self._rows(x, condition)

    def _inside(self, t: Array) -> Array:
        least, most = (
            _NEAREST * (self.path.variance_at(0.0) == 0.0),
            1.0 - _NEAREST * (self.path.variance_at(1.0) == 0.0),
        )
        if not isinstance(t, Tracer) and (np.min(t) < least or np.max(t) > most):
            warnings.warn(f"t is moved into [{least:g}, {most:g}]: gamma vanishes at the ends", stacklevel=3)
        return jnp.clip(t, least, most)

    def _rows(self, x: Array, condition: Any) -> Any:
        wanted = self.coupling.condition
        if wanted is None:
            if condition is not None:
                raise ValueError("condition must be None: the problem had none")
            return None
        if condition is None:
            raise ValueError(f"condition must be given, of shape {(*x.shape[:-1], wanted.shape[1])}")
        return settle(check_array("condition", condition, shape=(*x.shape[:-1], np.shape(wanted)[1])))

    def _check_score(self, what: str) -> None:
        if not self.fields.knows_score:
            raise ValueError(f"{what} needs the score, which was not learnt: add Denoiser() to the targets")


class _Unknown(eqx.Module):
    """An end that was not kept with a saved model: of the right size, and nothing else."""

    size: int

    def __call__(self, key: Any, n: int) -> Float[Array, "n d"]:
        return jnp.zeros((n, self.size))


@eqx.filter_jit
def _evaluate(fields: AbstractFields, x: Array, t: Array, condition: Any) -> Fields:
    return fields(x, t, condition)


@eqx.filter_jit
def _states(path: AbstractPath, ends: Any, pairing: Any, key: Any, n: int, times: Array) -> Array:
    """States at each time, of shape `(times, n, d)`."""

    def one(key: Any, t: Array) -> Array:
        pair_key, noise_key = jax.random.split(key)
        pairs: Pairs = pairing.draw(ends, pair_key, n)
        return path.state(t, pairs.x0, pairs.x1, jax.random.normal(noise_key, pairs.x1.shape, pairs.x1.dtype))

    return jax.lax.map(lambda item: one(*item), (jax.random.split(key, times.shape[0]), times))


@eqx.filter_jit
def _errors(
    fields: AbstractFields, truth: AbstractFields, ends: Any, pairing: Any, key: Any, n: int, times: Array
) -> tuple[Array, Array]:
    states = _states(truth.path, ends, pairing, key, n, times)

    def one(item: tuple[Array, Array]) -> tuple[Array, Array]:
        (t, x) = item
        ours, exact = fields(x, t), truth(x, t)
        gaps = [jnp.square(a - b).sum(-1).mean() for a, b in zip(ours, exact, strict=True)]
        return gaps[0], gaps[1]

    velocity, score = jax.lax.map(one, (times, states))
    return velocity.mean(), score.mean()


def _standard_normal(x: Array) -> Float[Array, " n"]:
    return jax.scipy.stats.norm.logpdf(x).sum(-1)


def _counted(evaluations: Array) -> dict[str, Any]:
    return {"evaluations": evaluations if isinstance(evaluations, Tracer) else int(evaluations)}
