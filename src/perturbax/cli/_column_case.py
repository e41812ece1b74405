"""The case of `perturbax chromatogram simulate` in a `.toml` file: column, pulse, analytes, and when to look.

end = 600.0                 # seconds
samples = 1200

[column]
length = 0.3                # m
phase_ratio = 1.0           # volume of the stationary phase over that of the gas; 1 where rates are alpha k_a
speed = 0.3                 # m/s; for a gas that expands outlet_speed, inlet_pressure and outlet_pressure in Pa

[pulse]
width = 1.0                 # s; with decay an exponential tail; or deviation alone for a Gaussian

[[analytes]]
name = "benzene"
adsorption = 400.0          # 1/s
desorption = 8.0            # 1/s
concentration = 1.0         # mol/m^3 at the inlet
dispersion = 0.0            # m^2/s
capacity = 1e4              # mol/m^3 of stationary phase; for all analytes or for none
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from perturbax.systems import column

_FLOWS = {
    ("speed",): column.ConstantFlow,
    ("outlet_speed", "inlet_pressure", "outlet_pressure"): column.CompressibleFlow,
}
_PULSES = {
    ("width",): column.Rectangle,
    ("width", "decay"): column.ExponentialTail,
    ("deviation",): column.Gaussian,
}


class Case(NamedTuple):
    """What is injected, and the names of the analytes."""

    injection: column.Injection
    times: np.ndarray
    names: tuple[str, ...]


def read_case(path: Path) -> Case:
    """Raises `ValueError` that names the file and the entry when it is no case."""
    try:
        case = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no TOML: {error}") from None
    try:
        return _read(case)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None


def _read(case: Mapping[str, Any]) -> Case:
    parts = _table("the file", case, ("end", "samples", "column", "pulse", "analytes"))
    apparatus = _table("[column]", parts["column"], ("length",), ("phase_ratio", *(name for k in _FLOWS for name in k)))
    geometry = {
        name: _number(f"[column] {name}", apparatus.pop(name))
        for name in ("length", "phase_ratio")
        if name in apparatus
    }
    flow = _choose("[column]", apparatus, _FLOWS)
    pulse = _choose("[pulse]", _table("[pulse]", parts["pulse"], (), ("width", "decay", "deviation")), _PULSES)
    rows = parts["analytes"]
    if not isinstance(rows, list) or not rows:
        raise ValueError("[[analytes]] must be there once or more")
    optional = ("name", "concentration", "dispersion", "capacity")
    rows = [_table("[[analytes]]", row, ("adsorption", "desorption"), optional) for row in rows]

    def values(name: str, default: float | None = None) -> list[float]:
        return [_number(f"[[analytes]] {name}", row.get(name, default)) for row in rows]

    if any("capacity" in row for row in rows):
        kinetics = column.Langmuir(values("adsorption"), values("desorption"), values("capacity"))
    else:
        kinetics = column.Linear(values("adsorption"), values("desorption"))
    injection = column.Injection(
        column.GasColumn(flow=flow, **geometry),
        kinetics,
        pulse,
        values("concentration", 1.0),
        values("dispersion", 0.0),
    )
    end, samples = _number("end", parts["end"]), parts["samples"]
    if not isinstance(samples, int) or samples < 2 or end <= 0.0:
        raise ValueError(f"end must be > 0 and samples an integer >= 2, got {end:g} and {samples!r}")
    names = tuple(str(row.get("name", f"analyte {i}")) for i, row in enumerate(rows, 1))
    return Case(injection, np.linspace(0.0, end, samples + 1), names)


def _table(name: str, value: Any, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} must be a table, got {value!r}")
    if missing := [entry for entry in needed if entry not in value]:
        raise ValueError(f"{name} must have {', '.join(needed)}; {missing[0]} is missing")
    if foreign := [entry for entry in value if entry not in (*needed, *optional)]:
        raise ValueError(f"{name} knows {', '.join((*needed, *optional))}, got {foreign[0]}")
    return dict(value)


def _choose(name: str, given: Mapping[str, Any], kinds: Mapping[tuple[str, ...], Any]) -> Any:
    """The kind whose entries are those that are given."""
    for entries, kind in kinds.items():
        if set(entries) == set(given):
            return kind(*(_number(f"{name} {entry}", given[entry]) for entry in entries))
    choices = "; or ".join(", ".join(entries) for entries in kinds)
    raise ValueError(f"{name} must have {choices}, got {', '.join(given) or 'none of them'}")


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, got {value!r}")
    return float(value)
