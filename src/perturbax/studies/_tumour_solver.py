"""What the study of tumours asks of the solver: balances of mass, the speed of a front, and the order in space."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from perturbax import core, systems

from ._tumour_patients import world


def solver_record(cell: Mapping[str, Any]) -> dict[str, Any]:
    """All checks, in float64."""
    with core.float64():
        anatomy, _, prior = world(cell)
        middle = np.argmin(np.linalg.norm(prior.voxels - prior.voxels.mean(0), axis=1))
        place = prior.voxels[middle] * anatomy.spacing
        parameters = jnp.asarray(np.array([*place, 10.0, 12.0], np.float64))
        balances = [
            _mass_error(systems.FisherKolmogorov(anatomy, refine=refine), parameters) for refine in cell["refinements"]
        ]
        return {
            "mass errors": np.array(balances),
            "conserved": _conservation_error(systems.FisherKolmogorov(anatomy), parameters),
            "front error": _front_error(cell["front"]),
            "space errors": np.array(_space_errors()),
        }


def _mass_error(forward: systems.FisherKolmogorov, parameters: Any) -> float:
    """`int u(1) - int u(0)` against the trapezoidal rule of what grows, `int g u (1 - u)`."""
    history = np.asarray(_history(forward, parameters))
    growing = float(parameters[-1]) * (history * (1.0 - history)).reshape(len(history), -1).sum(1)
    grown = float(history[-1].sum() - history[0].sum())
    return abs(np.trapezoid(growing, dx=1.0 / (len(history) - 1)) / grown - 1.0)


def _conservation_error(forward: systems.FisherKolmogorov, parameters: Any) -> float:
    """Of the sum of all cells in steps of diffusion alone."""
    still = parameters.at[-1].set(0.0)
    history = np.asarray(_history(forward, still)).reshape(forward.steps + 1, -1).sum(1)
    return float(np.max(np.abs(history / history[0] - 1.0)))


def _front_error(growth: float) -> float:
    """The speed of a plane front in white matter against `2 sqrt(D rho)` with the delay of Bramson.

    In units of `sqrt(D / rho)` and `1 / rho` the front is at `2 t - 3/2 ln t`, up to a constant.
    """
    spacing = 0.25
    cells = int(2.4 * growth / spacing)
    strip = systems.BrainAnatomy(np.ones(cells, np.float32), np.zeros(cells, np.float32), spacing=spacing)
    length = float(growth) ** 0.5
    forward = systems.FisherKolmogorov(strip, reach=1.001 * length)
    history = np.asarray(_history(forward, jnp.asarray([0.0, length, float(growth)])))
    early, late = len(history) // 2, len(history) - 1
    at = [_crossing(history[i], spacing) for i in (early, late)]
    times = [growth * i / forward.steps for i in (early, late)]
    expected = 2.0 - 1.5 * np.log(times[1] / times[0]) / (times[1] - times[0])
    return abs((at[1] - at[0]) / (times[1] - times[0]) / expected - 1.0)


def _crossing(profile: np.ndarray, spacing: float) -> float:
    """Where a falling profile is one half."""
    i = int(np.flatnonzero(profile >= 0.5)[-1])
    return spacing * (i + (profile[i] - 0.5) / (profile[i] - profile[i + 1]))


def _space_errors() -> list[float]:
    """Largest errors on grids of 2 and 1 mm of the same tumour, against 0.25 mm, all with the same time steps."""
    answers = []
    for factor in (1, 2, 8):
        spacing = 2.0 / factor
        cells = 80 * factor + 1
        strip = systems.BrainAnatomy(np.ones(cells, np.float32), np.zeros(cells, np.float32), spacing=spacing)
        # Steps grow with 1 / h^2, so coarse grids take as many as the finest one.
        forward = systems.FisherKolmogorov(strip, reach=10.0, seed_radius=8.0, refine=(8 // factor) ** 2)
        answers.append(np.asarray(_grow(forward, jnp.asarray([80.0, 9.0, 5.0])))[::factor])
    return [float(np.max(np.abs(answer - answers[-1]))) for answer in answers[:-1]]


@eqx.filter_jit
def _history(forward: systems.FisherKolmogorov, parameters: Any) -> Any:
    return forward.history(parameters)


@eqx.filter_jit
def _grow(forward: systems.FisherKolmogorov, parameters: Any) -> Any:
    return forward(parameters)
