"""The Poisson flow of PFGM++: EDM with the noise of a multivariate Student-t distribution.

Data in `R^N` are charges in `N + D` dimensions; their field carries a hemisphere to the data. With `r` the norm of the
`D` extra coordinates and `sigma = r / sqrt(D)`, the kernel `p(x | y) ~ (|x - y|^2 + r^2)^{-(N + D) / 2}` is

    x = y + sigma g / sqrt(q / D),   g ~ N(0, I),   q ~ chi^2_D, one for all coordinates,

a Student-t distribution with `D` degrees of freedom, and the flow of the field is `dx/dsigma = (x - E[y | x]) / sigma`,
which is EDM's. So hyper-parameters carry over at equal `sigma`, that is by `r = sigma sqrt(D)`.

Source: Xu et al. 2023, equations 3 and 4, section 4.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import check_number
from ._noise_level import NoiseLevelProcess

_SMALLEST_RATIO = 1e-30


class PoissonFlow(NoiseLevelProcess):
    """The process of PFGM++: `x_t = x_0 + t z` with Student-t noise `z`. `D = inf` is `EDM`, `D = 1` is PFGM.

    A sampler starts from that noise; what it adds on the way, such as churn, stays normal. The variance of `z` is
    `D / (D - 2)`, infinite for `D <= 2`.

    Source: Xu et al. 2023 (PFGM++), sections 3 and 4, with EDM's noise levels.

    **Arguments:**

    - `D`: extra dimensions, any positive number or infinity; the paper's best are 2048 (CIFAR-10) and 128 (FFHQ).
    - `t_min`, `t_max`: the smallest and largest noise level.
    - `clip`: the largest factor by which a sample's noise may be wider than a normal's.

    **Raises:** `ValueError` unless `D > 0`, `clip > 0` and `0 < t_min < t_max`. Warns when `D <= 2` in float32 without
    `clip`: a single start may be too large to compute with.

    >>> PoissonFlow(8.0).noise(jax.random.key(0), (3,), "float32").shape
    (3,)
    """

    D: float = 128.0
    t_min: float = 0.002
    t_max: float = 80.0
    clip: float = math.inf

    def __check_init__(self):
        self._check_levels()
        check_number("D", self.D, minimum=0.0, exclusive=True, finite=False)
        check_number("clip", self.clip, minimum=0.0, exclusive=True, finite=False)
        if self.D <= 2 and math.isinf(self.clip) and not jax.config.read("jax_enable_x64"):
            warnings.warn(
                f"D={self.D:g} <= 2 has noise of infinite variance: compute in float64, or bound it with clip",
                stacklevel=3,
            )

    @property
    def degrees(self) -> float:
        return float(self.D)

    @property
    def noise(self) -> Callable[..., Float[Array, "..."]]:
        return jax.random.normal if math.isinf(self.D) else _StudentT(float(self.D), float(self.clip))


class _StudentT(eqx.Module):
    """Draws the noise of one sample. With a key, `D` to infinity gives the normals of that key."""

    degrees: float
    clip: float

    def __call__(self, key: PRNGKeyArray, shape: tuple[int, ...], dtype: Any = float) -> Float[Array, "..."]:
        normals = jax.random.normal(key, shape, dtype)
        ratio = chi_square_ratio(jax.random.fold_in(key, 1), self.degrees, dtype)
        return normals * jnp.minimum(jax.lax.rsqrt(jnp.maximum(ratio, _SMALLEST_RATIO)), self.clip)


def chi_square_ratio(key: PRNGKeyArray, degrees: float, dtype: Any = float) -> Float[Array, ""]:
    """One draw of `q / D` with `q ~ chi^2_D`.

    By the rejection of Marsaglia & Tsang 2000 as one loop, which `vmap` runs for all samples together; that of
    `jax.random.gamma` visits them one by one on a CPU.
    """
    loop_key, boost_key = jax.random.split(key)
    a = degrees / 2.0
    shape = a if a >= 1.0 else a + 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)

    def propose(carry: Any) -> Any:
        key, normal_key, uniform_key = jax.random.split(carry[0], 3)
        x, u = jax.random.normal(normal_key, (), dtype), jax.random.uniform(uniform_key, (), dtype)
        w = c * x
        # v = (1 + w)^3; 1 - v + log v without the difference of two numbers near 1.
        log_v = 3.0 * jnp.log1p(jnp.maximum(w, -1.0))
        accepted = (w > -1.0) & (jnp.log(u) < 0.5 * x**2 + d * (log_v - w * (3.0 + w * (3.0 + w))))
        return key, (1.0 + w) ** 3, accepted

    start = (loop_key, jnp.ones((), dtype), jnp.zeros((), bool))
    _, v, _ = jax.lax.while_loop(lambda carry: ~carry[2], propose, start)
    ratio = d / a * v
    if a < 1.0:
        ratio = ratio * jax.random.uniform(boost_key, (), dtype) ** (1.0 / a)
    return ratio
