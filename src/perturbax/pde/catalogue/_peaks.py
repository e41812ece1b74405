"""Problems with peaks that uniform points miss, and their exact solutions."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...core import check_array, check_integer, check_number
from .._conditions import Dirichlet
from .._domain import Box
from .._problem import PDEProblem


def peak(sharpness: float = 1000.0, centre: Sequence[float] = (0.5, 0.5), weight: float = 1.0) -> PDEProblem:
    r"""$-\Delta u = s$ on $[-1, 1]^d$ with $u = \exp(-p |x - c|^2)$, a peak of width $p^{-1/2}$.

    Uniform points miss it. The residual is divided by $2 d p$, its largest value, and has a `weight`.

    >>> peak(60.0).dimension
    2
    """
    centre = check_array("centre", list(centre), shape=(None,))
    d = len(centre)
    params = {"sharpness": check_number("sharpness", sharpness, minimum=0.0, exclusive=True), "centre": centre}
    return PDEProblem(_cube(d), _peak, [Dirichlet(_bump)], exact=_bump, params=params, weight=weight)


def _cube(dimension: int) -> Box:
    return Box(-np.ones(dimension), np.ones(dimension))


def _bump(x: Any, params: Any) -> Any:
    return jnp.exp(-params["sharpness"] * jnp.sum(jnp.square(x - params["centre"])))


def _peak(x: Any, u: Any, params: Any) -> Any:
    p, d = params["sharpness"], x.shape[-1]
    square = jnp.sum(jnp.square(x - params["centre"]))
    return u.laplacian() / (2.0 * d * p) - (2.0 * p * square / d - 1.0) * _bump(x, params)


def two_peaks(sharpness: float = 1000.0, centre: Sequence[float] = (0.5, 0.5), weight: float = 1.0) -> PDEProblem:
    r"""$-\nabla \cdot (u \nabla |x|^2) + \Delta u = s$ on $[-1, 1]^d$ with peaks of width $p^{-1/2}$ at $\pm c$.

    The residual is divided by $2 d p$ and has a `weight`.

    >>> two_peaks(60.0).order
    2
    """
    centre = check_array("centre", list(centre), shape=(None,))
    d = len(centre)
    params = {"sharpness": check_number("sharpness", sharpness, minimum=0.0, exclusive=True), "centre": centre}
    return PDEProblem(_cube(d), _drifting, [Dirichlet(_bumps)], exact=_bumps, params=params, weight=weight)


def _bumps(x: Any, params: Any) -> Any:
    return _bump(x, params) + _bump(-x, params)


def _drifting(x: Any, u: Any, params: Any) -> Any:
    p, d = params["sharpness"], x.shape[-1]

    def applied(value: Any, slope: Any, laplacian: Any) -> Any:
        return laplacian - 2.0 * (slope @ x) - 2.0 * d * value

    source = 0.0
    for centre in (params["centre"], -params["centre"]):
        bump = _bump(x, params | {"centre": centre})
        away = x - centre
        laplacian = (4.0 * p**2 * jnp.sum(jnp.square(away)) - 2.0 * d * p) * bump
        source = source + applied(bump, -2.0 * p * bump * away, laplacian)
    return (applied(u.value, u.grad, u.laplacian()) - source) / (2.0 * d * p)


def nonlinear_peak(dimension: int = 10, sharpness: float = 10.0, weight: float = 1.0) -> PDEProblem:
    r"""$-\Delta u + u - u^3 = s$ on $[-1, 1]^d$ with $u = \exp(-p |x|^2)$.

    The share of the cube that the peak takes falls with the dimension like $(\pi / 4p)^{d/2}$. The residual is divided
    by $2 d p$ and has a `weight`.

    >>> nonlinear_peak(3).dimension
    3
    """
    d = check_integer("dimension", dimension, minimum=1)
    params = {
        "sharpness": check_number("sharpness", sharpness, minimum=0.0, exclusive=True),
        "centre": np.zeros(d),
    }
    return PDEProblem(_cube(d), _nonlinear, [Dirichlet(_bump)], exact=_bump, params=params, weight=weight)


def _nonlinear(x: Any, u: Any, params: Any) -> Any:
    p, d = params["sharpness"], x.shape[-1]
    bump = _bump(x, params)
    source = -(4.0 * p**2 * jnp.sum(jnp.square(x)) - 2.0 * d * p) * bump + bump - bump**3
    return (-u.laplacian() + u.value - u.value**3 - source) / (2.0 * d * p)
