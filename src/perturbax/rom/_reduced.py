"""A reduced model: bases of displacements, plasticity and stress, a quadrature with few points, and a calibration."""

import os
from typing import Any

import equinox as eqx
import jax
import numpy as np
import scipy.sparse
from jaxtyping import Float, Int

from ..core import float64, write_tree
from ..systems import AbstractLaw, Solid
from ._calibration import Calibration
from ._cubature import Cubature, empirical_cubature
from ._full_step import FullState
from ._gappy import GappyPOD, q_deim
from ._pod import POD, MethodOfSnapshots, decompose
from ._weight import AbstractWeight, settle_weight

# What the file of a model says that it is.
LABEL = "a reduced model"
# Share of the tolerance of a quadrature that may be lost with the smallest modes of stress.
_UNINTEGRATED = 1.0 / 3.0


class ReducedModel(eqx.Module):
    """What `reduce` returns.

    - `method`: that made it, and that marches it.
    - `displacement`: modes of the free components, orthonormal in `int eps : eps`; `plasticity`, `stress`: modes of
      the values at the quadrature points, orthonormal in the quadrature.
    - `points`, `weights`: of the reduced quadrature; the points that only tell modes of plasticity apart weigh zero.
    - `calibration`: from indicator to error, or `None`.
    - `stats`: `cubature_residual`; `pairs` of indicators and errors that the calibration learned from, or `None`.
      Empty for a model from a file.
    """

    method: Any
    body: Solid
    law: AbstractLaw
    displacement: POD
    plasticity: POD
    stress: POD
    points: Int[np.ndarray, " S"]
    weights: Float[np.ndarray, " S"]
    calibration: Calibration | None
    stats: dict[str, Any]

    @property
    def gappy(self) -> GappyPOD:
        """Plasticity of the whole body from its values at the points."""
        return GappyPOD(self.plasticity.modes, self.points)

    def truncated(self, share: float) -> "ReducedModel":
        """The same with the leading modes of displacements and plasticity only."""
        kept = [_leading(basis, share) for basis in (self.displacement, self.plasticity)]
        return eqx.tree_at(lambda m: [m.displacement, m.plasticity], self, kept)

    def enriched(self, found: FullState, lift: Float[np.ndarray, " nodal"]) -> "ReducedModel":
        """With the new directions of a solution of the full model in all bases, and a quadrature for them.

        **Arguments:** `found`: the solution; `lift`: the displacements that were given at that time.
        """
        method = self.method
        u = (found.u - lift)[self.body.free]
        displacement = _extended(self.displacement, u, method.eps_pod)
        plasticity = _extended(self.plasticity, cumulated(self.law, found.state), method.eps_dual)
        stress = _extended(self.stress, found.stress.ravel(), method.eps_dual)
        new = eqx.tree_at(lambda m: [m.displacement, m.plasticity, m.stress], self, [displacement, plasticity, stress])
        return new.requadrature(self.points[self.weights > 0.0])

    def requadrature(self, start: Any = ()) -> "ReducedModel":
        """With a reduced quadrature that fits the bases, begun from some points."""
        found = quadrature(self.body, self.displacement, self.stress, self.method.eps_ecm, start)
        points, weights = with_deim_points(found, self.plasticity)
        stats = {**self.stats, "cubature_residual": found.residual}
        return eqx.tree_at(lambda m: [m.points, m.weights, m.stats], self, [points, weights, stats])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the arrays to an `.npz` file, atomically; the law and the method are not in it.

        **Raises:** `OSError` when the file cannot be written.
        """
        tree: dict[str, Any] = {
            "mesh": {"points": self.body.mesh.points, "cells": dict(self.body.mesh.cells)},
            "free": self.body.free,
            "points": self.points,
            "weights": self.weights,
            "calibration": None,
        }
        if self.calibration is not None:
            tree["calibration"] = [self.calibration.log_indicator, self.calibration.log_error]
        for name in ("displacement", "plasticity", "stress"):
            basis = getattr(self, name)
            tree[name] = [basis.modes, basis.singular_values, basis.error]
        write_tree(path, tree, LABEL)


def strain_product(body: Solid) -> AbstractWeight:
    """The inner product `int eps(u) : eps(v)` of the free components of displacements."""
    with float64():
        unit = np.broadcast_to(np.eye(body.components), (body.points, body.components, body.components))
        matrix = body.pattern().matrix(body.stiffness(unit))
    return settle_weight(scipy.sparse.csr_array((matrix + matrix.T) / 2.0), body.size)


def cumulated(law: AbstractLaw, states: Any) -> Float[np.ndarray, " points"]:
    """The cumulated plasticity of many states."""
    return np.asarray(jax.vmap(law.cumulated)(states))


def basis(rows: Any, weight: AbstractWeight, tol: float) -> POD:
    """POD modes of the rows that are not zero, to a relative error."""
    return decompose(rows[rows.any(1)], weight, None, tol, MethodOfSnapshots(), None)


def quadrature(body: Solid, displacement: POD, stress: POD, tol: float, start: Any = ()) -> Cubature:
    """A reduced quadrature of the work of modes of stress in modes of displacement."""
    strains = body.strain(body.lift(displacement.modes))
    # As large as they are in the snapshots, so that what is hardly there need not be integrated, nor made.
    sizes = stress.singular_values[: len(stress.modes)]
    order = np.argsort(-sizes)
    left = np.sqrt(np.cumsum(np.square(sizes[order])[::-1])[::-1])
    kept = order[left > _UNINTEGRATED * tol * left[0]]
    stresses = (sizes[kept, None] * stress.modes[kept]).reshape(-1, body.points, body.components)
    work = np.einsum("sgc,rgc->srg", stresses, strains, optimize=True).reshape(-1, body.points)
    return empirical_cubature(work, body.weights, tol=tol, start=start)


def with_deim_points(found: Cubature, plasticity: POD) -> tuple[Int[np.ndarray, " S"], Float[np.ndarray, " S"]]:
    """The points of a cubature and those that tell the modes of plasticity apart, which weigh nothing."""
    new = np.setdiff1d(q_deim(plasticity.modes), found.points)
    points = np.concatenate([found.points, new])
    order = np.argsort(points)
    return points[order], np.concatenate([found.weights, np.zeros(new.size)])[order]


def _leading(basis: POD, share: float) -> POD:
    count = max(int(np.ceil(share * len(basis.modes))), 1)
    return eqx.tree_at(lambda b: b.modes, basis, basis.modes[:count])


def _extended(basis: POD, field: Float[np.ndarray, " n"], tol: float) -> POD:
    """With the direction of a field that the modes have not, when that is more than a share `tol` of it."""
    whole = np.sqrt(field @ np.asarray(basis.weight.times(field)))
    rest = field
    for _ in range(2):  # once more against the rounding errors of the first
        rest = rest - basis.project(rest[None])[0]
    left = np.sqrt(rest @ np.asarray(basis.weight.times(rest)))
    if left <= tol * whole or len(basis.modes) == field.size:
        return basis
    modes = np.concatenate([basis.modes, rest[None] / left])
    # Modes keep their singular values beside them; a new one counts as if it came in every snapshot so far.
    size = left * np.sqrt(basis.singular_values.size)
    values = np.concatenate(
        [basis.singular_values[: len(basis.modes)], [size], basis.singular_values[len(basis.modes) :]]
    )
    return eqx.tree_at(lambda b: [b.modes, b.singular_values], basis, [modes, values])
