"""The residual of a history on the whole mesh: what an indicator that needs a few points only is compared with.

r(t) = |F(t) - int sigma(eps(u(t))) : eps(v)| / max_s |F(s) - int sigma(eps(u_0(s))) : eps(v)|

with the states that the law reaches at all quadrature points along `u`, and `u_0` the body as it was.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..core import check_instance, float64
from ._full_step import FullModel
from ._simulate import RomSolution


def residual_norm(solution: RomSolution) -> Float[np.ndarray, " steps"]:
    """Forces that are out of balance at the end of each step, relative to the largest that the loads make on the body
    as it was. The full model ends its steps at 1e-8. It costs the law at all points, without any solve.

    **Arguments:** `solution`: what `simulate` returned.

    **Returns:** shape `(steps,)`, float64.

    **Raises:** `TypeError` for another object.

    >>> import jax
    >>> from perturbax import rom, systems
    >>> mesh = systems.box((2, 2))
    >>> body = systems.Solid(mesh, np.repeat(mesh.points[:, 1:] == 0.0, 2, axis=1))
    >>> law = systems.Norton(young=9.0, poisson=0.3, yield_stress=1.0, hardening=1.0, viscosity=1.0, exponent=3.0)
    >>> pull = systems.Separable(body.body_force(np.tile([0.0, 2.0], (16, 1)))[None], [[0.5], [1.0]])
    >>> problem = systems.Viscoplastic(body, law, [0.5, 1.0], np.full((2, 9), 20.0), pull)
    >>> bool((rom.residual_norm(rom.simulate(problem, rom.FullOrder(), key=jax.random.key(0))) < 1e-8).all())
    True
    """
    check_instance("solution", solution, RomSolution, "what rom.simulate returned")
    problem = solution.problem
    body = problem.body
    with float64():
        norms = _norms(
            body,
            problem.law,
            solution.displacement().reshape(problem.steps, -1),
            (problem.force.amplitudes, problem.force.fields),
            (problem.temperature.amplitudes, body.interpolate(problem.temperature.fields)),
            problem.lengths,
        )
        return np.asarray(norms) / FullModel(problem).scale


@eqx.filter_jit
def _norms(body: Any, law: Any, u: Any, forces: Any, temperatures: Any, lengths: Any) -> Any:
    def one(state: Any, now: Any) -> Any:
        u, force, temperature, length = now
        stress, state = law.advance(body.strain(u), state, temperature @ temperatures[1], length)
        return state, jnp.linalg.norm((force @ forces[1] - body.forces(stress))[body.free])

    start = law.begin(body.points, body.components)
    return jax.lax.scan(one, start, (u, forces[0], temperatures[0], lengths))[1]
