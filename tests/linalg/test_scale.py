"""A field that is split over devices is solved where it lies."""

import os
import subprocess
import sys

import pytest

SPLIT = """
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from perturbax import core, linalg, nn

core.enable_compilation_cache()
assert jax.device_count() == 4
fluid = np.ones((16, 8), bool)
fluid[6:9, 3:5] = False
operator = linalg.Poisson(fluid, open_sides=((True, False), (False, False)))
b = jnp.asarray(np.random.default_rng(0).normal(size=fluid.shape) * fluid, jnp.float32)
rows = NamedSharding(Mesh(np.array(jax.devices()), ("rows",)), PartitionSpec("rows"))
network = nn.ResidualUNet(2, width=2, levels=1, key=jax.random.key(0))
for method in (linalg.CG(tol=1e-4), linalg.DCDM(network, tol=1e-4)):
    one = linalg.solve(linalg.LinearSystem(operator, b), method)
    four = linalg.solve(linalg.LinearSystem(operator, jax.device_put(b, rows)), method)
    assert len(four.x.sharding.device_set) == 4, four.x.sharding
    assert not four.x.sharding.is_fully_replicated
    np.testing.assert_allclose(four.x, one.x, atol=1e-2 * float(jnp.abs(one.x).max()))
    assert abs(int(four.iterations) - int(one.iterations)) <= 0.2 * int(one.iterations)
"""


@pytest.mark.slow
def test_a_field_on_four_devices_is_solved_as_on_one():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", SPLIT], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
