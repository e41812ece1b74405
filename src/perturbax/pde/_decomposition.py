"""What a decomposed domain adds to the sum of squares: a network for each subdomain, and the rows of interfaces."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ._dense import Dense
from ._field import Field, Theta
from ._interface import AbstractInterfaceCondition, InterfacePoint
from ._jet import Index, jet
from ._least_squares import Points, Term, condition, equation
from ._partition import InterfaceSites
from ._problem import PDEProblem

# How many units in the last place are inside of a subdomain, and not on its interface.
_INSIDE = 16.0


class Piece(eqx.Module):
    """The network of one subdomain, defined everywhere: its box is mapped to `[-1, 1]^dimension`."""

    network: Dense
    lower: Float[Array, " dimension"]
    upper: Float[Array, " dimension"]

    def __call__(self, y: Float[Array, " dimension"]) -> Float[Array, " fields"]:
        return self.network(2.0 * (y - self.lower) / (self.upper - self.lower) - 1.0)


class Piecewise(eqx.Module):
    """Equal networks, one for each subdomain, with their parameters stacked along the first axis.

    **Arguments:** `networks`: the stack; `lower`, `upper`: the boxes of the subdomains in `[-1, 1]^dimension`.

    Called at a point it is the network of the subdomain that has the point; on an interface, of the first one.
    """

    networks: Dense
    lower: Float[Array, "subdomains dimension"]
    upper: Float[Array, "subdomains dimension"]

    def __call__(self, y: Float[Array, " dimension"]) -> Float[Array, " fields"]:
        return self.piece(self.locate(y))(y)

    def piece(self, k: Int[Array, ""] | int) -> Piece:
        """The network of subdomain `k`."""
        return Piece(jax.tree.map(lambda leaf: leaf[k], self.networks), self.lower[k], self.upper[k])

    def locate(self, y: Float[Array, " dimension"]) -> Int[Array, ""]:
        """The number of the subdomain of a point."""
        # Outside of all of them, which only rounding does: the nearest.
        outside = jnp.maximum(self.lower - y, 0.0) + jnp.maximum(y - self.upper, 0.0)
        return jnp.argmin(jnp.sum(jnp.square(outside), -1))


class InterfacePoints(Points):
    """Points of a decomposed domain, with those of its interfaces.

    - `regions`: the subdomain of each point of `x`, and `site_regions` of each condition's points.
    - `interface`: the points of all interfaces; `conditions`: what is asked for there, `action`: with which factors,
      0 or 1 each; `indices`: the derivatives that they ask for.
    - `factors`: of the residuals, of the conditions of the problem, of those of the interfaces.
    """

    regions: Int[Array, " n"]
    site_regions: tuple[Any, ...]
    interface: InterfaceSites
    conditions: tuple[AbstractInterfaceCondition, ...]
    action: Float[Array, " q"]
    indices: tuple[tuple[Index, ...], ...] = eqx.field(static=True)
    subdomains: int = eqx.field(static=True)
    factors: tuple[Any, Any, Any]

    def terms(self, problem: PDEProblem) -> list[Term]:
        """The sum over subdomains, and interfaces, of mean squares."""
        residual, boundary, interface = self.factors
        scale = jnp.sqrt(residual * problem.weight * self.weights / self._shared(self.regions))
        terms: list[Term] = [(lambda theta, x: equation(problem, theta, x), self.x, scale)]
        for number, (one, sites, regions) in enumerate(
            zip(problem.conditions, self.sites, self.site_regions, strict=True)
        ):
            scale = jnp.sqrt(boundary * one.weight / self._shared(regions)).astype(self.x.dtype)
            terms.append((lambda theta, site, k=number: condition(problem, theta, k, site), sites, scale))
        if not self.conditions:
            return terms
        scale = jnp.full(len(self.interface.x), jnp.sqrt(interface / self.interface.count))
        terms.append((self._interface_row(problem), self.interface, scale.astype(self.x.dtype)))
        return terms

    def _shared(self, regions: Array) -> Array:
        """How many points are in the subdomain of each point."""
        return jnp.sum(regions[:, None] == jnp.arange(self.subdomains), 0)[regions]

    def _interface_row(self, problem: PDEProblem) -> Callable:
        factors = jnp.sqrt(self.action)
        reach = jnp.asarray(problem.domain.upper) - jnp.asarray(problem.domain.lower)

        def row(theta: Theta, site: InterfaceSites) -> Float[Array, " r"]:
            first, second = (Field(problem, theta.network.piece(site.sides[side]), theta.unknown) for side in range(2))
            jets = (jet(first, site.x, self.indices[0]), jet(second, site.x, self.indices[1]))
            params = problem.params | theta.unknown
            away = _INSIDE * jnp.finfo(site.x.dtype).eps * (jnp.abs(site.x) + reach) * site.normal
            places = (site.x - away, site.x + away)
            at = InterfacePoint(problem, site.x, site.normal, places, jets, (first, second), params)
            parts = [factors[k] * jnp.atleast_1d(one.residual(at)) for k, one in enumerate(self.conditions)]
            return jnp.concatenate(parts)

        return row
