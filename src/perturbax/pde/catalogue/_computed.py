"""Problems in time whose solutions are not known in closed form: references are computed once, and kept in the cache.

A reference belongs to the numbers that a problem was made with.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...core import cached, check_number
from .._conditions import Dirichlet, Initial, Periodic
from .._domain import Box
from .._problem import PDEProblem
from . import _reference
from ._reference import CosineSeries, GridFunction, chebyshev_coefficients, chebyshev_times, integrate

# Of the reference of Allen and Cahn's equation: twice as many times change it by 2e-10, twice as many modes by 1e-6.
_MODES, _TIMES = 1024, 49
# Of that of nonlinear diffusion: cells along an axis of the coarser of two grids, and times.
_CELLS, _INSTANTS = 128, 49


def allen_cahn(diffusivity: float = 1e-4, rate: float = 5.0, end: float = 1.0) -> PDEProblem:
    r"""$u_t = D u_{xx} + \rho (u - u^3)$ on $[0, T] \times [-1, 1]$, periodic, from $x^2 \cos \pi x$.

    Near 0 the start, which has a kink at the ends, grows into a plateau with fronts. The solution is computed by a
    pseudospectral method with 1024 points and the Runge-Kutta method of order 8 of Dormand and Prince: for the numbers
    given here to 1e-6, beside the kink to 2e-5, in seconds, the first time.

    **Raises:** `ValueError` for fronts that are too thin for that many points.

    Source: the benchmark of Raissi, Perdikaris & Karniadakis 2019 (arXiv 1711.10561).

    >>> allen_cahn().domain.time_axis
    0
    """
    numbers = {
        "diffusivity": check_number("diffusivity", diffusivity, minimum=0.0, exclusive=True),
        "rate": check_number("rate", rate, minimum=0.0, exclusive=True),
    }
    end = check_number("end", end, minimum=0.0, exclusive=True)
    inputs = {**numbers, "end": end, "modes": _MODES, "times": _TIMES}
    coefficients = _kept("allen-cahn", inputs, lambda: solve_allen_cahn(**inputs))
    box = Box([0.0, -1.0], [end, 1.0], time_axis=0)
    conditions = [Initial(_dip), Periodic(1)]
    return PDEProblem(box, _allen_cahn, conditions, exact=CosineSeries(coefficients, end), params=numbers)


def _dip(x: Any, params: Any) -> Any:
    return x[1] ** 2 * jnp.cos(jnp.pi * x[1])


def _allen_cahn(x: Any, u: Any, params: Any) -> Any:
    return u.d(0) - params["diffusivity"] * u.d(1, 1) - params["rate"] * (u.value - u.value**3)


def solve_allen_cahn(
    diffusivity: float, rate: float, end: float, modes: int, times: int
) -> Float[np.ndarray, "times half"]:
    """The coefficients of a `CosineSeries`: the start is even, and so is what becomes of it."""
    x = 2.0 * np.arange(modes) / modes - 1.0
    k = np.arange(modes // 2 + 1)
    u = integrate(
        _spectral_rate,
        x**2 * np.cos(np.pi * x),
        chebyshev_times(times, end),
        (diffusivity * np.square(np.pi * k), np.asarray(rate)),
        1e-11,
    )
    # The points begin at -1, where the k-th cosine is (-1)^k; the last one has no partner.
    series = np.fft.rfft(u).real * np.where((k == 0) | (k == modes // 2), 1.0, 2.0) * (-1.0) ** k / modes
    if np.abs(series[-1, -modes // 8 :]).max() > 1e-6:
        raise ValueError(f"diffusivity must be larger for {modes} modes to resolve the fronts, got {diffusivity:g}")
    return chebyshev_coefficients(series)


def _spectral_rate(t: Any, u: Any, args: Any) -> Any:
    decay, rate = args
    return jnp.fft.irfft(-decay * jnp.fft.rfft(u)) + rate * (u - u**3)


def nonlinear_diffusion(diffusivity: float = 0.05, end: float = 1.0) -> PDEProblem:
    r"""$u_t = \alpha (|\nabla u|^2 + u \Delta u)$ on $[0, T] \times [-1, 1]^2$, zero on the boundary, from three
    Gaussians.

    Where $u$ vanishes nothing diffuses: at the boundary $u$ falls as a square root. The start does not vanish there
    exactly, so that the conditions disagree by up to 0.01. With $u \nabla u = \nabla u^2 / 2$ the solution is computed
    on grids of 128 and 256 cells an axis, and extrapolated, in seconds, the first time: to 1e-5, over all to 3e-4,
    since the square root is interpolated badly in the cells at the boundary.

    Source: the benchmark of Cho et al. 2023 (arXiv 2306.15969).

    >>> nonlinear_diffusion().dimension
    3
    """
    numbers = {"diffusivity": check_number("diffusivity", diffusivity, minimum=0.0, exclusive=True)}
    end = check_number("end", end, minimum=0.0, exclusive=True)
    inputs = {**numbers, "end": end, "cells": _CELLS, "instants": _INSTANTS}
    values = _kept("nonlinear-diffusion", inputs, lambda: _solve_nonlinear_diffusion(**inputs))
    box = Box([0.0, -1.0, -1.0], [end, 1.0, 1.0], time_axis=0)
    exact = GridFunction(values, box.lower, box.upper)
    conditions = [Dirichlet(0.0), Initial(_three_gaussians)]
    return PDEProblem(box, _nonlinear_diffusion, conditions, exact=exact, params=numbers)


_HEIGHTS, _RATES = np.array([0.25, 0.4, 0.3]), np.array([10.0, 15.0, 20.0])
_CENTRES = np.array([[0.3, 0.2], [-0.5, -0.1], [0.0, -0.5]])


def _three_gaussians(x: Any, params: Any) -> Any:
    heights, rates, centres = (jnp.asarray(values.astype(x.dtype)) for values in (_HEIGHTS, _RATES, _CENTRES))
    return heights @ jnp.exp(-rates * jnp.sum(jnp.square(x[1:] - centres), -1))


def _nonlinear_diffusion(x: Any, u: Any, params: Any) -> Any:
    square = u.d(1) ** 2 + u.d(2) ** 2
    return u.d(0) - params["diffusivity"] * (square + u.value * u.laplacian((1, 2)))


def _solve_nonlinear_diffusion(
    diffusivity: float, end: float, cells: int, instants: int
) -> Float[np.ndarray, "times side side"]:
    """Values at the nodes of the coarser grid and at times whose square roots are equally spaced."""
    times = end * np.square(np.linspace(0.0, 1.0, instants))
    coarse, fine = (diffuse(start_on_grid(n), diffusivity, times) for n in (cells, 2 * cells))
    return (4.0 * fine[:, ::2, ::2] - coarse) / 3.0


def start_on_grid(cells: int) -> Float[np.ndarray, "side side"]:
    axis = np.linspace(-1.0, 1.0, cells + 1)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)[..., None, :]
    return (_HEIGHTS * np.exp(-_RATES * np.square(x - _CENTRES).sum(-1))).sum(-1)


def diffuse(
    start: Float[np.ndarray, "side side"], diffusivity: float, times: np.ndarray
) -> Float[np.ndarray, "times side side"]:
    """The porous medium equation on the nodes of [-1, 1]^2, zero on the boundary from the beginning."""
    inside = start[1:-1, 1:-1]
    rate = diffusivity * (0.5 * (len(start) - 1)) ** 2 / 2.0
    u = integrate(_porous_rate, inside, times, np.asarray(rate), 1e-8)
    return np.pad(u, ((0, 0), (1, 1), (1, 1)))


def _porous_rate(t: Any, u: Any, rate: Any) -> Array:
    w = jnp.pad(u * u, 1)
    return rate * (w[2:, 1:-1] + w[:-2, 1:-1] + w[1:-1, 2:] + w[1:-1, :-2] - 4.0 * w[1:-1, 1:-1])


def _kept(name: str, inputs: dict[str, Any], build: Callable[[], Any]) -> Any:
    """A reference from the cache, or built where its numbers or the code of the solvers are new."""
    code = [Path(file).read_text(encoding="utf-8") for file in (__file__, _reference.__file__)]
    return cached("pde-references", {"name": name, "code": code, **inputs}, lambda: {"built": build()})["built"]
