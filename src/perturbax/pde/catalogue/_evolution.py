"""Problems in time with exact solutions; time is axis 0."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from ...core import check_number
from .._conditions import Dirichlet, Initial, Periodic
from .._domain import Box
from .._problem import PDEProblem


def burgers(viscosity: float = 0.01 / np.pi, end: float = 1.0) -> PDEProblem:
    r"""$u_t + u u_x = \nu u_{xx}$ on $[0, T] \times [-1, 1]$ from $-\sin \pi x$, zero on both sides.

    A front of width $\nu$ forms at 0 near $t = 1 / \pi$. The exact solution is that of Cole and Hopf, by 100 nodes of
    Gauss and Hermite: exact to rounding for $\nu \ge 0.003$.

    >>> burgers().domain.time_axis
    0
    """
    params = {"viscosity": check_number("viscosity", viscosity, minimum=0.0, exclusive=True)}
    box = Box([0.0, -1.0], [check_number("end", end, minimum=0.0, exclusive=True), 1.0], time_axis=0)
    conditions = [Dirichlet(0.0), Initial(_sine_start)]
    return PDEProblem(box, _burgers, conditions, exact=_cole_hopf, params=params)


_NODES, _WEIGHTS = np.polynomial.hermite.hermgauss(100)


def _sine_start(x: Any, params: Any) -> Any:
    return -jnp.sin(jnp.pi * x[1])


def _burgers(x: Any, u: Any, params: Any) -> Any:
    return u.d(0) + u.value * u.d(1) - params["viscosity"] * u.d(1, 1)


def _cole_hopf(x: Any, params: Any) -> Any:
    nu = params["viscosity"]
    nodes, weights = (jnp.asarray(values.astype(x.dtype)) for values in (_NODES, _WEIGHTS))
    y = x[1] - jnp.sqrt(4.0 * nu * x[0]) * nodes
    exponents = -jnp.cos(jnp.pi * y) / (2.0 * jnp.pi * nu)
    f = weights * jnp.exp(exponents - jnp.max(exponents))
    return -jnp.sum(f * jnp.sin(jnp.pi * y)) / jnp.sum(f)


def advection(speed: float = 1.0, end: float = 1.0) -> PDEProblem:
    r"""$u_t + \beta u_x = 0$, periodic on $[0, 2 \pi]$, from $\sin x$.

    >>> advection(30.0).order
    1
    """
    params = {"speed": check_number("speed", speed)}
    box = Box([0.0, 0.0], [check_number("end", end, minimum=0.0, exclusive=True), 2.0 * np.pi], time_axis=0)
    conditions = [Initial(_wave), Periodic(1, orders=(0,))]
    return PDEProblem(box, _advection, conditions, exact=_wave, params=params)


def _wave(x: Any, params: Any) -> Any:
    return jnp.sin(x[1] - params["speed"] * x[0])


def _advection(x: Any, u: Any, params: Any) -> Any:
    return u.d(0) + params["speed"] * u.d(1)


def reaction(rate: float = 5.0, end: float = 1.0) -> PDEProblem:
    r"""$u_t = \rho u (1 - u)$, periodic on $[0, 2 \pi]$, from a Gaussian of width $\pi / 4$ at $\pi$.

    >>> reaction().order
    1
    """
    params = {"rate": check_number("rate", rate)}
    box = Box([0.0, 0.0], [check_number("end", end, minimum=0.0, exclusive=True), 2.0 * np.pi], time_axis=0)
    conditions = [Initial(_logistic), Periodic(1, orders=(0,))]
    return PDEProblem(box, _reaction, conditions, exact=_logistic, params=params)


def _logistic(x: Any, params: Any) -> Any:
    start = jnp.exp(-0.5 * jnp.square((x[1] - jnp.pi) / (jnp.pi / 4.0)))
    grown = start * jnp.exp(params["rate"] * x[0])
    return grown / (grown + 1.0 - start)


def _reaction(x: Any, u: Any, params: Any) -> Any:
    return u.d(0) - params["rate"] * u.value * (1.0 - u.value)


def klein_gordon(frequency: float = 2.0, end: float = 10.0) -> PDEProblem:
    r"""$u_{tt} - \Delta u + u^2 = f$ on $[0, T] \times [-1, 1]^2$ with
    $u = (x + y) \cos kt + x y \sin kt$.

    >>> klein_gordon().dimension
    3
    """
    params = {"frequency": check_number("frequency", frequency)}
    end = check_number("end", end, minimum=0.0, exclusive=True)
    box = Box([0.0, -1.0, -1.0], [end, 1.0, 1.0], time_axis=0)
    conditions = [Dirichlet(_swing), Initial(_swing), Initial(_swing_rate, order=1)]
    return PDEProblem(box, _klein_gordon, conditions, exact=_swing, params=params)


def _swing(x: Any, params: Any) -> Any:
    phase = params["frequency"] * x[0]
    return (x[1] + x[2]) * jnp.cos(phase) + x[1] * x[2] * jnp.sin(phase)


def _swing_rate(x: Any, params: Any) -> Any:
    k = params["frequency"]
    return k * (x[1] * x[2] * jnp.cos(k * x[0]) - (x[1] + x[2]) * jnp.sin(k * x[0]))


def _klein_gordon(x: Any, u: Any, params: Any) -> Any:
    exact = _swing(x, params)
    force = exact**2 - params["frequency"] ** 2 * exact
    return u.d(0, 0) - u.laplacian((1, 2)) + u.value**2 - force


def flow_mixing(end: float = 4.0) -> PDEProblem:
    r"""$u_t + a u_x + b u_y = 0$ on $[0, T] \times [-4, 4]^2$: a rotating flow that rolls up a front.

    $a = -\frac{v}{v_m} \frac{y}{r}$, $b = \frac{v}{v_m} \frac{x}{r}$ with $v = \tanh r / \cosh^2 r$ and $v_m = 0.385$;
    $u = -\tanh(\frac y 2 \cos \omega t - \frac x 2 \sin \omega t)$ with $\omega = v / (r v_m)$.

    >>> flow_mixing().equations
    1
    """
    end = check_number("end", end, minimum=0.0, exclusive=True)
    box = Box([0.0, -4.0, -4.0], [end, 4.0, 4.0], time_axis=0)
    return PDEProblem(box, _mixing, [Dirichlet(_front), Initial(_front)], exact=_front)


def _rotation(x: Any) -> Any:
    square = jnp.sum(jnp.square(x[1:]))
    r = jnp.sqrt(jnp.where(square > 0.0, square, 1.0))
    rate = jnp.where(square > 0.0, jnp.tanh(r) / (r * jnp.cosh(r) ** 2), 1.0)
    return rate / 0.385


def _front(x: Any, params: Any) -> Any:
    angle = _rotation(x) * x[0]
    return -jnp.tanh(0.5 * x[2] * jnp.cos(angle) - 0.5 * x[1] * jnp.sin(angle))


def _mixing(x: Any, u: Any, params: Any) -> Any:
    return u.d(0) + _rotation(x) * (x[1] * u.d(2) - x[2] * u.d(1))
