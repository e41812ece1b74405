"""How long calls take: each is made once before, which compiles, and the median is taken of those that are timed.

A call has ended when all arrays of JAX in its result are computed.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax


def medians(calls: dict[str, Callable[[], Any]], repeats: int = 7) -> dict[str, float]:
    """Seconds of each call, taken in turn, so that what else the machine does falls on all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        jax.block_until_ready(call())
    for _ in range(repeats):
        for name, call in calls.items():
            seconds[name].append(_once(call)[0])
    return {name: statistics.median(values) for name, values in seconds.items()}


def seconds(call: Callable[[], Any], repeats: int = 7) -> float:
    """Seconds of a call."""
    return timed(call, repeats)[0]


def timed(call: Callable[[], Any], repeats: int = 1, warm: bool = True) -> tuple[float, Any]:
    """Seconds of a call, and what it gave the last time. Unless `warm`, compilation is among them."""
    if warm:
        jax.block_until_ready(call())
    runs = [_once(call) for _ in range(repeats)]
    return statistics.median(taken for taken, _ in runs), runs[-1][1]


def _once(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = jax.block_until_ready(call())
    return time.perf_counter() - start, result
