"""Representations of a function that minimises an energy: the interface of plane waves and grids."""

import abc
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from ._problem import PDEProblem


class AbstractSpace(eqx.Module):
    """A problem in a representation, with what a descent needs. Elements are pytrees that the space makes.

    Integrals are means over the domain, so that steps do not depend on its volume.
    """

    problem: eqx.AbstractVar[PDEProblem]

    @property
    @abc.abstractmethod
    def share(self) -> Any:
        """The share of a function that may be dropped in a step."""

    @abc.abstractmethod
    def zero(self) -> Any:
        """The function 0."""

    @abc.abstractmethod
    def constant(self, value: Any) -> Any:
        """A constant function, 0 where the boundary is held."""

    @abc.abstractmethod
    def energy(self, u: Any) -> Float[Array, ""]:
        """`E(u)`."""

    @abc.abstractmethod
    def gradient(self, u: Any) -> tuple[Any, Any]:
        """`DE(u)` in L2, and the largest share that was dropped of a product."""

    @abc.abstractmethod
    def smooth(self, g: Any) -> Any:
        """`(I - Lap)^-1 g`."""

    @abc.abstractmethod
    def inner(self, g: Any, d: Any) -> Float[Array, ""]:
        """The mean of `g d`, for `d` made of `g`."""

    @abc.abstractmethod
    def move(self, u: Any, d: Any, size: Any) -> tuple[Any, Any]:
        """`u - size d`, and the share that was dropped."""

    @abc.abstractmethod
    def stiffness(self, d: Any) -> Float[Array, ""]:
        """The largest `1 + |k|^2` of a wave of `d`."""

    @abc.abstractmethod
    def curvature(self, u: Any, d: Any, size: Any) -> Float[Array, ""]:
        """A bound of `D2E / |w|^2` in H1 between `u` and `u - size d`."""

    @abc.abstractmethod
    def report(self, u: Any) -> dict[str, Any]:
        """Numbers for the history."""

    @abc.abstractmethod
    def values(self, u: Any, x: Float[Array, "n dimension"]) -> Float[Array, " n"]:
        """`u` at points."""

    @abc.abstractmethod
    def model(self, u: Any) -> Any:
        """`u` as a pointwise function, from `(dimension,)` to `(1,)`."""

    @abc.abstractmethod
    def enlarged(self, u: Any) -> Any:
        """The space and `u` with more room, `None` when there is none."""


class AbstractRepresentation(eqx.Module):
    """How a method represents a function."""

    @abc.abstractmethod
    def space(self, problem: PDEProblem) -> AbstractSpace:
        """A problem in this representation.

        **Raises:** `ValueError` for a problem that does not fit.
        """
