"""Diagonalisation: what is reported is true, and every choice of the perturbation does what it says."""

import jax
import numpy as np
import pytest

from perturbax import linalg
from perturbax.core import SolverError, float64
from perturbax.linalg.ptd import condition_and_gradient

KEY = jax.random.key(0)
RANDOM = np.random.default_rng(0)


def hippo(n):
    B = np.sqrt(2.0 * np.arange(n) + 1.0)
    return np.tril(-np.outer(B, B), -1) - np.diag(np.arange(n) + 1.0)


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("method", [linalg.RandomPTD(0.1), linalg.PTD(gamma=50.0, steps=20)])
def test_the_report_is_true(method, complex_):
    A = hippo(8) + (1j * RANDOM.normal(size=(8, 8)) if complex_ else 0.0)
    found = linalg.diagonalize(A, method, key=KEY)
    E = found.perturbation
    assert np.iscomplexobj(E) == complex_
    made = found.vectors @ np.diag(found.values) @ found.inverse
    assert np.linalg.norm(made - A - E, 2) / np.linalg.norm(A, 2) < 1e-10
    assert found.backward_error < 1e-12
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=0), 1.0, rtol=1e-12)
    assert found.condition == pytest.approx(np.linalg.norm(found.vectors, 2) * np.linalg.norm(found.inverse, 2))
    assert found.gap == pytest.approx(min(abs(a - b) for i, a in enumerate(found.values) for b in found.values[:i]))


def test_a_normal_matrix_needs_no_perturbation():
    skew = RANDOM.normal(size=(6, 6))
    found = linalg.diagonalize(skew - skew.T, linalg.Eig())
    assert found.condition == pytest.approx(1.0)
    assert found.backward_error < 1e-14
    assert found.stats == {"evaluations": 1, "draws": 1}


def test_hippo_cannot_be_diagonalised_as_it_is_and_can_be_nearby():
    with pytest.warns(UserWarning, match="condition number"):
        direct = linalg.diagonalize(hippo(32), linalg.Eig())
    assert direct.condition > 1e15
    assert direct.backward_error > 1e-8
    near = linalg.diagonalize(hippo(32), linalg.RandomPTD(0.1), key=KEY)
    assert near.condition < 1e6
    assert near.backward_error < 1e-11


def test_dependent_eigenvectors_are_an_error():
    with pytest.raises(SolverError, match="eigenvectors of A \\+ E are dependent"):
        linalg.diagonalize(np.eye(5, k=1), linalg.Eig())


def test_a_random_perturbation_has_the_size_asked_for_and_condition_falls_with_it():
    sizes = (1e-3, 1e-1, 10.0)
    found = [linalg.diagonalize(hippo(16), linalg.RandomPTD(eps), key=KEY) for eps in sizes]
    for eps, one in zip(sizes, found, strict=True):
        assert np.linalg.norm(one.perturbation, 2) == pytest.approx(eps)
    assert found[0].condition > 5 * found[1].condition > 25 * found[2].condition
    # The same draw at every size.
    np.testing.assert_allclose(found[0].perturbation / 1e-3, found[1].perturbation / 1e-1, rtol=1e-9)


def test_the_gradient_of_the_condition_number():
    for A in (hippo(6) + 0.5 * RANDOM.normal(size=(6, 6)), RANDOM.normal(size=(2, 6, 6))[0] + 0.3j * hippo(6)):
        kappa, gradient = condition_and_gradient(A)
        step = RANDOM.normal(size=(6, 6)) + (1j * RANDOM.normal(size=(6, 6)) if np.iscomplexobj(A) else 0.0)
        ends = [condition_and_gradient(A + h * step)[0] for h in (1e-6, -1e-6)]
        assert kappa == pytest.approx(np.linalg.cond(np.linalg.eig(A)[1]))
        assert np.sum(np.conj(gradient) * step).real == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4)


def test_an_optimised_perturbation_is_better_conditioned_than_random_ones_of_its_size():
    best = linalg.diagonalize(hippo(16), linalg.PTD(gamma=100.0, steps=60), key=KEY)
    size = float(np.linalg.norm(best.perturbation, 2))
    keys = jax.random.split(KEY, 8)
    random = [linalg.diagonalize(hippo(16), linalg.RandomPTD(size), key=key).condition for key in keys]
    assert best.condition < 0.5 * min(random)
    assert best.stats["evaluations"] > 60
    smaller = linalg.diagonalize(hippo(16), linalg.PTD(gamma=1000.0, steps=60), key=KEY)
    assert np.linalg.norm(smaller.perturbation, 2) < size


def test_stable_draws_again_and_then_reflects():
    plain = linalg.diagonalize(hippo(16), linalg.RandomPTD(8.0), key=KEY, stable=True)
    assert plain.values.real.max() < 0.0
    assert plain.stats["draws"] > 1
    wild = linalg.diagonalize(hippo(16), linalg.RandomPTD(100.0), key=KEY, stable=True)
    assert wild.stats["draws"] == 20
    assert wild.reflected > 0
    assert wild.values.real.max() < 0.0
    assert wild.backward_error > 1e-3
    quiet = linalg.diagonalize(hippo(16), linalg.RandomPTD(0.1), key=KEY, stable=True)
    assert (quiet.stats["draws"], quiet.reflected) == (1, 0)
    right = linalg.diagonalize(np.diag([1.0, -2.0]), linalg.Eig(), stable=True)
    assert sorted(right.values.real) == [-2.0, -1.0]
    assert right.reflected == 1


def test_the_precision_in_force_does_not_matter():
    outside = linalg.diagonalize(hippo(8), linalg.RandomPTD(0.1), key=KEY)
    with float64():
        inside = linalg.diagonalize(hippo(8), linalg.RandomPTD(0.1), key=KEY)
    np.testing.assert_array_equal(outside.values, inside.values)


@pytest.mark.parametrize(
    ("A", "options", "error", "message"),
    [
        (np.ones((2, 3)), {}, ValueError, "A must be square"),
        (np.ones(3), {}, ValueError, "A must have 2 axes"),
        (np.full((2, 2), np.nan), {}, ValueError, "A must be finite"),
        (np.eye(2), {"key": None}, TypeError, "key must be"),
        (np.eye(2), {"method": linalg.RandomPTD}, TypeError, "method"),
    ],
)
def test_bad_input_is_refused_by_name(A, options, error, message):
    with pytest.raises(error, match=message):
        linalg.diagonalize(A, **{"method": linalg.RandomPTD(0.1), "key": KEY, **options})


def test_bad_numbers_are_refused_by_name():
    with pytest.raises(ValueError, match="eps must be"):
        linalg.RandomPTD(0.0)
    with pytest.raises(ValueError, match="gamma must be"):
        linalg.PTD(gamma=-1.0)
    with pytest.raises(ValueError, match="steps must be"):
        linalg.PTD(steps=0)
