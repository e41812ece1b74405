"""Samples that are split over devices are differentiated where they lie; the exact method grows as n^3."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from perturbax import optimize

SPLIT = """
import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from perturbax import core, linalg, nn, optimize

core.enable_compilation_cache()
assert jax.device_count() == 4
key = jax.random.key(0)
x = jax.random.normal(key, (16, 3))
model = nn.TwoLayerReLU(3, 4, key=key)
rows = NamedSharding(Mesh(np.array(jax.devices()), ("samples",)), PartitionSpec("samples"))
one = optimize.LeastSquares(model, x, model(x))
four = optimize.LeastSquares(model, jax.device_put(x, rows), jax.device_put(model(x), rows))
assert not four.gradients().sharding.is_fully_replicated
for method in (optimize.ExactSharpness(), optimize.ProbedSharpness(probes=4, steps=5)):
    a, b = (optimize.sharpness(problem, method, key=key) for problem in (one, four))
    for name in ("trace", "squared_norm", "top", "sample_squared_norm"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-4)
"""


@pytest.mark.slow
def test_samples_on_four_devices_are_measured_as_on_one():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", SPLIT], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
def test_seconds_of_an_application_grow_no_faster_than_n_cubed():
    method, seconds = optimize.ExactSecondMoment(tol=1e-4), {}
    for n in (150, 600):
        problem = optimize.LinearisedSGD(np.random.default_rng(0).normal(size=(n, 2 * n)), 1e-3)
        taken = []
        for _ in range(3):
            start = time.perf_counter()
            found = optimize.stability(problem, method)
            taken.append((time.perf_counter() - start) / found.stats["evaluations"])
        seconds[n] = min(taken)
    # Four times as many samples: 64 times the work, with room for what does not fit into the cache any more.
    assert seconds[600] < 130.0 * seconds[150]
