r"""Problems with high frequencies, of one scale or several, with exact solutions.

They are those of Fang et al. 2024 (arXiv 2311.04465). A profile along an axis is a sum of waves,
$p(t) = \sum_i a_i \sin(\omega_i t + \phi_i)$; $\sin 6t \cos 100t$ is `frequencies=(106, 94), amplitudes=(0.5, -0.5)`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...core import check_array, check_integer, check_number
from .._conditions import Dirichlet
from .._domain import Box
from .._problem import PDEProblem


def multiscale_poisson(
    frequencies: Sequence[float] = (100.0,),
    amplitudes: Sequence[float] | None = None,
    phases: Sequence[float] | None = None,
    dimension: int = 1,
) -> PDEProblem:
    r"""$\Delta u = f$ on $[0, 2 \pi]^d$ with the values of $u = \prod_j p(x_j)$ on the boundary.

    `frequencies` are angular; `amplitudes` are 1 and `phases` 0 by default.

    >>> multiscale_poisson((1.0, 20.0, 100.0), (1.0, 0.1, 0.05)).dimension
    1
    """
    params = _waves(frequencies, amplitudes, phases)
    return _on_cube(_poisson, _product, params, check_integer("dimension", dimension, minimum=1))


def additive_poisson(
    frequencies: Sequence[float] = (26.0, 14.0),
    amplitudes: Sequence[float] | None = (0.5, -0.5),
    phases: Sequence[float] | None = None,
    dimension: int = 2,
) -> PDEProblem:
    r"""$\Delta u = f$ on $[0, 2 \pi]^d$ with the values of $u = \sum_j p(x_j)$ on the boundary; by default
    $p(t) = \sin 6t \cos 20t$. The arguments are those of `multiscale_poisson`.

    >>> additive_poisson().indices
    ((0, 0), (1, 1))
    """
    params = _waves(frequencies, amplitudes, phases)
    return _on_cube(_additive, _sum, params, check_integer("dimension", dimension, minimum=1))


def multiscale_allen_cahn(
    frequencies: Sequence[float] = (100.0,),
    amplitudes: Sequence[float] | None = None,
    phases: Sequence[float] | None = None,
    dimension: int = 1,
) -> PDEProblem:
    r"""$\Delta u + u (u^2 - 1) = f$ on $[0, 2 \pi]^d$ with the values of $u = \prod_j p(x_j)$ on the boundary. The
    arguments are those of `multiscale_poisson`.

    >>> multiscale_allen_cahn((106.0, 94.0), (0.5, -0.5)).order
    2
    """
    params = _waves(frequencies, amplitudes, phases)
    return _on_cube(_allen_cahn, _product, params, check_integer("dimension", dimension, minimum=1))


def modulated_poisson(frequency: float = 200.0) -> PDEProblem:
    r"""$u'' = f$ on $[0, 2 \pi]$ with the values of $u = x \sin \omega x$ at the ends.

    >>> modulated_poisson().dimension
    1
    """
    return _on_cube(_modulated, _ramp, {"frequency": check_number("frequency", frequency)}, 1)


def trended_poisson(frequency: float = 500.0) -> PDEProblem:
    r"""$u'' = f$ on $[0, 1]$ with the values of $u = \sin \omega x - 2 (x - \frac12)^2$ at the ends.

    >>> float(trended_poisson().domain.upper[0])
    1.0
    """
    return _on_cube(_trended, _trend, {"frequency": check_number("frequency", frequency)}, 1, length=1.0)


def _waves(frequencies: Any, amplitudes: Any, phases: Any) -> dict[str, Any]:
    frequencies = check_array("frequencies", list(frequencies), shape=(None,))
    count = len(frequencies)
    given = {"amplitudes": np.ones(count) if amplitudes is None else list(amplitudes)}
    given["phases"] = np.zeros(count) if phases is None else list(phases)
    return {"frequencies": frequencies} | {
        name: check_array(name, value, shape=(count,)) for name, value in given.items()
    }


def _on_cube(residual: Callable, exact: Callable, params: Any, dimension: int, length: float = 2.0 * np.pi) -> Any:
    box = Box(np.zeros(dimension), np.full(dimension, length))
    return PDEProblem(box, residual, [Dirichlet(exact)], exact=exact, params=params)


def _profiles(x: Any, params: Any) -> tuple[Any, Any]:
    """The profile along each axis, and its second derivative."""
    omega = params["frequencies"]
    waves = params["amplitudes"] * jnp.sin(omega * x[:, None] + params["phases"])
    return jnp.sum(waves, -1), -jnp.sum(jnp.square(omega) * waves, -1)


def _product(x: Any, params: Any) -> Any:
    return jnp.prod(_profiles(x, params)[0])


def _sum(x: Any, params: Any) -> Any:
    return jnp.sum(_profiles(x, params)[0])


def _laplacian_of_product(x: Any, params: Any) -> Any:
    p, second = _profiles(x, params)
    # Each term replaces one factor: no division by a profile, which may be 0.
    factors = jnp.where(jnp.eye(len(p), dtype=bool), second[:, None], p)
    return jnp.sum(jnp.prod(factors, -1))


def _poisson(x: Any, u: Any, params: Any) -> Any:
    return u.laplacian() - _laplacian_of_product(x, params)


def _additive(x: Any, u: Any, params: Any) -> Any:
    return u.laplacian() - jnp.sum(_profiles(x, params)[1])


def _allen_cahn(x: Any, u: Any, params: Any) -> Any:
    exact = _product(x, params)
    force = _laplacian_of_product(x, params) + exact * (exact**2 - 1.0)
    return u.laplacian() + u.value * (u.value**2 - 1.0) - force


def _ramp(x: Any, params: Any) -> Any:
    return x[0] * jnp.sin(params["frequency"] * x[0])


def _modulated(x: Any, u: Any, params: Any) -> Any:
    omega = params["frequency"]
    return u.d(0, 0) - 2.0 * omega * jnp.cos(omega * x[0]) + omega**2 * _ramp(x, params)


def _trend(x: Any, params: Any) -> Any:
    return jnp.sin(params["frequency"] * x[0]) - 2.0 * jnp.square(x[0] - 0.5)


def _trended(x: Any, u: Any, params: Any) -> Any:
    return u.d(0, 0) + params["frequency"] ** 2 * jnp.sin(params["frequency"] * x[0]) + 4.0
