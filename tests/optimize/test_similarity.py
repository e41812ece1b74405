"""Similarities against independent code, and as products with whole databases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from perturbax import optimize

RANDOM = np.random.default_rng(0)
LEVELS = (0.3, 0.6)


def blobs(count):
    return ndimage.gaussian_filter(RANDOM.random((count, 12, 15)), (0, 2, 2)).astype(np.float32)


FIELDS = blobs(6)
FIELDS = (FIELDS - FIELDS.min()) / np.ptp(FIELDS)
OTHER = FIELDS[0]
MASKS = jnp.stack([jnp.asarray(OTHER) >= level for level in LEVELS]).astype(jnp.float32)


def test_dice_is_that_of_its_definition():
    x, y = FIELDS[1] >= LEVELS[0], np.asarray(MASKS[0]) > 0
    wanted = 2 * (x & y).sum() / (x.sum() + y.sum())
    assert float(optimize.Dice(LEVELS[:1]).score(jnp.asarray(FIELDS[1]), MASKS[:1])) == pytest.approx(wanted, rel=1e-6)
    assert float(optimize.Dice(LEVELS).score(jnp.asarray(OTHER), MASKS)) == pytest.approx(1.0)
    assert float(optimize.Dice(LEVELS).score(jnp.zeros((12, 15)), MASKS)) == 0.0


def test_bernoulli_is_the_likelihood_of_its_probabilities():
    similarity = optimize.Bernoulli(LEVELS, width=0.2)
    d = np.stack([FIELDS[1] - level for level in LEVELS]).astype(np.float64)
    a = 0.5 + 0.5 * np.sign(d) * (1.0 - np.exp(-((d / 0.2) ** 2)))
    masks = np.asarray(MASKS)
    wanted = np.sum(masks * np.log(a) + (1 - masks) * np.log(1 - a))
    assert float(similarity.score(jnp.asarray(FIELDS[1]), MASKS)) == pytest.approx(wanted, rel=1e-4)


def test_hausdorff_is_that_of_scipy():
    def boundary(mask):
        return mask & ~ndimage.binary_erosion(mask)

    def directed(a, b):
        return np.percentile(ndimage.distance_transform_edt(~boundary(b), sampling=2.0)[boundary(a)], 95)

    wanted = []
    for level, mask in zip(LEVELS, np.asarray(MASKS) > 0, strict=True):
        x = FIELDS[2] >= level
        wanted.append(max(directed(x, mask), directed(mask, x)))
    found = optimize.Hausdorff(LEVELS, spacing=2.0).score(jnp.asarray(FIELDS[2]), MASKS)
    assert float(found) == pytest.approx(-np.mean(wanted), rel=1e-5)


@pytest.mark.parametrize(
    "similarity",
    [
        optimize.Dice(LEVELS),
        optimize.SquaredError(0.5, LEVELS),
        optimize.Bernoulli(LEVELS, 0.3),
        optimize.Hausdorff(LEVELS),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_search_gives_the_score_of_every_entry(similarity):
    maps = jax.vmap(similarity.maps)(jnp.asarray(FIELDS))
    found = similarity.search(similarity.index(maps), MASKS)
    each = [float(similarity.score(jnp.asarray(field), MASKS)) for field in FIELDS]
    np.testing.assert_allclose(np.asarray(found), each, rtol=2e-4, atol=1e-5)
    assert np.argmax(found) == 0


def test_projections_keep_inner_products_of_what_they_span():
    maps = np.stack([level <= FIELDS for level in LEVELS], axis=1).astype(np.float32)
    exact = np.einsum("ncij,mcij->nm", maps, maps)
    # Twelve maps of two channels span at most twelve directions.
    encoding = optimize.PrincipalComponents(12).fitted(maps)
    codes = np.asarray(jax.vmap(encoding)(jnp.asarray(maps)))
    np.testing.assert_allclose(np.einsum("nck,mck->nm", codes, codes), exact, rtol=1e-3, atol=1e-2)
    loose = np.asarray(jax.vmap(optimize.RandomProjection(2000).fitted(maps))(jnp.asarray(maps)))
    np.testing.assert_allclose(np.einsum("nck,mck->nm", loose, loose), exact, atol=0.15 * exact.max())


def test_blocks_have_the_mean_of_their_voxels():
    maps = jnp.asarray(FIELDS[:2])
    code = np.asarray(optimize.Downsample(3)(maps))
    np.testing.assert_allclose(code, np.asarray(maps).reshape(2, 4, 3, 5, 3).mean((2, 4)), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(optimize.Downsample(4)(maps)).sum() * 16, np.asarray(maps).sum(), rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimize.Dice(()), "thresholds must be one or more numbers"),
        (lambda: optimize.Dice((np.nan,)), r"thresholds\[0\] must be a number"),
        (lambda: optimize.SquaredError(0.0), "noise must be a number > 0"),
        (lambda: optimize.Bernoulli(width=-1.0), "width must be a number > 0"),
        (lambda: optimize.Hausdorff(spacing=0.0), "spacing must be a number > 0"),
        (lambda: optimize.Downsample(0), "factor must be an integer >= 1"),
        (lambda: optimize.PrincipalComponents(3)(jnp.ones((1, 2))), "must be fitted on maps first"),
        (lambda: optimize.Dice(LEVELS).check_observation(MASKS[:1]), "observation must hold 2 masks"),
        (lambda: optimize.Dice(LEVELS).check_observation(0.5 * MASKS), "masks of zeros and ones"),
        (lambda: optimize.Dice(LEVELS).check_observation(MASKS * jnp.array([1.0, 0.0])[:, None, None]), "mask 1 is"),
    ],
)
def test_settings_that_are_none_are_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
