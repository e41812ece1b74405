"""Variation of solver schedules: mutation, crossover, random ones.

Liu et al. 2024, arXiv 2312.07243, with the numbers of the released configuration (`evo_search.yml`). All schedules of a
search spend the same number of evaluations, so that a step is inserted where another one is deleted, or where the first
evaluation is skipped. Not taken over: DPM-Solver-v3's prediction, which needs statistics of the model, a first data
prediction of the data's mean, and coefficients of U-Net skips; what is left of a choice keeps its relative odds.
Instead of replacing a named relaxation by `1 + c h` both are kept as factors.
"""

from typing import Any, NamedTuple

import numpy as np

from ._schedule import CORRECTORS, MIN_GAP, RELAXATIONS, SolverSchedule, nearest_points

DECISIONS = ("time", "order", "prediction", "estimate", "relaxation", "corrector", "afs")
# Probabilities of evo_search.yml.
_ORDERS = (0.2, 0.4, 0.3, 0.1)
_CROSSOVER, _DEEP_CROSSOVER = 0.3, 0.5
_MOVE_STEP = 0.2
_TIME_STD, _COEFFICIENT_STD = 0.08, 0.03
# The released search has no named relaxations; a tenth keeps most of what the parent had.
_RENAME = 0.1

Fields = dict[str, Any]


class Space(NamedTuple):
    """What may be varied, between the ends `low` and `high` in half log-SNR."""

    evaluations: int
    low: float
    high: float
    final: Any
    decisions: tuple[str, ...]

    def steps(self, skips_first: bool) -> int:
        """Number of steps that spend the evaluations."""
        return self.evaluations + int(skips_first) - (self.final == "zero")


def child(parents: list[SolverSchedule], space: Space, rng: np.random.Generator, rate: float) -> SolverSchedule:
    """A mutated parent, or a mutated mixture of two."""
    first = _fields(parents[rng.integers(len(parents))])
    if len(parents) > 1 and rng.random() < _CROSSOVER:
        first = _crossed(first, _fields(parents[rng.integers(len(parents))]), rng)
    return _built(_mutated(first, space, rng, rate), space)


def random_schedule(space: Space, rng: np.random.Generator) -> SolverSchedule:
    """Uniform nodes, and every decision drawn anew."""
    skips = "afs" in space.decisions and space.steps(True) > 1 and rng.random() < 0.5
    steps = space.steps(skips)
    inner = np.sort(rng.uniform(space.low, space.high, steps - 1))
    fields: Fields = {
        "half_log_snr": [space.low, *inner.tolist(), space.high],
        "orders": [1] * steps,
        "predictions": ["data"] * steps,
        "starts": [0] * steps,
        "active_points": [()] * steps,
        "relaxations": ["none"] * steps,
        "coefficients": [0.0] * steps,
        "correctors": ["none"] * steps,
        "analytic_first_step": skips,
        "final": space.final,
    }
    kept = space._replace(decisions=tuple(name for name in space.decisions if name not in ("time", "afs")))
    return _built(_mutated(fields, kept, rng, 1.0), space)


def _fields(schedule: SolverSchedule) -> Fields:
    fields = {name: getattr(schedule, name) for name in schedule.__dataclass_fields__}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def _crossed(a: Fields, b: Fields, rng: np.random.Generator) -> Fields:
    """Each kind of decision from either parent; half of the time predictions and orders step by step."""
    if len(a["orders"]) != len(b["orders"]) or a["analytic_first_step"] != b["analytic_first_step"]:
        return a
    together = (("orders", "starts", "active_points", "relaxations", "coefficients"),)
    groups = (*together, ("half_log_snr",), ("predictions",), ("correctors",))
    mixed = dict(a)
    for group in groups:
        if rng.random() < 0.5:
            mixed |= {name: list(b[name]) for name in group}
    if rng.random() < _DEEP_CROSSOVER:
        for i in range(len(a["orders"])):
            source = a if rng.random() < 0.5 else b
            for name in (*together[0], "predictions"):
                mixed[name] = [*mixed[name][:i], source[name][i], *mixed[name][i + 1 :]]
    return mixed


def _mutated(fields: Fields, space: Space, rng: np.random.Generator, rate: float) -> Fields:
    fields = {name: list(value) if isinstance(value, list) else value for name, value in fields.items()}
    wanted = set(space.decisions)

    def happens() -> bool:
        return bool(rng.random() < rate)

    if "afs" in wanted and happens():
        _toggle_first(fields, rng.random() < 0.5, space, rng)
    if "time" in wanted and len(fields["orders"]) > 2 and rng.random() < _MOVE_STEP:
        _delete(fields, rng)
        _insert(fields, rng)
    for i in range(len(fields["orders"])):
        if "time" in wanted and i + 1 < len(fields["orders"]) and happens():
            fields["half_log_snr"][i + 1] += rng.normal(0.0, _TIME_STD)
        if "order" in wanted and happens():
            order = min(int(rng.choice(4, p=_ORDERS)) + 1, i + 1)
            if order != fields["orders"][i]:
                fields["orders"][i] = order
                fields["active_points"][i] = nearest_points(fields["starts"][i], order - 1)
        if "prediction" in wanted and happens():
            fields["predictions"][i] = ("noise", "data")[rng.integers(2)]
        if fields["orders"][i] > 1:
            if "relaxation" in wanted and happens():
                fields["coefficients"][i] += rng.normal(0.0, _COEFFICIENT_STD)
                if rng.random() < _RENAME:
                    fields["relaxations"][i] = RELAXATIONS[rng.integers(len(RELAXATIONS))]
            if "estimate" in wanted and happens():
                count = min(1 + int(rng.integers(2)), fields["orders"][i] - 1)
                fields["active_points"][i] = nearest_points(fields["starts"][i], count)
        if "corrector" in wanted and happens():
            fields["correctors"][i] = CORRECTORS[rng.integers(2)]
    return fields


def _toggle_first(fields: Fields, skips: bool, space: Space, rng: np.random.Generator) -> None:
    if skips == fields["analytic_first_step"]:
        return
    if not skips and len(fields["orders"]) < 2:
        return
    fields["analytic_first_step"] = skips
    (_insert if skips else _delete)(fields, rng)


def _insert(fields: Fields, rng: np.random.Generator) -> None:
    """Divide a step, the longer ones more often; the new one repeats the decisions of the old one."""
    gaps = np.diff(fields["half_log_snr"])
    i = int(rng.choice(len(gaps), p=gaps / gaps.sum()))
    node = fields["half_log_snr"][i] + rng.uniform(0.25, 0.75) * gaps[i]
    fields["half_log_snr"].insert(i + 1, float(node))
    for name in _PER_STEP:
        fields[name].insert(i, fields[name][i])
    _forget_groups(fields)


def _delete(fields: Fields, rng: np.random.Generator) -> None:
    i = int(rng.integers(1, len(fields["orders"])))
    del fields["half_log_snr"][i]
    for name in _PER_STEP:
        del fields[name][i]
    _forget_groups(fields)


_PER_STEP = ("orders", "predictions", "starts", "active_points", "relaxations", "coefficients", "correctors")


def _forget_groups(fields: Fields) -> None:
    """Singlestep groups lose their meaning when steps come and go."""
    if any(fields["starts"]):
        fields["starts"] = [0] * len(fields["starts"])
        fields["active_points"] = [nearest_points(0, len(points)) for points in fields["active_points"]]


def _built(fields: Fields, space: Space) -> SolverSchedule:
    """The schedule, repaired: nodes sorted with a smallest gap, orders and points that the history allows."""
    fields["half_log_snr"] = _repaired(np.array(fields["half_log_snr"]), space).tolist()
    fields["correctors"][-1] = "none"
    for i in range(len(fields["orders"])):
        order = fields["orders"][i] = min(fields["orders"][i], i + 1)
        start = fields["starts"][i] = fields["starts"][i] if fields["starts"][i] <= i else 0
        points = tuple(fields["active_points"][i])
        fits = all(point <= i and point != start for point in points) and min(1, order - 1) <= len(points) < order
        fields["active_points"][i] = points if fits else nearest_points(start, order - 1)
    return SolverSchedule(**fields)


def _repaired(nodes: np.ndarray, space: Space) -> np.ndarray:
    gap = min(MIN_GAP, (space.high - space.low) / (2.0 * nodes.size))
    inner = np.sort(nodes[1:-1])
    ramp = gap * np.arange(1, inner.size + 1)
    # Gaps of at least `gap`: what is left after subtracting the ramp must not decrease, and must leave room at the end.
    inner = np.maximum.accumulate(np.maximum(inner - ramp, space.low)) + ramp
    inner = np.minimum(inner, space.high - ramp[::-1])
    return np.array([space.low, *inner, space.high])
