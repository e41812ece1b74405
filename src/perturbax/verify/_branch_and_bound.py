"""Branch and bound: bound a batch of subdomains at once, drop those that are proved, split the others.

What a subdomain is and how it is split, a method says; the loop, its limits and its checkpoint are here. Open
subdomains are a stack of arrays on the host, so that the search goes deep first and stays small; the hardest children
come first. Every compiled call has the same number of subdomains.
"""

import abc
import time
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from ..core import check_instance, check_integer, check_number, digest, progress, read_tree, write_tree
from ._bound import AbstractBoundMethod
from ._query import Query, Verification, attack, confirmed, queries_of
from ._verify import AbstractVerifier, Verdict
from .crown import CROWN

_LABEL = "a checkpoint of perturbax.verify.verify"

_SECONDS_BETWEEN_CHECKPOINTS = 60.0

# What bounds subdomains unless a method is told otherwise.
BOUNDS = CROWN()

# Subdomains by name of what describes them, with a leading axis.
Domains = dict[str, np.ndarray]


class Examined(NamedTuple):
    """What is found out about a batch of subdomains.

    **Arguments:** `lower`: of the margins, shape `(n, rows)`; `points`: the most suspicious input of each, `(n,
    inputs)`; `values`: its `unsafety`; `choices`: what `branch` needs.
    """

    lower: np.ndarray
    points: np.ndarray
    values: np.ndarray
    choices: Domains


class AbstractBranchAndBound(AbstractVerifier):
    """A method that splits. Subclasses have the fields below and say what is split.

    - `bounds`: the method of `verify.bound` that is used; `batch_size`: subdomains in one compiled call.
    - `seconds`: when to stop; `memory`: of the subdomains that wait, in MiB; `margin`: what bounds must exceed, as a
      part of the magnitude of the outputs.
    - `starts`, `attack_steps`: of projected gradient descent, which looks for a counterexample before all else.
    """

    bounds: eqx.AbstractVar[AbstractBoundMethod]
    batch_size: eqx.AbstractVar[int]
    seconds: eqx.AbstractVar[float]
    memory: eqx.AbstractVar[float]
    margin: eqx.AbstractVar[float]
    starts: eqx.AbstractVar[int]
    attack_steps: eqx.AbstractVar[int]

    def __check_init__(self):
        check_instance("bounds", self.bounds, AbstractBoundMethod, "a method such as CROWN()")
        check_integer("batch_size", self.batch_size, minimum=1)
        check_integer("starts", self.starts, minimum=1)
        check_integer("attack_steps", self.attack_steps, minimum=1)
        check_number("margin", self.margin, minimum=0.0)
        check_number("seconds", self.seconds, minimum=0.0, exclusive=True, finite=False)
        check_number("memory", self.memory, minimum=0.0, exclusive=True, finite=False)

    @abc.abstractmethod
    def prepare(self, query: Query) -> Any:
        """What is computed once for a region."""

    @abc.abstractmethod
    def root(self, query: Query, prepared: Any) -> Domains:
        """The region as a single subdomain."""

    @abc.abstractmethod
    def examine(self, query: Query, prepared: Any, domains: Domains) -> Examined:
        """Bounds for a batch of subdomains."""

    @abc.abstractmethod
    def branch(
        self, query: Query, prepared: Any, domains: Domains, choices: Domains, rounding: float
    ) -> tuple[Domains, np.ndarray, np.ndarray]:
        """Children of subdomains that are not proved, further candidates for counterexamples, `(n, inputs)`, and which
        subdomains can neither be split nor decided."""

    def search(self, problem: Verification, key: Any, checkpoint: Any) -> Verdict:
        run = _Run(problem, self, key, checkpoint)
        try:
            return run.all_regions()
        except KeyboardInterrupt:
            run.keep()
            raise


class _Run:
    """One call of `verify`: where the search stands."""

    def __init__(self, problem: Verification, method: AbstractBranchAndBound, key: Any, checkpoint: Any):
        self.problem, self.method, self.key = problem, method, key
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        self.signature = "" if checkpoint is None else _signature(problem, method)
        self.began = time.monotonic()
        self.written = self.began
        self.region, self.evaluations, self.attacked, self.stuck, self.proved = 0, 0, 0, 0, 0.0
        self.stack: Any = None  # a list of chunks of subdomains once a region is begun
        if self.checkpoint is not None and self.checkpoint.exists():
            self._resume(read_tree(self.checkpoint, _LABEL))

    def all_regions(self) -> Verdict:
        queries = queries_of(self.problem)
        if self.stack is None:
            starts, steps = self.method.starts, self.method.attack_steps
            for i, query in enumerate(queries):
                points, values = attack(query, jax.random.fold_in(self.key, i), starts, steps)
                self.attacked += starts * (steps + 1)
                if (found := self._witness(points, values)) is not None:
                    return self._verdict("falsified", found)
        with progress(len(queries), "verifying") as bar:
            bar.advance(self.region)
            while self.region < len(queries):
                verdict = self._one_region(queries[self.region], bar)
                if verdict is not None:
                    return verdict
                self.region, self.stack = self.region + 1, None
                bar.advance()
        if self.stuck:
            number = "1 subdomain" if self.stuck == 1 else f"{self.stuck} subdomains"
            return self._verdict("unknown", reason=f"{number} can neither be split nor decided")
        return self._verdict("verified")

    def _one_region(self, query: Query, bar: Any) -> Verdict | None:
        method = self.method
        prepared, rounding = method.prepare(query), method.margin * query.scale()
        if self.stack is None:
            alternatives = len(query.groups)
            root = method.root(query, prepared)
            self.stack = [{**root, "excluded": np.zeros((1, alternatives), bool), "weight": np.ones(1)}]
        while self.stack:
            if self._seconds() > method.seconds:
                return self._stopped(f"the time limit of {method.seconds:g} s")
            if sum(array.nbytes for chunk in self.stack for array in chunk.values()) > method.memory * 2**20:
                return self._stopped(f"the memory limit of {method.memory:g} MiB")
            domains = _pop(self.stack, method.batch_size)
            try:
                verdict = self._batch(query, prepared, domains, rounding)
            except BaseException:
                self.stack.append(domains)
                raise
            if verdict is not None:
                return verdict
            if time.monotonic() - self.written > _SECONDS_BETWEEN_CHECKPOINTS:
                self.keep()
            bar.update(open=self._open(), bounded=self.evaluations, proved=f"{100 * self.proved:.3g} %")
        return None

    def _batch(self, query: Query, prepared: Any, domains: Domains, rounding: float) -> Verdict | None:
        size = len(domains["weight"])
        padded = {name: np.resize(array, (self.method.batch_size, *array.shape[1:])) for name, array in domains.items()}
        examined = self.method.examine(query, prepared, padded)
        lower, points, values = (np.asarray(array)[:size] for array in examined[:3])
        if (found := self._witness(points, values)) is not None:
            return self._verdict("falsified", found)
        excluded = domains["excluded"] | query.excluded(lower, rounding)
        left = ~excluded.all(1)
        # Easiest first: the stack is taken from its end.
        order = np.flatnonzero(left)[np.argsort(-_hardness(lower, excluded, query.groups)[left], kind="stable")]
        rest = {**{name: array[order] for name, array in domains.items()}, "excluded": excluded[order]}
        choices = {name: np.asarray(array)[:size][order] for name, array in examined.choices.items()}
        children, candidates, stuck = self.method.branch(query, prepared, rest, choices, rounding)
        if (found := self._witness(candidates, np.full(len(candidates), -np.inf))) is not None:
            return self._verdict("falsified", found)
        self.evaluations, self.stuck = self.evaluations + size, self.stuck + int(np.count_nonzero(stuck))
        lost = children["weight"].sum() + rest["weight"][stuck].sum()
        self.proved += float(domains["weight"].sum() - lost) / len(self.problem.property.regions)
        if len(children["weight"]):
            self.stack.append(children)
        return None

    def _witness(self, points: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        for i in np.argsort(values):
            if not values[i] <= 0:
                return None
            found = confirmed(self.problem, points[i])
            if found is not None:
                return found
        return None

    def _open(self) -> int:
        return sum(len(chunk["weight"]) for chunk in self.stack or [])

    def _seconds(self) -> float:
        return time.monotonic() - self.began

    def _stopped(self, reason: str) -> Verdict:
        self.keep()
        return self._verdict("unknown", reason=reason)

    def _verdict(self, status: str, found: Any = (None, None), reason: str = "") -> Verdict:
        if status != "unknown" and self.checkpoint is not None:
            self.checkpoint.unlink(missing_ok=True)
        stats = {
            "evaluations": self.evaluations,
            "attack_evaluations": self.attacked,
            "open": self._open(),
            "proved": 1.0 if status == "verified" else self.proved,
            "seconds": self._seconds(),
        }
        return Verdict(status, found[0], found[1], reason, stats)

    def keep(self) -> None:
        """Write the checkpoint, when there is one to write."""
        self.written = time.monotonic()
        if self.checkpoint is not None and self.stack is not None:
            state = {name: getattr(self, name) for name in _KEPT}
            write_tree(self.checkpoint, {**state, "signature": self.signature}, _LABEL)

    def _resume(self, state: dict[str, Any]) -> None:
        if state.get("signature") != self.signature:
            raise ValueError(f"checkpoint {self.checkpoint} is of another problem or method; remove it or name another")
        for name in _KEPT:
            setattr(self, name, state[name])


# What a checkpoint holds of a run.
_KEPT = ("region", "stack", "evaluations", "attacked", "stuck", "proved")


def _pop(stack: list[Domains], count: int) -> Domains:
    """Take subdomains from the end of a stack of chunks."""
    taken: list[Domains] = []
    while stack and count > 0:
        chunk = stack.pop()
        size = len(chunk["weight"])
        if size > count:
            stack.append({name: array[: size - count] for name, array in chunk.items()})
            chunk = {name: array[size - count :] for name, array in chunk.items()}
        taken.append(chunk)
        count -= size
    return {name: np.concatenate([chunk[name] for chunk in taken]) for name in taken[0]}


def _hardness(lower: np.ndarray, excluded: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The bound of the alternative that is farthest from being excluded; least is hardest."""
    best = np.where(groups, np.nan_to_num(lower, nan=-np.inf)[:, None, :], -np.inf).max(-1)
    return np.where(excluded, np.inf, best).min(-1)


def _signature(problem: Verification, method: AbstractBranchAndBound) -> str:
    try:
        # Subdomains that were dropped at a smaller margin are not proved at a larger one.
        return digest((problem.f, problem.property, problem.shape, type(method).__name__, method.margin))
    except TypeError as error:
        raise TypeError(f"checkpoint needs a function f whose content can be told: {error}") from None
