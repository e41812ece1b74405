"""Instances that are split over devices are bounded where they lie, and memory follows the chunk."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import nn, verify
from perturbax.verify._bound import _bound

SPLIT = """
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from perturbax import core, nn, verify

core.enable_compilation_cache()
assert jax.device_count() == 4
instances = NamedSharding(Mesh(np.array(jax.devices()), ("instances",)), PartitionSpec("instances"))
network = nn.MLP(3, (6,), 2, key=jax.random.key(0), activation=jax.nn.relu)
x = jax.random.normal(jax.random.key(1), (8, 3))
one = verify.bound(network, verify.Ball(x, 0.1), verify.CROWN(), batched=True)
four = verify.bound(network, verify.Ball(jax.device_put(x, instances), 0.1), verify.CROWN(), batched=True)
assert len(four.lower.sharding.device_set) == 4, four.lower.sharding
assert not four.lower.sharding.is_fully_replicated
np.testing.assert_allclose(four.lower, one.lower, atol=1e-5)
"""


@pytest.mark.slow
def test_instances_on_four_devices_have_the_bounds_of_one():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", SPLIT], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
def test_memory_follows_the_chunk():
    network = nn.MLP(64, (256, 256), 4, key=jax.random.key(0), activation=jax.nn.relu)
    box = verify.Box(jnp.zeros(64), jnp.ones(64))
    used = []
    for chunk in (16, 512):
        compiled = _bound.lower(network, box, verify.CROWN(chunk=chunk), None, False).compile()
        used.append(compiled.compiled.memory_analysis().temp_size_in_bytes)
    assert np.all(np.array(used) > 0)
    assert used[0] < 0.5 * used[1]
