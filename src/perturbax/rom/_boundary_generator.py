"""`boundary_generator`: random traces on the boundary of a submodel, from full solutions. The verb and its solution."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.distance import cdist

from ..core import check_array, check_instance, check_integer, check_key, raise_if_failed
from ..stats import sampling_floor, sliced_wasserstein
from ._boundary_problem import TRACES_PER_MODE, Standardised, SubmodelProblem
from ._monte_carlo import MonteCarlo, VarianceShares, variance_shares
from ._trace_law import AbstractGeneratorMethod, AbstractTraceLaw

_DIRECTIONS = 200
# Traces that are generated at once; fewer are padded to a power of two, so that few programs are compiled.
_BLOCK = 4096
# The neighbour whose distance is the radius of recall, the draws for each held trace, and the least recall.
_NEIGHBOUR, _REPEATS, _LEAST_RECALL = 3, 4, 0.5
# Rounding errors of parameters at the ends of the range.
_SLACK = 1e-9
# Rows whose distances to all others are held at once.
_ROWS = 1024


class Distance(NamedTuple):
    """The sliced 1-Wasserstein distance to traces that were set aside, in units of the problem's scale, and what it is
    between true traces of this number."""

    value: float
    floor: float


class BoundaryGenerator(eqx.Module):
    """What `boundary_generator` returns: a law of traces given parameters, to draw from.

    - `law`: of standardised traces; can be compiled, differentiated and batched.
    - `varying`, `centre`, `scale`, `parameter_centre`, `parameter_scale`: the units, as in `SubmodelProblem`.
    - `parameters`: those of the full solutions, the law of parameters unless told otherwise.
    - `distance`: a `Distance`, `None` when nothing was set aside; `recall`: the share of traces set aside that lie
      among generated ones, as near as those are to their third neighbour; NaN when nothing was set aside.
    - `history`: of the training, by name; `result`: how it went; `stats`: `effective_rank` and what the method adds.
    """

    law: AbstractTraceLaw
    varying: Bool[np.ndarray, " d_b"]
    centre: Float[np.ndarray, " d_b"]
    scale: np.float64
    parameter_centre: Float[np.ndarray, " q"]
    parameter_scale: Float[np.ndarray, " q"]
    parameters: Float[np.ndarray, "n q"]
    distance: Distance | None
    recall: float
    history: dict[str, np.ndarray]
    result: Any
    stats: dict[str, Any]

    def generate(
        self, key: Any, p: Any = None, n: int | None = None, *, extrapolate: bool = False
    ) -> Float[np.ndarray, "n d_b"]:
        """Random traces.

        **Arguments:** `key`: JAX PRNG key; `p`: parameters, shape `(q,)` for `n` traces (1 when `None`) or `(n, q)` for
        one each; `None` to draw them from those of the full solutions; `extrapolate`: allow parameters beyond those.

        **Returns:** float64 traces in the user's units.

        **Raises:** `ValueError` when the shape does not fit or a parameter lies outside of its range.
        """
        draw_key, key = jax.random.split(check_key("key", key))
        p = self._rows(draw_key, p, n, extrapolate)
        standard = ((p - self.parameter_centre) / self.parameter_scale).astype(np.float32)
        parts = []
        for i, start in enumerate(range(0, len(p), _BLOCK)):
            part = standard[start : start + _BLOCK]
            padded = np.pad(part, ((0, 2 ** (len(part) - 1).bit_length() - len(part)), (0, 0)), mode="edge")
            parts.append(np.asarray(_draw(self.law, jax.random.fold_in(key, i), jnp.asarray(padded)))[: len(part)])
        traces = np.tile(self.centre, (len(p), 1))
        traces[:, self.varying] += self.scale * np.concatenate(parts).astype(np.float64)
        return traces

    def monte_carlo(
        self,
        key: Any,
        qoi: Callable[[Any], Any],
        n: int,
        p: Any = None,
        *,
        plausible: Callable[[Any], Any] | None = None,
        extrapolate: bool = False,
    ) -> MonteCarlo:
        """A quantity of interest of random traces.

        **Arguments:** `qoi`: from traces `(m, d_b)` to values `(m,)`, such as `submodel.energy`; `n`: draws; `p`: as of
        `generate`: one row for the uncertainty at known parameters, `None` for that of the parameters too;
        `plausible`: a filter such as `Plausible(problem)`; what it refuses is left out and counted.

        **Returns:** a `MonteCarlo`.

        **Raises:** `ValueError` when `qoi` gives other than a finite number for each trace, or nothing was plausible.
        """
        if not callable(qoi):
            raise TypeError(f"qoi must be callable as qoi(traces), got {type(qoi).__name__}")
        traces = self.generate(key, p, check_integer("n", n, minimum=1), extrapolate=extrapolate)
        kept = traces if plausible is None else traces[np.asarray(plausible(traces), bool)]
        if len(kept) == 0:
            raise ValueError(f"plausible refused all {n} traces")
        values = check_array("what qoi returns", np.asarray(qoi(kept), np.float64), shape=(len(kept),))
        return MonteCarlo(values, len(traces) - len(kept))

    def variance_shares(self, key: Any, qoi: Callable[[Any], Any], outer: int, inner: int) -> VarianceShares:
        """How much of the variance of a quantity the parameters explain, by nested sampling.

        **Arguments:** `outer`: draws of parameters; `inner`: traces for each.
        """
        first, second = jax.random.split(check_key("key", key))
        p = self._rows(first, None, check_integer("outer", outer, minimum=2), False)
        inner = check_integer("inner", inner, minimum=2)
        values = np.asarray(qoi(self.generate(second, np.repeat(p, inner, 0))))
        return variance_shares(values.reshape(outer, inner))

    def _rows(self, key: Any, p: Any, n: int | None, extrapolate: bool) -> Float[np.ndarray, "n q"]:
        n = None if n is None else check_integer("n", n, minimum=1)
        if p is None:
            index = np.asarray(jax.random.randint(key, (n or 1,), 0, len(self.parameters)))
            return self.parameters[index]
        q = self.parameters.shape[1]
        p = np.asarray(check_array("p", p, nonempty=False), np.float64)
        if p.shape == (q,):
            p = np.tile(p, (n or 1, 1))
        elif p.ndim != 2 or p.shape[1] != q or (n is not None and n != len(p)):
            rows = "n" if n is None else n
            raise ValueError(f"p must have shape ({q},) or ({rows}, {q}), got {p.shape}")
        if not extrapolate:
            low, high = self.parameters.min(0), self.parameters.max(0)
            slack = _SLACK * (high - low)
            beyond = ((p < low - slack) | (p > high + slack)).any(0)
            if beyond.any():
                j = int(np.argmax(beyond))
                raise ValueError(
                    f"p[..., {j}] must lie in [{low[j]:g}, {high[j]:g}], where the full model was solved, got "
                    f"{p[:, j].min():g} to {p[:, j].max():g}; extrapolate=True allows it"
                )
        return p


def boundary_generator(
    problem: SubmodelProblem,
    method: AbstractGeneratorMethod,
    *,
    key: Any,
    progress: bool | None = None,
    throw: bool = True,
) -> BoundaryGenerator:
    """Learn to generate random traces on the boundary of a submodel from full solutions.

    What is random about a structure, apart from the parameters that are known, reaches the submodel through the
    displacements of its boundary. Generated ones make the submodel alone a Monte Carlo estimator.

    **Arguments:**

    - `problem`: `SubmodelProblem(traces, parameters, submodel)`; `method`: such as `WGANGP()`; `key`: JAX PRNG key.
    - `progress`: as `show` of `core.progress`; `throw`: raise when the training failed; else look at `result`.

    **Returns:** a `BoundaryGenerator`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when the training failed. It
    warns of few traces for their rank, and of traces set aside that are not among the generated ones.

    >>> from perturbax import rom
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> problem = rom.SubmodelProblem(x @ [[1.0, 2.0], [0.0, 1.0]], x[:, :1])
    >>> found = rom.boundary_generator(problem, rom.PCAGaussian(), key=jax.random.key(0))
    >>> estimate = found.monte_carlo(jax.random.key(1), lambda traces: traces[:, 1], 2000, p=[1.0]).mean()
    >>> round(estimate.value)
    2
    """
    check_instance("problem", problem, SubmodelProblem, "a rom.SubmodelProblem(...)")
    check_instance("method", method, AbstractGeneratorMethod, "a method such as WGANGP()")
    split_key, fit_key, judge_key = jax.random.split(check_key("key", key), 3)
    data, rank = problem.split(split_key), problem.effective_rank
    if len(problem.traces) < TRACES_PER_MODE * rank:
        warnings.warn(
            f"{len(problem.traces)} traces are few: {rank} components hold 99 % of their variance, and "
            f"{TRACES_PER_MODE} traces for each are wanted",
            stacklevel=2,
        )
    found = method.estimate(data, fit_key, progress)
    if throw:
        raise_if_failed(found.result, f"boundary_generator by {type(method).__name__}")
    distance, recall = _judged(problem, found.law, data, judge_key)
    if recall < _LEAST_RECALL:
        warnings.warn(
            f"only {recall:.0%} of the traces set aside lie among generated ones: modes are missing", stacklevel=2
        )
    return BoundaryGenerator(
        law=found.law,
        varying=problem.varying,
        centre=problem.centre,
        scale=problem.scale,
        parameter_centre=problem.parameter_centre,
        parameter_scale=problem.parameter_scale,
        parameters=problem.parameters,
        distance=distance,
        recall=recall,
        history=found.history,
        result=found.result,
        stats={"effective_rank": rank, **found.stats},
    )


def _judged(
    problem: SubmodelProblem, law: AbstractTraceLaw, data: Standardised, key: Any
) -> tuple[Distance | None, float]:
    """How far generated traces are from those set aside, and how many of these they reach."""
    held = data.held_u
    if len(held) <= _NEIGHBOUR:
        return None, float("nan")
    draw_key, direction_key, floor_key = jax.random.split(key, 3)
    drawn = np.asarray(_draw(law, draw_key, jnp.asarray(np.tile(data.held_p, (_REPEATS, 1)))))
    if not np.isfinite(drawn).all():
        return None, 0.0

    def sliced(x: Any, y: Any) -> float:
        return sliced_wasserstein(x, y, direction_key, _DIRECTIONS, order=1)

    floor = sampling_floor(sliced, problem.standardised(), min(len(held), len(problem.traces) // 2), floor_key).mean
    # Each row is the nearest one to itself.
    radius = _by_distances(drawn, drawn, lambda d: np.partition(d, _NEIGHBOUR, 1)[:, _NEIGHBOUR])
    recall = float(_by_distances(held, drawn, lambda d: (d <= radius).any(1)).mean())
    return Distance(sliced(drawn[: len(held)], held), floor), recall


def _by_distances(x: np.ndarray, y: np.ndarray, function: Callable[[np.ndarray], Any]) -> np.ndarray:
    """A function of the distances of each row of `x` to all of `y`, in memory that is linear in their number."""
    return np.concatenate([function(cdist(x[i : i + _ROWS], y)) for i in range(0, len(x), _ROWS)])


@eqx.filter_jit
def _draw(law: AbstractTraceLaw, key: Any, p: Float[jax.Array, "n q"]) -> Float[jax.Array, "n d"]:
    return law.sample(key, p)
