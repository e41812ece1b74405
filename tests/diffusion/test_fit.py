"""`diffusion.fit`: the minimiser, stable targets, labels, going on from a denoiser, seeds, resume, bad input."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from perturbax import data, diffusion, nn

KEY = jax.random.key(0)
ROWS = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
ADAM = optax.adam(1e-2)


def network(classes=0, key=KEY):
    return nn.ResidualMLP(3, width=8, blocks=1, classes=classes, key=key)


def fit(method, problem=None, **options):
    problem = diffusion.DenoisingProblem(ROWS, network()) if problem is None else problem
    return diffusion.fit(problem, method, **{"key": KEY, "steps": 6, "batch_size": 16, "optimizer": ADAM, **options})


def leaves(model):
    return jax.tree.leaves(eqx.filter(model, eqx.is_array))


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(leaves(a), leaves(b), strict=True))


def test_infinite_dimensions_train_edm_bit_for_bit():
    edm, flow = fit(diffusion.DenoisingScoreMatching()), fit(diffusion.PFGMPP(math.inf))
    np.testing.assert_array_equal(edm.losses, flow.losses)
    assert same(edm.ema_model, flow.ema_model)


@pytest.mark.parametrize("D", [3.0, math.inf])
def test_the_ideal_denoiser_of_the_kernel_has_the_smallest_loss(D):
    """Among all functions the posterior mean minimises the loss: those of other kernels and scaled ones lose."""
    points = np.array([[-1.0], [1.0]], np.float32)
    x = jnp.tile(points, (20_000, 1))
    method = diffusion.PFGMPP(D, log_sigma_mean=-0.2, log_sigma_std=0.5)

    class Denoiser(nn.EDMPreconditioned):
        def __call__(self, x, sigma, label=None):
            return self.network(x, sigma, label)

    def loss(denoise):
        return float(eqx.filter_jit(method.loss)(Denoiser(denoise, 1.0), (x,), KEY))

    best = data.ideal_denoiser(points, degrees=D)
    others = [data.ideal_denoiser(points, degrees=other) for other in (0.5, 3.0, math.inf) if other != D]
    others += [lambda x, s, c, f=f: f * best(x, s) for f in (0.9, 1.1)]
    assert loss(best) < min(map(loss, others))


def test_the_fit_is_a_denoiser_with_the_mean_and_scale_of_the_data_and_a_frozen_mean():
    done = fit(diffusion.PFGMPP(8.0), diffusion.DenoisingProblem(ROWS.reshape(64, 1, 3) + 5.0, network()))
    np.testing.assert_allclose(done.model.centre, ROWS.mean(0) + 5.0, atol=1e-5)
    assert done.model.sigma_data == pytest.approx(np.sqrt(ROWS.var(0).mean()), rel=1e-5)
    given = fit(diffusion.PFGMPP(8.0, sigma_data=0.5))
    assert given.model.sigma_data == 0.5
    np.testing.assert_array_equal(given.model.centre, 0.0)


def test_a_trained_denoiser_samples_in_the_shape_of_the_data_for_its_process_and_others():
    done = fit(diffusion.DenoisingScoreMatching())
    for process in (diffusion.EDM(), diffusion.VPLinear(), diffusion.FlowMatching()):
        problem = diffusion.Sampling(
            diffusion.FromDenoiser(done.ema_model, process), process, (1, 3), prediction=diffusion.Data()
        )
        assert diffusion.sample(problem, diffusion.DPMSolverPP(5), key=KEY, num_samples=2).x.shape == (2, 1, 3)


def test_stable_targets_of_one_class_are_means_of_that_class_and_lower_the_variance_of_the_loss():
    method = diffusion.PFGMPP(8.0, stable_target=4, log_sigma_mean=3.0)
    labels = np.arange(64) % 2
    x = np.where(labels[:, None] == 0, -1.0, 1.0) + 0.01 * ROWS
    problem = diffusion.DenoisingProblem(x, network(classes=2), labels)
    assert np.isfinite(fit(method, problem, batch_size=16).losses).all()
    with pytest.raises(ValueError, match="batch_size \\(times stable_target\\) must be at most the 64 data, got 128"):
        fit(method, problem, batch_size=32)

    # Far out the posterior is nearly uniform: a denoiser that says the class's mean has almost no loss.
    class OfClass(nn.EDMPreconditioned):
        def __call__(self, x, sigma, label=None):
            return self.network(label)

    means = OfClass(lambda label: jnp.where(label[:, None] == 0, -1.0, 1.0), 1.0)
    batch = (jnp.asarray(x, jnp.float32), jnp.asarray(labels, jnp.int32))
    stable = diffusion.PFGMPP(1e4, stable_target=4, log_sigma_mean=3.0, drop_label=0.0)
    single = diffusion.PFGMPP(1e4, log_sigma_mean=3.0, drop_label=0.0)
    assert stable.loss(means, batch, KEY) < 0.2 * single.loss(means, batch, KEY)


def test_a_denoiser_goes_on_being_trained_for_another_process():
    first = fit(diffusion.DenoisingScoreMatching())
    problem = diffusion.DenoisingProblem(ROWS, first.ema_model)
    second = fit(diffusion.PFGMPP(8.0), problem)
    np.testing.assert_array_equal(second.model.centre, first.model.centre)
    assert not same(second.model.network, first.ema_model.network)
    with pytest.raises(ValueError, match="sigma_data must be 'auto' to go on"):
        fit(diffusion.PFGMPP(8.0, sigma_data=0.5), problem)


def test_a_stopped_run_resumes_to_the_same_bits(tmp_path):
    method, options = diffusion.PFGMPP(8.0), {"chunk": 3, "checkpoint": tmp_path / "run.npz"}
    whole = fit(method, steps=6, chunk=3)
    fit(method, steps=3, **options)
    resumed = fit(method, steps=6, **options)
    np.testing.assert_array_equal(whole.losses, resumed.losses)
    assert same(whole.ema_model, resumed.ema_model)


def test_a_batch_of_keys_trains_a_network_per_key():
    keys = jax.random.split(KEY, 2)
    networks = eqx.filter_vmap(lambda key: network(key=key))(keys)
    both = fit(diffusion.PFGMPP(8.0), diffusion.DenoisingProblem(ROWS, networks), key=keys)
    alone = fit(diffusion.PFGMPP(8.0), diffusion.DenoisingProblem(ROWS, network(key=keys[1])), key=keys[1])
    assert both.losses.shape == (2, 6)
    np.testing.assert_allclose(both.losses[1], alone.losses, rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: diffusion.DenoisingProblem(ROWS[:, 0], network()), r"data must have shape \(n, ...\)"),
        (lambda: diffusion.DenoisingProblem(np.full((3, 3), np.nan), network()), "data must be finite"),
        (lambda: diffusion.DenoisingProblem(ROWS, network(2), np.arange(64) % 3), "labels must be 0 to 1, got 0 to 2"),
        (lambda: diffusion.DenoisingProblem(ROWS, network(2), -np.ones(64, int)), "labels must be 0 to 1, got -1"),
        (lambda: diffusion.DenoisingProblem(ROWS, network(2), np.zeros(3, int)), "labels must have shape"),
        (lambda: diffusion.PFGMPP(sigma_data=0.0), "sigma_data must be a number > 0"),
        (lambda: diffusion.PFGMPP(log_sigma_std=0.0), "log_sigma_std must be a number > 0"),
        (lambda: diffusion.PFGMPP(stable_target=0), "stable_target must be an integer >= 1"),
        (lambda: diffusion.PFGMPP(drop_label=1.5), "drop_label must be a number"),
        (lambda: fit(diffusion.PFGMPP(), batch_size=65), "batch_size .* must be at most the 64 data, got 65"),
        (lambda: fit(diffusion.PFGMPP(), diffusion.DenoisingProblem(0 * ROWS, network())), "data must not be constant"),
    ],
)
def test_bad_input_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_foreign_object_is_refused_by_name():
    with pytest.raises(TypeError, match="method"):
        fit(diffusion.DDIM())
    with pytest.raises(TypeError, match="validation is no option of"):
        fit(diffusion.PFGMPP(), validation=ROWS)
    with pytest.raises(TypeError, match="network must be callable"):
        diffusion.DenoisingProblem(ROWS, 3)
