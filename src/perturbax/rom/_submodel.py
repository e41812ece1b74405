r"""A linear submodel under displacements that are prescribed on its boundary.

With boundary components `b`, the others `i`, and inner forces `f`,

    K_ii u_i = f_i - K_ib u_b,      S = K_bb - K_bi K_ii^{-1} K_ib,      g = f_b - K_bi K_ii^{-1} f_i

hold the boundary reactions `S u_b - g` and the strain energy `u_b' S u_b / 2 + f_i' K_ii^{-1} f_i / 2`. `S` is
symmetric and `S R = 0` for the rigid motions `R`, so that the reactions to any trace are in equilibrium without forces:
`R' S u_b = 0`.
"""

from typing import Any

import equinox as eqx
import numpy as np
import scipy.sparse
from jaxtyping import Float, Int

from ..core import check_array
from ..linalg import factor_symmetric
from ..systems import Elastic

# Eigenvalues of K_ii below this share of the largest entry are rounding errors; the shift that finds them is smaller.
_SINGULAR, _SHIFT = 1e-10, 1e-12
# Components of a motion without stiffness that are named, by their share of its largest.
_FLOATING = 0.5
# Columns that are solved for at once, so that memory stays linear in the size of the submodel.
_BLOCK = 256


class LinearSubmodel(eqx.Module):
    """A linear submodel with no supports but its boundary. Everything is float64 on the host.

    **Arguments:**

    - `stiffness`: symmetric sparse or dense matrix over all `N` components, without supports.
    - `boundary`: indices of the prescribed components, shape `(d_b,)`, in the order of the traces.
    - `force`: forces on all components, shape `(N,)`; none when `None`.
    - `coordinates`: of the nodes, shape `(N / d, d)`, whose `d` components follow each other; for rigid motions.

    **Raises:** `TypeError`, `ValueError` when shapes do not fit, the matrix is not symmetric or finite, or it does not
    hold some inner components: their numbers are named.

    >>> chain = LinearSubmodel([[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]], [0, 2])
    >>> chain.displacement([[0.0, 1.0]]).tolist(), chain.energy([[0.0, 1.0]]).tolist()
    ([[0.0, 0.5, 1.0]], [0.25])
    """

    stiffness: Any
    boundary: Int[np.ndarray, " d_b"]
    interior: Int[np.ndarray, " d_i"]
    force: Float[np.ndarray, " N"]
    coordinates: Float[np.ndarray, "nodes d"] | None
    schur: Float[np.ndarray, "d_b d_b"]
    held: Float[np.ndarray, " d_b"]
    factor: Any
    rest: float

    def __init__(self, stiffness: Any, boundary: Any, force: Any = None, coordinates: Any = None):
        matrix = scipy.sparse.csc_array(stiffness, dtype=np.float64)
        size = matrix.shape[0]
        if matrix.shape != (size, size) or size == 0:
            raise ValueError(f"stiffness must be square, got shape {matrix.shape}")
        if not np.isfinite(matrix.data).all():
            raise ValueError("stiffness must be finite")
        if abs(matrix - matrix.T).max() > 1e-8 * abs(matrix).max():
            raise ValueError("stiffness must be symmetric")
        self.stiffness = matrix
        self.boundary = _index("boundary", boundary, size)
        self.interior = np.setdiff1d(np.arange(size), self.boundary)
        none = np.zeros(size) if force is None else force
        self.force = np.asarray(check_array("force", none, shape=(size,)), np.float64)
        self.coordinates = None
        if coordinates is not None:
            points = np.asarray(check_array("coordinates", coordinates, ndim=2), np.float64)
            if points.size != size or points.shape[1] not in (2, 3):
                raise ValueError(
                    f"coordinates must have 2 or 3 columns and {size} entries, as many as stiffness has rows, got "
                    f"shape {points.shape}"
                )
            self.coordinates = points
        inner, across = matrix[self.interior][:, self.interior], matrix[self.interior][:, self.boundary]
        self.factor = _factorise(inner, self.interior) if self.interior.size else None
        schur = matrix[self.boundary][:, self.boundary].toarray()
        for start in range(0, self.boundary.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            schur[:, part] -= across.T @ self._solve(across[:, part].toarray())
        # K is symmetric to rounding only; S is made so.
        self.schur = (schur + schur.T) / 2.0
        settled = self._solve(self.force[self.interior][:, None])[:, 0]
        self.held = self.force[self.boundary] - across.T @ settled
        self.rest = 0.5 * float(self.force[self.interior] @ settled)

    @classmethod
    def of_body(cls, elastic: Elastic, nodes: Any = None) -> "LinearSubmodel":
        """The submodel of an elastic body whose fixed components are the boundary.

        **Arguments:** `elastic`: the body; `nodes`: the boundary nodes in the order of the traces, all components of
        each; ascending when `None`.

        **Raises:** `ValueError` when `nodes` are not those that are fixed.
        """
        body = elastic.body
        fixed = np.setdiff1d(np.arange(body.dimension * len(body.mesh.points)), body.free)
        boundary = fixed
        if nodes is not None:
            nodes = np.asarray(check_array("nodes", nodes, ndim=1, kind="integer"))
            boundary = (body.dimension * nodes[:, None] + np.arange(body.dimension)).ravel()
            if not np.array_equal(np.sort(boundary), fixed):
                raise ValueError("nodes must be those whose components are all fixed, each once")
        points = body.mesh.points[:, np.ptp(body.mesh.points, 0) > 0.0]
        return cls(elastic.stiffness(), boundary, coordinates=points)

    @property
    def size(self) -> int:
        """Number of prescribed components `d_b`."""
        return self.boundary.size

    def displacement(self, traces: Any) -> Float[np.ndarray, "n N"]:
        """All components for traces of shape `(n, d_b)`, one factorisation for all of them."""
        traces = self._checked(traces)
        found = np.empty((len(traces), self.force.size))
        found[:, self.boundary] = traces
        across = self.stiffness[self.interior][:, self.boundary]
        for start in range(0, len(traces), _BLOCK):
            part = traces[start : start + _BLOCK]
            right = self.force[self.interior][:, None] - across @ part.T
            found[start : start + _BLOCK, self.interior] = self._solve(right).T
        return found

    def energy(self, traces: Any) -> Float[np.ndarray, " n"]:
        """The strain energy for traces of shape `(n, d_b)`."""
        traces = self._checked(traces)
        return 0.5 * np.einsum("ni,ni->n", traces @ self.schur, traces) + self.rest

    def reactions(self, traces: Any) -> Float[np.ndarray, "n d_b"]:
        """The forces that hold the boundary."""
        return self._checked(traces) @ self.schur - self.held

    def rigid_motions(self) -> Float[np.ndarray, "d_b motions"]:
        """Translations and rotations on the boundary, as orthonormal columns.

        **Raises:** `ValueError` without coordinates.
        """
        if self.coordinates is None:
            raise ValueError("coordinates of the nodes are needed for rigid motions: LinearSubmodel(..., coordinates=)")
        centred = self.coordinates - self.coordinates.mean(0)
        d = centred.shape[1]
        motions = [np.broadcast_to(direction, centred.shape) for direction in np.eye(d)]
        for i in range(d):
            for j in range(i):
                turned = np.zeros_like(centred)
                turned[:, i], turned[:, j] = centred[:, j], -centred[:, i]
                motions.append(turned)
        return np.linalg.qr(np.stack([motion.ravel()[self.boundary] for motion in motions], 1))[0]

    def resultants(self, traces: Any) -> Float[np.ndarray, "n motions"]:
        """The reactions along the rigid motions, `R' (S u_b - g)`: zero without forces, else those of the forces
        with the other sign, for any trace."""
        return self.reactions(traces) @ self.rigid_motions()

    def _solve(self, right: Float[np.ndarray, "d_i m"]) -> Float[np.ndarray, "d_i m"]:
        return right if self.factor is None else self.factor.solve(right)

    def _checked(self, traces: Any) -> Float[np.ndarray, "n d_b"]:
        return np.asarray(check_array("traces", traces, shape=(None, self.size)), np.float64)


def _index(name: str, value: Any, size: int) -> Int[np.ndarray, " k"]:
    index = np.asarray(value)
    if index.dtype.kind not in "iu" or index.ndim != 1 or index.size == 0:
        raise TypeError(f"{name} must be a list of integers, got {index.dtype} of shape {index.shape}")
    if index.min() < 0 or index.max() >= size or np.unique(index).size < index.size:
        raise ValueError(f"{name} must hold different numbers in [0, {size - 1}], got {index.min()} to {index.max()}")
    return index.astype(np.int64)


def _factorise(matrix: Any, names: Int[np.ndarray, " d_i"]) -> Any:
    """A factorisation, once it is known that every component is held."""
    largest = abs(matrix).max() or 1.0
    size = matrix.shape[0]
    factor = factor_symmetric(matrix + _SHIFT * largest * scipy.sparse.eye_array(size))
    # Inverse iteration: a motion without stiffness is all that is left after a few steps.
    motion = np.random.default_rng(0).normal(size=size)
    for _ in range(4):
        motion = factor.solve(motion)
        motion /= np.linalg.norm(motion)
    if motion @ (matrix @ motion) < _SINGULAR * largest:
        floating = names[np.abs(motion) >= _FLOATING * np.abs(motion).max()]
        shown = ", ".join(map(str, floating[:8].tolist())) + (", ..." if floating.size > 8 else "")
        raise ValueError(f"stiffness does not hold the inner components {shown}: connect them, or add to boundary")
    return factor_symmetric(matrix)
