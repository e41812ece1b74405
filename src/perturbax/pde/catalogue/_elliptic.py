"""Elliptic problems with exact solutions.

Residuals are functions of this module and their numbers are `params`, so that other numbers do not compile again.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...core import check_array, check_integer, check_number
from .._conditions import Dirichlet, Periodic
from .._domain import Box
from .._problem import PDEProblem


def helmholtz(a: Sequence[float] = (4.0, 1.0), k: float = 1.0, weight: float = 1.0) -> PDEProblem:
    r"""$u_{xx} + u_{yy} + k^2 u = q$ on $[-1, 1]^2$, zero on the boundary.

    The source is made for $u = \sin(a_1 \pi y) \sin(a_2 \pi x)$. It grows with $a^2$, so that the residual should get a
    small `weight`, such as 1e-4 for `a = (4, 1)`.

    >>> helmholtz().order
    2
    """
    params = {"a": check_array("a", list(a), shape=(2,)), "k": check_number("k", k)}
    return PDEProblem(
        Box([-1.0, -1.0], [1.0, 1.0]), _helmholtz, [Dirichlet(0.0)], exact=_waves, params=params, weight=weight
    )


def _waves(x: Any, params: Any) -> Any:
    return jnp.sin(params["a"][0] * jnp.pi * x[1]) * jnp.sin(params["a"][1] * jnp.pi * x[0])


def _helmholtz(x: Any, u: Any, params: Any) -> Any:
    rate = jnp.pi**2 * jnp.sum(jnp.square(params["a"])) - params["k"] ** 2
    return u.laplacian() + params["k"] ** 2 * u.value + rate * _waves(x, params)


def poisson(dimension: int = 2, frequency: float = 1.0) -> PDEProblem:
    r"""$\Delta u = f$ on $[0, 1]^d$ with the values of $u = \prod_i \sin(\pi \omega x_i)$ on the boundary.

    >>> poisson(1, frequency=20.0).dimension
    1
    """
    d = check_integer("dimension", dimension, minimum=1)
    params = {"frequency": check_number("frequency", frequency)}
    box = Box(np.zeros(d), np.ones(d))
    return PDEProblem(box, _poisson, [Dirichlet(_sines)], exact=_sines, params=params)


def _sines(x: Any, params: Any) -> Any:
    return jnp.prod(jnp.sin(jnp.pi * params["frequency"] * x))


def _poisson(x: Any, u: Any, params: Any) -> Any:
    return u.laplacian() + x.shape[-1] * (jnp.pi * params["frequency"]) ** 2 * _sines(x, params)


def semilinear(dimension: int = 1, amplitudes: Sequence[float] = (1.0, 0.5, 0.25), cubic: float = 1.0) -> PDEProblem:
    r"""$-\Delta u + u + c u^3 = f$, periodic on $[0, 1]^d$, the Euler-Lagrange equation of
    $\int \frac12 |\nabla u|^2 + \frac12 u^2 + \frac{c}{4} u^4 - f u$.

    The source is made for $u = \sum_j a_j \cos(2 \pi j x_{j \bmod d})$.

    >>> semilinear(2).energy is not None
    True
    """
    d = check_integer("dimension", dimension, minimum=1)
    params = {
        "amplitudes": check_array("amplitudes", list(amplitudes), shape=(None,)),
        "cubic": check_number("cubic", cubic, minimum=0.0),
    }
    box = Box(np.zeros(d), np.ones(d))
    conditions = [Periodic(axis) for axis in range(d)]
    return PDEProblem(box, _semilinear, conditions, exact=_cosines, params=params, energy=_energy)


def _modes(x: Any, params: Any) -> Any:
    j = jnp.arange(1, params["amplitudes"].shape[0] + 1)
    waves = params["amplitudes"] * jnp.cos(2.0 * jnp.pi * j * x[j % x.shape[-1]])
    return waves, jnp.square(2.0 * jnp.pi * j)


def _cosines(x: Any, params: Any) -> Any:
    return jnp.sum(_modes(x, params)[0])


def _force(x: Any, params: Any) -> Any:
    waves, rates = _modes(x, params)
    u = jnp.sum(waves)
    return jnp.sum(rates * waves) + u + params["cubic"] * u**3


def _semilinear(x: Any, u: Any, params: Any) -> Any:
    return -u.laplacian() + u.value + params["cubic"] * u.value**3 - _force(x, params)


def _energy(x: Any, u: Any, params: Any) -> Any:
    v = u.value[0]
    potential = 0.5 * v**2 + 0.25 * params["cubic"] * v**4 - _force(x, params) * v
    return 0.5 * jnp.sum(jnp.square(u.grad)) + potential
