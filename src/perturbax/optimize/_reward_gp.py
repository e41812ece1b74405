r"""The Gaussian process of rewards over contexts and binary actions.

With contexts $s$, standardised, and actions $a \in \{0, 1\}^q$ the covariance of two rewards is

    k = exp(-|s - s'|^2 / l) exp(eta mean_j (1 - |a_j - a'_j|)),      noise of variance 1 / tau.

The second factor has $k(a, a) = e^\eta > 1$, the only amplitude: rewards are in units of the standard deviation of what
was seen so far, about its mean. The authors' code takes them as they are; small rewards are all noise then. $l$,
$\eta$, $\tau$ are positive, by logarithms, and maximise the marginal likelihood with a gamma prior on $\tau$.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Array, Float, Int

from ..core import check_integer, check_number

# Trials of a line search.
_SEARCH = 10


class Observations(eqx.Module):
    """Rewards that were seen, in arrays of a fixed capacity of which the first `count` rows are used.

    - `contexts`, `actions`, `rewards`, `count`; `parameters`: the logarithms of `l`, `eta`, `tau` of the last fit.
    - `arms`: that can be played; `location`, `scale`: by which contexts are standardised.
    """

    contexts: Float[Array, "*batch capacity c"]
    actions: Float[Array, "*batch capacity q"]
    rewards: Float[Array, "*batch capacity"]
    count: Int[Array, "*batch"]
    parameters: Float[Array, "*batch three"]
    arms: Float[Array, "*batch n q"]
    location: Float[Array, "*batch c"]
    scale: Float[Array, "*batch c"]

    @property
    def used(self) -> Float[Array, " capacity"]:
        """One for each row that is used."""
        return (jnp.arange(self.rewards.shape[0]) < self.count).astype(self.rewards.dtype)

    @property
    def mean(self) -> Float[Array, ""]:
        """Of the rewards."""
        return jnp.sum(self.used * self.rewards) / jnp.maximum(self.count, 1)

    @property
    def spread(self) -> Float[Array, ""]:
        """The standard deviation of the rewards, 1 where they are all equal."""
        square = jnp.sum(self.used * jnp.square(self.rewards - self.mean)) / jnp.maximum(self.count, 1)
        return jnp.where(square > 0.0, jnp.sqrt(square), 1.0)

    def add(self, context: Array, action: Array, reward: Array) -> "Observations":
        """With one more."""
        k, standard = self.count, (context - self.location) / self.scale
        return eqx.tree_at(
            lambda o: (o.contexts, o.actions, o.rewards, o.count),
            self,
            (
                self.contexts.at[k].set(standard),
                self.actions.at[k].set(action),
                self.rewards.at[k].set(reward),
                k + 1,
            ),
        )


class Posterior(eqx.Module):
    """What is believed of the rewards of all arms in a context: `mean` and `variance`, and `covariance` when asked."""

    mean: Float[Array, " n"]
    prior: Float[Array, "n n"]
    half: Float[Array, "t n"]

    @property
    def variance(self) -> Float[Array, " n"]:
        """Of each arm."""
        return jnp.maximum(jnp.diag(self.prior) - jnp.sum(jnp.square(self.half), 0), 0.0)

    @property
    def covariance(self) -> Float[Array, "n n"]:
        """Of all arms together."""
        return self.prior - self.half.T @ self.half


class HybridGP(eqx.Module):
    """A Gaussian process with a product of an RBF kernel of contexts and a Hamming kernel of actions.

    **Arguments:**

    - `length`, `agreement`, `precision`: `l`, `eta`, `tau` that each fit starts from. Not from the last fit: of few
      rewards it may be one without any covariance of actions, from which there is no way back.
    - `jitter`: on the diagonal.
    - `prior_shape`, `prior_rate`: of the gamma prior of `tau`, that of the authors' code.
    - `steps`: of L-BFGS in a fit, at most; `tolerance`: the gradient of the log likelihood, with respect to the
      logarithms of the parameters, at which it ends.

    **Raises:** `TypeError`, `ValueError` for numbers out of range.

    Source: Li et al. 2023 (arXiv 2210.12669) and their code.

    >>> HybridGP().kernel(jnp.zeros(2), jnp.zeros((1, 1)), jnp.ones((1, 2)), jnp.zeros((1, 1)), jnp.ones((1, 2))).item()
    2.7182817459106445
    """

    length: float = 1.0
    agreement: float = 1.0
    precision: float = 100.0
    jitter: float = 1e-5
    prior_shape: float = 100.0
    prior_rate: float = 1.0
    steps: int = 20
    tolerance: float = 0.01

    def __check_init__(self):
        for name in ("length", "agreement", "precision", "jitter", "prior_shape", "prior_rate", "tolerance"):
            check_number(name, getattr(self, name), minimum=0.0, exclusive=True)
        check_integer("steps", self.steps, minimum=1)

    def start(self, arms: Any, location: Array, scale: Array, capacity: int) -> Observations:
        """No observations, with room for some."""
        arms = jnp.asarray(arms)
        return Observations(
            jnp.zeros((capacity, len(location))),
            jnp.zeros((capacity, arms.shape[1])),
            jnp.zeros(capacity),
            jnp.zeros((), jnp.int32),
            self._first,
            arms,
            jnp.asarray(location),
            jnp.asarray(scale),
        )

    @property
    def _first(self) -> Float[Array, " three"]:
        return jnp.log(jnp.array([self.length, self.agreement, self.precision]))

    def kernel(self, parameters: Array, s: Array, a: Array, t: Array, b: Array) -> Float[Array, "m n"]:
        """Of `(m, c)`, `(m, q)` with `(n, c)`, `(n, q)`; `parameters` are the logarithms of `l`, `eta`."""
        distance = jnp.sum(jnp.square(s[:, None] - t[None]), -1)
        agreement = 1.0 - jnp.mean(jnp.abs(a[:, None] - b[None]), -1)
        return jnp.exp(jnp.exp(parameters[1]) * agreement - distance / jnp.exp(parameters[0]))

    def negative_log_posterior(self, parameters: Float[Array, " three"], seen: Observations) -> Float[Array, ""]:
        """Minus the log marginal likelihood and the log prior, up to a constant."""
        K, y = self._covariance(parameters, seen)
        prior = (self.prior_shape - 1.0) * parameters[2] - self.prior_rate * jnp.exp(parameters[2])
        return _energy(K, y) - prior

    def fit(self, seen: Observations) -> Observations:
        """With the parameters that the rewards so far support most."""
        rule = optax.lbfgs(memory_size=5, linesearch=optax.scale_by_zoom_linesearch(max_linesearch_steps=_SEARCH))

        def objective(parameters: Array) -> Array:
            return self.negative_log_posterior(parameters, seen)

        def unfinished(carry: Any) -> Any:
            k, _, state = carry
            gradient = optax.tree.get(state, "grad")
            return (k < self.steps) & ((k == 0) | (jnp.max(jnp.abs(gradient)) > self.tolerance))

        def step(carry: Any) -> Any:
            k, parameters, state = carry
            value, gradient = optax.value_and_grad_from_state(objective)(parameters, state=state)
            updates, state = rule.update(gradient, state, parameters, value=value, grad=gradient, value_fn=objective)
            return k + 1, optax.apply_updates(parameters, updates), state

        state = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.asarray(leaf).dtype), rule.init(self._first))
        _, parameters, _ = jax.lax.while_loop(unfinished, step, (0, self._first, state))
        parameters = jnp.where(jnp.all(jnp.isfinite(parameters)), parameters, self._first)
        return eqx.tree_at(lambda o: o.parameters, seen, parameters)

    def posterior(self, seen: Observations, context: Float[Array, " c"]) -> Posterior:
        """The rewards of all arms in a context."""
        standard = (context - seen.location) / seen.scale
        here = jnp.broadcast_to(standard, (len(seen.arms), len(standard)))
        L, z = self._factor(seen.parameters, seen)
        cross = self.kernel(seen.parameters, seen.contexts, seen.actions, here, seen.arms)
        half = solve_triangular(L, seen.used[:, None] * cross, lower=True)
        prior = self.kernel(seen.parameters, here, seen.arms, here, seen.arms)
        s = seen.spread
        return Posterior(seen.mean + s * half.T @ z, s**2 * prior, s * half)

    def _factor(self, parameters: Array, seen: Observations) -> tuple[Array, Array]:
        """The Cholesky factor `L` of the covariance of the rewards, and `L^-1 y`."""
        K, y = self._covariance(parameters, seen)
        L = jnp.linalg.cholesky(K)
        return L, solve_triangular(L, y, lower=True)

    def _covariance(self, parameters: Array, seen: Observations) -> tuple[Array, Array]:
        """Of the rewards, and the rewards in their units; rows without use are those of the identity."""
        used = seen.used
        K = self.kernel(parameters, seen.contexts, seen.actions, seen.contexts, seen.actions)
        diagonal = jnp.where(used > 0.0, self.jitter + jnp.exp(-parameters[2]), 1.0)
        y = used * (seen.rewards - seen.mean) / seen.spread
        return used[:, None] * used * K + jnp.diag(diagonal), y


@jax.custom_vjp
def _energy(K: Float[Array, "t t"], y: Float[Array, " t"]) -> Float[Array, ""]:
    """`(y^T K^-1 y + log det K) / 2`, with its gradient `(K^-1 - a a^T) / 2`, `a = K^-1 y`: to differentiate the
    factorisation would cost several times as much."""
    return _energy_forward(K, y)[0]


def _energy_forward(K: Array, y: Array) -> tuple[Array, tuple[Array, Array]]:
    L = jnp.linalg.cholesky(K)
    z = solve_triangular(L, y, lower=True)
    return 0.5 * z @ z + jnp.sum(jnp.log(jnp.diag(L))), (L, solve_triangular(L, z, lower=True, trans=1))


def _energy_backward(kept: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    L, a = kept
    inverse = cho_solve((L, True), jnp.eye(len(a), dtype=a.dtype))
    return 0.5 * g * (inverse - jnp.outer(a, a)), g * a


_energy.defvjp(_energy_forward, _energy_backward)
