r"""SGD near a global minimum, linearised, and what its second moment does in a step.

At a minimum `theta*` where all residuals are zero, `J_i` the gradients of a sample's outputs, `H_i = J_i^T J_i` and `H`
their mean, a batch `S` moves `delta = theta - theta*` by

    delta' = delta - eta/B sum_{i in S} H_i delta

and the second moment `Sigma = E delta delta^T` by

    T(Sigma) = (I - eta H) Sigma (I - eta H) + eta^2 a [1/n sum_i H_i Sigma H_i - H Sigma H]

with `a = 1/B` for batches drawn with replacement, `a = (n - B) / (B (n - 1))` without, and `a = 0` for all data:
gradient descent. `T` maps positive semi-definite matrices to such ones and is symmetric. In the eigenvectors of `H` on
its range no matrix is larger than `min(n outputs, parameters)`.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..core import check_array, check_instance, check_integer, check_number, float64
from ._least_squares import LeastSquares
from ._sharpness import Sharpness


class LinearisedSGD(eqx.Module):
    """SGD with a fixed learning rate at a global minimum of least squares.

    **Arguments:**

    - `minimum`: the gradients of the samples' outputs there, shape `(n, parameters)` or `(n, outputs, parameters)`; or
      `LeastSquares(...)`, which computes them; or a `Sharpness`, which is enough for bounds made of it.
    - `learning_rate`: `eta > 0`.
    - `batch_size`: `B`; `None` is gradient descent on all data.
    - `replacement`: whether a batch is drawn with replacement; without it `B <= n`.
    - `tolerance`: the loss up to which a point counts as a minimum of loss zero.

    **Raises:** `TypeError`, `ValueError` for shapes or ranges that do not fit, or values that are not finite.

    >>> LinearisedSGD(np.eye(3), learning_rate=0.1, batch_size=2).noise
    0.5
    """

    minimum: Any
    learning_rate: float
    batch_size: int | None
    replacement: bool
    tolerance: float

    def __init__(
        self,
        minimum: Any,
        learning_rate: Any,
        batch_size: Any = 1,
        replacement: Any = True,
        tolerance: Any = 1e-5,
    ):
        if not isinstance(minimum, LeastSquares | Sharpness):
            minimum = check_array("minimum", minimum)
            if minimum.ndim == 2:
                minimum = minimum[:, None]
            if minimum.ndim != 3:
                raise ValueError(
                    f"minimum must have shape (n, parameters) or (n, outputs, parameters), got {minimum.shape}"
                )
        elif isinstance(minimum, Sharpness) and np.ndim(minimum.trace) != 0:
            raise ValueError(f"minimum must be one Sharpness, got a stack of shape {np.shape(minimum.trace)}")
        self.minimum = minimum
        self.learning_rate = check_number("learning_rate", learning_rate, minimum=0.0, exclusive=True)
        self.replacement = check_instance("replacement", replacement, bool, "True or False")
        self.batch_size = None
        if batch_size is not None:
            most = None if replacement else self.samples
            self.batch_size = check_integer("batch_size", batch_size, minimum=1, maximum=most)
        self.tolerance = check_number("tolerance", tolerance, minimum=0.0)

    @property
    def samples(self) -> int:
        """`n`."""
        if isinstance(self.minimum, Sharpness):
            return self.minimum.samples
        return self.minimum.targets.shape[0] if isinstance(self.minimum, LeastSquares) else self.minimum.shape[0]

    @property
    def noise(self) -> float:
        """`a`, the variance of a batch's mean in that of one sample."""
        n, B = self.samples, self.batch_size
        if B is None or (n <= B and not self.replacement):
            return 0.0
        return 1.0 / B if self.replacement else (n - B) / (B * (n - 1))

    def gradients(self) -> np.ndarray:
        """`J_i` on the host, in the precision in which they are known.

        **Raises:** `TypeError` when only a `Sharpness` is known.
        """
        if isinstance(self.minimum, Sharpness):
            raise TypeError("minimum must be gradients or LeastSquares(...) for this method, got a Sharpness")
        found = self.minimum.gradients() if isinstance(self.minimum, LeastSquares) else self.minimum
        return check_array("minimum", np.asarray(found))

    def loss(self) -> float:
        """What is known of the loss there; gradients alone are taken at their word."""
        if isinstance(self.minimum, Sharpness):
            return float(self.minimum.loss)
        return float(self.minimum.loss()) if isinstance(self.minimum, LeastSquares) else 0.0


class Modes(eqx.Module):
    """`J_i` in the eigenvectors of `H`: `coordinates`, the `eigenvalues`, and which of them are not zero (`active`)."""

    coordinates: Float[Array, "n outputs m"]
    eigenvalues: Float[Array, " m"]
    active: Bool[Array, " m"]

    def mean_sandwich(self, S: Float[Array, "m m"]) -> Float[Array, "m m"]:
        """`1/n sum_i H_i S H_i`."""
        J = self.coordinates
        inner = jnp.einsum("nam,nbm->nab", J @ S, J)
        outer = jnp.einsum("nab,nbm->nam", inner, J)
        m = S.shape[0]
        return J.reshape(-1, m).T @ outer.reshape(-1, m) / J.shape[0]

    def step(self, S: Float[Array, "m m"], rate: Any, noise: Any) -> Float[Array, "m m"]:
        """`T(S)` on the range of `H`."""
        e = self.eigenvalues
        kept = jnp.where(self.active, 1.0 - rate * e, 0.0)
        return jnp.outer(kept, kept) * S + rate**2 * noise * (self.mean_sandwich(S) - jnp.outer(e, e) * S)


@eqx.filter_jit
def modes_of(gradients: Float[Array, "n outputs parameters"], floor: Any) -> Modes:
    """The modes; eigenvalues of up to `floor` times the largest one count as zero."""
    n, outputs, size = gradients.shape
    flat = gradients.reshape(n * outputs, size)
    if size <= n * outputs:
        eigenvalues, vectors = jnp.linalg.eigh(flat.T @ flat / n)
        coordinates = flat @ vectors
    else:
        eigenvalues, vectors = jnp.linalg.eigh(flat @ flat.T / n)
        coordinates = vectors * jnp.sqrt(n * jnp.maximum(eigenvalues, 0.0))
    active = eigenvalues > floor * jnp.maximum(eigenvalues[-1], 0.0)
    coordinates = jnp.where(active, coordinates, 0.0).reshape(n, outputs, -1)
    return Modes(coordinates, jnp.where(active, eigenvalues, 0.0), active)


def rounding(gradients: Any) -> float:
    """Relative size of eigenvalues of `H` that are nothing but rounding: of the gradients, and of their products."""
    n, outputs, size = gradients.shape
    longest = max(n * outputs, size)
    return max(longest * float(np.finfo(np.float64).eps), (longest * float(np.finfo(gradients.dtype).eps)) ** 2)


def second_moments(problem: LinearisedSGD, deviation: Any, steps: int) -> np.ndarray:
    """`E |delta_t|^2` after each of the first steps away from a deviation: how fast SGD leaves a minimum, or returns.

    **Arguments:** `problem`: `LinearisedSGD(...)` with gradients; `deviation`: `delta_0`, shape `(parameters,)`;
    `steps`: how many.

    **Returns:** the expectations for `t = 0` to `steps`, shape `(steps + 1,)`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    Source: `T` of Wu, Ma & E 2018, applied again and again.

    >>> problem = LinearisedSGD(np.array([[2.0]]), learning_rate=0.25)
    >>> second_moments(problem, np.ones(1), 2).tolist()
    [1.0, 0.0, 0.0]
    """
    check_instance("problem", problem, LinearisedSGD, "a problem LinearisedSGD(...)")
    gradients = problem.gradients()
    start = np.asarray(check_array("deviation", deviation, shape=(gradients.shape[-1],)), np.float64)
    steps = check_integer("steps", steps, minimum=1)
    with float64():
        J = jnp.asarray(gradients.astype(np.float64))
        modes = modes_of(J, rounding(gradients))
        # A number that stayed one would be part of the program, and another one would compile again.
        rate, noise = jnp.asarray(problem.learning_rate), jnp.asarray(problem.noise)
        return np.asarray(_moments(J, modes, jnp.asarray(start), rate, noise, steps))


@eqx.filter_jit
def _moments(J: Array, modes: Modes, start: Array, rate: Any, noise: Any, steps: int) -> Array:
    m = modes.eigenvalues.shape[0]
    # J = coordinates V^T, and the squares of the coordinates sum to n times the eigenvalues.
    scale = jnp.where(modes.active, J.shape[0] * modes.eigenvalues, 1.0)
    inside = modes.coordinates.reshape(-1, m).T @ (J.reshape(-1, J.shape[-1]) @ start) / scale
    outside = jnp.sum(start**2) - jnp.sum(inside**2)

    def step(S: Array, _: Any) -> tuple[Array, Array]:
        S = modes.step(S, rate, noise)
        return S, jnp.trace(S) + outside

    _, later = jax.lax.scan(step, jnp.outer(inside, inside), None, length=steps)
    return jnp.concatenate([jnp.sum(start**2)[None], later])
