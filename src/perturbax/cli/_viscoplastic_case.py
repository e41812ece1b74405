"""The case of `perturbax rom run` in a `.toml` file: mesh, material, supports, loads, and how temperatures grow.

mesh = "plate.vtu"          # beside this file; any format of meshio
end = 1.0                   # the time at the end
steps = 30

[material]                  # a number each, or as many as there are temperatures
temperatures = [20.0, 1000.0]
young = [200e3, 121600.0]
poisson = 0.3
yield_stress = [200.0, 82.4]
hardening = 5e3
viscosity = [300.0, 153.0]
exponent = 5.0
expansion = 1.2e-5
reference = 20.0

[[supports]]                # nodes whose coordinate has a value; components "xy" by default all
axis = "y"
at = 0.0

[load]
body = [0.0, 260.0]         # force per volume
amplitude = [[0.0, 0.0], [0.5, 1.0]]

[temperature]               # base + amplitude(t) (field - base)
base = 20.0
amplitude = [[0.0, 0.0], [0.3, 1.0]]
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from perturbax import interop, systems

from ._options import check_file

_TABLES = ("young", "yield_stress", "viscosity")
_NUMBERS = ("poisson", "hardening", "exponent", "expansion", "reference")
_AXES = "xyz"


class Case(NamedTuple):
    """All but the temperature field."""

    body: systems.Solid
    law: systems.Norton
    times: np.ndarray
    force: systems.Separable
    base: float
    growth: np.ndarray

    def problem(self, field: np.ndarray) -> systems.Viscoplastic:
        """With a temperature field, which is reached when its amplitude is 1."""
        if field.shape != (len(self.body.mesh.points),):
            nodes = len(self.body.mesh.points)
            raise ValueError(f"a temperature must have a value for each of {nodes} nodes, got shape {field.shape}")
        fields = np.stack([np.full(field.size, self.base), field - self.base])
        temperature = systems.Separable(fields, np.stack([np.ones(self.times.size), self.growth], 1))
        return systems.Viscoplastic(self.body, self.law, self.times, temperature, self.force)


def load_case(path: Path) -> Case:
    """Read and settle a case; every error names the file and the entry."""
    check_file("CASE", path)
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        return _case(told, path.parent)
    except (ValueError, TypeError, KeyError) as error:
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"CASE: {path}: {reason}") from None


def _case(told: Mapping[str, Any], folder: Path) -> Case:
    mesh = interop.read_mesh(folder / _of("mesh", told["mesh"], str))
    points = mesh.points[:, np.ptp(mesh.points, 0) > 0.0]
    body = systems.Solid(mesh, _fixed(_of("supports", told["supports"], list), points))
    steps = _of("steps", told["steps"], int)
    if steps < 1:
        raise ValueError(f"steps must be an integer >= 1, got {steps}")
    times = _of("end", told["end"], float | int) * np.arange(1, steps + 1) / steps
    load, heat = (_of(name, told[name], Mapping) for name in ("load", "temperature"))
    density = np.broadcast_to(np.asarray(load["body"], np.float64), (body.points, body.dimension))
    force = systems.Separable(body.body_force(density)[None], _amplitude("load", load, times)[:, None])
    base = float(_of("temperature.base", heat["base"], float | int))
    return Case(
        body,
        _law(_of("material", told["material"], Mapping)),
        times,
        force,
        base,
        _amplitude("temperature", heat, times),
    )


def _law(material: Mapping[str, Any]) -> systems.Norton:
    unknown = sorted(set(material) - {*_TABLES, *_NUMBERS, "temperatures"})
    if unknown:
        raise ValueError(f"material has no {', '.join(unknown)}")
    values = {name: material[name] for name in _NUMBERS if name in material}
    for name in _TABLES:
        values[name] = material[name]
        if isinstance(material[name], list):
            values[name] = systems.Table(material["temperatures"], material[name])
    missing = [name for name in ("poisson", "hardening", "exponent") if name not in values]
    if missing:
        raise ValueError(f"material.{missing[0]} is missing")
    return systems.Norton(**values)


def _fixed(supports: list[Any], points: np.ndarray) -> np.ndarray:
    axes = _AXES[: points.shape[1]]
    fixed = np.zeros(points.shape, bool)
    for support in supports:
        axis, at = support["axis"], float(support["at"])
        components = support.get("components", axes)
        if axis not in tuple(axes) or not components or not set(components) <= set(axes):
            raise ValueError(f"supports must have axis and components of {axes}, got {axis!r} and {components!r}")
        nodes = np.isclose(points[:, axes.index(axis)], at, atol=1e-9 * np.ptp(points))
        if not nodes.any():
            raise ValueError(f"supports: no node lies at {axis} = {at:g}")
        for component in components:
            fixed[nodes, axes.index(component)] = True
    return fixed


def _amplitude(name: str, table: Mapping[str, Any], times: np.ndarray) -> np.ndarray:
    """Linear between given times, constant beyond them."""
    pairs = np.asarray(table["amplitude"], np.float64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or (np.diff(pairs[:, 0]) <= 0.0).any():
        raise ValueError(
            f"{name}.amplitude must be pairs [time, value] with times that increase, got {table['amplitude']}"
        )
    return np.interp(times, pairs[:, 0], pairs[:, 1])


def _of(name: str, value: Any, kind: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(f"{name} must be of another type, got {value!r}")
    return value
