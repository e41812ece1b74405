"""Solutions that several files of tests share."""

import jax
import numpy as np
import pytest

from perturbax import rom


def pulses(count=40, size=60, seed=0):
    """Pulses at places of (0, 1) with amplitudes of any size and sign, and their parameters."""
    random = np.random.default_rng(seed)
    s, a = random.uniform(0.1, 0.9, count), random.choice([-1.0, 1.0], count) * 10.0 ** random.uniform(-2, 2, count)
    x = np.linspace(0.0, 1.0, size)
    return a[:, None] * np.exp(-(((x - s[:, None]) / 0.15) ** 2)), np.stack([s, np.log10(np.abs(a))], 1)


@pytest.fixture(scope="session")
def problem():
    fields, params = pulses()
    return rom.SnapshotSet(fields, params=params)


@pytest.fixture(scope="session")
def solved(problem):
    bases = rom.LocalBases(modes=4)
    return rom.cluster(problem, rom.SineKMedoids(clusters=4, restarts=3), key=jax.random.key(0), bases=bases)
