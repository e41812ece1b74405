"""A fitted law in a file: what is read is what was written, and nothing else is read."""

import jax
import numpy as np
import pytest

from perturbax import core, stats
from perturbax.stats._saved_distribution import _LABEL

X = np.random.default_rng(0).normal(size=(40, 3))


@pytest.fixture(scope="module")
def fitted():
    method = stats.PerturbedMLE(
        latent=stats.NormalLatent(2),
        sieve=stats.ReLUNetworks((5,)),
        sigma=0.3,
        likelihood=stats.ImportanceWeighted(3),
        steps=2,
    )
    return stats.fit_distribution(stats.Observations(X), method, key=jax.random.key(0), progress=False)


def test_what_is_read_is_what_was_written(fitted, tmp_path):
    path = tmp_path / "law.npz"
    stats.save_distribution(path, fitted)
    again = stats.load_distribution(path)
    np.testing.assert_array_equal(again.sample(jax.random.key(1), 5), fitted.sample(jax.random.key(1), 5))
    np.testing.assert_array_equal(again.log_density(X), fitted.log_density(X))
    assert (again.sigma, again.sigma_perturb, again.singular) == (fitted.sigma, 0.3, False)


def test_a_damaged_file_is_refused(fitted, tmp_path):
    path = tmp_path / "law.npz"
    stats.save_distribution(path, fitted)
    tree = core.read_tree(path, _LABEL)
    for change in ({"generator": tree["generator"][:1]}, {"latent": "cauchy"}, {"law": []}):
        core.write_tree(path, {**tree, **change}, _LABEL)
        with pytest.raises(ValueError, match=r"law.npz holds no distribution that can be read"):
            stats.load_distribution(path)
    path.write_bytes(b"text")
    with pytest.raises(ValueError, match=r"law.npz is damaged"):
        stats.load_distribution(path)


def test_another_law_is_refused(tmp_path):
    closed = stats.fit_distribution(stats.Observations(X), stats.Empirical(), key=jax.random.key(0))
    with pytest.raises(TypeError, match=r"fitted.law must be the law of a generator"):
        stats.save_distribution(tmp_path / "law.npz", closed)
