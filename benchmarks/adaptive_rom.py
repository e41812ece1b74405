"""Reduced models of creep against the full model, a full step against scikit-fem, and Q-DEIM against pyMOR's DEIM.

`python benchmarks/adaptive_rom.py`. What is compared runs in the same process; medians are printed.
"""

import importlib.metadata
from typing import Any

import jax
import numpy as np
import scipy.sparse.linalg
import skfem
from pymor.algorithms.ei import deim
from pymor.core.logger import set_log_levels
from pymor.vectorarrays.numpy import NumpyVectorSpace
from skfem.models.elasticity import lame_parameters, linear_elasticity

from _timing import seconds
from perturbax import core, rom
from perturbax.rom._full_step import FullModel, linear_response
from perturbax.studies._hot_parts import plate
from perturbax.studies.adaptive_rom import CASES, TRAINING

KEY = jax.random.key(0)


def of_full_step(cells: int = 80) -> None:
    """Assembly and solution of one linearised step, with the law at every point on our side."""
    problem = plate(TRAINING[0], cells, 2)
    body = problem.body
    own: Any = skfem.MeshQuad(body.mesh.points.T, body.mesh.cells["quad"].T)
    basis: Any = skfem.Basis(own, skfem.ElementVector(skfem.ElementQuad1()), intorder=2)
    form = linear_elasticity(*lame_parameters(200e3, 0.3))
    clamped = basis.nodal_dofs[:, own.p[1] == 0.0].ravel()
    load = np.random.default_rng(0).normal(size=basis.N)

    def theirs() -> Any:
        return skfem.solve(*skfem.condense(form.assemble(basis), load, D=clamped))

    with core.float64():
        model = FullModel(problem)
        before, temperature = model.begin(), body.interpolate(problem.temperature.at(0))
        force = load[body.free]

        def ours() -> Any:
            _, blocks, _, _ = linear_response(body, problem.law, before.u, before.state, temperature, 0.5)
            matrix = model.pattern.matrix(blocks)
            return scipy.sparse.linalg.splu(
                matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
            ).solve(force)

        mine, other = seconds(ours, 5), seconds(theirs, 5)
    version = importlib.metadata.version("scikit-fem")
    print(f"full step, {body.size} unknowns: {mine:.3f} s, {mine / other:.2f} of scikit-fem {version} (wanted 1.5)")


def of_models(cells: int, eps_ecm: float = 1e-2, steps: int = 30) -> None:
    """A temperature that training has not seen."""
    training = rom.Training([plate(spot, cells, steps) for spot in TRAINING])
    problem = plate(CASES["a"], cells, steps)
    exact = rom.simulate(problem, rom.FullOrder(), key=KEY)
    full = seconds(lambda: rom.simulate(problem, rom.FullOrder(), key=KEY), 1)
    print(f"{problem.body.size} unknowns, {steps} steps: full model {full:.2f} s")
    for method in (rom.PODECM(eps_ecm=eps_ecm), rom.AdaptivePODECM(eps_ecm=eps_ecm)):
        model = rom.reduce(training, method, key=KEY)
        found = rom.simulate(problem, model, key=KEY)
        taken = seconds(lambda model=model: rom.simulate(problem, model, key=KEY), 1)
        print(
            f"  {type(method).__name__}: {taken:.2f} s, {full / taken:.1f} times as fast; final errors of u "
            f"{found.displacement_error(exact)[-1]:.4f} and p {found.error(exact)[-1]:.4f}; "
            f"{found.stats['full_steps']} full steps, {found.stats['points']} of {problem.body.points} points"
        )


def of_points(cells: int = 40) -> None:
    """The error of plasticity that was not seen, from as many points as modes."""
    seen = [rom.simulate(plate(spot, cells, 30), rom.FullOrder(), key=KEY).plasticity() for spot in TRAINING]
    new = rom.simulate(plate(CASES["a"], cells, 30), rom.FullOrder(), key=KEY).plasticity()[1:]
    modes = rom.pod(np.concatenate(seen), rank=15).modes
    theirs, _, _ = deim(NumpyVectorSpace.from_numpy(modes.T), pod=False)
    errors = [
        np.linalg.norm(rom.GappyPOD(modes, np.asarray(points)).reconstruct(new[:, points]) - new) / np.linalg.norm(new)
        for points in (rom.q_deim(modes), theirs)
    ]
    peer = f"DEIM of pyMOR {importlib.metadata.version('pymor')}"
    print(f"15 points: error {errors[0]:.4f} by Q-DEIM, {errors[0] / errors[1]:.2f} of {peer} (wanted 1.1)")


def main() -> None:
    set_log_levels({"pymor": "ERROR"})
    core.enable_compilation_cache()
    print(f"jax {jax.__version__}, NumPy {np.__version__}, SciPy {scipy.__version__}, {jax.devices()[0].device_kind}")
    of_full_step()
    of_points()
    for cells in (40, 120):
        of_models(cells)


if __name__ == "__main__":
    main()
