"""Two networks against each other: the losses, one step by hand, and how a run ends."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from perturbax import nn
from perturbax.core import Result
from perturbax.nn._gan import _advance

KEYS = jax.random.split(jax.random.key(0), 4)
U = jax.random.normal(KEYS[3], (32, 2))
P = jnp.linspace(-1.0, 1.0, 32)[:, None]
GAME = nn.WassersteinGP(latent=3)


def players():
    return (
        nn.ConditionalMLP(3, 1, (8,), 2, key=KEYS[0]),
        nn.ConditionalMLP(2, 1, (8,), None, key=KEYS[1]),
    )


def fit(game=GAME, u=U, p=P, **options):
    settings = {"steps": 4, "batch_size": 8, "critic_steps": 2, "every": 2, "key": KEYS[2], **options}
    return nn.fit_gan(game, *players(), u, p, **settings)


def slope(length):
    """A critic with a gradient of this length everywhere."""
    return lambda u, p: length * u @ jnp.array([0.6, 0.8]) + 9.0 * p[:, 0]


@pytest.mark.parametrize(("length", "wanted"), [(1.0, 0.0), (3.0, 4.0), (0.0, 1.0)])
def test_the_penalty_is_that_of_the_gradient_with_respect_to_rows(length, wanted):
    loss, record = GAME.critic_loss(slope(length), U + 1.0, U, P, KEYS[0])
    assert record["penalty"] == pytest.approx(wanted, abs=1e-5)
    assert record["wasserstein"] == pytest.approx(-1.4 * length, abs=1e-5)
    assert loss == pytest.approx(10.0 * wanted + 1.4 * length, abs=1e-4)


def test_a_critic_without_gradient_can_be_trained():
    def loss(w):
        return GAME.critic_loss(lambda u, p: w * u.sum(1), U + 1.0, U, P, KEYS[0])[0]

    assert np.isfinite(jax.jit(jax.grad(loss))(0.0))


def test_the_classical_game_is_that_of_logits():
    game = nn.NonSaturating(3)
    loss, _ = game.critic_loss(slope(1.0), U - 2.0, U, P, KEYS[0])
    true, fake = (jax.nn.sigmoid(slope(1.0)(x, P)) for x in (U, U - 2.0))
    assert loss == pytest.approx(float(-jnp.log(true).mean() - jnp.log(1.0 - fake).mean()), rel=1e-4)
    assert game.generator_loss(slope(1.0), U, P) == pytest.approx(float(-jnp.log(true).mean()), rel=1e-4)


@eqx.filter_jit
def by_hand(generator, critic):
    """One step with two critic updates."""
    adam = optax.adam(1e-4, b1=0.0, b2=0.9)

    def updated(loss, player, moments):
        params, rest = eqx.partition(player, eqx.is_inexact_array)
        gradient = jax.grad(lambda params: loss(eqx.combine(params, rest)))(params)
        change, moments = adam.update(gradient, adam.init(params) if moments is None else moments)
        return eqx.combine(optax.apply_updates(params, change), rest), moments

    def critic_loss(critic, key):
        row_key, noise_key, loss_key = jax.random.split(key, 3)
        rows = jax.random.randint(row_key, (8,), 0, 32)
        fake = generator(jax.random.normal(noise_key, (8, 3)), P[rows])
        return GAME.critic_loss(critic, fake, U[rows], P[rows], loss_key)[0]

    first, second, last = jax.random.split(jax.random.fold_in(KEYS[2], 0), 3)
    critic, moments = updated(lambda critic: critic_loss(critic, first), critic, None)
    critic, _ = updated(lambda critic: critic_loss(critic, second), critic, moments)
    row_key, noise_key = jax.random.split(last)
    rows, noise = jax.random.randint(row_key, (8,), 0, 32), jax.random.normal(noise_key, (8, 3))
    generator, _ = updated(lambda g: GAME.generator_loss(critic, g(noise, P[rows]), P[rows]), generator, None)
    return generator, critic


def test_a_step_is_critic_updates_and_then_one_of_the_generator():
    found = fit(steps=1)
    for wanted, got in zip(by_hand(*players()), (found.generator, found.critic), strict=True):
        for a, b in zip(*(jax.tree.leaves(eqx.filter(t, eqx.is_array)) for t in (wanted, got)), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_lowest_score_is_kept_and_the_average_asked_too():
    asked = []

    def score(generator):
        asked.append(generator)
        return [5.0, 4.0, 3.0, 2.0, 1.0, 9.0][len(asked) - 1]

    found = fit(steps=5, score=score)
    assert found.scores.tolist() == [[5.0, 4.0], [3.0, 2.0], [1.0, 9.0]]
    assert (found.best_step, found.averaged, found.steps) == (5, False, 5)
    assert found.generator is asked[4]
    assert {name: values.shape for name, values in found.history.items()} == dict.fromkeys(
        ("critic_loss", "generator_loss", "penalty", "wasserstein"), (5,)
    )


def test_of_equal_scores_the_longest_training_is_kept():
    scores = iter([5.0, 4.0, 4.6, 4.4, 6.0, 4.6])
    found = fit(steps=6, score=lambda generator: next(scores), tolerance=0.5)
    assert (found.best_step, found.averaged) == (4, True)


def test_every_length_is_one_program():
    fit()
    before = _advance._cached._cache_size()
    fit(steps=3)
    fit(steps=7, learning_rate=1e-3, key=KEYS[3])
    assert _advance._cached._cache_size() == before


@pytest.mark.parametrize(
    ("options", "result"),
    [
        ({"largest_loss": 1e-9, "grace": 0}, Result.diverged),
        ({"largest_penalty": 1e-9, "grace": 0}, Result.diverged),
        ({"largest_penalty": 1e-9, "grace": 4}, Result.successful),
        ({"learning_rate": 1e38}, Result.nonfinite),
    ],
)
def test_a_run_that_goes_wrong_stops_and_says_so(options, result):
    found = fit(**options)
    assert found.result == result
    assert found.steps == (4 if result == Result.successful else 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"u": np.full((32, 2), np.nan)}, "u must be finite"),
        ({"p": np.zeros((31, 1))}, "p must have shape"),
        ({"steps": 0}, "steps"),
        ({"critic_steps": 0}, "critic_steps"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"ema": 1.5}, "ema"),
        ({"every": 0}, "every"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"largest_loss": np.nan}, "largest_loss"),
        ({"largest_penalty": -1.0}, "largest_penalty"),
        ({"grace": -1}, "grace"),
        ({"score": 3.0}, "score"),
        ({"key": 3}, "key"),
    ],
)
def test_wrong_input_is_refused_by_name(without_type_checks, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        fit(**options)
