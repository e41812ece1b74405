"""Interface conditions as arms: many sets of them trained together, and the environment of a bandit."""

import dataclasses
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import cast, check_array, check_instance, check_key, settle_arrays
from ..core import precision as in_precision
from ..optimize import AbstractEnvironment
from ._family import Family
from ._field import field
from ._history import known_at
from ._problem import PDEProblem
from .xpinn import XPINN

# Errors above this, and those of a training that diverged, count as this.
LARGEST_ERROR = 100.0


def interface_errors(
    problem: PDEProblem,
    method: XPINN,
    actions: Any,
    *,
    key: Any,
    precision: Literal["float32", "float64"] = "float64",
) -> np.ndarray:
    """The errors that sets of interface conditions lead to, all trained at once from the same networks and points.

    The action enters the loss as factors of the conditions, so that one program trains all sets under `vmap`.

    **Arguments:**

    - `problem`: with its exact solution.
    - `method`: an `XPINN`, whose `interface` names the conditions.
    - `actions`: `(n, q)` of zeros and ones, one for each condition; or `(n, phases, q)`, with one set for each phase of
      the optimiser, a `Chain`.
    - `key`: JAX PRNG key, used as `solve` does; `precision`: as of `solve`.

    **Returns:** relative L2 errors at 2048 points, `(n,)`, or `(n, phases)` after each phase; infinite where a training
    diverged.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.XPINN(
    ...     pde.Split(0, 0.5), pde.CPINN_CONDITIONS, (6,), pde.LM(3), pde.FixedPoints(40, 16), interface_points=4
    ... )
    >>> interface_errors(pde.catalogue.poisson(2), method, [[0, 0], [1, 1]], key=jax.random.key(0)).shape
    (2,)
    """
    check_instance("problem", problem, PDEProblem, "a pde.PDEProblem")
    check_instance("method", method, XPINN, "an XPINN(...)")
    check_key("key", key)
    if problem.exact is None:
        raise ValueError("problem must have an exact solution to measure errors")
    phases, q = method.optimiser.phases, len(method.interface)
    array = np.asarray(check_array("actions", actions, kind="any"), np.float64)
    wanted = (None, len(phases), q) if array.ndim == 3 else (None, q)
    check_array("actions", array, shape=wanted)
    if not np.isin(array, (0.0, 1.0)).all():
        raise ValueError("actions must be of zeros and ones")
    each = array if array.ndim == 3 else np.repeat(array[:, None], len(phases), 1)
    with in_precision(precision):
        training = begin(settle_arrays(problem), method, len(array), key)
        errors = []
        for k, phase in enumerate(phases):
            training = train(training, phase, cast(each[:, k], jnp.result_type(float)))
            errors.append(measure(training))
    return np.stack(errors, -1) if array.ndim == 3 else errors[-1]


class Training(eqx.Module):
    """Several networks for one problem, with their parameters stacked along a first axis; `known` are points and the
    exact solution there."""

    problem: PDEProblem
    trained: Any
    frozen: Any
    points: Any
    known: Any


def begin(problem: PDEProblem, method: XPINN, count: int, key: Any) -> Training:
    """The same networks `count` times, as `solve` with this key would start."""
    _, point_key, _ = jax.random.split(key, 3)
    trained, frozen = method.split(problem, key)
    drawn, _ = method.points.start(problem, point_key)
    points = method.ask(problem, drawn, jax.random.fold_in(point_key, 0))
    stacked = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), trained)
    return Training(problem, stacked, frozen, points, known_at(problem))


def train(training: Training, phase: Any, actions: Float[Array, "n q"]) -> Training:
    """After a phase of the optimiser, each with its own action."""
    whole = dataclasses.replace(phase, chunk=phase.steps)
    trained = _train(whole, training.problem, training.trained, training.frozen, training.points, actions)
    return eqx.tree_at(lambda t: t.trained, training, trained)


def measure(training: Training) -> np.ndarray:
    """The relative L2 errors; infinite where they are not finite."""
    x, exact = training.known
    errors = np.asarray(_errors(training.problem, training.trained, training.frozen, x, jnp.asarray(exact)))
    return np.where(np.isfinite(errors), errors, np.inf)


@eqx.filter_jit
def _train(phase: Any, problem: PDEProblem, trained: Any, frozen: Any, points: Any, actions: Any) -> Any:
    def one(trained: Any, action: Any) -> Any:
        asked = eqx.tree_at(lambda p: p.action, points, action)
        return phase.run(problem, trained, frozen, asked, phase.start(trained), jnp.asarray(phase.steps)).trained

    return jax.vmap(one)(trained, actions)


@eqx.filter_jit
def _errors(problem: PDEProblem, trained: Any, frozen: Any, x: Any, exact: Any) -> Array:
    def one(trained: Any) -> Any:
        difference = jax.vmap(field(problem, eqx.combine(trained, frozen)))(x) - exact
        return jnp.linalg.norm(difference) / jnp.linalg.norm(exact)

    return jax.lax.map(one, trained)


class InterfaceEnvironment(AbstractEnvironment):
    """A family of problems as the environment of a bandit: the action is a set of interface conditions.

    The reward is `-log10` of the relative L2 error after training, not below -2, which is also that of a training that
    diverged. With as many stages as the optimiser has phases, each phase has an action of its own.

    **Arguments:** `contexts`: from which problems are drawn, `(m, c)`; `arms`: the actions of each stage, one set for
    the whole training or one for each phase; `family`; `method`: an `XPINN`.
    """

    contexts: Any
    arms: tuple[Any, ...]
    family: Family
    method: XPINN

    def play(
        self, stage: int, context: Float[Any, " c"], action: Float[Any, " q"], carry: Any, key: Any
    ) -> tuple[Any, Any]:
        phases = self.method.optimiser.phases
        if carry is None:
            carry = begin(settle_arrays(self.family.problem(np.asarray(context))), self.method, 1, key)
        for phase in phases if len(self.arms) == 1 else phases[stage : stage + 1]:
            carry = train(carry, phase, jnp.asarray(action)[None])
        return reward_of(measure(carry)[0]), carry


def reward_of(error: Any) -> Any:
    """`-log10` of an error, which counts as at most 100."""
    return -np.log10(np.minimum(np.maximum(error, np.finfo(np.float64).tiny), LARGEST_ERROR))
