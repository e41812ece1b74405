"""Queries answered with Laplace noise: throughput against OpenDP on the same values, and the noise itself."""

import importlib.metadata

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from _timing import seconds
from perturbax import stats

EPSILON = 0.1
SIZES = ((100, 1_000_000), (1000, 200_000), (10_000, 20_000))  # records and queries, 100 to 200 MB of bytes


@jax.jit
def product(values):
    """The means as a matrix product, the other way to write a batch."""
    return values.astype(jnp.float32) @ jnp.ones(values.shape[1]) / values.shape[1]


@jax.jit
def means(values):
    """What no mechanism undercuts: the values are read once, without noise and checks."""
    return jnp.mean(values.astype(jnp.float32), 1)


def main():
    random, key = np.random.default_rng(0), jax.random.key(0)
    rates = {}
    for n, count in SIZES:
        values = jnp.asarray(random.integers(0, 2, (count, n), np.int8))
        method = stats.LaplaceNoise.of_epsilon(EPSILON, n)
        problem = stats.QueryBatch(values)
        rates[n] = count / seconds(
            lambda problem=problem, method=method: stats.answer_queries(problem, method, key=key).answers, 5
        )
        bare, matrix = (count / seconds(lambda values=values, call=call: call(values), 5) for call in (means, product))
        print(
            f"batch of {count} queries on {n} records: {rates[n]:.3g} queries/s, {rates[n] * n / 1e9:.2g} GB/s; bare "
            f"means {bare:.3g}, as a matrix product {matrix:.3g}"
        )
    x, y = random.choice(np.array([-1, 1], np.int8), (1000, 500)), random.choice(np.array([-1, 1], np.int8), 1000)
    session = stats.QuerySession((x, y), stats.SignVote(500), 501)
    taken = seconds(lambda: stats.answer_queries(session, stats.GaussianNoise(0.02), key=key).answers, 5)
    print(f"adaptive session of 501 queries on 1000 records: {501 / taken:.3g} queries/s")
    kept = stats.Holdout(None, y > 0, stats.LaplaceNoise(0.01), key=key)
    taken = seconds(lambda: [kept.query(lambda positive: positive) for _ in range(50)], 5)
    print(f"Holdout in memory, one by one: {50 / taken:.3g} queries/s")
    try:
        import opendp.prelude as dp
    except ModuleNotFoundError:
        print("opendp is not installed: pip install opendp==0.16.0")
        return
    dp.enable_features("contrib")
    space = dp.atom_domain(T=float, nan=False), dp.absolute_distance(T=float)
    mechanism = dp.m.make_laplace(*space, scale=1.0 / (1000 * EPSILON))
    rows = random.integers(0, 2, (2000, 1000), np.int8)
    peer = 2000 / seconds(lambda: [mechanism(float(row.mean())) for row in rows], 3)
    version = importlib.metadata.version("opendp")
    print(
        f"opendp {version} make_laplace, NumPy means of 1000 records: {peer:.3g} queries/s, "
        f"ours {rates[1000] / peer:.0f} times faster"
    )
    half = stats.QueryBatch(np.tile(np.array([0, 1], np.int8), (20_000, 500)))
    ours = np.asarray(stats.answer_queries(half, stats.LaplaceNoise.of_epsilon(EPSILON, 1000), key=key).answers)
    theirs = np.array([mechanism(0.5) for _ in range(20_000)])
    exact = scipy.stats.laplace(0.5, 1.0 / (1000 * EPSILON))
    print(
        f"Kolmogorov-Smirnov: ours against theirs p = {scipy.stats.ks_2samp(ours, theirs).pvalue:.2f}, "
        f"ours against the law p = {scipy.stats.kstest(ours, exact.cdf).pvalue:.2f}, "
        f"theirs p = {scipy.stats.kstest(theirs, exact.cdf).pvalue:.2f}"
    )
    print(f"jax {jax.__version__}, numpy {np.__version__}, {jax.devices()[0].platform}")


if __name__ == "__main__":
    main()
