"""S4D: one diagonal system for each channel, as a convolution or as a recurrence; S4-PTD when it starts perturbed.

Gu et al. 2022 (arXiv 2206.11893); Yu et al. 2023 (arXiv 2310.01698). For each channel, with one of each conjugate pair
of modes and discretised to factors `a` and gains `g`,

    K_l = 2 Re sum_n C_n g_n B_n a_n^l,      y = K * u + D u,                                                  (1)
    x_l = a x_{l-1} + g B u_l,               y_l = 2 Re C x_l + D u_l.                                         (2)
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from ...core import check_instance
from ._channels import draw_channels
from ._discretise import ZOH, AbstractDiscretisation
from ._layer import AbstractSSM, Spectrum, as_complex, convolve, impulse_response, linear_scan
from ._modes import Modes, pair_sum


class S4D(AbstractSSM):
    """A layer of independent diagonal systems, one for each channel. With modes of a perturbed matrix it is S4-PTD.

    Training runs equation (1), at a cost of `O(length (modes + log length))` a channel and in memory of
    `O(length + modes length^1/2)`. `scan` is equation (2) for all steps, `step` for one of them. For sequences of more
    than about 1e5 steps the powers in (1) lose digits in float32.

    **Arguments:**

    - `width`: number of channels.
    - `init`: `Modes`: `s4d_legs(64)`, `s4d_lin(64)`, `s4d_inv(64)`, or `diagonal(legs(64), linalg.diagonalize(...))`.
    - `key`: draws `C`, normal in the basis before diagonalisation, so that all of these start from the same one; `D`,
      normal; and the steps.
    - `dt`: the two ends between which steps are log-uniform; equal for a fixed step.
    - `discretise`: `ZOH()` or `Bilinear()`.

    **Raises:** `TypeError`, `ValueError` that name the argument.

    Source: Gu et al. 2022 (S4D), Yu et al. 2023 (S4-PTD).

    >>> from perturbax.nn import ssm
    >>> layer = S4D(4, ssm.s4d_legs(16), key=jax.random.key(0))
    >>> layer(jnp.ones((2, 10, 4))).shape
    (2, 10, 4)
    """

    spectrum: Spectrum
    B: Float[Array, "width modes 2"]
    C: Float[Array, "width modes 2"]
    D: Float[Array, " width"]
    log_dt: Float[Array, " width"]
    discretise: AbstractDiscretisation

    def __init__(
        self,
        width: int,
        init: Modes,
        *,
        key: PRNGKeyArray,
        dt: tuple[float, float] = (1e-3, 1e-1),
        discretise: AbstractDiscretisation | None = None,
    ):
        check_instance("init", init, Modes, "modes such as ssm.s4d_legs(64)")
        self.spectrum, self.B, self.C, self.D, self.log_dt = draw_channels(width, init, key, dt)
        rule = ZOH() if discretise is None else discretise
        self.discretise = check_instance("discretise", rule, AbstractDiscretisation, "a rule such as ZOH()")

    def kernel(self, length: int) -> Float[Array, "width length"]:
        """The impulse response `K` without `D`, to use elsewhere."""
        log_a, g = self.discretise(self.spectrum.values, jnp.exp(self.log_dt)[:, None])
        return impulse_response(log_a, as_complex(self.C) * g * as_complex(self.B), length)

    def __call__(self, u: Float[Array, "*batch length width"]) -> Float[Array, "*batch length width"]:
        return convolve(u, self.kernel(u.shape[-2])) + self.D * u

    def scan(
        self, u: Float[Array, "length width"], intervals: Float[Array, " length"] | None = None
    ) -> Float[Array, "length width"]:
        """The same as a recurrence over one sequence.

        **Arguments:** `u`: shape `(length, width)`; `intervals`: time before each step in units of the layer's
        `dt`, for a sequence that is not evenly spaced.
        """
        intervals = jnp.ones(u.shape[0]) if intervals is None else intervals
        dt = intervals[:, None, None] * jnp.exp(self.log_dt)[:, None]
        log_a, g = self.discretise(self.spectrum.values, dt)
        x = linear_scan(jnp.exp(log_a), g * as_complex(self.B) * u[..., None])
        return 2.0 * jnp.sum(as_complex(self.C) * x, -1).real + self.D * u

    def start(self) -> Complex[Array, "width modes"]:
        return jnp.zeros_like(self.spectrum.values)

    def step(
        self, state: Any, u: Float[Array, " width"]
    ) -> tuple[Float[Array, " width"], Complex[Array, "width modes"]]:
        log_a, g = self.discretise(self.spectrum.values, jnp.exp(self.log_dt)[:, None])
        state = jnp.exp(log_a) * state + g * as_complex(self.B) * u[:, None]
        return 2.0 * jnp.sum(as_complex(self.C) * state, -1).real + self.D * u, state

    def transfer(self, s: Complex[Array, " frequencies"]) -> Complex[Array, "width frequencies"]:
        """`G(s)` of each channel in continuous time, without `D`."""

        def one(values: Any, products: Any) -> Any:
            return pair_sum(values, products, jnp.asarray(s))

        return jax.vmap(one)(self.spectrum.values, as_complex(self.C) * as_complex(self.B))
