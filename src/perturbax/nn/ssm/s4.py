"""S4: one system of diagonal plus low rank for each channel, as a convolution by Cauchy kernels.

Gu, Goel & Re 2021 (arXiv 2111.00396). `A = Lambda - P Q`, discretised by the bilinear rule to `Abar`, `Bbar`. The first
`M` entries of the kernel are the inverse FFT of its generating function at the roots of unity `z^M = 1`,

    sum_l K_l z^l = C (I - Abar^M) (I - Abar z)^-1 Bbar
                  = 2 / (1 + z) C (I - Abar^M) (s - A)^-1 B,      s = (2 / dt) (1 - z) / (1 + z),              (1)

where the resolvent is that of the diagonal with a correction of rank one. `M` is odd: `z = -1` has no `s`. The layer
learns `C` itself instead of `C (I - Abar^M)`, so that it is the same system at any length.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from ...core import check_instance
from ._channels import draw_channels
from ._layer import AbstractSSM, Spectrum, as_complex, as_pair, convolve
from ._modes import LowRankModes, low_rank_transfer


class S4(AbstractSSM):
    """A layer of independent systems that start as HiPPO-LegS itself, one for each channel.

    More costly than `S4D` by the powers of a matrix, `O(N^3 log length)` a channel, and by four sums for one.

    **Arguments:**

    - `width`: number of channels; `init`: `LowRankModes`, that is `dplr(64)`.
    - `key`: draws `C`, normal in the basis before diagonalisation; `D`, normal; and the steps.
    - `dt`: the two ends between which steps are log-uniform; equal for a fixed step.

    **Raises:** `TypeError`, `ValueError` that name the argument.

    Source: Gu, Goel & Re 2021.

    >>> from perturbax.nn import ssm
    >>> layer = S4(4, ssm.dplr(16), key=jax.random.key(0))
    >>> layer(jnp.ones((2, 10, 4))).shape
    (2, 10, 4)
    """

    spectrum: Spectrum
    P: Float[Array, "width modes 2"]
    B: Float[Array, "width modes 2"]
    C: Float[Array, "width modes 2"]
    D: Float[Array, " width"]
    log_dt: Float[Array, " width"]

    def __init__(self, width: int, init: LowRankModes, *, key: PRNGKeyArray, dt: tuple[float, float] = (1e-3, 1e-1)):
        check_instance("init", init, LowRankModes, "modes such as ssm.dplr(64)")
        self.spectrum, self.B, self.C, self.D, self.log_dt = draw_channels(width, init.modes, key, dt)
        self.P = as_pair(np.broadcast_to(init.P, (width, init.P.size)))

    def kernel(self, length: int) -> Float[Array, "width length"]:
        """The impulse response `K` without `D`, by equation (1)."""
        M = length + 1 - length % 2
        z = jnp.exp(-2j * jnp.pi / M * jnp.arange(M // 2 + 1))
        full = _both(as_complex(self.C))
        power = jnp.linalg.matrix_power(self._discrete()[0], M)
        C = (full - jnp.einsum("hn,hnm->hm", full, power))[:, : self.C.shape[1]]
        s = 2.0 / jnp.exp(self.log_dt)[:, None] * (1.0 - z) / (1.0 + z)
        transfer = jax.vmap(self._resolvent)(self.spectrum.values, self.B, C, self.P, s)
        return jnp.fft.irfft(2.0 / (1.0 + z) * transfer, M)[:, :length]

    def __call__(self, u: Float[Array, "*batch length width"]) -> Float[Array, "*batch length width"]:
        return convolve(u, self.kernel(u.shape[-2])) + self.D * u

    def start(self) -> Complex[Array, "width N"]:
        return jnp.zeros_like(_both(as_complex(self.B)))

    def step(self, state: Any, u: Float[Array, " width"]) -> tuple[Float[Array, " width"], Complex[Array, "width N"]]:
        A, B = self._discrete()
        state = jnp.einsum("hnm,hm->hn", A, state) + B * u[:, None]
        return jnp.sum(_both(as_complex(self.C)) * state, -1).real + self.D * u, state

    def transfer(self, s: Complex[Array, " frequencies"]) -> Complex[Array, "width frequencies"]:
        """`G(s)` of each channel in continuous time, without `D`."""
        s = jnp.broadcast_to(jnp.asarray(s), (self.D.size, *jnp.shape(s)))
        return jax.vmap(self._resolvent)(self.spectrum.values, self.B, as_complex(self.C), self.P, s)

    @staticmethod
    def _resolvent(values: Any, B: Any, C: Any, P: Any, s: Any) -> Any:
        P = as_complex(P)
        return low_rank_transfer(values, as_complex(B), C, P, P.conj(), s)

    def _discrete(self) -> tuple[Complex[Array, "width N N"], Complex[Array, "width N"]]:
        """`Abar` and `Bbar` with both of each conjugate pair of modes."""
        values, P = _both(self.spectrum.values), _both(as_complex(self.P))
        unit = jnp.eye(values.shape[1])
        half = 0.5 * jnp.exp(self.log_dt)[:, None, None]
        A = half * (values[:, None] * unit - P[:, :, None] * P.conj()[:, None, :])
        right = jnp.concatenate([unit + A, 2.0 * half * _both(as_complex(self.B))[..., None]], axis=2)
        solved = jnp.linalg.solve(unit - A, right)
        return solved[..., :-1], solved[..., -1]


def _both(z: Complex[Array, "width modes"]) -> Complex[Array, "width N"]:
    return jnp.concatenate([z, z.conj()], axis=-1)
