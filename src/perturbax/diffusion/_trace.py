"""Tracing a sampler into a table of coefficients.

Every sampler of this package is linear in states, network outputs and noises, with coefficients that depend on the
process and the grid only. So its algorithm is written once, as plain arithmetic on `x`, and run once on the host with
a symbol in the place of `x`: a `Combination` of the values known so far. The tracer writes down each network
evaluation as a *stage* (the combination that is evaluated, and when), and at the end gives every value that is needed
later a register, so that an executor keeps as few states in memory as the method allows.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ._process import AbstractProcess


class Node(NamedTuple):
    """A point of the process: time, `alpha`, `sigma` and half log-SNR, NumPy float64 or traced scalars."""

    time: Any
    alpha: Any
    sigma: Any
    half_log_snr: Any

    @staticmethod
    def at(process: AbstractProcess, time: Any) -> "Node":
        return Node(time, process.alpha(time), process.sigma(time), process.half_log_snr(time))

    @staticmethod
    def along(process: AbstractProcess, times: np.ndarray) -> list["Node"]:
        columns = (process.alpha(times), process.sigma(times), process.half_log_snr(times))
        return [Node(*row) for row in zip(times, *map(np.asarray, columns), strict=True)]


class Value(NamedTuple):
    """A start, state, output, noise prediction, kept value or draw, by its kind and number."""

    kind: str
    index: int


class Combination:
    """A linear combination of values; adds, subtracts and scales like an array."""

    __slots__ = ("terms",)
    __array_ufunc__ = None  # NumPy scalars leave `scalar * combination` to __rmul__

    def __init__(self, terms: dict[Value, float]):
        self.terms = terms

    def __add__(self, other: "Combination") -> "Combination":
        terms = dict(self.terms)
        for value, coefficient in other.terms.items():
            terms[value] = terms.get(value, 0.0) + coefficient
        return Combination(terms)

    def __neg__(self) -> "Combination":
        return -1.0 * self

    def __sub__(self, other: "Combination") -> "Combination":
        return self + (-other)

    def __mul__(self, scalar: float) -> "Combination":
        return Combination({value: float(scalar) * coefficient for value, coefficient in self.terms.items()})

    __rmul__ = __mul__

    def __truediv__(self, scalar: float) -> "Combination":
        return self * (1.0 / float(scalar))

    def __iter__(self) -> Iterator:
        raise TypeError("a traced state is one symbol and cannot be iterated over")


class Stage(NamedTuple):
    """One network evaluation: `state = sum of terms`, then the data or noise prediction at `(state, node)`.

    `kept` are further values, formed together with the state. `splits`: the uncorrected noise prediction is an output
    of its own.
    """

    terms: dict[Value, float]
    kept: dict[Value, dict[Value, float]]
    node: Node
    data: bool
    splits: bool
    order: int


class Tracer:
    """Stands in for the network and the noise source while an algorithm is traced.

    `starts` are the states that the algorithm begins with, `start` is the first of them.
    """

    def __init__(self, starts: int = 1):
        self.stages: list[Stage] = []
        self.starts = [Combination({Value("start", i): 1.0}) for i in range(starts)]
        self._pending: dict[Value, dict[Value, float]] = {}
        self._kept = 0
        self._noises = 0

    @property
    def start(self) -> Combination:
        """The state that the algorithm begins with."""
        return self.starts[0]

    def data(self, x: Combination, node: Node, order: int = 1) -> Combination:
        """The data prediction at `(x, node)`; `order` is the order of the step it serves, for the explanation."""
        return self._evaluate(x, node, True, order)

    def noise(self, x: Combination, node: Node, order: int = 1) -> Combination:
        """The noise prediction at `(x, node)`."""
        return self._evaluate(x, node, False, order)

    def split(self, x: Combination, node: Node, order: int = 1) -> tuple[Combination, Combination]:
        """The data prediction after correction and the noise prediction before it, from one evaluation."""
        data = self._evaluate(x, node, True, order, splits=True)
        return data, Combination({Value("noise", len(self.stages) - 1): 1.0})

    def draw(self) -> Combination:
        """A fresh standard normal of the state's shape."""
        self._noises += 1
        return Combination({Value("draw", self._noises - 1): 1.0})

    def keep(self, x: Combination) -> Combination:
        """Make `x` a value of its own, as a velocity that is carried from step to step, and give it back.

        Without this a recursion would be written out in all outputs so far, each of which takes a register.
        """
        value = Value("kept", self._kept)
        self._kept += 1
        self._pending[value] = self._spelled_out(x.terms)
        x.terms = {value: 1.0}
        return x

    def finish(self, results: Sequence[Combination]) -> list[dict[Value, float]]:
        """The terms of the results, in values that have registers."""
        return [self._spelled_out(result.terms) for result in results]

    def _evaluate(self, x: Combination, node: Node, data: bool, order: int, splits: bool = False) -> Combination:
        index = len(self.stages)
        self.stages.append(Stage(self._spelled_out(x.terms), self._pending, node, data, splits, order))
        self._pending = {}
        # From here on the evaluated state is a value of its own: whoever holds `x` now refers to it by name instead
        # of by its ingredients, so that those can be forgotten.
        x.terms = {Value("state", index): 1.0}
        return Combination({Value("output", index): 1.0})

    def _spelled_out(self, terms: dict[Value, float]) -> dict[Value, float]:
        """The terms with pending kept values, which have no register before the next stage, replaced by their own."""
        total = Combination({})
        for value, coefficient in terms.items():
            total = total + coefficient * Combination(self._pending.get(value, {value: 1.0}))
        return total.terms


# Coefficients this much smaller than the largest of their stage are the rounding of an exact cancellation.
_CANCELLED = 1e-13


def _significant(terms: dict[Value, float]) -> dict[Value, float]:
    largest = max(map(abs, terms.values()), default=0.0)
    return {value: c for value, c in terms.items() if abs(c) > _CANCELLED * largest or not np.isfinite(c)}


class Registers(NamedTuple):
    """The table; see `Plan`. Slot `mix.shape[1]`, one past the end, means that the value is not kept."""

    mix: np.ndarray
    draw: np.ndarray
    state_slot: np.ndarray
    output_slot: np.ndarray
    noise_slot: np.ndarray
    kept_mix: np.ndarray
    kept_slot: np.ndarray


def allocate(stages: list[Stage], results: list[dict[Value, float]], starts: int) -> Registers:
    """Give every value that a later stage needs a register, by a linear scan over the stages.

    **Raises:** `ValueError` when a stage uses two noises, a noise is used twice, or a kept value has noise in it.
    """
    rows = [_significant(terms) for terms in [*(stage.terms for stage in stages), *results]]
    kept = [{value: _significant(terms) for value, terms in stage.kept.items()} for stage in stages]
    last_use: dict[Value, int] = {}
    for k, row in enumerate(rows):
        for terms in (row, *(kept[k].values() if k < len(kept) else ())):
            last_use.update(dict.fromkeys(terms, min(k, len(stages))))
    draws = [[c for value, c in row.items() if value.kind == "draw"] for row in rows]
    noisy = any(value.kind == "draw" for stage in kept for terms in stage.values() for value in terms)
    drawn = {value for value in last_use if value.kind == "draw"}
    if noisy or any(len(row) > 1 for row in draws) or sum(map(len, draws)) > len(drawn):
        raise ValueError("a stage may use one noise and a noise may be used once, in a state: call draw() for each")

    slots = {Value("start", i): i for i in range(starts)}
    free: list[int] = []
    width = starts

    def give(value: Value, k: int) -> int:
        nonlocal width
        if last_use.get(value, -1) <= k:
            return -1
        if not free:
            free.append(width)
            width += 1
        slots[value] = free.pop()
        return slots[value]

    def read(terms: dict[Value, float]) -> dict[int, float]:
        return {slots[value]: c for value, c in terms.items() if value.kind != "draw"}

    read_kept: list[list[dict[int, float]]] = []
    read_rows: list[dict[int, float]] = []
    written: list[list[int]] = []
    for k, stage in enumerate(stages):
        read_rows.append(read(rows[k]))
        read_kept.append([read(terms) for terms in kept[k].values()])
        for value in [value for value in slots if last_use.get(value, -1) <= k]:
            free.append(slots.pop(value))
        values = [Value("state", k), Value("output", k), Value("noise", k), *stage.kept]
        written.append([give(value, k) for value in values])
    read_rows += [read(terms) for terms in rows[len(stages) :]]

    def dense(entries: list[dict[int, float]], shape: tuple[int, ...]) -> np.ndarray:
        table = np.zeros(shape)
        for k, entry in enumerate(entries):
            for slot, coefficient in entry.items():
                table[k, slot] = coefficient
        return table

    most_kept = max((len(stage.kept) for stage in stages), default=0)
    table = np.full((len(stages), 3 + most_kept), width, dtype=np.int32)
    for k, row in enumerate(written):
        table[k, : len(row)] = [width if slot < 0 else slot for slot in row]
    return Registers(
        mix=dense(read_rows, (len(rows), width)),
        draw=np.array([sum(row) for row in draws], dtype=np.float64),
        state_slot=table[:, 0],
        output_slot=table[:, 1],
        noise_slot=table[:, 2 : 2 + any(stage.splits for stage in stages)],
        kept_mix=np.stack([dense(entry, (most_kept, width)) for entry in read_kept]),
        kept_slot=table[:, 3:],
    )
