r"""Mean-square stability of linearised SGD, exactly.

With `T` of `_linearised_sgd.py`, `E |delta_t|^2` stays bounded from every start if and only if `rho(T) <= 1` on the
range of `H`. `T` maps positive semi-definite matrices to such ones, so `rho` is its largest eigenvalue and has a
positive semi-definite eigenvector. And `T(S) <= S` for some `S > 0` says

    eta M(S) <= L(S),      M(S) = a/n sum_i H_i S H_i + (1 - a) H S H,      L(S) = H S + S H

where `L^{-1}` and `M` keep positive semi-definiteness too. So a minimum is stable up to one learning rate `eta_c`, and
`1 / eta_c` is the largest eigenvalue of `L^{-1/2} M L^{-1/2}`. In the eigenvectors of `H`, `L` is a factor for each
entry.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Paper, check_integer, check_number, raise_if_failed
from ._largest_eigenvalue import Largest, largest_eigenvalue
from ._linearised_sgd import Modes
from ._papers import HOW_SGD_SELECTS, MA_YING
from ._sharpness import Sharpness
from ._stability import AbstractStabilityMethod, Judgement, ratio


class ExactSecondMoment(AbstractStabilityMethod):
    """The growth of the second moment and the largest stable learning rate, in `O(n^3)` a step for one output.

    **Arguments:** `tol`: largest residual of an eigenvalue, relative to it, whose error is of the order of its square;
    `max_restarts`: of Lanczos' method, with 16 steps each.

    **Returns:** a frozen method for `optimize.stability`; its `Stability` has `rho`.

    **Raises:** `ValueError` for numbers out of range; `SolverError` when an eigenvalue does not converge.

    Source: the linear stability of Wu, Ma & E 2018 and Ma & Ying 2021, arXiv 2105.13462. The largest stable rate as an
    eigenvalue is derived here.

    >>> import numpy as np
    >>> from perturbax import optimize
    >>> problem = optimize.LinearisedSGD(np.eye(4), learning_rate=1.5)
    >>> found = optimize.stability(problem, optimize.ExactSecondMoment())
    >>> found.stable, round(found.bound, 6)
    (True, 2.0)
    """

    tol: float = 1e-8
    max_restarts: int = 500

    papers: ClassVar[tuple[Paper, ...]] = (HOW_SGD_SELECTS, MA_YING)

    def __check_init__(self):
        check_number("tol", self.tol, minimum=0.0, exclusive=True)
        check_integer("max_restarts", self.max_restarts, minimum=1)

    def judge(self, modes: Modes, sharpness: Sharpness, rate: Any, noise: Any) -> Judgement:
        rate, noise, tol = jnp.asarray(rate), jnp.asarray(noise), jnp.asarray(self.tol)
        growth, inverse = _eigenvalues(modes, rate, noise, tol, self.max_restarts)
        raise_if_failed(growth.result, f"ExactSecondMoment, rho (residual {float(growth.residual):.2g})")
        raise_if_failed(inverse.result, f"ExactSecondMoment, the largest rate (residual {float(inverse.residual):.2g})")
        return Judgement(ratio(1.0, inverse.value), growth.value, growth.evaluations + inverse.evaluations)


class _SecondMoment(eqx.Module):
    """`T`."""

    modes: Modes
    rate: Array
    noise: Array

    def __call__(self, S: Array) -> Array:
        return self.modes.step(S, self.rate, self.noise)


class _InverseRate(eqx.Module):
    """`L^{-1/2} M L^{-1/2}`."""

    modes: Modes
    noise: Array

    def __call__(self, S: Array) -> Array:
        e, active = self.modes.eigenvalues, self.modes.active
        # Zero off the range, where L is not invertible.
        inside = jnp.outer(active, active)
        root = jnp.where(inside, 1.0 / jnp.sqrt(jnp.where(inside, e[:, None] + e, 1.0)), 0.0)
        S = root * S
        return root * (self.noise * self.modes.mean_sandwich(S) + (1.0 - self.noise) * jnp.outer(e, e) * S)


@eqx.filter_jit
def _eigenvalues(modes: Modes, rate: Array, noise: Array, tol: Array, max_restarts: int) -> tuple[Largest, Largest]:
    # A positive start on the range has a part along every positive semi-definite eigenvector.
    start = jnp.diag(jnp.where(modes.active, 1.0, 0.0))
    start = start.at[-1, -1].add(jnp.where(modes.active.any(), 0.0, 1.0))
    growth = largest_eigenvalue(_SecondMoment(modes, rate, noise), start, tol, max_restarts)
    return growth, largest_eigenvalue(_InverseRate(modes, noise), start, tol, max_restarts)
