"""The slow deformation of a solid under forces, given displacements and temperatures that change in time.

find u:   int sigma(eps(u), history, T) : eps(v) = int f . v    for all v that vanish where u is given
"""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ..core import check_array, check_instance
from ._constitutive import AbstractLaw
from ._solid import Solid


class Separable(eqx.Module):
    """A field in time, `sum_j amplitudes_j(t_k) fields_j`: few fields make many times.

    **Arguments:** `fields`: shape `(J, m)`; `amplitudes`: shape `(steps, J)`; the fields are those of the steps, one
    each, when `None`.

    **Raises:** `ValueError` when shapes do not fit or a value is not finite.

    >>> Separable([[1.0, 2.0]], [[0.5], [1.0]]).at(0).tolist()
    [0.5, 1.0]
    """

    fields: Float[np.ndarray, "J m"]
    amplitudes: Float[np.ndarray, "steps J"]

    def __init__(self, fields: Any, amplitudes: Any = None):
        self.fields = np.asarray(check_array("fields", fields, ndim=2), np.float64)
        count = len(self.fields)
        given = np.eye(count) if amplitudes is None else amplitudes
        self.amplitudes = np.asarray(check_array("amplitudes", given, shape=(None, count)), np.float64)

    def at(self, step: int) -> Float[np.ndarray, " m"]:
        """The field of a step."""
        return self.amplitudes[step] @ self.fields


class Viscoplastic(eqx.Module):
    """A body of a material with memory, and what happens to it.

    Units are the user's, such as newton, millimetre and second, stress in MPa.

    **Arguments:**

    - `body`: a `Solid`; `law`: of its material, such as `Norton(...)`.
    - `times`: ends of the steps, increasing, shape `(steps,)`; the first step begins at `start`.
    - `temperature`: at the nodes, `Separable` with `n` values, or an array of shape `(steps, n)`.
    - `force`: at the nodes, `Separable` with `n d` values, or an array of shape `(steps, n d)`; none when `None`.
    - `displacement`: where it is given, as `force`; zero when `None`. Values at free components are of no meaning, but
      a reduced model subtracts them too, so that a field which the solution resembles saves it modes.

    **Raises:** `ValueError` for shapes that do not fit, times that do not increase, or a temperature that the law does
    not know; `TypeError` for other objects.

    >>> from perturbax import systems
    >>> mesh = systems.box((2, 2))
    >>> body = systems.Solid(mesh, np.repeat(mesh.points[:, 1:] == 0.0, 2, axis=1))
    >>> law = systems.Norton(young=1.0, poisson=0.3, yield_stress=1.0, hardening=0.0, viscosity=1.0, exponent=5.0)
    >>> Viscoplastic(body, law, [0.5, 1.0], np.full((2, 9), 20.0)).lengths.tolist()
    [0.5, 0.5]
    """

    body: Solid
    law: AbstractLaw
    times: Float[np.ndarray, " steps"]
    temperature: Separable
    force: Separable
    displacement: Separable
    start: float

    def __init__(
        self,
        body: Solid,
        law: AbstractLaw,
        times: Any,
        temperature: Any,
        force: Any = None,
        displacement: Any = None,
        start: float = 0.0,
    ):
        self.body = check_instance("body", body, Solid, "a systems.Solid(...)")
        self.law = check_instance("law", law, AbstractLaw, "a law such as systems.Norton(...)")
        self.times = np.asarray(check_array("times", times, ndim=1), np.float64)
        self.start = float(start)
        if not (self.lengths > 0.0).all():
            raise ValueError(f"times must increase from start = {self.start:g}, got {self.times.tolist()}")
        nodes, d = len(body.mesh.points), body.dimension
        self.temperature = self._settled("temperature", temperature, nodes)
        self.force = self._settled("force", force, nodes * d)
        self.displacement = self._settled("displacement", displacement, nodes * d)
        low, high = law.temperature_range
        for k in range(self.steps):
            found = self.temperature.at(k)
            if found.min() < low or found.max() > high:
                raise ValueError(
                    f"temperature must lie in [{low:g}, {high:g}], the tables of the law, got {found.min():g} to "
                    f"{found.max():g} in step {k}"
                )

    @property
    def steps(self) -> int:
        """Number of steps in time."""
        return self.times.size

    @property
    def lengths(self) -> Float[np.ndarray, " steps"]:
        """Of the steps."""
        return np.diff(self.times, prepend=self.start)

    def _settled(self, name: str, value: Any, size: int) -> Separable:
        if value is None:
            return Separable(np.zeros((1, size)), np.zeros((self.steps, 1)))
        if not isinstance(value, Separable):
            value = Separable(check_array(name, value, shape=(self.steps, size)))
        if value.fields.shape[1] != size or len(value.amplitudes) != self.steps:
            got = (len(value.amplitudes), value.fields.shape[1])
            raise ValueError(f"{name} must have {self.steps} steps of {size} values, got {got[0]} of {got[1]}")
        return value
