r"""Inversion as a query: the simulations that agree best, from a database that was made once for all observations.

Ezhov et al. 2022, *A for-loop is all you need*. For simulations `s` of the database with predictions `u_s` and codes
`c_s = E(maps(u_s))`, and the code `c = E(y)` of the observation,

    s* = argmax_s  m(c_s, c)

The `top_k` of them are compared once more, as they are and by the similarity of the problem, which also gives the
weights `w_s ~ exp(score(u_s, y) / temperature)`. Draws from the prior with these weights approximate the posterior.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core import Paper, check_instance, check_integer
from ._database import Database
from ._encoding import AbstractEncoding, FullResolution
from ._inverse_problem import InverseProblem, rescored
from ._invert import AbstractInversionMethod, Estimate, Found
from ._papers import FOR_LOOP
from ._similarity import AbstractSimilarity, Dice

_BATCH = 64
# Maps that an encoding is fitted on.
_FITTED = 512


class DatabaseQuery(AbstractInversionMethod):
    """Look the observation up in a database. No simulation is made.

    Codes of the whole database are computed when the method is made: keep it for all observations.

    **Arguments:**

    - `database`: what `build_database` or `read_database` returned.
    - `similarity`: by which codes are compared.
    - `encoding`: of the maps of simulations and observations.
    - `top_k`: entries that are compared again without the encoding, and that make up the posterior.
    - `index`: codes of the database from another query with this similarity and its encoding, made when `None`.

    **Returns:** a frozen method for `optimize.invert`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    Source: Ezhov et al. 2022, arXiv 2205.04550. That entries are weighted is not in the paper.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from perturbax import optimize, stats
    >>> prior = stats.UniformPrior([0.0], [3.0], ["phase"])
    >>> wave = lambda p: jnp.sin(jnp.arange(8.0) + p[0])
    >>> database = optimize.build_database(wave, prior, 200, key=jax.random.key(0))
    >>> method = optimize.DatabaseQuery(database, optimize.SquaredError(0.1))
    >>> problem = optimize.InverseProblem(wave, wave(jnp.array([1.0])), prior, optimize.SquaredError(0.1))
    >>> found = optimize.invert(problem, method, key=jax.random.key(0))
    >>> abs(found["phase"] - 1.0) < 0.05, found.stats["evaluations"]
    (True, 0)
    """

    database: Database
    similarity: AbstractSimilarity
    encoding: AbstractEncoding
    top_k: int
    index: Any

    papers: ClassVar[tuple[Paper, ...]] = (FOR_LOOP,)
    simulates: ClassVar[bool] = False

    def __init__(
        self,
        database: Database,
        similarity: AbstractSimilarity | None = None,
        encoding: AbstractEncoding | None = None,
        top_k: int = 5,
        index: Any = None,
    ):
        self.database = check_instance("database", database, Database, "a Database such as build_database returns")
        self.similarity = Dice() if similarity is None else similarity
        check_instance("similarity", self.similarity, AbstractSimilarity, "a similarity such as Dice()")
        encoding = FullResolution() if encoding is None else encoding
        check_instance("encoding", encoding, AbstractEncoding, "an encoding such as Downsample(4)")
        if not encoding.spatial and not self.similarity.linear:
            names = type(self.similarity).__name__, type(encoding).__name__
            raise ValueError(f"encoding must keep voxels for {names[0]}, {names[1]} does not")
        self.top_k = check_integer("top_k", top_k, minimum=1, maximum=database.size)
        if index is None:
            some = database.predictions[:: max(1, database.size // _FITTED)]
            encoding = encoding.fitted(np.asarray(_maps(self.similarity, some)))
            starts = range(0, database.size, _BATCH)
            codes = [_codes(self.similarity, encoding, database.predictions[i : i + _BATCH]) for i in starts]
            index = _index(self.similarity, jnp.concatenate(codes))
        self.encoding, self.index = encoding, index

    def search(self, problem: InverseProblem, key: Any, start: Estimate | None) -> Found:
        if problem.prior.size != self.database.parameters.shape[1]:
            raise ValueError(
                f"problem must have {self.database.parameters.shape[1]} parameters as the database, got "
                f"{problem.prior.size}"
            )
        problem.similarity.check_shapes(self.database.predictions.shape[1:], problem.observation.shape)
        if self.similarity.thresholds != problem.similarity.thresholds:
            self.similarity.check_observation(problem.observation)
        best = np.asarray(_search(self.similarity, self.encoding, self.index, problem.observation, self.top_k))
        scores = np.asarray(rescored(problem, jnp.asarray(self.database.predictions[best], jnp.float32)))
        order = np.argsort(-scores, kind="stable")
        best, scores = best[order], scores[order]
        weights = np.exp((scores - scores[0]) / problem.temperature) if np.isfinite(scores[0]) else np.ones(len(best))
        return Found(
            parameters=self.database.parameters[best[0]],
            samples=self.database.parameters[best],
            weights=weights / weights.sum(),
            evaluations=0,
            prediction=self.database.predictions[best[0]],
            score=float(scores[0]),
            report={"entries": best, "scores": scores, "database": self.database.size},
        )


@eqx.filter_jit
def _maps(similarity: AbstractSimilarity, predictions: Any) -> Array:
    return jax.vmap(similarity.maps)(predictions.astype(jnp.float32))


@eqx.filter_jit
def _codes(similarity: AbstractSimilarity, encoding: AbstractEncoding, predictions: Any) -> Array:
    return jax.vmap(lambda u: encoding(similarity.maps(u.astype(jnp.float32))))(predictions)


@eqx.filter_jit
def _index(similarity: AbstractSimilarity, codes: Array) -> Any:
    return similarity.index(codes)


@eqx.filter_jit
def _search(similarity: AbstractSimilarity, encoding: AbstractEncoding, index: Any, y: Array, count: int) -> Array:
    scores = similarity.search(index, encoding(similarity.channels(y)))
    return jax.lax.top_k(scores, count)[1]
