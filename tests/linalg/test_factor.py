import numpy as np
import scipy.sparse

from perturbax import linalg


def test_a_factorisation_solves_for_many_right_sides():
    root = np.tril(np.random.default_rng(0).normal(size=(6, 6))) + 3.0 * np.eye(6)
    matrix, right = root @ root.T, np.arange(12.0).reshape(6, 2)
    found = linalg.factor_symmetric(scipy.sparse.csr_array(matrix)).solve(right)
    np.testing.assert_allclose(matrix @ found, right, atol=1e-10)
