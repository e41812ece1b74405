"""Tracing a sampler into a table of coefficients.

Every sampler of this package is linear in states, network outputs and noises, with coefficients that depend on the
process and the grid only. So its algorithm is written once, as plain arithmetic on `x`, and run once on the host with
a symbol in the place of `x`: a `Combination` of the values known so far. The tracer writes down each network
evaluation as a *stage* (the combination that is evaluated, and when), and at the end gives every value that is needed
later a register, so that an executor keeps as few states in memory as the method allows.
"""

from collections.abc import Iterator
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
    """A state, output or noise by its kind and number; state -1 is the start."""

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
    """One network evaluation: `state = sum of terms`, then `output = data or noise prediction at (state, node)`."""

    terms: dict[Value, float]
    node: Node
    data: bool
    order: int


class Tracer:
    """Stands in for the network and the noise source while an algorithm is traced."""

    def __init__(self):
        self.stages: list[Stage] = []
        self.start = Combination({Value("state", -1): 1.0})
        self._noises = 0

    def data(self, x: Combination, node: Node, order: int = 1) -> Combination:
        """The data prediction at `(x, node)`; `order` is the order of the step it serves, for the explanation."""
        return self._evaluate(x, node, True, order)

    def noise(self, x: Combination, node: Node, order: int = 1) -> Combination:
        """The noise prediction at `(x, node)`."""
        return self._evaluate(x, node, False, order)

    def draw(self) -> Combination:
        """A fresh standard normal of the state's shape."""
        self._noises += 1
        return Combination({Value("draw", self._noises - 1): 1.0})

    def _evaluate(self, x: Combination, node: Node, data: bool, order: int) -> Combination:
        index = len(self.stages)
        self.stages.append(Stage(dict(x.terms), node, data, order))
        # From here on the evaluated state is a value of its own: whoever holds `x` now refers to it by name instead
        # of by its ingredients, so that those can be forgotten.
        x.terms = {Value("state", index): 1.0}
        return Combination({Value("output", index): 1.0})


# Coefficients this much smaller than the largest of their stage are the rounding of an exact cancellation.
_CANCELLED = 1e-13


def _significant(terms: dict[Value, float]) -> dict[Value, float]:
    largest = max(map(abs, terms.values()), default=0.0)
    return {value: c for value, c in terms.items() if abs(c) > _CANCELLED * largest or not np.isfinite(c)}


class Registers(NamedTuple):
    """The table: `mix[k] @ registers + draw[k] * z_k` is the state of stage `k` (row `N`: the result)."""

    mix: np.ndarray
    draw: np.ndarray
    state_slot: np.ndarray
    output_slot: np.ndarray


def allocate(stages: list[Stage], result: Combination) -> Registers:
    """Give every value that a later stage needs a register, by a linear scan over the stages.

    Slot `mix.shape[1]` (one past the end) means "not kept".

    **Raises:** `ValueError` when a stage uses two noises or a noise is used twice.
    """
    rows = [_significant(terms) for terms in [*(stage.terms for stage in stages), result.terms]]
    last_use = {value: k for k, row in enumerate(rows) for value in row}
    draws = [[c for value, c in row.items() if value.kind == "draw"] for row in rows]
    if any(len(row) > 1 for row in draws) or sum(map(len, draws)) > len({v for v in last_use if v.kind == "draw"}):
        raise ValueError("a stage may use one noise and a noise may be used once: call draw() for each")

    slots: dict[Value, int] = {Value("state", -1): 0}
    free: list[int] = []
    width = 1
    filled: list[dict[int, float]] = []
    kept: list[tuple[int, int]] = []
    for k, row in enumerate(rows):
        filled.append({slots[value]: c for value, c in row.items() if value.kind != "draw"})
        for value in [value for value in slots if last_use.get(value, -1) <= k]:
            free.append(slots.pop(value))
        here = []
        for value in (Value("state", k), Value("output", k)):
            if last_use.get(value, -1) > k:
                if not free:
                    free.append(width)
                    width += 1
                slots[value] = free.pop()
                here.append(slots[value])
            else:
                here.append(-1)
        kept.append((here[0], here[1]))

    mix = np.zeros((len(rows), width))
    for k, row in enumerate(filled):
        for slot, coefficient in row.items():
            mix[k, slot] = coefficient
    slots_of = np.array([[width if slot < 0 else slot for slot in pair] for pair in kept[:-1]], dtype=np.int32)
    return Registers(mix, np.array([sum(row) for row in draws], dtype=np.float64), slots_of[:, 0], slots_of[:, 1])
