"""Steps of an Optax transformation on the sum of squares, in one compiled loop.

`core.fit` is not used: the points move under the optimiser, whose state goes on, and L-BFGS asks for the loss itself.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from ._least_squares import Points, loss
from ._optimiser import Outcome, repeat
from ._problem import PDEProblem


def begin(transformation: optax.GradientTransformationExtraArgs, trained: Any) -> Any:
    """The first state, with the types of the later ones: Optax starts from weak ones, and the second chunk would
    compile again."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.asarray(leaf).dtype), transformation.init(trained))


@eqx.filter_jit
def descend(
    transformation: optax.GradientTransformationExtraArgs,
    problem: PDEProblem,
    trained: Any,
    frozen: Any,
    points: Points,
    state: Any,
    capacity: int,
    steps: Any,
    objective: Callable = loss,
) -> Outcome:
    """At most `capacity` steps on the sum of squares, or on another objective of the same arguments. A transformation
    that searches along lines finds the loss that it knows already."""

    def value(trained: Any) -> Any:
        return objective(problem, trained, frozen, points)

    searches = optax.tree.get(state, "value") is not None

    def step(carry: Any) -> Any:
        trained, state, evaluations = carry
        if not searches:
            now, gradient = jax.value_and_grad(value)(trained)
            updates, state = transformation.update(gradient, state, trained)
            return (optax.apply_updates(trained, updates), state, evaluations + 1), now
        unknown = ~jnp.isfinite(optax.tree.get(state, "value"))
        now, gradient = optax.value_and_grad_from_state(value)(trained, state=state)
        updates, state = transformation.update(gradient, state, trained, value=now, grad=gradient, value_fn=value)
        made = optax.tree.get(state, "info").num_linesearch_steps + unknown
        return (optax.apply_updates(trained, updates), state, evaluations + made.astype(jnp.int32)), now

    carry, losses = repeat(step, (trained, state, jnp.zeros((), jnp.int32)), capacity, steps)
    trained, state, evaluations = carry
    return Outcome(trained, state, losses, evaluations, value(trained))
