"""Random nets: their readouts, their floor by two routes, their choice of bandwidth, and bad input."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import approximate
from perturbax.core import float64

KEY = jax.random.key(0)
X = np.linspace(0.0, 1.0, 60)
NARROW = approximate.ScatteredData(X, np.exp(-np.square(20.0 * X - 9.0)))
TRACED: list[int] = []


pytestmark = pytest.mark.usefixtures("without_type_checks")


def counting_sigmoid(z):
    TRACED.append(1)
    return jax.nn.sigmoid(z)


NET = approximate.BandlimitedRandomNet(24, (2.0, 60.0), draw=approximate.Support(), activation=counting_sigmoid)


@pytest.fixture(scope="module")
def fitted():
    return approximate.fit(NARROW, NET, key=KEY)


def features(fitted, x):
    net = fitted.function
    return 1.0 / (1.0 + np.exp(net.b - x[:, None] * net.a.T)) / len(net.a) ** 0.5


def test_coefficients_are_those_of_least_squares(fitted):
    c = np.linalg.lstsq(features(fitted, X), NARROW.y, rcond=1e-13)[0]
    np.testing.assert_allclose(fitted(X), (features(fitted, X) @ c)[:, 0], atol=1e-6)
    assert fitted.error == pytest.approx(
        np.linalg.norm(NARROW.y[:, 0] - fitted(X)) / np.linalg.norm(NARROW.y), rel=1e-6
    )


def test_the_score_is_generalised_cross_validation(fitted):
    found = fitted.candidates
    rss = np.square(found.error) * np.square(NARROW.y).sum()
    np.testing.assert_allclose(found.score, 60 * rss / np.square(60 - found.rank), rtol=1e-8)
    assert fitted.stats["bandwidth"] == 60.0 == found.table().sort_values("score")["bandwidth"].iloc[0]


def test_it_is_compiled_once_for_all_values_of_one_shape(fitted):
    before = len(TRACED)
    approximate.fit(approximate.ScatteredData(X, np.sin(X)), NET, key=jax.random.key(1))
    approximate.fit(NARROW, dataclasses.replace(NET, bandwidth=(3.0, 7.0)), key=KEY)
    assert len(TRACED) == before


def test_units_of_the_data_do_not_matter(fitted):
    moved = approximate.ScatteredData(1000.0 * X + 5.0, NARROW.y[:, 0])
    np.testing.assert_allclose(approximate.fit(moved, NET, key=KEY)(1000.0 * X + 5.0), fitted(X), atol=1e-6)


def test_ridge_solves_its_normal_equations():
    method = dataclasses.replace(NET, bandwidth=(60.0, 2.0), readout=approximate.Ridge(1e-4))
    solved = approximate.fit(NARROW, method, key=KEY)
    H = features(solved, X)
    c = np.linalg.solve(H.T @ H / 60 + 1e-4 * np.eye(24), H.T @ NARROW.y / 60)
    np.testing.assert_allclose(solved.function.c, c, atol=1e-9)
    trace = np.trace(H @ np.linalg.solve(H.T @ H + 60 * 1e-4 * np.eye(24), H.T))
    assert solved.stats["rank"] == pytest.approx(trace, rel=1e-8)


def test_more_neurons_than_data_give_the_solution_of_least_norm():
    few = approximate.ScatteredData(X[::10], np.cos(9.0 * X[::10]))
    solved = approximate.fit(few, dataclasses.replace(NET, bandwidth=(30.0, 60.0)), key=KEY)
    H = features(solved, few.unit(few.x)[:, 0])
    np.testing.assert_allclose(solved.function.c, np.linalg.pinv(H) @ few.y, atol=1e-7)
    assert np.isinf(solved.candidates.score).all()


def test_the_floor_is_the_ridge_residual_of_the_same_neurons():
    problem = approximate.ScatteredData(X, np.stack([NARROW.y[:, 0], np.sin(20.0 * X)], 1))
    method = approximate.BandlimitedRandomNet(512, 40.0, readout=approximate.Ridge(1e-5))
    floor = approximate.error_floor(problem, method, key=KEY, neurons=512)
    # The floor's one chunk of neurons, which fit draws from the same key.
    by_fit = approximate.fit(problem, method, key=jax.random.split(KEY, 1)[0])
    assert floor.at(1e-5) == pytest.approx(by_fit.error, rel=1e-6)
    norm = np.linalg.norm(by_fit.function.c) / np.sqrt(np.mean(np.square(problem.y).sum(1)))
    assert floor.norm(1e-5) == pytest.approx(norm, rel=1e-6)
    assert floor.within(floor.norm(1e-5)) == pytest.approx(floor.at(1e-5), rel=1e-6)
    errors = [floor.within(size) for size in (1e-6, 1.0, 10.0, 1e3, 1e30)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("draw", [approximate.Support(), approximate.Fourier(), approximate.Informed(4)])
def test_other_laws_fit_in_two_dimensions(draw):
    x = np.random.default_rng(0).random((60, 2))
    y = np.stack([np.sin(3.0 * x[:, 0]), x[:, 0] * x[:, 1]], 1)
    activation = jnp.cos if isinstance(draw, approximate.Fourier) else approximate.bump
    method = approximate.BandlimitedRandomNet(24, (4.0, 6.0), draw=draw, activation=activation)
    found = approximate.fit(approximate.ScatteredData(x, y), method, key=KEY)
    assert found.error < 1e-2
    assert found(x[:7]).shape == (7, 2)


def test_informed_weights_lie_where_the_spectrum_is():
    spectrum = []
    for draw in (approximate.Informed(20), approximate.Symmetric()):
        with float64():
            x, y = jnp.asarray(NARROW.x), jnp.asarray(NARROW.y)
            a, b = draw(KEY, 24, 60.0, x, y)
            spectrum.append(float(jnp.abs((y - y.mean()).T @ approximate.dual_wavelet(x @ a.T - b)).mean()))
    assert spectrum[0] > 2.0 * spectrum[1]


def test_a_fitted_net_can_be_transformed(fitted):
    net = fitted.function
    values = eqx.filter_jit(net)(jnp.asarray(X[:3, None], jnp.float32))
    # In float32 with large coefficients.
    np.testing.assert_allclose(values[:, 0], fitted(X[:3]), atol=1e-5 * np.abs(net.c).max())
    with float64():
        slope = jax.grad(lambda t: net(t[None, None])[0, 0])(jnp.asarray(0.3))
        assert slope == pytest.approx((fitted([0.3 + 1e-6]) - fitted([0.3 - 1e-6]))[0] / 2e-6, rel=1e-4)


def test_a_wider_net_of_a_narrow_band_stays_at_its_floor():
    method = approximate.BandlimitedRandomNet(24, 1.0)
    narrow, wide = (
        approximate.fit(NARROW, dataclasses.replace(method, width=width), key=KEY).error for width in (24, 48)
    )
    assert wide > 0.9 * narrow > 0.3


def test_a_constant_target_is_fitted():
    assert approximate.fit(approximate.ScatteredData(X, np.full(60, 3.0)), NET, key=KEY).error < 1e-10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": [[0.0], [np.nan], [1.0]]}, "x must be finite, got NaN or infinite in 1 rows: 1"),
        ({"y": [0.0, 1.0, np.inf]}, "y must be finite, got NaN or infinite in 1 rows: 2"),
        ({"y": [0.0, 1.0]}, "y must have one row for each of the 3 rows"),
        ({"x": [1.0, 1.0, 1.0]}, "column 0"),
        ({"x": np.zeros((3, 1, 1))}, "x must have one or two axes"),
        ({"lower": 0.5}, "row 0 does not"),
        ({"upper": [1.0, 2.0]}, "upper must be a number or have shape"),
    ],
)
def test_bad_data_are_refused(change, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        approximate.ScatteredData(**{"x": [0.0, 0.5, 1.0], "y": [0.0, 1.0, 2.0], **change})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: approximate.BandlimitedRandomNet(0), "width must be"),
        (lambda: approximate.BandlimitedRandomNet(5, ()), "bandwidth must be a positive number or several"),
        (lambda: approximate.BandlimitedRandomNet(5, -1.0), "bandwidth must be a number > 0"),
        (lambda: approximate.BandlimitedRandomNet(5, activation="relu"), "activation must be a function"),
        (lambda: approximate.BandlimitedRandomNet(5, draw=approximate.Symmetric), "draw must be .* did you mean"),
        (lambda: approximate.BandlimitedRandomNet(5, readout="svd"), "readout must be"),
        (lambda: approximate.Ridge(0.0), "eta must be"),
        (lambda: approximate.LeastSquares(2.0), "rcond must be"),
        (lambda: approximate.Informed(1), "pool must be"),
        (lambda: approximate.KernelRidge(eta=0.0), "eta must be"),
        (lambda: approximate.StochasticConfigurationNet(share=2.0), "share must be"),
        (lambda: approximate.ChebyshevLeastSquares(-1), "degree must be"),
        (lambda: approximate.error_floor(NARROW, NET, key=KEY), "bandwidth of method must be one number, got 2"),
        (lambda: approximate.fit(NARROW, NET), "key must be"),
        (lambda: approximate.fit((X, X), NET, key=KEY), "problem must be what BandlimitedRandomNet approximates"),
        (lambda: approximate.fit(NARROW, "net", key=KEY), "method must be"),
        (lambda: approximate.fit(NARROW, approximate.ChebyshevLeastSquares(60)), "degree must be smaller"),
        (lambda: approximate.fit(NARROW, approximate.StochasticConfigurationNet(61), key=KEY), "width must be at most"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_points_of_another_shape_are_refused(fitted):
    with pytest.raises(ValueError, match="x must have shape"):
        fitted(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="x must be finite"):
        fitted([np.nan])
