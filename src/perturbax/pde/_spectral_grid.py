"""Fourier and sine series on grids of at most three dimensions: the reference for any smooth energy.

The unknowns are values at the nodes. Between them a function is the trigonometric polynomial through them, or the sine
polynomial, which is the one through the odd reflection on the box of twice the sides. The energy is the trapezoidal
rule of the density at all nodes, and its derivative is taken of this sum, so that descents and Newton's method have the
same minimiser, and the energy falls to rounding.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from ..core import check_integer
from ._jet import AbstractClosedForm, Index
from ._lagrangian import check_variational, curvatures, density
from ._problem import PDEProblem
from ._representation import AbstractRepresentation, AbstractSpace


class SpectralGrid(AbstractRepresentation):
    """Periodic functions of the waves `-n .. n` along each axis, or, where the boundary is held at 0, of `n` sines.

    **Arguments:** `n`: see above; at most three dimensions.

    **Raises:** `ValueError` when `n` is not positive.

    >>> SpectralGrid(16).n
    16
    """

    n: int = 32

    def __check_init__(self):
        check_integer("n", self.n, minimum=1)

    def space(self, problem: PDEProblem) -> "GridSpace":
        periodic = check_variational(problem)
        if problem.dimension > 3:
            raise ValueError(f"problem must have at most 3 dimensions for SpectralGrid, got {problem.dimension}")
        return GridSpace(problem, self.n, periodic)


class GridField(AbstractClosedForm):
    """A trigonometric polynomial on a box as a pointwise function: one sum for each axis after another.

    - `coefficients`: of `exp(2 pi i n . (x - lower) / periods)`, ordered as by `fftfreq`.
    """

    coefficients: Complex[Array | np.ndarray, "*modes"]
    lower: Float[Array | np.ndarray, " dimension"]
    periods: Float[Array | np.ndarray, " dimension"]
    sides: Float[Array | np.ndarray, " dimension"]

    def __call__(self, x: Float[Array, " dimension"]) -> Float[Array, "1"]:
        return self.derivatives(x, ((),))[()]

    def derivatives(self, x: Float[Array, " dimension"], indices: tuple[Index, ...]) -> dict[Index, Any]:
        return {index: self._along(x, index) for index in indices}

    def _along(self, x: Float[Array, " dimension"], index: Index) -> Float[Array, "1"]:
        rest = jnp.asarray(self.coefficients)
        for axis, size in enumerate(self.coefficients.shape):
            rate = 2j * jnp.pi * _whole(size) / self.periods[axis]
            rest = jnp.tensordot(rate ** index.count(axis) * jnp.exp(rate * (x[axis] - self.lower[axis])), rest, 1)
        return rest.real[None]

    def cosines(self) -> tuple[Float[Array, "terms dimension"], Complex[Array, " terms"]]:
        """Frequencies in turns per side, and amplitudes; `n` and `-n` are both there."""
        scale = jnp.asarray(self.sides) / jnp.asarray(self.periods)
        axes = [_whole(size) * s for size, s in zip(self.coefficients.shape, scale, strict=True)]
        frequencies = jnp.stack(jnp.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
        return frequencies, jnp.asarray(self.coefficients).reshape(-1)


class GridSpace(AbstractSpace):
    """A problem on a grid. An element is `(m, ..., m)`: all nodes of a period, or those inside."""

    problem: PDEProblem
    n: int = eqx.field(static=True)
    periodic: bool = eqx.field(static=True)

    @property
    def share(self) -> float:
        return 0.0

    @property
    def points(self) -> int:
        """Nodes of a period along an axis."""
        return 2 * self.n + 1 if self.periodic else 2 * (self.n + 1)

    @property
    def sides(self) -> Any:
        return jnp.asarray(self.problem.domain.upper) - jnp.asarray(self.problem.domain.lower)

    @property
    def periods(self) -> Any:
        """Of the waves."""
        return self.sides if self.periodic else 2.0 * self.sides

    def zero(self) -> Array:
        return jnp.zeros([self.points if self.periodic else self.n] * self.problem.dimension)

    def constant(self, value: Any) -> Array:
        return self.zero() + (value if self.periodic else 0.0)

    def energy(self, u: Array) -> Float[Array, ""]:
        return self._mean(density(self.problem), *self._jets(u))

    def gradient(self, u: Array) -> tuple[Array, Any]:
        nodes = self.points if self.periodic else self.n + 1
        return jax.grad(self.energy)(u) * nodes**self.problem.dimension, jnp.zeros(())

    def smooth(self, g: Array) -> Array:
        coefficients = jnp.fft.fftn(self._extended(g)) / self._helmholtz()
        return self._inside(jnp.fft.ifftn(coefficients).real)

    def inner(self, g: Array, d: Array) -> Float[Array, ""]:
        nodes = self.points if self.periodic else self.n + 1
        return jnp.sum(g * d) / nodes**self.problem.dimension

    def move(self, u: Array, d: Array, size: Any) -> tuple[Array, Any]:
        return u - size * d, jnp.zeros(())

    def stiffness(self, d: Array) -> Float[Array, ""]:
        return jnp.max(self._helmholtz())

    def curvature(self, u: Array, d: Array, size: Any) -> Float[Array, ""]:
        """From the second derivatives of the density at all nodes, at both ends of the step."""

        def at(v: Array) -> Any:
            matrices = self._at_nodes(curvatures(self.problem), *self._jets(v))
            return jnp.max(jnp.sum(jnp.abs(matrices), -1))

        return jnp.maximum(at(u), at(u - size * d))

    def report(self, u: Array) -> dict[str, Any]:
        frequencies, amplitudes = self.model(u).cosines()
        lengths = jnp.sqrt(jnp.sum(jnp.square(frequencies), -1))
        return {"barron": jnp.sum((1.0 + lengths) * jnp.abs(amplitudes))}

    def values(self, u: Array, x: Float[Array, "n dimension"]) -> Float[Array, " n"]:
        return jax.vmap(self.model(u))(x)[:, 0]

    def model(self, u: Array) -> GridField:
        coefficients = jnp.fft.fftn(self._extended(u)) / self.points**self.problem.dimension
        return GridField(coefficients, jnp.asarray(self.problem.domain.lower), self.periods, self.sides)

    def enlarged(self, u: Array) -> Any:
        return None

    def _extended(self, u: Array) -> Array:
        """All nodes of a period."""
        if self.periodic:
            return u
        for axis in range(u.ndim):
            edge = jnp.zeros_like(jax.lax.slice_in_dim(u, 0, 1, axis=axis))
            u = jnp.concatenate([edge, u, edge, -jnp.flip(u, axis)], axis)
        return u

    def _inside(self, full: Array) -> Array:
        return full if self.periodic else full[(slice(1, self.n + 1),) * full.ndim]

    def _closed(self, full: Array) -> Array:
        """The nodes of the domain with its boundary, of the last axes."""
        d = self.problem.dimension
        return full if self.periodic else full[(..., *[slice(0, self.n + 2)] * d)]

    def _rates(self) -> list[Array]:
        rates = []
        for axis in range(self.problem.dimension):
            shape = [-1 if k == axis else 1 for k in range(self.problem.dimension)]
            rates.append((2.0 * jnp.pi * _whole(self.points) / self.periods[axis]).reshape(shape))
        return rates

    def _helmholtz(self) -> Array:
        return sum((jnp.square(rate) for rate in self._rates()), jnp.ones(()))

    def _jets(self, u: Array) -> tuple[Array, Array]:
        """Values and gradients at the nodes of the domain."""
        full = self._extended(u)
        coefficients = jnp.fft.fftn(full)
        slopes = jnp.stack([jnp.fft.ifftn(1j * rate * coefficients).real for rate in self._rates()])
        return self._closed(full), self._closed(slopes)

    def _at_nodes(self, f: Callable, u: Array, p: Array) -> Any:
        d = self.problem.dimension
        axes = [jnp.arange(size) * period / self.points for size, period in zip(u.shape, self.periods, strict=True)]
        x = jnp.stack(jnp.meshgrid(*axes, indexing="ij"), -1).reshape(-1, d) + self.problem.domain.lower
        return jax.vmap(f)(x, u.reshape(-1), p.reshape(d, -1).T)

    def _mean(self, f: Callable, u: Array, p: Array) -> Array:
        values = self._at_nodes(f, u, p).reshape(u.shape)
        if self.periodic:
            return jnp.mean(values)
        for _ in range(values.ndim):
            values = (jnp.sum(values, 0) - 0.5 * (values[0] + values[-1])) / (self.n + 1)
        return values


def _whole(size: int) -> Array:
    """Frequencies as whole numbers in the order of a transform; that of Nyquist, which has no derivative, as 0."""
    found = np.fft.fftfreq(size, 1.0 / size)
    return jnp.asarray(np.where(2.0 * found == -size, 0.0, found))
