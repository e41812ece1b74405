"""The field that a representation and a problem make together: scaled to the domain, and lifted."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._jet import AbstractClosedForm, Index, automatic
from ._problem import PDEProblem


class Theta(eqx.Module):
    """What is looked for: a pointwise function on `[-1, 1]^dimension`, and the unknown coefficients."""

    network: Any
    unknown: dict[str, Any]


class Field(AbstractClosedForm):
    """A representation on `[-1, 1]^dimension` as a field on the domain of a problem.

    **Arguments:** `problem`; `network`: from a point of `[-1, 1]^dimension` to `(fields,)`, an `AbstractClosedForm`
    where it knows its derivatives; `unknown`: the unknown coefficients, which a lift may use.
    """

    problem: PDEProblem
    network: Any
    unknown: dict[str, Any]

    def __call__(self, x: Float[Array, " dimension"]) -> Float[Array, " fields"]:
        answer = self.network(self.problem.domain.to_unit(x))
        if self.problem.lift is None:
            return answer
        return jnp.atleast_1d(self.problem.lift(x, answer, self.problem.params | self.unknown))

    def derivatives(self, x: Float[Array, " dimension"], indices: tuple[Index, ...]) -> dict[Index, Any]:
        if self.problem.lift is not None or not isinstance(self.network, AbstractClosedForm):
            return automatic(self.__call__, x, indices)
        domain = self.problem.domain
        found = self.network.derivatives(domain.to_unit(x), indices)
        rates = 2.0 / (jnp.asarray(domain.upper) - jnp.asarray(domain.lower))
        return {index: found[index] * jnp.prod(rates[jnp.array(index, int)]) for index in indices}


def field(problem: PDEProblem, theta: Theta) -> Field:
    """The field of some unknowns."""
    return Field(problem, theta.network, theta.unknown)
