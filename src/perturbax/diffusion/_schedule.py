"""Solver schedules: every choice that a sampler makes, step by step, as one object that can be written down.

A schedule has nodes `lambda_0 < ... < lambda_S` in half log-SNR and for each step `i`, from a start to node `i + 1`,
the prediction that is expanded, the order of the expansion, the points that its first derivative is estimated from, a
relaxation of that derivative, and a corrector. Liu et al. 2024, arXiv 2312.07243; known solvers are special cases.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import equinox as eqx
import numpy as np

from ..core import check_array, check_choice, check_integer, check_number, write_atomic
from ._grid import AbstractGrid
from ._process import AbstractProcess

MAX_ORDER = 4
PREDICTIONS = ("noise", "data")
RELAXATIONS = ("none", "bh1", "bh2", "exp", "-exp")
CORRECTORS = ("none", "pseudo", "implicit")
FINALS = ("eps", "zero")
# Nodes nearer than this make the estimates of derivatives nearly singular; lambda spans about 10.
MIN_GAP = 1e-3
_FORMAT = "perturbax-solver-schedule-1"


class AtHalfLogSNR(AbstractGrid):
    """The nodes that are given, in half log-SNR, so that one grid serves every process that reaches them.

    **Arguments:** `at`: at least 2 numbers, increasing; `final`: as for `LogSNR`.

    **Raises:** `ValueError` when the nodes do not increase, or the process does not reach them.

    >>> from perturbax.diffusion import EDM
    >>> AtHalfLogSNR((-1.0, 0.0)).times(EDM(), 1).round(4).tolist()
    [2.7183, 1.0]
    """

    at: tuple[float, ...]
    final: Literal["zero", "eps"]

    def __init__(self, at: Any, final: Literal["zero", "eps"] = "eps"):
        self.at = tuple(np.asarray(check_array("at", at, ndim=1), np.float64).tolist())
        if len(self.at) < 2 or not np.all(np.diff(self.at) > 0):
            raise ValueError(f"at must hold at least 2 numbers that increase, got {self.at}")
        self.final = final

    def begin(self, process: AbstractProcess, start: float | None = None) -> float:
        first = self._times(process)[0]
        if start is not None and not np.isclose(super().begin(process, start), first, rtol=1e-9, atol=0.0):
            raise ValueError(f"start must be where the schedule begins, time {first:g}, got {start:g}")
        return float(first)

    def end(self, process: AbstractProcess) -> float:
        return float(self._times(process)[-1])

    def _interior(self, process: AbstractProcess, intervals: int, start: float, end: float) -> np.ndarray:
        if intervals != len(self.at) - 1:
            raise ValueError(f"the schedule has {len(self.at) - 1} steps and cannot be run with {intervals}")
        return self._times(process)

    def _times(self, process: AbstractProcess) -> np.ndarray:
        return times_of_half_log_snr(process, np.asarray(self.at))


def times_of_half_log_snr(process: AbstractProcess, half_log_snr: np.ndarray) -> np.ndarray:
    """Times of nodes on the last axis; the ends of the process itself where a node is there up to rounding.

    **Raises:** `ValueError` when a node lies outside of the process.
    """
    low, high = (float(process.half_log_snr(t)) for t in (process.t_max, process.t_min))
    close = 1e-9 * max(1.0, abs(high))
    if np.any(half_log_snr < low - close) or np.any(half_log_snr > high + close):
        raise ValueError(
            f"half_log_snr must lie in [{low:.6g}, {high:.6g}], which is what the process reaches, got "
            f"[{half_log_snr.min():.6g}, {half_log_snr.max():.6g}]"
        )
    times = np.asarray(process.time_of_half_log_snr(np.clip(half_log_snr, low, high)))
    times = np.where(half_log_snr <= low + close, process.t_max, times)
    return np.where(half_log_snr >= high - close, process.t_min, times)


class SolverSchedule(eqx.Module):
    """What a sampler does at every step, for `USF`.

    Steps are numbered from 0; point `i` is where step `i` begins. Points are named by how many evaluations back they
    are: 0 is the newest. A single value stands for all steps.

    **Arguments:**

    - `half_log_snr`: the `S + 1` nodes `lambda = log(alpha / sigma)`, increasing.
    - `orders`: of the Taylor expansion, 1 to 4; step `i` can reach order `i + 1`.
    - `predictions`: what is expanded, `"noise"` or `"data"`.
    - `starts`: the point from which a step starts: 0 (multistep), or the begin of a singlestep group.
    - `active_points`: points from which the first derivative is estimated, `orders - 1` points at most; all by default.
      Higher derivatives take the nearest `orders - 1` points, those after the start first.
    - `relaxations`: a factor on the first derivative. `"bh2"` turns the expansion of order 2 into the midpoint rule of
      DPM-Solver and into UniPC's `bh2`, `"bh1"` is UniPC's other one, `"exp"` and `"-exp"` are
      `1 +- expm1(z) / 2`, with `z` the step `h` for noise and `-h` for data.
    - `coefficients`: `c` of a further factor `1 + c h`.
    - `correctors`: `"pseudo"` does the step again with the prediction at its end, which stays as it is; `"implicit"`
      evaluates once more there; `"none"`. The last step has none.
    - `analytic_first_step`: take the first data prediction to be 0 instead of evaluating it. For data whose mean is not
      0 centre the model: every schedule commutes with that.
    - `final`: `"zero"` evaluates at the last node and returns the data prediction, `"eps"` stops there.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Liu et al. 2024, arXiv 2312.07243, and its released code.

    >>> SolverSchedule([-5.0, -1.0, 2.0, 4.5], orders=[1, 2, 2], predictions="data", relaxations="bh2").evaluations
    3
    """

    half_log_snr: tuple[float, ...]
    orders: tuple[int, ...]
    predictions: tuple[str, ...]
    starts: tuple[int, ...]
    active_points: tuple[tuple[int, ...], ...]
    relaxations: tuple[str, ...]
    coefficients: tuple[float, ...]
    correctors: tuple[str, ...]
    analytic_first_step: bool
    final: Literal["zero", "eps"]

    def __init__(
        self,
        half_log_snr: Any,
        orders: Any = 1,
        predictions: Any = "data",
        starts: Any = 0,
        active_points: Any = None,
        relaxations: Any = "none",
        coefficients: Any = 0.0,
        correctors: Any = "none",
        analytic_first_step: bool = False,
        final: Literal["zero", "eps"] = "eps",
    ):
        nodes = np.asarray(check_array("half_log_snr", half_log_snr, ndim=1), np.float64)
        if nodes.size < 2 or not np.all(np.diff(nodes) > 0):
            raise ValueError(f"half_log_snr must hold at least 2 numbers that increase, got {nodes.tolist()}")
        self.half_log_snr = tuple(nodes.tolist())
        steps = nodes.size - 1
        self.orders = tuple(
            check_integer(f"orders[{i}]", order, minimum=1, maximum=min(MAX_ORDER, i + 1))
            for i, order in enumerate(_spread("orders", orders, steps))
        )
        self.starts = tuple(
            check_integer(f"starts[{i}]", start, minimum=0, maximum=i)
            for i, start in enumerate(_spread("starts", starts, steps))
        )
        self.predictions = _choices("predictions", predictions, PREDICTIONS, steps)
        self.relaxations = _choices("relaxations", relaxations, RELAXATIONS, steps)
        if isinstance(correctors, str):
            correctors = (correctors,) * (steps - 1) + ("none",)
        self.correctors = _choices("correctors", correctors, CORRECTORS, steps)
        if self.correctors[-1] != "none":
            raise ValueError("correctors must end with 'none': at the last node nothing is evaluated any more")
        self.coefficients = tuple(
            check_number(f"coefficients[{i}]", c) for i, c in enumerate(_spread("coefficients", coefficients, steps))
        )
        if active_points is None:
            self.active_points = tuple(
                nearest_points(start, order - 1) for start, order in zip(self.starts, self.orders, strict=True)
            )
        else:
            self.active_points = _settle_points(active_points, self.orders, self.starts)
        if not isinstance(analytic_first_step, bool | np.bool_):
            raise TypeError(f"analytic_first_step must be True or False, got {analytic_first_step!r}")
        self.analytic_first_step = bool(analytic_first_step)
        self.final = check_choice("final", final, FINALS)
        if self.evaluations == 0:
            raise ValueError("analytic_first_step needs another evaluation: give at least 2 steps or final='zero'")

    @property
    def steps(self) -> int:
        """Number of steps between nodes."""
        return len(self.orders)

    @property
    def evaluations(self) -> int:
        """Number of network evaluations."""
        extra = self.correctors.count("implicit") + (self.final == "zero")
        return self.steps - int(self.analytic_first_step) + extra

    @property
    def grid(self) -> AtHalfLogSNR:
        """The nodes as a time grid."""
        return AtHalfLogSNR(self.half_log_snr, self.final)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The schedule as a JSON text, also written to a file when a path is given; numbers keep all digits."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        text = json.dumps({"format": _FORMAT, **fields}, indent=1)
        if path is not None:
            write_atomic(path, text.encode())
        return text

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> "SolverSchedule":
        """Read what `to_json` wrote: a text that begins with `{`, or the path of a file.

        **Raises:** `ValueError` when it is no schedule, by the name of the file and of the field.

        >>> schedule = SolverSchedule([-5.0, 0.0, 4.5], orders=[1, 2])
        >>> SolverSchedule.from_json(schedule.to_json()) == schedule
        True
        """
        text = source if isinstance(source, str) and source.lstrip().startswith("{") else None
        where = "the text" if text is not None else os.fspath(source)
        try:
            fields = json.loads(Path(source).read_text(encoding="utf-8") if text is None else text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{where} is not JSON: {error}") from None
        if not isinstance(fields, dict) or fields.pop("format", None) != _FORMAT:
            raise ValueError(f"{where} is no solver schedule: its format must be {_FORMAT!r}")
        if set(fields) != set(cls.__dataclass_fields__):
            raise ValueError(
                f"{where} must have the fields {', '.join(cls.__dataclass_fields__)}, got {', '.join(sorted(fields))}"
            )
        try:
            return cls(**fields)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{where}: {error}") from None


def nearest_points(start: int, count: int) -> tuple[int, ...]:
    """The points next to a start, those after it first, then those before it.

    >>> nearest_points(0, 2), nearest_points(2, 2), nearest_points(1, 2)
    ((1, 2), (1, 0), (0, 2))
    """
    after = tuple(range(start - 1, -1, -1))[:count]
    return after + tuple(range(start + 1, start + 1 + count - len(after)))


def _spread(name: str, value: Any, steps: int) -> list[Any]:
    if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str):
        # A common order is reached as soon as there is enough history.
        common = [value] * steps
        if name == "orders" and isinstance(value, int | np.integer):
            common = [min(value, i + 1) for i in range(steps)]
        return common
    if len(value) != steps:
        raise ValueError(f"{name} must have one entry for each of the {steps} steps, got {len(value)}")
    return list(value)


def _choices(name: str, value: Any, words: tuple[str, ...], steps: int) -> tuple[str, ...]:
    return tuple(check_choice(f"{name}[{i}]", word, words) for i, word in enumerate(_spread(name, value, steps)))


def _settle_points(points: Any, orders: Sequence[int], starts: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    if isinstance(points, str) or not isinstance(points, Sequence) or len(points) != len(orders):
        raise ValueError(f"active_points must have one tuple for each of the {len(orders)} steps, got {points!r}")
    settled = []
    for i, (own, order, start) in enumerate(zip(points, orders, starts, strict=True)):
        if isinstance(own, str) or not isinstance(own, Sequence):
            raise TypeError(f"active_points[{i}] must be a tuple of points, got {own!r}")
        own = tuple(check_integer(f"active_points[{i}]", point, minimum=0, maximum=i) for point in own)
        low = int(order > 1)
        if not low <= len(own) <= order - 1 or len(set(own)) != len(own) or start in own:
            raise ValueError(
                f"active_points[{i}] must name {low} to {order - 1} different points other than the start {start} for "
                f"order {order}, got {own}"
            )
        settled.append(own)
    return tuple(settled)
