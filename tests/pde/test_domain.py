"""Boxes and designs: points lie where they should, evenly where they should."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, pde

DESIGNS = [pde.Uniform(), pde.Sobol(), pde.LatinHypercube(), pde.Lattice()]


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: type(design).__name__)
def test_points_of_a_design_fill_the_box(design, key):
    box = pde.Box([-1.0, 0.0], [1.0, 4.0])
    x = box.sample(key, 200, design)
    assert x.shape == (200, 2)
    assert bool(box.contains(x).all())
    np.testing.assert_allclose(x.mean(0), [0.0, 2.0], atol=0.3)
    np.testing.assert_array_equal(x, box.sample(key, 200, design))
    assert not np.array_equal(x, box.sample(jax.random.key(1), 200, design))


def test_even_designs_integrate_better_than_independent_points(key):
    def error(design):
        keys = jax.random.split(key, 8)
        return np.std([float(jnp.mean(design(k, 256, 2).sum(-1))) for k in keys])

    assert error(pde.Sobol()) < 0.1 * error(pde.Uniform())
    assert error(pde.LatinHypercube()) < 0.1 * error(pde.Uniform())


def test_boundary_points_lie_on_faces_with_outer_normals_in_proportion_to_their_areas(key):
    box = pde.Box([0.0, 0.0], [1.0, 3.0])
    sites = box.sample_boundary(key, 80)
    assert sites.x.shape == (80, 2)
    outside = box.contains(sites.x + 1e-3 * sites.normal)
    assert not bool(outside.any())
    assert bool(box.contains(sites.x - 1e-3 * sites.normal).mean() > 0.95)  # but for corners
    counts = [int((jnp.abs(sites.normal[:, axis]) == 1.0).sum()) for axis in (0, 1)]
    assert counts == [60, 20]


def test_time_has_no_boundary_but_can_be_named(key):
    box = pde.Box([0.0, -1.0], [2.0, 1.0], time_axis=0)
    assert box.faces == ((1, 0), (1, 1))
    start = box.sample_boundary(key, 10, faces=[(0, 0)])
    assert (start.x[:, 0] == 0.0).all()
    ends = pde.Box([0.0], [1.0]).sample_boundary(key, 10)
    assert ends.x.tolist() == [[0.0], [1.0]]
    assert ends.normal.tolist() == [[-1.0], [1.0]]


def test_the_unit_box_and_back(key):
    with core.float64():
        box = pde.Box([1.0, -2.0], [3.0, 5.0])
        x = box.sample(key, 20)
        np.testing.assert_allclose(box.from_unit(box.to_unit(x)), x, rtol=1e-14)
        assert float(jnp.abs(box.to_unit(x)).max()) <= 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pde.Box([0.0], [0.0]), "upper must be > lower"),
        (lambda: pde.Box([0.0], [1.0, 2.0]), "upper must have shape"),
        (lambda: pde.Box([0.0], [np.nan]), "upper must be finite"),
        (lambda: pde.Box([0.0], [1.0], time_axis=1), "time_axis must be an integer in"),
        (lambda: pde.Box([0.0], [1.0]).sample(jax.random.key(0), 0), "n must be an integer >= 1"),
        (lambda: pde.Box([0.0], [1.0]).sample_boundary(jax.random.key(0), 2, faces=[(0, 2)]), "the side of faces"),
        (lambda: pde.Box([0.0], [1.0]).sample_boundary(jax.random.key(0), 2, faces=[]), "faces must name"),
        (lambda: pde.Box([0.0], [1.0], time_axis=0).sample_boundary(jax.random.key(0), 2), "faces must name"),
    ],
)
def test_bad_boxes_and_faces_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
