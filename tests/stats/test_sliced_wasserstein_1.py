import jax
import numpy as np
import pytest
import scipy.stats

from perturbax import stats

KEY = jax.random.key(0)
RANDOM = np.random.default_rng(0)


def test_on_a_line_it_is_the_earth_movers_distance():
    for n, m in ((40, 40), (40, 25)):
        x, y = RANDOM.normal(size=(n, 1)), RANDOM.exponential(size=(m, 1))
        assert stats.sliced_wasserstein_1(x, y, KEY, 3) == pytest.approx(
            scipy.stats.wasserstein_distance(x[:, 0], y[:, 0])
        )


def test_a_shift_is_seen_by_its_mean_projection_and_never_more_than_by_the_second_order():
    x = RANDOM.normal(size=(60, 3))
    shifted = stats.sliced_wasserstein_1(x, x + np.array([2.0, 0.0, 0.0]), KEY, 4000)
    assert shifted == pytest.approx(1.0, rel=0.03)  # E |a.s| on the sphere of three dimensions is |s| / 2
    y = RANDOM.normal(size=(50, 3)) ** 3
    assert stats.sliced_wasserstein_1(x, y, KEY) <= stats.sliced_wasserstein(x, y, KEY)
    assert stats.sliced_wasserstein_1(x, x, KEY) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.sliced_wasserstein_1([[0.0]], [[0.0, 1.0]], KEY), "y"),
        (lambda: stats.sliced_wasserstein_1([[np.nan]], [[0.0]], KEY), "x"),
        (lambda: stats.sliced_wasserstein_1([[0.0]], [[0.0]], KEY, 0), "projections"),
    ],
)
def test_wrong_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
