"""`flow`: where the features of a layer go. The verb, its method and its solution."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Method, check_instance, check_key, float64, raise_if_failed
from ..stats import CollapseMetrics, collapse_metrics
from ._collapse_problem import CollapseProblem, FilteredFeatures


class CollapseFlow(eqx.Module):
    """What `flow` returns; the leading axis is that of the times.

    - `times`: of the flow, in the unit `N`, steps of a training, or infinity for a method that finds the end at once.
    - `means`: of the classes; `classifiers`: `W`; `objective`: `L`; `metrics`: `CollapseMetrics` of the features.
    - `features`: of all samples at the last time, shape `(N, d)`.
    - `filter`: `P` at the last time, with deviations `Z = Z0 P`; `None` for a method whose features are no linear
      function of the given ones.
    - `result`: how it went.
    - `stats`: `"evaluations"` of the best classifier, of the velocity or of gradients; of methods that look for the end
      `"residual"`, the norm `sqrt(N) |dL/dH|`, and `"products"` with the second derivative.
    """

    times: Float[np.ndarray, " T"]
    means: Float[np.ndarray, "T K d"]
    classifiers: Float[np.ndarray, "T K d"]
    objective: Float[np.ndarray, " T"]
    metrics: CollapseMetrics
    features: Float[np.ndarray, "N d"]
    filter: Float[np.ndarray, "d d"] | None
    result: Any
    stats: dict[str, Any]


class PlainFeatures(eqx.Module):
    """Features that are given one by one."""

    features: Float[Array, "*times N d"]

    def of(self, deviations: Array, labels: Array) -> Array:
        """The features of all samples."""
        return self.features


class Path(NamedTuple):
    """What a method finds, with a leading axis of the times."""

    times: Any
    features: FilteredFeatures | PlainFeatures
    classifiers: Any
    result: Any
    stats: dict[str, Any]


class AbstractFlowMethod(Method):
    """A method of `dynamics.flow`."""

    @abc.abstractmethod
    def follow(self, problem: CollapseProblem, key: Any) -> Path:
        """The path of features and classifier, in the precision that is switched on."""


def flow(problem: CollapseProblem, method: AbstractFlowMethod, *, key: Any = None, throw: bool = True) -> CollapseFlow:
    """Find where features go that minimise the squared loss of a linear classifier, in float64.

    **Arguments:**

    - `problem`: `CollapseProblem(features, labels)`.
    - `method`: `CentralPathFlow()` or `JointGradientFlow()` in time; `AlternatingExact()` or `CollapsePredictor()` for
      where that ends; `TrainedLayer()` for a real layer that is trained on the same features.
    - `key`: JAX PRNG key, for methods that draw numbers.
    - `throw`: raise when the solution is not successful; else look at `result`.

    **Returns:** a `CollapseFlow`, the same for every method.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when a solver fails.

    >>> from perturbax import dynamics
    >>> problem = dynamics.CollapseProblem([[1.0, 0.1], [1.0, -0.1], [0.1, 1.0], [-0.1, 1.0]], [0, 0, 1, 1])
    >>> found = dynamics.flow(problem, dynamics.CentralPathFlow(end=5.0))
    >>> bool(found.metrics.nc1_trace[-1] < found.metrics.nc1_trace[0])
    True
    """
    check_instance("problem", problem, CollapseProblem, "a problem CollapseProblem(...)")
    check_instance("method", method, AbstractFlowMethod, "a method such as CentralPathFlow()")
    key = None if key is None else check_key("key", key)
    with float64():
        path = method.follow(problem, key)
        if throw:
            raise_if_failed(path.result, f"flow by {type(method).__name__}")
        given = (problem.features, problem.deviations, problem.labels)
        numbers = (problem.classifier_decay, problem.feature_decay, problem.proximity)
        measured = _measure(path.features, jnp.asarray(path.classifiers), *map(jnp.asarray, (*given, *numbers)))
        means, objective, metrics, features = jax.tree.map(np.asarray, measured)
        last = path.features.filter[-1] if isinstance(path.features, FilteredFeatures) else None
        return CollapseFlow(
            times=np.asarray(path.times, np.float64),
            means=means,
            classifiers=np.asarray(path.classifiers),
            objective=objective,
            metrics=metrics,
            features=features,
            filter=None if last is None else np.asarray(last),
            result=path.result,
            stats=path.stats,
        )


def needed_key(key: Any, method: Method) -> Any:
    """The key of a method that draws numbers. Raises `ValueError` when there is none."""
    if key is None:
        raise ValueError(f"key must be given for {type(method).__name__}, which draws random numbers, got None")
    return key


@eqx.filter_jit
def _measure(
    path: Any, classifiers: Array, features0: Array, deviations: Array, labels: Array, *decays: Array
) -> tuple[Array, Array, CollapseMetrics, Array]:
    """Class means, objective and metrics at all times, one after another, and the last features."""
    classifier_decay, feature_decay, proximity = decays
    classes = classifiers.shape[1]
    targets = jax.nn.one_hot(labels, classes, dtype=features0.dtype)

    def one(at: Any) -> tuple[Array, Array, CollapseMetrics]:
        state, W = at
        H = state.of(deviations, labels)
        gaps = jnp.sum((H @ W.T - targets) ** 2, 1) + feature_decay * jnp.sum(H**2, 1)
        gaps = gaps + proximity * jnp.sum((H - features0) ** 2, 1)
        objective = 0.5 * (jnp.mean(gaps) + classifier_decay / classes * jnp.sum(W**2))
        sums = jax.ops.segment_sum(H, labels, classes)
        means = sums / jnp.sum(targets, 0)[:, None]
        return means, objective, collapse_metrics(H, labels, W)

    means, objective, metrics = jax.lax.map(one, (path, classifiers))
    return means, objective, metrics, jax.tree.map(lambda leaf: leaf[-1], path).of(deviations, labels)
