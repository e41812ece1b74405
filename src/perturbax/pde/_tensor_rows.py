"""Residuals of a problem for a field that is a tensor product on a grid, and how they change with it.

A discretisation has, for each axis, matrices of the derivatives of its basis functions at the points of the grid and at
the points of the conditions. A derivative of the field on the grid is then one matrix along each axis of its
coefficients `W`, at other points a row for each axis. What the equation makes of these derivatives is pointwise: its
Jacobian is a few numbers for each point, found by differentiation, and the whole one is never formed where only
products with it are needed.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_integer
from ._conditions import AbstractFaceCondition
from ._design import AbstractDesign
from ._domain import Box, Sites
from ._jet import Index, Jet
from ._kronecker import along_axes, at_points
from ._problem import PDEProblem


class Places(eqx.Module):
    """Where the rows are: the axes of the grid, all its points, and those of each condition with their images."""

    axes: tuple[Float[Array, " _"], ...]
    x: Float[Array, "n dimension"]
    sites: tuple[Sites, ...]
    images: tuple[tuple[Float[Array, "_ dimension"], ...], ...]


class Tables(eqx.Module):
    """The matrices of a discretisation: `grid[axis][order]`, and `sites[condition][image][axis][order]`."""

    grid: tuple[tuple[Float[Array, "_ _"], ...], ...]
    sites: tuple[tuple[tuple[tuple[Float[Array, "_ _"], ...], ...], ...], ...]


class Values(eqx.Module):
    """All derivatives that the rows need: `(n, indices)` on the grid, and for each condition and image."""

    equation: Float[Array, "n _"]
    conditions: tuple[tuple[Float[Array, "_ _"], ...], ...]


class Rows(eqx.Module):
    """Residuals with the square roots of the weights: of the equation and of all conditions."""

    equation: Float[Array, "_ *columns"]
    conditions: Float[Array, "_ *columns"]


def settle_grid(grid: int | tuple[int, ...], problem: PDEProblem, method: str) -> tuple[int, ...]:
    """The number of points along each axis, of a problem that a tensor grid can take."""
    if not isinstance(problem.domain, Box):
        raise ValueError(
            f"problem must have a Box as domain for {method}, got {type(problem.domain).__name__}; PINN takes it"
        )
    if problem.fields != 1 or problem.unknown or problem.lift is not None:
        raise ValueError(f"problem must have one field, no unknown coefficients and no lift for {method}; PINN has all")
    counts = (grid,) * problem.dimension if isinstance(grid, int) else tuple(grid)
    if len(counts) != problem.dimension:
        raise ValueError(f"grid must have a number for each of {problem.dimension} axes, got {counts}")
    return counts


def check_grid(grid: Any) -> None:
    """Refuse what is neither a number of points nor some."""
    for count in grid if isinstance(grid, tuple) else (grid,):
        check_integer("grid", count, minimum=3)


def highest_order(problem: PDEProblem) -> int:
    """The highest order along one axis of all derivatives that a problem asks for."""
    every = [*problem.indices, *(index for some in problem.condition_indices for one in some for index in one)]
    return max((index.count(axis) for index in every for axis in index), default=0)


def place(
    problem: PDEProblem, axes: tuple[Array, ...], shape: tuple[int, ...], key: Any, design: AbstractDesign
) -> Places:
    """The points of a grid with these axes, and by a design about as many on each face as a grid of a shape has."""
    x = jnp.stack(jnp.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
    sites = []
    for k, condition in enumerate(problem.conditions):
        faces = 1
        if isinstance(condition, AbstractFaceCondition):
            faces = len(getattr(condition, "faces", None) or problem.domain.faces)  # pyright: ignore[reportAttributeAccessIssue]
        count = faces * (math.prod(shape) // min(shape))
        sites.append(condition.place(problem.domain, jax.random.fold_in(key, k), count, design))
    images = tuple(
        jax.vmap(lambda y, one=one: one.images(y, problem.domain))(site.x)
        for one, site in zip(problem.conditions, sites, strict=True)
    )
    return Places(axes, x, tuple(sites), images)


def site_tables(places: Places, matrices: Callable[[int, Array], tuple[Array, ...]]) -> Any:
    """The part `sites` of `Tables`: `matrices(axis, points)` gives one for each order."""
    return tuple(
        tuple(tuple(matrices(axis, x[:, axis]) for axis in range(x.shape[1])) for x in images)
        for images in places.images
    )


def values(problem: PDEProblem, tables: Tables, W: Float[Array, "*grid"]) -> Values:
    """The derivatives of the field with coefficients `W`: linear in them."""

    def on_grid(index: Index) -> Array:
        return along_axes([some[index.count(axis)] for axis, some in enumerate(tables.grid)], W).reshape(-1)

    def at(tables: Any, index: Index) -> Array:
        return at_points([some[index.count(axis)] for axis, some in enumerate(tables)], W)

    conditions = tuple(
        tuple(_columns([at(one, index) for index in asked], len(one[0][0])) for one, asked in zip(*both, strict=True))
        for both in zip(tables.sites, problem.condition_indices, strict=True)
    )
    count = math.prod(len(some[0]) for some in tables.grid)
    return Values(_columns([on_grid(index) for index in problem.indices], count), conditions)


def rows(problem: PDEProblem, places: Places, found: Values) -> Rows:
    """All residuals, from the derivatives."""
    equation = jax.vmap(lambda x, v: _equation(problem, x, v))(places.x, found.equation)
    conditions = [
        jax.vmap(lambda site, v, k=k: _condition(problem, k, site, v))(site, some).reshape(-1)
        for k, (site, some) in enumerate(zip(places.sites, found.conditions, strict=True))
    ]
    return Rows(equation.reshape(-1), jnp.concatenate(conditions))


class Jacobian(eqx.Module):
    """How the residuals change with the derivatives: `(n, equations, indices)` on the grid, and the same for each
    condition and image."""

    equation: Float[Array, "n _ _"]
    conditions: tuple[tuple[Float[Array, "_ _ _"], ...], ...]

    def __call__(self, of: Values) -> Rows:
        """The changes of the residuals by changes of the derivatives."""
        first = jnp.einsum("nep,np->ne", self.equation, of.equation).reshape(-1)
        parts = [
            _total([jnp.einsum("nep,np->ne", J, v) for J, v in zip(*both, strict=True)]).reshape(-1)
            for both in zip(self.conditions, of.conditions, strict=True)
        ]
        return Rows(first, jnp.concatenate(parts))


def linearise(problem: PDEProblem, places: Places, found: Values) -> Jacobian:
    """The Jacobian of the residuals, pointwise."""
    equation = jax.vmap(jax.jacfwd(lambda v, x: _equation(problem, x, v)))(found.equation, places.x)
    conditions = tuple(
        jax.vmap(jax.jacfwd(lambda v, site, k=k: _condition(problem, k, site, v)))(some, site)
        for k, (site, some) in enumerate(zip(places.sites, found.conditions, strict=True))
    )
    return Jacobian(equation, conditions)


def dense_jacobian(problem: PDEProblem, tables: Tables, jacobian: Jacobian) -> Rows:
    """The whole Jacobian with respect to `W`, of rows `(rows, N)`, for grids on which it has room."""

    def weighted(J: Array, basis: list[Array]) -> Array:
        found = _total([J[:, :, p, None] * one[:, None, :] for p, one in enumerate(basis)])
        return found.reshape(-1, found.shape[-1])

    grid = [
        functools.reduce(jnp.kron, [some[index.count(axis)] for axis, some in enumerate(tables.grid)])
        for index in problem.indices
    ]
    conditions = []
    for images, every, Js in zip(tables.sites, problem.condition_indices, jacobian.conditions, strict=True):
        parts = []
        for one, asked, J in zip(images, every, Js, strict=True):
            basis = [
                functools.reduce(_by_rows, [some[index.count(axis)] for axis, some in enumerate(one)])
                for index in asked
            ]
            parts.append(weighted(J, basis))
        conditions.append(_total(parts))
    return Rows(weighted(jacobian.equation, grid), jnp.concatenate(conditions))


def gram_diagonal(problem: PDEProblem, tables: Tables, jacobian: Jacobian, scales: tuple[Array, Array]) -> Array:
    """The diagonal of `J^T J` for the whole Jacobian `J` with respect to `W`, rows multiplied by `scales`."""
    shape = tuple(some[0].shape[1] for some in tables.grid)
    points = tuple(some[0].shape[0] for some in tables.grid)
    total = jnp.zeros(shape)
    for p, first in enumerate(problem.indices):
        for q, second in enumerate(problem.indices):
            pair = jnp.sum(jacobian.equation[:, :, p] * jacobian.equation[:, :, q], 1).reshape(points)
            products = [(some[first.count(axis)] * some[second.count(axis)]).T for axis, some in enumerate(tables.grid)]
            total += jnp.square(scales[0]) * along_axes(products, pair)
    for number, images in enumerate(tables.sites):
        parts = [
            (one, index, jacobian.conditions[number][k][:, :, p])
            for k, one in enumerate(images)
            for p, index in enumerate(problem.condition_indices[number][k])
        ]
        for one, first, J in parts:
            for other, second, J_other in parts:
                answer = jnp.sum(J * J_other, 1)
                for axis in range(len(shape)):
                    product = one[axis][first.count(axis)] * other[axis][second.count(axis)]
                    answer = answer[..., None] * product.reshape(len(product), *[1] * axis, -1)
                total += jnp.square(scales[1]) * jnp.sum(answer, 0)
    return total


def is_affine(problem: PDEProblem, places: Places) -> bool:
    """Whether the Jacobian is the same at two random jets of each point, so that one linear problem is all."""
    shapes = Values(
        jnp.zeros((len(places.x), len(problem.indices))),
        tuple(
            tuple(jnp.zeros((len(site.x), len(asked))) for asked in every)
            for site, every in zip(places.sites, problem.condition_indices, strict=True)
        ),
    )
    leaves, tree = jax.tree.flatten(shapes)
    first, second = (
        _jacobians(problem, places, jax.tree.unflatten(tree, [jax.random.normal(key, leaf.shape) for leaf in leaves]))
        for key in jax.random.split(jax.random.key(0))
    )
    return all(bool(jnp.array_equal(a, b)) for a, b in zip(first, second, strict=True))


@eqx.filter_jit
def _jacobians(problem: PDEProblem, places: Places, found: Values) -> list[Array]:
    return jax.tree.leaves(linearise(problem, places, found))


def _equation(problem: PDEProblem, x: Array, values: Array) -> Array:
    residual = problem.evaluate(x, _jet(problem, problem.indices, values), problem.coefficients)
    return jnp.sqrt(problem.weight) * residual


def _condition(problem: PDEProblem, number: int, site: Sites, values: tuple[Array, ...]) -> Array:
    one, asked = problem.conditions[number], problem.condition_indices[number]
    jets = tuple(_jet(problem, indices, some) for indices, some in zip(asked, values, strict=True))
    return jnp.sqrt(one.weight) * jnp.atleast_1d(one.residual(site, jets, problem.coefficients))


def _jet(problem: PDEProblem, indices: tuple[Index, ...], values: Array) -> Jet:
    return Jet({index: values[k : k + 1] for k, index in enumerate(indices)}, problem.dimension)


def _total(parts: list[Array]) -> Array:
    return functools.reduce(jnp.add, parts)


def _by_rows(first: Array, second: Array) -> Array:
    """The Kronecker product of each row of one matrix with that of another."""
    return (first[:, :, None] * second[:, None, :]).reshape(len(first), -1)


def _columns(parts: list[Array], count: int) -> Array:
    return jnp.stack(parts, -1) if parts else jnp.zeros((count, 0))
