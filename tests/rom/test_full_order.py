"""The full model: the patch test, creep by an ODE, quadratic convergence, and what it says when it fails."""

import jax
import numpy as np
import pytest
import scipy.integrate

from perturbax import core, interop, rom, systems
from perturbax.rom._full_step import FullModel, linear_response

from .plates import Fragile, plate

pytest.importorskip("skfem", reason="needs the extra mesh")
KEY = jax.random.key(0)
LAW = systems.Norton(young=200e3, poisson=0.3, yield_stress=200.0, hardening=5e3, viscosity=300.0, exponent=5.0)


def test_uniform_strain_is_exact_on_a_distorted_mesh_also_when_it_flows():
    """The patch test: displacements at the boundary are linear, so all of them are, and the stress is uniform."""
    mesh = systems.box((4, 4))
    inner = ((mesh.points > 0.0) & (mesh.points < 1.0)).all(1)
    moved = mesh.points + 0.08 * inner[:, None] * np.random.default_rng(0).uniform(-1, 1, mesh.points.shape)
    mesh = interop.Mesh(moved, mesh.cells)
    body = systems.Solid(mesh, np.repeat(~inner[:, None], 2, axis=1))
    linear = (mesh.points @ np.array([[0.004, 0.001], [0.002, -0.001]]).T).ravel()
    given = systems.Separable(np.where(np.repeat(~inner, 2), linear, 0.0)[None], [[0.5], [1.0]])
    problem = systems.Viscoplastic(body, LAW, [0.5, 1.0], np.full((2, 25), 20.0), displacement=given)
    found = rom.simulate(problem, rom.FullOrder(), key=KEY)
    np.testing.assert_allclose(found.displacement()[1].ravel(), linear, atol=1e-10 * abs(linear).max())
    assert found.full[1].plasticity.min() > 1e-4
    np.testing.assert_allclose(np.ptp(found.full[1].stress, axis=0), 0.0, atol=1e-7)


def test_creep_under_constant_stress_is_that_of_the_ode_to_first_order():
    """One hexahedron under a uniaxial stress of 350, against dp/dt = <(350 - 200 - H p) / K>^n."""
    mesh = systems.box((1, 1, 1))
    body = systems.Solid(mesh, mesh.points == 0.0)
    stress = 350.0
    pull = np.zeros((8, 3))
    pull[mesh.points[:, 0] == 1.0, 0] = stress / 4.0

    def rate(_, p):
        return np.maximum((stress - 200.0 - 5e3 * p) / 300.0, 0.0) ** 5

    exact = scipy.integrate.solve_ivp(rate, (0.0, 1.0), [0.0], rtol=1e-10, atol=1e-14).y[0, -1]
    errors = []
    for steps in (10, 20, 40):
        times = np.arange(1, steps + 1) / steps
        force = systems.Separable(pull.ravel()[None], np.ones((steps, 1)))
        problem = systems.Viscoplastic(
            body, LAW, times, systems.Separable(np.full((1, 8), 20.0), np.ones((steps, 1))), force
        )
        found = rom.simulate(problem, rom.FullOrder(), key=KEY)
        last = found.full[steps - 1]
        np.testing.assert_allclose(last.stress, np.tile([stress, 0, 0, 0, 0, 0], (8, 1)), atol=1e-4)
        np.testing.assert_allclose(last.plasticity, last.plasticity[0], rtol=1e-7)
        np.testing.assert_allclose(
            found.displacement()[-1][mesh.points[:, 0] == 1.0, 0], stress / 200e3 + last.plasticity[0]
        )
        errors.append(abs(last.plasticity[0] - exact))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert ((orders > 0.9) & (orders < 1.1)).all()


def test_newton_converges_quadratically():
    problem = plate(0.3, 500.0)
    body = problem.body
    with core.float64():
        model = FullModel(problem)
        before = model.begin()
        for k in range(3):
            before = model.step(before, k)
        temperature, force = body.interpolate(problem.temperature.at(3)), problem.force.at(3)[body.free]
        u, sizes = before.u.copy(), []
        for _ in range(6):
            inner, blocks, _, _ = linear_response(body, problem.law, u, before.state, temperature, problem.lengths[3])
            residual = force - np.asarray(inner)[body.free]
            sizes.append(np.linalg.norm(residual) / model.scale)
            u[body.free] += np.linalg.solve(model.pattern.matrix(blocks).toarray(), residual)
    last = [size for size in sizes if size > 1e-13]
    assert len(last) >= 3
    assert last[-1] < 1e-7
    # Three digits become six: the exponent between steps is near two.
    assert np.log(last[-1] / last[-2]) / np.log(last[-2] / last[-3]) > 1.6


def test_a_step_that_has_no_equilibrium_is_named():
    sound = plate(0.3, 0.0, cells=2, steps=4)
    problem = systems.Viscoplastic(sound.body, Fragile(3e-3), sound.times, sound.temperature, sound.force)
    with pytest.raises(core.SolverError, match=r"full model, step 1 at time 0.5: A value became NaN"):
        rom.simulate(problem, rom.FullOrder(), key=KEY)


def test_a_method_in_the_place_of_a_model_is_told_apart(without_type_checks):
    with pytest.raises(TypeError, match="got the method PODECM; reduce training histories first"):
        rom.simulate(plate(0.3, 0.0, cells=2, steps=2), rom.PODECM(), key=KEY)
    with pytest.raises(TypeError, match=r"problem must be a systems.Viscoplastic"):
        rom.simulate(None, rom.FullOrder(), key=KEY)
