"""`reduce`: a reduced model from training histories. The verb, its problem, and what its methods share."""

import dataclasses
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ..core import check_instance, check_key, float64
from ..systems import Viscoplastic
from ._calibration import AbstractCalibration
from ._full_step import FullModel
from ._march import march
from ._reduced import ReducedModel, basis, quadrature, strain_product, with_deim_points
from ._simulate import AbstractReduction, RomSolution, check_same, full_step
from ._weight import Diagonal

# The worse models whose errors a calibration learns from, beside those that have not seen a history: shares of modes.
_TRUNCATIONS = (0.25, 0.5, 1.0)

# Pairs below which a regression says nothing.
_FEWEST = 3


class Training(eqx.Module):
    """Histories of one body to learn from, such as different temperatures.

    **Arguments:** `problems`: a sequence of `systems.Viscoplastic` with the same body and law; `solutions`: what
    `simulate(problem, FullOrder())` returned for each, where that is known already.

    **Raises:** `ValueError` when there are none, bodies or laws differ, or solutions are not of the problems;
    `TypeError` for other objects.
    """

    problems: tuple[Viscoplastic, ...]
    solutions: tuple[RomSolution, ...] | None

    def __init__(self, problems: Any, solutions: Any = None):
        problems = tuple(problems)
        if not problems:
            raise ValueError("problems must be one training history or more, got none")
        for problem in problems:
            check_instance("problems", problem, Viscoplastic, "a sequence of systems.Viscoplastic(...)")
            check_same("problems", problem, problems[0])
        self.problems = problems
        self.solutions = None if solutions is None else tuple(solutions)
        if self.solutions is not None:
            steps = [solution.problem.steps for solution in self.solutions]
            if steps != [problem.steps for problem in problems] or any(
                len(s.full) != s.problem.steps for s in self.solutions
            ):
                raise ValueError("solutions must be a full solution of each of the problems")


def reduce(problem: Training, method: AbstractReduction, *, key: Any) -> ReducedModel:
    """Make a reduced model, in float64. Histories without a solution are solved by the full model first.

    **Arguments:**

    - `problem`: `Training(histories)`; `method`: such as `AdaptivePODECM()`.
    - `key`: JAX PRNG key; no method draws numbers today.

    **Returns:** a `ReducedModel`, for `simulate`.

    **Raises:** `TypeError` for other objects, `ValueError` when nothing yields in the histories, or too little to
    calibrate on; `SolverError` when Newton does not converge.

    >>> import jax
    >>> from perturbax import rom, systems
    >>> mesh = systems.box((2, 2))
    >>> body = systems.Solid(mesh, np.repeat(mesh.points[:, 1:] == 0.0, 2, axis=1))
    >>> law = systems.Norton(young=9.0, poisson=0.3, yield_stress=1.0, hardening=1.0, viscosity=1.0, exponent=3.0)
    >>> pull = systems.Separable(body.body_force(np.tile([0.0, 2.0], (16, 1)))[None], [[0.5], [1.0]])
    >>> problem = systems.Viscoplastic(body, law, [0.5, 1.0], np.full((2, 9), 20.0), pull)
    >>> model = rom.reduce(rom.Training([problem]), rom.PODGalerkin(), key=jax.random.key(0))
    >>> rom.simulate(problem, model, key=jax.random.key(0)).stats["modes"]
    2
    """
    check_instance("problem", problem, Training, "a rom.Training(...)")
    check_instance("method", method, AbstractReduction, "a method such as rom.AdaptivePODECM()")
    check_key("key", key)
    with float64():
        solutions = problem.solutions or tuple(solve_fully(each) for each in problem.problems)
        return method.build(problem.problems, solutions)


def solve_fully(problem: Viscoplastic) -> RomSolution:
    """A history by the full model."""
    model = FullModel(problem)
    now, found = model.begin(), {}
    for k in range(problem.steps):
        now = model.step(now, k)
        found[k] = full_step(problem, now)
    unknown = np.full(problem.steps, np.nan)
    return RomSolution(
        problem, None, (), found, unknown, unknown, True, {"full_steps": len(found), "solves": model.solves}
    )


def compress(
    method: Any, problems: tuple[Viscoplastic, ...], solutions: tuple[RomSolution, ...], eps_ecm: float | None
) -> ReducedModel:
    """Bases of the histories and a reduced quadrature; the full one when `eps_ecm` is `None`."""
    body = problems[0].body
    steps = [step for solution in solutions for step in (solution.full[k] for k in range(solution.problem.steps))]
    lifts = np.concatenate([p.displacement.amplitudes @ p.displacement.fields for p in problems])
    u = (np.stack([step.u for step in steps]) - lifts)[:, body.free]
    p = np.stack([step.plasticity for step in steps])
    if not p.any():
        raise ValueError("problem must have a training history that yields: of no plasticity there is nothing to learn")
    stress = np.stack([step.stress.ravel() for step in steps])
    displacement = basis(u, strain_product(body), method.eps_pod)
    plasticity = basis(p, Diagonal(body.weights), method.eps_dual)
    stress = basis(stress, Diagonal(np.repeat(body.weights, body.components)), method.eps_dual)
    points, weights, residual = np.arange(body.points), body.weights, 0.0
    if eps_ecm is not None:
        found = quadrature(body, displacement, stress, eps_ecm)
        residual = found.residual
        points, weights = with_deim_points(found, plasticity)
    stats = {"cubature_residual": residual, "pairs": None}
    return ReducedModel(method, body, problems[0].law, displacement, plasticity, stress, points, weights, None, stats)


def calibrated(
    model: ReducedModel,
    how: AbstractCalibration,
    problems: tuple[Viscoplastic, ...],
    solutions: tuple[RomSolution, ...],
) -> ReducedModel:
    """With a calibration on the training histories: by models that have not seen the history, and by truncated ones."""
    pairs = []
    for i, (problem, solution) in enumerate(zip(problems, solutions, strict=True)):
        worse = [model.truncated(share) for share in _TRUNCATIONS]
        others = [j for j in range(len(problems)) if j != i]
        if others and any(np.any(solutions[j].plasticity()) for j in others):
            chosen = tuple(problems[j] for j in others), tuple(solutions[j] for j in others)
            blind = compress(model.method, *chosen, model.method.eps_ecm)
            worse += [blind, blind.truncated(0.5)]
        pairs += [_pairs(march(problem, each), solution) for each in worse]
    indicator, error = np.concatenate(pairs).T
    if indicator.size < _FEWEST:
        raise ValueError(
            f"problem must have training histories to calibrate on: {indicator.size} of their steps have an indicator; "
            "more histories or a smaller eps_ecm, which keeps more points, give some"
        )
    fitted = how.fit(indicator, error)
    stats = {**model.stats, "pairs": np.stack([indicator, error], 1)}
    return dataclasses.replace(model, calibration=fitted, stats=stats)


def _pairs(found: RomSolution, exact: RomSolution) -> Float[np.ndarray, "m 2"]:
    """Indicators and errors of the steps where both are positive."""
    pairs = np.stack([found.indicator, found.error(exact)], 1)
    # The first steps of yielding divide rounding errors by each other.
    return pairs[(np.nan_to_num(pairs) > 1e-12).all(1)]
