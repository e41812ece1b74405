"""Excursions counted in simulated paths.

Circulant embedding gives paths on rings, so that no excursion is cut off: a path of length `L` that ends would lose
long excursions more often than short ones and shift the mean by about `-Var T / L`. Crossings are placed by linear
interpolation between grid points; the tail is that of an exponential, fitted to the excursions beyond twice the mean,

    theta = 1 / mean(T - b | T > b),   b = 2 E T.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..core import Paper, check_integer, check_key
from ._circulant import CirculantEmbedding
from ._excursions import AbstractExcursionMethod, ExcursionLaw, StationaryGaussian

_BATCH = 64
_GRID = 2**12


class SimulatedExcursions(AbstractExcursionMethod):
    """The empirical law of simulated excursions, by brute force: any covariance and level, no approximation but noise.

    Above level 0 the excursions below are counted too, which have the same law.

    **Arguments:**

    - `points`: of a path, on a ring; even.
    - `paths`: how many.
    - `resolution`: grid points in a mean excursion above level 0. Excursions shorter than a step are missed.

    **Returns:** a frozen method for `stats.excursions`; the law has the `durations`.

    **Raises:** `ValueError` when one is out of range, or, when used, if the correlation has not vanished half way round
    the ring.

    Source: Dietrich & Newsam 1997 (the paths).

    >>> import jax
    >>> from perturbax import stats
    >>> problem = stats.StationaryGaussian(stats.covariances.Diffusion(2))
    >>> law = stats.excursions(problem, stats.SimulatedExcursions(paths=8), key=jax.random.key(0))
    >>> bool(abs(law.mean / 6.283 - 1) < 0.1)
    True
    """

    points: int = 2**14
    paths: int = 320
    resolution: int = 128

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title=(
                "Fast and Exact Simulation of Stationary Gaussian Processes through Circulant Embedding of the "
                "Covariance Matrix"
            ),
            authors=("C. R. Dietrich", "G. N. Newsam"),
            year=1997,
            doi="10.1137/S1064827592240555",
        ),
    )

    def __check_init__(self):
        check_integer("points", self.points, minimum=16)
        check_integer("paths", self.paths, minimum=1)
        check_integer("resolution", self.resolution, minimum=4)

    def law(self, problem: StationaryGaussian, key: Any) -> ExcursionLaw:
        key = check_key("key", key)
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(problem)):
            raise TypeError("problem is traced, but SimulatedExcursions runs outside of jit, vmap and grad")
        spacing = float(np.pi / np.sqrt(problem.lambda2) / self.resolution)
        embedding = CirculantEmbedding(problem.correlation, self.points, spacing, period=self.points)
        level = float(problem.level)
        found = []
        for start in range(0, self.paths, _BATCH):
            paths = embedding.ring(jax.random.fold_in(key, start), min(_BATCH, self.paths - start), np.float64)
            found += [_durations(paths - level)] + ([_durations(-paths)] if level == 0.0 else [])
        # Compaction needs a shape that is not known before: outside of the compiled part.
        durations = np.sort(np.concatenate([lengths[np.isfinite(lengths)] for lengths in map(np.ravel, found)]))
        durations = durations * spacing
        if durations.size < 100:
            raise ValueError(f"paths hold {durations.size} excursions above level {level:g}; raise paths or points")
        return _empirical(durations, float(problem.horizon))


@jax.jit
def _durations(paths: Float[Array, "paths points"]) -> Float[Array, "paths points"]:
    """For each up-crossing of 0 on a ring the steps to the next down-crossing; NaN at all other points."""
    size = paths.shape[1]
    following = jnp.roll(paths, -1, axis=1)
    at = jnp.arange(size) + paths / jnp.where(paths == following, 1.0, paths - following)
    ups, downs = (paths <= 0.0) & (following > 0.0), (paths > 0.0) & (following <= 0.0)
    down_at = jnp.where(downs, at, jnp.inf)
    next_down = jax.lax.cummin(down_at, axis=1, reverse=True)
    next_down = jnp.minimum(next_down, down_at.min(axis=1, keepdims=True) + size)
    return jnp.where(ups & jnp.isfinite(next_down), next_down - at, jnp.nan)


def _empirical(durations: np.ndarray, horizon: float) -> ExcursionLaw:
    t = np.linspace(0.0, horizon, _GRID)
    survival = 1.0 - np.searchsorted(durations, t, side="right") / durations.size
    mean = durations.mean()
    beyond = durations[durations > 2.0 * mean] - 2.0 * mean
    return ExcursionLaw(
        t,
        survival,
        np.maximum(-np.gradient(survival, t), 0.0),
        np.asarray(1.0 / beyond.mean() if beyond.size else np.nan),
        np.asarray(mean),
        np.asarray(True),
        np.asarray(np.nan),
        durations=durations,
        stats={"evaluations": durations.size},
    )
