"""Databases: the same simulations however they are made, resumed, grown, and refused when they are others."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import optimize, stats
from perturbax.core import SolverError

KEY = jax.random.key(3)
PRIOR = stats.UniformPrior([0.0, 1.0], [1.0, 2.0])
POINTS = np.linspace(0.0, 3.0, 7).astype(np.float32)


def wave(parameters):
    return jnp.sin(parameters[0] + parameters[1] * POINTS)


def build(count=20, **options):
    return optimize.build_database(wave, PRIOR, count, key=KEY, shard=8, progress=False, **options)


def test_entries_do_not_depend_on_shards_workers_or_folders(tmp_path):
    plain = build()
    for options in ({"workers": 1}, {"workers": 3}, {"path": tmp_path / "db"}):
        other = build(**options)
        np.testing.assert_array_equal(other.parameters, plain.parameters)
        np.testing.assert_array_equal(other.predictions, plain.predictions)
    other = optimize.build_database(wave, PRIOR, 20, key=KEY, shard=5, progress=False)
    np.testing.assert_array_equal(other.parameters, plain.parameters)
    expected = np.sin(plain.parameters[:, :1] + plain.parameters[:, 1:] * POINTS)
    np.testing.assert_allclose(plain.predictions, expected, atol=1e-3)


def test_a_stopped_build_goes_on_and_a_larger_one_keeps_what_is_there(tmp_path):
    whole = build(path=tmp_path, about={"unit": "mm"})
    files = sorted(tmp_path.glob("simulations-*.npz"))
    assert [file.name for file in files][-1] == "simulations-00000016-00000020.npz"
    files[1].unlink()
    with pytest.raises(ValueError, match=r"is not complete, simulations-00000008-00000016\.npz"):
        optimize.read_database(tmp_path)
    times = {file: file.stat().st_mtime_ns for file in files if file.exists()}
    again = build(path=tmp_path, about={"unit": "mm"})
    np.testing.assert_array_equal(again.predictions, whole.predictions)
    assert all(file.stat().st_mtime_ns == time for file, time in times.items())
    read = optimize.read_database(tmp_path)
    np.testing.assert_array_equal(read.predictions, whole.predictions)
    assert read.about == {"unit": "mm"}
    assert read.origin == whole.origin
    grown = build(26, path=tmp_path)
    np.testing.assert_array_equal(grown.parameters[:20], whole.parameters)
    assert optimize.read_database(tmp_path).size == 26


def test_folders_of_other_databases_and_damaged_files_are_refused(tmp_path):
    build(path=tmp_path)
    with pytest.raises(ValueError, match="another model, prior or key"):
        optimize.build_database(wave, PRIOR, 20, key=jax.random.key(4), shard=8, path=tmp_path, progress=False)
    with pytest.raises(ValueError, match="another dtype"):
        build(path=tmp_path, dtype=np.float32)
    file = tmp_path / "simulations-00000000-00000008.npz"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"simulations-00000000-00000008\.npz is damaged"):
        optimize.read_database(tmp_path)
    with pytest.raises(ValueError, match="is no folder of a database"):
        optimize.read_database(tmp_path / "none")


def test_simulations_that_are_not_finite_are_named():
    def broken(parameters):
        return jnp.log(parameters[0] - 0.5) * POINTS

    with pytest.raises(SolverError, match="simulations 0 to 7"):
        optimize.build_database(broken, PRIOR, 8, key=KEY, shard=8, workers=1, progress=False)


def test_a_query_refuses_what_it_cannot_look_up():
    database = build()
    with pytest.raises(ValueError, match="top_k must be an integer in"):
        optimize.DatabaseQuery(database, optimize.SquaredError(), top_k=21)
    with pytest.raises(ValueError, match="encoding must keep voxels for Hausdorff"):
        optimize.DatabaseQuery(database, optimize.Hausdorff((0.5,)), optimize.RandomProjection(4))
    query = optimize.DatabaseQuery(database, optimize.SquaredError())
    short = optimize.InverseProblem(wave, np.ones(5), PRIOR, optimize.SquaredError())
    with pytest.raises(ValueError, match=r"observation must have shape \(7,\)"):
        optimize.invert(short, query, key=KEY)
    other = optimize.InverseProblem(wave, np.ones(7), stats.UniformPrior([0.0], [1.0]), optimize.SquaredError())
    with pytest.raises(ValueError, match="problem must have 2 parameters as the database"):
        optimize.invert(other, query, key=KEY)
    with pytest.raises(ValueError, match="must not be empty"):
        database.select(np.zeros(20, bool))


SPLIT = """
import jax
import numpy as np
from perturbax import core, optimize, stats, systems

core.enable_compilation_cache()
assert jax.device_count() == 4
brain = systems.BrainAnatomy.phantom((8, 10), spacing=4.0)
grow, prior = systems.FisherKolmogorov(brain, reach=6.0), systems.TumourPrior(brain, length=(2.0, 6.0))
database = optimize.build_database(grow, prior, 16, key=jax.random.key(0), shard=8, progress=False)
np.save(OUT, database.predictions)
"""


@pytest.mark.slow
def test_four_devices_share_a_shard_and_give_the_same_database(tmp_path):
    made = []
    for devices in (1, 4):
        flags = f"--xla_force_host_platform_device_count={devices}"
        environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
        path = tmp_path / f"{devices}.npy"
        code = SPLIT.replace("== 4", f"== {devices}").replace("OUT", repr(str(path)))
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        made.append(np.load(path))
    np.testing.assert_allclose(made[0], made[1], atol=1e-3)
