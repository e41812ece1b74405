"""Layers on several devices: split by batch, by channel, or along the sequence, they compute what one device does."""

import os
import subprocess
import sys

import pytest

SPLIT = """
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from perturbax import core
from perturbax.nn import ssm

core.enable_compilation_cache()
assert jax.device_count() == 4
mesh = Mesh(np.array(jax.devices()), ("parts",))
key = jax.random.key(0)


def split(*axes):
    return NamedSharding(mesh, PartitionSpec(*axes))


@eqx.filter_jit
def gradient(layer, u):
    return eqx.filter_grad(lambda layer: jnp.mean(layer(u) ** 2))(layer)


u = np.asarray(jax.random.normal(key, (4, 64, 8)))
layer = ssm.S4D(8, ssm.s4d_legs(8), key=key)
call = eqx.filter_jit(layer)
given = jax.device_put(u, split("parts"))
y = call(given)
assert not y.sharding.is_fully_replicated, y.sharding
np.testing.assert_allclose(y, call(u), rtol=1e-3, atol=1e-3)
np.testing.assert_allclose(gradient(layer, given).C, gradient(layer, u).C, rtol=1e-3, atol=1e-4)

# Channels are independent, and every parameter has theirs in front.
channels = PartitionSpec(None, None, "parts")
specs = {"in_specs": (PartitionSpec("parts"), channels), "out_specs": channels}
apart = jax.shard_map(lambda layer, u: layer(u), mesh=mesh, **specs)
y = jax.jit(apart)(layer, u)
assert not y.sharding.is_fully_replicated, y.sharding
np.testing.assert_allclose(y, call(u), rtol=1e-3, atol=1e-3)

many = ssm.S5(8, ssm.s4d_legs(8), key=key)
scan = eqx.filter_jit(many.scan)
y = scan(jax.device_put(u[0], split("parts")))
assert not y.sharding.is_fully_replicated, y.sharding
np.testing.assert_allclose(y, scan(u[0]), rtol=1e-3, atol=1e-3)
"""


@pytest.mark.slow
def test_a_sequence_on_four_devices_gives_what_one_device_gives():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", SPLIT], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
