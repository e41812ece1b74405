r"""Laws of materials with memory, and viscoplasticity by radial return.

J2 viscoplasticity of Norton's kind with linear isotropic hardening. With the deviator `s` of the stress,
`q = sqrt(3/2 s:s)` and the cumulated plasticity `p`,

    dp/dt = <(q - sigma_y(T) - H p) / K(T)>^n,      d eps_p/dt = (3/2) s/q dp/dt,
    sigma = kappa tr(eps_e) I + 2 mu dev(eps_e),    eps_e = eps - eps_p - alpha (T - T_0) I

A step of backward Euler of length `h` returns the trial stress along its deviator: with `f = q_tr - sigma_y - H p`,
which has to be positive, and `y = (dp / h)^(1/n)`,

    f - (3 mu + H) h y^n - K y = 0,      s = s_tr (1 - 3 mu dp / q_tr)
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array, check_number

# From the upper bounds below Newton falls monotonically onto the root of a concave function; it is there to rounding
# after 5 steps for n = 5, and after 7 for n from 1 to 100.
_NEWTON_STEPS = 9


class Table(eqx.Module):
    """A property of a material, linear between given temperatures.

    **Arguments:** `temperatures`: increasing, shape `(m,)`; `values`: shape `(m,)`.

    **Raises:** `ValueError` when they do not fit.

    >>> round(float(Table([20.0, 1000.0], [200e3, 151e3])(510.0)))
    175500
    """

    temperatures: Float[np.ndarray, " m"]
    values: Float[np.ndarray, " m"]

    def __init__(self, temperatures: Any, values: Any):
        self.temperatures = np.asarray(check_array("temperatures", temperatures, ndim=1), np.float64)
        self.values = np.asarray(check_array("values", values, shape=self.temperatures.shape), np.float64)
        if (np.diff(self.temperatures) <= 0.0).any():
            raise ValueError(f"temperatures must increase, got {self.temperatures.tolist()}")

    def __call__(self, temperature: Any) -> Float[Array, ""]:
        return jnp.interp(temperature, self.temperatures, self.values)


class AbstractLaw(eqx.Module):
    """How one point of a material answers a strain: a function of arrays of JAX, differentiated by it.

    Strains and stresses are vectors in Mandel's notation, of 4 components in plane strain and 6 in space.
    """

    @abc.abstractmethod
    def initial(self, components: int) -> Any:
        """The state of a point that nothing has happened to: a pytree of arrays."""

    @abc.abstractmethod
    def update(self, strain: Any, state: Any, temperature: Any, step: Any) -> tuple[Float[Array, " components"], Any]:
        """Stress and new state at the end of a step in time of length `step`."""

    @abc.abstractmethod
    def cumulated(self, state: Any) -> Any:
        """The scalar of a state that says how far the material has gone: zero at first, and never falling."""

    @property
    @abc.abstractmethod
    def temperature_range(self) -> tuple[float, float]:
        """The temperatures that the law knows."""

    def begin(self, points: int, components: int) -> Any:
        """The states of many points that nothing has happened to."""
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (points, *leaf.shape)), self.initial(components))

    def advance(self, strains: Any, states: Any, temperatures: Any, step: Any) -> tuple[Any, Any]:
        """`update` of many points: `(points, components)` stresses and the states."""
        return jax.vmap(self.update, (0, 0, 0, None))(strains, states, temperatures, step)

    def linearise(self, strains: Any, states: Any, temperatures: Any, step: Any) -> tuple[Any, Any, Any]:
        """`advance`, and the derivatives of the stresses by the strains, `(points, components, components)`."""

        def respond(strain: Any, state: Any, temperature: Any) -> Any:
            stress, new = self.update(strain, state, temperature, step)
            return stress, (stress, new)

        tangents, (stresses, new) = jax.vmap(jax.jacfwd(respond, has_aux=True))(strains, states, temperatures)
        return stresses, new, tangents


class PlasticState(eqx.Module):
    """Plastic strain in Mandel's notation and cumulated plasticity."""

    strain: Float[Array, "*batch components"]
    cumulated: Float[Array, "*batch"]


class Norton(AbstractLaw):
    """J2 viscoplasticity of Norton's kind with linear isotropic hardening, isotropic elasticity, thermal expansion.

    The equations are at the top of the module; a large `exponent` approaches plasticity without viscosity whose yield
    stress is `yield_stress + viscosity`.

    **Arguments:**

    - `young`, `yield_stress`, `viscosity`: numbers, or each a `Table` of temperature; units of stress, `K` in
      stress times time to the power of `1 / exponent`.
    - `poisson`; `exponent`: 1 or more; `hardening`: stress; `expansion`: per temperature, from `reference` on.

    **Raises:** `ValueError` or `TypeError` when one is out of range.

    Source: Simo & Hughes 1998, *Computational Inelasticity*.

    >>> law = Norton(young=200e3, poisson=0.3, yield_stress=200.0, hardening=5e3, viscosity=300.0, exponent=5.0)
    >>> strain = jnp.array([0.004, -0.002, -0.002, 0.0])
    >>> stress, state = law.update(strain, law.initial(4), 20.0, 1.0)
    >>> round(float(state.cumulated), 5), bool(stress[0] < 2 * 200e3 / 2.6 * 0.004)
    (0.00268, True)
    """

    young: Table
    poisson: float
    yield_stress: Table
    hardening: float
    viscosity: Table
    exponent: float
    expansion: float = 0.0
    reference: float = 20.0

    def __init__(
        self,
        *,
        young: Any,
        poisson: Any,
        yield_stress: Any,
        hardening: Any,
        viscosity: Any,
        exponent: Any,
        expansion: Any = 0.0,
        reference: Any = 20.0,
    ):
        self.young = _settle("young", young)
        self.poisson = check_number("poisson", poisson, minimum=-1.0, maximum=0.5, exclusive=True)
        self.yield_stress = _settle("yield_stress", yield_stress)
        self.hardening = check_number("hardening", hardening, minimum=0.0)
        self.viscosity = _settle("viscosity", viscosity)
        self.exponent = check_number("exponent", exponent, minimum=1.0)
        self.expansion = check_number("expansion", expansion)
        self.reference = check_number("reference", reference)

    @property
    def temperature_range(self) -> tuple[float, float]:
        """Where all tables are defined."""
        tables = [t.temperatures for t in (self.young, self.yield_stress, self.viscosity) if t.temperatures.size > 1]
        return max((t[0] for t in tables), default=-np.inf), min((t[-1] for t in tables), default=np.inf)

    def initial(self, components: int) -> PlasticState:
        """No plastic strain."""
        return PlasticState(jnp.zeros(components), jnp.zeros(()))

    def cumulated(self, state: Any) -> Any:
        """`p`."""
        return state.cumulated

    def update(self, strain: Any, state: Any, temperature: Any, step: Any) -> tuple[Float[Array, " components"], Any]:
        """Radial return."""
        young = self.young(temperature)
        mu, kappa = young / (2.0 * (1.0 + self.poisson)), young / (3.0 * (1.0 - 2.0 * self.poisson))
        unit = jnp.zeros_like(strain).at[:3].set(1.0)
        elastic = strain - state.strain - self.expansion * (temperature - self.reference) * unit
        volume = elastic[:3].sum()
        trial = 2.0 * mu * (elastic - volume / 3.0 * unit)
        square = 1.5 * trial @ trial
        # Of zero, a square root has no derivative.
        q = jnp.sqrt(jnp.where(square > 0.0, square, 1.0)) * (square > 0.0)
        excess = q - self.yield_stress(temperature) - self.hardening * state.cumulated
        flows = excess > 0.0
        y = _overstress(
            jnp.where(flows, excess, 1.0),
            (3.0 * mu + self.hardening) * step,
            self.viscosity(temperature),
            jnp.asarray(self.exponent, strain.dtype),
        )
        dp = jnp.where(flows, step * y**self.exponent, 0.0)
        along = trial / jnp.where(flows, q, 1.0)
        stress = kappa * volume * unit + trial - 3.0 * mu * dp * along
        return stress, PlasticState(state.strain + 1.5 * dp * along, state.cumulated + dp)


@jax.custom_jvp
def _overstress(excess: Any, stiffness: Any, viscosity: Any, exponent: Any) -> Float[Array, ""]:
    """The root `y` of `excess - stiffness y^n - viscosity y`, all of them positive."""
    # Both are upper bounds, from which Newton comes down without overshooting.
    y = jnp.minimum(excess / viscosity, (excess / stiffness) ** (1.0 / exponent))

    def newton(_: Any, y: Any) -> Any:
        power = stiffness * y ** (exponent - 1.0)
        return y + (excess - power * y - viscosity * y) / (exponent * power + viscosity)

    # A loop of known length: under `vmap` all points take the same steps, and it compiles faster than nine of them.
    return jax.lax.fori_loop(0, _NEWTON_STEPS, newton, y)


@_overstress.defjvp
def _implicit(primals: Any, tangents: Any) -> tuple[Any, Any]:
    _, stiffness, viscosity, exponent = primals
    y = _overstress(*primals)
    power = y**exponent
    moved = tangents[0] - power * tangents[1] - y * tangents[2] - stiffness * power * jnp.log(y) * tangents[3]
    return y, moved / (exponent * stiffness * power / y + viscosity)


def _settle(name: str, value: Any) -> Table:
    table = value if isinstance(value, Table) else Table([0.0], [check_number(name, value)])
    if table.values.min() <= 0.0:
        raise ValueError(f"{name} must be positive, got {table.values.min():g}")
    return table
