"""`invert`: parameters of a forward model from an observation. The verb, its solution, and what its methods are."""

import abc
import time
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Method, Result, check_instance, check_key, raise_if_failed
from ._inverse_problem import InverseProblem, predicted, rescored


class Estimate(eqx.Module):
    """What `invert` returns, as NumPy arrays.

    - `parameters`: the best that were found; `score`: of them; `prediction`: the forward model there.
    - `samples`, `weights`: an approximation of the posterior, with as many rows as the method has; one row for methods
      that look for a point only. The weights add up to one.
    - `names`: of the parameters.
    - `result`: how it went.
    - `stats`: `"evaluations"`, simulations that were made for this observation; `"seconds"`, with compilation the first
      time; and what the method has to report.
    """

    parameters: Float[np.ndarray, " d"]
    score: float
    prediction: Float[np.ndarray, "..."]
    samples: Float[np.ndarray, "n d"]
    weights: Float[np.ndarray, " n"]
    names: tuple[str, ...]
    result: Any
    stats: dict[str, Any]

    @property
    def mean(self) -> Float[np.ndarray, " d"]:
        """The mean of the posterior."""
        return self.weights @ self.samples

    @property
    def standard_deviation(self) -> Float[np.ndarray, " d"]:
        """The standard deviation of the posterior, of every parameter."""
        return np.sqrt(self.weights @ (self.samples - self.mean) ** 2)

    def __getitem__(self, name: str) -> float:
        """The best value of one parameter, by its name."""
        if name not in self.names:
            raise KeyError(f"there is no parameter {name!r}, there are {', '.join(self.names)}")
        return float(self.parameters[self.names.index(name)])


class Found(eqx.Module):
    """What a method found: the `Estimate` without what the verb adds."""

    parameters: Any
    samples: Any
    weights: Any
    evaluations: int
    prediction: Any = None
    score: float | None = None
    report: dict[str, Any] = eqx.field(default_factory=dict)


class AbstractInversionMethod(Method):
    """A method of `optimize.invert`."""

    # Whether it makes simulations, or looks them up only.
    simulates: ClassVar[bool] = True
    # Whether it can go on from what another method found.
    continues: ClassVar[bool] = False

    @abc.abstractmethod
    def search(self, problem: InverseProblem, key: Any, start: Estimate | None) -> Found:
        """The parameters that explain the observation."""


def invert(
    problem: InverseProblem,
    method: AbstractInversionMethod,
    *,
    key: Any,
    start: Estimate | None = None,
    throw: bool = True,
) -> Estimate:
    """Find the parameters that explain an observation.

    **Arguments:**

    - `problem`: `InverseProblem(forward, observation, prior, similarity)`.
    - `method`: such as `DatabaseQuery(database)` or `CMAES(budget=500)`.
    - `key`: JAX PRNG key.
    - `start`: what another method found, for `CMAES`, `GradientMAP` and `RandomWalkMetropolis` to go on from.
    - `throw`: raise when nothing with a finite score was found.

    **Returns:** an `Estimate`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when the forward model is finite
    nowhere that the method looked.

    >>> from perturbax import optimize, stats
    >>> import jax
    >>> t = jnp.linspace(0.0, 1.0, 20)
    >>> def decay(parameters):
    ...     return parameters[0] * jnp.exp(-parameters[1] * t)
    >>> prior = stats.UniformPrior([0.5, 0.1], [2.0, 5.0], ["height", "rate"])
    >>> problem = optimize.InverseProblem(decay, decay(jnp.array([1.0, 2.0])), prior, optimize.SquaredError(0.01))
    >>> found = optimize.invert(problem, optimize.CMAES(budget=400), key=jax.random.key(0))
    >>> round(found["height"], 2), round(found["rate"], 2)
    (1.0, 2.0)
    """
    check_instance("problem", problem, InverseProblem, "a problem InverseProblem(forward, observation, prior, ...)")
    check_instance("method", method, AbstractInversionMethod, "a method such as DatabaseQuery(database)")
    key = check_key("key", key)
    if start is not None:
        check_instance("start", start, Estimate, "an Estimate that invert returned")
        if not method.continues:
            raise ValueError(f"start must be None for {type(method).__name__}, which begins from the prior")
        if start.names != problem.prior.names:
            raise ValueError(f"start must be of the parameters {problem.prior.names}, got {start.names}")
    if method.simulates:
        problem.check_prediction()
    began = time.perf_counter()
    found = method.search(problem, key, start)
    evaluations, prediction = found.evaluations, found.prediction
    if prediction is None:
        prediction, evaluations = predicted(problem, jnp.asarray(found.parameters)), evaluations + 1
    score = found.score
    if score is None:
        score = float(rescored(problem, jnp.asarray(prediction, jnp.float32)[None])[0])
    result = Result.successful if np.isfinite(score) else Result.nonfinite
    if throw and result is Result.nonfinite:
        raise_if_failed(result, f"{type(method).__name__} after {evaluations} simulations")
    return Estimate(
        parameters=np.asarray(found.parameters),
        score=score,
        prediction=np.asarray(prediction, np.float32),
        samples=np.asarray(found.samples),
        weights=np.asarray(found.weights),
        names=problem.prior.names,
        result=result,
        stats={"evaluations": evaluations, "seconds": time.perf_counter() - began, **found.report},
    )


def point(parameters: Any) -> dict[str, Any]:
    """The fields of `Found` of a method that looks for a point."""
    parameters = np.asarray(parameters)
    return {"parameters": parameters, "samples": parameters[None], "weights": np.ones(1, np.float32)}


def to_box(problem: InverseProblem, parameters: Any) -> Any:
    """Parameters in units of the prior's box, where it is the unit cube."""
    return (parameters - problem.prior.low) / problem.prior.width


def from_box(problem: InverseProblem, place: Any) -> Array:
    """Parameters from a point of the unit cube."""
    return problem.prior.low + problem.prior.width * place
