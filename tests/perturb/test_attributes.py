"""Perturbations of attribute vectors: how often, to what, under `jit` and `vmap`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import perturb

KEY, GROUPS = jax.random.key(0), (10, 3)
CAPTIONS = jnp.tile(jnp.concatenate([jnp.eye(10)[4], jnp.eye(3)[1]]), (20_000, 1))


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_attributes_are_redrawn_as_often_as_asked_and_uniformly(strength):
    drawn = np.asarray(perturb.RedrawAttributes(strength, GROUPS)(CAPTIONS, key=KEY))
    classes, inks = drawn[:, :10], drawn[:, 10:]
    assert (classes.sum(1) == 1).all()
    assert (inks.sum(1) == 1).all()
    # Five standard deviations of a share of 20,000.
    wanted = np.where(np.arange(10) == 4, 1 - strength * 0.9, strength / 10)
    np.testing.assert_allclose(classes.mean(0), wanted, atol=0.018)
    np.testing.assert_allclose(inks.mean(0), [strength / 3, 1 - strength * 2 / 3, strength / 3], atol=0.018)
    changed = (classes[:, 4] == 0, inks[:, 1] == 0)
    both = np.mean(changed[0] & changed[1])
    assert both == pytest.approx(changed[0].mean() * changed[1].mean(), abs=0.018)


def test_attributes_are_dropped_whole():
    drawn = np.asarray(perturb.DropAttributes(0.25, GROUPS)(CAPTIONS, key=KEY))
    kept = np.stack([drawn[:, 4], drawn[:, 11]], axis=1)
    assert kept.mean(0) == pytest.approx([0.75, 0.75], abs=0.016)
    np.testing.assert_array_equal(drawn.sum(1), kept.sum(1))


def test_it_goes_through_jit_and_vmap():
    perturbation = perturb.RedrawAttributes(0.5, GROUPS)
    call = jax.jit(lambda x, key: perturbation(x, key=key))
    np.testing.assert_array_equal(call(CAPTIONS[:5], KEY), perturbation(CAPTIONS[:5], key=KEY))
    keys = jax.random.split(KEY, 4)
    np.testing.assert_array_equal(jax.vmap(call)(CAPTIONS[:4], keys)[2], call(CAPTIONS[2], keys[2]))
    by_strength = jax.vmap(lambda s: perturb.RedrawAttributes(s, GROUPS)(CAPTIONS[:9], key=KEY))(jnp.array([0.0, 1.0]))
    np.testing.assert_array_equal(by_strength[0], CAPTIONS[:9])


@pytest.mark.parametrize("dtype", ["int32", "bfloat16"])
def test_the_dtype_stays(dtype):
    for cls in (perturb.RedrawAttributes, perturb.DropAttributes):
        assert cls(0.5, GROUPS)(CAPTIONS[:3].astype(dtype), key=KEY).dtype == dtype


def test_bad_input_is_refused_by_name():
    with pytest.raises(ValueError, match="x must have 13 entries in its last axis"):
        perturb.RedrawAttributes(0.5, GROUPS)(CAPTIONS[:, :5], key=KEY)
    with pytest.raises(ValueError, match="groups must name"):
        perturb.DropAttributes(0.5, ())
    with pytest.raises(ValueError, match=r"groups\[1\] must be an integer >= 1"):
        perturb.DropAttributes(0.5, (3, 0))
    with pytest.raises(TypeError, match="key must be one JAX PRNG key"):
        perturb.DropAttributes(0.5, GROUPS)(CAPTIONS, key=3)
