"""Draws for parameters that are split over devices are made where these lie, and are the same."""

import os
import subprocess
import sys

import pytest

SPLIT = """
import warnings
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from perturbax import core, rom

core.enable_compilation_cache()
warnings.simplefilter("ignore", UserWarning)
assert jax.device_count() == 4
random = np.random.default_rng(0)
problem = rom.SubmodelProblem(random.normal(size=(64, 6)), random.uniform(size=(64, 1)))
rows = NamedSharding(Mesh(np.array(jax.devices()), ("rows",)), PartitionSpec("rows"))
sample = eqx.filter_jit(lambda law, key, p: law.sample(key, p))
for method in (rom.WGANGP(networks=rom.Perceptrons((8,)), steps=1), rom.PCAGaussian(), rom.PCACopula()):
    law = rom.boundary_generator(problem, method, key=jax.random.key(0)).law
    p = jnp.linspace(-1.0, 1.0, 64)[:, None]
    one = sample(law, jax.random.key(1), p)
    four = sample(law, jax.random.key(1), jax.device_put(p, rows))
    assert len(four.sharding.device_set) == 4, four.sharding
    assert not four.sharding.is_fully_replicated
    np.testing.assert_allclose(four, one, atol=1e-5)
"""


@pytest.mark.slow
def test_draws_are_split_over_four_devices():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", SPLIT], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
