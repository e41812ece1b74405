"""HiPPO matrices: linear systems that keep the projection of the past of their input on a basis.

    x'(t) = A x(t) + B u(t),      y = C x,      G(s) = C (s I - A)^-1 B.

Source: Gu et al. 2020 (arXiv 2008.07669), Gu et al. 2022 (arXiv 2206.12037).
"""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Complex, Float

from ...core import check_integer


class StateSpace(eqx.Module):
    """A linear system with one input, `x' = A x + B u`, on the host in float64.

    **Arguments:** `A`: of shape `(N, N)`; `B`: of shape `(N,)`.

    >>> StateSpace(-np.eye(2), np.ones(2)).transfer(np.ones(2), np.array([0.0j])).tolist()
    [(2+0j)]
    """

    A: Float[np.ndarray, "N N"]
    B: Float[np.ndarray, " N"]

    def transfer(self, C: Any, s: Any) -> Complex[np.ndarray, "*s"]:
        """`G(s)` by dense solves, for `C` of shape `(N,)` and complex `s` of any shape."""
        s = np.asarray(s, np.complex128)
        shifted = s[..., None, None] * np.eye(self.B.size) - self.A
        state = np.linalg.solve(shifted, np.broadcast_to(self.B[:, None], (*s.shape, self.B.size, 1)))
        return np.asarray(state[..., 0] @ np.asarray(C))


def legs(N: int) -> StateSpace:
    """HiPPO-LegS: Legendre polynomials in `exp(-t)`, a memory that fades exponentially.

    With `B_n = sqrt(2 n + 1)`: `A_nk = -B_n B_k` below the diagonal, `-(n + 1)` on it, 0 above. The impulse response is
    `B_n exp(-t) P_n(2 exp(-t) - 1)`.

    **Arguments:** `N`: size of the state.

    **Raises:** `ValueError` when `N` is smaller than 2.

    Source: Gu et al. 2020.

    >>> legs(2).A.round(2).tolist()
    [[-1.0, 0.0], [-1.73, -2.0]]
    """
    n = np.arange(check_integer("N", N, minimum=2))
    B = np.sqrt(2.0 * n + 1.0)
    return StateSpace(np.tril(-np.outer(B, B), -1) - np.diag(n + 1.0), B)


def legt(N: int) -> StateSpace:
    """HiPPO-LegT: Legendre polynomials on the window of length 1 that ends now.

    With `R_n = sqrt(2 n + 1)`: `A_nk = -R_n R_k (-1)^(n-k)` above the diagonal, `-R_n R_k` elsewhere; `B = R`.

    **Arguments:** `N`: size of the state.

    **Raises:** `ValueError` when `N` is smaller than 2.

    Source: Gu et al. 2020.

    >>> legt(2).A.round(2).tolist()
    [[-1.0, 1.73], [-1.73, -3.0]]
    """
    n = np.arange(check_integer("N", N, minimum=2))
    R = np.sqrt(2.0 * n + 1.0)
    sign = np.where(n[:, None] < n, (-1.0) ** (n[:, None] - n), 1.0)
    return StateSpace(-np.outer(R, R) * sign, R)


def fout(N: int) -> StateSpace:
    """HiPPO-FouT: sines and cosines on the window of length 1 that ends now.

    `A = S - 2 b b^T`, `B = 2 b`, with rotations `S` by `2 pi j` and `b = (1, sqrt 2, 0, sqrt 2, 0, ...)`: the Fourier
    series gives the mean of the two ends of the window, from which the input at its far end is taken.

    **Arguments:** `N`: size of the state, odd: a constant and pairs.

    **Raises:** `ValueError` when `N` is even or smaller than 3.

    Source: Gu et al. 2022, How to Train Your HiPPO; scaled here to a window of length 1.

    >>> fout(3).A.round(2).tolist()
    [[-2.0, -2.83, 0.0], [-2.83, -4.0, -6.28], [0.0, 6.28, 0.0]]
    """
    if check_integer("N", N, minimum=3) % 2 == 0:
        raise ValueError(f"N must be odd, got {N}")
    b = np.zeros(N)
    b[0], b[1::2] = 1.0, np.sqrt(2.0)
    turn = np.zeros(N - 1)
    turn[1::2] = 2.0 * np.pi * np.arange(1, N // 2 + 1)
    return StateSpace(np.diag(turn, -1) - np.diag(turn, 1) - 2.0 * np.outer(b, b), 2.0 * b)
