"""`spectrum`: the frequencies that a Gaussian process found."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ..core import check_instance
from ._gaussian_process import GaussianProcessField
from ._solve import PDESolution


class Spectrum(eqx.Module):
    """The mixture of one axis, sorted by weight.

    - `weights`: of the components; `frequencies`: in cycles for a unit of length; `scales`: of the envelopes.
    """

    weights: Float[np.ndarray, " components"]
    frequencies: Float[np.ndarray, " components"]
    scales: Float[np.ndarray, " components"]


def spectrum(solution: PDESolution) -> tuple[Spectrum, ...]:
    """The frequencies that `GPHM` found, the one of the largest weight first.

    **Arguments:** `solution`: of `pde.solve` with `GPHM` or `JointGPHM`.

    **Returns:** a `Spectrum` for each axis. On an interval of length `l` frequencies nearer than about `1 / l` are one.

    **Raises:** `TypeError` for another solution.

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.GPHM(pde.SpectralMixture(5, 3.0), grid=40, steps=10)
    >>> solution = pde.solve(pde.catalogue.poisson(1, frequency=4.0), method, key=jax.random.key(0))
    >>> len(pde.spectrum(solution)), pde.spectrum(solution)[0].weights.shape
    (1, (5,))
    """
    check_instance("solution", solution, PDESolution, "what pde.solve returned")
    check_instance("solution.model", solution.model, GaussianProcessField, "the field of GPHM or JointGPHM")
    model: Any = solution.model
    found = []
    for mixture in model.mixtures:
        weights = np.exp(np.asarray(mixture.log_weights))
        order = np.argsort(-weights, kind="stable")
        frequencies, scales = np.abs(np.asarray(mixture.frequencies)), np.exp(np.asarray(mixture.log_scales))
        found.append(Spectrum(weights[order], frequencies[order], scales[order]))
    return tuple(found)
