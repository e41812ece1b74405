"""What every exported perturbation promises: strength 0 changes nothing, a key decides, bad strengths are refused."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import perturb

TEXT = "A quick brown fox, and a lazy dog; all asleep."
EXAMPLES = {
    "DropAttributes": (lambda s: perturb.DropAttributes(s, (3, 2)), jnp.eye(5)),
    "FourierMode": (lambda s: perturb.FourierMode(s, 0.25), jnp.zeros((8, 1))),
    "RedrawAttributes": (lambda s: perturb.RedrawAttributes(s, (3, 2)), jnp.eye(5)),
    "RandomShift": (lambda s: perturb.RandomShift(4 * s), np.arange(1.0, 49.0).reshape(6, 8)),
    "WordDrop": (perturb.WordDrop, TEXT),
    "WordSwap": (perturb.WordSwap, TEXT),
    "Synonyms": (lambda s: perturb.Synonyms(s, {"fox": ["hen"], "dog": ["cat", "cow"]}), TEXT),
    "Paraphrase": (lambda s: perturb.Paraphrase(s, lambda text, strength, seed: f"{seed}"), TEXT),
}
UNBOUNDED = {"FourierMode", "RandomShift"}
every = pytest.mark.parametrize("name", EXAMPLES)


def same(a, b):
    return a == b if isinstance(a, str | list) else np.array_equal(a, b)


def test_every_exported_perturbation_has_an_example():
    exported = {
        name for name in perturb.__all__ if isinstance(getattr(perturb, name), type) and not name.startswith("Abstract")
    }
    assert exported == set(EXAMPLES)


@every
def test_strength_zero_changes_nothing(name):
    make, x = EXAMPLES[name]
    assert same(make(0.0)(x, key=jax.random.key(0)), x)


@every
def test_the_key_decides(name):
    make, x = EXAMPLES[name]
    results = [make(0.7)(x, key=jax.random.key(seed)) for seed in (0, 0, *range(1, 9))]
    assert same(results[0], results[1])
    assert any(not same(results[0], other) for other in results[2:])
    assert same(results[0], make(0.7)(x, key=jax.random.PRNGKey(0)))


# An amplitude and a number of pixels may be as large as they like.
@pytest.mark.parametrize(
    ("name", "strength"),
    [(name, s) for name in EXAMPLES for s in (-0.1, 1.1, math.nan, math.inf) if s != 1.1 or name not in UNBOUNDED],
)
def test_a_strength_outside_its_range_is_refused(name, strength):
    with pytest.raises(ValueError, match="strength must be a number"):
        EXAMPLES[name][0](strength)


def test_the_base_asks_only_for_a_strength_that_is_not_negative():
    class Shift(perturb.AbstractPerturbation):
        strength: float = 1.0

        def __call__(self, x, *, key):
            return x + self.strength

    assert Shift(5.0)(1.0, key=jax.random.key(0)) == 6.0
    with pytest.raises(ValueError, match="strength must be a number >= 0"):
        Shift(-1.0)
    with pytest.raises(TypeError, match="abstract"):
        perturb.AbstractPerturbation()  # pyright: ignore[reportAbstractUsage]
