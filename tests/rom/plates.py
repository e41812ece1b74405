"""A small plate that creeps under a growing pull, at different temperatures."""

import jax.numpy as jnp
import numpy as np

from perturbax import systems

STEPS = 8
LAW = systems.Norton(
    young=systems.Table([20.0, 1000.0], [200e3, 120e3]),
    poisson=0.3,
    yield_stress=systems.Table([20.0, 1000.0], [200.0, 80.0]),
    hardening=5e3,
    viscosity=300.0,
    exponent=5.0,
    expansion=1.2e-5,
)


def plate(place, height, cells=5, steps=STEPS, pull=260.0):
    """Clamped below, with a hot spot at a place on the lower side."""
    mesh = systems.box((cells, cells))
    body = systems.Solid(mesh, np.repeat(mesh.points[:, 1:] == 0.0, 2, axis=1))
    times = np.arange(1, steps + 1) / steps
    force = body.body_force(np.array([0.0, pull]) * (1.0 + body.coordinates[:, 1:]))
    spot = height * np.exp(-np.square(mesh.points - [place, 0.2]).sum(1) / 0.08)
    temperature = systems.Separable(
        np.stack([np.full(len(spot), 20.0), spot]),
        np.stack([np.ones(steps), np.minimum((times - times[0]) / 0.3, 1.0)], 1),
    )
    grown = np.sin(np.pi * np.minimum(2.0 * times, 1.0) / 2.0)[:, None] ** 2
    return systems.Viscoplastic(body, LAW, times, temperature, systems.Separable(force[None], grown))


class Fragile(systems.AbstractLaw):
    """A user's own law: linear up to a strain, and then no number."""

    limit: float

    @property
    def temperature_range(self):
        return -np.inf, np.inf

    def initial(self, components):
        return jnp.zeros(())

    def update(self, strain, state, temperature, step):
        held = jnp.linalg.norm(strain) < self.limit
        return jnp.where(held, 1e5, jnp.nan) * strain, state + step

    def cumulated(self, state):
        return state
