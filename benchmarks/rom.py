"""POD against NumPy and pyMOR, dissimilarities against a bare matrix product, k-medoids against FasterPAM.

`python benchmarks/rom.py`. What is compared runs in turn in one process; medians are printed. The largest array has a
million values and 200 snapshots, 1.6 GB.
"""

import importlib.metadata

import jax
import kmedoids
import numpy as np
from pymor.algorithms.pod import pod as pymor_pod
from pymor.core.logger import set_log_levels
from pymor.vectorarrays.numpy import NumpyVectorSpace

from _timing import medians
from perturbax import core, rom
from perturbax.rom._angles import subspaces

RANK = 20


def snapshots(values: int, count: int = 200) -> np.ndarray:
    """Random rows whose norms decay."""
    x = np.random.default_rng(0).standard_normal((count, values))
    x *= 0.9 ** np.arange(count)[:, None]
    return x


def by_numpy(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The method of snapshots by hand, without checks."""
    squares, vectors = np.linalg.eigh(x @ x.T)
    values = np.sqrt(np.maximum(squares[::-1], 0.0))
    return (vectors[:, ::-1][:, :RANK] / values[:RANK]).T @ x, values


def of_snapshots(values: int) -> None:
    x = snapshots(values)
    theirs = NumpyVectorSpace.from_numpy(x.T)
    gram, key = rom.MethodOfSnapshots(), jax.random.key(0)
    took = medians(
        {
            "ours": lambda: rom.pod(x, rank=RANK, factorisation=gram),
            "randomised": lambda: rom.pod(x, rank=RANK, factorisation=rom.RandomizedSVD(), key=key),
            "numpy": lambda: by_numpy(x),
            "pymor": lambda: pymor_pod(theirs, modes=RANK, method="method_of_snapshots"),
        },
        repeats=3,
    )
    gap = np.abs(rom.pod(x, rank=RANK, factorisation=gram).singular_values[:RANK] - pymor_pod(theirs, modes=RANK)[1])
    version = importlib.metadata.version("pymor")
    ours = took["ours"]
    print(
        f"POD, {values} x {len(x)}, {RANK} modes, of snapshots: {ours:.2f} s, {ours / took['pymor']:.2f} of pyMOR "
        f"{version} (wanted 1.5), {ours / took['numpy']:.2f} of bare NumPy; randomised {took['randomised']:.2f} s; "
        f"singular values agree to {gap.max():.0e}"
    )


def of_orthogonal(values: int = 100_000) -> None:
    x = snapshots(values)
    theirs = NumpyVectorSpace.from_numpy(x.T)
    took = medians(
        {
            "ours": lambda: rom.pod(x, rank=RANK),
            "numpy": lambda: np.linalg.svd(x, full_matrices=False),
            "pymor": lambda: pymor_pod(theirs, modes=RANK, method="qr_svd"),
        },
        repeats=3,
    )
    gap = np.abs(rom.pod(x).singular_values - np.linalg.svd(x, compute_uv=False)).max()
    ours = took["ours"]
    print(
        f"POD, {values} x {len(x)}, by QR: {ours:.2f} s, {ours / took['pymor']:.2f} of pyMOR's qr_svd (wanted 1.5), "
        f"{ours / took['numpy']:.2f} of NumPy's SVD; singular values agree to {gap:.0e}"
    )


def batched(count: int = 400, times: int = 20, values: int = 3600, modes: int = 5) -> None:
    """A basis for each of many trajectories."""
    x = np.random.default_rng(0).standard_normal((count, times, values))
    weight = rom.SnapshotSet(x).weight
    took = medians(
        {
            "ours": lambda: subspaces(x, weight, modes),
            "pymor": lambda: [pymor_pod(NumpyVectorSpace.from_numpy(each.T), modes=modes) for each in x],
        },
        repeats=3,
    )
    print(
        f"bases of {count} trajectories of {times} x {values}: {took['ours']:.2f} s, "
        f"{took['ours'] / took['pymor']:.2f} of pyMOR in a loop"
    )


def dissimilarities(count: int = 2000, values: int = 10_000) -> None:
    x = np.random.default_rng(0).standard_normal((count, values))
    problem, y = rom.SnapshotSet(x), x.copy()
    took = medians({"ours": lambda: rom.dissimilarity(problem), "numpy": lambda: x @ y.T}, repeats=3)
    rate = 2.0 * count**2 * values / took["ours"] / 1e9
    print(
        f"dissimilarities, {count} x {values}: {took['ours']:.2f} s, {rate:.0f} GFLOP/s, "
        f"{took['numpy'] / took['ours']:.2f} of the rate of NumPy's product (wanted 0.5)"
    )


def medoids(count: int = 2000, clusters: int = 16) -> None:
    """One greedy start of ours with all swaps, then ten more; one start of theirs."""
    random = np.random.default_rng(0)
    x = np.linspace(0.0, 1.0, 300)
    fields = np.exp(-(((x - random.uniform(0.1, 0.9, (count, 1))) / random.uniform(0.02, 0.2, (count, 1))) ** 2))
    d, key = rom.dissimilarity(rom.SnapshotSet(fields)), jax.random.key(0)
    took = medians(
        {
            "ours": lambda: rom.k_medoids(d, clusters, key=key, restarts=0),
            "ten": lambda: rom.k_medoids(d, clusters, key=key),
            "theirs": lambda: kmedoids.fasterpam(d, clusters, random_state=0, n_cpu=1),
        },
        repeats=3,
    )
    theirs = min(kmedoids.fasterpam(d, clusters, random_state=seed, n_cpu=1).loss for seed in range(10))
    cost = rom.k_medoids(d, clusters, key=key).cost
    version = importlib.metadata.version("kmedoids")
    print(
        f"k-medoids, {count} points, {clusters} medoids: {took['ours']:.2f} s, {took['ours'] / took['theirs']:.1f} of "
        f"FasterPAM {version}, with ten restarts {took['ten']:.2f} s; cost over their best of ten: {cost / theirs:.4f} "
        "(wanted 1.01). FasterPAM takes any swap that helps as it meets it; ours looks at all for the best one."
    )


if __name__ == "__main__":
    core.enable_compilation_cache()
    set_log_levels({"pymor": "ERROR"})
    of_snapshots(100_000)
    of_snapshots(1_000_000)
    of_orthogonal()
    batched()
    dissimilarities()
    medoids()
