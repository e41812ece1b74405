import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax.nn import EDMPreconditioned, edm_loss

KEY = jax.random.key(0)


def zero(x, level, label):
    return jnp.zeros_like(x)


def exact_network(sigma_data, variances):
    """What a network must answer for data N(0, diag(variances))."""

    def network(x, level, label):
        sigma = jnp.exp(4.0 * level)[..., None]
        total = jnp.sqrt(sigma**2 + sigma_data**2)
        denoised = variances / (variances + sigma**2) * (x * total)
        return (denoised - sigma_data**2 / total * x) * total / (sigma * sigma_data)

    return network


def test_no_noise_leaves_points_as_they_are():
    x = jax.random.normal(KEY, (3, 2))
    denoiser = EDMPreconditioned(lambda x, level, label: 7.0 * jnp.sin(level)[..., None] + x, 0.5, centre=0.3)
    np.testing.assert_allclose(denoiser(x, 0.0), x, atol=1e-6)


def test_a_zero_network_is_the_denoiser_of_an_isotropic_gaussian():
    x, sigma = jax.random.normal(KEY, (5, 2)), jnp.linspace(0.1, 5.0, 5)
    denoiser = EDMPreconditioned(zero, 0.5, centre=jnp.array([1.0, -1.0]))
    wanted = denoiser.centre + (x - denoiser.centre) * (0.25 / (0.25 + sigma**2))[:, None]
    np.testing.assert_allclose(denoiser(x, sigma), wanted, rtol=1e-5)


def test_the_network_sees_unit_variance_and_a_quarter_of_log_sigma():
    seen = {}

    def network(x, level, label):
        seen.update(x=x, level=level, label=label)
        return x

    sigma = 3.0
    noisy = 0.5 * jax.random.normal(KEY, (20_000, 1)) + sigma * jax.random.normal(jax.random.key(1), (20_000, 1))
    EDMPreconditioned(network, 0.5)(noisy, sigma, 4)
    assert float(seen["x"].std()) == pytest.approx(1.0, abs=0.02)
    assert float(seen["level"]) == pytest.approx(np.log(3.0) / 4.0)
    assert int(seen["label"]) == 4


def test_the_loss_of_a_zero_network_on_isotropic_data_is_one():
    x = 0.5 * jax.random.normal(KEY, (20_000, 3))
    assert float(edm_loss(EDMPreconditioned(zero, 0.5), x, None, KEY)) == pytest.approx(1.0, abs=0.03)


def test_the_exact_denoiser_has_a_smaller_loss_than_its_neighbours():
    variances = jnp.array([0.04, 0.4])
    x = jnp.sqrt(variances) * jax.random.normal(KEY, (20_000, 2))
    losses = [
        float(edm_loss(EDMPreconditioned(exact_network(0.5, f * variances), 0.5), x, None, KEY)) for f in (0.7, 1, 1.4)
    ]
    assert losses[1] == min(losses)


def test_labels_are_dropped_at_the_stated_rate():
    seen = []

    def network(x, level, label):
        seen.append(label)
        return x

    label = jnp.ones(10_000, int)
    edm_loss(EDMPreconditioned(network, 0.5), jnp.zeros((10_000, 1)), label, KEY, drop_label=0.25)
    assert float((seen[0] == -1).mean()) == pytest.approx(0.25, abs=0.02)
    assert set(np.unique(seen[0]).tolist()) == {-1, 1}


def test_sigma_data_must_be_positive():
    with pytest.raises(ValueError, match="sigma_data must be a number > 0"):
        EDMPreconditioned(zero, 0.0)
