"""Operators: the stencil is its matrix, files are read, and long rows are no different."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.io
import scipy.sparse

from perturbax import linalg


def as_matrix(operator):
    basis = jnp.eye(operator.size).reshape(-1, *operator.shape)
    return np.asarray(jax.vmap(operator)(basis)).reshape(operator.size, -1).T


def by_definition(fluid, air):
    """The pressure equation cell by cell, with a frame of cells around the grid."""
    number = np.arange(fluid.size).reshape(fluid.shape)
    A = np.zeros((fluid.size, fluid.size))
    for cell in np.argwhere(fluid):
        i = number[tuple(cell)]
        for axis in range(fluid.ndim):
            for side in (-1, 1):
                other = cell.copy()
                other[axis] += side
                framed = tuple(other + 1)
                if air[framed]:
                    A[i, i] += 1.0
                elif (other >= 0).all() and (other < fluid.shape).all() and fluid[tuple(other)]:
                    A[i, i] += 1.0
                    A[i, number[tuple(other)]] -= 1.0
    return A


@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 3)])
def test_the_stencil_is_the_pressure_equation(shape):
    random = np.random.default_rng(0)
    kind = random.choice(3, size=shape, p=[0.2, 0.6, 0.2])
    fluid, air = kind == 1, kind == 2
    sides = random.random((len(shape), 2)) < 0.5
    operator = linalg.Poisson(fluid, air, open_sides=sides)
    framed = np.pad(air, 1)
    for axis in range(len(shape)):
        for end in (0, 1):
            place = [slice(1, -1)] * len(shape)
            place[axis] = -end
            framed[tuple(place)] = sides[axis, end]
    wanted = by_definition(fluid, framed)
    np.testing.assert_array_equal(as_matrix(operator), wanted)
    np.testing.assert_allclose(operator.nullspace().reshape(-1, fluid.size) @ wanted, 0.0, atol=1e-12)
    zero = np.diag(wanted) == 0.0
    np.testing.assert_array_equal(operator.matrix().toarray(), wanted + np.diag(zero.astype(float)))


def test_the_null_space_holds_a_constant_for_each_closed_component():
    fluid = np.ones((4, 7), bool)
    fluid[:, 3] = False
    assert linalg.Poisson(fluid).nullspace().shape == (2, 4, 7)
    assert linalg.Poisson(fluid, open_sides=((False, False), (True, False))).nullspace().shape == (1, 4, 7)
    assert linalg.Poisson(fluid, shift=0.1).nullspace().shape == (0, 4, 7)


def test_red_and_black_cells_are_coupled_only_with_each_other():
    operator = linalg.Poisson(np.ones((4, 5), bool))
    couplings, colours = operator.couplings().tocoo(), operator.colours()
    assert set(colours) == {0, 1}
    assert (colours[couplings.row] != colours[couplings.col]).all()


def test_colours_of_any_matrix_part_its_neighbours():
    dense = np.random.default_rng(0).random((30, 30)) < 0.2
    operator = linalg.Sparse(scipy.sparse.csr_array((dense | dense.T).astype(float)))
    couplings, colours = operator.couplings().tocoo(), operator.colours()
    assert (colours[couplings.row] != colours[couplings.col]).all()
    assert colours.max() < 30


@pytest.mark.parametrize("name", ["a.mtx", "a.npz"])
def test_files_of_matrices_are_read(tmp_path, name):
    matrix = scipy.sparse.csr_array(np.array([[4.0, -1.0, 0.0], [-1.0, 4.0, -1.0], [0.0, -1.0, 4.0]]))
    path = tmp_path / name
    if name.endswith("mtx"):
        scipy.io.mmwrite(path, matrix)
    else:
        scipy.sparse.save_npz(path, matrix)
    np.testing.assert_array_equal(as_matrix(linalg.Sparse.read(path)), matrix.toarray())
    whole = path.read_bytes()
    for content in (b"nothing of that kind", whole[: len(whole) // 2], b"PK\x03\x04", b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=name):
            linalg.Sparse.read(path)


def test_a_matrix_on_a_masked_grid_acts_on_its_cells():
    mask = np.array([[True, False], [True, True]])
    matrix = scipy.sparse.csr_array(np.arange(9.0).reshape(3, 3))
    operator = linalg.Sparse(matrix, mask)
    x = np.where(mask, np.arange(4.0).reshape(2, 2), 7.0)
    y = np.asarray(operator(jnp.asarray(np.where(mask, x, 0.0))))
    np.testing.assert_allclose(y[mask], matrix @ x[mask])
    assert y[~mask] == 0.0
    assert operator.active().tolist() == mask.tolist()


def test_rows_much_longer_than_the_others_are_cut_and_give_the_same():
    dense = np.eye(60) + np.diag(np.ones(59), 1)
    dense[0] = np.arange(1.0, 61.0)
    operator = linalg.Sparse(scipy.sparse.csr_array(dense))
    assert operator.rows.entries.shape[1] < 60
    np.testing.assert_allclose(as_matrix(operator), dense)
    np.testing.assert_allclose(operator.diagonal(), np.diag(dense))
    np.testing.assert_allclose(operator.matrix().toarray(), dense)
