"""Problems and conditions: what they ask for, and that exact solutions leave nothing."""

import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, pde
from perturbax.pde._field import Theta
from perturbax.pde._least_squares import Points, rows
from perturbax.pde._sampler import draw

# Tested with their references, in test_references.py.
COMPUTED = {"allen_cahn", "nonlinear_diffusion"}
CATALOGUE = {
    **{name: getattr(pde.catalogue, name) for name in sorted(set(pde.catalogue.__all__) - COMPUTED)},
    "poisson in 3 dimensions": lambda: pde.catalogue.poisson(3, 2.0),
    "semilinear in 2 dimensions": lambda: pde.catalogue.semilinear(2),
}


class Exact(pde.Field):
    """The exact solution in the place of a fitted field."""

    def __call__(self, x):
        return jnp.atleast_1d(self.problem.exact(x, self.problem.coefficients))

    def derivatives(self, x, indices):
        return pde.jet(self.__call__, x, indices).values


def exact_solution(problem):
    return pde.PDESolution(problem, Exact(problem, None, {}), {}, {}, None, None, core.Result.successful, {})


QUICK = ("helmholtz", "klein_gordon", "semilinear")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in sorted(CATALOGUE)]
)
def test_exact_solutions_of_the_catalogue_leave_nothing(name):
    problem = CATALOGUE[name]()
    error = pde.solution_error(exact_solution(problem), 64)
    assert error.relative_l2 < 1e-14
    assert error.residual_rms < 1e-9
    assert max(error.condition_rms) < 1e-9


def test_the_peak_is_scaled_to_a_residual_of_one():
    problem = pde.catalogue.peak(60.0)
    with core.float64():
        at = core.settle_arrays(problem).evaluate(
            jnp.array([0.5, 0.5]), pde.Jet({(0, 0): jnp.zeros(1), (1, 1): jnp.zeros(1)}, 2), problem.params
        )
    assert abs(float(at[0])) == pytest.approx(1.0)


def test_what_a_problem_asks_for():
    problem = pde.catalogue.burgers()
    assert problem.indices == ((), (0,), (1,), (1, 1))
    assert problem.condition_indices == ((((),),), (((),),))
    assert (problem.order, problem.equations, problem.dimension) == (2, 1, 2)


def residual_of(condition, u, x, time_axis=None, normal=None, dimension=2):
    box = pde.Box(np.zeros(dimension), np.ones(dimension), time_axis=time_axis)
    problem = pde.PDEProblem(box, lambda x, u, params: u.value, [condition])
    (asked,) = problem.condition_indices
    x = jnp.asarray(x)
    normal = jnp.zeros(dimension) if normal is None else jnp.asarray(normal)
    jets = tuple(pde.jet(u, at, wanted) for at, wanted in zip(condition.images(x, box), asked, strict=True))
    return jnp.atleast_1d(condition.residual(pde.Sites(x, normal, jnp.array([3.0])[: condition.targets]), jets, {}))


def u(x):
    return x[:1] ** 2 * x[1:]


@pytest.mark.parametrize(
    ("condition", "options", "wanted"),
    [
        (pde.Dirichlet(1.0), {}, 4.0 * 3.0 - 1.0),
        (pde.Dirichlet(lambda x, params: x[0]), {}, 12.0 - 2.0),
        (pde.Neumann(1.0), {"normal": [1.0, 0.0]}, 2.0 * 2.0 * 3.0 - 1.0),
        (pde.Neumann(), {"normal": [0.0, -1.0]}, -4.0),
        (pde.Robin(a=2.0, b=3.0, value=5.0), {"normal": [0.0, 1.0]}, 24.0 + 12.0 - 5.0),
        (pde.Initial(1.0, order=2), {"normal": [-1.0, 0.0], "time_axis": 0}, 6.0 - 1.0),
        (pde.Data([[2.0, 3.0]], [3.0]), {}, 12.0 - 3.0),
        (pde.Boundary(lambda x, u, normal, params: u.value * normal[1]), {"normal": [0.0, -1.0]}, -12.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_residuals_of_conditions(condition, options, wanted):
    assert residual_of(condition, u, [2.0, 3.0], **options).item() == pytest.approx(wanted)


def test_periodic_conditions_compare_two_faces():
    found = residual_of(pde.Periodic(0, orders=(0, 1, 2)), u, [0.0, 3.0])
    np.testing.assert_allclose(found, [3.0, 6.0, 0.0])


def test_some_components_only():
    box = pde.Box([0.0], [1.0])
    problem = pde.PDEProblem(box, lambda x, u, params: u.d(0), [pde.Dirichlet(2.0, fields=[1])], fields=2)
    assert problem.equations == 2
    site = pde.Sites(jnp.zeros(1), jnp.ones(1), jnp.zeros(0))
    jets = (pde.Jet({(): jnp.array([5.0, 7.0])}, 1),)
    assert problem.conditions[0].residual(site, jets, {}).tolist() == [5.0]


def test_rows_are_scaled_so_that_their_squares_are_weighted_means(string, key):
    with core.float64():
        problem = core.settle_arrays(
            pde.PDEProblem(string.domain, string.residual, [pde.Dirichlet(1.0, weight=9.0)], params=string.params)
        )
        points = draw(problem, key, 10, 2, pde.Uniform())
        points = Points(points.x, points.weights.at[0].set(3.0), points.sites)
        found = np.asarray(rows(problem, Theta(lambda x: jnp.zeros(1), {}), points))
    assert found.shape == (12,)
    assert np.sum(found[:10] ** 2) == pytest.approx(4.0 * 12.0 / 10.0)
    assert np.sum(found[10:] ** 2) == pytest.approx(9.0)


def residual(x, u, params):
    return u.value


BOX = pde.Box([0.0], [1.0])
GOOD = [pde.Dirichlet()]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pde.PDEProblem(None, residual, GOOD), "domain"),
        (lambda: pde.PDEProblem(BOX, 1.0, GOOD), "residual"),
        (lambda: pde.PDEProblem(BOX, residual, []), "conditions must not be empty without a lift"),
        (lambda: pde.PDEProblem(BOX, residual, pde.Dirichlet()), "conditions"),
        (lambda: pde.PDEProblem(BOX, residual, [0.0]), "conditions"),
        (lambda: pde.PDEProblem(BOX, residual, [pde.Initial()]), "domain must have a time_axis"),
        (lambda: pde.PDEProblem(BOX, residual, [pde.Periodic(1)]), "has axis 1, the domain has 1"),
        (lambda: pde.PDEProblem(BOX, residual, GOOD, fields=0), "fields must be an integer >= 1"),
        (lambda: pde.PDEProblem(BOX, residual, GOOD, weight=0.0), "weight must be a number > 0"),
        (lambda: pde.PDEProblem(BOX, residual, GOOD, params={"a": np.nan}), r"params\['a'\] must be finite"),
        (lambda: pde.PDEProblem(BOX, residual, GOOD, params=[1.0]), "params"),
        (lambda: pde.PDEProblem(BOX, residual, GOOD, params={"a": 1.0}, unknown={"a": 2.0}), "unknown must not name"),
        (lambda: pde.PDEProblem(BOX, lambda x, u, params: jnp.ones((2, 2)), GOOD), "residual must return a scalar"),
        (lambda: pde.Dirichlet(weight=0.0), "weight must be a number > 0"),
        (lambda: pde.Initial(order=-1), "order must be an integer >= 0"),
        (lambda: pde.Periodic(0, orders=()), "orders must name"),
        (lambda: pde.Data([[0.0]], [1.0, 2.0]), "values must have shape"),
        (lambda: pde.Data([[0.0]], [np.nan]), "values must be finite"),
    ],
)
def test_bad_problems_are_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
