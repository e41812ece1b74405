"""`semidiscrete`: the optimal map from a Gaussian onto finitely many points. The verb, its problem and its solution.

With the source `mu = N(0, I)` and targets `y_i` of weight `nu_i`, Brenier's potential and the optimal map are

    u_h(x) = max_i (<x, y_i> + h_i),      T(x) = y_{argmax_i (<x, y_i> + h_i)},                               (1)

where the heights `h` minimise the convex energy

    E(h) = int u_h dmu - <h, nu>,         dE/dh_i = mu(W_i) - nu_i,                                           (2)

with the cells `W_i = {x : T(x) = y_i}`: at the minimum every cell has the mass of its target.
"""

import abc
import os
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core import (
    Method,
    Result,
    check_array,
    check_instance,
    check_integer,
    check_key,
    raise_if_failed,
    read_tree,
    write_tree,
)

_LABEL = "perturbax Brenier map"
# Targets and sources at a time: the products of one block take 32 MB.
_TARGETS = 1024
_SOURCES = 8192
# A converged fit has a total variation of 1.0 to 1.23 times the floor (its own sample being at least twice as large).
_GATE = 1.6


class SemiDiscrete(eqx.Module):
    """The problem of mapping a standard Gaussian onto weighted points.

    Points that coincide are merged and their weights added. Scale and position of the points do not matter.

    **Arguments:** `points`: shape `(n, d)`, two different ones at least; `weights`: shape `(n,)`, positive, summing to
    1; uniform when `None`.

    **Raises:** `ValueError` when shapes do not fit, a value is not finite, a weight is not positive or their sum is
    not 1.

    >>> SemiDiscrete([[0.0, 1.0], [2.0, 0.0], [0.0, 1.0]]).weights.round(3).tolist()
    [0.667, 0.333]
    """

    points: Float[np.ndarray, "n d"]
    weights: Float[np.ndarray, " n"]
    merged: int

    def __init__(self, points: Any, weights: Any = None):
        given = np.asarray(check_array("points", points, ndim=2), np.float64)
        if weights is None:
            mass = np.full(given.shape[0], 1.0 / given.shape[0])
        else:
            mass = np.asarray(check_array("weights", weights, shape=given.shape[:1]), np.float64)
        if mass.min() <= 0.0 or abs(mass.sum() - 1.0) > 1e-6:
            raise ValueError(
                f"weights must be positive and sum to 1, got a smallest of {mass.min():.3g} and a sum of "
                f"{mass.sum():.6g}"
            )
        self.points, inverse = np.unique(given, axis=0, return_inverse=True)
        self.weights = np.bincount(inverse.reshape(-1), mass / mass.sum())
        self.merged = given.shape[0] - self.points.shape[0]
        if self.points.shape[0] < 2:
            raise ValueError(f"points must hold two different points or more, got {self.points.shape[0]}")

    @property
    def centre(self) -> Float[np.ndarray, " d"]:
        """The mean of the points."""
        return self.weights @ self.points

    @property
    def scale(self) -> float:
        """The root mean square distance of the points from their mean, in all coordinates together: heights then have
        one size in any dimension, and so has the step of a method."""
        return float(np.sqrt(self.weights @ np.square(self.points - self.centre).sum(1)))

    @property
    def unit_points(self) -> Float[Array, "n d"]:
        """The points with mean 0 and mean square norm 1, in which methods work; `h` is `scale` times that of these."""
        return jnp.asarray((self.points - self.centre) / self.scale, jnp.float32)


class BrenierMap(eqx.Module):
    """What `semidiscrete` returns: the map of equation 1, called on `x` of shape `(batch, d)`.

    - `points`, `weights`, `heights`: of the `n` targets; heights have mean 0.
    - `mass_error`: the total variation between the masses of the cells and the weights, on a fresh sample; `floor`: its
      value for a perfect map and a sample of this size.
    - `empty_cells`: targets that no point of the fresh sample was sent to and that should have had ten.
    - `converged`: the mass error is at most 1.6 floors and no cell is empty.
    - `dual`: the mean of `u_h - <h, nu>` over the fresh sample; the optimal `E|x - T(x)|^2` is
      `d + <nu, |y|^2> - 2 dual`.
    - `losses`: along the optimisation; `result`, `stats`: how it went, and what it took.

    NumPy arrays give NumPy arrays, everything else JAX arrays; `jit` goes through.
    """

    points: Float[np.ndarray, "n d"]
    weights: Float[np.ndarray, " n"]
    heights: Float[np.ndarray, " n"]
    mass_error: float
    floor: float
    empty_cells: Int[np.ndarray, " empty"]
    dual: float
    losses: Float[np.ndarray, " steps"]
    result: Any
    stats: dict[str, Any]

    @property
    def converged(self) -> bool:
        """Whether the cells have the masses that they should have."""
        return self.mass_error <= _GATE * self.floor and self.empty_cells.size == 0

    def __call__(self, x: Any) -> Any:
        """The targets that points of shape `(batch, d)` are sent to."""
        index = self.assign(x)
        return (
            self.points.astype(x.dtype)[index]
            if isinstance(x, np.ndarray)
            else jnp.asarray(self.points, jnp.float32)[index]
        )

    def assign(self, x: Any) -> Any:
        """Which cells points of shape `(batch, d)` lie in: integers of shape `(batch,)`."""
        x = x if isinstance(x, jax.Array | np.ndarray) else check_array("x", x)
        if x.ndim != 2 or x.shape[1] != self.points.shape[1]:
            raise ValueError(f"x must have shape (batch, {self.points.shape[1]}), got {tuple(x.shape)}")
        centre = self.weights @ self.points
        found = cells(
            jnp.asarray(x, jnp.float32),
            jnp.asarray(self.points - centre, jnp.float32),
            jnp.asarray(self.heights, jnp.float32),
        )[1]
        return np.asarray(found) if isinstance(x, np.ndarray) else found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the map to a file, atomically."""
        write_tree(path, {name: getattr(self, name) for name in _SAVED}, _LABEL)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "BrenierMap":
        """Read a map that was saved.

        **Raises:** `ValueError` for a file that is damaged or something else.
        """
        tree = read_tree(path, _LABEL)
        return cls(**tree, losses=np.zeros(0), result=Result.successful, stats={})


_SAVED = ("points", "weights", "heights", "mass_error", "floor", "empty_cells", "dual")


class AbstractSemiDiscreteMethod(Method):
    """A method of `transport.semidiscrete`."""

    @abc.abstractmethod
    def heights(
        self, problem: SemiDiscrete, key: Any, options: "Options"
    ) -> tuple[Float[Array, " n"], Float[np.ndarray, " steps"], dict[str, Any]]:
        """Heights for `problem.unit_points`, the values along the way, and what it took."""


class Options(eqx.Module):
    """How a run is watched and kept."""

    progress: bool | None = None
    checkpoint: Any = None
    devices: Any = None


def semidiscrete(
    problem: SemiDiscrete,
    method: AbstractSemiDiscreteMethod,
    *,
    key: Any,
    fresh: int | None = None,
    progress: bool | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    devices: Any = None,
    throw: bool = False,
) -> BrenierMap:
    """Find the optimal map from a standard Gaussian onto weighted points, for the quadratic cost.

    **Arguments:**

    - `problem`: `SemiDiscrete(points, weights)`; `method`: such as `MonteCarloAdam()`; `key`: JAX PRNG key.
    - `fresh`: size of the fresh sample that the reported mass error is measured on; 40 for each point when `None`.
    - `progress`: as `show` of `core.progress`; `checkpoint`: file to keep the run in, from which it goes on when it was
      interrupted; `devices`: over which the source sample is split.
    - `throw`: raise when the map did not converge; otherwise look at `converged`.

    **Returns:** a `BrenierMap`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` with `throw`.

    >>> import jax
    >>> from perturbax import transport
    >>> points = [[1.0, 0.0], [-1.0, 0.0]]
    >>> map_ = transport.semidiscrete(transport.SemiDiscrete(points), transport.MonteCarloAdam(), key=jax.random.key(0))
    >>> map_(jax.numpy.array([[0.5, 3.0], [-2.0, 1.0]])).tolist()
    [[1.0, 0.0], [-1.0, 0.0]]
    """
    check_instance("problem", problem, SemiDiscrete, "transport.SemiDiscrete(points)")
    check_instance("method", method, AbstractSemiDiscreteMethod, "a method such as MonteCarloAdam()")
    check_key("key", key)
    n, d = problem.points.shape
    count = 40 * n if fresh is None else check_integer("fresh", fresh, minimum=1)
    solve_key, fresh_key = jax.random.split(key)
    heights, losses, stats = method.heights(problem, solve_key, Options(progress, checkpoint, devices))
    heights = heights - heights.mean()
    mass, potential = measure(fresh_key, count, d, problem.unit_points, heights)
    nu = problem.weights
    error = float(0.5 * np.abs(mass - nu).sum())
    # The mean absolute deviation of a binomial share, in its normal limit.
    floor = float(np.sqrt(nu * (1.0 - nu) / (2.0 * np.pi * count)).sum())
    empty = np.flatnonzero((mass == 0.0) & (nu * count >= 10.0))
    finite = bool(jnp.isfinite(heights).all())
    good = finite and error <= _GATE * floor and empty.size == 0
    scale = problem.scale
    solution = BrenierMap(
        points=problem.points,
        weights=nu,
        heights=scale * np.asarray(heights, np.float64),
        mass_error=error,
        floor=floor,
        empty_cells=empty,
        dual=float(scale * (potential - np.asarray(heights, np.float64) @ nu)),
        losses=losses,
        result=Result.successful if good else (Result.max_steps if finite else Result.nonfinite),
        stats={"merged": problem.merged, **stats},
    )
    if throw:
        raise_if_failed(
            solution.result,
            f"{type(method).__name__}: mass error {error:.3g}, floor {floor:.3g}, {empty.size} empty cells",
        )
    return solution


@jax.jit
def cells(
    x: Float[Array, "s d"], points: Float[Array, "n d"], heights: Float[Array, " n"]
) -> tuple[Float[Array, " s"], Int[Array, " s"]]:
    """The largest `<x, y_i> + h_i` and its index, a block of targets at a time so that memory stays bounded."""
    n = points.shape[0]
    blocks = -(-n // _TARGETS)
    width = -(-n // blocks)
    padding = blocks * width - n
    tiles = jnp.pad(points, ((0, padding), (0, 0))).reshape(blocks, width, -1)
    offsets = jnp.pad(heights, (0, padding), constant_values=-jnp.inf).reshape(blocks, width)

    def block(best: Any, tile: Any) -> Any:
        index, some, height = tile
        scores = x @ some.T + height
        top, at = scores.max(1), scores.argmax(1).astype(jnp.int32) + index * width
        better = top > best[0]
        return (jnp.where(better, top, best[0]), jnp.where(better, at, best[1])), None

    start = (jnp.full(x.shape[0], -jnp.inf, x.dtype), jnp.zeros(x.shape[0], jnp.int32))
    return jax.lax.scan(block, start, (jnp.arange(blocks, dtype=jnp.int32), tiles, offsets))[0]


def measure(
    key: Any, count: int, d: int, points: Float[Array, "n d"], heights: Float[Array, " n"]
) -> tuple[Float[np.ndarray, " n"], float]:
    """The masses of the cells and the mean of the potential over `count` fresh points of the source, by blocks."""
    counts, total = np.zeros(points.shape[0]), 0.0
    for i, first in enumerate(range(0, count, _SOURCES)):
        size = min(_SOURCES, count - first)
        x = jax.random.normal(jax.random.fold_in(key, i), (_SOURCES, d))[:size]
        top, at = cells(x, points, heights)
        counts += np.bincount(np.asarray(at), minlength=points.shape[0])
        total += float(np.asarray(top, np.float64).sum())
    return counts / count, total / count


@jax.custom_jvp
def energy(heights: Float[Array, " n"], points: Any, weights: Any, x: Any) -> Float[Array, ""]:
    """`E(h)` of equation 2 over a sample of the source; its derivative is the masses of the cells minus the weights."""
    return cells(x, points, heights)[0].mean() - heights @ weights


@energy.defjvp
def _(primals: Any, tangents: Any) -> Any:
    heights, points, weights, x = primals
    n = heights.shape[0]
    if n <= _TARGETS:  # comparing with the largest is many times faster than asking where it is
        scores = x @ points.T + heights
        top = scores.max(1)
        mass = jnp.mean(scores == top[:, None], 0)
    else:
        top, at = cells(x, points, heights)
        mass = jnp.bincount(at, length=n) / x.shape[0]
    return top.mean() - heights @ weights, (mass - weights) @ tangents[0]
