"""The values of queries on the records of a problem: what mechanisms answer from, and the analysts who ask."""

import abc
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from ..core import check_array, check_instance, check_integer, check_number
from ._records import count_records, traceable, warn_of_overlap


class QueryValues(eqx.Module):
    """The values of a query, scaled to `[0, 1]`: on the holdout, and where there are some on the training records and
    on every record that is possible."""

    holdout: Float[Array, "*batch n"]
    train: Float[Array, "*batch t"] | None = None
    domain: Float[Array, "*batch x"] | None = None


def given(values: Array | None) -> Array:
    """Values that `init` has asked for."""
    assert values is not None
    return values


class SampleSizes(eqx.Module):
    """Numbers of records: of the holdout, and of training records and possible records where there are some."""

    holdout: int = eqx.field(static=True)
    train: int | None = eqx.field(static=True, default=None)
    domain: int | None = eqx.field(static=True, default=None)


class ValueRange(eqx.Module):
    """The interval in which the values of queries lie, and whether values outside are clipped or refused."""

    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)
    clip: bool = eqx.field(static=True)

    def __init__(self, bounds: Any, clip: bool):
        low, high = (check_number("bounds", end, finite=False) for end in bounds)
        if not low < high or math.isinf(low) != math.isinf(high):
            raise ValueError(f"bounds must be a low and a high value, both finite or none, got {low:g} and {high:g}")
        if clip and math.isinf(low):
            raise ValueError("clip needs finite bounds")
        self.low, self.high, self.clip = low, high, clip

    @property
    def bounded(self) -> bool:
        return math.isfinite(self.low)

    @property
    def width(self) -> float:
        """What scaled answers are multiplied by; 1 without bounds."""
        return self.high - self.low if self.bounded else 1.0

    def scaled(self, values: Any) -> tuple[Float[Array, "*shape"], Int[Array, "*batch"], Bool[Array, "*batch"]]:
        """Values of shape `(..., n)` scaled to `[0, 1]`; per query the number outside, and whether it is refused."""
        given = _counted(jnp.asarray(values))
        values = given.astype(jnp.float32)
        none = jnp.zeros(values.shape[:-1], int)
        if not self.bounded:
            return values, none, ~jnp.all(jnp.isfinite(values), -1)
        if self.clip:
            outside = jnp.sum((values < self.low) | (values > self.high), -1)
            refused = jnp.any(jnp.isnan(values), -1)
            return (jnp.clip(values, self.low, self.high) - self.low) / self.width, outside, refused
        # Counting is not asked for, and extremes are several times faster than comparisons of all values.
        least, most = (f(given, -1).astype(jnp.float32) for f in (jnp.min, jnp.max))
        return (values - self.low) / self.width, none, ~((least >= self.low) & (most <= self.high))  # so for NaN too

    def unscaled(self, answer: Any) -> Any:
        """An answer in the units of the values."""
        return answer * self.width + (self.low if self.bounded else 0.0)

    def complaint(self, query: int) -> str:
        """Why a query is refused."""
        within = f" in [{self.low:g}, {self.high:g}]" if self.bounded else ""
        return f"query {query} must have finite values{within}"


class AbstractAnalyst(eqx.Module):
    """Someone who asks queries one after the other, each in the knowledge of the answers so far.

    A query is a function of all records at once that gives one value for each, such as
    `lambda records: records["prediction"] == records["target"]`; `jax.vmap(f)` makes one of a function of one record.
    All three functions are pure: the verb runs them in a compiled loop. An analyst who is not (a person, a training
    run) asks a `Holdout` instead.
    """

    @abc.abstractmethod
    def start(self) -> Any:
        """What is known before the first answer, a pytree of arrays."""

    @abc.abstractmethod
    def ask(self, state: Any) -> Callable[[Any], Any]:
        """The next query."""

    @abc.abstractmethod
    def tell(self, state: Any, answer: Float[Array, ""]) -> Any:
        """What is known after the answer, which is NaN once the budget is spent."""


class SignVote(AbstractAnalyst):
    """The attack that defeats a naively reused holdout: combine what looks useful by chance.

    Records are `(x, y)` with signs `x` of shape `(n, d)` and `y` of shape `(n,)`. Query `j < d` is the agreement of
    feature `j` with the target, and the last one the accuracy of `sign(sum over j of sign(a_j - 1/2) x_j)`. Without any
    signal the truth of all is 1/2. The state is the number of queries asked and the signs of the votes.

    **Arguments:** `features`: `d`; so `d + 1` queries are worth asking.

    Source: Dwork et al. 2015 (Science) for the vote; Freedman 1983 for the paradox.

    >>> int(SignVote(3).start()[0])
    0
    """

    features: int = eqx.field(static=True)

    def __check_init__(self):
        check_integer("features", self.features, minimum=1)

    def start(self) -> tuple[Int[Array, ""], Float[Array, " d"]]:
        return jnp.asarray(0), jnp.zeros(self.features)

    def ask(self, state: Any) -> Callable[[Any], Any]:
        asked, votes = state

        def query(records: Any) -> Any:
            x, y = records
            return jax.lax.cond(
                asked < self.features,
                lambda: x[:, jnp.minimum(asked, self.features - 1)] == y,
                lambda: vote(x, votes) == y,
            )

        return query

    def tell(self, state: Any, answer: Float[Array, ""]) -> Any:
        asked, votes = state
        # An index behind the last feature, after the last query, is dropped.
        return asked + 1, votes.at[asked].set(jnp.where(answer < 0.5, -1.0, 1.0), mode="drop")


def vote(x: Any, votes: Float[Array, " d"]) -> Int[Array, " n"]:
    """The class that the weighted features vote for, 1 in a tie."""
    return jnp.where(x.astype(jnp.float32) @ votes >= 0, 1, -1)


class QuerySession(eqx.Module):
    """The problem of answering an analyst who adapts to the answers.

    **Arguments:**

    - `holdout`: the records that answers are to be valid beyond: a table of numbers, which the analyst sees as a
      dictionary of its columns, or a pytree of arrays whose first axis counts the `n` records.
    - `analyst`: an `AbstractAnalyst`, such as `SignVote(features)`.
    - `queries`: how many are asked.
    - `train`: records of the same kind that the analyst has seen anyway; for methods that compare with them.
    - `domain`: all records that are possible, for methods that model the population; `holdout` and `train` are then
      integers, the places of their records in `domain`.
    - `bounds`: the interval of the values of queries. The hyper-parameters of methods are in units of its length. With
      `(-inf, inf)` values are taken as they are, and no method guarantees anything.
    - `clip`: clip values outside instead of refusing them; `stats["clipped"]` counts them.

    **Raises:** `ValueError` or `TypeError` for arguments that do not fit. Warns when training and holdout records
    overlap.

    >>> import numpy as np
    >>> QuerySession((np.ones((4, 2)), np.ones(4)), SignVote(2), 3).sizes.holdout
    4
    """

    holdout: Any
    analyst: AbstractAnalyst
    queries: int = eqx.field(static=True)
    train: Any
    domain: Any
    range: ValueRange
    sizes: SampleSizes

    def __init__(
        self,
        holdout: Any,
        analyst: AbstractAnalyst,
        queries: int,
        *,
        train: Any = None,
        domain: Any = None,
        bounds: Any = (0.0, 1.0),
        clip: bool = False,
    ):
        self.analyst = check_instance("analyst", analyst, AbstractAnalyst, "an analyst such as SignVote(features)")
        self.queries = check_integer("queries", queries, minimum=1)
        self.range = ValueRange(bounds, clip)
        parts = {"holdout": holdout, "train": train, "domain": domain}
        records = (traceable(name, part) for name, part in parts.items())
        self.holdout, self.train, self.domain, self.sizes = settled_records(*records)

    def values(self, query: Callable[[Any], Any]) -> tuple[QueryValues, Int[Array, ""], Bool[Array, ""]]:
        """The scaled values of a query; how many of them are outside of the bounds, and whether it is refused."""
        return evaluate(query, self.holdout, self.train, self.domain, self.sizes, self.range)


class QueryBatch(eqx.Module):
    """The problem of answering queries that are all known beforehand, so that they are answered at once.

    **Arguments:** `holdout`: values of the `m` queries on the `n` records, shape `(m, n)`, numbers or booleans;
    `train`, `domain`: their values on training records and on all possible records; `bounds`, `clip`: as of a
    `QuerySession`.

    **Raises:** `ValueError` or `TypeError` when shapes do not fit.

    >>> import numpy as np
    >>> QueryBatch(np.zeros((5, 100))).queries
    5
    """

    holdout: Any
    train: Any
    domain: Any
    range: ValueRange
    sizes: SampleSizes

    def __init__(
        self, holdout: Any, *, train: Any = None, domain: Any = None, bounds: Any = (0.0, 1.0), clip: bool = False
    ):
        self.holdout = _counted(check_array("holdout", holdout, ndim=2, kind="any"))
        given = {"train": train, "domain": domain}
        shape = (self.holdout.shape[0], None)
        rest = {
            name: None if values is None else _counted(check_array(name, values, shape=shape, kind="any"))
            for name, values in given.items()
        }
        self.train, self.domain = rest["train"], rest["domain"]
        self.range = ValueRange(bounds, clip)
        counts = [None if values is None else values.shape[1] for values in (self.train, self.domain)]
        self.sizes = SampleSizes(self.holdout.shape[1], *counts)

    @property
    def queries(self) -> int:
        """How many."""
        return self.holdout.shape[0]


def settled_records(holdout: Any, train: Any, domain: Any) -> tuple[Any, Any, Any, SampleSizes]:
    """Records that were checked, and how many there are."""
    if domain is not None:
        count = count_records("domain", domain)
        holdout = _places("holdout", holdout, count)
        train = None if train is None else _places("train", train, count)
        return holdout, train, domain, SampleSizes(len(holdout), None if train is None else len(train), count)
    sizes = SampleSizes(
        count_records("holdout", holdout), None if train is None else count_records("train", train), None
    )
    if train is not None:
        warn_of_overlap(train, holdout)
    return holdout, train, None, sizes


def evaluate(
    query: Callable[[Any], Any], holdout: Any, train: Any, domain: Any, sizes: SampleSizes, within: ValueRange
) -> tuple[QueryValues, Int[Array, ""], Bool[Array, ""]]:
    """The values of a query on all records that there are, scaled; how many are outside; whether it is refused."""
    if domain is not None:
        values, outside, refused = within.scaled(_checked(query(domain), sizes.domain))
        return QueryValues(values[holdout], None if train is None else values[train], values), outside, refused
    values, outside, refused = within.scaled(_checked(query(holdout), sizes.holdout))
    if train is None:
        return QueryValues(values), outside, refused
    seen, more, also = within.scaled(_checked(query(train), sizes.train))
    return QueryValues(values, seen), outside + more, refused | also


def _counted(values: Any) -> Any:
    """Truth values as bytes, which XLA averages at least ten times faster."""
    return values.astype("uint8") if values.dtype == bool else values


def _places(name: str, indices: Any, count: int) -> Int[Array, " n"]:
    indices = check_array(name, indices, ndim=1, kind="integer")
    if not isinstance(indices, Tracer) and not (indices.min() >= 0 and indices.max() < count):
        raise ValueError(f"{name} must hold places in domain, integers from 0 to {count - 1}")
    return jnp.asarray(indices)


def _checked(values: Any, count: int | None) -> Any:
    values = jnp.asarray(values)
    if values.shape != (count,):
        raise ValueError(f"a query must give one value for each of the {count} records, got shape {values.shape}")
    return values
