"""Total variation by ADMM, one iteration at a time.

For `min_x 1/2 |y - A x|^2 + weight |D x|_1` with periodic forward differences `D` along some axes,

    x <- a few conjugate gradients on (A* A + rho D* D) x = A* y + rho D* (d - u),
    d <- shrink(D x + u, weight / rho),     u <- u + D x - d.

Boyd et al. 2011 (generalized lasso); Chung, Lee & Ye 2024 make one iteration a step of a sampler.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from ..core import check_integer, check_number
from ..linalg import conjugate_gradients
from ._consistency import AbstractConsistency, Corrected
from ._restore import InverseProblem


class Split(NamedTuple):
    """The variables `d` and `u` of a batch, shape `(batch, axes, *image)`."""

    d: Array
    u: Array


def differences(x: Array, axes: tuple[int, ...]) -> Array:
    """`D x` of one image: its periodic forward differences along each axis, stacked."""
    return jnp.stack([jnp.roll(x, -1, axis) - x for axis in axes])


def empty_split(problem: InverseProblem, axes: tuple[int, ...]) -> Split:
    """`d = u = 0`."""
    nothing = jnp.zeros((problem.batch, len(axes), *problem.prior.shape))
    return Split(nothing, nothing)


def admm_iteration(
    problem: InverseProblem,
    back: Array,
    x: Array,
    split: Split,
    axes: tuple[int, ...],
    weight: Any,
    rho: Any,
    cg_steps: int,
    tolerance: Any,
) -> tuple[Array, Int[Array, " batch"], Split]:
    """One iteration from the images `x`, with `back = A* y`: images, applications of `A* A` for each, and the split."""
    image = jax.ShapeDtypeStruct(problem.prior.shape, x.dtype)
    transposed = jax.linear_transpose(lambda x: differences(x, axes), image)

    def one(back: Array, x: Array, split: Split) -> tuple[Array, Array, Split]:
        found = conjugate_gradients(
            lambda v: problem.normal(v) + rho * transposed(differences(v, axes))[0],
            back + rho * transposed(split.d - split.u)[0],
            x0=x,
            max_steps=cg_steps,
            atol=tolerance,
        )
        moved = differences(found.x, axes) + split.u
        d = jnp.sign(moved) * jnp.maximum(jnp.abs(moved) - weight / rho, 0.0)
        return found.x, found.applications, Split(d, moved - d)

    return jax.vmap(one)(back, x, split)


class SliceVariation(AbstractConsistency):
    """Data consistency of volumes with total variation across their slices, by ADMM whose variables are carried from
    each step of the sampler to the next and never reset.

        min_x 1/2 |y - A x|^2 + weight |D_z x|_1

    **Arguments:** `weight`: of the variation, 0.4 for limited angles; `rho`: penalty of ADMM, positive; `axis`: of the
    slices in an image of the prior; `steps`, `tolerance`: conjugate gradients of each iteration.

    **Raises:** `ValueError` when one is out of range, or, when used, images have no such axis.

    Source: Chung, Lee & Ye 2024, arXiv 2303.05754, with the values of its code.

    >>> SliceVariation(weight=0.4).rho
    10.0
    """

    weight: float = 0.04
    rho: float = 10.0
    axis: int = 0
    steps: int = 5
    tolerance: float = 1e-5

    def __check_init__(self):
        check_number("weight", self.weight, minimum=0.0)
        check_number("rho", self.rho, minimum=0.0, exclusive=True)
        check_integer("axis", self.axis)
        check_integer("steps", self.steps, minimum=1)
        check_number("tolerance", self.tolerance, minimum=0.0)

    def check(self, problem: InverseProblem) -> None:
        check_axes("axis", (self.axis,), problem)

    def begin(self, problem: InverseProblem) -> Any:
        return problem.adjoint(problem.y), empty_split(problem, (self.axis,))

    def correct(self, problem: InverseProblem, x_0: Array, time: Any, carried: Any) -> Corrected:
        back, split = carried
        x, applications, split = admm_iteration(
            problem, back, x_0, split, (self.axis,), self.weight, self.rho, self.steps, self.tolerance
        )
        return Corrected(x, applications, (back, split))


def check_axes(name: str, axes: tuple[int, ...], problem: InverseProblem) -> None:
    """Refuse axes that the images of a problem do not have."""
    rank = len(problem.prior.shape)
    if any(not -rank <= axis < rank for axis in axes):
        raise ValueError(f"{name} must be of an image of shape {problem.prior.shape}, got {axes}")
