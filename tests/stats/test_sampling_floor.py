import jax
import numpy as np
import pytest

from perturbax.stats import frechet_distance, sampling_floor, wasserstein


def standard_normal(key, n):
    return jax.random.normal(key, (n, 3))


def test_floor_falls_as_one_over_n_for_the_frechet_distance():
    small, large = (sampling_floor(frechet_distance, standard_normal, n, jax.random.key(0), 8) for n in (100, 1600))
    assert small.mean / large.mean == pytest.approx(16, rel=0.4)
    assert 0 < large.std < large.mean


def test_floor_of_data_takes_disjoint_parts():
    seen = []

    def distance(x, y):
        seen.append(np.intersect1d(x, y).size)
        return wasserstein(x, y)

    sampling_floor(distance, np.arange(20.0)[:, None], 10, jax.random.key(0))
    assert seen == [0] * 5


def test_same_key_same_floor():
    run = [sampling_floor(wasserstein, standard_normal, 20, jax.random.key(3)) for _ in range(2)]
    assert run[0] == run[1]


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="2 n = 22 points for two disjoint parts, got 20"):
        sampling_floor(wasserstein, np.zeros((20, 2)), 11, jax.random.key(0))
    with pytest.raises(ValueError, match="repeats must be"):
        sampling_floor(wasserstein, np.zeros((20, 2)), 5, jax.random.key(0), repeats=1)
