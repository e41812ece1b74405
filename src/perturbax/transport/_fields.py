r"""The fields of a stochastic interpolant: velocity and score, exact for mixtures or regressed by a network.

    b(x, t) = E[alpha' x_0 + beta' x_1 + gamma' z | x_t = x],    eta(x, t) = E[z | x_t = x],    s = -eta / gamma

`b` moves the law of `x_t` along its ODE, `s` is the gradient of its logarithm.

Between mixtures `sum_i p_i N(m_i, C_i)` and `sum_j q_j N(n_j, D_j)`, with `Cov(x_0, x_1) = R_ij` within a pair, all is
Gaussian once the pair is given: with `M = alpha m_i + beta n_j` and

    V = Cov(x_t) = alpha^2 C_i + beta^2 D_j + alpha beta (R + R') + gamma^2 I
    G = Cov(x_t', x_t) = alpha alpha' C_i + beta beta' D_j + alpha' beta R + beta' alpha R' + gamma gamma' I,

    b = sum_ij w_ij [M' + G V^{-1} (x - M)],    s = -sum_ij w_ij V^{-1} (x - M),    w_ij prop. to p_i q_j N(x; M, V).
"""

import abc
import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array
from ..stats import GaussianMixture
from ._door import settle
from ._path import AbstractPath
from ._targets import AbstractTarget, DataVelocity, Denoiser, Score, Velocity


class Fields(NamedTuple):
    """Velocity and score at points."""

    velocity: Float[Array, "*batch d"]
    score: Float[Array, "*batch d"]


class AbstractFields(eqx.Module):
    """The fields of an interpolant on a path."""

    path: eqx.AbstractVar[AbstractPath]

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """The dimension."""

    @property
    @abc.abstractmethod
    def knows_score(self) -> bool:
        """Whether the score is known, or only the velocity."""

    @abc.abstractmethod
    def __call__(self, x: Array, t: Array, condition: Any = None) -> Fields:
        """Both at points `(..., d)` and a scalar time or one per point; a score that is not known is NaN."""


class MixtureFields(AbstractFields):
    """Exact fields, one Gaussian for each pair of components."""

    path: AbstractPath
    log_weights: Float[Array, " k"]
    mean_0: Float[Array, "k d"]
    covariance_0: Float[Array, "k d d"]
    mean_1: Float[Array, "k d"]
    covariance_1: Float[Array, "k d d"]
    cross_covariance: Float[Array, "k d d"]

    @property
    def size(self) -> int:
        return self.mean_0.shape[1]

    @property
    def knows_score(self) -> bool:
        return True

    def __call__(self, x: Array, t: Array, condition: Any = None) -> Fields:
        # One factorisation for each pair serves all points of one time.
        return self._at(x, t) if t.ndim == 0 else Fields(*jnp.vectorize(self._at, signature="(d),()->(d),(d)")(x, t))

    def _at(self, x: Array, t: Array) -> Fields:
        (alpha, beta, variance), (alpha_rate, beta_rate, variance_rate) = self.path.coefficients(t), self.path.rates(t)
        c, d, r, unit = self.covariance_0, self.covariance_1, self.cross_covariance, jnp.eye(self.size, dtype=x.dtype)
        r_t = r.swapaxes(1, 2)
        v = alpha**2 * c + beta**2 * d + alpha * beta * (r + r_t) + variance * unit
        g = alpha * alpha_rate * c + beta * beta_rate * d + alpha_rate * beta * r + beta_rate * alpha * r_t
        g = g + 0.5 * variance_rate * unit
        mean = alpha * self.mean_0 + beta * self.mean_1
        # A covariance of a smooth density is well conditioned, and its inverse serves all points; one matrix product
        # takes them to all pairs, and another one back.
        inverse = jnp.linalg.inv(v)
        shape = (*x.shape[:-1], *mean.shape)
        pulled = (x @ jnp.concatenate(inverse).T).reshape(shape) - jnp.einsum("kij,kj->ki", inverse, mean)
        exponent = -0.5 * (((x[..., None, :] - mean) * pulled).sum(-1) + jnp.linalg.slogdet(v)[1])
        share = jax.nn.softmax(self.log_weights + exponent)
        shared = share[..., None] * pulled
        rate = alpha_rate * self.mean_0 + beta_rate * self.mean_1
        moved = shared.reshape(*x.shape[:-1], -1) @ jnp.concatenate(g.swapaxes(1, 2))
        return Fields(share @ rate + moved, -shared.sum(-2))


def exact_fields(
    first: GaussianMixture | None, second: GaussianMixture, path: AbstractPath, cross_covariances: Any = None
) -> MixtureFields:
    """The fields between two mixtures; see `mixture_fields`, which checks the arguments."""
    if first is None:
        # It has no part in the path; a point at the origin keeps the formulas as they are.
        weights, means = np.ones(1), np.zeros((1, second.means.shape[1]))
        spreads = np.zeros((1, means.shape[1], means.shape[1]))
    else:
        weights, means, spreads = _parts(first)
    others = _parts(second)
    pairs = len(weights), len(others[0])
    d = means.shape[1]
    cross = np.zeros((*pairs, d, d))
    if cross_covariances is not None:
        cross = np.asarray(check_array("cross_covariances", cross_covariances, shape=(*pairs, d, d)), np.float64)
        joint = np.block([[spreads[:, None] + 0 * cross, cross], [cross.swapaxes(2, 3), others[2] + 0 * cross]])
        least = float(np.linalg.eigvalsh(joint).min())
        if least < -1e-6 * np.abs(joint).max():
            raise ValueError(
                f"cross_covariances must leave joint covariances positive semidefinite, got an eigenvalue {least:.3g}"
            )
    i, j = (index.ravel() for index in np.indices(pairs))
    return MixtureFields(
        path,
        settle(np.log(weights[i]) + np.log(others[0][j])),
        settle(means[i]),
        settle(spreads[i]),
        settle(others[1][j]),
        settle(others[2][j]),
        settle(cross[i, j]),
    )


def _parts(mixture: GaussianMixture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, means and full covariances, on the host."""
    weights, means, covariances = (
        np.asarray(part, np.float64) for part in (mixture.weights, mixture.means, mixture.covariances)
    )
    if covariances.ndim == 2:
        covariances = covariances[:, :, None] * np.eye(means.shape[1])
    return weights, means, covariances


class NetworkFields(AbstractFields):
    """Fields that a network learnt: one output for each target, in units in which the data have unit variance."""

    network: Any
    centre: Float[Array, " d"]
    scale: Float[Array, ""]
    path: AbstractPath
    targets: tuple[AbstractTarget, ...]

    @property
    def size(self) -> int:
        return self.centre.shape[0]

    @property
    def knows_score(self) -> bool:
        return knows_score(self.path, self.targets)

    @property
    def conditional(self) -> bool:
        """Whether the network is also given a condition."""
        return self.network.rows.layers[0].weight.shape[0] > self.size + 1

    def outputs(self, x: Array, t: Array, condition: Any = None) -> tuple[Float[Array, "*batch d"], ...]:
        """What stands for the conditional mean of each target."""
        t = jnp.broadcast_to(t, x.shape[:-1])
        found = self.network((x - self.centre) / self.scale, t, condition)
        parts = jnp.split(found, len(self.targets), axis=-1)
        return tuple(target.unit(self.scale) * part for target, part in zip(self.targets, parts, strict=True))

    def __call__(self, x: Array, t: Array, condition: Any = None) -> Fields:
        known = {type(target): part for target, part in zip(self.targets, self.outputs(x, t, condition), strict=True)}
        t = jnp.broadcast_to(t, x.shape[:-1])
        (_, beta, variance), rate = self.path.coefficients(t), self.path.rates(t)
        gamma = jnp.sqrt(variance)
        beta, variance, gamma = (part[..., None] for part in (beta, variance, gamma))
        rate_1, half = rate.beta[..., None], 0.5 * rate.variance[..., None]
        if Score in known:
            score = known[Score]
        elif Denoiser in known:
            score = -known[Denoiser] / gamma
        elif self.path.one_sided:
            # x = beta x_1 + gamma z and b = beta' x_1 + gamma' z, solved for z.
            score = -(beta * known[Velocity] - rate_1 * x) / (half * beta - variance * rate_1)
        else:
            score = jnp.full_like(x, jnp.nan)
        if Velocity in known:
            velocity = known[Velocity]
        elif DataVelocity in known:
            velocity = known[DataVelocity] - half * score
        else:
            velocity = (rate_1 * x - (half * beta - variance * rate_1) * score) / beta
        return Fields(velocity, score)


def knows_score(path: AbstractPath, targets: tuple[AbstractTarget, ...]) -> bool:
    """Whether the score follows from what is learnt."""
    kinds = {type(target) for target in targets}
    return bool(kinds & {Denoiser, Score}) or (path.one_sided and Velocity in kinds)


class TimeNetwork(eqx.Module):
    """A network on rows `[x, t, condition]`."""

    rows: Any

    def __call__(self, x: Array, t: Array, condition: Any = None) -> Float[Array, "*batch outputs"]:
        parts = [x, 2.0 * math.sqrt(3.0) * (t[..., None] - 0.5)]
        return self.rows(jnp.concatenate(parts if condition is None else [*parts, condition], axis=-1))
