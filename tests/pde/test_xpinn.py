"""XPINN: partitions, the nine interface conditions in closed form, the rows, a jump of a coefficient, bad input."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from perturbax import core, pde
from perturbax.pde._field import Theta
from perturbax.pde._jet import jet
from perturbax.pde._least_squares import rows, rows_and_jacobian

SMALL = {"hidden": (5,), "optimiser": pde.LM(3, chunk=3), "points": pde.FixedPoints(12, 8), "interface_points": 3}
ORDER_3 = tuple((0,) * i + (1,) * j for i in range(4) for j in range(4 - i))


def heat(x, u, params):
    return u.d(0) + params["rate"] * u.value - u.d(1, 1)


@pytest.fixture(scope="module")
def plane():
    """`u_t + 2 u = u_xx` on a box that is not a unit square, with a flux."""
    flux = lambda x, u, params: jnp.stack([u.value, -u.d(1)], -1)  # noqa: E731
    box = pde.Box([0.0, -1.0], [2.0, 3.0])
    return pde.PDEProblem(box, heat, [pde.Dirichlet(1.0)], params={"rate": 2.0}, flux=flux)


def test_a_grid_of_cuts_fills_the_box_and_its_interfaces_lie_between():
    box = pde.Box([0.0, -1.0], [2.0, 3.0])
    partition = pde.Splits([pde.Split(1, [0.0, 2.0]), pde.Split(0, 0.5)])
    lower, upper = partition.boxes(box)
    assert lower.shape == (6, 2)
    assert np.prod(upper - lower, -1).sum() == pytest.approx(box.volume)
    sites = partition.sites(box, jax.random.key(0), 4, pde.Sobol())
    assert len(sites.x) == 4 * (3 + 4)  # 3 interfaces across axis 0, 2 x 2 across axis 1
    first, second = np.asarray(sites.sides).T
    for axis in range(2):
        here = np.asarray(sites.normal)[:, axis] == 1.0
        np.testing.assert_allclose(np.asarray(sites.x)[here, axis], upper[first[here], axis])
        np.testing.assert_allclose(upper[first[here], axis], lower[second[here], axis])
    inside = (np.asarray(sites.x) >= lower[first] - 1e-6) & (np.asarray(sites.x) <= upper[first] + 1e-6)
    assert inside.all()


def test_the_nine_conditions_are_those_of_two_known_functions(plane):
    """At (1, 1) across the first axis: u_1 = t^2 + t x^2, u_2 = 2 x^2 + (t - 1) x (worked out by hand)."""
    fields = (lambda x: (x[0] ** 2 + x[0] * x[1] ** 2)[None], lambda x: (2.0 * x[1] ** 2 + (x[0] - 1.0) * x[1])[None])
    # r_1 = 2 t^2 + 2 t x^2 + x^2 and r_2 = 4 x^2 + 2 (t - 1) x + x - 4

    @jax.jit
    def residuals(x):
        jets = tuple(jet(field, x, ORDER_3) for field in fields)
        at = pde.InterfacePoint(plane, x, jnp.array([1.0, 0.0]), (x, x), jets, fields, plane.coefficients)
        return [condition.residual(at) for condition in pde.ALL_CONDITIONS]

    wanted = {
        pde.Continuity: [0.0],
        pde.AverageContinuity: [0.0, 0.0],
        pde.ResidualBothSides: [5.0, 1.0],
        pde.ResidualContinuity: [4.0],
        pde.FluxContinuity: [0.0],
        pde.TangentialContinuity: [-2.0],
        pde.ResidualGradient: [6.0, 6.0, 2.0, 9.0],
        pde.SlopeContinuity: [2.0],
        pde.CurvatureContinuity: [2.0],
    }
    assert set(wanted) == {type(condition) for condition in pde.ALL_CONDITIONS}
    for condition, found in zip(pde.ALL_CONDITIONS, residuals(jnp.ones(2)), strict=True):
        np.testing.assert_allclose(found, wanted[type(condition)], atol=1e-5, err_msg=str(condition))


def test_flux_is_the_normal_derivative_where_none_is_stated_and_jumps_are_subtracted(plane):
    fields = (lambda x: (3.0 * x[0])[None], lambda x: (x[0] - x[1])[None])
    x, normal = jnp.ones(2), jnp.array([1.0, 0.0])
    jets = tuple(jet(field, x, ORDER_3) for field in fields)
    free = pde.PDEProblem(plane.domain, heat, [pde.Dirichlet()], params={"rate": 2.0})
    at = pde.InterfacePoint(free, x, normal, (x, x), jets, fields, free.coefficients)
    np.testing.assert_allclose(pde.FluxContinuity().residual(at), [2.0], atol=1e-6)
    np.testing.assert_allclose(pde.FluxContinuity(jump=2.0).residual(at), [0.0], atol=1e-6)
    np.testing.assert_allclose(pde.Continuity(jump=lambda x, params: 3.0 * x[0]).residual(at), [0.0], atol=1e-6)


@pytest.fixture(scope="module")
def asked(plane):
    """A method with three conditions, its unknowns and its points, in float64."""
    interface = (pde.Continuity(), pde.AverageContinuity(), pde.ResidualBothSides())
    method = pde.XPINN(pde.Split(0, 0.5), interface, **SMALL)
    with core.float64():
        problem = core.settle_arrays(plane)
        network = method.network(problem, jax.random.key(1))
        points, _ = method.points.start(problem, jax.random.key(2))
        points = method.ask(problem, points, jax.random.key(3))
    return method, problem, Theta(network, {}), points


def test_the_loss_is_the_weighted_sum_over_subdomains_of_mean_squares(asked):
    _, problem, theta, points = asked

    @jax.jit
    def by_hand(network, x, boundary, interface):
        first, second = (pde.Field(problem, network.piece(k), {}) for k in (0, 1))
        equation = lambda f: jax.vmap(lambda y: heat(y, jet(f, y, problem.indices), problem.params)[0])  # noqa: E731

        def parts(f, left):
            inside, outside = (jnp.where(left, z[:, 0] < 0.5, z[:, 0] >= 0.5) for z in (x, boundary))
            residual = jnp.mean(jnp.square(equation(f)(x)), where=inside)
            return residual + 20.0 * jnp.mean(jnp.square(jax.vmap(f)(boundary)[:, 0] - 1.0), where=outside)

        jump = jnp.mean(jnp.square(jax.vmap(lambda y: first(y) - second(y))(interface)))
        both = sum(jnp.mean(jnp.square(equation(f)(interface))) for f in (first, second))
        return parts(first, True) + parts(second, False) + 5.0 * (1.5 * jump + both)

    with core.float64():
        found = jax.jit(lambda network: rows(problem, Theta(network, {}), points))(theta.network)
        wanted = by_hand(theta.network, points.x, points.sites[0].x, points.interface.x)
        np.testing.assert_allclose(found @ found, wanted, rtol=1e-12)


def test_the_rows_of_the_jacobian_are_those_of_the_whole_vector(asked):
    method, problem, theta, points = asked
    with core.float64():
        trained, frozen = eqx.partition(theta, Theta(method.trainable(theta.network), {}))
        flat, unravel = ravel_pytree(trained)
        assert flat.size == 2 * (2 * 5 + 5 + 5 + 1)

        @jax.jit
        def both(flat):
            dense = jax.jacfwd(lambda flat: rows(problem, eqx.combine(unravel(flat), frozen), points))(flat)
            return rows_and_jacobian(problem, unravel(flat), frozen, points)[1], dense

        J, dense = both(flat)
        np.testing.assert_allclose(J, dense, atol=1e-10)


def test_an_action_of_zeros_asks_for_nothing_and_many_are_mapped(asked):
    _, problem, theta, points = asked
    actions = jnp.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]])

    @jax.jit
    def compared(actions):
        def of(points):
            return jnp.sum(jnp.square(rows(problem, theta, points)))

        losses = jax.vmap(lambda action: of(dataclasses.replace(points, action=action)))(actions)
        return losses, of(dataclasses.replace(points, conditions=())), of(points)

    with core.float64():
        losses, apart, every = compared(jnp.asarray(np.asarray(actions), jnp.float64))
        np.testing.assert_allclose(losses[0], apart, rtol=1e-12)
        np.testing.assert_allclose(losses[3], every, rtol=1e-12)
        # u-average is half of u: redundant.
        np.testing.assert_allclose(losses[2] - losses[0], 0.5 * (losses[1] - losses[0]), rtol=1e-9)


def conductivity(x):
    return jnp.where(x[0] < 0.5, 1.0, 4.0)


def layered(x, u, params):
    return conductivity(x) * u.d(0, 0) + 1.0


def layered_exact(x, params):
    """Two parabolas with one flux q - x: k u' = q - x, u(0) = u(1) = 0."""
    q = (0.125 + 0.375 / 4.0) / (0.5 + 0.5 / 4.0)
    left = q * x[0] - 0.5 * x[0] ** 2
    right = -(q * (1.0 - x[0]) - 0.5 * (1.0 - x[0] ** 2)) / 4.0
    return jnp.where(x[0] < 0.5, left, right)


@pytest.mark.slow
def test_a_jump_of_the_conductivity_is_solved_with_the_flux_and_not_with_the_slope():
    problem = pde.PDEProblem(
        pde.Box([0.0], [1.0]),
        layered,
        [pde.Dirichlet(0.0)],
        exact=layered_exact,
        flux=lambda x, u, params: conductivity(x) * u.grad,
    )
    small = {**SMALL, "optimiser": pde.LM(100, chunk=100), "points": pde.FixedPoints(16, 2)}
    sides = {}
    for name, slope in (("flux", pde.FluxContinuity()), ("slope", pde.SlopeContinuity())):
        method = pde.XPINN(pde.Split(0, 0.5), (pde.Continuity(), slope), **small)
        sides[name] = pde.solve(problem, method, key=jax.random.key(0)).history["error"][-1]
    assert sides["flux"] < 1e-3
    assert sides["slope"] > 0.05


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda plane: pde.XPINN(pde.Split(0, 0.5), (pde.Dirichlet(),)),
            r"interface\[0\] must be an interface condition",
        ),
        (lambda plane: pde.XPINN(0.5), "partition must be a partition"),
        (lambda plane: pde.XPINN(pde.Split(0, 0.5), interface_points=0), "interface_points must be an integer >= 1"),
        (lambda plane: pde.XPINN(pde.Split(0, 0.5), interface_weight=0.0), "interface_weight must be a number > 0"),
        (lambda plane: pde.Split(0, [0.5, 0.2]), "at must ascend"),
        (lambda plane: pde.Split(-1, 0.5), "axis must be an integer >= 0"),
        (lambda plane: pde.Splits([]), "members must name at least one"),
        (lambda plane: pde.Splits([pde.Split(0, 0.5), pde.Split(0, 0.7)]), "members must cut different axes"),
        (lambda plane: pde.Continuity(jump=np.nan), "jump"),
        (lambda plane: solve(plane, pde.Split(0, 2.0)), "at must lie inside of the domain to separate it"),
        (lambda plane: solve(plane, pde.Split(2, 0.5)), "axis of Split must be < 2"),
        (lambda plane: solve(plane, pde.Split(0, 1e-9)), "points must have some in every subdomain"),
    ],
)
def test_bad_arguments_are_refused_by_name(plane, make, message, without_type_checks):
    with pytest.raises((ValueError, TypeError), match=message):
        make(plane)


def solve(problem, partition):
    return pde.solve(problem, pde.XPINN(partition, **SMALL), key=jax.random.key(0))
