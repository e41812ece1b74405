"""Hot parts that creep: a plate in plane strain and a blade with cooling holes, at temperatures with a hot spot."""

from typing import Any

import numpy as np


def plate(spot: tuple[float, float, float], cells: int, steps: int) -> Any:
    """The history of a plate with a hot spot at a place, of a height in degrees. Units: mm, N, s."""
    from perturbax import systems

    mesh = systems.box((cells, cells))
    body = systems.Solid(mesh, np.repeat(mesh.points[:, 1:] == 0.0, 2, axis=1))
    times = np.arange(1, steps + 1) / steps
    height = spot[2] * np.exp(-np.square(mesh.points - np.array(spot[:2])).sum(1) / 0.08)
    force = body.body_force(np.array([0.0, 260.0]) * (1.0 + body.coordinates[:, 1:]))
    ramp = np.stack([np.ones(steps), np.minimum(times / 0.3, 1.0)], 1)
    pull = np.sin(np.pi * np.minimum(2.0 * times, 1.0) / 2.0)[:, None]
    return systems.Viscoplastic(
        body,
        _alloy(),
        times,
        systems.Separable(np.stack([np.full(height.size, 20.0), height]), ramp),
        systems.Separable(force[None], pull),
    )


def blade(spot: tuple[float, float, float], cells: int, steps: int) -> Any:
    """A box with three cooling holes, clamped at its foot and pulled outwards, under cycles of a hot spot."""
    from perturbax import systems

    sides = (1.0, 0.25, 2.0)
    holes = np.array([0.25, 0.5, 0.75])
    mesh = systems.box(
        (4 * cells, cells, 8 * cells),
        sides,
        keep=lambda x: (np.hypot(x[:, :1] - holes, x[:, 1:2] - 0.125) > 0.06).all(1),
    )
    body = systems.Solid(mesh, np.repeat(mesh.points[:, 2:] == 0.0, 3, axis=1))
    times = np.arange(1, steps + 1) / steps
    place = mesh.points[:, [0, 2]] * [1.0, 0.5] - np.array(spot[:2])
    height = spot[2] * np.exp(-np.square(place).sum(1) / 0.08)
    force = body.body_force(np.array([0.0, 0.0, 130.0]) * (1.0 + body.coordinates[:, 2:]))
    cycles = np.stack([np.ones(steps), 0.5 - 0.5 * np.cos(6.0 * np.pi * times)], 1)
    return systems.Viscoplastic(
        body,
        _alloy(),
        times,
        systems.Separable(np.stack([np.full(height.size, 20.0), height]), cycles),
        systems.Separable(force[None], np.minimum(4.0 * times, 1.0)[:, None]),
    )


def _alloy() -> Any:
    """All properties fall linearly with the temperature."""
    from perturbax import systems

    ends = [20.0, 1000.0]

    def falling(value: float, share: float) -> Any:
        return systems.Table(ends, [value, value * (1.0 - share * (ends[1] - ends[0]))])

    return systems.Norton(
        young=falling(200e3, 4e-4),
        poisson=0.3,
        yield_stress=falling(200.0, 6e-4),
        hardening=5e3,
        viscosity=falling(300.0, 5e-4),
        exponent=5.0,
        expansion=1.2e-5,
    )


BODIES = {"plate": plate, "blade": blade}
