"""Tumours: what grows is what reacts, what diffuses stays, and parameters are drawn where tumours start."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, systems

# Synthetic, small, with a border between white and grey matter.
BRAIN = systems.BrainAnatomy.phantom((14, 18), spacing=4.0)
GROW = systems.FisherKolmogorov(BRAIN, reach=10.0)
TUMOUR = jnp.array([26.0, 34.0, 8.0, 8.0])


def mass_error(refine):
    with core.float64():
        forward = systems.FisherKolmogorov(BRAIN, reach=10.0, refine=refine)
        history = np.asarray(eqx.filter_jit(forward.history)(jnp.asarray(np.array(TUMOUR, np.float64))))
    growing = 8.0 * (history * (1.0 - history)).sum((1, 2))
    grown = (history[-1] - history[0]).sum()
    return abs(np.trapezoid(growing, dx=1.0 / (len(history) - 1)) / grown - 1.0)


def test_mass_grows_by_what_reacts_to_second_order():
    one, two = mass_error(2), mass_error(4)
    assert two < 1e-3
    assert one / two == pytest.approx(4.0, abs=0.2)


def test_diffusion_alone_conserves_every_cell_and_never_leaves_the_tissue():
    still = TUMOUR.at[3].set(0.0)
    history = np.asarray(eqx.filter_jit(GROW.history)(still))
    assert np.ptp(history.sum((1, 2))) < 1e-5 * history[0].sum()
    assert not history[:, ~BRAIN.tissue].any()
    assert history[-1].max() < history[0].max()


@pytest.mark.slow
def test_reaction_alone_is_logistic():
    class Still(systems.FisherKolmogorov):
        def diffuse(self, u, amount):
            return u

    start = np.asarray(GROW.history(TUMOUR)[0])
    grown = np.asarray(Still(BRAIN, reach=10.0)(TUMOUR))
    logistic = start * np.exp(8.0) / (1.0 + start * (np.exp(8.0) - 1.0))
    np.testing.assert_allclose(grown, logistic, rtol=1e-3, atol=1e-6)


def test_densities_lie_between_zero_and_one_and_scale_with_the_grid_they_are_told():
    u = np.asarray(GROW(TUMOUR))
    assert 0.0 <= u.min() <= u.max() <= 1.0
    assert (u >= 0.2).sum() > (u >= 0.6).sum() > 0
    # All lengths are in millimetres: a world that is twice as large looks the same.
    large = systems.BrainAnatomy(BRAIN.white, BRAIN.grey, spacing=8.0)
    twice = systems.FisherKolmogorov(large, reach=20.0, seed_radius=4.0)
    np.testing.assert_allclose(np.asarray(twice(TUMOUR * jnp.array([2.0, 2.0, 2.0, 1.0]))), u, atol=1e-5)


def test_beyond_the_reach_there_is_no_answer():
    assert np.isnan(np.asarray(GROW(TUMOUR.at[2].set(10.5)))).all()


@pytest.mark.slow
def test_gradients_are_those_of_differences():
    grow = systems.FisherKolmogorov(systems.BrainAnatomy.phantom((8, 8), spacing=4.0), reach=6.0)
    at = np.array([13.0, 14.0, 5.0, 4.0])
    with core.float64():
        total = jax.jit(lambda p: grow(p).sum())
        gradient = np.asarray(jax.grad(total)(jnp.asarray(at)))
        steps = 1e-5 * np.eye(4)
        differences = [(total(jnp.asarray(at + e)) - total(jnp.asarray(at - e))) / 2e-5 for e in steps]
    np.testing.assert_allclose(gradient, np.array(differences), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_three_dimensions_and_one():
    solid = systems.FisherKolmogorov(systems.BrainAnatomy.phantom((8, 8, 8), spacing=4.0), reach=4.0)
    u = np.asarray(solid(jnp.array([14.0, 14.0, 14.0, 3.0, 6.0])))
    # A ball in the middle of a symmetric phantom is symmetric.
    np.testing.assert_allclose(u, u.transpose(1, 2, 0), atol=1e-6)
    np.testing.assert_allclose(u, u[::-1], atol=1e-6)
    strip = systems.BrainAnatomy(np.ones(20), np.zeros(20), spacing=1.0)
    assert systems.FisherKolmogorov(strip, reach=3.0)(jnp.array([5.0, 2.0, 5.0])).shape == (20,)


def test_draws_lie_in_white_matter_and_do_not_depend_on_what_is_drawn_beside_them():
    prior = systems.TumourPrior(BRAIN, length=(2.0, 8.0), growth=(1.0, 9.0))
    drawn = np.asarray(prior.sample(jax.random.key(0), 200))
    np.testing.assert_array_equal(drawn[50:60], np.asarray(prior.sample(jax.random.key(0), 10, first=50)))
    voxels = np.round(drawn[:, :2] / 4.0).astype(int)
    assert BRAIN.white_matter[tuple(voxels.T)].all()
    density = jax.vmap(prior.log_density)
    assert (np.asarray(density(jnp.asarray(drawn))) == 0.0).all()
    outside = jnp.array([[0.0, 0.0, 4.0, 4.0], [26.0, 34.0, 9.0, 4.0], [-500.0, 34.0, 4.0, 4.0]])
    assert np.isneginf(np.asarray(density(outside))).all()


def test_rates_depend_on_the_time_that_is_assumed():
    diffusivity, rate = systems.physical_rates(12.0, 9.0, days=300.0)
    assert diffusivity * 300.0 == pytest.approx(144.0)
    assert rate * 300.0 == pytest.approx(9.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: systems.FisherKolmogorov(BRAIN, reach=0.0), "reach must be a number > 0"),
        (lambda: systems.FisherKolmogorov(BRAIN, refine=0), "refine must be an integer >= 1"),
        (lambda: systems.TumourPrior(BRAIN, length=(4.0, 4.0)), "length must be the smallest and the largest"),
        (lambda: systems.TumourPrior(BRAIN, growth=(0.0, 4.0)), r"growth\[0\] must be a number > 0"),
        (lambda: systems.physical_rates(1.0, 1.0, days=0), "days must be a number > 0"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
