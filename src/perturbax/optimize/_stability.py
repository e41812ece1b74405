"""`stability`: can SGD stay at a minimum? The verb, its solution, and what its methods are."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Method, check_instance, float64
from ._linearised_sgd import LinearisedSGD, Modes, modes_of, rounding
from ._sharpness import Sharpness, of_gradients


class Stability(eqx.Module):
    """What `stability` returns, as plain numbers.

    - `stable`: whether the condition of the method holds. It is the truth for `ExactSecondMoment`; for a necessary
      condition `False` excludes stability and `True` only does not exclude it.
    - `bound`: the largest learning rate for which it holds; `slack`: `bound / learning_rate - 1`, negative when it does
      not.
    - `rho`: the factor by which the second moment grows in a step in the long run, of `ExactSecondMoment` only.
    - `sharpness`: of the minimum.
    - `loss`, `valid`: whether that is a minimum of loss zero, up to the tolerance of the problem. Where it is not, the
      other fields are no statement about SGD.
    - `stats`: `"evaluations"` of the second-moment operator.
    """

    stable: bool
    bound: float
    slack: float
    rho: float | None
    sharpness: Sharpness
    loss: float
    valid: bool
    stats: dict[str, Any]


class Judgement(NamedTuple):
    """The largest stable learning rate, the growth of the second moment where it is known, and its applications."""

    bound: Any
    rho: Any = None
    evaluations: Any = 0


class AbstractStabilityMethod(Method):
    """A method of `optimize.stability` that needs the gradients."""

    @abc.abstractmethod
    def judge(self, modes: Modes, sharpness: Sharpness, rate: Any, noise: Any) -> Judgement:
        """The largest stable learning rate, in float64, and what else is known at this one."""


class AbstractSharpnessBound(AbstractStabilityMethod):
    """A necessary condition that is made of a `Sharpness` only."""

    @abc.abstractmethod
    def largest_rate(self, sharpness: Sharpness, noise: Any) -> Float[Array | np.ndarray, "*batch"]:
        """The bound on the learning rate, of any batch shape; `noise` is that of `LinearisedSGD`."""

    def judge(self, modes: Modes, sharpness: Sharpness, rate: Any, noise: Any) -> Judgement:
        return Judgement(self.largest_rate(sharpness, noise))


def ratio(above: Any, below: Any) -> Array:
    """A bound on the learning rate; none where nothing is below."""
    return jnp.where(below > 0.0, above / jnp.where(below > 0.0, below, 1.0), jnp.inf)


def stability(problem: LinearisedSGD, method: AbstractStabilityMethod) -> Stability:
    """Decide or exclude that SGD stays at a minimum: that `E |delta|^2` of the linearised dynamics does not blow up.

    **Arguments:** `problem`: `LinearisedSGD(minimum, learning_rate, batch_size)`; `method`: `ExactSecondMoment()`, or a
    necessary condition: `SharpBound()`, `TraceBound()`, `TopEigenvalueBound()` or `FrobeniusBound()`.

    **Returns:** a `Stability`. It is computed in float64.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when an eigenvalue does not
    converge.

    >>> from perturbax import optimize
    >>> problem = optimize.LinearisedSGD(np.eye(4), learning_rate=1.5)
    >>> found = optimize.stability(problem, optimize.TraceBound())
    >>> found.stable, found.bound
    (True, 2.0)
    """
    check_instance("problem", problem, LinearisedSGD, "a problem LinearisedSGD(...)")
    check_instance("method", method, AbstractStabilityMethod, "a method such as ExactSecondMoment()")
    rate, loss = problem.learning_rate, problem.loss()
    with float64():
        if isinstance(problem.minimum, Sharpness) and isinstance(method, AbstractSharpnessBound):
            known = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), problem.minimum)
            judgement = Judgement(method.largest_rate(known, problem.noise))
        else:
            gradients = problem.gradients()
            J = jnp.asarray(gradients.astype(np.float64))
            modes = modes_of(J, rounding(gradients))
            known = _measure(J, modes, jnp.asarray(loss))
            judgement = method.judge(modes, known, rate, problem.noise)
    bound = float(judgement.bound)
    return Stability(
        stable=rate <= bound,
        bound=bound,
        slack=bound / rate - 1.0,
        rho=None if judgement.rho is None else float(judgement.rho),
        sharpness=jax.tree.map(np.asarray, known),
        loss=loss,
        valid=loss <= problem.tolerance,
        stats={"evaluations": int(judgement.evaluations)},
    )


@eqx.filter_jit
def _measure(J: Array, modes: Modes, loss: Any) -> Sharpness:
    rank = jnp.sum(modes.active).astype(jnp.int32)
    return eqx.tree_at(lambda known: known.rank, of_gradients(J, loss), rank)
