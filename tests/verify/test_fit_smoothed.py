"""Training for smoothing: losses against their formulas, what is trained and what is not, and what cannot be."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from perturbax import core, nn, perturb, verify
from perturbax.verify._contrastive import Pretraining, contrast, target_decay, with_target

KEY = jax.random.key(0)
X = np.random.default_rng(0).uniform(size=(64, 4, 4)).astype(np.float32)
LABELS = (X.mean((1, 2)) > 0.5).astype(np.int32)
BATCH = (jnp.asarray(X), jnp.asarray(LABELS))
ENCODER = nn.NoiseEncoder((4, 4), (12, 8), key=KEY)
CLASSIFIER = verify.NoiseClassifier(ENCODER, 8, 3, sigma=0.5)
SETTINGS = {"steps": 4, "batch_size": 32, "optimizer": core.adam(1e-2), "key": KEY}
SMALL = verify.RRCM(perturb.RandomShift(1), (0.05, 3.0), levels=(5, 5), hidden=8, output=6, decay=(0.9, 0.9))


def log_softmax(scores):
    return (
        scores
        - np.log(np.exp(scores - scores.max(-1, keepdims=True)).sum(-1, keepdims=True))
        - scores.max(-1, keepdims=True)
    )


class Linear(eqx.Module):
    """Scores that are linear in the image."""

    w: jax.Array

    def __call__(self, x):
        return x.reshape(len(x), -1) @ self.w


LINEAR = Linear(jax.random.normal(KEY, (16, 3)))


def test_gaussian_augmentation_is_the_cross_entropy_at_noisy_images():
    loss, _ = verify.GaussianAugmentation(0.5).loss(LINEAR, BATCH, KEY)
    noisy = X + 0.5 * np.asarray(jax.random.normal(KEY, X.shape))
    p = log_softmax(noisy.reshape(64, -1) @ np.asarray(LINEAR.w))
    np.testing.assert_allclose(loss, -p[np.arange(64), LABELS].mean(), rtol=1e-5)


def test_consistency_is_the_mean_divergence_from_the_mean_answer():
    method = verify.ConsistencyRegularization(0.5, consistency=7.0, entropy=0.3, draws=3)
    loss, terms = eqx.filter_jit(method.loss)(LINEAR, BATCH, KEY)
    noisy = X + 0.5 * np.asarray(jax.random.normal(KEY, (3, *X.shape)))
    log_p_j = log_softmax(noisy.reshape(3, 64, -1) @ np.asarray(LINEAR.w)).astype(np.float64)
    p = np.exp(log_p_j).mean(0)
    np.testing.assert_allclose(terms["cross entropy"], -log_p_j[:, np.arange(64), LABELS].mean(), rtol=1e-5)
    np.testing.assert_allclose(terms["consistency"], 7.0 * (p * (np.log(p) - log_p_j)).sum(-1).mean(), rtol=1e-4)
    np.testing.assert_allclose(terms["entropy"], -0.3 * (p * np.log(p)).sum(-1).mean(), rtol=1e-5)
    np.testing.assert_allclose(loss, sum(terms.values()), rtol=1e-6)


def test_an_attack_of_a_linear_classifier_goes_along_its_weights():
    binary, method = Linear(jnp.stack([-LINEAR.w[:, 0], LINEAR.w[:, 0]], 1)), verify.SmoothAdv(0.3, radius=0.2)
    labels = np.ones(64, np.int32)
    loss, _ = method.loss(binary, (X, labels), KEY)
    noise = 0.3 * np.asarray(jax.random.normal(KEY, (64, 2, 4, 4)))
    w = np.asarray(LINEAR.w[:, 0])
    moved = X - 0.2 * (w / np.linalg.norm(w)).reshape(4, 4)
    margin = 2.0 * (moved[:, None] + noise).reshape(128, -1) @ w
    np.testing.assert_allclose(loss, np.log1p(np.exp(-margin)).mean(), rtol=1e-3)


def test_the_contrast_finds_its_own_and_is_blind_when_all_are_the_same():
    a, b = (jax.random.normal(key, (5, 3)) for key in jax.random.split(KEY))
    unit = [np.asarray(x / jnp.linalg.norm(x, axis=1, keepdims=True)) for x in (a, b)]
    logits = unit[0] @ unit[1].T / 0.2
    expected = np.mean([np.log(np.exp(row).sum()) - row[n] for n, row in enumerate(logits)])
    np.testing.assert_allclose(contrast(a, b, 0.2), expected, rtol=1e-5)
    np.testing.assert_allclose(contrast(3.0 * a, 9.0 * b, 0.2), expected, rtol=1e-5)
    np.testing.assert_allclose(contrast(jnp.ones((5, 3)), jnp.ones((5, 3)), 0.2), np.log(5.0), rtol=1e-6)
    assert float(jnp.abs(jax.grad(contrast, 1)(a, b, 0.2)).max()) == 0.0
    # At a temperature at which half precision would overflow.
    half = contrast(a.astype(jnp.float16), a.astype(jnp.float16), 1e-5)
    assert half.dtype == jnp.float32
    assert np.isfinite(half)


def test_levels_number_and_average_grow_as_the_source_has_them():
    method, total = verify.RRCM(), 300_000
    grid = np.asarray(method.grid(81), np.float64)
    i = np.arange(81)
    wanted = (80.0 ** (1 / 7) + i / 80 * (0.002 ** (1 / 7) - 80.0 ** (1 / 7))) ** 7
    np.testing.assert_allclose(grid, wanted, rtol=1e-4)
    counts = [float(method.scales(jnp.float32(k), jnp.float32(total))) for k in (0, 1, 129_203, 129_205, total)]
    assert counts == [21.0, 41.0, 41.0, 81.0, 81.0]
    start, end, sharpness = 0.99, 0.9999, 15.0
    for k in (0, 1000, 150_000, total):
        e = np.sqrt(start**2 + k / total * (end**2 - start**2))
        c = 2.0 / (1.0 + np.exp(-sharpness * (e - start) / (end - start))) - 1.0
        found = target_decay(jnp.float32(k), jnp.float32(total), start, end, sharpness)
        np.testing.assert_allclose(found, c * end + (1.0 - c) * start, rtol=1e-6)
    assert float(target_decay(jnp.float32(5), jnp.float32(9), 0.9, 0.9, 15.0)) == np.float32(0.9)


def test_the_loss_compares_neighbours_and_views_with_one_noise():
    model = SMALL.begin(ENCODER, jnp.asarray(X), 9, 64, KEY)
    loss, terms = eqx.filter_jit(SMALL.loss)(model, BATCH[:1], KEY)
    con, sem = eqx.filter_jit(by_hand)(model)
    np.testing.assert_allclose(terms["consistency"], con, rtol=1e-4)
    np.testing.assert_allclose(terms["semantic"], sem, rtol=1e-4)
    np.testing.assert_allclose(loss, con + sem, rtol=1e-4)


def by_hand(model):
    """Both terms at six levels, with the target still what is trained."""
    noise_key, level_key, first, second = jax.random.split(KEY, 4)
    eps, t = jax.random.normal(noise_key, X.shape), SMALL.grid(6)
    i = (jax.random.uniform(level_key) * 5.0).astype(int)
    (f, h_0, h_1), views = model.online, [SMALL.augment(X, key=key) for key in (first, second)]
    con = contrast(*[h_1(f(X + t[j] * eps, t[j])) for j in (i, i + 1)], 0.2)
    a, b = (h_0(f(view + t[5] * eps, t[5])) for view in views)
    return con, contrast(a, b, 0.2) + contrast(b, a, 0.2)


def test_the_target_follows_and_has_no_gradient():
    model = SMALL.begin(ENCODER, jnp.asarray(X), 9, 64, KEY)
    shifted = eqx.tree_at(
        lambda m: m.target, model, jax.tree.map(lambda x: x + 0.1 if eqx.is_array(x) else x, model.target)
    )
    gradients = eqx.filter_jit(eqx.filter_grad(lambda m: SMALL.loss(m, BATCH[:1], KEY)[0]))(shifted)
    assert all(float(jnp.abs(leaf).max()) == 0.0 for leaf in jax.tree.leaves(gradients.target))
    assert any(float(jnp.abs(leaf).max()) > 0.0 for leaf in jax.tree.leaves(gradients.online))
    step = with_target(optax.sgd(0.5), 0.9, 0.9, 15.0)
    params = Pretraining(
        (jnp.float32(1.0), jnp.float32(2.0), jnp.float32(3.0)), (jnp.float32(5.0),) * 2, jnp.zeros(()), jnp.ones(())
    )
    ones = jax.tree.map(jnp.ones_like, params)
    updates, _ = step.update(ones, step.init(params), params)
    after = optax.apply_updates(params, updates)
    np.testing.assert_allclose(after.online, (0.5, 1.5, 2.5))
    np.testing.assert_allclose(after.target, (0.9 * 5.0 + 0.1 * 0.5, 0.9 * 5.0 + 0.1 * 1.5))
    assert (float(after.made), float(after.planned)) == (1.0, 1.0)
    assert with_target(core.adam(0.1), 0.9, 0.9, 1.0) is with_target(core.adam(0.1), 0.9, 0.9, 1.0)


def test_pretraining_is_one_program_and_gives_the_encoder_back(monkeypatch):
    traced = []
    original = verify.RRCM.loss
    monkeypatch.setattr(verify.RRCM, "loss", lambda self, *a: traced.append(1) or original(self, *a))
    doubled = np.concatenate([X[:32], X[:32]])
    first = verify.fit_smoothed(ENCODER, X, SMALL, **SETTINGS)
    once = len(traced)
    second = verify.fit_smoothed(ENCODER, doubled, SMALL, **{**SETTINGS, "key": jax.random.key(1)})
    assert len(traced) == once + 1  # the shapes of a loss are asked for at the door of each training
    assert jax.tree.structure(first.network) == jax.tree.structure(ENCODER)
    assert set(first.terms) == {"semantic", "consistency"}
    np.testing.assert_allclose(first.losses, sum(first.terms.values()), rtol=1e-5)
    assert first.stats["false_negatives"] == 0.0
    np.testing.assert_allclose(second.stats["false_negatives"], 1.0 / 63.0)
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), first.network, ENCODER)
    assert min(jax.tree.leaves(moved)) > 0.0


def test_only_the_denoiser_is_trained():
    flat = nn.EDMPreconditioned(nn.ResidualMLP(16, width=8, blocks=1, key=KEY), 0.3, 0.5)

    class Flat(eqx.Module):
        inner: nn.EDMPreconditioned

        def __call__(self, x, sigma):
            return self.inner(x.reshape(len(x), -1), sigma).reshape(x.shape)

    network = verify.Denoised(Flat(flat), LINEAR, sigma=0.5)
    done = verify.fit_smoothed(network, X, verify.DenoisedSmoothing(), **{**SETTINGS, "steps": 60})
    np.testing.assert_array_equal(done.network.classifier.w, LINEAR.w)
    assert done.losses[-10:].mean() < done.losses[:10].mean()
    assert set(done.terms) == {"reconstruction", "stability"}


class Blind(eqx.Module):
    """An encoder that sees nothing."""

    bias: jax.Array

    def __call__(self, x, level):
        return jnp.broadcast_to(self.bias, (len(x), 8)) + 0.0 * x.sum()


def test_a_collapse_is_told():
    with pytest.raises(core.SolverError, match="fit_smoothed stopped at step 4 of 4: the representations collapsed"):
        verify.fit_smoothed(Blind(jnp.ones(8)), X, SMALL, **SETTINGS)


def test_validation_keeps_the_best_network():
    method, network = verify.GaussianAugmentation(0.1), Linear(LINEAR.w)
    wrong = (X, (LABELS + 1) % 2)
    settings = {**SETTINGS, "steps": 250}
    last = verify.fit_smoothed(network, (X, LABELS), method, **settings).network
    best = verify.fit_smoothed(network, (X, LABELS), method, **settings, validation=wrong).network
    # What is learned is wrong for these labels, so that the first look is the best.
    early = verify.fit_smoothed(network, (X, LABELS), method, **{**settings, "steps": 100}).network
    np.testing.assert_array_equal(best.w, early.w)
    assert np.any(np.asarray(best.w) != np.asarray(last.w))
    told = verify.fit_smoothed(network, (X, LABELS), method, **settings, validation=farthest).network
    np.testing.assert_array_equal(told.w, last.w)


def farthest(network, key):
    """Small for weights that have moved most."""
    return -jnp.sum((network.w - LINEAR.w) ** 2)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"method": "noise"}, TypeError, "method must be"),
        ({"data": X}, TypeError, "data must be a pair"),
        ({"data": (X * np.nan, LABELS)}, ValueError, r"data\[0\] must be finite"),
        ({"data": (X, LABELS[:-1])}, ValueError, r"data\[1\] must have shape"),
        ({"validation": X}, TypeError, "validation must be a pair"),
        ({"batch_size": 65}, ValueError, "batch_size"),
        ({"method": SMALL, "data": (X, LABELS)}, (TypeError, ValueError), "data must be"),
        ({"method": SMALL, "data": X, "network": lambda x, level: x}, ValueError, "network must be an encoder"),
        ({"method": verify.DenoisedSmoothing(), "data": X}, TypeError, "network must be a verify.Denoised"),
    ],
)
def test_what_cannot_be_trained_is_refused(changed, error, message):
    call = {
        "network": CLASSIFIER,
        "data": (X, LABELS),
        "method": verify.GaussianAugmentation(0.5),
        **SETTINGS,
        **changed,
    }
    with pytest.raises(error, match=message):
        verify.fit_smoothed(**call)


def test_settings_out_of_range_are_refused():
    for make, name in (
        (lambda: verify.GaussianAugmentation(0.0), "sigma"),
        (lambda: verify.ConsistencyRegularization(0.5, draws=1), "draws"),
        (lambda: verify.SmoothAdv(0.5, radius=0.0), "radius"),
        (lambda: verify.DenoisedSmoothing(0.0, 0.0), "reconstruction or stability"),
        (lambda: verify.RRCM(sigma_range=(1.0, 0.1)), "sigma_range"),
        (lambda: verify.RRCM(levels=(30, 20)), "levels"),
        (lambda: verify.RRCM(temperature=0.0), "temperature"),
        (lambda: verify.NoiseClassifier(ENCODER, 8, 3, sigma=0.0), "sigma"),
        (lambda: verify.Denoised(LINEAR, LINEAR, sigma=-1.0), "sigma"),
    ):
        with pytest.raises(ValueError, match=name):
            make()
    with pytest.raises(TypeError, match="augment"):
        verify.RRCM(augment=lambda x, key: x)
    with pytest.raises(TypeError, match="denoiser"):
        verify.Denoised(None, LINEAR, sigma=1.0)
    with pytest.raises(TypeError, match="encoder"):
        verify.NoiseClassifier(None, 8, 3, sigma=1.0)


def test_small_batches_and_strange_noise_are_warned_of():
    with pytest.warns(UserWarning, match="batch_size = 8"):
        SMALL.begin(ENCODER, jnp.asarray(X), 9, 8, KEY)
    with pytest.warns(UserWarning, match="sigma = 5 is outside"):
        assert SMALL.nearest_level(5.0) == pytest.approx(3.0, rel=1e-5)
    assert SMALL.nearest_level(0.06) == pytest.approx(0.05, rel=1e-3)
