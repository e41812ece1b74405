"""The least value of a linear function on a set is exact, and every member is inside of the box."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import nn, verify

from .conftest import KEY, assert_sound

CENTRE = np.float32([0.2, 0.7, 0.4])
WORDS = np.asarray(jax.random.normal(KEY, (6, 3)))
SETS = {
    "box": verify.Box(CENTRE - 0.1, CENTRE + 0.3),
    "l1": verify.Ball(CENTRE, 0.4, 1),
    "l2": verify.Ball(CENTRE, 0.4, 2),
    "l3": verify.Ball(CENTRE, 0.4, 3.0),
    "linf": verify.Ball(CENTRE, 0.4, math.inf),
    "l0": verify.L0(CENTRE, 2),
    "synonyms": verify.Synonyms(WORDS, np.array([0, 1, 2]), np.array([[3, 4], [4, 1], [5, 0]]), budget=2),
}


@pytest.mark.parametrize(
    "name",
    [n if n in ("box", "l2", "l0", "synonyms") else pytest.param(n, marks=pytest.mark.slow) for n in sorted(SETS)],
)
def test_the_least_value_is_attained_and_never_passed(name):
    region = SETS[name]
    box = region.interval()
    c = jax.random.normal(KEY, box.shape)
    least = float(region.minimum(c))
    xs = jax.vmap(region.sample)(jax.random.split(KEY, 4000))
    values = (xs * c).reshape(len(xs), -1).sum(1)
    assert np.all((xs >= box.lower - 1e-6) & (xs <= box.upper + 1e-6))
    assert values.min() >= least - 1e-5
    assert values.min() <= least + 0.05 * (values.max() - least)
    np.testing.assert_allclose(jax.vmap(region.project)(xs[:50]), xs[:50], atol=1e-5)
    moved = jax.vmap(region.project)(xs[:50] + 1.0)
    assert np.all((moved * c).reshape(50, -1).sum(1) >= least - 1e-4)


@pytest.mark.parametrize("p", [1.02, 1.2, 2.0, 3.0, 40.0])
@pytest.mark.parametrize("size", [1.0, 1e-5])
def test_the_least_value_on_a_ball_needs_no_power_that_underflows(p, size):
    c = size * np.array([0.3, -0.05, 0.2])
    least = -np.linalg.norm(c, p / (p - 1.0))
    np.testing.assert_allclose(verify.Ball(np.zeros(3, np.float32), 1.0, p).minimum(jnp.float32(c)), least, rtol=1e-5)


def test_synonyms_equal_the_best_of_all_sentences():
    region = SETS["synonyms"]
    c = np.asarray(jax.random.normal(KEY, (3, 3)))
    sentences = itertools.product(
        *([token, *choices] for token, choices in zip(region.tokens, region.choices, strict=True))
    )
    allowed = [s for s in sentences if np.count_nonzero(np.array(s) != region.tokens) <= 2]
    best = min((WORDS[list(s)] * c).sum() for s in allowed)
    np.testing.assert_allclose(region.minimum(jnp.asarray(c)), best, rtol=1e-5)


@pytest.mark.parametrize("name", ["l2", pytest.param("l0", marks=pytest.mark.slow)])
def test_bounds_on_other_sets_are_sound_and_tighter_than_on_their_box(name, network):
    region = SETS[name]
    assert_sound(network, region, verify.IBP(), verify.CROWN())
    box = region.interval()
    found, wide = (verify.bound(network, s, verify.CROWN()) for s in (region, verify.Box(box.lower, box.upper)))
    assert np.all(found.lower >= wide.lower - 1e-6)
    assert (found.upper - found.lower).sum() < (wide.upper - wide.lower).sum()


@pytest.mark.slow
def test_weights_and_inputs_may_be_perturbed_together():
    network = nn.MLP(3, (4,), 2, key=KEY, activation=jax.nn.relu)
    inputs = {"model": verify.weight_balls(network, 0.02), "x": verify.Ball(CENTRE, 0.02), "shift": jnp.ones(2)}
    balls = [
        s for s in jax.tree.leaves(inputs, is_leaf=lambda s: isinstance(s, verify.Ball)) if isinstance(s, verify.Ball)
    ]

    def f(given):
        return given["model"](given["x"]) + given["shift"]

    def members(key):
        keys = iter(jax.random.split(key, len(balls)))
        return jax.tree.map(
            lambda s: s.sample(next(keys)) if isinstance(s, verify.Ball) else s,
            inputs,
            is_leaf=lambda s: isinstance(s, verify.Ball),
        )

    values = jnp.stack([f(members(key)) for key in jax.random.split(KEY, 100)])
    for method in (verify.IBP(), verify.CROWN(verify.IBP()), verify.CROWN()):
        found = verify.bound(f, inputs, method)
        assert np.all(found.lower <= values.min(0) + 1e-5)
        assert np.all(found.upper >= values.max(0) - 1e-5)
    assert found.linear.lower_coefficients["x"].shape == (2, 3)
    assert found.linear.lower_coefficients["shift"] is None


def test_sets_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="centre must lie in"):
        verify.L0(CENTRE, 1, 0.5, 1.0)
    with pytest.raises(ValueError, match="count must be an integer in"):
        verify.L0(CENTRE, 4)
    with pytest.raises(ValueError, match=r"choices must be words in \[0, 6\)"):
        verify.Synonyms(WORDS, np.array([0]), np.array([[7]]), 1)
    with pytest.raises(ValueError, match="p must be a number"):
        verify.Ball(CENTRE, 1.0, 0.5)
    with pytest.raises(ValueError, match="relative"):
        verify.weight_balls(CENTRE, -0.1)
