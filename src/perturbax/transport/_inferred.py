"""What a method of `infer_trajectories` hands to the verb, and how those that have drifts make it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Result
from ._door import settle
from ._half_bridges import Corrected
from ._piecewise import Pieces, PiecewiseIPF, Whitened, solve_pieces
from ._reference import AbstractReference
from ._snapshots import Snapshots

# Paths farther than this from the points, in their standard deviations, have exploded: with a thousand, what was
# left in them sent the refined parameters astray.
_FAR = 10.0
# What is tried then: regressions whose prior has a quarter of the standard deviation, and a sixteenth.
_RESTARTS, _SHRINKAGE = 2, 16.0


class IntervalDrifts(eqx.Module):
    """Forward and backward drifts, with a leading axis of the intervals."""

    correction: Any
    reversed: Any
    reference: Whitened
    times: Float[Array, " snapshots"]

    @eqx.filter_jit
    def forward(self, x: Array, t: Array) -> Float[Array, "batch d"]:
        """The drift at points and one time."""
        drift = Corrected(self._of(self.correction, t), self.reference)
        return self.reference.volatility * drift(x / self.reference.volatility, t)

    @eqx.filter_jit
    def backward(self, x: Array, t: Array) -> Float[Array, "batch d"]:
        """That of the process run backwards."""
        return self.reference.volatility * self._of(self.reversed, t)(x / self.reference.volatility, t)

    def _of(self, drifts: Any, t: Array) -> Any:
        last = self.times.shape[0] - 2
        index = jnp.clip(jnp.searchsorted(self.times, t, side="right") - 1, 0, last)
        return jax.tree.map(lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf, drifts)


class Inferred(eqx.Module):
    """What a method hands to the verb."""

    paths: Any
    times: Any
    owners: Any
    reference: AbstractReference | None
    drifts: IntervalDrifts | None
    result: Any
    stats: dict[str, Any]
    divergences: Any = ()
    parameters: Any = ()


class Solved(NamedTuple):
    """Pieces, how it went, and how often it was tried again."""

    pieces: Pieces
    result: Any
    restarts: int


class Settled(NamedTuple):
    """The arrays of a problem, in units of its volatility."""

    points: Float[Array, "snapshots particles d"]
    times: Float[Array, " snapshots"]
    reference: Whitened

    @classmethod
    def of(cls, problem: Snapshots, reference: AbstractReference, particles: int | None, key: Any) -> "Settled":
        volatility = settle(problem.volatility)
        points = problem.particles(key, particles) / volatility
        # In one precision with the points: a family may have been made in another one.
        reference = jax.tree.map(lambda leaf: settle(leaf) if eqx.is_inexact_array(leaf) else leaf, reference)
        return cls(points, settle(problem.times), Whitened(reference, volatility))

    def solve(self, bridges: PiecewiseIPF, key: Any, solver: Callable[..., Pieces] = solve_pieces) -> Solved:
        """The bridges around the reference; where paths explode, once more and again with a stronger prior of the
        drifts."""
        for restarts in range(_RESTARTS + 1):
            caution = settle(_SHRINKAGE**restarts)
            pieces = solver(bridges, self.points, self.times, self.reference, key, caution)
            result = self._result(pieces)
            if result == Result.successful or restarts == _RESTARTS:
                break
        return Solved(pieces, result, restarts)

    def path_times(self, bridges: PiecewiseIPF) -> Float[Array, " times"]:
        """The times of all steps, those of the snapshots once."""
        ts = bridges.grid(self.times)
        return jnp.append(ts[:, :-1].reshape(-1), ts[-1, -1])

    def _result(self, pieces: Pieces) -> Any:
        """Whether paths stayed where the points are."""
        points, reached = np.asarray(self.points), np.abs(np.asarray(pieces.paths))
        if not np.isfinite(reached).all():
            return Result.nonfinite
        return Result.diverged if reached.max() > np.abs(points).max() + _FAR * points.std() else Result.successful

    def inferred(
        self,
        solved: Solved,
        bridges: PiecewiseIPF,
        reference: AbstractReference,
        divergences: Any = None,
        parameters: Any = (),
        **stats: Any,
    ) -> Inferred:
        """What is handed over, with the reference that a forecast goes along, and what each iteration came to."""
        pieces = solved.pieces
        divergences = [float(pieces.divergence)] if divergences is None else divergences
        snapshots, particles, _ = self.points.shape
        return Inferred(
            paths=self.reference.volatility * pieces.paths,
            times=self.path_times(bridges),
            owners=np.repeat(np.arange(snapshots), particles),
            reference=reference,
            drifts=IntervalDrifts(pieces.correction, pieces.backward, self.reference, self.times),
            result=solved.result,
            stats={
                "iterations": len(divergences),
                "restarts": solved.restarts,
                "evaluations": len(divergences) * bridges.evaluations(snapshots, particles),
                "step_lengths": (np.diff(np.asarray(self.times, np.float64)) / bridges.steps).tolist(),
                **stats,
            },
            divergences=divergences,
            parameters=parameters,
        )
