"""A gas chromatograph: what is injected into a column, and how it exchanges with the stationary phase.

For the components `i`, with the gas concentration `c_i` and the load `q_i` of the stationary phase,

    dc_i/dt + d(u c_i)/dx = D_i d2c_i/dx2 - alpha dq_i/dt
    dq_i/dt = k_a,i c_i theta(q) - k_d,i q_i,      theta = 1,  or  1 - sum_j q_j / q_max,j  where sites are scarce

from an empty column, `c_i(0, t) = c_in,i p(t)` or `u c_in,i p = u c_i - D_i dc_i/dx` at the inlet, and `dc_i/dx = 0` at
the outlet. In the time `1 / k_d`, the length `u / (alpha k_a)` and the hold-up time `T0` a component is told by

    X = alpha k_a T0,    Da = k_d / (alpha k_a),    1 / Pe = D alpha k_a / u^2.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ...core import check_array, check_instance, check_number
from ._flow import AbstractFlow
from ._pulse import AbstractPulse


class GasColumn(eqx.Module):
    """The apparatus.

    **Arguments:** `length`: in metres; `flow`: of the carrier gas; `phase_ratio`: `alpha`, volume of the stationary
    phase over that of the gas: `(1 - eps) / eps` in a packed bed, about `2 d_film / r` in a capillary.

    **Raises:** `TypeError`, `ValueError` for numbers that are not positive or another flow.

    >>> from perturbax.systems import column
    >>> column.GasColumn(30.0, column.ConstantFlow(0.5)).hold_up
    60.0
    """

    length: float
    flow: AbstractFlow
    phase_ratio: float = 1.0

    def __check_init__(self):
        check_number("length", self.length, minimum=0.0, exclusive=True)
        check_instance("flow", self.flow, AbstractFlow, "a flow such as ConstantFlow(0.3)")
        check_number("phase_ratio", self.phase_ratio, minimum=0.0, exclusive=True)

    @property
    def hold_up(self) -> float:
        """The time `T0` that the gas needs, in seconds: the dead time of the instrument."""
        return self.flow.hold_up(self.length)


class AbstractKinetics(eqx.Module):
    """How components go to the stationary phase and come back."""

    adsorption: eqx.AbstractVar[Float[np.ndarray, " m"]]
    desorption: eqx.AbstractVar[Float[np.ndarray, " m"]]

    @abc.abstractmethod
    def free(self, q: Any) -> Any:
        """The share `theta` of the sites that is free, of loads of shape `(..., m)`; shape `(..., 1)`."""

    @abc.abstractmethod
    def load(self, q: Any) -> Any:
        """The share of the sites that is taken, of loads of shape `(..., m)`; 0 where there is no limit."""

    @property
    def linear(self) -> bool:
        """Whether components do not compete."""
        return False


class Linear(AbstractKinetics):
    """Exchange without a limit, `dq/dt = k_a c - k_d q`.

    **Arguments:** `adsorption`: `k_a`, one for each component, in 1/s; `desorption`: `k_d`, in 1/s.

    **Raises:** `TypeError`, `ValueError` for rates that are not positive or differ in number.

    >>> Linear([2.0, 3.0], [0.1, 0.2]).linear
    True
    """

    adsorption: Float[np.ndarray, " m"]
    desorption: Float[np.ndarray, " m"]

    def __init__(self, adsorption: Any, desorption: Any):
        self.adsorption, self.desorption = _rates(adsorption, desorption)

    def free(self, q: Any) -> Any:
        return 1.0

    def load(self, q: Any) -> Any:
        return 0.0 * q[..., 0]

    @property
    def linear(self) -> bool:
        return True


class Langmuir(AbstractKinetics):
    """Exchange with sites that all components compete for, `dq_i/dt = k_a,i c_i (1 - sum_j q_j/q_max,j) - k_d,i q_i`.

    **Arguments:** `adsorption`, `desorption`: as for `Linear`; `capacity`: `q_max`, one for each component, in mol per
    m^3 of stationary phase.

    **Raises:** `TypeError`, `ValueError` for values that are not positive or differ in number.

    >>> float(Langmuir([2.0, 3.0], [0.1, 0.2], [4.0, 8.0]).load(np.array([1.0, 2.0])))
    0.5
    """

    adsorption: Float[np.ndarray, " m"]
    desorption: Float[np.ndarray, " m"]
    capacity: Float[np.ndarray, " m"]

    def __init__(self, adsorption: Any, desorption: Any, capacity: Any):
        self.adsorption, self.desorption = _rates(adsorption, desorption)
        self.capacity = _positive("capacity", capacity, self.adsorption.size)

    def free(self, q: Any) -> Any:
        return 1.0 - self.load(q)[..., None]

    def load(self, q: Any) -> Any:
        return (q / self.capacity).sum(-1)


class AbstractInlet(eqx.Module):
    """The condition at the inlet."""

    @property
    @abc.abstractmethod
    def dispersive(self) -> float:
        """How much of the dispersive flux passes the inlet, 1 or 0."""


class Dirichlet(AbstractInlet):
    """The concentration is given, `c(0, t) = c_in p(t)`."""

    @property
    def dispersive(self) -> float:
        return 1.0


class Danckwerts(AbstractInlet):
    """The flux is given, `u c - D dc/dx = u c_in p(t)`."""

    @property
    def dispersive(self) -> float:
        return 0.0


class Injection(eqx.Module):
    """A sample that is injected into a column: the problem of `pde.simulate`.

    **Arguments:**

    - `column`: a `GasColumn`; `kinetics`: `Linear(...)` or `Langmuir(...)` of `m` components.
    - `pulse`: how the sample enters.
    - `concentration`: `c_in`, the highest one at the inlet, in mol/m^3; one number or one for each component.
    - `dispersion`: `D`, in m^2/s; one number or one for each component.
    - `inlet`: the condition there.

    **Raises:** `TypeError`, `ValueError` for values that are negative or differ in number, or other objects.

    >>> from perturbax.systems import column
    >>> apparatus = column.GasColumn(30.0, column.ConstantFlow(0.5))
    >>> sample = column.Injection(apparatus, column.Linear([2.0, 3.0], [0.1, 0.1]), column.Rectangle(1.0))
    >>> sample.dimensionless_length.tolist(), sample.retention_times.tolist()
    ([120.0, 180.0], [1260.0, 1860.0])
    """

    column: GasColumn
    kinetics: AbstractKinetics
    pulse: AbstractPulse
    concentration: Float[np.ndarray, " m"]
    dispersion: Float[np.ndarray, " m"]
    inlet: AbstractInlet

    def __init__(
        self,
        column: GasColumn,
        kinetics: AbstractKinetics,
        pulse: AbstractPulse,
        concentration: Any = 1.0,
        dispersion: Any = 0.0,
        inlet: AbstractInlet | None = None,
    ):
        self.column = check_instance("column", column, GasColumn, "a GasColumn(...)")
        self.kinetics = check_instance("kinetics", kinetics, AbstractKinetics, "kinetics such as Linear(...)")
        self.pulse = check_instance("pulse", pulse, AbstractPulse, "a pulse such as Rectangle(1.0)")
        self.concentration = _positive("concentration", concentration, self.components)
        self.dispersion = _positive("dispersion", dispersion, self.components, zero=True)
        inlet = Dirichlet() if inlet is None else inlet
        self.inlet = check_instance("inlet", inlet, AbstractInlet, "Dirichlet() or Danckwerts()")

    @property
    def components(self) -> int:
        """Their number `m`."""
        return self.kinetics.adsorption.size

    @property
    def dimensionless_length(self) -> Float[np.ndarray, " m"]:
        """`X = alpha k_a T0`."""
        return self.column.phase_ratio * self.kinetics.adsorption * self.column.hold_up

    @property
    def damkohler(self) -> Float[np.ndarray, " m"]:
        """`Da = k_d / (alpha k_a)`, one over the retention factor."""
        return self.kinetics.desorption / (self.column.phase_ratio * self.kinetics.adsorption)

    @property
    def inverse_peclet(self) -> Float[np.ndarray, " m"]:
        """`D alpha k_a / u^2` with the mean velocity, the weight of dispersion."""
        speed = self.column.length / self.column.hold_up
        return self.dispersion * self.column.phase_ratio * self.kinetics.adsorption / speed**2

    @property
    def retention_times(self) -> Float[np.ndarray, " m"]:
        """`T0 (1 + 1 / Da)`, in seconds: of what enters at time 0, without competition."""
        return self.column.hold_up * (1.0 + 1.0 / self.damkohler)

    def competition(self, nodes: int = 64) -> float:
        """The largest share of the sites that is taken where nothing competes: at the inlet, where loads are largest.

        There `dq/dt = k_a c_in p - k_d q`; further down the column `q` is an average of it over the past.
        """
        t_k, w_k = self.pulse.steps(nodes)
        t = np.unique(np.concatenate([np.linspace(self.pulse.edges[0], self.pulse.edges[-1], nodes), t_k]))
        k_a, k_d = self.kinetics.adsorption, self.kinetics.desorption
        filled = -np.expm1(-k_d * np.maximum(t[:, None, None] - t_k[:, None], 0.0))
        loads = k_a * self.concentration / k_d * np.einsum("k,tkm->tm", w_k, filled)
        return float(np.max(self.kinetics.load(loads)))


def as_arrays(tree: Any) -> Any:
    """Numbers and arrays as arrays of JAX, so that what is compiled serves other numbers too."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, float | np.ndarray) else leaf, tree)


def _rates(adsorption: Any, desorption: Any) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    k_a = np.asarray(check_array("adsorption", adsorption, ndim=1), np.float64)
    return _positive("adsorption", k_a, k_a.size), _positive("desorption", desorption, k_a.size)


def _positive(name: str, value: Any, size: int, zero: bool = False) -> Float[np.ndarray, " m"]:
    array = np.asarray(check_array(name, value), np.float64)
    if array.shape not in ((), (size,)):
        raise ValueError(f"{name} must be one number or one for each of {size} components, got shape {array.shape}")
    if (array < 0.0).any() or (not zero and (array == 0.0).any()):
        raise ValueError(f"{name} must be {'>= 0' if zero else '> 0'}, got {array.min():g}")
    return np.broadcast_to(array, (size,)).copy()
