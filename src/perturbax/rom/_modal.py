"""Principal components of standardised traces, and the Gaussian law of scores given parameters."""

import numpy as np
from jaxtyping import Float

from ._boundary_problem import Standardised
from ._pod import OrthogonalSVD, decompose
from ._weight import Diagonal


def all_rows(data: Standardised) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n q"]]:
    """Traces and parameters in float64: a closed form has nothing to choose by those that were set aside."""
    u, p = np.concatenate([data.u, data.held_u]), np.concatenate([data.p, data.held_p])
    return u.astype(np.float64), p.astype(np.float64)


def principal_scores(
    u: Float[np.ndarray, "n d"], tol: float
) -> tuple[Float[np.ndarray, "N d"], Float[np.ndarray, "n N"]]:
    """The fewest modes, in rows, that leave at most a relative error `tol`, and the scores of the traces on them."""
    modes = decompose(u, Diagonal(), None, tol, OrthogonalSVD(), None).modes
    return modes, u @ modes.T


def conditional_gaussian(
    a: Float[np.ndarray, "n N"], p: Float[np.ndarray, "n q"]
) -> tuple[Float[np.ndarray, "q N"], Float[np.ndarray, "N N"]]:
    """`A` and `C` with `a | p ~ N(p A, C' C)`, from the joint covariance of centred columns."""
    slope = np.linalg.lstsq(p, a, rcond=None)[0] if p.shape[1] else np.zeros((0, a.shape[1]))
    rest = a - p @ slope
    # By singular values, so that directions without variance, of which there may be many, do no harm.
    _, values, modes = np.linalg.svd(rest / np.sqrt(len(a)), full_matrices=False)
    root = np.zeros((a.shape[1], a.shape[1]))
    root[: len(values)] = values[:, None] * modes
    return slope, root
