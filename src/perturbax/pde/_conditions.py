"""Conditions of a PDE: on the boundary, at the start, between two faces, at measurements."""

import abc
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array, check_integer, check_number
from ._design import AbstractDesign
from ._domain import AbstractDomain, Box, Face, Sites
from ._jet import AbstractJet

# A number, one for each component, or `value(x, params)` that returns them.
Value = Any


class AbstractCondition(eqx.Module):
    """A residual that has to vanish at some points of the boundary or inside. Each has a field `weight`, that of its
    mean square in the sum of squares."""

    def __check_init__(self):
        condition: Any = self
        check_number("weight", condition.weight, minimum=0.0, exclusive=True)

    @abc.abstractmethod
    def place(self, domain: AbstractDomain, key: Any, n: int, design: AbstractDesign) -> Sites:
        """About `n` points where the condition is asked for."""

    @abc.abstractmethod
    def residual(self, site: Sites, jets: tuple[AbstractJet, ...], params: dict[str, Any]) -> Any:
        """What has to vanish at one point, a scalar or `(r,)`."""

    @property
    def targets(self) -> int:
        """How many values belong to each of its points."""
        return 0

    @property
    def places(self) -> int:
        """At how many places it asks for a jet."""
        return 1

    def images(self, x: Float[Array, " dimension"], domain: AbstractDomain) -> tuple[Any, ...]:
        """The places that belong to a point."""
        return (x,)


class AbstractValueCondition(AbstractCondition):
    """A condition with a field `value`."""

    def __check_init__(self):
        condition: Any = self
        check_value("value", condition.value)


class AbstractFaceCondition(AbstractCondition):
    """A condition with a field `faces`: those of a box that it holds on, the whole boundary in space when `None`."""

    def place(self, domain: AbstractDomain, key: Any, n: int, design: AbstractDesign) -> Sites:
        condition: Any = self
        return domain.sample_boundary(key, n, design, condition.faces)


class Dirichlet(AbstractFaceCondition, AbstractValueCondition):
    """`u = value` on the boundary.

    **Arguments:**

    - `value`: a number, a number for each component, or `value(x, params)`.
    - `faces`: pairs `(axis, side)` with side 0 or 1; the whole boundary in space by default.
    - `fields`: the components that it holds for; all by default.
    - `weight`: of its mean square in the sum of squares.

    >>> Dirichlet(0.0, faces=[(0, 1)]).weight
    1.0
    """

    value: Value = 0.0
    faces: Sequence[Face] | None = None
    fields: Sequence[int] | None = None
    weight: float | int = 1.0

    def residual(self, site: Sites, jets: tuple[AbstractJet, ...], params: dict[str, Any]) -> Any:
        return chosen(jets[0].value, self.fields) - evaluate(self.value, site.x, params)


class Neumann(AbstractFaceCondition, AbstractValueCondition):
    """`du/dn = value` with the outer normal. The arguments are those of `Dirichlet`.

    >>> Neumann(lambda x, params: x[0]).weight
    1.0
    """

    value: Value = 0.0
    faces: Sequence[Face] | None = None
    fields: Sequence[int] | None = None
    weight: float | int = 1.0

    def residual(self, site: Sites, jets: tuple[AbstractJet, ...], params: dict[str, Any]) -> Any:
        return chosen(jets[0].grad @ site.normal, self.fields) - evaluate(self.value, site.x, params)


class Robin(AbstractFaceCondition, AbstractValueCondition):
    """`a u + b du/dn = value`. `a`, `b` are values like `value`; the other arguments are those of `Dirichlet`.

    >>> Robin(a=2.0, b=1.0, value=1.0).a
    2.0
    """

    a: Value = 1.0
    b: Value = 1.0
    value: Value = 0.0
    faces: Sequence[Face] | None = None
    fields: Sequence[int] | None = None
    weight: float | int = 1.0

    def __check_init__(self):
        check_value("a", self.a)
        check_value("b", self.b)

    def residual(self, site: Sites, jets: tuple[AbstractJet, ...], params: dict[str, Any]) -> Any:
        a, b, value = (evaluate(one, site.x, params) for one in (self.a, self.b, self.value))
        slope = chosen(jets[0].grad @ site.normal, self.fields)
        return a * chosen(jets[0].value, self.fields) + b * slope - value


class Boundary(AbstractFaceCondition):
    """Any condition on the boundary: `function(x, u, normal, params)`, a scalar or `(r,)`, has to vanish.

    **Arguments:** `function`: of a point, the jet there and the outer normal; `faces`, `weight`: as of `Dirichlet`.

    >>> slip = Boundary(lambda x, u, normal, params: u.value @ normal)
    """

    function: Callable
    faces: Sequence[Face] | None = None
    weight: float | int = 1.0

    def residual(self, site: Sites, jets: tuple[AbstractJet, ...], params: dict[str, Any]) -> Any:
        return self.function(site.x, jets[0], site.normal, params)


class Initial(AbstractValueCondition):
    """`d^order u / dt^order = value` at the beginning of time. The domain must have a `time_axis`.

    **Arguments:** `order`: of the derivative in time; `value`, `fields`, `weight`: as of `Dirichlet`.

    >>> Initial(lambda x, params: jnp.sin(x[1])).order
    0
    """

    value: Value = 0.0
    order: int = 0
    fields: Sequence[int] | None = None
    weight: float | int = 1.0

    def __check_init__(self):
        check_integer("order", self.order, minimum=0)

    def place(self, domain: AbstractDomain, key: Any, n: int, design: AbstractDesign) -> Sites:
        if domain.time_axis is None:
            raise ValueError("an Initial condition needs a domain with a time_axis, such as Box(..., time_axis=0)")
        return domain.sample_boundary(key, n, design, [(domain.time_axis, 0)])

    def residual(self, site: Sites, jets: tuple[AbstractJet, ...], params: dict[str, Any]) -> Any:
        # Where time begins, the outer normal is -1 in time and 0 elsewhere: it names the axis without the domain.
        derivative = jets[0].value if self.order == 0 else self._in_time(jets[0], site.normal)
        return chosen(derivative, self.fields) - evaluate(self.value, site.x, params)

    def _in_time(self, u: AbstractJet, normal: Array) -> Array:
        every = jnp.stack([u.d(*[axis] * self.order) for axis in range(u.count)], -1)
        return every @ jnp.abs(normal)


class Periodic(AbstractCondition):
    """`u` and its normal derivatives are equal on the two faces of a box that are normal to an axis.

    **Arguments:** `axis`: the axis; `orders`: the orders of the derivatives along it that are equal; `weight`: as of
    `Dirichlet`.

    >>> Periodic(1).orders
    (0, 1)
    """

    axis: int
    orders: Sequence[int] = (0, 1)
    weight: float | int = 1.0

    def __check_init__(self):
        check_integer("axis", self.axis, minimum=0)
        if not self.orders:
            raise ValueError("orders must name at least one derivative, got none")

    @property
    def places(self) -> int:
        return 2

    def place(self, domain: AbstractDomain, key: Any, n: int, design: AbstractDesign) -> Sites:
        if not isinstance(domain, Box):
            raise ValueError(f"a Periodic condition needs a Box, got a {type(domain).__name__}")
        return domain.sample_boundary(key, n, design, [(self.axis, 0)])

    def images(self, x: Float[Array, " dimension"], domain: AbstractDomain) -> tuple[Any, ...]:
        return x, x.at[self.axis].set(domain.upper[self.axis])

    def residual(self, site: Sites, jets: tuple[AbstractJet, ...], params: dict[str, Any]) -> Any:
        return jnp.concatenate([jets[1].d(*[self.axis] * k) - jets[0].d(*[self.axis] * k) for k in self.orders])


class Data(AbstractCondition):
    """`u = values` at measured points.

    **Arguments:** `x`: `(n, dimension)`; `values`: `(n, k)`, or `(n,)` of one component; `fields`: the `k` components;
    `weight`: as of `Dirichlet`.

    **Raises:** `ValueError` when the numbers of points differ or a value is not finite.

    >>> Data([[0.5, 0.5]], [1.0]).values.shape
    (1, 1)
    """

    x: Float[Array | np.ndarray, "n dimension"]
    values: Float[Array | np.ndarray, "n k"]
    fields: Sequence[int] | None = None
    weight: float | int = 1.0

    def __init__(self, x: Any, values: Any, fields: Sequence[int] | None = None, weight: float | int = 1.0):
        self.x = check_array("x", x, ndim=2)
        values = check_array("values", values)
        values = values[:, None] if values.ndim == 1 else values
        self.values = check_array("values", values, shape=(len(self.x), None))
        self.fields, self.weight = fields, weight

    @property
    def targets(self) -> int:
        return self.values.shape[1]

    def place(self, domain: AbstractDomain, key: Any, n: int, design: AbstractDesign) -> Sites:
        return Sites(jnp.asarray(self.x), jnp.zeros(self.x.shape), jnp.asarray(self.values))

    def residual(self, site: Sites, jets: tuple[AbstractJet, ...], params: dict[str, Any]) -> Any:
        return chosen(jets[0].value, self.fields) - site.target


def check_value(name: str, value: Value) -> None:
    """Refuse what is neither a function nor finite numbers."""
    if not callable(value):
        check_array(name, float(value) if isinstance(value, int) else value, kind="number")


def evaluate(value: Value, x: Any, params: dict[str, Any]) -> Any:
    """A value at a point."""
    return value(x, params) if callable(value) else jnp.asarray(value)


def chosen(u: Array, fields: Sequence[int] | None) -> Array:
    """Some components."""
    return u if fields is None else u[jnp.asarray(tuple(fields))]
