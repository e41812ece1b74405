r"""Maximum likelihood on perturbed data for a distribution on a set of lower dimension.

Chae, Kim, Kim & Lin 2023, *A likelihood approach to nonparametric estimation of a singular distribution using deep
generative models*, arXiv 2105.04046. The law `Q` of `f(Z)` has no density, and the likelihood of `f(Z) + sigma E` on
its observations is unbounded as `sigma` falls to 0. So the observations are perturbed, the sieve is fitted to what they
became, and the noise is thrown away:

    X~_i = X_i + sigma~ e_i,     e_i ~ N(0, I_D)
    (f, sigma) = argmax over the sieve of  sum_i log p_{f, sigma}(X~_i)
    p_{f, sigma}(x) = E_Z N(x; f(Z), sigma^2 I_D)
    Q^ = law of f(Z)

With too little noise the likelihood is nearly singular, with too much the target is blurred. Likelihoods at different
`sigma~` cannot be compared, so it is chosen by the distance `2 W_1(V, G) - W_1(G, G')` of the generated points `G` to
rows `V` that were set aside, in which what two samples of one law differ by cancels.
"""

import functools
import warnings
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ..core import Fit, Paper, check_instance, check_integer, check_number, fit
from ._fit_distribution import (
    AbstractDistributionMethod,
    Candidates,
    FittedDistribution,
    Observations,
)
from ._instance_noise import AbstractInstanceNoise, AnnealedNoise
from ._latent import AbstractLatent, UniformLatent
from ._latent_law import LatentLaw
from ._latent_likelihood import AbstractLatentLikelihood, Quadrature
from ._settle import settled
from ._sieve import AbstractSieve, ReLUNetworks
from ._wasserstein import wasserstein

_GRID = (0.05, 0.1, 0.2, 0.4, 0.8)
_LOWEST_LOG_SIGMA = -9.0
# Exact distances between more points than this take seconds each, for a comparison that does not need them.
_LARGEST_VALIDATION = 1000
# A generator whose image is smaller than this, in units of the scale, has lost the data.
_COLLAPSED = 1e-2


class PerturbedMLE(AbstractDistributionMethod):
    """A deep generative model fitted by maximum likelihood to data with instance noise.

    With `sigma=0.0` and `NoiseOnce()` it is the plain maximum likelihood of deep generative models, with
    `ImportanceWeighted(1)` a variational autoencoder.

    **Arguments:**

    - `latent`: law of the latent variable; `sieve`: class of the generators.
    - `sigma`: standard deviation of the noise on the data, in units of the problem's `scale`. Several of them are
      fitted together in one program, and chosen between by the rows set aside for validation.
    - `noise`: how it is put on: `NoiseOnce()` (the paper's), `FreshNoise()`, `AnnealedNoise()`.
    - `likelihood`: `Quadrature()` for one or two latent dimensions, `ImportanceWeighted()` for any number.
    - `restarts`: fits from different starts for every `sigma`; the one with the largest likelihood is kept.
    - `steps`, `batch_size`, `learning_rate`: of training by Adam, whose rate falls to 0 as a cosine.

    **Returns:** a frozen method for `stats.fit_distribution`; with several `sigma` the solution has `candidates`.

    **Raises:** `ValueError` or `TypeError` that names the argument; in `fit_distribution`, `ValueError` when several
    `sigma` are given and no rows are set aside.

    Source: Chae et al. 2023 (the estimator); Burda et al. 2016 (the importance weighted bound); Sonderby et al. 2017
    (instance noise).

    >>> import jax, numpy as np
    >>> from perturbax import stats
    >>> angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 300)
    >>> circle = stats.Observations(np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1))
    >>> fitted = stats.fit_distribution(circle, stats.PerturbedMLE(sigma=0.1, steps=200), key=jax.random.key(0))
    >>> fitted.generate([[0.0], [0.5]]).shape
    (2, 3)
    """

    latent: AbstractLatent = UniformLatent(1)
    sieve: AbstractSieve = ReLUNetworks()
    sigma: float | int | tuple[float | int, ...] = _GRID
    noise: AbstractInstanceNoise = AnnealedNoise()
    likelihood: AbstractLatentLikelihood = Quadrature()
    restarts: int = 1
    steps: int = 3000
    batch_size: int = 128
    learning_rate: float = 3e-3

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title=(
                "A likelihood approach to nonparametric estimation of a singular distribution using deep generative "
                "models"
            ),
            authors=("Minwoo Chae", "Dongha Kim", "Yongdai Kim", "Lizhen Lin"),
            year=2023,
            arxiv="2105.04046",
            venue="Journal of Machine Learning Research",
        ),
        Paper(
            title="Importance Weighted Autoencoders",
            authors=("Yuri Burda", "Roger Grosse", "Ruslan Salakhutdinov"),
            year=2016,
            arxiv="1509.00519",
            venue="International Conference on Learning Representations",
        ),
        Paper(
            title="Amortised MAP Inference for Image Super-resolution",
            authors=("Casper Kaae Sønderby", "Jose Caballero", "Lucas Theis", "Wenzhe Shi", "Ferenc Huszár"),
            year=2017,
            arxiv="1610.04490",
            venue="International Conference on Learning Representations",
        ),
    )

    def __check_init__(self):
        check_instance("latent", self.latent, AbstractLatent, "a latent law such as UniformLatent(1)")
        check_instance("sieve", self.sieve, AbstractSieve, "a class of generators such as ReLUNetworks()")
        check_instance("noise", self.noise, AbstractInstanceNoise, "instance noise such as AnnealedNoise()")
        check_instance("likelihood", self.likelihood, AbstractLatentLikelihood, "a likelihood such as Quadrature()")
        if not self.levels:
            raise ValueError("sigma must name at least one standard deviation, got none")
        for sigma in self.levels:
            check_number("sigma", sigma, minimum=0.0)
            if sigma == 0.0 and self.noise.tied:
                raise ValueError("sigma must be > 0 with noise that the model's is tied to; use NoiseOnce() for 0")
        for name in ("restarts", "steps", "batch_size"):
            check_integer(name, getattr(self, name), minimum=1)
        check_number("learning_rate", self.learning_rate, minimum=0.0, exclusive=True)

    @property
    def levels(self) -> tuple[float | int, ...]:
        """All standard deviations of the noise on the data."""
        return self.sigma if isinstance(self.sigma, tuple) else (self.sigma,)

    def estimate(self, problem: Observations, key: Any, progress: bool | None) -> FittedDistribution:
        """See `stats.fit_distribution`."""
        split_key, kept_key, start_key, fit_key, choose_key = jax.random.split(key, 5)
        train, held = problem.split(split_key) if len(self.levels) > 1 else (problem.x, problem.x[:0])
        if len(self.levels) > 1 and not len(held):
            raise ValueError("validation must set rows aside to choose sigma by; give one sigma, or a larger share")
        centre = train.mean(0)
        rows = (train - centre) / problem.scale
        rank = int(np.linalg.matrix_rank(rows - rows.mean(0)))
        if rank < self.latent.dimension:
            warnings.warn(f"latent has {self.latent.dimension} dimensions, more than the {rank} of x", stacklevel=3)
        if 0.0 in self.levels and len(np.unique(train, axis=0)) < len(train):
            warnings.warn(
                "x has repeated rows, at which the likelihood without noise is unbounded; perturb them with sigma > 0",
                stacklevel=3,
            )
        data = settled(rows)
        done = fit(
            _NegativeLogLikelihood(self.noise, self.likelihood, self.latent, self.steps),
            self._starts(start_key, rows.shape[1]),
            (data, jax.random.normal(kept_key, data.shape, data.dtype)),
            steps=self.steps,
            batch_size=min(self.batch_size, len(rows)),
            optimizer=_optimizer(self.learning_rate, self.steps),
            key=jnp.tile(jax.random.split(fit_key, self.restarts), len(self.levels)),
            filter_spec=self._trained(self._start(start_key, rows.shape[1])),
            chunk=min(self.steps, 250),
            progress=progress,
            loss_has_aux=True,
            throw=False,
        )
        kept = self._best_restarts(done)
        laws = [self._law(jax.tree.map(lambda leaf, i=i: leaf[i], done.model), centre, problem) for i in kept]
        best, candidates = 0, None
        if len(laws) > 1:
            distances = [_distances(law, held, problem.scale, choose_key) for law in laws]
            best = int(np.nanargmin([d.mean() for d in distances])) if np.isfinite(distances).any() else 0
            candidates = Candidates(
                sigma=np.asarray(self.levels, np.float64),
                distance=np.array([d.mean() for d in distances]),
                spread=np.array([d.std() for d in distances]),
                model_sigma=np.array([float(law.sigma) for law in laws]),
                log_likelihood=-_last(done.losses)[kept],
                laws=tuple(laws),
            )
        return self._solution(done, kept[best], laws[best], float(self.levels[best]), rank, candidates)

    def _start(self, key: Any, size: int) -> "LatentModel":
        generator_key, encoder_key = jax.random.split(key)
        return LatentModel(
            generator=self.sieve.draw(generator_key, self.latent.dimension, size),
            encoder=self.likelihood.encoder(self.sieve, self.latent, size, encoder_key),
            log_sigma=jnp.zeros(()),
            level=jnp.zeros(()),
            clock=jnp.zeros(()),
        )

    def _starts(self, key: Any, size: int) -> "LatentModel":
        """A model for every `sigma` and restart; the starts are the same for every `sigma`."""
        keys = jnp.tile(jax.random.split(key, self.restarts), len(self.levels))
        models = eqx.filter_vmap(lambda k: self._start(k, size))(keys)
        levels = settled(np.repeat(np.asarray(self.levels, np.float64), self.restarts))
        return eqx.tree_at(lambda model: model.level, models, levels)

    def _trained(self, model: "LatentModel") -> Any:
        spec = jax.tree.map(eqx.is_inexact_array, model)
        return eqx.tree_at(lambda m: (m.level, m.log_sigma), spec, (False, not self.noise.tied))

    def _best_restarts(self, done: Fit) -> np.ndarray:
        """Of every `sigma` the run with the largest likelihood in its last steps."""
        last = np.nan_to_num(_last(done.losses), nan=np.inf).reshape(-1, self.restarts)
        return last.argmin(1) + self.restarts * np.arange(len(last))

    def _law(self, model: "LatentModel", centre: np.ndarray, problem: Observations) -> LatentLaw:
        return LatentLaw(
            generator=model.generator,
            encoder=model.encoder,
            latent=self.latent,
            likelihood=self.likelihood,
            sigma=model.sigma(self.noise, jnp.ones(())),
            centre=settled(centre),
            scale=settled(problem.scale),
        )

    def _solution(
        self, done: Fit, index: Any, law: LatentLaw, level: float, rank: int, candidates: Candidates | None
    ) -> FittedDistribution:
        sigma, size = float(law.sigma), law.centre.size
        singular = level == 0.0 and (rank < size or np.log(sigma) <= _LOWEST_LOG_SIGMA)
        if singular:
            warnings.warn(
                f"the likelihood is singular: x spans {rank} of {size} dimensions and no noise is put on it, so that "
                "sigma has no best value; perturb the data with sigma > 0",
                stacklevel=4,
            )
        drawn = np.asarray((law.sample(jax.random.key(0), 100) - law.centre) / law.scale)
        if np.ptp(drawn, axis=0).max() < _COLLAPSED:
            warnings.warn("the generator collapsed to a point; fit with restarts > 1, or more noise", stacklevel=4)
        return FittedDistribution(
            law=law,
            sigma=sigma,
            sigma_perturb=level,
            singular=bool(singular),
            growth=_growth(-done.losses[index], np.asarray(done.aux[index])) if singular else float("nan"),
            candidates=candidates,
            losses=done.losses[index],
            result=jax.tree.map(lambda leaf: leaf[index], done.result),
            stats={"evaluations": done.steps * len(done.losses), "seconds": done.stats["seconds"], "rank": rank},
        )


class LatentModel(eqx.Module):
    """What is trained: generator, encoder and the model's noise; the noise on the data, which is not; and the number of
    steps that were made, which core.fit does not tell a loss: it moves by one in each step of gradient descent."""

    generator: Any
    encoder: Any
    log_sigma: Float[Array, "*runs"]
    level: Float[Array, "*runs"]
    clock: Float[Array, "*runs"]

    def sigma(self, noise: AbstractInstanceNoise, progress: Float[Array, ""]) -> Float[Array, ""]:
        """Standard deviation of the model's noise."""
        if noise.tied:
            return noise.level(self.level, progress)
        return jnp.exp(jnp.maximum(self.log_sigma, _LOWEST_LOG_SIGMA))


class _NegativeLogLikelihood(eqx.Module):
    """The mean of `-log p_{f, sigma}` over a batch of perturbed rows, and `log sigma`."""

    noise: AbstractInstanceNoise
    likelihood: AbstractLatentLikelihood
    latent: AbstractLatent
    steps: int

    def __call__(self, model: LatentModel, batch: tuple[Array, Array], key: Any) -> tuple[Array, Array]:
        noise_key, latent_key = jax.random.split(key)
        rows, kept = batch
        progress = jax.lax.stop_gradient(model.clock) / self.steps
        x = rows + self.noise.level(model.level, progress) * self.noise.draw(kept, noise_key)
        sigma = model.sigma(self.noise, progress)
        value = self.likelihood.log_density(x, model.generator, model.encoder, self.latent, sigma, latent_key).mean()
        # Zero, with the gradient -1 for the clock.
        tick = jax.lax.stop_gradient(model.clock) - model.clock
        return tick - value, jnp.log(sigma)


def _labels(params: LatentModel) -> LatentModel:
    return eqx.tree_at(lambda m: m.clock, jax.tree.map(lambda _: "weights", params), "clock")


@functools.lru_cache(maxsize=32)
def _optimizer(learning_rate: float, steps: int) -> optax.GradientTransformation:
    """Adam with a cosine decay, and the clock; one object for the same settings, so that training compiles once."""
    adam = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))
    return optax.partition({"weights": adam, "clock": optax.sgd(1.0)}, _labels)


def _last(losses: np.ndarray) -> np.ndarray:
    """The mean loss over the last tenth of the steps, of every run; NaN for one that failed."""
    if not losses.shape[1]:
        return np.full(len(losses), np.nan)
    return losses[:, -max(losses.shape[1] // 10, 1) :].mean(1)


def _distances(law: LatentLaw, held: np.ndarray, scale: np.ndarray, key: Any) -> np.ndarray:
    """`2 W_1(V, G) - W_1(G, G')` in units of the scale, for some draws of `G`; infinite for a fit that failed."""
    held = held[:_LARGEST_VALIDATION] / scale
    values = []
    # Few rows are compared with many draws, so that the draws add little to the noise of the rows.
    for k in jax.random.split(key, max(2, min(20, 2000 // len(held)))):
        drawn = np.asarray(law.sample(k, 2 * len(held)), np.float64) / scale
        if not np.isfinite(drawn).all():
            return np.full(2, np.inf)
        first, second = np.split(drawn, 2)
        values.append(2.0 * wasserstein(held, first, order=1) - wasserstein(first, second, order=1))
    return np.array(values)


def _growth(log_likelihood: np.ndarray, log_sigma: np.ndarray) -> float:
    """The slope of the log-likelihood in `log sigma` while that falls from 0.2 to 0.5 of its way: before, the generator
    is far from the data; after, the steps of the optimiser become as large as `sigma`, which then falls more slowly."""
    fallen = (log_sigma - log_sigma[0]) / min(log_sigma.min() - log_sigma[0], -1e-6)
    middle = (fallen > 0.2) & (fallen < 0.5) & np.isfinite(log_likelihood)
    if middle.sum() < 2:
        return float("nan")
    return float(np.polyfit(log_sigma[middle], log_likelihood[middle], 1)[0])
