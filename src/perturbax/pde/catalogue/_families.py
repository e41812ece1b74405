"""Families of problems with exact solutions, cut in two or three, on which interface conditions are compared.

Those of Li et al. 2023, arXiv 2210.12669, but for the Poisson problem, which has a source there and no closed form.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jax.scipy.special import erf

from ...core import check_number
from .._conditions import Dirichlet
from .._domain import Box
from .._family import Family
from .._partition import Split
from .._problem import PDEProblem
from ._evolution import advection, burgers, reaction


def poisson_box(sharpness: float = 2.0) -> PDEProblem:
    r"""$\Delta u = f$ on $[0, 1]^2$ for $u = e(x) e(y)$, a box with edges of width $1 / s$ between 0.3 and 0.7:

    $e(q) = (\operatorname{erf}(s (q - 0.3)) - \operatorname{erf}(s (q - 0.7))) / 2$.

    >>> poisson_box(4.0).order
    2
    """
    params = {"sharpness": check_number("sharpness", sharpness, minimum=0.0, exclusive=True)}
    return PDEProblem(Box([0.0, 0.0], [1.0, 1.0]), _poisson_box, [Dirichlet(_box)], exact=_box, params=params)


def _edges(q: Any, s: Any) -> tuple[Any, Any]:
    """`e` and its second derivative."""
    curved = lambda z: -2.0 * s**2 * z * jnp.exp(-jnp.square(z)) / jnp.sqrt(jnp.pi)  # noqa: E731
    up, down = s * (q - 0.3), s * (q - 0.7)
    return 0.5 * (erf(up) - erf(down)), curved(up) - curved(down)


def _box(x: Any, params: Any) -> Any:
    s = params["sharpness"]
    return _edges(x[0], s)[0] * _edges(x[1], s)[0]


def _poisson_box(x: Any, u: Any, params: Any) -> Any:
    (e, curved_e), (f, curved_f) = (_edges(x[k], params["sharpness"]) for k in (0, 1))
    return u.laplacian() - curved_e * f - e * curved_f


def poisson_family(lower: float = 1.0, upper: float = 6.0) -> Family:
    """`poisson_box` by its sharpness, cut at x = 0.5.

    >>> poisson_family().problem([2.0]).dimension
    2
    """
    return Family(poisson_box, [lower], [upper], Split(0, 0.5))


def burgers_family(lower: float = 1e-3, upper: float = 5e-2) -> Family:
    """`burgers` by its viscosity, with a strip |x| < 0.1 around the front: three subdomains.

    The exact solution is exact to rounding from a viscosity of 0.003 on.

    >>> burgers_family().problem([0.01]).flux is not None
    True
    """
    return Family(_burgers_with_flux, [lower], [upper], Split(1, (-0.1, 0.1)))


def _burgers_with_flux(viscosity: float) -> PDEProblem:
    return dataclasses.replace(burgers(viscosity), flux=_burgers_flux)


def _burgers_flux(x: Any, u: Any, params: Any) -> Any:
    return jnp.stack([u.value, 0.5 * u.value**2 - params["viscosity"] * u.d(1)], -1)


def advection_family(lower: float = 1.0, upper: float = 30.0) -> Family:
    """`advection` by its speed, cut at t = 0.5.

    >>> advection_family().problem([3.0]).order
    1
    """
    return Family(_advection_with_flux, [lower], [upper], Split(0, 0.5))


def _advection_with_flux(speed: float) -> PDEProblem:
    return dataclasses.replace(advection(speed), flux=_advection_flux)


def _advection_flux(x: Any, u: Any, params: Any) -> Any:
    return jnp.stack([u.value, params["speed"] * u.value], -1)


def reaction_family(lower: float = 1.0, upper: float = 15.0) -> Family:
    """`reaction` by its rate, cut at t = 0.5. It conserves nothing: the flux is the normal derivative.

    >>> reaction_family().problem([3.0]).order
    1
    """
    return Family(reaction, [lower], [upper], Split(0, 0.5))
