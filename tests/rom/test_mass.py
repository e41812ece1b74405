"""Mass matrices: integrals of products that are known, on every kind of cell, and meshes that have none."""

import numpy as np
import pytest

from perturbax import interop, rom

pytest.importorskip("skfem", reason="needs the extra mesh")

SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]])
CUBE = np.concatenate([np.pad(SQUARE, ((0, 0), (0, 1)), constant_values=z) for z in (0.0, 3.0)])
TETRAHEDRA = [[0, 1, 2, 6], [0, 2, 3, 6], [0, 3, 7, 6], [0, 7, 4, 6], [0, 4, 5, 6], [0, 5, 1, 6]]

MESHES = {
    "line": (np.array([[0.0], [0.5], [2.0]]), {"line": [[0, 1], [1, 2]]}),
    "triangle": (SQUARE, {"triangle": [[0, 1, 2], [0, 2, 3]]}),
    "quad": (SQUARE, {"quad": [[0, 1, 2, 3]], "line": [[0, 1]]}),
    "mixed": (np.append(SQUARE, [[3.0, 0.5]], 0), {"quad": [[0, 1, 2, 3]], "triangle": [[1, 4, 2]]}),
    "tetra": (CUBE, {"tetra": TETRAHEDRA, "vertex": [[0]]}),
    "hexahedron": (CUBE, {"hexahedron": [[0, 1, 2, 3, 4, 5, 6, 7]]}),
}
SIZES = {"line": 2.0, "triangle": 2.0, "quad": 2.0, "mixed": 2.5, "tetra": 6.0, "hexahedron": 6.0}


@pytest.mark.parametrize("name", MESHES)
def test_products_of_linear_fields_are_integrated_exactly(name):
    points, cells = MESHES[name]
    w = rom.mass_matrix(interop.Mesh(points, cells))
    one, x = np.ones(len(points)), points[:, 0]
    assert one @ w @ one == pytest.approx(SIZES[name])
    if name != "mixed":  # elsewhere the integral of x^2 over (0, 2) is 8/3
        assert x @ w @ x == pytest.approx(SIZES[name] / 2.0 * 8.0 / 3.0)
    assert abs(w - w.T).max() < 1e-15
    np.linalg.cholesky(w.toarray())


def test_a_plane_mesh_in_space_is_plane():
    points, cells = MESHES["triangle"]
    lifted = np.pad(points, ((0, 0), (0, 1)), constant_values=7.0)
    flat, space = (rom.mass_matrix(interop.Mesh(p, cells)) for p in (points, lifted))
    np.testing.assert_array_equal(flat.toarray(), space.toarray())


@pytest.mark.parametrize(
    ("mesh", "message"),
    [
        (interop.Mesh(SQUARE, {}), "got none"),
        (interop.Mesh(SQUARE, {"triangle6": [[0, 1, 2, 3, 3, 3]]}), "got triangle6"),
        (interop.Mesh(CUBE, {"quad": [[0, 1, 2, 3]]}), "mesh must fill its 3 dimensions"),
        (interop.Mesh(SQUARE, {"triangle": [[0, 1, 2]]}), "points without a cell, got 1, first 3"),
    ],
)
def test_meshes_without_a_mass_matrix_are_refused(mesh, message):
    with pytest.raises(ValueError, match=message):
        rom.mass_matrix(mesh)
