"""The filter of a band agrees with the double integral that defines it."""

import numpy as np
import pytest

from perturbax import approximate

X = np.linspace(-6.0, 6.0, 241)
SPACING = X[1] - X[0]
F = np.exp(-(X**2)) * np.cos(3.0 * X)


def band_by_quadrature(bandwidth):
    """S[1_Q R[f]] at a few points, by sums over x, a and b."""
    a = np.linspace(-bandwidth, bandwidth, 101)
    b = np.linspace(-45.0, 45.0, 301)
    z = (a[:, None] * X)[:, :, None] - b
    psi = (1.0 - z**2) * np.exp(-0.5 * z**2) / (2.0 * np.pi)
    spectrum = np.einsum("axb,x->ab", psi, F) * SPACING
    at = X[100:140:8]
    s = np.exp(-0.5 * np.square(a[:, None, None] * at[:, None] - b))
    weights = np.full(a.size, a[1] - a[0])
    weights[[0, -1]] *= 0.5
    return at, np.einsum("ab,axb,a->x", spectrum, s, weights) * (b[1] - b[0])


@pytest.mark.parametrize("bandwidth", [2.0, 6.0])
def test_the_filter_is_the_double_integral(bandwidth):
    part = approximate.bandlimited_part(F, SPACING, bandwidth)
    _, direct = band_by_quadrature(bandwidth)
    np.testing.assert_allclose(part[100:140:8], direct, atol=2e-4)


def test_the_error_falls_with_the_band_and_is_positive():
    errors = [np.linalg.norm(F - approximate.bandlimited_part(F, SPACING, lam)) for lam in (1.0, 5.0, 25.0)]
    assert errors[0] > errors[1] > errors[2] > 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(([np.nan], 1.0, 1.0), "values"), (([1.0], 0.0, 1.0), "spacing"), (([1.0], 1.0, -1.0), "bandwidth")],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        approximate.bandlimited_part(*arguments)
