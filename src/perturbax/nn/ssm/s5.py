"""S5: one diagonal system with as many inputs and outputs as channels, run as a scan; S5-PTD when perturbed.

Smith, Warrington & Linderman 2022 (arXiv 2208.04933); Yu et al. 2023 (arXiv 2310.01698). With one of each pair of
modes, `B` of shape `(modes, width)` and `C` of shape `(width, modes)`,

    x_l = a x_{l-1} + g B u_l,      y_l = 2 Re C x_l + D u_l.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from ...core import check_instance, check_integer, check_key
from ._discretise import ZOH, AbstractDiscretisation
from ._layer import AbstractSSM, Spectrum, as_complex, as_pair, draw_log_dt, linear_scan
from ._modes import Modes


class S5(AbstractSSM):
    """A layer of one diagonal system with many inputs and outputs. With modes of a perturbed matrix it is S5-PTD.

    Run by an associative scan, `O(length modes)` in memory and logarithmic in depth.

    **Arguments:**

    - `width`: number of channels.
    - `init`: `Modes`, as for `S4D`; `B` of the init is not used, as there is one column for each channel.
    - `key`: draws `B` and `C`, normal in the basis before diagonalisation, of variance one over the number of what they
      sum; `D`, normal; and a step for each mode.
    - `dt`: the two ends between which steps are log-uniform; equal for a fixed step.
    - `discretise`: `ZOH()` or `Bilinear()`.

    **Raises:** `TypeError`, `ValueError` that name the argument.

    Source: Smith, Warrington & Linderman 2022 (S5), Yu et al. 2023 (S5-PTD).

    >>> from perturbax.nn import ssm
    >>> layer = S5(4, ssm.s4d_legs(16), key=jax.random.key(0))
    >>> layer(jnp.ones((2, 10, 4))).shape
    (2, 10, 4)
    """

    spectrum: Spectrum
    B: Float[Array, "modes width 2"]
    C: Float[Array, "width modes 2"]
    D: Float[Array, " width"]
    log_dt: Float[Array, " modes"]
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
        width = check_integer("width", width, minimum=1)
        check_instance("init", init, Modes, "modes such as ssm.s4d_legs(64)")
        B_key, C_key, D_key, dt_key = jax.random.split(check_key("key", key), 4)
        N = init.size
        B = jax.random.normal(B_key, (N, width)) / width**0.5
        C = jax.random.normal(C_key, (width, N)) / N**0.5
        self.spectrum = Spectrum(init.values)
        self.B = jnp.einsum("nNc,Nh->nhc", as_pair(init.inverse), B)
        self.C = jnp.einsum("hN,Nnc->hnc", C, as_pair(init.outputs))
        self.D = jax.random.normal(D_key, (width,))
        self.log_dt = draw_log_dt(dt_key, dt, (init.values.size,))
        rule = ZOH() if discretise is None else discretise
        self.discretise = check_instance("discretise", rule, AbstractDiscretisation, "a rule such as ZOH()")

    def __call__(self, u: Float[Array, "*batch length width"]) -> Float[Array, "*batch length width"]:
        sequences = u.reshape(-1, *u.shape[-2:])
        return jax.vmap(self.scan)(sequences).reshape(u.shape)

    def scan(
        self, u: Float[Array, "length width"], intervals: Float[Array, " length"] | None = None
    ) -> Float[Array, "length width"]:
        """One sequence.

        **Arguments:** `u`: shape `(length, width)`; `intervals`: time before each step in units of the layer's
        `dt`, for a sequence that is not evenly spaced.
        """
        intervals = jnp.ones(u.shape[0]) if intervals is None else intervals
        log_a, g = self.discretise(self.spectrum.values, intervals[:, None] * jnp.exp(self.log_dt))
        x = linear_scan(jnp.exp(log_a), g * (u @ as_complex(self.B).T))
        return 2.0 * (x @ as_complex(self.C).T).real + self.D * u

    def start(self) -> Complex[Array, " modes"]:
        return jnp.zeros_like(self.spectrum.values)

    def step(self, state: Any, u: Float[Array, " width"]) -> tuple[Float[Array, " width"], Complex[Array, " modes"]]:
        log_a, g = self.discretise(self.spectrum.values, jnp.exp(self.log_dt))
        state = jnp.exp(log_a) * state + g * (as_complex(self.B) @ u)
        return 2.0 * (as_complex(self.C) @ state).real + self.D * u, state

    def transfer(self, s: Complex[Array, " frequencies"]) -> Complex[Array, "frequencies width width"]:
        """The matrices `G(s)` in continuous time, without `D`."""
        values, B, C = self.spectrum.values, as_complex(self.B), as_complex(self.C)
        s = jnp.asarray(s)[:, None]
        return jnp.einsum("hn,fn,ni->fhi", C, 1.0 / (s - values), B) + jnp.einsum(
            "hn,fn,ni->fhi", C.conj(), 1.0 / (s - values.conj()), B.conj()
        )
