"""Problems that minimise an energy, with exact solutions that are sums of few waves.

Energies are functions of this module and their numbers are `params`, so that other numbers do not compile again.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...core import check_array, check_integer, check_number
from .._conditions import Dirichlet, Periodic
from .._domain import Box
from .._problem import PDEProblem

_AMPLITUDES = (0.6, 0.4, 0.3)


def semilinear_waves(
    dimension: int = 10, amplitudes: Sequence[float] = _AMPLITUDES, cubic: float = 1.0, seed: int = 0
) -> PDEProblem:
    r"""$-\Delta u + u + c u^3 = f$, periodic on $[0, 1]^d$, the minimiser of
    $\int \frac12 |\nabla u|^2 + \frac12 u^2 + \frac{c}{4} u^4 - f u$.

    The source is made for $u = \sum_j a_j \cos(2 \pi n_j \cdot x)$, where each $n_j$ has at most three components that
    are not 0, in $\{-2, \ldots, 2\}$. The problem is as hard in a hundred dimensions as in three.

    >>> semilinear_waves(20).dimension
    20
    """
    params = _waves(dimension, amplitudes, seed) | {"cubic": check_number("cubic", cubic, minimum=0.0)}
    return _periodic(dimension, params, _cubic_residual, _cubic_energy)


def quartic_waves(
    dimension: int = 2, amplitudes: Sequence[float] = (0.1, 0.05, 0.05), quartic: float = 0.1, seed: int = 0
) -> PDEProblem:
    r"""$-\nabla \cdot ((1 + \gamma |\nabla u|^2) \nabla u) + u = f$, periodic on $[0, 1]^d$, the minimiser of
    $\int \frac12 |\nabla u|^2 + \frac{\gamma}{4} |\nabla u|^4 + \frac12 u^2 - f u$.

    The source is made for the waves of `semilinear_waves`. The curvature of the energy grows with the square of the
    slope.

    >>> quartic_waves(2).energy is not None
    True
    """
    params = _waves(dimension, amplitudes, seed) | {"quartic": check_number("quartic", quartic, minimum=0.0)}
    return _periodic(dimension, params, _quartic_residual, _quartic_energy)


def semilinear_membrane(dimension: int = 2, amplitudes: Sequence[float] = (1.0, 0.5), cubic: float = 1.0) -> PDEProblem:
    r"""$-\Delta u + u + c u^3 = f$ on $[0, 1]^d$, zero on the boundary.

    The source is made for $u = \sum_j a_j \prod_i \sin(\pi j x_i)$.

    >>> semilinear_membrane(1).order
    2
    """
    d = check_integer("dimension", dimension, minimum=1)
    params = {
        "amplitudes": check_array("amplitudes", list(amplitudes), shape=(None,)),
        "cubic": check_number("cubic", cubic, minimum=0.0),
    }
    box = Box(np.zeros(d), np.ones(d))
    return PDEProblem(box, _membrane_residual, [Dirichlet(0.0)], exact=_sines, params=params, energy=_membrane_energy)


def _waves(dimension: int, amplitudes: Sequence[float], seed: int) -> dict[str, Any]:
    d = check_integer("dimension", dimension, minimum=1)
    a = check_array("amplitudes", list(amplitudes), shape=(None,))
    random = np.random.default_rng(check_integer("seed", seed, minimum=0))
    frequencies: list[np.ndarray] = []
    while len(frequencies) < len(a):
        n = np.zeros(d)
        places = random.choice(d, min(d, 3), replace=False)
        n[places] = random.integers(-2, 3, len(places))
        # In one dimension there are only two different waves.
        if n.any() and (d == 1 or not any(np.array_equal(n, s * m) for m in frequencies for s in (1, -1))):
            frequencies.append(n)
    return {"frequencies": np.stack(frequencies), "amplitudes": a}


def _periodic(dimension: int, params: dict[str, Any], residual: Any, energy: Any) -> PDEProblem:
    box = Box(np.zeros(dimension), np.ones(dimension))
    conditions = [Periodic(axis) for axis in range(dimension)]
    return PDEProblem(box, residual, conditions, exact=_cosines, params=params, energy=energy)


def _cosines(x: Any, params: Any) -> Any:
    return jnp.dot(params["amplitudes"], jnp.cos(2.0 * jnp.pi * (params["frequencies"] @ x)))


def _cubic_source(x: Any, params: Any) -> Any:
    rates = 1.0 + jnp.sum(jnp.square(2.0 * jnp.pi * params["frequencies"]), -1)
    waves = jnp.cos(2.0 * jnp.pi * (params["frequencies"] @ x))
    u = jnp.dot(params["amplitudes"], waves)
    return jnp.dot(rates * params["amplitudes"], waves) + params["cubic"] * u**3


def _cubic_residual(x: Any, u: Any, params: Any) -> Any:
    return -u.laplacian() + u.value + params["cubic"] * u.value**3 - _cubic_source(x, params)


def _cubic_energy(x: Any, u: Any, params: Any) -> Any:
    return _cubic_density(u, params) - _cubic_source(x, params) * u.value[0]


def _cubic_density(u: Any, params: Any) -> Any:
    v = u.value[0]
    return 0.5 * jnp.sum(jnp.square(u.grad)) + 0.5 * v**2 + 0.25 * params["cubic"] * v**4


def _quartic_source(x: Any, params: Any) -> Any:
    rates = 2.0 * jnp.pi * params["frequencies"]
    phases = rates @ x
    waves = params["amplitudes"] * jnp.cos(phases)
    slope = -(params["amplitudes"] * jnp.sin(phases)) @ rates
    # The squares of the slopes along each wave: `p^T (Hessian) p` is a sum over waves.
    steep = jnp.dot(waves, jnp.square(rates @ slope))
    laplacian = -jnp.dot(waves, jnp.sum(jnp.square(rates), -1))
    gamma = params["quartic"]
    return -(1.0 + gamma * jnp.dot(slope, slope)) * laplacian + 2.0 * gamma * steep + jnp.sum(waves)


def _quartic_residual(x: Any, u: Any, params: Any) -> Any:
    p, gamma, d = u.grad[0], params["quartic"], x.shape[-1]
    second = jnp.stack([jnp.stack([u.d(i, j)[0] for j in range(d)]) for i in range(d)])
    flux = (1.0 + gamma * p @ p) * jnp.trace(second) + 2.0 * gamma * p @ second @ p
    return -flux + u.value[0] - _quartic_source(x, params)


def _quartic_energy(x: Any, u: Any, params: Any) -> Any:
    v, square = u.value[0], jnp.sum(jnp.square(u.grad))
    return 0.5 * square + 0.25 * params["quartic"] * square**2 + 0.5 * v**2 - _quartic_source(x, params) * v


def _membrane_modes(x: Any, params: Any) -> Any:
    rates = jnp.pi * jnp.arange(1, params["amplitudes"].shape[0] + 1)
    waves = params["amplitudes"] * jnp.prod(jnp.sin(rates[:, None] * x), -1)
    return waves, x.shape[-1] * jnp.square(rates)


def _sines(x: Any, params: Any) -> Any:
    return jnp.sum(_membrane_modes(x, params)[0])


def _membrane_source(x: Any, params: Any) -> Any:
    waves, rates = _membrane_modes(x, params)
    u = jnp.sum(waves)
    return jnp.dot(rates, waves) + u + params["cubic"] * u**3


def _membrane_residual(x: Any, u: Any, params: Any) -> Any:
    return -u.laplacian() + u.value + params["cubic"] * u.value**3 - _membrane_source(x, params)


def _membrane_energy(x: Any, u: Any, params: Any) -> Any:
    return _cubic_density(u, params) - _membrane_source(x, params) * u.value[0]
