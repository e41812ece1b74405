"""Reduced models of a creeping plate: exact limits, what the indicator sees, budgets, files, and what is refused."""

import dataclasses

import equinox as eqx
import jax
import numpy as np
import pytest

from perturbax import core, rom, systems
from perturbax.rom import _march, _online

from ..diffusion.test_compilation import compilations
from .plates import LAW, STEPS, Fragile, plate

pytest.importorskip("skfem", reason="needs the extra mesh")
KEY = jax.random.key(0)


def with_method(model, **changes):
    return eqx.tree_at(lambda m: m.method, model, dataclasses.replace(model.method, **changes))


@pytest.fixture(scope="module")
def training():
    problems = [plate(0.2, 500.0), plate(0.8, 400.0)]
    return rom.Training(problems, [rom.simulate(problem, rom.FullOrder(), key=KEY) for problem in problems])


@pytest.fixture(scope="module")
def adaptive(training):
    return rom.reduce(training, rom.AdaptivePODECM(calibration=rom.MaxRatio()), key=KEY)


@pytest.fixture(scope="module")
def unseen():
    problem = plate(0.5, 650.0)
    return problem, rom.simulate(problem, rom.FullOrder(), key=KEY)


def test_the_training_histories_come_back_by_galerkin_to_the_tolerance_of_the_basis(training):
    model = rom.reduce(training, rom.PODGalerkin(), key=KEY)
    np.testing.assert_array_equal(model.weights, model.body.weights)
    for problem, exact in zip(training.problems, training.solutions, strict=True):
        found = rom.simulate(problem, model, key=KEY)
        assert found.displacement_error(exact)[-1] < 1e-4
        assert found.error(exact)[-1] < 1e-3


def test_training_triggers_nothing_and_is_right(training, adaptive):
    assert adaptive.points.size < adaptive.body.points
    assert adaptive.weights.sum() == pytest.approx(1.0, rel=1e-3)
    assert adaptive.weights.min() >= 0.0
    found = rom.simulate(training.problems[0], adaptive, key=KEY)
    assert found.full_steps.size == 0
    assert found.trusted
    assert found.displacement_error(training.solutions[0])[-1] < 5e-3


def test_without_a_tolerance_it_is_the_model_that_does_not_adapt(training, adaptive, unseen):
    plain = rom.simulate(unseen[0], rom.reduce(training, rom.PODECM(), key=KEY), key=KEY)
    found = rom.simulate(unseen[0], with_method(adaptive, tol=np.inf), key=KEY)
    np.testing.assert_array_equal(found.displacement(), plain.displacement())
    np.testing.assert_array_equal(found.plasticity(), plain.plasticity())
    np.testing.assert_array_equal(found.indicator, plain.indicator)
    assert np.isfinite(found.error_estimate).any()
    assert np.isnan(plain.error_estimate).all()


def test_with_a_tolerance_of_zero_every_step_that_yields_is_one_of_the_full_model(adaptive, unseen):
    problem, exact = unseen
    found = rom.simulate(problem, with_method(adaptive, tol=0.0, max_full_share=1.0), key=KEY)
    yields = np.flatnonzero(exact.plasticity().any(1))
    np.testing.assert_array_equal(found.full_steps, yields)
    np.testing.assert_allclose(found.plasticity()[yields], exact.plasticity()[yields], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found.displacement()[yields], exact.displacement()[yields], atol=1e-9)


def test_adaptation_makes_an_unseen_history_right_and_leaves_the_model_better(adaptive, unseen):
    problem, exact = unseen
    blind = rom.simulate(problem, with_method(adaptive, tol=np.inf), key=KEY)
    found = rom.simulate(problem, adaptive, key=KEY)
    assert 1 <= found.full_steps.size <= STEPS // 2
    assert found.displacement_error(exact)[-1] < 0.3 * blind.displacement_error(exact)[-1]
    assert found.error(exact)[-1] < 0.3 * blind.error(exact)[-1]
    again = rom.simulate(problem, found.model, key=KEY)
    assert again.full_steps.size < found.full_steps.size
    assert found.stats["modes"] > len(adaptive.displacement.modes)


def test_the_indicator_is_not_defined_before_anything_yields(adaptive, unseen):
    problem, exact = unseen
    found = rom.simulate(problem, with_method(adaptive, tol=np.inf), key=KEY)
    elastic = ~exact.plasticity().any(1)
    assert elastic[0]
    np.testing.assert_array_equal(found.defined, ~elastic)
    assert np.isnan(found.error_estimate[elastic]).all()


def test_beyond_its_budget_a_solution_is_not_trusted(adaptive, unseen):
    found = rom.simulate(unseen[0], with_method(adaptive, tol=1e-6, max_full_share=0.25), key=KEY)
    assert found.full_steps.size == STEPS // 4
    assert not found.trusted


def test_blind_enrichment_solves_as_many_steps_as_it_is_told(training, unseen):
    model = rom.reduce(training, rom.BlindPODECM(solves=2), key=KEY)
    assert rom.simulate(unseen[0], model, key=KEY).full_steps.tolist() == [2, 6]


def test_a_step_that_only_halves_can_take_is_one_of_the_full_model_where_that_is_wanted(
    training, adaptive, unseen, monkeypatch
):
    """Newton is said to have failed wherever the march stops: two halves must not replace what the method asks for."""
    advance, halves = _march.advance, []

    def failing(*arguments):
        now = advance(*arguments)
        return eqx.tree_at(lambda m: m.failed, now, now.stopped)

    def counted(*arguments):
        found = _online.half_steps(*arguments)
        halves.append(bool(found[2]))
        return found

    monkeypatch.setattr(_march, "advance", failing)
    monkeypatch.setattr(_march, "half_steps", counted)
    blind = rom.reduce(training, rom.BlindPODECM(solves=2), key=KEY)
    assert rom.simulate(unseen[0], blind, key=KEY).full_steps.tolist() == [2, 6]
    assert halves == [True, True]
    yields = np.flatnonzero(unseen[1].plasticity().any(1))
    found = rom.simulate(unseen[0], with_method(adaptive, tol=0.0, max_full_share=1.0), key=KEY)
    np.testing.assert_array_equal(found.full_steps, yields)
    spent = rom.simulate(unseen[0], with_method(adaptive, tol=0.0, max_full_share=0.25), key=KEY)
    assert spent.full_steps.size == STEPS // 4
    assert np.isfinite(spent.indicator[yields]).all()
    assert not spent.trusted


def test_a_state_that_is_replayed_is_that_of_the_full_model(unseen):
    problem, exact = unseen
    fields = problem.body.interpolate(problem.temperature.fields)
    u = exact.displacement().reshape(STEPS, -1)
    with core.float64():
        state = LAW.begin(problem.body.points, 4)
        arguments = (u, problem.temperature.amplitudes, fields, problem.lengths, state, (np.array(0), np.array(6)))
        state, stress = _march.replay(problem.body, LAW, *arguments)
    np.testing.assert_allclose(state.cumulated, exact.full[5].plasticity, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(stress, exact.full[5].stress, rtol=1e-9, atol=1e-9)


def test_the_residual_on_the_whole_mesh_is_that_of_newton_and_large_where_a_model_is_wrong(training, adaptive, unseen):
    """The full model ends at its tolerance; Galerkin's residual is orthogonal to the modes but not small off them."""
    full = rom.residual_norm(unseen[1])
    assert full.shape == (unseen[0].steps,)
    assert (full <= 1e-8).all()
    plain = with_method(adaptive, tol=np.inf)
    found = rom.simulate(unseen[0], plain, key=KEY)
    wrong = found.error(unseen[1]) > 0.1
    assert wrong.any()
    assert (rom.residual_norm(found)[wrong] > 1e-4).all()


def test_half_steps_end_near_the_whole_step(training, adaptive):
    problem = training.problems[0]
    with core.float64():
        shape, load = _online.online(adaptive), _online.loads(adaptive, problem)
        start = _online.begin(adaptive, problem, shape)
        a, _, solved = _online.half_steps(shape, load, LAW, start)
    whole = rom.simulate(problem, with_method(adaptive, tol=np.inf), key=KEY).segments[0].coefficients[0]
    assert bool(solved)
    np.testing.assert_allclose(a[: whole.size], whole, rtol=1e-6, atol=1e-10)


def test_a_model_that_grows_is_not_compiled_again(adaptive, unseen):
    first = rom.simulate(unseen[0], adaptive, key=KEY)
    with compilations() as seen:
        second = rom.simulate(plate(0.45, 600.0), adaptive, key=KEY)
    assert seen == []
    assert len({first.stats["modes"], second.stats["modes"], len(adaptive.displacement.modes)}) > 1


def test_given_displacements_are_lifted(training):
    """A plate that is pulled by its upper side: the reduced displacements have the given values there."""
    base = training.problems[0]
    mesh = base.body.mesh
    top = np.isclose(mesh.points[:, 1], 1.0)
    body = systems.Solid(mesh, np.repeat((top | (mesh.points[:, 1] == 0.0))[:, None], 2, axis=1))
    given = np.zeros((len(mesh.points), 2))
    given[top, 1] = 0.004
    pulled = systems.Separable(given.ravel()[None], np.arange(1, STEPS + 1)[:, None] / STEPS)
    problem = systems.Viscoplastic(body, LAW, base.times, base.temperature, displacement=pulled)
    exact = rom.simulate(problem, rom.FullOrder(), key=KEY)
    model = rom.reduce(rom.Training([problem], [exact]), rom.PODECM(), key=KEY)
    found = rom.simulate(problem, model, key=KEY)
    np.testing.assert_allclose(found.displacement()[-1, top, 1], 0.004)
    assert found.displacement_error(exact)[-1] < 5e-3


def test_a_model_comes_back_from_its_file(adaptive, unseen, tmp_path):
    adaptive.save(tmp_path / "model.npz")
    loaded = rom.load_reduced(tmp_path / "model.npz", adaptive.method, LAW)
    first, second = (rom.simulate(unseen[0], with_method(m, tol=np.inf), key=KEY) for m in (adaptive, loaded))
    np.testing.assert_array_equal(first.displacement(), second.displacement())
    np.testing.assert_array_equal(first.error_estimate, second.error_estimate)
    (tmp_path / "bad.npz").write_text("text")
    with pytest.raises(ValueError, match="is damaged or no file of perturbax"):
        rom.load_reduced(tmp_path / "bad.npz", adaptive.method, LAW)


def test_a_file_is_read_for_a_reduction_and_a_law_only(adaptive, tmp_path, without_type_checks):
    adaptive.save(tmp_path / "model.npz")
    with pytest.raises(TypeError, match="method must be a method such as"):
        rom.load_reduced(tmp_path / "model.npz", rom.FullOrder(), LAW)
    with pytest.raises(TypeError, match="law must be a law such as"):
        rom.load_reduced(tmp_path / "model.npz", adaptive.method, None)


def test_fields_of_a_step_lie_on_the_mesh(adaptive, training):
    found = rom.simulate(training.problems[0], adaptive, key=KEY).mesh()
    assert found.point_fields["displacement"].shape == (36, 3)
    assert found.point_fields["temperature"].max() > 300.0
    assert found.cell_fields["cumulated_plasticity"].shape == (25,)


def test_calibrations_cover_what_they_have_seen():
    random = np.random.default_rng(0)
    rho = np.geomspace(1e-4, 1.0, 60)
    error = 2.0 * rho * np.exp(0.3 * random.normal(size=60))
    for how in (rom.MaxRatio(), rom.GaussianProcess()):
        with core.float64():
            found = np.asarray(how.fit(rho, error)(rho))
        assert np.mean(found >= error) >= 0.95
        assert np.median(found / error) < 5.0
        with core.float64():
            np.testing.assert_allclose(how.fit(rho, error)(1e-6) / how.fit(rho, error)(1e-5), 0.1, rtol=1e-6)


def test_what_does_not_fit_is_refused_by_name(training, adaptive, without_type_checks):
    with pytest.raises(ValueError, match="problems must be one training history or more"):
        rom.Training([])
    with pytest.raises(ValueError, match="problems must have the mesh"):
        rom.Training([training.problems[0], plate(0.3, 1.0, cells=4)])
    with pytest.raises(ValueError, match="solutions must be a full solution of each"):
        rom.Training(training.problems, training.solutions[:1])
    with pytest.raises(ValueError, match="problem must have a training history that yields"):
        rom.reduce(rom.Training([plate(0.3, 0.0, steps=2, pull=1.0)]), rom.PODECM(), key=KEY)
    with pytest.raises(ValueError, match="model must have the mesh and the supports"):
        rom.simulate(plate(0.3, 1.0, cells=4), adaptive, key=KEY)
    other = systems.Norton(young=1e5, poisson=0.3, yield_stress=1.0, hardening=0.0, viscosity=1.0, exponent=1.0)
    moved = eqx.tree_at(lambda p: p.law, training.problems[0], other)
    with pytest.raises(ValueError, match="model must have the law of the problem"):
        rom.simulate(moved, adaptive, key=KEY)
    with pytest.raises(TypeError, match="method must be a method such as"):
        rom.reduce(training, rom.FullOrder(), key=KEY)
    with pytest.raises(ValueError, match="tol must be"):
        rom.AdaptivePODECM(tol=-1.0)
    with pytest.raises(TypeError, match=r"calibration must be .* did you mean MaxRatio\(\)"):
        rom.AdaptivePODECM(calibration=rom.MaxRatio)
    with pytest.raises(ValueError, match="solves must be"):
        rom.BlindPODECM(solves=-1)


def test_a_reduced_step_that_cannot_be_solved_is_named():
    """Linear up to a strain that twice the force exceeds; the full model could not go on either."""
    sound = plate(0.3, 0.0, cells=2, steps=4)
    twice = systems.Separable(2.0 * sound.force.fields, sound.force.amplitudes)
    law = Fragile(6e-3)
    one, two = (systems.Viscoplastic(sound.body, law, sound.times, sound.temperature, f) for f in (sound.force, twice))
    model = rom.reduce(rom.Training([one]), rom.PODECM(), key=KEY)
    assert rom.simulate(one, model, key=KEY).displacement().any()
    with pytest.raises(core.SolverError, match=r"reduced model, step 1 at time 0\.5: Newton does not converge, nor"):
        rom.simulate(two, model, key=KEY)
