r"""Parameters by a network that was trained on a database: one evaluation instead of a search.

min_phi  mean_s |N_phi(E(maps(u_s))) - theta_s|^2,      theta in units of the prior's box
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .. import nn
from ..core import Paper, adam, check_instance, check_integer, fit
from ._database import Database
from ._encoding import AbstractEncoding, Downsample
from ._inverse_problem import InverseProblem
from ._invert import AbstractInversionMethod, Estimate, Found, point
from ._papers import LEARN_MORPH_INFER
from ._similarity import AbstractSimilarity, Dice

_BATCH = 64
_RATE = 1e-3


class LearnedRegression(AbstractInversionMethod):
    """A trained network as method. Make one with `LearnedRegression.fit`.

    **Arguments:** `network`: from codes to parameters in units of the box; `similarity`, `encoding`: which make the
    codes; `low`, `high`: corners of the box.

    **Returns:** a frozen method for `optimize.invert`. One simulation is made, of what the network says.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    Source: Ezhov et al. 2022, arXiv 2111.04090 (Learn-Morph-Infer), with a smaller network.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from perturbax import optimize, stats
    >>> prior = stats.UniformPrior([0.5], [3.0])
    >>> wave = lambda p: jnp.sin(jnp.arange(8.0) * p[0])
    >>> database = optimize.build_database(wave, prior, 64, key=jax.random.key(0))
    >>> options = {"similarity": optimize.SquaredError(), "encoding": optimize.FullResolution(), "steps": 20}
    >>> optimize.LearnedRegression.fit(database, prior, key=jax.random.key(1), **options).low.tolist()
    [0.5]
    """

    network: Any
    similarity: AbstractSimilarity
    encoding: AbstractEncoding
    low: Any
    high: Any

    papers: ClassVar[tuple[Paper, ...]] = (LEARN_MORPH_INFER,)

    @classmethod
    def fit(
        cls,
        database: Database,
        prior: Any,
        *,
        key: Any,
        similarity: AbstractSimilarity | None = None,
        encoding: AbstractEncoding | None = None,
        width: int = 128,
        steps: int = 2000,
        progress: bool | None = None,
    ) -> "LearnedRegression":
        """Train a network of two hidden layers on a database.

        **Arguments:** `database`; `prior`: whose box the parameters lie in; `key`; `similarity`, `encoding`: as for
        `DatabaseQuery`; `width`: of the layers; `steps`: of Adam; `progress`: show a bar.

        **Raises:** as `core.fit`.
        """
        check_instance("database", database, Database, "a Database such as build_database returns")
        similarity = Dice() if similarity is None else similarity
        encoding = Downsample(4) if encoding is None else encoding
        encoding = encoding.fitted(np.stack([np.asarray(_maps(similarity, u)) for u in database.predictions[:_BATCH]]))
        codes = np.asarray(_codes(similarity, encoding, database.predictions))
        targets = ((database.parameters - prior.low) / prior.width).astype(np.float32)
        net_key, fit_key = jax.random.split(key)
        width = check_integer("width", width, minimum=1)
        network = nn.MLP(codes.shape[1], (width, width), prior.size, key=net_key)
        trained = fit(
            _loss,
            network,
            (codes, targets),
            steps=steps,
            batch_size=min(_BATCH, database.size),
            optimizer=adam(_RATE, decay_steps=steps),
            key=fit_key,
            progress=progress,
        )
        return cls(trained.model, similarity, encoding, np.asarray(prior.low), np.asarray(prior.high))

    def search(self, problem: InverseProblem, key: Any, start: Estimate | None) -> Found:
        return Found(**point(_answer(self, problem.observation)), evaluations=0)


def _loss(network: Any, batch: Any, key: Any) -> Array:
    codes, targets = batch
    return jnp.mean((network(codes) - targets) ** 2)


@eqx.filter_jit
def _maps(similarity: AbstractSimilarity, prediction: Any) -> Array:
    return similarity.maps(prediction.astype(jnp.float32))


@eqx.filter_jit
def _codes(similarity: AbstractSimilarity, encoding: AbstractEncoding, predictions: Any) -> Array:
    return jax.lax.map(lambda u: encoding(similarity.maps(u.astype(jnp.float32))).ravel(), jnp.asarray(predictions))


@eqx.filter_jit
def _answer(method: LearnedRegression, observation: Array) -> Array:
    code = method.encoding(method.similarity.channels(observation)).ravel()
    return method.low + (method.high - method.low) * jnp.clip(method.network(code), 0.0, 1.0)
