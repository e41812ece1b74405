"""The light solvers: a plan that is known, units that do not matter, and what they report."""

import dataclasses
import json
import os
import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, transport
from perturbax.core import Result

KEY = jax.random.key(1)
CENTRES = np.array([[-3.0, 0.0], [3.0, 1.0]])


def truth(epsilon=1.0):
    return transport.bridge_of_mixture(np.log([0.3, 0.7]), CENTRES, np.array([[0.4, 0.6], [0.7, 0.3]]), epsilon)


def samples(n=4000, epsilon=1.0):
    x0, other = np.random.default_rng(0).normal(size=(2, n, 2)).astype(np.float32)
    return x0, np.asarray(truth(epsilon).sample(jax.random.key(0), other))


@pytest.fixture(scope="module")
def problem():
    return transport.BridgeProblem(*samples(), 1.0)


def solve(problem, method, **options):
    return transport.bridge(problem, method, key=KEY, progress=False, **options)


SMALL = transport.LightSB(4, steps=600, batch_size=128)


@pytest.fixture(scope="module")
def solved(problem):
    return solve(problem, SMALL)


def test_it_recovers_a_plan_of_its_family(solved):
    x = np.random.default_rng(3).normal(size=(4000, 2))
    exact = truth()
    y = exact.sample(jax.random.key(5), x)
    assert abs(solved.kl_gap(x, y, exact)) < 0.02
    error = np.square(np.asarray(solved.moments(x)[0] - exact.moments(x)[0])).sum(1).mean()
    assert error < 0.02 * np.var(np.asarray(y), axis=0).sum()


def test_the_loss_is_the_divergence_up_to_a_constant(problem, solved):
    """What is minimised, taken at two parameters, differs as the gap from the truth does."""
    from perturbax.transport._light import Potential
    from perturbax.transport.light_sb import _Energy

    x, y = (jnp.asarray(part) for part in (problem.x0, problem.x1))
    others = [
        transport.bridge_of_mixture(np.log(w), CENTRES + shift, np.full((2, 2), s), 1.0)
        for w, shift, s in (([0.5, 0.5], 0.2, 0.5), ([0.2, 0.8], -0.1, 0.8))
    ]
    losses = [
        _Energy(transport.Diagonal(), jnp.array(1.0))(
            Potential(p.log_alpha, p.centres, jnp.log(p.eigenvalues - 1e-4)), (x, y), KEY
        )
        for p in (other.process for other in others)
    ]
    gaps = [other.kl_gap(x, y, truth()) for other in others]
    assert float(losses[0] - losses[1]) == pytest.approx(gaps[0] - gaps[1], abs=1e-3)


def test_units_and_origins_do_not_matter(problem, solved):
    """Data in other units and from other origins, with epsilon in squared units, give the same bridge in those."""
    scale, shift0, shift1 = 50.0, np.array([300.0, -100.0]), np.array([-40.0, 7.0])
    moved = transport.BridgeProblem(
        scale * np.asarray(problem.x0, np.float64) + shift0,
        scale * np.asarray(problem.x1, np.float64) + shift1,
        scale**2,
    )
    other = solve(moved, SMALL)
    x = np.random.default_rng(3).normal(size=(50, 2))
    t = 0.4
    here = scale * x + (1 - t) * shift0 + t * shift1
    wanted = scale * np.asarray(solved.drift(x, t)) + shift1 - shift0
    np.testing.assert_allclose(other.drift(here, t), wanted, rtol=0.02, atol=0.02 * scale)
    ours, theirs = solved.moments(x)[0], other.moments(scale * x + shift0)[0]
    np.testing.assert_allclose((np.asarray(theirs) - shift1) / scale, ours, atol=0.02)


def test_full_covariances_find_a_correlated_gaussian():
    x0 = np.random.default_rng(0).normal(size=(4000, 2))
    mix = np.array([[1.0, 0.6], [-0.2, 0.8]])
    problem = transport.BridgeProblem(x0, np.random.default_rng(1).normal(size=(4000, 2)) @ mix.T + 1.0, 0.5)
    single = solve(problem, transport.LightSB(1, transport.Full(), steps=500))
    exact = transport.bridge_of_gaussians(np.zeros(2), np.eye(2), np.ones(2), mix @ mix.T, 0.5)
    np.testing.assert_allclose(single.process.covariances[0], exact.process.gain, atol=0.06)


@pytest.mark.slow
def test_matching_finds_the_same_bridge(problem):
    matched = solve(problem, transport.LightSBM(4, steps=3000, batch_size=512))
    x = np.random.default_rng(3).normal(size=(4000, 2))
    y = truth().sample(jax.random.key(5), x)
    assert matched.kl_gap(x, y, truth()) < 0.05


def test_samplers_serve_as_well_as_samples():
    exact = truth()
    problem = transport.BridgeProblem(
        lambda key, n: jax.random.normal(key, (n, 2)),
        lambda key, n: exact.process.sample(key, jax.random.normal(jax.random.fold_in(key, 1), (n, 2))),
        1.0,
    )
    assert problem.size == 2
    assert solve(problem, dataclasses.replace(SMALL, steps=20)).losses.shape == (20,)


def test_it_reports_components_and_evaluations(solved):
    assert solved.stats["evaluations"] == 600
    assert solved.stats["components"] == 4
    assert 0 <= solved.stats["dead_components"] <= 2
    assert solved.stats["collapsed_components"] == 0
    assert solved.result == Result.successful


def test_more_components_than_points_are_reduced_with_a_warning():
    problem = transport.BridgeProblem(np.eye(3), 2.0 * np.eye(3), 1.0)
    with pytest.warns(UserWarning, match="potentials reduced from 50 to 3"):
        assert solve(problem, transport.LightSB(steps=2)).stats["components"] == 3


def test_points_and_constant_columns_stay_finite_and_are_reported():
    x0 = np.random.default_rng(0).normal(size=(200, 2))
    ends = np.array([[0.0, 1.0], [2.0, 1.0]])[np.arange(200) % 2]
    narrow = transport.LightSB(6, initial_variance=1.5e-4, steps=20)
    done = solve(transport.BridgeProblem(x0, ends, 0.1), narrow)
    assert done.stats["collapsed_components"] == 6
    assert np.isfinite(np.asarray(done.sample(KEY, x0))).all()


def test_small_epsilon_is_finite_and_warns_when_float32_is_too_coarse():
    x0, x1 = samples()
    quick = transport.LightSB(4, steps=20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = solve(transport.BridgeProblem(x0, x1, 1e-3), quick)
    assert np.isfinite(done.losses).all()
    with pytest.warns(UserWarning, match=r"epsilon = 1e-05 is small .* core\.float64\(\)"):
        done = solve(transport.BridgeProblem(x0, x1, 1e-5), quick)
    assert np.isfinite(np.asarray(done.drift(x0, 0.5))).all()


def test_in_float64_everything_is():
    with core.float64():
        done = solve(transport.BridgeProblem(*samples(200), 1.0), transport.LightSB(2, steps=2, batch_size=16))
        assert done.drift(np.zeros((1, 2)), 0.0).dtype == np.float64


def test_a_failed_run_raises_or_says_so():
    problem = transport.BridgeProblem(*samples(200), 1.0)
    wild = transport.LightSB(2, learning_rate=1e30, steps=50)
    with pytest.raises(core.SolverError, match="bridge by LightSB"):
        solve(problem, wild)
    assert solve(problem, wild, throw=False).result == Result.nonfinite


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: transport.LightSB(0), "potentials must be"),
        (lambda: transport.LightSB(initial_variance=0.0), "initial_variance must be"),
        (lambda: transport.LightSB(initial_variance=1e-5), "must be > the floor 0.0001"),
        (lambda: transport.LightSB(learning_rate=-1.0), "learning_rate must be"),
        (lambda: transport.LightSB(steps=0), "steps must be"),
        (lambda: transport.LightSBM(batch_size=0), "batch_size must be"),
        (lambda: transport.Diagonal(floor=0.0), "floor must be"),
        (lambda: transport.Full(floor=-1.0), "floor must be"),
    ],
)
def test_parameters_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


SHARDED = """
import json, jax, numpy as np
from perturbax import transport
x0 = np.random.default_rng(0).normal(size=(64, 2))
problem = transport.BridgeProblem(x0, 2.0 * x0 + 1.0, 1.0)
method = transport.LightSB(4, steps=20, batch_size=32)
solved = transport.bridge(problem, method, key=jax.random.key(0), progress=False)
print(json.dumps([jax.device_count(), np.asarray(solved.drift(x0, 0.5)).tolist()]))
"""


@pytest.mark.slow
def test_a_batch_over_four_devices_trains_the_same_bridge():
    """The batch is split, the gradients are summed, and the components are on every device."""
    found = {}
    for count in (1, 4):
        flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={count}", "JAX_PLATFORMS": "cpu"}
        run = subprocess.run([sys.executable, "-c", SHARDED], env=os.environ | flags, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        devices, found[count] = json.loads(run.stdout)
        assert devices == count
    np.testing.assert_allclose(found[4], found[1], rtol=1e-4, atol=1e-4)
