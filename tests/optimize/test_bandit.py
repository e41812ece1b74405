"""Contextual bandits over subsets: the process against scikit-learn, rules, environments, stages, bad input."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel

from perturbax import core, optimize
from perturbax.optimize._reward_gp import Posterior

ARMS = optimize.all_subsets(2)
CONTEXTS = np.array([[0.0], [1.0], [2.0]])
# The best arm is (0, 0) in the first context, (0, 1) in the second one, and (1, 1) in the third one.
REWARDS = -np.abs(ARMS.sum(-1)[None] - CONTEXTS) - ARMS[:, 0] * (CONTEXTS == 1.0)
TABLE = optimize.TableEnvironment(CONTEXTS, ARMS, REWARDS)
MODEL = optimize.HybridGP()


class Hybrid(Kernel):
    """The same covariance for scikit-learn, by its definition."""

    def __init__(self, parameters, count):
        self.parameters, self.count = parameters, count

    def __call__(self, X, Y=None, eval_gradient=False):
        Y = X if Y is None else Y
        length, agreement = np.exp(self.parameters[:2])
        distance = ((X[:, None, : self.count] - Y[None, :, : self.count]) ** 2).sum(-1)
        agree = (X[:, None, self.count :] == Y[None, :, self.count :]).mean(-1)
        return np.exp(-distance / length) * np.exp(agreement * agree)

    def diag(self, X):
        return np.full(len(X), np.exp(np.exp(self.parameters[1])))

    def is_stationary(self):
        return False


@pytest.fixture(scope="module")
def played():
    return optimize.bandit(TABLE, optimize.GPBandit(optimize.Thompson()), plays=30, key=jax.random.key(0))


def test_the_posterior_is_that_of_scikit_learn(played):
    seen = played.state
    with core.float64():
        believed = jax.jit(MODEL.posterior)(core.settle_arrays(seen), jnp.array([1.5]))
        mean, std = np.asarray(believed.mean), np.sqrt(np.asarray(believed.variance))
        covariance = np.asarray(believed.covariance)
    X = np.concatenate([seen.contexts, seen.actions], -1)
    here = np.concatenate([np.full((4, 1), (1.5 - CONTEXTS.mean()) / CONTEXTS.std()), ARMS], -1)
    noise = MODEL.jitter + np.exp(-seen.parameters[2])
    peer = GaussianProcessRegressor(Hybrid(seen.parameters, 1), alpha=noise, optimizer=None)
    centre, spread = seen.rewards.mean(), seen.rewards.std()
    peer.fit(X, (seen.rewards - centre) / spread)
    wanted, deviation = peer.predict(here, return_std=True)
    np.testing.assert_allclose(mean, centre + spread * wanted, atol=1e-6)
    np.testing.assert_allclose(std, spread * deviation, atol=1e-6)
    np.testing.assert_allclose(covariance, spread**2 * peer.predict(here, return_cov=True)[1], atol=1e-6)
    likelihood = -peer.log_marginal_likelihood_value_ - 0.5 * 30 * np.log(2.0 * np.pi)
    prior = 99.0 * seen.parameters[2] - np.exp(seen.parameters[2])
    with core.float64():
        found = MODEL.negative_log_posterior(jnp.asarray(seen.parameters), core.settle_arrays(seen))
    assert float(found) == pytest.approx(likelihood - prior, abs=1e-6)


def test_a_fit_is_that_of_scipy(played):
    with core.float64():
        seen = core.settle_arrays(played.state)
        both = jax.jit(jax.value_and_grad(MODEL.negative_log_posterior))
        start = np.log([1.0, 1.0, 100.0])
        found = minimize(lambda p: [np.asarray(part) for part in both(jnp.asarray(p), seen)], start, jac=True)
        # A hundredth of a unit of the log likelihood tells no parameters apart.
        assert float(both(seen.parameters, seen)[0]) < found.fun + 0.01


@pytest.mark.slow
def test_rows_without_use_change_nothing(played):
    """Twelve rewards are the same in arrays of 12 and of 30 rows."""
    short = optimize.bandit(TABLE, optimize.GPBandit(optimize.Thompson()), plays=12, key=jax.random.key(0))
    np.testing.assert_array_equal(short.arms, played.arms[:12])
    np.testing.assert_array_equal(short.contexts, played.contexts[:12])


@given(st.floats(-3.0, 2.0), st.integers(0, 1000))
def test_the_kernel_of_actions_is_positive_semidefinite(log_agreement, seed):
    actions = np.random.default_rng(seed).integers(0, 2, (count := 40, 9)).astype(float)
    agree = (actions[:, None] == actions[None]).mean(-1)
    with core.float64():
        zeros, a = jnp.zeros((count, 1)), jnp.asarray(actions)
        K = np.asarray(MODEL.kernel(jnp.array([0.0, log_agreement, 0.0]), zeros, a, zeros, a))
    np.testing.assert_allclose(K, np.exp(np.exp(log_agreement) * agree))
    assert np.linalg.eigvalsh(K).min() >= -1e-10 * K.max() * count


def test_the_unit_of_the_rewards_does_not_matter(played):
    world = optimize.TableEnvironment(CONTEXTS, ARMS, 1e-3 * REWARDS + 7.0)
    plays = optimize.bandit(world, optimize.GPBandit(optimize.Thompson()), plays=30, key=jax.random.key(0))
    np.testing.assert_array_equal(plays.arms, played.arms)


def test_it_learns_which_subset_is_best_in_which_context(played):
    np.testing.assert_array_equal(played(CONTEXTS), [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    oracle = optimize.bandit(TABLE, optimize.BestArm(), plays=30, key=jax.random.key(0))
    np.testing.assert_array_equal(oracle.contexts, played.contexts)
    assert (oracle.rewards >= played.rewards).all()
    assert (oracle.rewards == 0.0).all()
    assert (oracle.rewards - played.rewards)[-10:].mean() < 0.3  # 1.1 at random


def test_the_best_fixed_arm_and_a_given_one():
    best = optimize.bandit(TABLE, optimize.BestFixedArm(), plays=5, key=jax.random.key(0))
    assert set(best.arms[:, 0]) == {int(np.argmax(REWARDS.mean(0)))}
    given_ = optimize.bandit(TABLE, optimize.FixedArm([1, 0]), plays=5, key=jax.random.key(0))
    assert set(given_.arms[:, 0]) == {2}


def test_a_linear_reward_is_learned_by_ridge_regression():
    rewards = CONTEXTS * ARMS[:, 0] - ARMS[:, 1] + 0.5
    world = optimize.TableEnvironment(CONTEXTS, ARMS, rewards)
    plays = optimize.bandit(world, optimize.EpsilonGreedy(epsilon=0.5, ridge=1e-6), plays=60, key=jax.random.key(1))
    np.testing.assert_allclose(_predicted(plays), rewards, atol=1e-4)
    np.testing.assert_array_equal(plays([2.0]), [1.0, 0.0])


def _predicted(plays):
    with core.float64():
        state = core.settle_arrays(plays.state)
        return jax.vmap(state.predict)(jnp.asarray(CONTEXTS))


@pytest.mark.slow
def test_functions_of_python_are_played_as_tables_are(played):
    def reward(context, action, key):
        return float(REWARDS[int(context[0]), int(2 * action[0] + action[1])])

    world = optimize.FunctionEnvironment(reward, CONTEXTS, ARMS)
    plays = optimize.bandit(
        world, optimize.GPBandit(optimize.Thompson()), plays=30, key=jax.random.key(0), progress=False
    )
    np.testing.assert_array_equal(plays.contexts, played.contexts)
    np.testing.assert_array_equal(plays.arms[:8], played.arms[:8])
    np.testing.assert_array_equal(plays(CONTEXTS), played(CONTEXTS))


def test_rules_score_what_they_say():
    half = jnp.array([[1.0, 0.5, 0.0]])
    believed = Posterior(jnp.array([0.0, 1.0, 2.0]), jnp.eye(3) + 0.5, half)
    key = jax.random.key(0)
    np.testing.assert_allclose(believed.variance, [0.5, 1.25, 1.5])
    np.testing.assert_array_equal(optimize.Greedy().score(believed, key), [0.0, 1.0, 2.0])
    confident = optimize.UpperConfidence(2.0).score(believed, key)
    np.testing.assert_allclose(confident, believed.mean + 2.0 * np.sqrt([0.5, 1.25, 1.5]), rtol=1e-6)
    keys = jax.random.split(key, 20_000)
    draws = np.asarray(jax.vmap(lambda k: optimize.Thompson().score(believed, k))(keys))
    np.testing.assert_allclose(np.cov(draws.T), believed.covariance, atol=0.05)
    largest = np.asarray(jax.vmap(lambda k: optimize.Optimistic(20).score(believed, k))(keys))
    # The mean of the largest of 20 normal numbers is 1.867.
    np.testing.assert_allclose(largest.mean(0), believed.mean + 1.867 * np.sqrt(believed.variance), atol=0.02)


class Matched(optimize.AbstractEnvironment):
    """Two stages: what is best at the second one depends on the reward of the first one."""

    contexts: np.ndarray
    arms: tuple

    traceable: ClassVar[bool] = True

    def __init__(self):
        self.contexts, self.arms = np.array([[0.0], [1.0]]), (ARMS, ARMS)

    def play(self, stage, context, action, carry, key):
        if stage == 0:
            missed = jnp.abs(action - context[0]).sum()
            return -0.5 * missed, missed
        return -0.5 * jnp.abs(action - jnp.array([1.0, 0.0])).sum() - 0.1 * carry, None


@pytest.mark.slow
def test_stages_see_the_rewards_before_and_are_credited_with_those_to_come():
    plays = optimize.bandit(Matched(), optimize.SequentialGPBandit(), plays=40, key=jax.random.key(0))
    first, second = plays.state
    np.testing.assert_allclose(second.contexts[:, 1], plays.rewards[:, 0])
    np.testing.assert_allclose(first.rewards, (plays.rewards[:, 0] + 0.9 * plays.rewards[:, 1]) / 2.0)
    np.testing.assert_allclose(second.rewards, plays.rewards[:, 1])
    np.testing.assert_array_equal(plays([[0.0], [1.0]]), [[0.0, 0.0], [1.0, 1.0]])
    np.testing.assert_array_equal(plays([0.0, 0.0], stage=1), [1.0, 0.0])


def test_random_arms_play_all_stages():
    plays = optimize.bandit(Matched(), optimize.RandomArm(), plays=400, key=jax.random.key(0))
    assert plays.rewards.shape == (400, 2)
    counts = np.bincount(plays.arms.reshape(-1), minlength=4)
    assert (np.abs(counts - 200) < 60).all()


def test_many_seeds_are_mapped():
    keys = jax.random.split(jax.random.key(0), 3)
    mapped = jax.vmap(lambda key: optimize.bandit(TABLE, optimize.RandomArm(), plays=6, key=key).rewards)(keys)
    one = optimize.bandit(TABLE, optimize.RandomArm(), plays=6, key=keys[1])
    np.testing.assert_allclose(mapped[1], one.rewards)


def test_whether_a_context_was_in_the_range(played):
    assert played.within([[0.5], [2.5]]).tolist() == [True, False]


PLAY = {"plays": 3, "key": jax.random.key(0)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimize.TableEnvironment(CONTEXTS, ARMS, REWARDS.T), "rewards"),
        (lambda: optimize.TableEnvironment(CONTEXTS, ARMS, REWARDS + np.inf), "rewards"),
        (lambda: optimize.TableEnvironment([[0.0], [0.0]], ARMS, REWARDS[:2]), "contexts must differ"),
        (lambda: optimize.TableEnvironment(CONTEXTS, [[0, 2]], REWARDS[:, :1]), "arms must be of zeros and ones"),
        (lambda: optimize.TableEnvironment(CONTEXTS, [[0], [0]], REWARDS[:, :2]), "arms must differ"),
        (lambda: optimize.FunctionEnvironment(3, CONTEXTS, ARMS), "reward must be a function"),
        (lambda: optimize.all_subsets(0), "bits must be an integer"),
        (lambda: optimize.FixedArm([0.5]), "action must be of zeros and ones"),
        (lambda: optimize.bandit(TABLE, optimize.FixedArm([1, 1, 1]), **PLAY), "action must be an arm"),
        (lambda: optimize.bandit(TABLE, optimize.GPBandit, **PLAY), "method must be a method"),
        (lambda: optimize.bandit(TABLE, optimize.GPBandit(), plays=0, key=PLAY["key"]), "plays must be an integer"),
        (lambda: optimize.bandit(Matched(), optimize.GPBandit(), **PLAY), "environment must have one stage"),
        (lambda: optimize.bandit(Matched(), optimize.BestArm(), **PLAY), "environment must know the rewards"),
        (lambda: optimize.bandit(_broken(), optimize.RandomArm(), progress=False, **PLAY), "the reward of play 0"),
        (lambda: optimize.EpsilonGreedy(epsilon=2.0), "epsilon"),
        (lambda: optimize.GPBandit(warmup=0), "warmup must be an integer"),
        (lambda: optimize.GPBandit(rule="ucb"), "rule must be a rule"),
        (lambda: optimize.HybridGP(length=0.0), "length must be a number > 0"),
    ],
)
def test_bad_arguments_are_refused_by_name(make, message, without_type_checks):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def _broken():
    return optimize.FunctionEnvironment(lambda context, action, key: np.nan, CONTEXTS, ARMS)
