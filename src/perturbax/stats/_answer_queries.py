"""Answering queries so that the answers hold beyond the sample, however they were chosen: the verb `answer_queries`."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

from ..core import Method, Result, SolverError, check_instance, check_key, check_number
from ._guarantee import Guarantee, Privacy
from ._query_values import QueryBatch, QuerySession, QueryValues, SampleSizes, ValueRange


class BudgetExhausted(SolverError):
    """The holdout must not be asked again: its budget is spent."""


class Answer(eqx.Module):
    """An answer of a mechanism, NaN when the budget was spent before; and whether the holdout was consulted."""

    value: Float[Array, ""]
    used_holdout: Bool[Array, ""]
    exhausted: Bool[Array, ""]

    def __init__(self, value: Any, *, used_holdout: Any = True, exhausted: Any = False):
        self.exhausted = jnp.asarray(exhausted)
        self.value = jnp.where(self.exhausted, jnp.nan, value)
        self.used_holdout = jnp.asarray(used_holdout) & ~self.exhausted


class AbstractQueryMethod(Method):
    """A method of `stats.answer_queries`: a mechanism as a pure stream.

    `init` gives a state, `answer` maps a state, the values of a query and a key to the next state and an `Answer`.
    """

    #: Whether `answer` never changes the state, so that a batch is answered at once.
    memoryless: ClassVar[bool] = False

    @abc.abstractmethod
    def init(self, sizes: SampleSizes, key: Any) -> Any:
        """The state before the first query. Raises `ValueError` when the sample does not suit the method."""

    @abc.abstractmethod
    def answer(self, state: Any, values: QueryValues, key: Any) -> tuple[Any, Answer]:
        """The answer to a query."""

    def left(self, state: Any) -> Any:
        """How many more times the holdout may be consulted; `None` without a limit."""
        return None

    def privacy(self, sizes: SampleSizes, queries: int, uses: int, delta: float) -> Privacy:
        """The privacy after that many queries, of which `uses` consulted the holdout."""
        return Privacy.none()

    def guarantees(self, sizes: SampleSizes, queries: int, beta: float) -> tuple[Guarantee, ...]:
        """What holds for that many queries, with values in an interval of length 1; nothing by default."""
        return ()


class Answers(eqx.Module):
    """What `answer_queries` returns.

    - `answers`: one for each query, NaN after the budget was spent; `used_holdout`: whether the holdout was consulted;
      `exhausted`: whether the budget was spent before.
    - `state`, `analyst_state`: of the mechanism and of the analyst after the last query.
    - `result`: how it went; `stats`: `evaluations`, the queries that were answered, and `clipped`, the values that
      were.
    """

    answers: Float[Array, " m"]
    used_holdout: Bool[Array, " m"]
    exhausted: Bool[Array, " m"]
    state: Any
    analyst_state: Any
    method: AbstractQueryMethod
    sizes: SampleSizes
    range: ValueRange
    result: Result
    stats: dict[str, Any]

    @property
    def budget_left(self) -> int | None:
        """How many more times the holdout may be consulted; `None` without a limit."""
        left = self.method.left(self.state)
        return None if left is None else int(left)

    def privacy(self, delta: float = 1e-6) -> Privacy:
        """The privacy that was spent."""
        uses = int(np.sum(np.asarray(self.used_holdout)))
        return self.method.privacy(self.sizes, int(self.stats["evaluations"]), uses, delta)

    def guarantees(self, beta: float = 0.05) -> tuple[Guarantee, ...]:
        """The bounds on the errors of the answers, tightest first."""
        return guarantees_of(self.method, self.sizes, self.answers.shape[0], beta, self.range)

    def certificate(self, beta: float = 0.05) -> str:
        """What the answers are worth, in plain language."""
        return certificate_of(self.guarantees(beta), self.answers.shape[0], self.sizes, self.budget_left)


def answer_queries(
    problem: QuerySession | QueryBatch, method: AbstractQueryMethod, *, key: Any, throw: bool = True
) -> Answers:
    """Answer queries, chosen one after the other or all known beforehand, from a sample.

    Sessions run in one compiled loop; a batch is answered at once where the mechanism keeps no state. May be used under
    `jit` and `vmap`, where values and budgets are not looked at.

    **Arguments:**

    - `problem`: a `QuerySession(...)` or a `QueryBatch(...)`; `method`: such as `Thresholdout(...)`; `key`: JAX PRNG
      key.
    - `throw`: raise when the budget ends before the queries; otherwise the rest is answered with NaN.

    **Returns:** `Answers`.

    **Raises:** `BudgetExhausted`; `ValueError` that names the first query with values that are NaN or out of bounds;
    `ValueError` or `TypeError` for arguments that do not fit.

    >>> import jax, numpy as np
    >>> from perturbax import stats
    >>> values = np.eye(3).repeat(10, axis=1)
    >>> stats.answer_queries(stats.QueryBatch(values), stats.Naive(), key=jax.random.key(0)).answers
    Array([0.333..., 0.333..., 0.333...], dtype=float32)
    """
    check_instance("problem", problem, (QuerySession, QueryBatch), "stats.QuerySession(...) or stats.QueryBatch(...)")
    check_instance("method", method, AbstractQueryMethod, "a method such as Thresholdout(...)")
    key = check_key("key", key)
    run: Any = _session if isinstance(problem, QuerySession) else _batch
    state, analyst_state, answer, outside, refused = run(problem, _traced(method), key)
    if not isinstance(refused, Tracer):
        _raise_for_values(np.asarray(refused), problem.range)
    ended = jnp.any(answer.exhausted)
    if throw and not isinstance(ended, Tracer) and bool(ended):
        first = int(np.argmax(np.asarray(answer.exhausted)))
        raise BudgetExhausted(
            f"the budget of {type(method).__name__} was spent before query {first} of {problem.queries}; "
            "throw=False gives the answers before it"
        )
    return Answers(
        answers=answer.value,
        used_holdout=answer.used_holdout,
        exhausted=answer.exhausted,
        state=state,
        analyst_state=analyst_state,
        method=method,
        sizes=problem.sizes,
        range=problem.range,
        result=Result.where(ended, Result.max_evaluations, Result.successful),
        stats={"evaluations": jnp.sum(~answer.exhausted), "clipped": jnp.sum(outside)},
    )


def noise_keys(key: Any) -> tuple[Any, Any]:
    """The key of the initial state, and the one that, folded with the number of a query, is that of its noise."""
    init_key, noise_key = jax.random.split(key)
    return init_key, noise_key


def guarantees_of(
    method: AbstractQueryMethod, sizes: SampleSizes, queries: int, beta: float, within: ValueRange
) -> tuple[Guarantee, ...]:
    """The guarantees of a method in the units of the answers: those that hold for adaptive queries first, tightest
    first; none for queries without bounds."""
    beta = check_number("beta", beta, minimum=0.0, maximum=1.0, exclusive=True)
    if not within.bounded or queries == 0:
        return ()
    found = method.guarantees(sizes, queries, beta)
    return tuple(sorted((g.scaled(within.width) for g in found), key=lambda g: (not g.adaptive, g.beta is None, g.tau)))


def certificate_of(guarantees: tuple[Guarantee, ...], queries: int, sizes: SampleSizes, left: int | None) -> str:
    """Guarantees and what is left of the budget, in plain language."""
    lines = [f"{queries} queries were answered from a holdout of {sizes.holdout} records."]
    lines += [g.sentence() + (" That says nothing here." if g.vacuous else "") for g in guarantees]
    if not any(g.adaptive for g in guarantees):
        lines.append("Nothing is guaranteed for queries that were chosen after seeing answers.")
    if left is not None:
        lines.append(f"The holdout may be consulted {left} more times.")
    return "\n".join(lines)


def sample_size(method_for: Any, queries: int, tau: float, beta: float = 0.05) -> int:
    """The smallest holdout for which a method guarantees an accuracy to adaptively chosen queries.

    **Arguments:** `method_for`: a function from the number `n` of records to the method, such as
    `lambda n: GaussianNoise.optimal(n, queries)`; `queries`: how many; `tau`: the largest error, for values in an
    interval of length 1; `beta`: the probability with which it may be exceeded.

    **Returns:** `n`, by bisection.

    **Raises:** `ValueError` when a thousand billion records are too few, as for a method whose noise is too large.

    >>> from perturbax import stats
    >>> 50_000 < stats.sample_size(lambda n: stats.GaussianNoise.optimal(n, 100), 100, tau=0.1) < 500_000
    True
    """
    tau = check_number("tau", tau, minimum=0.0, exclusive=True)

    def enough(n: int) -> bool:
        found = method_for(n).guarantees(SampleSizes(n, n, 2), queries, beta)
        return any(g.adaptive and g.beta is not None and g.tau <= tau for g in found)

    high = 1
    while not enough(high):
        high *= 2
        if high > 10**12:
            raise ValueError(f"tau = {tau:g} with beta = {beta:g} is not guaranteed for any n: the noise is too large")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def require_accuracy(
    method: AbstractQueryMethod, sizes: SampleSizes, queries: int, tau: float, beta: float = 0.05
) -> Guarantee:
    """The guarantee of a method, refused when it is larger than wanted.

    **Arguments:** `method`; `sizes`: of the sample, such as `SampleSizes(holdout=1000)`; `queries`, `tau`, `beta`: as
    of `sample_size`.

    **Returns:** the tightest `Guarantee` for adaptive queries.

    **Raises:** `ValueError` when `tau` is not reached, with the number of records that would do.

    >>> from perturbax import stats
    >>> stats.require_accuracy(stats.SampleSplit(10), stats.SampleSizes(100_000), 10, tau=0.05).tau < 0.05
    True
    """
    unit = ValueRange((0.0, 1.0), False)
    found = [g for g in guarantees_of(method, sizes, queries, beta, unit) if g.adaptive and g.beta is not None]
    if found and found[0].tau <= tau:
        return found[0]
    n = sample_size(lambda n: method, queries, tau, beta)
    raise ValueError(f"holdout has {sizes.holdout} records, too few for tau = {tau:g}, beta = {beta:g}: {n} would do")


def _traced(method: Any) -> Any:
    """Numbers of a method as arrays, so that methods that differ in them share one compilation."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, float) else leaf, method)


@eqx.filter_jit
def _session(problem: QuerySession, method: Any, key: Any) -> Any:
    init_key, noise_key = noise_keys(key)

    def step(carry: Any, j: Any) -> Any:
        analyst_state, state = carry
        values, outside, refused = problem.values(problem.analyst.ask(analyst_state))
        state, answer = method.answer(state, values, jax.random.fold_in(noise_key, j))
        answer = eqx.tree_at(lambda a: a.value, answer, problem.range.unscaled(answer.value))
        return (problem.analyst.tell(analyst_state, answer.value), state), (answer, outside, refused)

    start = (problem.analyst.start(), method.init(problem.sizes, init_key))
    (analyst_state, state), rest = jax.lax.scan(step, start, jnp.arange(problem.queries))
    return state, analyst_state, *rest


@eqx.filter_jit
def _batch(problem: QueryBatch, method: Any, key: Any) -> Any:
    init_key, noise_key = noise_keys(key)
    state = method.init(problem.sizes, init_key)
    given = {"holdout": problem.holdout, "train": problem.train, "domain": problem.domain}
    parts = {name: problem.range.scaled(values) for name, values in given.items() if values is not None}
    values = QueryValues(**{name: scaled for name, (scaled, _, _) in parts.items()})
    outside = sum(count for _, count, _ in parts.values())
    refused = jnp.any(jnp.stack([refusal for _, _, refusal in parts.values()]), 0)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(noise_key, jnp.arange(problem.queries))
    if method.memoryless:
        _, answer = jax.vmap(method.answer, (None, 0, 0))(state, values, keys)
    else:
        state, answer = jax.lax.scan(lambda s, query: method.answer(s, *query), state, (values, keys))
    answer = eqx.tree_at(lambda a: a.value, answer, problem.range.unscaled(answer.value))
    return state, None, answer, outside, refused


def _raise_for_values(refused: np.ndarray, within: ValueRange) -> None:
    if refused.any():
        first = int(np.argmax(refused))
        raise ValueError(f"{within.complaint(first)} ({np.count_nonzero(refused)} of {refused.size} have not)")
