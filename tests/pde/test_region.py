"""Balls, unions, differences, signed distances: points lie where they should, uniformly, and problems are solved."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ellipeinc

from perturbax import core, pde
from perturbax.pde._region import signed_distance

DISK = pde.Ball([0.5, -1.0], 2.0)
RING = pde.Difference(pde.Ball([0.0, 0.0], 1.0), pde.Ball([0.0, 0.0], 0.5))
CORNER = pde.Difference(pde.Box([0.0, 0.0], [2.0, 2.0]), pde.Box([1.0, 1.0], [3.0, 3.0]))
TIMED = pde.SpaceTime(DISK, 0.0, 1.0)
DESIGNS = [pde.Uniform(), pde.Sobol(), pde.LatinHypercube(), pde.Lattice()]


def circle(x):
    return jnp.sqrt((x[0] - 0.5) ** 2 + (x[1] + 1.0) ** 2) - 2.0


def ellipse(x):
    return (x[0] / 2.0) ** 2 + x[1] ** 2 - 1.0


SHAPES = {
    "disk": DISK,
    "disk by its distance": pde.SDFDomain(circle, [-1.6, -3.1], [2.6, 1.1]),
    "interval": pde.Ball([1.0], 0.5),
    "ball in 4 dimensions": pde.Ball(np.zeros(4), 1.5),
    "ring": RING,
    "corner": CORNER,
    "half disk": pde.Intersection(DISK, pde.Box([0.5, -3.0], [3.0, 1.0])),
    "eight": pde.Union(pde.Ball([-0.8, 0.0], 1.0), pde.Ball([0.8, 0.0], 1.0)),
    "ellipse": pde.SDFDomain(ellipse, [-2.0, -1.0], [2.0, 1.0]),
}


QUICK = ("disk", "ring", "corner")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SHAPES]
)
def test_points_lie_inside_and_on_the_boundary_with_outer_normals(name, key):
    domain = SHAPES[name]
    with core.float64():
        x, sites = domain.sample(key, 101, pde.Sobol()), domain.sample_boundary(key, 77)
        assert x.shape == (101, domain.dimension)
        assert sites.x.shape == sites.normal.shape == (77, domain.dimension)
        assert bool(domain.contains(x).all())
        assert bool(domain.contains(sites.x).all())
        assert not bool(domain.contains(sites.x + 1e-6 * sites.normal).any())
        # But for corners, where the other side is outside too.
        assert bool(domain.contains(sites.x - 1e-6 * sites.normal).mean() > 0.97)
        distances = [float(signed_distance(domain, one)) for one in sites.x[:5]]
        np.testing.assert_allclose(jnp.linalg.norm(sites.normal, axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(distances, 0.0, atol=1e-11)


@pytest.mark.parametrize(
    ("name", "design"),
    [
        ("disk by its distance", pde.Sobol()),
        ("disk by its distance", pde.Lattice()),
        *(pytest.param("disk by its distance", one, marks=pytest.mark.slow) for one in DESIGNS[::2]),
        *(pytest.param("disk", one, marks=pytest.mark.slow) for one in DESIGNS),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_every_design_fills_a_disk_and_its_circle_uniformly(name, design, key):
    domain = SHAPES[name]
    x = np.asarray(domain.sample(key, 500, design)) - [0.5, -1.0]
    # The mean and the second moments of a disk of radius 2.
    np.testing.assert_allclose(x.mean(0), 0.0, atol=0.15)
    np.testing.assert_allclose(x.T @ x / 500, np.eye(2), atol=0.15)
    normal = np.asarray(domain.sample_boundary(key, 500, design).normal)
    np.testing.assert_allclose(normal.mean(0), 0.0, atol=0.13)  # four standard deviations of independent points
    np.testing.assert_allclose(normal.T @ normal / 500, 0.5 * np.eye(2), atol=0.07)


def test_the_boundary_of_an_ellipse_is_uniform_in_its_length(key):
    x = np.asarray(SHAPES["ellipse"].sample_boundary(key, 2000).x)
    # Of a quarter from its end at (0, 1): the length is an elliptic integral of the parameter.
    angle = np.arctan2(np.abs(x[:, 0]) / 2.0, np.abs(x[:, 1]))
    share = np.sort(ellipeinc(angle, 0.75) / ellipeinc(np.pi / 2.0, 0.75))
    # Kolmogorov's distance, which is above 1.95 / sqrt(n) once in a thousand times.
    assert np.abs(share - (np.arange(2000) + 0.5) / 2000).max() < 1.95 / 2000**0.5


def test_pieces_of_a_boundary_get_points_in_proportion_to_their_length(key):
    sites = RING.sample_boundary(key, 3000)
    outer = np.linalg.norm(sites.x, axis=1) > 0.75
    assert outer.mean() == pytest.approx(2.0 / 3.0, abs=0.03)
    x = np.asarray(CORNER.sample_boundary(key, 4000).x)
    notch = ((np.abs(x[:, 0] - 1.0) < 1e-4) & (x[:, 1] > 1.0)) | ((np.abs(x[:, 1] - 1.0) < 1e-4) & (x[:, 0] > 1.0))
    assert notch.mean() == pytest.approx(2.0 / 8.0, abs=0.03)


@pytest.mark.parametrize(
    ("name", "volume"),
    [
        ("disk", 4.0 * np.pi),
        ("disk by its distance", 4.0 * np.pi),
        ("ball in 4 dimensions", np.pi**2 / 2.0 * 1.5**4),
        ("ring", 0.75 * np.pi),
        ("corner", 3.0),
        ("half disk", 2.0 * np.pi),
        ("ellipse", 2.0 * np.pi),
    ],
)
def test_volumes_are_those_of_geometry(name, volume):
    assert SHAPES[name].volume == pytest.approx(volume, rel=2e-3)


def test_the_distance_of_a_box_is_that_to_its_nearest_point():
    box = pde.Box([0.0, 0.0], [2.0, 1.0])
    x = np.array([[3.0, 2.0], [1.0, 1.5], [0.3, 0.5], [1.0, 0.9], [1.0, 0.5]])
    with core.float64():
        distances = jax.vmap(lambda one: signed_distance(box, one))(jnp.asarray(x))
        slopes = jax.vmap(jax.grad(lambda one: signed_distance(box, one)))(jnp.asarray(x))
    np.testing.assert_allclose(distances, [2.0**0.5, 0.5, -0.3, -0.1, -0.5])
    assert np.isfinite(np.asarray(slopes)).all()


def test_the_same_key_gives_the_same_points(key):
    for draw in (RING.sample, RING.sample_boundary):
        first, again, other = (jax.tree.leaves(draw(k, 50))[0] for k in (key, key, jax.random.key(1)))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def test_space_and_time_have_a_start_and_a_boundary(key):
    domain = pde.SpaceTime(RING, 1.0, 3.0)
    x = np.asarray(domain.sample(key, 400, pde.Sobol()))
    assert x.shape == (400, 3)
    assert bool(domain.contains(x).all())
    assert x[:, 0].mean() == pytest.approx(2.0, abs=0.05)
    assert abs(np.corrcoef(x[:, 0], np.linalg.norm(x[:, 1:], axis=1))[0, 1]) < 0.15
    wall, start = domain.sample_boundary(key, 30), domain.sample_boundary(key, 30, faces=[(0, 0)])
    assert (np.asarray(wall.normal)[:, 0] == 0.0).all()
    assert start.x[:, 0].tolist() == [1.0] * 30
    assert start.normal.tolist() == [[-1.0, 0.0, 0.0]] * 30
    assert domain.volume == pytest.approx(1.5 * np.pi, rel=1e-2)
    assert not bool(domain.contains(jnp.array([[3.1, 0.7, 0.0]])).any())


def bowl(x, params):
    return jnp.exp(x[0]) * jnp.sum(jnp.square(x))


def source(x):
    return jax.hessian(lambda y: bowl(y, None))(x).trace()


def poisson(x, u, params):
    return u.laplacian() - source(x)


@pytest.mark.parametrize(
    "method",
    [
        pde.PINN(hidden=(16,), optimiser=pde.LM(30), points=pde.FixedPoints(120, 40)),
        pde.PIG(n_gaussians=12, optimiser=pde.LM(30), points=pde.FixedPoints(120, 40)),
    ],
    ids=["PINN", "PIG"],
)
def test_poissons_equation_is_solved_on_a_disk(method, key):
    problem = pde.PDEProblem(pde.Ball([0.0, 0.0], 1.0), poisson, [pde.Dirichlet(bowl)], exact=bowl)
    error = pde.solution_error(pde.solve(problem, method, key=key), 500)
    assert error.relative_l2 < 5e-3
    assert error.residual_rms < 0.2


def outflow(x, u, normal, params):
    return u.grad[0] @ normal - jax.grad(lambda y: bowl(y, None))(x) @ normal


def test_an_exact_solution_leaves_nothing_on_either_circle_of_a_ring():
    problem = pde.PDEProblem(RING, poisson, [pde.Boundary(outflow), pde.Dirichlet(bowl)], exact=bowl)
    solution = pde.PDESolution(
        problem, lambda x: jnp.atleast_1d(bowl(x, None)), {}, {}, None, None, core.Result.successful, {}
    )
    error = pde.solution_error(solution, 100)
    assert max(error.residual_rms, *error.condition_rms) < 1e-12


def outside(x):
    return jnp.sum(jnp.square(x)) > 0.5


def inside(x):
    return ~outside(x)


PARTS = [pde.OnPart(pde.Dirichlet(bowl), outside), pde.OnPart(pde.Boundary(outflow, weight=2.0), inside)]


def test_conditions_are_placed_on_the_part_that_they_are_given(key):
    for one, radius in zip(PARTS, (1.0, 0.5), strict=True):
        radii = np.linalg.norm(one.place(RING, key, 33, pde.Sobol()).x, axis=1)
        np.testing.assert_allclose(radii, [radius] * 33, rtol=1e-4)
    assert PARTS[1].weight == 2.0
    end = pde.OnPart(pde.Dirichlet(0.0), lambda x: x[0] > 0.5).place(pde.Box([0.0], [1.0]), key, 9, pde.Sobol())
    assert end.x.tolist() == [[1.0]]
    with pytest.raises(ValueError, match="where must be true on a part of the boundary, got 0 of"):
        pde.OnPart(pde.Dirichlet(0.0), lambda x: x[0] > 9.0).place(pde.Box([0.0], [1.0]), key, 9, pde.Sobol())


@pytest.mark.slow
def test_a_ring_with_values_outside_and_slopes_inside(key):
    problem = pde.PDEProblem(RING, poisson, PARTS, exact=bowl)
    method = pde.RandomFeatures(width=120, bandwidth=3.0, points=pde.FixedPoints(300, 60))
    assert pde.solution_error(pde.solve(problem, method, key=key)).relative_l2 < 1e-4


def cooling(x, u, params):
    return u.d(0) - u.laplacian((1, 2))


def cooled(x, params):
    return jnp.exp(-2.0 * x[0]) * jnp.sin(x[1]) * jnp.cos(x[2])


@pytest.mark.slow
def test_heat_is_conducted_in_a_ring(key):
    domain = pde.SpaceTime(RING, 0.0, 0.5)
    problem = pde.PDEProblem(domain, cooling, [pde.Initial(cooled), pde.Dirichlet(cooled)], exact=cooled)
    method = pde.PINN(hidden=(16, 16), optimiser=pde.LM(60), points=pde.FixedPoints(300, 80))
    assert pde.solution_error(pde.solve(problem, method, key=key), 500).relative_l2 < 5e-3


@pytest.mark.parametrize("method", [pde.PIXEL(), pde.SPINN()], ids=["PIXEL", "SPINN"])
def test_methods_made_of_axes_ask_for_a_box(method, key):
    problem = pde.PDEProblem(RING, poisson, [pde.Dirichlet(bowl)])
    with pytest.raises(ValueError, match=f"{type(method).__name__} needs the domain of problem to be a Box"):
        pde.solve(problem, method, key=key)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pde.Ball([0.0], 0.0), "radius must be a number > 0"),
        (lambda: pde.Ball([np.nan], 1.0), "centre must be finite"),
        (lambda: pde.Union(DISK, pde.Ball([0.0], 1.0)), "a and b must have as many axes, got 2 and 1"),
        (lambda: pde.Union(DISK, TIMED), "b must be a domain in space such as Ball or Box"),
        (lambda: pde.Union(pde.Box([0.0], [1.0], time_axis=0), DISK), "a must be a domain in space, got one with time"),
        (lambda: pde.Intersection(DISK, pde.Ball([9.0, 0.0], 1.0)), "a and b must overlap"),
        (lambda: pde.SDFDomain(pde.Ball, [0.0], [1.0]), "function must be a function"),
        (lambda: pde.SDFDomain(lambda x: x, [0.0], [1.0]), "function must return a scalar"),
        (lambda: pde.SDFDomain(ellipse, [0.0, 0.0], [0.0, 1.0]), "upper must be > lower"),
        (lambda: pde.SpaceTime(pde.Box([0.0], [1.0]), 0.0, 1.0), "space must be a domain such as Ball; for a box take"),
        (lambda: pde.SpaceTime(DISK, 1.0, 1.0), "end must be a number > 1"),
        (lambda: DISK.sample(jax.random.key(0), 0), "n must be an integer >= 1"),
        (lambda: RING.sample(jax.random.key(0), 0), "n must be an integer >= 1"),
        (lambda: DISK.sample_boundary(jax.random.key(0), 5, faces=[(0, 1)]), "faces must be None for a Ball"),
        (lambda: RING.sample_boundary(jax.random.key(0), 5, faces=[(0, 1)]), "faces must be None for a Difference"),
        (
            lambda: pde.SpaceTime(DISK, 0.0, 1.0).sample_boundary(jax.random.key(0), 5, faces=[(1, 0)]),
            r"faces must be None, \[\(0, 0\)\]",
        ),
        (lambda: pde.PDEProblem(DISK, poisson, [pde.Initial(0.0)]), "domain must have a time_axis"),
    ],
)
def test_bad_domains_are_refused_by_name(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


@pytest.mark.slow
def test_an_empty_domain_is_told(key):
    nothing = pde.SDFDomain(lambda x: 1.0 + 0.0 * x[0], [0.0], [1.0])
    with pytest.raises(ValueError, match="the domain must have an interior"):
        nothing.sample(key, 5)
    with pytest.raises(ValueError, match="the domain must have an edge"):
        nothing.sample_boundary(key, 5)
