"""Generators of boundary traces: known laws are found again, units, ranges, Monte Carlo, files, and what is refused."""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import nn, rom
from perturbax.core import SolverError
from perturbax.rom._adversarial import distance_to_held
from perturbax.rom._boundary_generator import _draw
from perturbax.rom._trace_law import FittedLaw, ModalLaw

KEYS = jax.random.split(jax.random.key(0), 4)
MAP = np.array([[1.0, 0.5, 0.0, -2.0], [0.3, -1.0, 0.0, 0.4]])
QUICK = {"networks": rom.Perceptrons((8,)), "steps": 2, "batch": 8}
METHODS = (
    rom.PCAGaussian(),
    rom.PCACopula(),
    rom.StoredTraces(),
    rom.ConditionalVAE(hidden=(8,), steps=2, batch=8),
    rom.WGANGP(**QUICK),
    rom.GAN(**QUICK),
)


def problem_of(count=400, **options):
    """Traces of four components, the third of them constant, linear in a parameter and in noise."""
    random = np.random.default_rng(0)
    p, noise = random.uniform(1.0, 3.0, (count, 1)), random.normal(size=(count, 1))
    traces = np.concatenate([p, 0.5 * noise], 1) @ MAP + [7.0, 0.0, 3.0, 0.0]
    return rom.SubmodelProblem(traces, p, **options)


@pytest.fixture(scope="module")
def problem():
    return problem_of()


@pytest.fixture(scope="module")
def gaussian(problem):
    return rom.boundary_generator(problem, rom.PCAGaussian(), key=KEYS[0])


@pytest.fixture(scope="module")
def fitted(problem):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # networks that have made two steps miss modes
        return {type(m).__name__: rom.boundary_generator(problem, m, key=KEYS[0]) for m in METHODS}


def test_the_gaussian_law_is_found_again(gaussian):
    for p in (1.2, 2.5):
        drawn = gaussian.generate(KEYS[1], [p], 4096)
        np.testing.assert_allclose(drawn.mean(0), p * MAP[0] + [7.0, 0.0, 3.0, 0.0], atol=0.03)
        np.testing.assert_allclose(np.cov(drawn.T), 0.25 * np.outer(MAP[1], MAP[1]), atol=0.02)


def test_each_row_of_parameters_has_its_trace_and_constants_are_put_back(fitted, problem):
    p = np.linspace(1.1, 2.9, 5)[:, None]
    for name, found in fitted.items():
        drawn = found.generate(KEYS[1], p)
        assert drawn.shape == (5, 4), name
        np.testing.assert_array_equal(drawn[:, 2], np.full(5, 3.0))
        np.testing.assert_array_equal(drawn, found.generate(KEYS[1], p))
        assert np.abs(drawn - found.generate(KEYS[2], p)).max() > 0.0
    assert problem.varying.tolist() == [True, True, False, True]


def test_copula_keeps_two_modes_that_a_gaussian_fills():
    x = np.random.default_rng(1).choice([-1.0, 1.0], (300, 1)) + 0.05 * np.random.default_rng(2).normal(size=(300, 1))
    two = rom.SubmodelProblem(x * [1.0, 2.0])
    middle = {}
    for method in (rom.PCAGaussian(), rom.PCACopula()):
        drawn = rom.boundary_generator(two, method, key=KEYS[0]).generate(KEYS[1], n=1000)
        middle[type(method).__name__] = float((np.abs(drawn[:, 0]) < 0.5).mean())
    assert middle["PCACopula"] < 0.02 < 0.3 < middle["PCAGaussian"]


def test_copula_follows_the_parameters(fitted):
    low, high = (fitted["PCACopula"].generate(KEYS[1], [p], 1000).mean(0) for p in (1.2, 2.8))
    np.testing.assert_allclose(high - low, 1.6 * MAP[0], atol=0.3)


def test_stored_traces_are_those_of_the_nearest_parameters(fitted, problem):
    drawn = fitted["StoredTraces"].generate(KEYS[1], [2.0], 50)
    gap = np.abs(drawn[:, None] - problem.traces).max(2)
    assert gap.min(1).max() < 1e-6
    near = np.sort(np.abs(problem.parameters[:, 0] - 2.0))[19]
    assert np.abs(problem.parameters[gap.argmin(1), 0] - 2.0).max() <= near + 1e-6


def test_parameters_outside_of_the_range_are_refused_unless_wanted(gaussian):
    with pytest.raises(ValueError, match=r"p\[\.\.\., 0\] must lie in .* extrapolate=True"):
        gaussian.generate(KEYS[1], [3.5])
    assert gaussian.generate(KEYS[1], [3.5], extrapolate=True).mean() > 0.0
    low, high = gaussian.parameters.min(0), gaussian.parameters.max(0)
    assert gaussian.generate(KEYS[1], np.stack([low, high])).shape == (2, 4)


def test_without_parameters_those_of_the_full_solutions_are_drawn(gaussian, problem):
    drawn = gaussian.generate(KEYS[1], n=4000)
    assert drawn[:, 3].std() == pytest.approx(problem.traces[:, 3].std(), rel=0.05)


def test_monte_carlo_counts_what_is_not_plausible(gaussian):
    found = gaussian.monte_carlo(KEYS[1], lambda t: t[:, 0], 2000, p=[2.0], plausible=lambda t: t[:, 0] < 9.0)
    assert found.values.size + found.rejected == 2000
    assert found.rejected_share == pytest.approx(0.5, abs=0.05)
    assert found.values.max() < 9.0
    with pytest.raises(ValueError, match="plausible refused all 5"):
        gaussian.monte_carlo(KEYS[1], lambda t: t[:, 0], 5, plausible=lambda t: np.zeros(len(t)))
    with pytest.raises(ValueError, match="what qoi returns"):
        gaussian.monte_carlo(KEYS[1], lambda t: t, 5)
    with pytest.raises(TypeError, match="qoi"):
        gaussian.monte_carlo(KEYS[1], 3, 5)


def test_variance_is_shared_between_parameters_and_the_rest(gaussian, problem):
    """Of the first component: p with variance 1/3, and noise with 0.25 x 0.09."""
    shares = gaussian.variance_shares(KEYS[1], lambda t: t[:, 0], 400, 8)
    known = problem.parameters.var()
    assert shares.parameters == pytest.approx(known / (known + 0.25 * 0.09), abs=0.02)
    assert shares.variance == pytest.approx(known + 0.25 * 0.09, rel=0.1)


def test_distance_and_recall_tell_a_right_law_from_a_poor_one(fitted):
    right = fitted["PCAGaussian"]
    assert right.distance.value < 2.0 * right.distance.floor
    assert right.recall > 0.7
    assert fitted["WGANGP"].distance.value > right.distance.value


def test_recall_does_not_depend_on_how_many_distances_are_held_at_once(problem, gaussian, monkeypatch):
    monkeypatch.setattr("perturbax.rom._boundary_generator._ROWS", 7)
    again = rom.boundary_generator(problem, rom.PCAGaussian(), key=KEYS[0])
    assert again.recall == gaussian.recall
    assert again.distance == gaussian.distance


def test_what_a_network_has_learned_is_chosen_by_the_traces_set_aside(problem):
    data = problem.split(KEYS[0])
    assert (len(data.u), len(data.held_u)) == (350, 50)
    distance = distance_to_held(nn.WassersteinGP(2), data, KEYS[1])
    rows = np.tile(data.held_u, (4, 1))
    exact, far = (distance(eqx.Partial(_constant, rows + shift)) for shift in (0.0, 1.0))
    assert exact < 1e-6 < 0.1 < far
    assert distance(eqx.Partial(_constant, rows * np.nan)) == np.inf
    assert distance_to_held(nn.WassersteinGP(2), problem_of(20, validation=0).split(KEYS[0]), KEYS[1]) is None


def _constant(rows, z, p):
    return rows


class OneMode(rom.AbstractGeneratorMethod):
    """What a collapsed network does: the same trace, almost, whatever the noise."""

    def estimate(self, data, key, progress):
        return FittedLaw(ModalLaw(jnp.eye(3), jnp.zeros((1, 3)), 1e-3 * jnp.eye(3)))


def test_few_traces_and_missing_modes_are_warned_of():
    with pytest.warns(UserWarning, match="12 traces are few: 2 components"):
        rom.boundary_generator(problem_of(12, validation=0), rom.PCAGaussian(), key=KEYS[0])
    with pytest.warns(UserWarning, match="only .* of the traces set aside lie among"):
        rom.boundary_generator(problem_of(200), OneMode(), key=KEYS[0])


def test_a_critic_that_diverges_is_trained_anew_more_slowly(problem, monkeypatch):
    rates = []

    def fit_gan(*args, learning_rate, **options):
        rates.append(learning_rate)
        bad = {"largest_penalty": 1e-9, "grace": 0} if len(rates) < fails + 1 else {}
        return nn.fit_gan(*args, learning_rate=learning_rate, **bad, **options)

    monkeypatch.setattr("perturbax.rom._adversarial.fit_gan", fit_gan)
    fails = 1
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = rom.boundary_generator(problem, rom.WGANGP(**QUICK), key=KEYS[0])
    assert rates == [2e-4, 1e-4]
    assert found.stats["learning_rate"] == 1e-4
    assert sum("trained anew" in str(each.message) for each in said) == 1
    fails, rates[:] = 3, []
    with (
        pytest.warns(UserWarning, match="diverged"),
        pytest.raises(SolverError, match="WGANGP: The iteration diverged"),
    ):
        rom.boundary_generator(problem, rom.WGANGP(**QUICK), key=KEYS[0])
    assert rates == [2e-4, 1e-4, 5e-5]


def test_any_number_of_traces_is_one_of_a_few_programs(gaussian):
    gaussian.generate(KEYS[1], n=33)
    before = _draw._cached._cache_size()
    for n in (34, 50, 64):
        gaussian.generate(KEYS[1], n=n)
    assert _draw._cached._cache_size() == before


@pytest.mark.slow
def test_the_law_can_be_compiled_and_batched(fitted):
    p = np.linspace(-1.0, 1.0, 6, dtype=np.float32).reshape(3, 2, 1)
    for found in fitted.values():
        drawn = eqx.filter_jit(eqx.filter_vmap(lambda k, p, law=found.law: law.sample(k, p)))(KEYS[:3], p)
        assert drawn.shape == (3, 2, 3)


@pytest.mark.parametrize("name", [type(m).__name__ for m in METHODS])
def test_a_generator_survives_its_file(fitted, tmp_path, name):
    path = tmp_path / "g.npz"
    rom.save_boundary_generator(path, fitted[name])
    again = rom.load_boundary_generator(path)
    np.testing.assert_array_equal(again.generate(KEYS[1], [2.0], 3), fitted[name].generate(KEYS[1], [2.0], 3))
    assert again.distance == fitted[name].distance


def test_damaged_and_foreign_files_are_refused(fitted, tmp_path):
    path = tmp_path / "g.npz"
    path.write_bytes(b"no zip")
    with pytest.raises(ValueError, match=r"g\.npz is damaged"):
        rom.load_boundary_generator(path)
    broken = eqx.tree_at(lambda g: g.law.network.network.layers[0].weight, fitted["WGANGP"], jnp.zeros((5, 8)))
    rom.save_boundary_generator(path, broken)
    with pytest.raises(ValueError, match=r"its layers must have shapes"):
        rom.load_boundary_generator(path)


def test_traces_can_be_made_by_a_full_model():
    def full_model(key):
        p = jax.random.uniform(key, (1,))
        return np.asarray(p) * [1.0, 2.0], p

    made = rom.SubmodelProblem.sampled(full_model, 6, key=KEYS[0], validation=2)
    np.testing.assert_allclose(made.traces, made.parameters * [1.0, 2.0])


CHAIN = rom.LinearSubmodel([[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]], [0, 2])
TRACES = np.array([[0.0, 1.0], [0.0, -1.0], [0.0, 0.5]])


def test_implausible_energies_and_jumps_are_told():
    problem = rom.SubmodelProblem(TRACES, submodel=CHAIN)
    plausible = rom.Plausible(problem, rom.neighbours_around(2, 1), factor=2.0)
    assert plausible.largest_energy == pytest.approx(0.5)
    assert plausible([[0.0, 1.4], [0.0, 1.5], [9.0, 10.0]]).tolist() == [True, False, True]
    assert rom.neighbours_around(3, 2).tolist() == [[0, 2], [1, 3], [2, 4], [3, 5], [4, 0], [5, 1]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: rom.SubmodelProblem([[1.0, np.nan]] * 3), "traces must be finite"),
        (lambda g: rom.SubmodelProblem.sampled(3, 6, key=KEYS[0]), "full_model must be callable"),
        (lambda g: rom.SubmodelProblem(TRACES, [[1.0], [2.0]]), "parameters must have shape"),
        (lambda g: rom.SubmodelProblem(TRACES, [[1.0]] * 3), "parameters must vary, column 0"),
        (lambda g: rom.SubmodelProblem(np.ones((3, 2))), "traces must vary"),
        (lambda g: rom.SubmodelProblem(TRACES, validation=2), "traces must leave two"),
        (lambda g: rom.SubmodelProblem(np.eye(3), submodel=CHAIN), "traces must have 2 columns"),
        (lambda g: rom.SubmodelProblem(TRACES, submodel="K"), "submodel must be"),
        (lambda g: rom.Plausible(rom.SubmodelProblem(TRACES)), "problem.submodel must be"),
        (lambda g: rom.Plausible(rom.SubmodelProblem(TRACES, submodel=CHAIN), [[0, 2]]), "neighbours must lie"),
        (lambda g: rom.Plausible(rom.SubmodelProblem(TRACES, submodel=CHAIN), factor=0.5), "factor"),
        (lambda g: rom.boundary_generator(TRACES, rom.PCAGaussian(), key=KEYS[0]), "problem must be"),
        (lambda g: rom.boundary_generator(problem_of(20), "gan", key=KEYS[0]), "method must be"),
        (lambda g: rom.boundary_generator(problem_of(20), rom.StoredTraces(21), key=KEYS[0]), "neighbours must be at"),
        (lambda g: g.generate(KEYS[1], [1.0, 2.0]), r"p must have shape \(1,\)"),
        (lambda g: g.generate(KEYS[1], [[2.0], [2.5]], 3), r"p must have shape \(1,\) or \(3, 1\)"),
        (lambda g: g.generate(KEYS[1], [np.nan]), "p must be finite"),
        (lambda g: g.generate(KEYS[1], [2.0], 0), "n must be"),
        (lambda g: g.generate(3), "key"),
        (lambda g: rom.save_boundary_generator("g.npz", 3), "generator must be"),
        (lambda g: rom.WGANGP(steps=0), "steps"),
        (lambda g: rom.WGANGP(networks=rom.Perceptrons), "networks must be .* did you mean"),
        (lambda g: rom.Perceptrons((8, 0)), r"hidden\[1\]"),
        (lambda g: rom.Perceptrons(()), "hidden must name"),
        (lambda g: rom.GAN(ema=2.0), "ema"),
        (lambda g: rom.ConditionalVAE(learning_rate=0.0), "learning_rate"),
    ],
)
def test_wrong_input_is_refused_by_name(without_type_checks, gaussian, call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call(gaussian)
