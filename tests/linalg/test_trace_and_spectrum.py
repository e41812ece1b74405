"""Traces and spectra of operators whose answers are known."""

import jax
import jax.numpy as jnp
import lineax
import numpy as np
import pytest
import scipy.sparse

from perturbax import linalg

KEY = jax.random.key(0)


def low_rank(size=40, rank=4):
    factor = np.random.default_rng(0).normal(size=(size, rank))
    return factor @ factor.T


def test_hutchinson_is_exact_for_a_diagonal_and_unbiased_otherwise():
    assert float(linalg.trace(np.diag([1.0, 2.0, 3.0]), linalg.Hutchinson(2), key=KEY).value) == pytest.approx(6.0)
    matrix = low_rank()
    found = linalg.trace(matrix, linalg.Hutchinson(2000), key=KEY)
    assert abs(float(found.value) - np.trace(matrix)) < 4.0 * float(found.standard_error)
    # The variance of a probe of signs is 2 (|A|_F^2 - sum_i A_ii^2).
    scatter = 2.0 * (np.square(matrix).sum() - np.square(np.diag(matrix)).sum())
    assert float(found.standard_error) == pytest.approx(np.sqrt(scatter / 2000), rel=0.1)


def test_hutch_pp_is_exact_for_low_rank_and_beats_hutchinson_at_equal_cost():
    matrix = low_rank(rank=4)
    found = linalg.trace(matrix, linalg.HutchPP(12), key=KEY)
    assert float(found.value) == pytest.approx(np.trace(matrix), rel=1e-9)
    assert int(found.stats["evaluations"]) == 12
    decaying = low_rank(rank=40) + 50.0 * low_rank(rank=3)
    errors = {
        method: np.mean(
            [
                abs(float(linalg.trace(decaying, method(30), key=key).value) - np.trace(decaying))
                for key in jax.random.split(KEY, 10)
            ]
        )
        for method in (linalg.Hutchinson, linalg.HutchPP)
    }
    assert errors[linalg.HutchPP] < 0.5 * errors[linalg.Hutchinson]


def test_lanczos_finds_the_ends_of_the_spectrum_within_its_residuals():
    operator = linalg.Poisson(np.ones((9, 9), bool), open_sides=True)
    found = linalg.spectrum_of(operator, linalg.Lanczos(30), key=KEY)
    true = np.linalg.eigvalsh(operator.matrix().toarray())
    distance = np.abs(np.asarray(found.values)[:, None] - true).min(1)
    assert (distance <= np.asarray(found.residuals) + 1e-10).all()
    assert float(found.values[-1]) == pytest.approx(true[-1], abs=1e-4)
    vectors = np.asarray(found.vectors).reshape(30, -1)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(30), atol=1e-12)


def test_lanczos_ends_with_the_krylov_space():
    """Three different eigenvalues give three Ritz pairs with a weight."""
    matrix = np.diag([1.0, 1.0, 2.0, 2.0, 5.0, 5.0])
    found = linalg.spectrum_of(matrix, linalg.Lanczos(6), key=KEY)
    real = np.asarray(found.weights) > 1e-12
    np.testing.assert_allclose(np.asarray(found.values)[real], [1.0, 2.0, 5.0], atol=1e-10)
    np.testing.assert_allclose(np.asarray(found.weights).sum(), 6.0)


def test_quadrature_is_exact_with_all_steps_on_a_diagonal_and_close_on_a_grid():
    operator = linalg.Poisson(np.ones((9, 9), bool), open_sides=True)
    found = linalg.spectrum_of(operator, linalg.StochasticLanczosQuadrature(20, 40), key=KEY)
    sign, wanted = np.linalg.slogdet(operator.matrix().toarray())
    assert sign == 1.0
    assert float(found.integrate(jnp.log)) == pytest.approx(wanted, rel=0.03)
    assert float(found.integrate(jnp.ones_like)) == pytest.approx(81.0)
    # The trace of signs on a constant diagonal is exact, and the rule of each probe is exact for degree 1.
    assert float(found.integrate(lambda x: x)) == pytest.approx(4.0 * 81.0, rel=0.02)


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_array, "lineax"])
def test_the_randomised_svd_of_rectangles(kind):
    random = np.random.default_rng(0)
    left, _ = np.linalg.qr(random.normal(size=(30, 8)))
    right, _ = np.linalg.qr(random.normal(size=(20, 8)))
    values = 2.0 ** -np.arange(8.0)
    matrix = (left * values) @ right.T
    given = lineax.MatrixLinearOperator(jnp.asarray(matrix)) if kind == "lineax" else kind(matrix)
    found = linalg.spectrum_of(given, linalg.RandomizedSVD(rank=4, oversampling=4), key=KEY)
    tolerance = 1e-5 if kind == "lineax" else 1e-10  # that array was made in float32
    np.testing.assert_allclose(found.values, values[:4], atol=tolerance)
    product = np.abs(np.sum(np.asarray(found.vectors) * right.T[:4], 1))
    np.testing.assert_allclose(product, 1.0, atol=1e-4)
    assert np.asarray(found.residuals).max() < 10.0 * tolerance


def test_the_randomised_svd_of_a_symmetric_operator():
    operator = linalg.Poisson(np.ones((6, 6), bool), open_sides=True)
    found = linalg.spectrum_of(operator, linalg.RandomizedSVD(rank=2, oversampling=20, power_iterations=6), key=KEY)
    np.testing.assert_allclose(found.values, np.linalg.eigvalsh(operator.matrix().toarray())[::-1][:2], rtol=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linalg.Hutchinson(1), "probes must be"),
        (lambda: linalg.HutchPP(10), "probes must be a multiple of three"),
        (lambda: linalg.trace(np.eye(2), linalg.HutchPP(), key=0), "key must be"),
        (lambda: linalg.trace(np.array([[np.nan]]), linalg.HutchPP(), key=KEY), "operator must be finite"),
        (lambda: linalg.spectrum_of(np.eye(2), linalg.Lanczos(3), key=KEY), "steps must be an integer <= 2"),
        (lambda: linalg.spectrum_of(np.ones((2, 2)) - np.eye(2, k=1), linalg.Lanczos(1), key=KEY), "must be symmetric"),
        (lambda: linalg.spectrum_of(np.eye(2), linalg.RandomizedSVD(3), key=KEY), "rank must be"),
        (
            lambda: linalg.spectrum_of(linalg.MatrixFree(jnp.sin, (2,)), linalg.RandomizedSVD(1), key=KEY),
            "operator must have a transpose",
        ),
        (
            lambda: linalg.spectrum_of(np.eye(2), linalg.RandomizedSVD(1), key=KEY).integrate(jnp.log),
            "weights must be known",
        ),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
