"""How different two solutions are: `dissimilarity` and its kinds.

A reduced basis knows directions only. The relative error of a solution `u` after its projection on the line of `v` is

    eta(u, v) = |u - <u, v> v / <v, v>|_W / |u|_W = sqrt(1 - <u, v>^2 / (|u|^2 |v|^2)) = sin angle(u, v),

which is what `Chordal` is for single fields. For trajectories the angles `theta_k` are those between the spans of their
leading POD modes.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ..core import check_instance, check_integer
from ._angles import NEAR, Subspaces, all_pairs, principal_angles, products, residual_grams, subspaces
from ._snapshots import SnapshotSet


class AbstractDissimilarity(eqx.Module):
    """A number >= 0 for each pair of solutions."""

    @abc.abstractmethod
    def between(self, a: SnapshotSet, b: SnapshotSet) -> Float[np.ndarray, "A B"]:
        """All pairs; symmetric with a zero diagonal when `a` is `b`."""


class AbstractAngle(AbstractDissimilarity):
    """A function of principal angles, which knows nothing of amplitudes."""

    modes: eqx.AbstractVar[int]

    def __check_init__(self):
        check_integer("modes", self.modes, minimum=1)

    @abc.abstractmethod
    def of_angles(self, angles: Any, count: Any) -> Any:
        """From angles on the last axis, of which the first `count` count and the rest are zero."""

    def of_products(self, blocks: Any, count: Any) -> Any:
        """From the products of two bases."""
        return self.of_angles(principal_angles(blocks, count), count)

    def between(self, a: SnapshotSet, b: SnapshotSet) -> Float[np.ndarray, "A B"]:
        """See `AbstractDissimilarity`."""
        first = subspaces(a.snapshots, a.weight, self.modes)
        second = first if a is b else subspaces(b.snapshots, b.weight, self.modes)
        return all_pairs(first, second, self.of_products, self.of_angles, same=a is b)


class Chordal(AbstractAngle):
    """`|sin theta|_2 / sqrt(N)`, in [0, 1]: the sine of the angle for single fields, a root mean square else.

    Subspaces of different dimension are compared in the larger one, whose additional directions count as right angles.
    Also known as the projection Frobenius distance on a Grassmannian.

    **Arguments:** `modes`: POD modes of a trajectory that span its subspace; single fields have one.

    Source: Daniel et al. 2021, arXiv 2103.13683 (the sine); Ye & Lim 2016, arXiv 1407.0900 (different dimensions).

    >>> import numpy as np
    >>> fields = np.array([[1.0, 0.0], [1.0, 1.0], [-5.0, 0.0]])
    >>> dissimilarity(SnapshotSet(fields), Chordal())[0].round(3).tolist()
    [0.0, 0.707, 0.0]
    """

    modes: int = 5

    def of_angles(self, angles: Any, count: Any) -> Any:
        return np.sqrt(np.square(np.sin(angles)).sum(-1) / count)

    def of_products(self, blocks: Any, count: Any) -> Any:
        # The squares of the cosines sum to that of the entries: no SVD is needed.
        return np.sqrt(np.maximum(count - np.square(blocks).sum((2, 3)), 0.0) / count)


class Gap(AbstractAngle):
    """`sin theta_max`, in [0, 1]: the worst direction; 1 for subspaces of different dimension.

    **Arguments:** `modes`: POD modes of a trajectory that span its subspace.

    >>> Gap(modes=3).modes
    3
    """

    modes: int = 5

    def of_angles(self, angles: Any, count: Any) -> Any:
        return np.sin(angles.max(-1))


class Grassmann(AbstractAngle):
    """`|theta|_2` in radians, the length of the shortest path between subspaces.

    **Arguments:** `modes`: POD modes of a trajectory that span its subspace.

    Source: Ye & Lim 2016, arXiv 1407.0900.

    >>> Grassmann(modes=2).modes
    2
    """

    modes: int = 5

    def of_angles(self, angles: Any, count: Any) -> Any:
        return np.linalg.norm(angles, axis=-1)


class ProjectionError(AbstractDissimilarity):
    """The relative error of one solution in the basis of another, `|S_i - P_j S_i|_W / |S_i|_W`, in [0, 1].

    **Arguments:**

    - `modes`: POD modes of a trajectory that span its basis.
    - `symmetrise`: joins the error of `i` in the basis of `j` with that of `j` in the basis of `i`, a function of two
      arrays; the larger one by default.

    Source: Amsallem & Haasdonk 2016, *PEBL-ROM: projection-error based local reduced-order models*.

    >>> ProjectionError(modes=2).modes
    2
    """

    modes: int = 5
    symmetrise: Callable[[Any, Any], Any] = np.maximum

    def __check_init__(self):
        check_integer("modes", self.modes, minimum=1)
        if not callable(self.symmetrise):
            raise TypeError(f"symmetrise must be a function of two arrays, got {type(self.symmetrise).__name__}")

    def between(self, a: SnapshotSet, b: SnapshotSet) -> Float[np.ndarray, "A B"]:
        """See `AbstractDissimilarity`."""
        first, second = (subspaces(s.snapshots, s.weight, self.modes) for s in (a, b))
        forward = np.asarray(self.symmetrise(projection_errors(a, second), projection_errors(b, first).T))
        if a is b:
            np.fill_diagonal(forward, 0.0)
        return forward


class Euclidean(AbstractDissimilarity):
    """`|u_i - u_j|_W`: the distance that amplitudes dominate.

    >>> Euclidean()
    Euclidean()
    """

    def between(self, a: SnapshotSet, b: SnapshotSet) -> Float[np.ndarray, "A B"]:
        """See `AbstractDissimilarity`."""
        flat = (-1, 1, a.snapshots.shape[1] * a.snapshots.shape[2])
        x = a.snapshots.reshape(flat)
        wy = np.asarray(b.weight.times(b.snapshots)).reshape(flat)
        inner = products(x, wy)[..., 0, 0]
        squares = np.square(a.norms)[:, None] + np.square(b.norms)[None, :] - 2.0 * inner
        distances = np.sqrt(np.maximum(squares, 0.0))
        if a is b:
            distances = (distances + distances.T) / 2.0
            np.fill_diagonal(distances, 0.0)
        return distances


def dissimilarity(
    problem: SnapshotSet, kind: AbstractDissimilarity | None = None, *, other: SnapshotSet | None = None
) -> Float[np.ndarray, "A B"]:
    """How different solutions are, for all pairs, in float64.

    One matrix product of all bases; pairs with tiny angles are worked out again from their residual, so that an angle
    of 1e-12 is told as such.

    **Arguments:** `problem`: the solutions; `kind`: such as `Chordal()`, the default, `Gap()`, `Grassmann()`,
    `ProjectionError()` or `Euclidean()`; `other`: solutions to compare with, in the place of the problem itself.

    **Returns:** shape `(M, M)`, symmetric with a zero diagonal, or `(M, other.count)`.

    **Raises:** `TypeError` for other objects, `ValueError` when the two have fields of different sizes.

    Source: Daniel et al. 2021, arXiv 2103.13683.

    >>> import numpy as np
    >>> dissimilarity(SnapshotSet(np.eye(2)))[0, 1]
    np.float64(1.0)
    """
    check_instance("problem", problem, SnapshotSet, "a rom.SnapshotSet(...)")
    kind = Chordal() if kind is None else kind
    check_instance("kind", kind, AbstractDissimilarity, "a dissimilarity such as Chordal()")
    other = problem if other is None else check_like("other", other, problem.snapshots.shape[2])
    return kind.between(problem, other)


def check_like(name: str, value: Any, size: int) -> SnapshotSet:
    """Refuse solutions that do not have fields of a size."""
    check_instance(name, value, SnapshotSet, "a rom.SnapshotSet(...)")
    if value.snapshots.shape[2] != size:
        raise ValueError(f"{name} must have fields of {size} values, got {value.snapshots.shape[2]}")
    return value


def projection_errors(problem: SnapshotSet, bases: Subspaces) -> Float[np.ndarray, "M K"]:
    """The relative error of each solution in each basis."""
    x = problem.snapshots / problem.norms[:, None, None]
    wx = np.asarray(problem.weight.times(x))
    squares = 1.0 - np.square(products(wx, bases.rows)).sum((2, 3))
    solution, basis = np.nonzero(squares < NEAR)
    if solution.size:
        grams = residual_grams((x, wx), bases, (basis, solution))
        squares[solution, basis] = np.trace(grams, axis1=1, axis2=2)
    return np.sqrt(np.clip(squares, 0.0, 1.0))


def stacked(bases: list[Any], weight: Any) -> Subspaces:
    """Bases of different dimensions as one list of subspaces, zero beyond the dimension of each."""
    dimensions = np.array([basis.shape[0] for basis in bases])
    rows = np.stack([np.pad(basis, ((0, dimensions.max() - len(basis)), (0, 0))) for basis in bases])
    return Subspaces(rows, np.asarray(weight.times(rows)), dimensions)
