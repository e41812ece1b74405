"""What a quantised network may cost, and what each layer costs at each width.

    size_i(b) = p_i b / 8 bytes,      BOPS_i(b) = b^2 MAC_i,      latency_i(b) as measured

Weights and activations of a layer share their width `b`; `p_i` counts its weights, `MAC_i` its multiplications for one
input. Scales and biases, whose width is not chosen, are not counted.
"""

import csv
import os
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float

from ..core import check_instance, check_number
from ._quantizable import Layer


class Share(eqx.Module):
    """A limit as a share of the way from the cheapest network to the dearest one; fixed layers are as they are in both.

        B = B_cheapest + fraction (B_dearest - B_cheapest)

    **Arguments:** `fraction`: in `[0, 1]`.

    **Raises:** `ValueError` for a number out of range.

    >>> Share(0.5).fraction
    0.5
    """

    fraction: float = eqx.field(static=True)

    def __init__(self, fraction: float | int):
        self.fraction = check_number("fraction", fraction, minimum=0.0, maximum=1.0)


class Budget(eqx.Module):
    """Limits on a quantised network; `None` for no limit.

    **Arguments:**

    - `size`: of the weights in bytes, or a `Share`.
    - `bit_operations`: of one input, or a `Share`.
    - `latency`: in milliseconds, or a `Share`; it needs `latencies`, milliseconds by the name of a layer and a width,
      measured on the device that is meant, such as by `read_latencies`.

    **Raises:** `TypeError`, `ValueError` for limits that are not positive, or latencies that are missing.

    >>> Budget(size=100_000).size
    100000.0
    """

    size: float | Share | None = eqx.field(static=True)
    bit_operations: float | Share | None = eqx.field(static=True)
    latency: float | Share | None = eqx.field(static=True)
    latencies: tuple[tuple[str, int, float], ...] = eqx.field(static=True)

    def __init__(
        self,
        size: Any = None,
        bit_operations: Any = None,
        latency: Any = None,
        latencies: Mapping[tuple[str, int], float] | None = None,
    ):
        self.size = _limit("size", size)
        self.bit_operations = _limit("bit_operations", bit_operations)
        self.latency = _limit("latency", latency)
        if (latency is None) != (latencies is None):
            raise ValueError("latency and latencies must be given together")
        if latencies is not None:
            check_instance("latencies", latencies, Mapping, "a mapping {(layer, bits): milliseconds}")
        self.latencies = tuple(
            (name, int(bits), check_number(f"latencies[{name!r}, {bits}]", value, minimum=0.0))
            for (name, bits), value in (latencies or {}).items()
        )

    def check(self, layers: Sequence[Layer], bits: Sequence[int]) -> None:
        """Refuse latencies that are missing for a layer and a width."""
        if self.latency is not None:
            known = {(name, b) for name, b, _ in self.latencies}
            missing = [(layer.name, b) for layer in layers for b in bits if (layer.name, b) not in known]
            if missing:
                raise ValueError(f"latencies must have a number for every layer and width; {missing[0]} is missing")

    def costs(self, layers: Sequence[Layer], bits: Sequence[int]) -> dict[str, Float[np.ndarray, "layers widths"]]:
        """What is limited, by its name."""
        found = {}
        if self.size is not None:
            found["size"] = sizes(layers, bits)
        if self.bit_operations is not None:
            found["bit_operations"] = bit_operations(layers, bits)
        if self.latency is not None:
            table = {(name, b): value for name, b, value in self.latencies}
            found["latency"] = np.array([[table[layer.name, b] for b in bits] for layer in layers])
        return found

    def limits(
        self, costs: Mapping[str, Float[np.ndarray, "layers widths"]], allowed: Bool[np.ndarray, "layers widths"]
    ) -> dict[str, float]:
        """The limits as numbers, for the widths that are allowed."""
        found = {}
        for name, cost in costs.items():
            limit = getattr(self, name)
            low, high = np.where(allowed, cost, np.inf).min(1).sum(), np.where(allowed, cost, -np.inf).max(1).sum()
            found[name] = float(low + limit.fraction * (high - low)) if isinstance(limit, Share) else limit
        return found


def sizes(layers: Sequence[Layer], bits: Sequence[int]) -> Float[np.ndarray, "layers widths"]:
    """Bytes of the weights."""
    return np.array([[layer.parameters * b / 8.0 for b in bits] for layer in layers])


def bit_operations(layers: Sequence[Layer], bits: Sequence[int]) -> Float[np.ndarray, "layers widths"]:
    """Bit operations of one input."""
    return np.array([[float(layer.multiplications * b**2) for b in bits] for layer in layers])


def read_latencies(path: str | os.PathLike[str]) -> dict[tuple[str, int], float]:
    """Latencies from a CSV file with the columns `layer`, `bits` and `ms`.

    **Arguments:** `path`: of the file.

    **Returns:** milliseconds by layer and width, for `Budget`.

    **Raises:** `ValueError` for a file with other columns, or a row that is no measurement, by its line; `OSError` when
    it cannot be read.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "device.csv")
    ...     _ = path.write_text("layer,bits,ms\\nlayers.0.weight,4,0.25\\n")
    ...     read_latencies(path)
    {('layers.0.weight', 4): 0.25}
    """
    found: dict[tuple[str, int], float] = {}
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if not {"layer", "bits", "ms"} <= set(rows.fieldnames or ()):
            raise ValueError(f"{os.fspath(path)} must have the columns layer, bits and ms, got {rows.fieldnames}")
        for row in rows:
            try:
                key, value = (row["layer"], int(row["bits"])), float(row["ms"])
            except (TypeError, ValueError):
                raise ValueError(f"{os.fspath(path)}, line {rows.line_num}: {row} is no measurement") from None
            if key in found or not 0.0 <= value < np.inf:
                raise ValueError(f"{os.fspath(path)}, line {rows.line_num}: {key} is there twice or {value} ms no time")
            found[key] = value
    return found


def _limit(name: str, value: Any) -> float | Share | None:
    if value is None or isinstance(value, Share):
        return value
    return check_number(name, value, minimum=0.0, exclusive=True)
