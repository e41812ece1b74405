"""Programs and random nets: a population in one interpreter against NumPy, and the ladder against scikit-learn.

`python benchmarks/approximate.py`. All in one process; medians of repeated runs after compilation.
"""

import importlib.metadata
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import Ridge

from perturbax import approximate, core
from perturbax.approximate import _interpreter as interpreter
from perturbax.approximate import _moves as moves
from perturbax.approximate._evaluation import program_of

OPERATIONS, POINTS, PROGRAMS = 10, 256, 128  # as many programs as a generation of Evolution has


def median(call, repeats=5):
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def grown(random):
    """A random program of exactly the size that is timed."""
    genome = moves.empty(1.5)
    while len(genome.code) != OPERATIONS:
        longer = moves.mutate(genome, random, (0, 1, 2, 3), (5, 1, 1, 1), (-1.0, 1.0))
        genome = longer if len(longer.code) <= OPERATIONS else genome
    return genome


def evaluations():
    random = np.random.default_rng(0)
    genomes = [grown(random) for _ in range(PROGRAMS)]
    x = np.linspace(0.0, 1.0, POINTS)
    programs = [program_of(genome) for genome in genomes]

    def by_numpy():
        with np.errstate(all="ignore"):
            return [program(x) for program in programs]

    def point_by_point():
        """As a tree walker does that knows numbers only."""
        points = x.tolist()
        for program in programs[:16]:
            for point in points:
                try:
                    program(point)
                except (ZeroDivisionError, OverflowError):
                    continue

    with core.float64():
        batch = [jnp.asarray(part) for part in moves.packed(genomes, OPERATIONS, OPERATIONS + 1)]
        points = jnp.asarray(x)
        ours = PROGRAMS / median(lambda: interpreter.run_many(*batch, points).block_until_ready(), 51)
    theirs, walked = PROGRAMS / median(by_numpy, 51), 16 / median(point_by_point)
    print(f"{OPERATIONS} operations on {POINTS} points: {ours:,.0f} programs/s by one interpreter")
    print(f"    {ours / theirs:.1f}x a NumPy evaluator that takes all points at once (wanted >= 50x)")
    print(f"    {ours / walked:.0f}x the same evaluator point by point")


def random_nets():
    x = np.linspace(0.0, 1.0, 1000)
    y = np.sin(40.0 * x)
    data = approximate.ScatteredData(x, y)
    method = approximate.RandomFourierFeatures(400, 30.0)
    ours = median(lambda: approximate.fit(data, method, key=jax.random.key(0)))

    def theirs():
        features = RBFSampler(gamma=450.0, n_components=400, random_state=0).fit_transform(x[:, None])
        return Ridge(alpha=1e-7, fit_intercept=False).fit(features, y)

    version = importlib.metadata.version("scikit-learn")
    print(
        f"400 Fourier features of 1000 rows: {ours * 1e3:.0f} ms;"
        f" scikit-learn {version} takes {median(theirs) / ours:.2f}x as long"
    )
    for width in (100, 200, 400, 800):
        seconds = median(
            lambda width=width: approximate.fit(
                data, approximate.BandlimitedRandomNet(width, 30.0), key=jax.random.key(0)
            ),
            3,
        )
        print(f"    {width} neurons: {seconds * 1e3:.0f} ms")


if __name__ == "__main__":
    core.enable_compilation_cache()
    print(f"jax {jax.__version__}, numpy {np.__version__}, on {jax.devices()[0].device_kind}")
    evaluations()
    random_nets()
