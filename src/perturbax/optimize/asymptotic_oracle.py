"""The relaxation that theory finds best for each instance, from a spectral radius that one rarely has.

omega* = 2 / (1 + sqrt(1 - beta^2)),      beta = spectral radius of Jacobi's iteration for the instance
"""

from collections.abc import Callable
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper
from ..linalg import Stationary, optimal_omega
from ._papers import LEARNING_TO_RELAX
from ._tuner import AbstractTuner, Choice


class AsymptoticOracle(AbstractTuner):
    """Young's optimal relaxation for SOR, as a reference: it is told what a learner has to find out.

    **Arguments:** `radius`: function of the context, the spectral radius `beta` of Jacobi's iteration, in [0, 1);
    traceable.

    **Returns:** a frozen method for `optimize.tune`.

    **Raises:** `TypeError` for a radius that is no function.

    Source: Young 1954; as a reference Khodak et al. 2024, arXiv 2310.02246.

    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> from perturbax import optimize
    >>> oracle = optimize.AsymptoticOracle(lambda shift: 4.0 * np.cos(np.pi / 11.0) / (4.0 + shift))
    >>> oracle.ask((), jnp.array(0.0), None).value.item()
    1.560...
    """

    radius: Callable[[Any], Any]

    needs_context: ClassVar[bool] = True
    papers: ClassVar[tuple[Paper, ...]] = (LEARNING_TO_RELAX, *Stationary.papers)

    def __check_init__(self):
        if not callable(self.radius):
            raise TypeError(f"radius must be callable as radius(context), got {type(self.radius).__name__}")

    @property
    def values(self) -> tuple[float, ...]:
        return ()

    def init(self) -> tuple[()]:
        return ()

    def ask(self, state: tuple[()], context: Float[Array, ""], key: Any) -> Choice:
        omega = optimal_omega(self.radius(context))
        return Choice(omega, jnp.zeros((), jnp.int32), jnp.ones(1), context, jnp.full((), jnp.nan))

    def tell(self, state: tuple[()], choice: Choice, cost: Float[Array, ""]) -> tuple[()]:
        return ()
