"""The bandit of interface conditions against a loop of scikit-learn, and 32 decomposed networks against one.

First a play of `optimize.GPBandit`: the fit of the process to all rewards so far and its posterior of all arms, against
scikit-learn's `GaussianProcessRegressor` with the same covariance, L-BFGS from the same start, once a play. The
posterior of both with the same parameters agrees to 1e-6. Then 200 steps of Adam for one `XPINN` and for 32 with
different interface conditions, mapped, in one process.

    OPENBLAS_NUM_THREADS=1 python benchmarks/interface_bandit.py
"""

import time

import jax
import jax.numpy as jnp
import numpy as np
import sklearn
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from _timing import medians
from perturbax import core, optimize, pde

PLAYS = 60
ARMS = optimize.all_subsets(5)
CONTEXTS = np.linspace(1.0, 6.0, 7)[:, None]


class Hybrid(Kernel):
    """The covariance of `optimize.HybridGP` for scikit-learn, with its gradient."""

    def __init__(self, length=1.0, agreement=1.0, range_=(1e-4, 1e4)):
        self.length, self.agreement, self.range_ = length, agreement, range_

    @property
    def hyperparameter_agreement(self):
        return Hyperparameter("agreement", "numeric", self.range_)

    @property
    def hyperparameter_length(self):
        return Hyperparameter("length", "numeric", self.range_)

    def __call__(self, X, Y=None, eval_gradient=False):
        Y = X if Y is None else Y
        distance = ((X[:, None, :1] - Y[None, :, :1]) ** 2).sum(-1)
        agree = 1.0 - np.abs(X[:, None, 1:] - Y[None, :, 1:]).mean(-1)
        K = np.exp(self.agreement * agree - distance / self.length)
        if not eval_gradient:
            return K
        # By the logarithms of agreement and length, in alphabetical order.
        return K, np.stack([K * self.agreement * agree, K * distance / self.length], -1)

    def diag(self, X):
        return np.full(len(X), np.exp(self.agreement))

    def is_stationary(self):
        return False


def table() -> optimize.TableEnvironment:
    """Rewards with interactions of the bits, and of the bits with the context."""
    rng = np.random.default_rng(0)
    w, v = rng.normal(size=5), rng.normal(size=5)
    rewards = ARMS @ w + 0.5 * (CONTEXTS - 3.5) * (ARMS @ v) + 0.5 * ARMS[:, 0] * ARMS[:, 4]
    return optimize.TableEnvironment(CONTEXTS, ARMS, rewards + 0.1 * rng.normal(size=rewards.shape))


def refits(plays: optimize.Plays) -> None:
    """Seconds of all fits and posteriors of a run of plays, by both."""
    model = optimize.HybridGP()
    location, scale = CONTEXTS.mean(0), CONTEXTS.std(0)
    X = np.concatenate([(plays.contexts - location) / scale, ARMS[plays.arms[:, 0]]], -1)
    y = plays.rewards[:, 0]
    with core.float64():
        start = model.start(ARMS, jnp.asarray(location), jnp.asarray(scale), PLAYS)

        @jax.jit
        def ours(contexts, actions, rewards):
            def play(seen, row):
                seen = model.fit(seen.add(*row))
                believed = model.posterior(seen, row[0])
                return seen, (believed.mean, believed.variance)

            return jax.lax.scan(play, start, (contexts, actions, rewards))

        rows = jnp.asarray(plays.contexts), jnp.asarray(ARMS[plays.arms[:, 0]]), jnp.asarray(y)

        def theirs():
            for t in range(5, PLAYS + 1):
                peer = GaussianProcessRegressor(Hybrid(), alpha=model.jitter + 0.01)
                peer.fit(X[:t], (y[:t] - y[:t].mean()) / y[:t].std())
                here = np.concatenate([np.repeat(X[t - 1 : t, :1], len(ARMS), 0), ARMS], -1)
                peer.predict(here, return_std=True)

        seconds = medians({"perturbax": lambda: ours(*rows), "scikit-learn": theirs}, repeats=3)
        seen, (means, variances) = ours(*rows)
        length, agreement, precision = np.exp(np.asarray(seen.parameters))
        peer = GaussianProcessRegressor(Hybrid(length, agreement), alpha=model.jitter + 1.0 / precision, optimizer=None)
        peer.fit(X, (y - y.mean()) / y.std())
        here = np.concatenate([np.repeat(X[-1:, :1], len(ARMS), 0), ARMS], -1)
        mean, deviation = peer.predict(here, return_std=True)
        apart = max(
            np.abs(y.std() * mean + y.mean() - means[-1]).max(),
            np.abs(y.std() * deviation - np.sqrt(variances[-1])).max(),
        )
    for name, value in seconds.items():
        print(f"{name:>14}: {1e3 * value / PLAYS:.2f} ms a play")
    print(f"ratio {seconds['scikit-learn'] / seconds['perturbax']:.1f}; posteriors differ by {apart:.1e}")


def trainings() -> None:
    """Seconds of 200 steps of Adam for one network and for 32."""
    conditions = (
        pde.Continuity(),
        pde.FluxContinuity(),
        pde.ResidualBothSides(),
        pde.ResidualContinuity(),
        pde.TangentialContinuity(),
    )
    family = pde.catalogue.poisson_family()
    points, problem = pde.FixedPoints(160, 80), family.problem([2.0])
    for optimiser in (pde.Adam(200), pde.LM(10)):
        method = pde.XPINN(family.partition, conditions, (12, 12), optimiser, points, interface_points=20)
        begun = time.perf_counter()
        seconds = medians(
            {
                "one": lambda m=method: pde.interface_errors(problem, m, ARMS[-1:], key=jax.random.key(0)),
                "32": lambda m=method: pde.interface_errors(problem, m, ARMS, key=jax.random.key(0)),
            },
            repeats=3,
        )
        name = type(optimiser).__name__
        print(f"{name:>14}: one {seconds['one']:.2f} s, 32 mapped {seconds['32']:.2f} s", end=", ")
        print(f"ratio {seconds['32'] / seconds['one']:.1f} (all with compilation: {time.perf_counter() - begun:.0f} s)")


if __name__ == "__main__":
    print(f"jax {jax.__version__}, scikit-learn {sklearn.__version__}, {jax.devices()[0].platform}")
    refits(optimize.bandit(table(), optimize.GPBandit(), plays=PLAYS, key=jax.random.key(0)))
    trainings()
