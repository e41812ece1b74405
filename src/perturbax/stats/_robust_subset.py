"""Which stable variables to predict from, so that the worst environment is predicted best: the verb `robust_subset`."""

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from ..core import Method, check_array, check_instance, check_key, check_number
from ._causal_graph import CausalGraph
from ._discrete_model import DiscreteModel


class Environments(eqx.Module):
    """The problem of predicting a target in environments that have not been seen.

    **Arguments:**

    - `X`: shape `(n, d)`, the variables; `y`: shape `(n,)`, the target; `env`: `(n,)`, which environment a row is from
      (integers or names).
    - `names`: of the variables; `x1`, `x2`, ... when `None`. `target`: name of `y` in the graph.
    - `graph`: a `CausalGraph` over the variables and the target; discovered from the data when `None`.
    - `mutable`: the variables whose mechanisms change between environments; needed with `graph`.
    - `ranges`: for mutable variables the lowest and highest value that an environment may give them, by name.

    **Raises:** `ValueError` when shapes, names or ranges do not fit, a value is not finite, the target is mutable,
    or there is one environment and the mutable variables are not named.

    >>> import numpy as np
    >>> problem = Environments(np.zeros((4, 2)), np.zeros(4), ["a", "a", "b", "b"], names=("age", "dose"))
    >>> problem.count
    2
    """

    X: Float[np.ndarray, "n d"]
    y: Float[np.ndarray, " n"]
    env: Int[np.ndarray, " n"]
    names: tuple[str, ...] = eqx.field(static=True)
    target: str = eqx.field(static=True)
    graph: CausalGraph | None = eqx.field(static=True)
    mutable: tuple[str, ...] | None = eqx.field(static=True)
    ranges: dict[str, tuple[float, float]]

    def __init__(
        self,
        X: Any,
        y: Any,
        env: Any,
        *,
        names: Sequence[str] | None = None,
        target: str = "y",
        graph: CausalGraph | None = None,
        mutable: Sequence[str] | None = None,
        ranges: Mapping[str, tuple[float, float]] | None = None,
    ):
        self.X = np.asarray(check_array("X", X, ndim=2), np.float64)
        n, d = self.X.shape
        self.y = np.asarray(check_array("y", y, shape=(n,)), np.float64)
        labels = np.asarray(env)
        if labels.shape != (n,) or labels.dtype.kind not in "iubUSO":
            raise ValueError(f"env must have one integer or name for each of the {n} rows, got shape {labels.shape}")
        self.env = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        self.names = tuple(f"x{i + 1}" for i in range(d)) if names is None else tuple(names)
        self.target = target
        if len(self.names) != d or len({*self.names, target}) != d + 1:
            raise ValueError(f"names must be {d} different names other than {target!r}, got {self.names}")
        if graph is not None:
            check_instance("graph", graph, CausalGraph, "a CausalGraph")
            if set(graph.names) != {*self.names, target}:
                raise ValueError(f"graph must have the vertices {(*self.names, target)}, got {graph.names}")
            if mutable is None:
                raise ValueError("mutable is needed with graph: which variables change their mechanism")
        elif mutable is not None:
            raise ValueError("graph is needed with mutable; without both they are discovered from the data")
        elif self.count == 1:
            raise ValueError("env must name two environments or more: from one, nothing says what changes")
        self.graph = graph
        self.mutable = None if mutable is None else tuple(mutable)
        if self.mutable is not None:
            check_mutable(self.mutable, self.names, target)
        self.ranges = {}
        for name, pair in (ranges or {}).items():
            check_mutable([name], self.names, target)
            low, high = (check_number(f"ranges[{name!r}]", end) for end in pair)
            if not low < high:
                raise ValueError(f"ranges[{name!r}] must be a low and a high value, got {low:g} and {high:g}")
            self.ranges[name] = (low, high)

    def range_of(self, name: str, widen: float) -> tuple[float, float]:
        """What an environment may give a variable, in standardised units: as stated, or as observed and widened."""
        column = self.X[:, self.names.index(name)]
        low, high = self.ranges.get(name, (column.min(), column.max()))
        stretch = 0.0 if name in self.ranges else (widen - 1.0) * (high - low) / 2.0
        mean, scale = column.mean(), column.std()
        return (float((low - stretch - mean) / scale), float((high + stretch - mean) / scale))

    @property
    def count(self) -> int:
        """Number of environments."""
        return int(self.env.max()) + 1

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, *, target: str, env: str, **options: Any) -> "Environments":
        """From a table with a column of targets and a column that says the environment; the others are the variables.

        **Raises:** `ValueError` when a column is missing or is not numeric.
        """
        for name in (target, env):
            if name not in frame:
                raise ValueError(f"the table has no column {name!r}; it has {', '.join(map(str, frame.columns))}")
        rest = frame.drop(columns=[target, env])
        text = [str(name) for name in rest if not pd.api.types.is_numeric_dtype(rest[name])]
        if text:
            raise ValueError(f"the columns {', '.join(text)} must be numbers; encode them first")
        return cls(
            rest.to_numpy(float),
            frame[target].to_numpy(float),
            frame[env].to_numpy(),
            names=[str(name) for name in rest],
            target=target,
            **options,
        )


def check_mutable(mutable: Sequence[str], names: Sequence[str], target: str) -> None:
    """Refuse a mutable target and unknown names."""
    if target in mutable:
        raise ValueError(f"mutable must not contain the target {target!r}: then no prediction is stable")
    strangers = [name for name in mutable if name not in names]
    if strangers:
        raise ValueError(f"mutable names {strangers}, which are not among {tuple(names)}")


class Predictor(eqx.Module):
    """A prediction from rows of variables; `function` reads standardised rows and gives standardised targets."""

    function: Callable
    mean: Float[np.ndarray, " d"]
    scale: Float[np.ndarray, " d"]
    target_mean: float
    target_scale: float

    def __call__(self, X: Any) -> Float[np.ndarray, " n"]:
        """The predictions for rows of shape `(n, d)`, in the units of the data."""
        X = np.asarray(check_array("X", X, shape=(None, self.mean.size)), np.float64)
        rows = jnp.asarray((X - self.mean) / self.scale, jnp.float32)
        return np.asarray(self.function(rows), np.float64) * self.target_scale + self.target_mean


def _of_no_subset(subset: Sequence[str]) -> Callable:
    raise ValueError("this method learns predict only, and no stable predictors of subsets")


class RobustSubset(eqx.Module):
    """What `robust_subset` returns.

    - `subset`: the variables that the prediction is made from; all of them for a method that does not choose.
    - `predict`: the predictor, from rows of all variables.
    - `worst_risk`: the estimated largest mean squared error over environments, NaN when the method estimates none.
    - `classes`, `risks`, `gaps`: what was compared: one subset of each class, its worst risk, and by how much restarts
      of the search for the worst environment differ.
    - `predictor_of`: makes the predictor of any subset of the stable variables, such as one of `classes`; it raises
      `ValueError` for other names, and for methods that do not predict from subsets.
    - `graph`, `mutable`: as given or discovered; `condition_holds`: whether the graph alone says that all stable
      variables are best (`None` when it was not asked).
    - `worst_environment`: for a discrete model the function of each mutable variable, else its trained form.
    """

    subset: tuple[str, ...] = eqx.field(static=True)
    predict: Callable
    worst_risk: float
    classes: tuple[tuple[str, ...], ...] = eqx.field(static=True, default=())
    risks: Any = None
    gaps: Any = None
    predictor_of: Callable[[Sequence[str]], Callable] = _of_no_subset
    graph: CausalGraph | None = eqx.field(static=True, default=None)
    mutable: tuple[str, ...] | None = eqx.field(static=True, default=None)
    condition_holds: bool | None = eqx.field(static=True, default=None)
    worst_environment: Any = None
    stats: dict[str, Any] = eqx.field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """The subsets that were compared, best first."""
        frame = pd.DataFrame(
            {"subset": [", ".join(c) or "(none)" for c in self.classes], "worst_risk": self.risks, "gap": self.gaps}
        )
        return frame.sort_values("worst_risk", kind="stable").reset_index(drop=True)


class AbstractRobustMethod(Method):
    """A method of `stats.robust_subset`."""

    @abc.abstractmethod
    def choose(self, problem: Environments | DiscreteModel, key: Any) -> RobustSubset:
        """The solution."""


def robust_subset(problem: Environments | DiscreteModel, method: AbstractRobustMethod, *, key: Any) -> RobustSubset:
    """Find the variables and the predictor that do best in the worst environment.

    **Arguments:** `problem`: `Environments(...)` of data, or a known `DiscreteModel(...)`; `method`: such as
    `CausalMinimax()`; `key`: JAX PRNG key.

    **Returns:** a `RobustSubset`.

    **Raises:** `ValueError` or `TypeError` for arguments that do not fit, or a problem that the method cannot solve.

    >>> import jax
    >>> from perturbax import stats
    >>> graph = stats.CausalGraph([("x", "y"), ("y", "m")])
    >>> model = stats.DiscreteModel(graph, {"x": [0.5, 0.5], "y": [[0.4, 0.6], [0.2, 0.8]]}, mutable={"m": 2})
    >>> stats.robust_subset(model, stats.CausalMinimax(), key=jax.random.key(0)).subset
    ('x',)
    """
    check_instance("problem", problem, (Environments, DiscreteModel), "stats.Environments(...) or a DiscreteModel(...)")
    check_instance("method", method, AbstractRobustMethod, "a method such as CausalMinimax()")
    check_key("key", key)
    return method.choose(problem, key)


def only_data(problem: Any, method: AbstractRobustMethod) -> Environments:
    """The problem, refused when it is a known model and the method learns from data only."""
    if not isinstance(problem, Environments):
        raise TypeError(f"{type(method).__name__} needs data: a stats.Environments(...), got {type(problem).__name__}")
    return problem


def standardised(problem: Environments) -> tuple[np.ndarray, np.ndarray, Callable[[Callable], Predictor]]:
    """Variables and target with mean 0 and deviation 1 over the pooled rows, and what makes a `Predictor` of them.

    **Raises:** `ValueError` when a column is constant.
    """
    for name, column in [*zip(problem.names, problem.X.T, strict=True), (problem.target, problem.y)]:
        if np.ptp(column) == 0.0:
            raise ValueError(f"{'y' if name == problem.target else 'X'} must vary, column {name!r} is constant")
    mean, scale = problem.X.mean(0), problem.X.std(0)
    y_mean, y_scale = float(problem.y.mean()), float(problem.y.std())

    def predictor(function: Callable) -> Predictor:
        return Predictor(function, mean, scale, y_mean, y_scale)

    return (problem.X - mean) / scale, (problem.y - y_mean) / y_scale, predictor
