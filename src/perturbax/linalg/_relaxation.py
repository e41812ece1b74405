r"""What theory says of relaxation: Young's radius of SOR, and bounds on counts of iterations.

For a consistently ordered matrix whose Jacobi iteration has real eigenvalues and the spectral radius `beta < 1`
(Young 1954), SOR has the radius

    rho(omega) = (omega beta + sqrt(omega^2 beta^2 - 4 (omega - 1)))^2 / 4     for omega <= omega*
    rho(omega) = omega - 1                                                      for omega >= omega*
    omega* = 2 / (1 + sqrt(1 - beta^2))

Iterations to a tolerance `e` are `log e / log rho` asymptotically. Before that the norm of the iteration's matrix
counts: with `|C^k|^(1/k) <= rho + tau (1 - rho)` at the last step but one, the count is at most
`1 + log e / log(rho + tau (1 - rho))`, the near-asymptotic bound of Khodak et al. 2024 (arXiv 2310.02246).
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..core import check_array, check_number
from ._operator import is_symmetric


def optimal_omega(beta: Any) -> Float[Array, "..."]:
    """The relaxation with which SOR is fastest asymptotically.

    **Arguments:** `beta`: spectral radius of Jacobi's iteration, in [0, 1); a number or an array, which may be traced.

    **Returns:** `omega*`, of the shape of `beta`.

    Source: Young 1954.

    >>> optimal_omega(0.96).round(4).item()
    1.5625
    """
    return 2.0 / (1.0 + jnp.sqrt(1.0 - jnp.asarray(beta) ** 2))


def sor_radius(omega: Any, beta: Any) -> Float[Array, "..."]:
    """The spectral radius of SOR on consistently ordered matrices.

    **Arguments:** `omega`: relaxation in (0, 2); `beta`: spectral radius of Jacobi's iteration, in [0, 1). Numbers or
    arrays that broadcast, which may be traced.

    **Returns:** `rho(omega)`.

    Source: Young 1954.

    >>> [f"{sor_radius(omega, 0.9):.2f}" for omega in (1.0, 1.8)]
    ['0.81', '0.80']
    """
    omega, beta = jnp.asarray(omega), jnp.asarray(beta)
    below = jnp.maximum((omega * beta) ** 2 - 4.0 * (omega - 1.0), 0.0)
    slow = (omega * beta + jnp.sqrt(below)) ** 2 / 4.0
    return jnp.where(omega <= optimal_omega(beta), slow, omega - 1.0)


def near_asymptotic_iterations(radius: Any, tol: Any, tau: Any = 0.0) -> Float[Array, "..."]:
    """How many iterations a stationary method takes at most; with `tau = 0` about how many, asymptotically.

    **Arguments:** `radius`: spectral radius `rho` of the iteration; `tol`: by how much the residual falls; `tau`: in
    [0, 1), such that `|C^k|^(1/k) <= rho + tau (1 - rho)` when all but the last iteration are made.

    **Returns:** `1 + log(tol) / log(rho + tau (1 - rho))`.

    **Raises:** `ValueError` for a tolerance or `tau` out of range.

    Source: Khodak et al. 2024, arXiv 2310.02246.

    >>> near_asymptotic_iterations(0.5, 2.0**-10).item()
    11.0
    """
    tol = check_number("tol", tol, minimum=0.0, maximum=1.0, exclusive=True)
    tau = check_number("tau", tau, minimum=0.0, maximum=1.0)
    if not isinstance(tau, Tracer) and tau == 1.0:
        raise ValueError("tau must be < 1, got 1: then nothing says that the residual falls")
    radius = jnp.asarray(radius)
    return 1.0 + jnp.log(tol) / jnp.log(radius + tau * (1.0 - radius))


def ssor_cg_iterations(matrix: Any, omega: Any, tol: Any) -> Float[np.ndarray, "..."]:
    """A bound on the iterations of conjugate gradients with the preconditioner SSOR, from the condition number.

    With the strictly lower part `L` and the diagonal `D` of `A`, and the largest eigenvalues `a` of `D A^-1` and `g` of
    `(L D^-1 L^T - D / 4) A^-1`, the condition number of `M^-1 A` is at most `1 / c`,

        c = (2 - omega) / (1 + a (2 - omega)^2 / (4 omega) + g omega).

    **Arguments:** `matrix`: symmetric positive definite, dense, of moderate size: eigenvalues are computed; `omega`: in
    (0, 2), a number or an array; `tol`: of the residual.

    **Returns:** the bound, of the shape of `omega`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    Source: Axelsson 1994, as in the code of Khodak et al. 2024, arXiv 2310.02246.

    >>> bool(ssor_cg_iterations(np.array([[2.0, -1.0], [-1.0, 2.0]]), 1.0, 1e-8) >= 2)
    True
    """
    A = np.asarray(check_array("matrix", matrix, ndim=2), np.float64)
    if A.shape[0] != A.shape[1] or not is_symmetric(A) or np.linalg.eigvalsh(A)[0] <= 0.0:
        raise ValueError(f"matrix must be symmetric positive definite, got one of shape {A.shape} that is not")
    tol = check_number("tol", tol, minimum=0.0, maximum=1.0, exclusive=True)
    omega = np.asarray(check_array("omega", np.asarray(omega, np.float64)))
    if not ((omega > 0.0) & (omega < 2.0)).all():
        raise ValueError(f"omega must lie in (0, 2), got {omega.min():g} to {omega.max():g}")
    D, L, inverse = np.diag(np.diag(A)), np.tril(A, -1), np.linalg.inv(A)
    a = np.linalg.eigvals(D @ inverse).real.max()
    g = np.linalg.eigvals((L @ np.linalg.inv(D) @ L.T - D / 4.0) @ inverse).real.max()
    c = (2.0 - omega) / (1.0 + a * (2.0 - omega) ** 2 / (4.0 * omega) + g * omega)
    kappa = np.linalg.cond(A)
    rate = -np.log1p(-2.0 / (1.0 + np.sqrt(1.0 / c)))
    return np.asarray(1.0 + np.log(np.sqrt(kappa) / tol + np.sqrt(kappa / tol**2 - 1.0)) / rate)
