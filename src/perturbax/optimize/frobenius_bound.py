r"""The bound on the Frobenius norm, from the stability of the loss.

With the covariance `C` of a sample's gradient at `theta* + delta`, where the loss is `L = delta.H delta / 2`, and the
alignment `mu = tr(C H) / (2 L |H|_F^2)`, a step of SGD has

    E L(delta') >= eta^2 a mu |H|_F^2 L(delta)      so that stability needs      |H|_F <= 1 / (eta sqrt(a mu_0))

when `mu >= mu_0` along the way. For linearised SGD `tr(C H) = delta.(1/n sum_i H_i H H_i - H^3) delta`, and the least
alignment over all directions is an eigenvalue.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, check_number
from ._linearised_sgd import Modes
from ._papers import ALIGNMENT, DYNAMICAL_STABILITY
from ._sharpness import Sharpness
from ._stability import AbstractStabilityMethod, Judgement, ratio


class FrobeniusBound(AbstractStabilityMethod):
    """A necessary condition on the Frobenius norm of the Hessian, as close as the noise is aligned with it.

    **Arguments:** `alignment`: a lower bound `mu_0` that was measured along a run; without it the least one over all
    directions, for which the bound is a theorem, and loose.

    **Returns:** a frozen method for `optimize.stability`.

    **Raises:** `ValueError` for an alignment that is not positive.

    Source: Wu, Wang & Su 2022, arXiv 2207.02628; the constants are derived here.

    >>> import numpy as np
    >>> from perturbax import optimize
    >>> problem = optimize.LinearisedSGD(np.eye(4), learning_rate=0.1)
    >>> round(optimize.stability(problem, optimize.FrobeniusBound()).bound, 6)
    2.309401
    """

    alignment: float | None = None

    papers: ClassVar[tuple[Paper, ...]] = (DYNAMICAL_STABILITY, ALIGNMENT)

    def __check_init__(self):
        if self.alignment is not None:
            check_number("alignment", self.alignment, minimum=0.0, exclusive=True)

    def judge(self, modes: Modes, sharpness: Sharpness, rate: Any, noise: Any) -> Judgement:
        mu = least_alignment(modes) if self.alignment is None else jnp.asarray(self.alignment)
        return Judgement(ratio(1.0, jnp.sqrt(noise * mu) * sharpness.frobenius))


@eqx.filter_jit
def least_alignment(modes: Modes) -> Float[Array, ""]:
    """The smallest `mu` over all deviations in the range of `H`."""
    e, active = modes.eigenvalues, modes.active
    cubed = modes.mean_sandwich(jnp.diag(e)) - jnp.diag(e**3)
    root = jnp.where(active, 1.0 / jnp.sqrt(jnp.where(active, e, 1.0)), 0.0)
    relative = jnp.outer(root, root) * cubed / jnp.maximum(jnp.sum(e**2), jnp.finfo(e.dtype).tiny)
    # Directions off the range are lifted above all others.
    values = jnp.linalg.eigvalsh(relative + jnp.diag(jnp.where(active, 0.0, 1.0 + jnp.trace(relative))))
    return jnp.maximum(values[0], 0.0)
