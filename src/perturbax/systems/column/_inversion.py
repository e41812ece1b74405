"""The transform of what leaves a column, with dispersion, and its inversion on a circle through the saddle points.

In the time `1 / k_d`, with `h(s) = Da s + s / (s + 1)`, a semi-infinite column has

    C(X, s) = P(s) exp(X Pe/2 (1 - sqrt(1 + 4 h(s) / Pe)))   ->   P(s) exp(-X h(s))   as Pe -> inf.

`exp(-X s / (s + 1))` has an essential singularity at -1, which contours made for poles on the negative axis meet badly.
Without dispersion the exponent of the inversion integral, `s T - X s / (s + 1)` with `T = t - Da X`, is stationary at
`s = -1 +- sqrt(X/T)`; the circle through both points,

    s = -1 + rho exp(i theta),  rho = sqrt(X/T),      c(t) = mean_k Re[rho exp(i theta_k) C(s_k) exp(s_k t)],

is of steepest descent, and midpoints on it converge geometrically. With dispersion it holds for `t > 2 Da X`, where it
encloses the cut at -1 and leaves out the one far on the left; the transform of the pulse must have no poles, and the
pulse must be over at the inlet, `T` after its end.
"""

import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float


def log_transfer(s: Any, X: Any, damkohler: Any, inverse_peclet: Any) -> Complex[Array, "..."]:
    """The logarithm of outlet over inlet in the Laplace domain, `X Pe/2 (1 - sqrt(1 + 4 h/Pe))`, in the time `1/k_d`.

    >>> jnp.allclose(log_transfer(1j, 30.0, 0.01, 0.0), -30.0 * (0.01j + 1j / (1j + 1.0)))
    Array(True, dtype=bool)
    """
    h = damkohler * s + s / (s + 1.0)
    # (1 - sqrt(1 + 4 a h)) / (2 a) without its cancellation, good for a = 0 too.
    return -2.0 * X * h / (1.0 + jnp.sqrt(1.0 + 4.0 * inverse_peclet * h))


def circle_terms(X: float, T: float) -> int:
    """Midpoints that give nearly all digits of float64 at the largest `X` and `T`: a power of two of at least
    `32 + 12 (X T)^(1/4)`.

    >>> circle_terms(100.0, 100.0)
    256
    """
    return 2 ** math.ceil(math.log2(32.0 + 12.0 * max(X * T, 0.0) ** 0.25))


def invert_on_circle(
    X: Float[Array, "m 1"],
    damkohler: Float[Array, "m 1"],
    inverse_peclet: Float[Array, "m 1"],
    desorption: Float[Array, "m 1"],
    t: Float[Array, "m n"],
    pulse: Any,
    terms: int,
) -> Float[Array, "m n"]:
    """The concentration at times `t > T0 = Da X / k_d`, in seconds, after a `pulse`, on `terms` midpoints.

    Where the times do not satisfy what the module says, the values are of no meaning.

    **Raises:** `TypeError` in float32, whose digits the factor `exp(s t)` uses up.
    """
    if t.dtype != jnp.float64:
        raise TypeError(f"t must be float64 for the inversion, got {t.dtype}; step_response works in float32 too")
    scaled = desorption * t
    T = jnp.maximum(scaled - damkohler * X, jnp.finfo(scaled.dtype).tiny)
    rho = jnp.sqrt(X / T)[..., None]
    # The integrand at conjugate points is conjugate: the upper half is enough.
    theta = jnp.pi * (2.0 * jnp.arange(terms // 2) + 1.0) / terms
    turn = rho * jnp.exp(1j * theta)
    s = turn - 1.0
    exponent = s * scaled[..., None] + log_transfer(s, X[..., None], damkohler[..., None], inverse_peclet[..., None])
    k_d = desorption[..., None]
    inlet = pulse.transform(k_d * s) * k_d
    return (turn * inlet * jnp.exp(exponent)).real.mean(-1)
