"""Partitions: a box cut into smaller ones, and the interfaces between them."""

import abc
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core import check_array, check_instance, check_integer
from ._design import AbstractDesign
from ._domain import AbstractDomain, Box


class InterfaceSites(eqx.Module):
    """Points of all interfaces.

    - `x`: where, `(n, dimension)`; `normal`: the unit normal from the first subdomain to the second one.
    - `sides`: the numbers of the two subdomains, `(n, 2)`.
    - `count`: points of each interface.
    """

    x: Float[Array, "*n dimension"]
    normal: Float[Array, "*n dimension"]
    sides: Int[Array, "*n two"]
    count: int = eqx.field(static=True)


class AbstractPartition(eqx.Module):
    """A way to cut a box into boxes that fill it."""

    @abc.abstractmethod
    def cuts(self, domain: AbstractDomain) -> tuple[np.ndarray, ...]:
        """Where each axis is cut, ascending, without the ends; every subdomain is a cell of this grid."""

    def edges(self, domain: AbstractDomain) -> tuple[np.ndarray, ...]:
        """The cuts of each axis with its ends."""
        check_instance("the domain of problem", domain, Box, "a Box, which a partition cuts into boxes")
        lower, upper = np.asarray(domain.lower, np.float64), np.asarray(domain.upper, np.float64)
        edges = []
        for axis, cuts in enumerate(self.cuts(domain)):
            outside = cuts[(cuts <= lower[axis]) | (cuts >= upper[axis])]
            if outside.size:
                raise ValueError(
                    f"at must lie inside of the domain to separate it, ({lower[axis]:g}, {upper[axis]:g}) along axis "
                    f"{axis}, got {outside[0]:g}"
                )
            edges.append(np.concatenate([lower[axis : axis + 1], cuts, upper[axis : axis + 1]]))
        return tuple(edges)

    def boxes(self, domain: AbstractDomain) -> tuple[np.ndarray, np.ndarray]:
        """The lower and the upper corners of the subdomains, `(subdomains, dimension)` each; the last axis runs
        fastest."""
        edges = self.edges(domain)
        lower = np.stack(np.meshgrid(*[edge[:-1] for edge in edges], indexing="ij"), -1)
        upper = np.stack(np.meshgrid(*[edge[1:] for edge in edges], indexing="ij"), -1)
        return lower.reshape(-1, len(edges)), upper.reshape(-1, len(edges))

    def sites(self, domain: AbstractDomain, key: Any, n: int, design: AbstractDesign) -> InterfaceSites:
        """`n` points of each interface; in one dimension an interface is a point."""
        lower, upper = self.boxes(domain)
        cells = [len(edge) - 1 for edge in self.edges(domain)]
        numbers = np.arange(len(lower)).reshape(cells)
        count = n if domain.dimension > 1 else 1
        x, normal, sides = [], [], []
        for axis in range(domain.dimension):
            before = np.take(numbers, np.arange(cells[axis] - 1), axis).reshape(-1)
            after = np.take(numbers, np.arange(1, cells[axis]), axis).reshape(-1)
            for k, other in zip(before, after, strict=True):
                inside = design(jax.random.fold_in(key, len(x)), count, domain.dimension - 1)
                unit = jnp.insert(inside, axis, 1.0, axis=1)
                x.append(jnp.asarray(lower[k]) + unit * jnp.asarray(upper[k] - lower[k]))
                normal.append(jnp.zeros_like(unit).at[:, axis].set(1.0))
                sides.append(np.broadcast_to([k, other], (count, 2)))
        return InterfaceSites(
            jnp.concatenate(x), jnp.concatenate(normal), jnp.asarray(np.concatenate(sides), jnp.int32), count
        )


class Split(AbstractPartition):
    """Cuts across one axis.

    **Arguments:** `axis`: that is cut; `at`: where, a number or several ones that ascend.

    **Raises:** `TypeError`, `ValueError` for an axis that is no integer >= 0, or numbers that do not ascend; the verb
    refuses those outside of the domain.

    >>> from perturbax import pde
    >>> pde.Split(0, 0.5).boxes(pde.Box([0.0, 0.0], [1.0, 2.0]))[1].tolist()
    [[0.5, 2.0], [1.0, 2.0]]
    """

    axis: int
    at: tuple[float, ...]

    def __init__(self, axis: int, at: float | Sequence[float]):
        self.axis = check_integer("axis", axis, minimum=0)
        several = at if isinstance(at, Sequence) else [at]
        places = np.asarray(check_array("at", list(several), shape=(None,)), np.float64)
        if (np.diff(places) <= 0.0).any():
            raise ValueError(f"at must ascend, got {places.tolist()}")
        self.at = tuple(places.tolist())

    def cuts(self, domain: AbstractDomain) -> tuple[np.ndarray, ...]:
        if self.axis >= domain.dimension:
            raise ValueError(f"axis of Split must be < {domain.dimension}, the axes of the domain, got {self.axis}")
        return tuple(np.asarray(self.at if axis == self.axis else []) for axis in range(domain.dimension))


class Splits(AbstractPartition):
    """Cuts across several axes: the boxes of a grid.

    **Arguments:** `members`: `Split`s across different axes.

    **Raises:** `TypeError`, `ValueError` when they are none, or two cut the same axis.

    >>> from perturbax import pde
    >>> cross = pde.Splits([pde.Split(0, 0.5), pde.Split(1, 1.0)])
    >>> len(cross.boxes(pde.Box([0.0, 0.0], [1.0, 2.0]))[0])
    4
    """

    members: tuple[Split, ...]

    def __init__(self, members: Sequence[Split]):
        self.members = tuple(members)
        if not self.members:
            raise ValueError("members must name at least one Split, got none")
        for k, member in enumerate(self.members):
            check_instance(f"members[{k}]", member, Split, "a Split(axis, at)")
        axes = [member.axis for member in self.members]
        if len(set(axes)) < len(axes):
            raise ValueError(f"members must cut different axes, got {axes}")

    def cuts(self, domain: AbstractDomain) -> tuple[np.ndarray, ...]:
        each = [member.cuts(domain) for member in self.members]
        return tuple(np.concatenate(cuts) for cuts in zip(*each, strict=True))
