"""Perturb, then diagonalise: the perturbation found by optimisation.

Yu et al. 2023 (arXiv 2310.01698), section 4.2: among all perturbations, that with the best compromise of size and
condition,

    E = argmin kappa(V_E) + gamma |E|_2,      A + E = V_E Lambda V_E^-1,  columns of V_E of length 1.            (1)

The derivative of eigenvectors, derived here: with `K = V^-1 dA V` and `F_ij = 1 / (lambda_j - lambda_i)`, `F_ii = 0`,

    dV = M - V diag(Re v_j* m_j),      M = V (F o K),                                                          (2)

where the second term keeps the length of columns. With `G` the gradient of `kappa = s_1 / s_n` by singular vectors,

    G = u_1 w_1* / s_n - s_1 / s_n^2 u_n w_n*,      H = G - V diag(Re g_j* v_j),
    grad_A kappa = V^-* (conj(F) o V* H) V*,                                                                    (3)

of which a real `E` takes the real part. (1) is minimised from a Ginibre matrix by L-BFGS.
"""

from typing import Any, ClassVar

import numpy as np
from jaxtyping import Inexact
from scipy.optimize import minimize

from ..core import Paper, check_integer, check_number
from ._diagonalize import AbstractDiagonalization
from ._ginibre import ginibre
from ._papers import PTD as PTD_PAPER


class PTD(AbstractDiagonalization):
    """Perturb-then-diagonalize with an optimised perturbation: at equal size, far better conditioned than a random one.

    Costs two to three eigendecompositions and as many singular value decompositions a step.

    **Arguments:** `gamma`: how much condition one unit of `|E|_2` is worth, the larger the smaller `E` (about
    `sqrt(c / gamma)` where the condition number goes as `c / |E|`); `eps`: the 2-norm of the first `E`, in the unit of
    `A`; `steps`: of L-BFGS at most.

    **Returns:** a frozen method for `linalg.diagonalize`.

    **Raises:** `ValueError` when a number is out of range.

    Source: Yu et al. 2023, section 4.2.

    >>> import jax
    >>> import numpy as np
    >>> from perturbax import linalg
    >>> key, jordan = jax.random.key(0), np.eye(4, k=1)
    >>> found = linalg.diagonalize(jordan, linalg.PTD(gamma=100.0, steps=50), key=key)
    >>> random = linalg.diagonalize(jordan, linalg.RandomPTD(np.linalg.norm(found.perturbation, 2)), key=key)
    >>> found.condition < random.condition
    True
    """

    gamma: float | int = 1000.0
    eps: float | int = 0.1
    steps: int = 500

    papers: ClassVar[tuple[Paper, ...]] = (PTD_PAPER,)

    def __check_init__(self):
        check_number("gamma", self.gamma, minimum=0.0, exclusive=True)
        check_number("eps", self.eps, minimum=0.0, exclusive=True)
        check_integer("steps", self.steps, minimum=1)

    def perturbation(self, A: Inexact[np.ndarray, "n n"], key: Any) -> tuple[Inexact[np.ndarray, "n n"], int]:
        start = ginibre(key, A, self.eps)

        def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
            E = flat.view(A.dtype).reshape(A.shape)
            kappa, gradient = condition_and_gradient(A + E)
            u, s, w = np.linalg.svd(E)
            gradient = gradient + self.gamma * np.outer(u[:, 0], w[0])
            return kappa + self.gamma * s[0], np.ascontiguousarray(gradient).ravel().view(np.float64)

        found = minimize(
            objective, start.ravel().view(np.float64), jac=True, method="L-BFGS-B", options={"maxiter": self.steps}
        )
        return found.x.view(A.dtype).reshape(A.shape), int(found.nfev)


def condition_and_gradient(M: Inexact[np.ndarray, "n n"]) -> tuple[float, Inexact[np.ndarray, "n n"]]:
    """The condition number of the eigenvectors of `M`, and equation (3): `d kappa = Re tr(gradient* dM)`."""
    values, V = np.linalg.eig(M)
    u, s, w = np.linalg.svd(V)
    G = np.outer(u[:, 0], w[0]) / s[-1] - s[0] / s[-1] ** 2 * np.outer(u[:, -1], w[-1])
    H = G - V * np.sum(np.conj(G) * V, axis=0).real
    difference = values - values[:, None] + np.eye(values.size)
    F = 1.0 / difference - np.eye(values.size)
    gradient = np.linalg.solve(np.conj(V.T), np.conj(F) * (np.conj(V.T) @ H)) @ np.conj(V.T)
    return float(s[0] / s[-1]), gradient if np.iscomplexobj(M) else gradient.real
