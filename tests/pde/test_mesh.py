"""Solutions as meshes: nodes, cells and fields, in one to three axes, at a time, and on domains that are no boxes."""

import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, interop, pde


def known(domain, exact, fields=1, conditions=None):
    """A solution that is exact."""
    problem = pde.PDEProblem(
        domain, lambda x, u, params: u.value, conditions or [pde.Dirichlet(0.0)], exact=exact, fields=fields
    )
    model = lambda x: jnp.atleast_1d(exact(x, {}))  # noqa: E731
    return pde.PDESolution(problem, model, {}, {}, None, None, core.Result.successful, {})


def total(x, params):
    return jnp.sum(x * jnp.array([1.0, 10.0, 100.0])[: len(x)])


def volumes(mesh):
    """Of all cells, by the determinant of the edges at their first corner."""
    (kind, cells), *_ = mesh.cells.items()
    edges = {"line": [1], "quad": [1, 3], "hexahedron": [1, 3, 4]}[kind]
    corner = mesh.points[cells]
    return np.linalg.det(corner[:, edges] - corner[:, :1])


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_cells_of_a_box_fill_it_in_the_order_of_vtk(d):
    mesh = pde.as_mesh(known(pde.Box(np.zeros(d), np.arange(1.0, d + 1.0)), total), 4)
    assert mesh.points.shape == (4**d, d)
    assert mesh.count == 3**d
    np.testing.assert_allclose(volumes(mesh), np.prod(np.arange(1.0, d + 1.0)) / 3**d)
    np.testing.assert_allclose(mesh.point_fields["u"], mesh.points @ [1.0, 10.0, 100.0][:d], rtol=1e-12)
    for name in ("exact", "residual"):
        np.testing.assert_allclose(mesh.point_fields["u"], mesh.point_fields[name], rtol=1e-12)


def test_a_mesh_at_a_time_is_one_in_space(tmp_path):
    box = pde.Box([0.0, 0.0, 0.0], [5.0, 1.0, 1.0], time_axis=0)
    mesh = pde.as_mesh(known(box, total), 3, time=2.5)
    np.testing.assert_allclose(mesh.point_fields["u"], 2.5 + mesh.points @ [10.0, 100.0], rtol=1e-12)
    interop.write_mesh(tmp_path / "u.vtu", mesh)
    again = interop.read_mesh(tmp_path / "u.vtu")
    np.testing.assert_array_equal(again.point_fields["u"], mesh.point_fields["u"])
    np.testing.assert_array_equal(again.cells["quad"], mesh.cells["quad"])


def test_of_a_ring_the_cells_that_lie_in_it_are_kept():
    ring = pde.Difference(pde.Ball([0.0, 0.0], 1.0), pde.Ball([0.0, 0.0], 0.5))
    mesh = pde.as_mesh(known(ring, total), 61)
    radii = np.linalg.norm(mesh.points, axis=1)
    assert radii.min() >= 0.5 - 1e-9
    assert radii.max() <= 1.0 + 1e-9
    assert 0.85 < volumes(mesh).sum() / (0.75 * np.pi) < 1.0
    assert np.unique(mesh.cells["quad"]).tolist() == list(range(len(mesh.points)))


def test_several_components_are_a_vector():
    box = pde.Box([0.0, 0.0], [1.0, 1.0])
    mesh = pde.as_mesh(known(box, lambda x, params: jnp.stack([x[0], x[1], x[0]]), 3), 3)
    assert mesh.point_fields["u"].shape == (9, 3)


@pytest.mark.parametrize(
    ("domain", "options", "message"),
    [
        (pde.Box(np.zeros(4), np.ones(4)), {}, "solution must have at most three axes for a mesh, got 4"),
        (pde.Box([0.0], [1.0]), {"time": 0.0}, "time must be None"),
        (pde.Box([0.0, 0.0], [1.0, 1.0], time_axis=0), {"time": 2.0}, r"time must be a number in \[0, 1\]"),
        (pde.Box([0.0], [1.0]), {"nodes": 1}, "nodes must be an integer >= 2"),
        (pde.Ball([0.0, 0.0], 1.0), {"nodes": 2}, "nodes must be more to have a cell"),
    ],
)
def test_bad_grids_are_refused_by_name(domain, options, message):
    with pytest.raises(ValueError, match=message):
        pde.as_mesh(known(domain, total), **options)
