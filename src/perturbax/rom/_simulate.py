"""`simulate`: a history of a body by the full model or by a reduced one. The verb, its methods and its solution."""

import abc
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float, Int

from ..core import Method, check_instance, check_integer, check_key, float64
from ..interop import Mesh
from ..systems import Viscoplastic
from ._full_step import FullState
from ._mass import mass_matrix
from ._reduced import ReducedModel, cumulated


class AbstractFullMethod(Method):
    """A method of `rom.simulate` that needs no training."""

    @abc.abstractmethod
    def simulate(self, problem: Viscoplastic) -> "RomSolution":
        """The whole history, in float64."""


class AbstractReduction(Method):
    """A method of `rom.reduce`, which makes a reduced model and marches it."""

    eps_pod: eqx.AbstractVar[float]
    eps_dual: eqx.AbstractVar[float]

    @abc.abstractmethod
    def build(self, problems: tuple[Viscoplastic, ...], solutions: "tuple[RomSolution, ...]") -> ReducedModel:
        """The model of training histories and their full solutions, in float64."""

    @abc.abstractmethod
    def march(self, problem: Viscoplastic, model: ReducedModel) -> "RomSolution":
        """A history by the model, in float64."""


class Segment(eqx.Module):
    """Steps that one reduced model made: coefficients of its modes and plasticity at its points."""

    first: int
    model: ReducedModel
    coefficients: Float[np.ndarray, "m r"]
    plasticity: Float[np.ndarray, "m S"]


class FullStep(eqx.Module):
    """A step that the full model made: displacements, flat, plasticity and stresses of the quadrature points."""

    u: Float[np.ndarray, " nodal"]
    plasticity: Float[np.ndarray, " G"]
    stress: Float[np.ndarray, "G components"]


class RomSolution(eqx.Module):
    """What `simulate` returns.

    - `problem`; `model`: the reduced model at the end, with what it was enriched by, or `None`.
    - `segments`: what reduced models computed; `full`: the steps that the full model solved, by number.
    - `indicator`: for each step the root mean square of what the modes of plasticity leave of it at the points, over
      the largest one of the plasticity so far; NaN as long as there is none, and in steps that no reduced model tried.
      In a step that the full model solved it is that of the step that was given up.
    - `error_estimate`: what the calibration makes of it, for the relative error of the plasticity; NaN without one.
    - `trusted`: whether no estimate of a reduced step is above the tolerance. Models without a tolerance are trusted.
    - `stats`: `full_steps`; of a full model its linear `solves`; of a reduced one `newton_steps`, and `points` and
      `modes` at the end.
    """

    problem: Viscoplastic
    model: ReducedModel | None
    segments: tuple[Segment, ...]
    full: dict[int, FullStep]
    indicator: Float[np.ndarray, " steps"]
    error_estimate: Float[np.ndarray, " steps"]
    trusted: bool
    stats: dict[str, Any]

    @property
    def defined(self) -> Bool[np.ndarray, " steps"]:
        """Where the indicator says anything."""
        return np.isfinite(self.indicator)

    @property
    def full_steps(self) -> Int[np.ndarray, " m"]:
        """The numbers of the steps that the full model solved."""
        return np.array(sorted(self.full), np.int64)

    def displacement(self) -> Float[np.ndarray, "steps n d"]:
        """Of all nodes, at the ends of the steps."""
        body = self.problem.body
        found = self.problem.displacement.amplitudes @ self.problem.displacement.fields
        for part in self.segments:
            steps = slice(part.first, part.first + len(part.coefficients))
            found[steps, body.free] = part.coefficients @ part.model.displacement.modes
        for k, step in self.full.items():
            found[k] = step.u
        return found.reshape(self.problem.steps, -1, body.dimension)

    def plasticity(self) -> Float[np.ndarray, "steps G"]:
        """Cumulated plasticity of all quadrature points, by gappy POD where the step was a reduced one."""
        found = np.zeros((self.problem.steps, self.problem.body.points))
        for part in self.segments:
            steps = slice(part.first, part.first + len(part.plasticity))
            found[steps] = part.model.gappy.reconstruct(part.plasticity)
        for k, step in self.full.items():
            found[k] = step.plasticity
        return found

    def error(self, reference: "RomSolution") -> Float[np.ndarray, " steps"]:
        """The relative error of the plasticity at each step, over the largest norm so far; NaN as long as that is 0."""
        weights, exact = self.problem.body.weights, reference.plasticity()
        sizes, gaps = (np.sqrt(np.square(x) @ weights) for x in (exact, self.plasticity() - exact))
        largest = np.maximum.accumulate(sizes)
        return gaps / np.where(largest > 0.0, largest, np.nan)

    def displacement_error(self, reference: "RomSolution") -> Float[np.ndarray, " steps"]:
        """The relative error of the displacements at each step, in the mean square over the body."""
        weight, exact = mass_matrix(self.problem.body.mesh), reference.displacement()
        squares = [np.einsum("tnd,ntd->t", x, _times(weight, x)) for x in (self.displacement() - exact, exact)]
        return np.sqrt(squares[0] / np.where(squares[1] > 0.0, squares[1], np.nan))

    def mesh(self, step: int = -1) -> Mesh:
        """The mesh with the fields of a step: displacement and temperature at nodes, plasticity in cells."""
        k = check_integer("step", step, minimum=-self.problem.steps, maximum=self.problem.steps - 1)
        body = self.problem.body
        cells = {kind: index for kind, index in body.mesh.cells.items() if len(index) == len(body.cells)}
        moved = np.pad(self.displacement()[k], ((0, 0), (0, 3 - body.dimension)))
        return Mesh(
            body.mesh.points,
            cells,
            {"displacement": moved, "temperature": self.problem.temperature.at(k)},
            {"cumulated_plasticity": self.plasticity()[k].reshape(len(body.cells), -1).mean(1)},
        )


def simulate(problem: Viscoplastic, model: ReducedModel | AbstractFullMethod, *, key: Any) -> RomSolution:
    """Compute a history, in float64.

    **Arguments:**

    - `problem`: a `systems.Viscoplastic`.
    - `model`: what `reduce` returned for histories of the same body and law, or `FullOrder()`.
    - `key`: JAX PRNG key; no method draws numbers today.

    **Returns:** a `RomSolution`.

    **Raises:** `TypeError` for other objects, `ValueError` for a model of another body or law, `SolverError` when
    Newton does not converge, with the step.

    >>> import jax
    >>> from perturbax import rom, systems
    >>> mesh = systems.box((2, 2))
    >>> body = systems.Solid(mesh, np.repeat(mesh.points[:, 1:] == 0.0, 2, axis=1))
    >>> law = systems.Norton(young=9.0, poisson=0.3, yield_stress=1.0, hardening=1.0, viscosity=1.0, exponent=3.0)
    >>> pull = systems.Separable(body.body_force(np.tile([0.0, 2.0], (16, 1)))[None], [[0.5], [1.0]])
    >>> problem = systems.Viscoplastic(body, law, [0.5, 1.0], np.full((2, 9), 20.0), pull)
    >>> rom.simulate(problem, rom.FullOrder(), key=jax.random.key(0)).displacement().shape
    (2, 9, 2)
    """
    check_instance("problem", problem, Viscoplastic, "a systems.Viscoplastic(...)")
    wanted = "what rom.reduce returned, or rom.FullOrder()"
    if isinstance(model, AbstractReduction):
        raise TypeError(
            f"model must be {wanted}, got the method {type(model).__name__}; reduce training histories first"
        )
    check_instance("model", model, ReducedModel | AbstractFullMethod, wanted)
    check_key("key", key)
    with float64():
        if not isinstance(model, ReducedModel):
            return model.simulate(problem)
        check_same("model", model, problem)
        return model.method.march(problem, model)


def check_same(name: str, one: Any, other: Viscoplastic) -> None:
    """Refuse another body or law than that of a problem."""
    if not eqx.tree_equal(one.law, other.law):
        raise ValueError(f"{name} must have the law of the problem, got another one")
    mine, yours = (x.body for x in (one, other))
    alike = mine.free.shape == yours.free.shape and mine.gradients.shape == yours.gradients.shape
    if not alike or (mine.free != yours.free).any() or not np.allclose(mine.gradients, yours.gradients, rtol=1e-9):
        raise ValueError(f"{name} must have the mesh and the supports of the problem, got other ones")


def full_step(problem: Viscoplastic, found: FullState) -> FullStep:
    """What a solution keeps of a step of the full model."""
    return FullStep(found.u, cumulated(problem.law, found.state), found.stress)


def _times(weight: Any, x: Float[np.ndarray, "steps n d"]) -> Float[np.ndarray, "n steps d"]:
    nodes = x.shape[1]
    return (weight @ x.transpose(1, 0, 2).reshape(nodes, -1)).reshape(nodes, x.shape[0], -1)
