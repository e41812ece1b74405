"""How the carrier gas moves: its velocity along a column and the time that it needs for it.

    ideal gas, uniform resistance:   p(x)^2 = p_in^2 - (p_in^2 - p_out^2) x / L,   u(x) p(x) = u_out p_out
    hold-up time:                    T0 = int_0^L dx / u = (L / u_out) (2/3) (P^3 - 1) / (P^2 - 1),  P = p_in / p_out

The factor of the second line is that of James and Martin. Where much is adsorbed the gas gets slower besides: at
constant pressure and temperature all concentrations add up to `p / (R T)`, so that

    du/dx = -(R T / p) alpha sum_i dq_i/dt.
"""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float
from scipy.constants import R

from ...core import check_number


class AbstractFlow(eqx.Module):
    """The velocity of the carrier gas."""

    @abc.abstractmethod
    def velocity(self, x: Any) -> Float[Array, "..."]:
        """In m/s, at places given as shares of the length."""

    @abc.abstractmethod
    def hold_up(self, length: float) -> float:
        """The time that the gas needs, in seconds."""

    @property
    def expansion(self) -> float:
        """Velocity at the inlet over that at the outlet."""
        return 1.0

    @property
    def uniform(self) -> bool:
        """Whether the velocity is the same everywhere."""
        return True

    @property
    def slowed(self) -> bool:
        """Whether adsorption slows the gas."""
        return False

    @property
    def molar_volume(self) -> Any:
        """By which adsorption slows the gas, in m^3/mol; 0 where it does not."""
        return 0.0


class ConstantFlow(AbstractFlow):
    """One velocity everywhere.

    **Arguments:** `speed`: in m/s.

    **Raises:** `TypeError`, `ValueError` for a speed that is not positive.

    >>> ConstantFlow(0.5).hold_up(30.0)
    60.0
    """

    speed: float

    def __check_init__(self):
        check_number("speed", self.speed, minimum=0.0, exclusive=True)

    def velocity(self, x: Any) -> Float[Array, "..."]:
        return jnp.full(jnp.shape(x), self.speed)

    def hold_up(self, length: float) -> float:
        return length / self.speed


class CompressibleFlow(AbstractFlow):
    """A gas that expands on its way from a higher pressure to a lower one.

    **Arguments:** `outlet_speed`: in m/s; `inlet_pressure`, `outlet_pressure`: in pascal.

    **Raises:** `TypeError`, `ValueError` unless all are positive and the inlet has the higher pressure.

    Source: James & Martin 1952.

    >>> round(CompressibleFlow(0.5, 2e5, 1e5).hold_up(30.0), 3)
    93.333
    """

    outlet_speed: float
    inlet_pressure: float
    outlet_pressure: float

    def __check_init__(self):
        check_number("outlet_speed", self.outlet_speed, minimum=0.0, exclusive=True)
        check_number("outlet_pressure", self.outlet_pressure, minimum=0.0, exclusive=True)
        check_number("inlet_pressure", self.inlet_pressure, minimum=self.outlet_pressure, exclusive=True)

    def velocity(self, x: Any) -> Float[Array, "..."]:
        ratio = self.inlet_pressure / self.outlet_pressure
        return self.outlet_speed / jnp.sqrt(ratio**2 - (ratio**2 - 1.0) * jnp.asarray(x))

    def hold_up(self, length: float) -> float:
        ratio = self.inlet_pressure / self.outlet_pressure
        return length / self.outlet_speed * (2.0 / 3.0) * (ratio**3 - 1.0) / (ratio**2 - 1.0)

    @property
    def expansion(self) -> float:
        return self.outlet_pressure / self.inlet_pressure

    @property
    def uniform(self) -> bool:
        return False


class SorptionFlow(AbstractFlow):
    """A gas whose velocity falls where the sample is adsorbed, for samples that are not dilute.

    **Arguments:** `speed`: at the inlet, in m/s; `pressure`: in pascal; `temperature`: in kelvin.

    **Raises:** `TypeError`, `ValueError` for numbers that are not positive.

    >>> round(SorptionFlow(0.5, 1e5, 373.15).molar_volume, 4)
    0.031
    """

    speed: float
    pressure: float
    temperature: float

    def __check_init__(self):
        for name in ("speed", "pressure", "temperature"):
            check_number(name, getattr(self, name), minimum=0.0, exclusive=True)

    def velocity(self, x: Any) -> Float[Array, "..."]:
        return jnp.full(jnp.shape(x), self.speed)

    def hold_up(self, length: float) -> float:
        return length / self.speed

    @property
    def slowed(self) -> bool:
        return True

    @property
    def molar_volume(self) -> Any:
        return R * self.temperature / self.pressure
