r"""Conditions at the interface of two subdomains.

At a point of an interface with unit normal $n$, with the fields $u_1$, $u_2$ of the two sides and the residuals $r_1$,
$r_2$ of the equation, these have to vanish:

    Continuity              u_1 - u_2
    AverageContinuity       u_1 - m and u_2 - m with m = (u_1 + u_2) / 2
    ResidualBothSides       r_1 and r_2
    ResidualContinuity      r_1 - r_2
    FluxContinuity          (F(u_1) - F(u_2)) n
    TangentialContinuity    the sum of second derivatives along the interface, of u_1 - u_2
    ResidualGradient        grad r_1 and grad r_2
    SlopeContinuity         du_1/dn - du_2/dn
    CurvatureContinuity     d^2 u_1/dn^2 - d^2 u_2/dn^2
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._conditions import Value, check_value, evaluate
from ._jet import AbstractJet, Index, discover, jet
from ._problem import PDEProblem


class InterfacePoint(eqx.Module):
    """A point of an interface, seen from both sides.

    - `problem`; `x`, `normal`: the point and the normal from the first side to the second one.
    - `places`: the point as each side sees it, just inside of it: there coefficients that jump have their value.
    - `jets`: of the two sides; `fields`: the two as functions of a point; `params`: all coefficients.
    """

    problem: PDEProblem
    x: Float[Array, " dimension"]
    normal: Float[Array, " dimension"]
    places: tuple[Any, Any]
    jets: tuple[AbstractJet, AbstractJet]
    fields: tuple[Callable, Callable]
    params: dict[str, Any]

    @property
    def jump(self) -> Float[Array, " fields"]:
        """`u_1 - u_2`."""
        return self.jets[0].value - self.jets[1].value

    @property
    def residuals(self) -> tuple[Any, Any]:
        """Of the equation on both sides, `(equations,)` each."""
        first, second = (self.problem.evaluate(x, u, self.params) for x, u in zip(self.places, self.jets, strict=True))
        return first, second

    @property
    def residual_gradients(self) -> tuple[Any, Any]:
        """Of both residuals, `(equations, dimension)` each; one order of derivatives more than the equation has."""

        def residual(field: Callable, x: Array) -> Array:
            return self.problem.evaluate(x, jet(field, x, self.problem.indices), self.params)

        first, second = (
            jax.jacfwd(lambda x, u=u: residual(u, x))(x) for x, u in zip(self.places, self.fields, strict=True)
        )
        return first, second

    @property
    def fluxes(self) -> tuple[Any, Any]:
        """Through the interface on both sides, `(fields,)` each: `problem.flux`, the normal derivative without one."""
        flux = self.problem.flux
        first, second = (
            (u.grad if flux is None else jnp.atleast_2d(flux(x, u, self.params))) @ self.normal
            for x, u in zip(self.places, self.jets, strict=True)
        )
        return first, second

    def second_difference(self, squares: Float[Array, " dimension"]) -> Float[Array, " fields"]:
        """Second derivatives of `u_1 - u_2` along the axes, summed with some factors."""
        axes = range(self.problem.dimension)
        return jnp.stack([self.jets[0].d(k, k) - self.jets[1].d(k, k) for k in axes], -1) @ squares


class AbstractInterfaceCondition(eqx.Module):
    """What has to vanish on the interfaces of `XPINN`."""

    @abc.abstractmethod
    def residual(self, at: InterfacePoint) -> Any:
        """At a point, `(r,)`."""


class _Jump(AbstractInterfaceCondition):
    """A condition with a field `jump`."""

    def __check_init__(self):
        condition: Any = self
        check_value("jump", condition.jump)


class Continuity(_Jump):
    """`u_1 - u_2 = jump`.

    **Arguments:** `jump`: a number or `jump(x, params)`, for solutions that are known to jump; 0 by default.

    Source: Jagtap et al. 2020.

    >>> Continuity().jump
    0.0
    """

    jump: Value = 0.0

    def residual(self, at: InterfacePoint) -> Any:
        return at.jump - evaluate(self.jump, at.x, at.params)


class AverageContinuity(AbstractInterfaceCondition):
    """Both sides meet their average. Its mean square is half that of `Continuity`: together they are redundant.

    Source: Jagtap & Karniadakis 2020.
    """

    def residual(self, at: InterfacePoint) -> Any:
        average = 0.5 * (at.jets[0].value + at.jets[1].value)
        return jnp.concatenate([u.value - average for u in at.jets])


class ResidualBothSides(AbstractInterfaceCondition):
    """The equation holds on the interface for both sides."""

    def residual(self, at: InterfacePoint) -> Any:
        return jnp.concatenate(at.residuals)


class ResidualContinuity(AbstractInterfaceCondition):
    """Both sides leave the same of the equation.

    Source: Jagtap & Karniadakis 2020.
    """

    def residual(self, at: InterfacePoint) -> Any:
        first, second = at.residuals
        return first - second


class FluxContinuity(_Jump):
    """The flux through the interface, that of the problem, is the same on both sides, up to `jump`.

    Where the problem states no flux it is the normal derivative, which is wrong for coefficients that jump: state
    `flux=lambda x, u, params: k(x) * u.grad` there.

    **Arguments:** `jump`: as of `Continuity`.

    Source: Jagtap et al. 2020.
    """

    jump: Value = 0.0

    def residual(self, at: InterfacePoint) -> Any:
        first, second = at.fluxes
        return first - second - evaluate(self.jump, at.x, at.params)


class TangentialContinuity(AbstractInterfaceCondition):
    """The second derivatives along the interface sum up to the same: $u_{yy}$ across an interface normal to $x$."""

    def residual(self, at: InterfacePoint) -> Any:
        return at.second_difference(1.0 - jnp.square(at.normal))


class ResidualGradient(AbstractInterfaceCondition):
    """The gradient of the residual vanishes on both sides. Needs one order of derivatives more than the equation.

    Source: Yu et al. 2022, arXiv 2111.02801.
    """

    def residual(self, at: InterfacePoint) -> Any:
        return jnp.concatenate([gradient.reshape(-1) for gradient in at.residual_gradients])


class SlopeContinuity(AbstractInterfaceCondition):
    """The normal derivative is the same on both sides: $u_x$ across an interface normal to $x$."""

    def residual(self, at: InterfacePoint) -> Any:
        return (at.jets[0].grad - at.jets[1].grad) @ at.normal


class CurvatureContinuity(AbstractInterfaceCondition):
    """The second normal derivative is the same: $u_{xx}$ across an interface normal to $x$."""

    def residual(self, at: InterfacePoint) -> Any:
        return at.second_difference(jnp.square(at.normal))


#: The nine conditions of METALIC, in its order.
ALL_CONDITIONS = (
    Continuity(),
    AverageContinuity(),
    ResidualBothSides(),
    ResidualContinuity(),
    FluxContinuity(),
    TangentialContinuity(),
    ResidualGradient(),
    SlopeContinuity(),
    CurvatureContinuity(),
)

#: Those of the standard XPINN.
XPINN_CONDITIONS = (AverageContinuity(), ResidualContinuity())

#: Those of the conservative cPINN.
CPINN_CONDITIONS = (Continuity(), FluxContinuity())


def interface_indices(
    problem: PDEProblem, conditions: tuple[AbstractInterfaceCondition, ...]
) -> tuple[tuple[Index, ...], ...]:
    """What the conditions ask of the jets of the two sides; refuses a condition that gives no vector."""

    def asked(condition: AbstractInterfaceCondition, x: Any, jets: Any) -> Any:
        nothing = lambda y: jnp.zeros(problem.fields) + 0.0 * y[0]  # noqa: E731
        normal = jnp.zeros(problem.dimension)
        at = InterfacePoint(problem, x, normal, (x, x), jets, (nothing, nothing), problem.coefficients)
        return condition.residual(at)

    sides: tuple[set, set] = set(), set()
    for k, condition in enumerate(conditions):
        answer, indices = discover(lambda x, jets, c=condition: asked(c, x, jets), problem.dimension, problem.fields, 2)
        if not isinstance(answer, jax.ShapeDtypeStruct) or answer.ndim > 1:
            raise ValueError(f"interface[{k}] must give an array of shape (r,), {condition} gives {answer}")
        for side, found in zip(sides, indices, strict=True):
            side.update(found)
    return tuple(tuple(sorted(side)) for side in sides)
