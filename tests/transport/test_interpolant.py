"""Training: the loss and its antithetic pairs, fields that come out right, what is reported, saved and refused."""

import dataclasses
import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, stats, transport
from perturbax.transport._coupling import PairBatches, Pairs
from perturbax.transport._fields import NetworkFields
from perturbax.transport._regress import Matching

from ..diffusion.test_compilation import compilations

KEY = jax.random.key(0)
X1 = np.random.default_rng(0).normal(size=(500, 2)) + np.array([3.0, 0.0])
SMALL = {"hidden": (16, 16), "steps": 300, "batch_size": 128, "learning_rate": 1e-2}


def fit(coupling, method, **options):
    return transport.fit_interpolant(coupling, method, key=KEY, progress=False, **options)


def end(mean, variance):
    return stats.GaussianMixture([1.0], [[mean]], [[variance]])


@pytest.fixture(scope="module")
def truth():
    return transport.mixture_fields(end(-1.0, 1.0), end(2.0, 0.25), transport.LinearPath())


@pytest.fixture(scope="module")
def solved(truth):
    return fit(truth.coupling, transport.StochasticInterpolant(**SMALL))


def test_the_fields_come_close_to_the_exact_ones(solved, truth):
    for t in (0.2, 0.5, 0.8):
        x = truth.states(jax.random.key(1), 500, t)
        for name in ("velocity", "denoiser"):
            found, wanted = getattr(solved, name)(x, t), getattr(truth, name)(x, t)
            assert float(jnp.square(found - wanted).mean()) < 0.02 * (1.0 + float(jnp.square(wanted).mean()))


@pytest.mark.parametrize(
    "method",
    [
        transport.SDE(transport.Proportional(0.5), steps=60),
        pytest.param(transport.ODE(), marks=pytest.mark.slow),
    ],
)
def test_they_draw_the_second_distribution(solved, method):
    drawn = solved.sample(jax.random.key(2), 2000, method)
    assert float(drawn.x.mean()) == pytest.approx(2.0, abs=0.1)
    assert float(drawn.x.std()) == pytest.approx(0.5, abs=0.08)


def test_errors_bound_the_divergence_and_are_least_at_their_best(solved, truth):
    errors = solved.errors(KEY, truth, n=500, times=16)
    assert 0.0 < errors.velocity < 1.0
    best = errors.best_epsilon
    assert errors.kl_bound(best) == pytest.approx(np.sqrt(errors.velocity * errors.score))
    assert errors.kl_bound(best) < min(errors.kl_bound(0.5 * best), errors.kl_bound(2.0 * best))
    assert truth.errors(KEY, truth, n=10, times=4) == (0.0, 0.0)


def test_it_reports_losses_evaluations_and_antithetic_pairs(solved):
    assert solved.losses.shape == (300,)
    assert solved.stats["evaluations"] == 300
    assert solved.stats["antithetic"]
    assert solved.result == core.Result.successful


class _Zero(NetworkFields):
    """Outputs of the right shape, whose loss shows the targets alone."""

    def outputs(self, x, t, condition=None):
        return tuple(x for _ in self.targets)


def test_antithetic_pairs_keep_the_mean_of_the_loss_and_tame_its_variance():
    """Near an end `gamma' z . x` has a variance that grows as `1 / t`; in a pair it does not."""
    path, targets = transport.LinearPath(), (transport.Velocity(),)
    fields = _Zero(network=None, centre=jnp.zeros(2), scale=jnp.ones(()), path=path, targets=targets)
    n = 20_000
    t = jnp.full(n, 1e-3)
    x0, x1, z = jax.random.normal(KEY, (3, n, 2))

    def losses(sign):
        one = lambda x0, x1, t, z: Matching().of(fields, Pairs(x0[None], x1[None], None), t[None], sign * z[None])  # noqa: E731
        return jax.vmap(one)(x0, x1, t, z)

    plain, other = losses(1.0), losses(-1.0)
    pairs = 0.5 * (plain + other)
    assert float(plain.mean()) == pytest.approx(float(pairs.mean()), abs=5.0 * float(plain.std()) / np.sqrt(n))
    assert float(pairs.std()) < 0.2 * float(plain.std())


def test_training_compiles_once_for_another_coupling_and_seed():
    method = transport.FlowMatching(hidden=(4,), steps=3, batch_size=8)
    fit(transport.Coupling(None, X1), method)
    with compilations() as seen:
        transport.fit_interpolant(transport.Coupling(None, X1 + 1.0), method, key=jax.random.key(5), progress=False)
    assert seen == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    [
        transport.StochasticInterpolant(
            transport.TrigonometricPath(transport.SineNoise()), (transport.DataVelocity(), transport.Score()), **SMALL
        ),
        transport.StochasticInterpolant(transport.EncodingDecodingPath(), **SMALL),
        transport.StochasticInterpolant(transport.LinearPath(transport.SigmoidNoise()), **SMALL),
        transport.FlowMatching(**SMALL),
    ],
)
def test_other_paths_and_targets_learn_too(truth, method):
    drawn = fit(truth.coupling, dataclasses.replace(method, steps=1000)).sample(jax.random.key(2), 2000)
    assert float(drawn.x.mean()) == pytest.approx(2.0, abs=0.1)
    assert float(drawn.x.std()) == pytest.approx(0.5, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    [
        transport.ScoreDiffusion(**SMALL),
        transport.FlowMatching(**SMALL),
        transport.StochasticInterpolant(transport.MirrorPath(), **SMALL),
    ],
)
def test_paths_without_a_start_learn_too(method):
    coupling = transport.Coupling(None, lambda key, n: 2.0 + 0.5 * jax.random.normal(key, (n, 1)))
    method = dataclasses.replace(method, steps=1000)
    drawn = fit(coupling, method).sample(jax.random.key(2), 2000, transport.SDE(transport.Proportional(1.0), steps=100))
    assert float(drawn.x.mean()) == pytest.approx(2.0, abs=0.1)
    assert float(drawn.x.std()) == pytest.approx(0.5, abs=0.1)


@pytest.mark.slow
def test_a_planned_coupling_learns_the_bridge():
    bridge = transport.bridge_of_gaussians([0.0], [[1.0]], [1.0], [[0.25]], epsilon=0.5)
    coupling = transport.Coupling(
        lambda key, n: jax.random.normal(key, (n, 1)), np.random.default_rng(0).normal(1.0, 0.5, (500, 1)),
        transport.Planned(bridge),
    )  # fmt: skip
    method = transport.StochasticInterpolant(transport.LinearPath(transport.BridgeNoise(0.5)), **SMALL)
    learnt = fit(coupling, dataclasses.replace(method, steps=2000))
    x = np.linspace(-1.0, 1.5, 11)[:, None]
    for t in (0.3, 0.7):
        np.testing.assert_allclose(learnt.drift(x, t, 0.25), bridge.drift(x, t), atol=0.2)


@pytest.mark.slow
def test_a_condition_chooses_what_is_drawn(tmp_path):
    label = np.repeat([[-1.0], [1.0]], 500, axis=0)
    x1 = 3.0 * label + 0.3 * np.random.default_rng(0).normal(size=(1000, 1))
    learnt = fit(transport.Coupling(None, x1, condition=label), transport.FlowMatching(**SMALL))
    drawn = learnt.sample(jax.random.key(1), 100, condition=np.full((100, 1), -1.0))
    assert float(drawn.x.mean()) == pytest.approx(-3.0, abs=0.3)
    with pytest.raises(ValueError, match="condition must be given"):
        learnt.sample(jax.random.key(1), 10)
    learnt.save(tmp_path / "model.npz")
    with pytest.raises(ValueError, match="coupling must be given"):
        transport.Interpolation.load(tmp_path / "model.npz")


def test_what_is_saved_comes_back(solved, tmp_path):
    solved.save(tmp_path / "model.npz")
    again = transport.Interpolation.load(tmp_path / "model.npz", solved.coupling)
    x = np.zeros((3, 1))
    np.testing.assert_array_equal(again.velocity(x, 0.3), solved.velocity(x, 0.3))
    assert again.path == solved.path
    core.write_tree(tmp_path / "other.npz", {"path": 1}, "an interpolant of perturbax.transport")
    with pytest.raises(ValueError, match="holds no interpolant that can be read"):
        transport.Interpolation.load(tmp_path / "other.npz")


def test_only_networks_can_be_saved(truth, tmp_path):
    with pytest.raises(TypeError, match="fields must be those of a trained network"):
        truth.save(tmp_path / "model.npz")


def test_velocity_alone_has_neither_score_nor_sde():
    path, targets = transport.LinearPath(transport.NoNoise()), (transport.Velocity(),)
    fields = _Zero(network=None, centre=jnp.zeros(2), scale=jnp.ones(()), path=path, targets=targets)
    learnt = transport.Interpolation(fields, transport.Coupling(X1, X1), np.zeros(0), core.Result.successful, {})
    for call in (
        lambda: learnt.score(X1, 0.5),
        lambda: learnt.forward(X1, transport.SDE(), key=KEY),
        lambda: learnt.drift(X1, 0.5, 0.1),
    ):
        with pytest.raises(ValueError, match=r"needs the score, which was not learnt"):
            call()


def test_a_failed_run_raises_or_says_so():
    wild = transport.FlowMatching(hidden=(4,), steps=60, batch_size=16, learning_rate=1e30)
    coupling = transport.Coupling(None, X1)
    with pytest.raises(core.SolverError, match="fit_interpolant by FlowMatching"):
        fit(coupling, wild)
    assert fit(coupling, wild, throw=False).result == core.Result.nonfinite


@pytest.mark.parametrize("change", [{"steps": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"hidden": ()}])
@pytest.mark.parametrize("method", [transport.StochasticInterpolant, transport.FlowMatching, transport.ScoreDiffusion])
def test_parameters_out_of_range_are_refused(method, change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} must"):
        method(**change)


def test_the_batches_of_a_coupling_are_what_training_sees(truth):
    pairs = PairBatches(truth.coupling.ends, truth.coupling.pairing, 7)(KEY)
    assert pairs.x0.shape == pairs.x1.shape == (7, 1)


SHARDED = """
import json, jax, numpy as np
from perturbax import transport
x0 = np.random.default_rng(0).normal(size=(64, 2))
method = transport.StochasticInterpolant(hidden=(8,), steps=20, batch_size=32)
coupling = transport.Coupling(x0, 2.0 * x0 + 1.0)
solved = transport.fit_interpolant(coupling, method, key=jax.random.key(0), progress=False)
print(json.dumps([jax.device_count(), np.asarray(solved.velocity(x0, 0.5)).tolist()]))
"""


@pytest.mark.slow
def test_a_batch_over_four_devices_trains_the_same_fields():
    """The batch is split, the gradients are summed, and the network is on every device."""
    found = {}
    for count in (1, 4):
        flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={count}", "JAX_PLATFORMS": "cpu"}
        run = subprocess.run([sys.executable, "-c", SHARDED], env=os.environ | flags, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        devices, found[count] = json.loads(run.stdout)
        assert devices == count
    np.testing.assert_allclose(found[4], found[1], rtol=1e-3, atol=1e-3)
