"""Meshes in files: what comes back is what went, blocks are joined, and what cannot be read is refused by name."""

import numpy as np
import pytest

from perturbax import interop

meshio = pytest.importorskip("meshio", reason="needs the extra mesh")

POINTS = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [2.0, 0.0, 0.0]])


def mesh():
    return interop.Mesh(
        POINTS,
        {"triangle": [[0, 1, 2], [0, 2, 3]], "line": [[1, 4]]},
        {"u": np.arange(5.0), "v": np.arange(15.0).reshape(5, 3)},
        {"stress": np.array([1.0, 2.0, 3.0])},
    )


def same(a, b):
    np.testing.assert_array_equal(a.points, b.points)
    for name in ("cells", "point_fields", "cell_fields"):
        first, second = getattr(a, name), getattr(b, name)
        assert first.keys() == second.keys()
        for key in first:
            np.testing.assert_array_equal(first[key], second[key])


def test_what_is_written_comes_back(tmp_path):
    interop.write_mesh(tmp_path / "m.vtu", mesh())
    same(interop.read_mesh(tmp_path / "m.vtu"), mesh())
    flat = interop.Mesh(POINTS[:, :2], {"triangle": [[0, 1, 2]]})
    interop.write_mesh(tmp_path / "m.vtu", flat)
    np.testing.assert_array_equal(interop.read_mesh(tmp_path / "m.vtu").points, POINTS)


def test_blocks_of_one_kind_are_joined_with_their_fields(tmp_path):
    blocks = [("triangle", [[0, 1, 2]]), ("line", [[1, 4]]), ("triangle", [[0, 2, 3]])]
    split = meshio.Mesh(POINTS, blocks, cell_data={"stress": [[1.0], [3.0], [2.0]]})
    split.write(tmp_path / "m.vtk")
    found = interop.read_mesh(tmp_path / "m.vtk")
    np.testing.assert_array_equal(found.cells["triangle"], mesh().cells["triangle"])
    np.testing.assert_array_equal(found.cell_fields["stress"], [1.0, 2.0, 3.0])
    assert found.count == 3


@pytest.mark.parametrize("content", [b"", b"text", b"<?xml version='1.0'?><VTKFile type='UnstructuredGrid'>"])
@pytest.mark.parametrize("name", ["m.vtu", "m.msh", "m.xyz"])
def test_files_that_cannot_be_read_are_named_and_nothing_is_printed(tmp_path, capsys, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} cannot be read as a mesh: \S"):
        interop.read_mesh(tmp_path / name)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda folder: interop.read_mesh(folder / "none.vtu"), FileNotFoundError, "there is no such file"),
        (lambda folder: interop.write_mesh(folder / "m.vtk", mesh()), ValueError, "path must end with .vtu"),
        (lambda _: interop.Mesh(np.eye(4), {}), ValueError, "points must have 3 coordinates at most"),
        (lambda _: interop.Mesh([[np.nan]], {}), ValueError, "points must be finite"),
        (lambda _: interop.Mesh(POINTS, {"line": [[0, 5]]}), ValueError, r"cells\['line'\] must lie in \[0, 4\]"),
        (lambda _: interop.Mesh(POINTS, {"line": [[0.0, 1.0]]}), TypeError, r"cells\['line'\] must hold integers"),
        (lambda _: interop.Mesh(POINTS, {}, {"u": [1.0]}), ValueError, r"point_fields\['u'\] must hold 5 rows"),
        (lambda _: interop.Mesh(POINTS, {}, {}, {"u": [1.0]}), ValueError, r"cell_fields\['u'\] must hold 0 rows"),
    ],
)
def test_bad_input_is_refused_by_name(tmp_path, call, error, message):
    with pytest.raises(error, match=message):
        call(tmp_path)
