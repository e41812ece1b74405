"""A step in time of the full model: Newton with the consistent tangent, a sparse direct solve for each iteration.

r(u) = F - int sigma(eps(u)) : eps(v),      K du = r,     until |r| <= 1e-8 of the residual of the unmoved body
"""

from functools import cached_property
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from ..core import Result, SolverError
from ..linalg import factor_symmetric
from ..systems import Viscoplastic

# Of the largest residual that forces, given displacements and temperatures make on the body as it was.
TOLERANCE = 1e-8
MAX_NEWTON = 50


class FullState(eqx.Module):
    """Where the full model is: nodal displacements, flat, and states and stresses of all quadrature points."""

    u: Float[np.ndarray, " nodal"]
    state: Any
    stress: Float[np.ndarray, "G components"]


class FullModel:
    """The full model of a problem with what its steps share. For use inside `core.float64()`."""

    def __init__(self, problem: Viscoplastic):
        self.problem = problem
        self.pattern = problem.body.pattern()
        self.solves = 0

    def begin(self) -> FullState:
        """The body that nothing has happened to."""
        body = self.problem.body
        state = _host(self.problem.law.begin(body.points, body.components))
        nodal = body.dimension * len(body.mesh.points)
        return FullState(np.zeros(nodal), state, np.zeros((body.points, body.components)))

    def step(self, before: FullState, k: int) -> FullState:
        """The end of step `k` from its beginning.

        **Raises:** `SolverError` when Newton does not converge.
        """
        problem, body = self.problem, self.problem.body
        temperature = body.interpolate(problem.temperature.at(k))
        force, length = problem.force.at(k)[body.free], problem.lengths[k]
        u = problem.displacement.at(k)
        u[body.free] = before.u[body.free]
        enough, result = TOLERANCE * self.scale, Result.max_steps
        for _ in range(MAX_NEWTON):
            inner, blocks, state, stress = linear_response(body, problem.law, u, before.state, temperature, length)
            residual = force - np.asarray(inner)[body.free]
            if not np.isfinite(residual).all():
                result = Result.nonfinite
                break
            if np.linalg.norm(residual) <= enough:
                return FullState(u, _host(state), np.asarray(stress))
            matrix = self.pattern.matrix(blocks)
            u = u.copy()
            u[body.free] += factor_symmetric(matrix).solve(residual)
            self.solves += 1
        raise SolverError(f"full model, step {k} at time {problem.times[k]:g}: {Result[result]}")

    @cached_property
    def scale(self) -> float:
        """The largest residual of the body as it was, over all times."""
        problem, body = self.problem, self.problem.body
        state = problem.law.begin(body.points, body.components)
        found = []
        for k in range(problem.steps):
            temperature = body.interpolate(problem.temperature.at(k))
            inner = unmoved(body, problem.law, problem.displacement.at(k), state, temperature, problem.lengths[k])
            found.append(float(np.linalg.norm((problem.force.at(k) - np.asarray(inner))[body.free])))
        return max(found)


@eqx.filter_jit
def linear_response(body: Any, law: Any, u: Any, state: Any, temperature: Any, length: Any) -> tuple[Any, ...]:
    """Inner forces, stiffness matrices of the cells, states and stresses."""
    stress, new, tangent = law.linearise(body.strain(u), state, temperature, length)
    return body.forces(stress), body.stiffness(tangent), new, stress


@eqx.filter_jit
def unmoved(body: Any, law: Any, u: Any, state: Any, temperature: Any, length: Any) -> Any:
    """Inner forces."""
    return body.forces(law.advance(body.strain(u), state, temperature, length)[0])


def _host(tree: Any) -> Any:
    return jax.tree.map(np.asarray, tree)
