"""The problem of `pde.solve`: a domain, a residual, conditions. It knows no algorithm."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core import check_array, check_instance, check_integer, check_number
from ._conditions import AbstractCondition, Initial, Periodic, Sites
from ._domain import AbstractDomain
from ._jet import AbstractJet, Index, discover


class PDEProblem(eqx.Module):
    r"""A partial differential equation with its conditions: $R(x, u) = 0$ in a domain, $B(x, u) = 0$ on its boundary.

    **Arguments:**

    - `domain`: such as `Box([-1.0, -1.0], [1.0, 1.0])`; time is an axis.
    - `residual`: `residual(x, u, params)`, a scalar or `(r,)`, at one point `x` of shape `(dimension,)`. `u` is the jet
      there: `u.value`, `u.d(0)`, `u.d(0, 1)`, `u.grad`, `u.laplacian()`, all with `fields` components.
    - `conditions`: such as `Dirichlet(0.0)`, `Neumann`, `Robin`, `Initial`, `Periodic`, `Data`, `Boundary`.
    - `fields`: number of components of `u`.
    - `exact`: `exact(x, params)`, the solution where it is known, for errors.
    - `params`: known coefficients by name. Numbers become arrays, so that other ones do not compile again.
    - `unknown`: coefficients that are looked for with the solution, with the values to start from; `residual` finds
      them in its `params`.
    - `energy`: `energy(x, u, params)`, the density of a functional whose minimiser `u` is, for methods that use it.
    - `flux`: `flux(x, u, params)`, `(fields, dimension)`, that which is conserved; the gradient by default.
    - `lift`: `lift(x, N, params)`, the field made of the answer `N` of a representation so that it meets conditions
      by construction, such as `(1 - x[0]**2) * N`.
    - `weight`: of the mean square of the residual in the sum of squares; each condition has its own.

    What `residual` and the conditions ask of a jet is found when the problem is made: `indices` and
    `condition_indices` are sorted multi-indices, `order` is the highest order, `equations` the number of components of
    the residual.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit together; without conditions, data or a lift the
    problem is ill-posed and refused.

    >>> from perturbax.pde import Box, Dirichlet
    >>> def pulled(x, u, params):
    ...     return u.d(0, 0) + params["force"]
    >>> problem = PDEProblem(Box([0.0], [1.0]), pulled, [Dirichlet(0.0)], params={"force": 1.0})
    >>> problem.indices, problem.order
    (((0, 0),), 2)
    """

    domain: AbstractDomain
    residual: Callable
    conditions: tuple[Any, ...]
    fields: int = eqx.field(static=True)
    exact: Callable | None
    params: dict[str, Any]
    unknown: dict[str, Any]
    energy: Callable | None
    flux: Callable | None
    lift: Callable | None
    weight: Any
    indices: tuple[Index, ...] = eqx.field(static=True, init=False)
    condition_indices: tuple[tuple[tuple[Index, ...], ...], ...] = eqx.field(static=True, init=False)
    equations: int = eqx.field(static=True, init=False)

    def __init__(
        self,
        domain: AbstractDomain,
        residual: Callable,
        conditions: Sequence[AbstractCondition],
        *,
        fields: int = 1,
        exact: Callable | None = None,
        params: dict[str, Any] | None = None,
        unknown: dict[str, Any] | None = None,
        energy: Callable | None = None,
        flux: Callable | None = None,
        lift: Callable | None = None,
        weight: Any = 1.0,
    ):
        self.domain = check_instance("domain", domain, AbstractDomain, "a domain such as Box(lower, upper)")
        self.residual = _callable("residual", residual)
        self.conditions = _settle_conditions(conditions, domain)
        self.fields = check_integer("fields", fields, minimum=1)
        self.exact, self.energy, self.flux, self.lift = (
            None if function is None else _callable(name, function)
            for name, function in (("exact", exact), ("energy", energy), ("flux", flux), ("lift", lift))
        )
        self.params, self.unknown = _settle_params("params", params), _settle_params("unknown", unknown)
        if twice := self.params.keys() & self.unknown.keys():
            raise ValueError(f"unknown must not name what params names, got {sorted(twice)} in both")
        self.weight = check_number("weight", weight, minimum=0.0, exclusive=True)
        if not self.conditions and lift is None:
            raise ValueError("conditions must not be empty without a lift: the problem is ill-posed")
        self.indices, self.equations = self._discover()
        self.condition_indices = tuple(self._discover_condition(condition) for condition in self.conditions)

    @property
    def dimension(self) -> int:
        """Of the domain, with time."""
        return self.domain.dimension

    @property
    def order(self) -> int:
        """The highest order of a derivative in the residual."""
        return max((len(index) for index in self.indices), default=0)

    @property
    def coefficients(self) -> dict[str, Any]:
        """All coefficients: the known ones, and the unknown ones as they start."""
        return self.params | self.unknown

    def evaluate(self, x: Any, u: AbstractJet, coefficients: dict[str, Any]) -> Any:
        """The residual at a point as `(equations,)`."""
        return jnp.atleast_1d(jnp.asarray(self.residual(x, u, coefficients)))

    def exact_at(self, x: Any) -> Any:
        """The exact solution at points, `(n, fields)`, in the precision in force."""
        if self.exact is None:
            raise ValueError("exact must be given with the problem to compare with it")
        exact, params = self.exact, self.coefficients

        def at(y: Any) -> Any:
            return jnp.broadcast_to(jnp.asarray(exact(y, params)), (self.fields,))

        return jax.vmap(at)(x)

    def _discover(self) -> tuple[tuple[Index, ...], int]:
        def asked(x: Any, jets: Any) -> Any:
            return self.residual(x, jets[0], self.coefficients)

        answer, (indices,) = discover(asked, self.dimension, self.fields)
        if not isinstance(answer, jax.ShapeDtypeStruct) or answer.ndim > 1:
            raise ValueError(f"residual must return a scalar or an array of shape (r,), got {answer}")
        return indices, answer.size

    def _discover_condition(self, condition: AbstractCondition) -> tuple[tuple[Index, ...], ...]:
        def asked(x: Any, jets: Any) -> Any:
            site = Sites(x, jnp.zeros(self.dimension), jnp.zeros(condition.targets))
            return condition.residual(site, jets, self.coefficients)

        answer, indices = discover(asked, self.dimension, self.fields, condition.places)
        if not isinstance(answer, jax.ShapeDtypeStruct) or answer.ndim > 1:
            raise ValueError(f"a condition must give a scalar or an array of shape (r,), {condition} gives {answer}")
        return indices


def _settle_conditions(conditions: Any, domain: AbstractDomain) -> tuple[AbstractCondition, ...]:
    if isinstance(conditions, AbstractCondition):
        raise TypeError(f"conditions must be a sequence of them, such as [{type(conditions).__name__}(...)]")
    conditions = tuple(conditions)
    for k, condition in enumerate(conditions):
        check_instance(f"conditions[{k}]", condition, AbstractCondition, "a condition such as Dirichlet(0.0)")
        if isinstance(condition, Initial) and domain.time_axis is None:
            raise ValueError(f"conditions[{k}] is an Initial condition: domain must have a time_axis")
        if isinstance(condition, Periodic) and condition.axis >= domain.dimension:
            raise ValueError(f"conditions[{k}] has axis {condition.axis}, the domain has {domain.dimension} axes")
    return conditions


def _settle_params(name: str, params: Any) -> dict[str, Any]:
    params = {} if params is None else check_instance(name, params, dict, "a dict of coefficients by name")
    return {key: _settle_tree(f"{name}[{key!r}]", value) for key, value in params.items()}


def _settle_tree(name: str, tree: Any) -> Any:
    return jax.tree.map(lambda leaf: _settle_param(name, leaf), tree)


def _settle_param(name: str, leaf: Any) -> Any:
    if isinstance(leaf, bool) or (not isinstance(leaf, int | float) and not hasattr(leaf, "dtype")):
        return leaf
    return check_array(name, float(leaf) if isinstance(leaf, int | float) else leaf, kind="number", nonempty=False)


def _callable(name: str, function: Any) -> Any:
    if isinstance(function, type) or not callable(function):
        raise TypeError(f"{name} must be a function, got {type(function).__name__}")
    return function
