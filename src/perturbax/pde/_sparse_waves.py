"""Few plane waves in many dimensions, as a representation of the minimiser of a polynomial energy."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from ..core import check_integer, check_number
from ._jet import AbstractClosedForm, Index
from ._lagrangian import check_variational, curvatures, density, slopes
from ._plane_waves import Waves, along, collect, divergence, gradient, helmholtz, inverse_helmholtz, joined, zero
from ._problem import PDEProblem
from ._representation import AbstractRepresentation, AbstractSpace
from ._wave_energy import mean_on_waves, on_magnitudes, on_waves, sources

# The first number of terms that there is room for, and how it grows: each one compiles again.
_FIRST, _GROWTH = 256, 4


class PlaneWaves(AbstractRepresentation):
    """Periodic functions as sparse sums of plane waves, in any number of dimensions.

    Polynomial energies act on them exactly. After each product the smallest waves are dropped, as many as have together
    at most the share `tolerance` of its Barron norm. A product costs the square of the number of waves that are in use.

    **Arguments:** `max_terms`: the largest number of waves, `n` and `-n` counted once; `tolerance`: see above.

    **Raises:** `ValueError` for numbers out of range.

    >>> PlaneWaves(max_terms=256).tolerance
    1e-06
    """

    max_terms: int = 2048
    tolerance: float = 1e-6

    def __check_init__(self):
        check_integer("max_terms", self.max_terms, minimum=1)
        check_number("tolerance", self.tolerance, minimum=0.0, maximum=1.0)

    def space(self, problem: PDEProblem) -> "WaveSpace":
        if not check_variational(problem):
            raise ValueError("conditions must be Periodic for PlaneWaves; SpectralGrid takes Dirichlet(0.0)")
        if not jax.config.read("jax_enable_x64"):
            raise ValueError("precision must be 'float64' for PlaneWaves, whose keys have 64 bits")
        first, second, third = (sources(problem, f(problem)) for f in (density, slopes, curvatures))
        terms = max((len(waves.frequencies) for one in (first, second, third) for waves in one.values()), default=1)
        capacity = min(self.max_terms, max(_FIRST, terms))
        return WaveSpace(problem, first, second, third, jnp.asarray(self.tolerance), capacity, self.max_terms)


class WaveField(AbstractClosedForm):
    """A sum of plane waves on a box as a pointwise function."""

    waves: Waves
    lower: Float[Array, " dimension"]
    sides: Float[Array, " dimension"]

    def __call__(self, x: Float[Array, " dimension"]) -> Float[Array, "1"]:
        return self.derivatives(x, ((),))[()]

    def derivatives(self, x: Float[Array, " dimension"], indices: tuple[Index, ...]) -> dict[Index, Any]:
        turns = jnp.asarray(self.waves.frequencies) @ ((x - self.lower) / jnp.asarray(self.sides))
        wave = jnp.exp(2j * jnp.pi * turns)
        found = {index: along(self.waves, index, self.sides).amplitudes for index in indices}
        return {index: jnp.sum((amplitudes * wave).real)[None] for index, amplitudes in found.items()}

    def cosines(self) -> tuple[Float[Array, "terms dimension"], Complex[Array, " terms"]]:
        """Frequencies in turns per side, and amplitudes."""
        return jnp.asarray(self.waves.frequencies, float), jnp.asarray(self.waves.amplitudes)


class WaveSpace(AbstractSpace):
    """A problem on sparse sums of plane waves."""

    problem: PDEProblem
    of_density: dict[int, Waves]
    of_slopes: dict[int, Waves]
    of_curvatures: dict[int, Waves]
    tolerance: Any
    capacity: int = eqx.field(static=True)
    max_terms: int = eqx.field(static=True)

    @property
    def share(self) -> Any:
        return self.tolerance

    @property
    def sides(self) -> Any:
        return jnp.asarray(self.problem.domain.upper) - jnp.asarray(self.problem.domain.lower)

    def zero(self) -> Waves:
        return zero(self.problem.dimension, self.capacity)

    def constant(self, value: Any) -> Waves:
        u = self.zero()
        return u.like(u.amplitudes.at[0].set(value))

    def energy(self, u: Waves) -> Float[Array, ""]:
        f, p = density(self.problem), gradient(u, self.sides)
        return mean_on_waves(self.problem, f, self.of_density, u, p, self.capacity, self.tolerance)

    def gradient(self, u: Waves) -> tuple[Waves, Any]:
        f, p = slopes(self.problem), gradient(u, self.sides)
        (by_u, by_p), dropped = on_waves(self.problem, f, self.of_slopes, u, p, self.capacity, self.tolerance)
        flux = divergence(by_p, self.sides)
        both = joined(by_u, flux.scaled(-1.0))
        return collect(both, len(both.frequencies), 0.0).waves, dropped

    def smooth(self, g: Waves) -> Waves:
        return inverse_helmholtz(g, self.sides)

    def inner(self, g: Waves, d: Waves) -> Float[Array, ""]:
        weight = jnp.where(jnp.all(g.frequencies == 0, -1), 1.0, 0.5)
        return jnp.sum(weight * (g.amplitudes * jnp.conj(d.amplitudes)).real)

    def move(self, u: Waves, d: Waves, size: Any) -> tuple[Waves, Any]:
        moved = collect(joined(u, d.scaled(-size)), self.capacity, self.tolerance)
        return moved.waves, moved.dropped

    def stiffness(self, d: Waves) -> Float[Array, ""]:
        return jnp.max(jnp.where(d.amplitudes != 0.0, helmholtz(d, self.sides), 1.0))

    def curvature(self, u: Waves, d: Waves, size: Any) -> Float[Array, ""]:
        """From sums of amplitudes, which bound the values and the gradient everywhere."""
        value = u.absolute() + size * d.absolute()
        slope = gradient(u, self.sides).absolute() + size * gradient(d, self.sides).absolute()
        known = {number: waves.absolute() for number, waves in self.of_curvatures.items()}
        (matrix,) = on_magnitudes(self.problem, curvatures(self.problem), known, value, slope)
        return jnp.max(jnp.sum(matrix, -1))

    def bound(self, u: Waves, size: Any) -> Float[Array, ""]:
        """From the norms of `u` and its derivatives: those of products are at most the products of norms, and
        `(I - Lap)^-1 div` takes at most half of a norm."""
        known = {number: waves.barron_norm() for number, waves in self.of_slopes.items()}
        slope = gradient(u, self.sides).barron_norm()
        by_u, by_p = on_magnitudes(self.problem, slopes(self.problem), known, u.barron_norm(), slope)
        return u.barron_norm() + size * (by_u + 0.5 * jnp.sum(by_p))

    def report(self, u: Waves) -> dict[str, Any]:
        return {"barron": u.barron_norm(), "terms": u.live()}

    def values(self, u: Waves, x: Float[Array, "n dimension"]) -> Float[Array, " n"]:
        turns = (x - self.problem.domain.lower) / self.sides @ u.frequencies.T.astype(float)
        return jnp.cos(2.0 * jnp.pi * turns) @ u.amplitudes.real - jnp.sin(2.0 * jnp.pi * turns) @ u.amplitudes.imag

    def model(self, u: Waves) -> WaveField:
        return WaveField(u, jnp.asarray(self.problem.domain.lower), self.sides)

    def enlarged(self, u: Waves) -> Any:
        if self.capacity >= self.max_terms:
            return None
        capacity = min(_GROWTH * self.capacity, self.max_terms)
        return dataclasses.replace(self, capacity=capacity), u.padded(capacity)
