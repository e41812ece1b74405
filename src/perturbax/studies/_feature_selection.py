"""An analyst for the study of adaptive data analysis: choose features by their correlation, then ask how good they are.

The design of Dwork et al. 2015 (Science): query `j < d` is the mean of `x_j y`. Features are kept whose training value
and answer agree in sign and both exceed `1 / sqrt(n)`; the `k` largest by `|training value + answer|` vote with their
signs, and the accuracy of the vote is one more query for each `k`.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..stats import AbstractAnalyst


class FeatureSelection(AbstractAnalyst):
    """`training`: the means of `x_j y` on the `n` training records; `sizes`: the numbers `k`."""

    training: Float[Array, " d"]
    n: int = eqx.field(static=True)
    sizes: tuple[int, ...] = eqx.field(static=True)

    @property
    def queries(self) -> int:
        """All of them."""
        return self.training.shape[0] + len(self.sizes)

    def start(self) -> Any:
        return jnp.asarray(0), jnp.zeros(self.training.shape)

    def votes(self, answers: Float[Array, " d"], size: Any) -> Float[Array, " d"]:
        """The vote of each feature, 0 for those that are not among the chosen."""
        level = 1.0 / jnp.sqrt(self.n)
        kept = (jnp.abs(self.training) > level) & (jnp.abs(answers) > level) & (self.training * answers > 0.0)
        strength = jnp.where(kept, jnp.abs(self.training + answers), 0.0)
        least = jnp.sort(strength)[::-1][jnp.minimum(size, strength.size) - 1]
        return jnp.where(kept & (strength >= least), jnp.sign(self.training), 0.0)

    def ask(self, state: Any) -> Callable[[Any], Any]:
        asked, answers = state
        d = self.training.shape[0]

        def query(records: Any) -> Any:
            x, y = records

            def accuracy() -> Any:
                votes = self.votes(answers, jnp.asarray(self.sizes)[jnp.clip(asked - d, 0, len(self.sizes) - 1)])
                return jnp.where(predicted(x, votes) == y, 1.0, 0.0)

            return jax.lax.cond(asked < d, lambda: x[:, jnp.minimum(asked, d - 1)] * y, accuracy)

        return query

    def tell(self, state: Any, answer: Float[Array, ""]) -> Any:
        asked, answers = state
        return asked + 1, answers.at[asked].set(answer, mode="drop")


def predicted(x: Any, votes: Any) -> Float[Array, " n"]:
    """The class that is voted for, from `x` of shape `(n, d)`."""
    return jnp.where(x @ votes >= 0.0, 1.0, -1.0)
