r"""An inverse problem: which parameters of a model explain what was observed?

    posterior(theta)  ~  prior(theta) exp(score(F(theta), y) / temperature)

With a similarity that is a log-likelihood (`Bernoulli`, `SquaredError`) and temperature 1 this is Bayes' rule; with
another one it is what generalised Bayes makes of it.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array, check_instance, check_number
from ..stats import AbstractPrior
from ._similarity import AbstractSimilarity


class InverseProblem(eqx.Module):
    """Parameters of a forward model from one observation.

    **Arguments:**

    - `forward`: `F`, from parameters of shape `(d,)` to an array; traceable. A module is compiled once for all
      observations, as a plain function is.
    - `observation`: `y`, what the similarity compares predictions with.
    - `prior`: of the parameters.
    - `similarity`: how well a prediction agrees with the observation, larger is better.
    - `temperature`: by which scores are divided in the posterior.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    >>> from perturbax import stats
    >>> from perturbax.optimize import SquaredError
    >>> t = jnp.linspace(0.0, 1.0, 20)
    >>> def decay(parameters):
    ...     return parameters[0] * jnp.exp(-parameters[1] * t)
    >>> prior = stats.UniformPrior([0.5, 0.1], [2.0, 5.0], ["height", "rate"])
    >>> problem = InverseProblem(decay, decay(jnp.array([1.0, 2.0])), prior, SquaredError(0.05))
    >>> float(problem.score(jnp.array([1.0, 2.0]))) > float(problem.score(jnp.array([1.0, 3.0])))
    True
    """

    forward: Callable[[Any], Any]
    observation: Array
    prior: AbstractPrior
    similarity: AbstractSimilarity
    temperature: Any

    def __init__(
        self,
        forward: Any,
        observation: Any,
        prior: Any,
        similarity: Any,
        *,
        temperature: float | int = 1.0,
    ):
        if not callable(forward):
            raise TypeError(f"forward must be a function of the parameters, got {type(forward).__name__}")
        self.forward = forward
        self.prior = check_instance("prior", prior, AbstractPrior, "a prior such as stats.UniformPrior(low, high)")
        self.similarity = check_instance("similarity", similarity, AbstractSimilarity, "a similarity such as Dice()")
        self.observation = jnp.asarray(np.asarray(check_array("observation", observation, kind="any"), np.float32))
        check_array("observation", self.observation)
        similarity.check_observation(self.observation)
        self.temperature = check_number("temperature", temperature, minimum=0.0, exclusive=True)

    def score(self, parameters: Float[Array, " d"]) -> Float[Array, ""]:
        """How well the prediction from these parameters agrees with the observation; minus infinity where the model
        gives no finite answer."""
        return self.score_of(self.forward(parameters))

    def score_of(self, prediction: Array) -> Float[Array, ""]:
        """How well a prediction agrees with the observation."""
        score = self.similarity.score(prediction, self.observation)
        finite = jnp.all(jnp.isfinite(prediction)) & jnp.isfinite(score)
        return jnp.where(finite, score, -jnp.inf)

    def log_posterior(self, parameters: Float[Array, " d"]) -> Float[Array, ""]:
        """The logarithm of the posterior up to a constant."""
        return self.score(parameters) / self.temperature + self.prior.log_density(parameters)

    def check_prediction(self) -> tuple[int, ...]:
        """The shape of a prediction.

        **Raises:** `ValueError` when it does not fit the observation, `TypeError` when it is no array.
        """
        shape = jax.ShapeDtypeStruct((self.prior.size,), jnp.float32)
        prediction = eqx.filter_eval_shape(self.forward, shape)
        if not hasattr(prediction, "shape"):
            raise TypeError(f"forward must return an array, got {type(prediction).__name__}")
        self.similarity.check_shapes(tuple(prediction.shape), tuple(self.observation.shape))
        return tuple(prediction.shape)


@eqx.filter_jit
def scores(problem: InverseProblem, parameters: Float[Array, "n d"]) -> Float[Array, " n"]:
    """Of several simulations at once."""
    return jax.vmap(problem.score)(parameters)


@eqx.filter_jit
def rescored(problem: InverseProblem, predictions: Float[Array, "n *shape"]) -> Float[Array, " n"]:
    """Of several predictions that are there already."""
    return jax.vmap(problem.score_of)(predictions)


@eqx.filter_jit
def predicted(problem: InverseProblem, parameters: Float[Array, " d"]) -> Array:
    """One simulation."""
    return problem.forward(parameters)
