"""Where diagonal state-space layers start from: modes of a linear system.

A diagonalised system `A = V Lambda V^-1` of real matrices has eigenvalues in conjugate pairs, of which one is kept:

    G(s) = C' (s - Lambda)^-1 B' + (its conjugate at conj(s)),      B' = V^-1 B,  C' = C V.                     (1)

A real eigenvalue is its own conjugate and would count twice; its column and row are divided by `sqrt 2`. So always
`2 Re(V V^-1) = I`.

HiPPO-LegS is normal but for a rank: with `P = B / sqrt 2`, `A + P P^T = -1/2 + (skew)`, which has unitary eigenvectors.
S4 keeps the rank, S4D and S5 drop it. With `R(s) = (s - A - P P^T)^-1` and `k(s) = P^T R(s) P`,

    G_HiPPO = C R B - C R P P^T R B / (1 + k) = C R B / (1 + k),      G_S4D = C R B / 2,                         (2)

by Sherman and Morrison; `k(s) -> 1` for any fixed `s` when `N` grows, but not at the eigenvalues, where it is of order
`N^2`: there S4D has spikes that HiPPO has not.
"""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Complex

from ...core import check_array, check_instance, check_integer
from ._hippo import StateSpace, legs

# Relative to the largest eigenvalue: imaginary parts below are round-off of real eigenvalues.
_REAL = 1e-10


class Modes(eqx.Module):
    """A real linear system with one input in diagonal form, one of each conjugate pair of eigenvalues.

    - `values`: eigenvalues, `n` of them with real part below 0.
    - `inputs`: `B'`; `outputs`, `inverse`: `V` and `V^-1`, which make `C' = C V` and `B' = V^-1 B` for others.
    """

    values: Complex[np.ndarray, " n"]
    inputs: Complex[np.ndarray, " n"]
    outputs: Complex[np.ndarray, "N n"]
    inverse: Complex[np.ndarray, "n N"]

    def __check_init__(self):
        if not np.real(self.values).max() < 0.0:
            count = np.count_nonzero(np.real(self.values) >= 0.0)
            raise ValueError(
                f"values must have real parts < 0, got {count} of {self.values.size} on or right of the "
                "imaginary axis; ask linalg.diagonalize for stable=True"
            )

    @property
    def size(self) -> int:
        """`N`, the number of real states."""
        return self.outputs.shape[0]

    def transfer(self, C: Any, s: Any) -> Complex[np.ndarray, "*s"]:
        """`G(s)` by equation (1), for real `C` of shape `(N,)` and complex `s` of any shape."""
        products = (np.asarray(C) @ self.outputs) * self.inputs
        return np.asarray(pair_sum(self.values, products, np.asarray(s, np.complex128)))

    def aliased(self, dt: float) -> float:
        """The share of modes that turn by more than `pi` in a step, aliases of slower ones."""
        return float(np.mean(np.abs(np.imag(self.values)) * dt > np.pi))


class LowRankModes(eqx.Module):
    """A system `A = V (Lambda - P P*) V*`, diagonal plus low rank, as S4 has it. `P` is of shape `(n,)`."""

    modes: Modes
    P: Complex[np.ndarray, " n"]

    def transfer(self, C: Any, s: Any) -> Complex[np.ndarray, "*s"]:
        """`G(s)` by equation (2)."""
        C, s, Q = np.asarray(C) @ self.modes.outputs, np.asarray(s, np.complex128), np.conj(self.P)
        return np.asarray(low_rank_transfer(self.modes.values, self.modes.inputs, C, self.P, Q, s))


def pair_sum(values: Any, products: Any, s: Any) -> Any:
    """`sum_n products_n / (s - values_n)` over modes and their conjugates, for `s` of any shape."""
    s = s[..., None]
    return (products / (s - values) + products.conj() / (s - values.conj())).sum(-1)


def low_rank_transfer(values: Any, B: Any, C: Any, P: Any, Q: Any, s: Any) -> Any:
    """`C (s - Lambda + P Q)^-1 B` by Sherman and Morrison."""
    across = pair_sum(values, C * P, s) * pair_sum(values, Q * B, s)
    return pair_sum(values, C * B, s) - across / (1.0 + pair_sum(values, Q * P, s))


def diagonal(system: StateSpace, diagonalization: Any) -> Modes:
    """The modes of a system by a diagonalisation of its matrix: with a perturbed one, S4-PTD and S5-PTD.

    **Arguments:** `system`: such as `legs(64)`; `diagonalization`: `linalg.diagonalize(system.A, method, ...)`, or
    anything else with `values`, `vectors` and `inverse`.

    **Returns:** `Modes`.

    **Raises:** `ValueError` for another shape, or unstable eigenvalues.

    Source: Yu et al. 2023 (arXiv 2310.01698), section 4.

    >>> import jax
    >>> from perturbax import linalg
    >>> system = legs(8)
    >>> found = linalg.diagonalize(system.A, linalg.RandomPTD(0.1), key=jax.random.key(0), stable=True)
    >>> diagonal(system, found).size
    8
    """
    check_instance("system", system, StateSpace, "a StateSpace such as legs(64)")
    N = system.B.size
    values = np.asarray(check_array("diagonalization.values", diagonalization.values, shape=(N,), kind="number"))
    V = np.asarray(check_array("diagonalization.vectors", diagonalization.vectors, shape=(N, N), kind="number"))
    inverse = np.asarray(check_array("diagonalization.inverse", diagonalization.inverse, shape=(N, N), kind="number"))
    return _halve(values, system.B, V, inverse)


def dplr(N: int) -> LowRankModes:
    """HiPPO-LegS as diagonal plus low rank, where S4 starts from.

    **Arguments:** `N`: size of the state.

    **Raises:** `ValueError` when `N` is smaller than 2.

    Source: Gu, Goel & Re 2022 (arXiv 2111.00396).

    >>> dplr(16).modes.values.real.round(6).tolist()
    [-0.5, -0.5, -0.5, -0.5, -0.5, -0.5, -0.5, -0.5]
    """
    modes = _normal_part(N, legs(N).B)
    return LowRankModes(modes, modes.inputs / np.sqrt(2.0))


def s4d_legs(N: int) -> Modes:
    """HiPPO-LegS without its rank and with half of `B`, where S4D and S5 start from.

    **Arguments:** `N`: size of the state.

    **Raises:** `ValueError` when `N` is smaller than 2.

    Source: Gu et al. 2022 (arXiv 2206.11893).

    >>> s4d_legs(16).values.size
    8
    """
    return _normal_part(N, 0.5 * legs(N).B)


def s4d_lin(N: int) -> Modes:
    """S4D-Lin: eigenvalues `-1/2 + i pi n`.

    **Arguments:** `N`: size of the state, even.

    **Raises:** `ValueError` when `N` is odd or smaller than 2.

    Source: Gu et al. 2022 (arXiv 2206.11893).

    >>> s4d_lin(4).values.round(2).tolist()
    [(-0.5+0j), (-0.5+3.14j)]
    """
    return _by_hand(N, lambda n: np.pi * n)


def s4d_inv(N: int) -> Modes:
    """S4D-Inv: eigenvalues `-1/2 + i (N / pi) (N / (2 n + 1) - 1)`.

    **Arguments:** `N`: size of the state, even.

    **Raises:** `ValueError` when `N` is odd or smaller than 2.

    Source: Gu et al. 2022 (arXiv 2206.11893).

    >>> s4d_inv(4).values.round(2).tolist()
    [(-0.5+3.82j), (-0.5+0.42j)]
    """
    return _by_hand(N, lambda n: N / np.pi * (N / (2.0 * n + 1.0) - 1.0))


def hinf(system: Any, C: Any, frequencies: Any) -> float:
    """The largest gain `|G(i w)|` of a system over frequencies, a lower bound of its H-infinity norm.

    **Arguments:** `system`: with `transfer(C, s)`; `C`: of shape `(N,)`; `frequencies`: `w`, radians per unit of
    time.

    **Returns:** a number.

    **Raises:** `ValueError` when `frequencies` are not finite.

    >>> hinf(StateSpace(-np.eye(1), np.ones(1)), np.ones(1), [0.0, 1.0])
    1.0
    """
    return float(np.abs(system.transfer(C, 1j * check_array("frequencies", frequencies))).max())


def _halve(values: Any, B: Any, V: Any, inverse: Any) -> Modes:
    """One of each conjugate pair, and real eigenvalues with columns and rows over `sqrt 2`."""
    values = values.astype(np.complex128)
    real = np.abs(values.imag) <= _REAL * np.abs(values).max()
    kept = np.flatnonzero(real | (values.imag > 0.0))
    weight = np.where(real, 1.0 / np.sqrt(2.0), 1.0)[kept]
    inverse = weight[:, None] * inverse[kept]
    return Modes(
        np.where(real, values.real, values)[kept], inverse @ B, (V[:, kept] * weight).astype(np.complex128), inverse
    )


def _normal_part(N: int, B: Any) -> Modes:
    system = legs(N)
    skew = system.A + 0.5 * np.outer(system.B, system.B) + 0.5 * np.eye(N)
    frequencies, V = np.linalg.eigh(-1j * skew)
    return _halve(-0.5 + 1j * frequencies, B, V, np.conj(V.T))


def _by_hand(N: int, frequencies: Any) -> Modes:
    """Modes that no matrix stands behind: `V = (I, i I) / sqrt 2` makes a real normal `C` a complex normal one."""
    if check_integer("N", N, minimum=2) % 2:
        raise ValueError(f"N must be even, got {N}")
    n = N // 2
    V = np.concatenate([np.eye(n), 1j * np.eye(n)]) / np.sqrt(2.0)
    return Modes(-0.5 + 1j * frequencies(np.arange(n)), np.ones(n, np.complex128), V, np.conj(V.T))
