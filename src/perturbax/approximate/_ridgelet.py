r"""Ridgelet analysis: what a net whose weights are confined to a band can represent.

With an activation `s` and a wavelet `psi`,

    R[f](a, b) = int f(x) psi(a.x - b) dx,     S[g](x) = int int g(a, b) s(a.x - b) da db

and `S[R[f]] = f` when `(2 pi)^(m-1) int s^(w) conj(psi^(w)) |w|^-m dw = 1`. The part of `f` within the band
`|a| <= lam` is a linear filter of `f`, because `a = xi / w` for the frequency `xi` of `f`:

    f_Q^(xi) = f^(xi) M(|xi| / lam),     M(t) = (2 pi)^(m-1) int_{|w| >= t} s^(w) conj(psi^(w)) |w|^-m dw

so that `M(0) = 1` and `|f - f_Q|^2 = (2 pi)^-m int |f^|^2 |1 - M(|xi| / lam)|^2 dxi` is positive unless `f` vanishes.
For the pair of a bump and a Mexican hat, in one dimension,

    s(z) = exp(-z^2 / 2),     psi(z) = (1 - z^2) exp(-z^2 / 2) / (2 pi),     M(t) = exp(-t^2)

A wavelet may be chosen, and with it `M`; that no choice makes the error vanish is what bounds coefficients mean. (In
exact arithmetic an analytic activation that is no polynomial spans all continuous functions from any open band, with
coefficients without bound.)
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array, check_number


def bump(z: Any) -> Float[Array, "..."]:
    """The activation `exp(-z^2 / 2)`.

    >>> float(bump(jnp.zeros(())))
    1.0
    """
    return jnp.exp(-0.5 * jnp.square(z))


def dual_wavelet(z: Any) -> Float[Array, "..."]:
    """The wavelet `psi` that belongs to `bump` in one dimension.

    >>> round(float(dual_wavelet(jnp.zeros(()))), 4)
    0.1592
    """
    return (1.0 - jnp.square(z)) * jnp.exp(-0.5 * jnp.square(z)) / (2.0 * jnp.pi)


def bandlimited_part(values: Any, spacing: float, bandwidth: float) -> Float[np.ndarray, " n"]:
    """What bumps with slopes within a band represent of a function on the line, with the coefficients `R[f]`.

    **Arguments:** `values`: of the function on a uniform grid, near 0 at both ends, shape `(n,)`; `spacing`: of the
    grid; `bandwidth`: `lam`.

    **Returns:** the values of `f_Q` on the same grid, in float64.

    **Raises:** `ValueError` for values that are not finite or numbers that are not positive.

    Source: derived in the module's docstring from the definitions of Li et al. 2023, arXiv 2008.08427.

    >>> x = np.linspace(-5.0, 5.0, 201)
    >>> part = bandlimited_part(np.exp(-(x**2)), 0.05, bandwidth=100.0)
    >>> bool(np.abs(part - np.exp(-(x**2))).max() < 1e-3)
    True
    """
    values = np.asarray(check_array("values", values, ndim=1), np.float64)
    spacing = check_number("spacing", spacing, minimum=0.0, exclusive=True)
    bandwidth = check_number("bandwidth", bandwidth, minimum=0.0, exclusive=True)
    # Padded to four times the length, because the filter of a narrow band is wide.
    n = 4 * values.size
    xi = 2.0 * np.pi * np.fft.rfftfreq(n, spacing)
    return np.fft.irfft(np.fft.rfft(values, n) * np.exp(-np.square(xi / bandwidth)), n)[: values.size]
