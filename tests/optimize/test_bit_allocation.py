"""Bits of layers: the linear program against exhaustion, sensitivities against exact Hessians, budgets."""

import itertools
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import optimize
from perturbax.optimize._bit_allocation import allocate, groups
from perturbax.optimize._layer_curvature import block_eigenvalues, block_traces

from .quantized_networks import MLP, PICTURES, RESIDUAL, X, Y

KEY = jax.random.key(4)
WIDTHS = (2, 3, 4, 8)
HALF = optimize.Budget(size=optimize.Share(0.5))


def exhausted(perturbation, cost, limit, tied=()):
    best = np.inf
    for rows in itertools.product(range(perturbation.shape[1]), repeat=len(perturbation)):
        spent = cost[range(len(rows)), rows].sum()
        if spent <= limit and all(len({rows[i] for i in group}) == 1 for group in tied):
            best = min(best, perturbation[range(len(rows)), rows].sum())
    return best


@pytest.mark.parametrize("seed", range(6))
def test_the_linear_program_finds_the_optimum_over_all_allocations(seed):
    """With perturbations over fifteen orders of magnitude, which a solver's absolute gap would swallow."""
    random = np.random.default_rng(seed)
    perturbation = np.sort(10.0 ** random.uniform(-12.0, 3.0, (5, 4)), axis=1)[:, ::-1]
    cost = random.integers(10, 10_000, (5, 1)) * np.array(WIDTHS, float)
    tied = [(0, 3)] if seed % 2 else []
    limit = cost[:, 0].sum() + random.uniform(0.05, 0.95) * (cost[:, -1] - cost[:, 0]).sum()
    rows = allocate(perturbation, {"size": cost}, {"size": limit}, np.ones((5, 4), bool), tied)
    assert cost[range(5), rows].sum() <= limit
    assert not tied or rows[0] == rows[3]
    found, wanted = perturbation[range(5), rows].sum(), exhausted(perturbation, cost, limit, tied)
    assert found == pytest.approx(wanted, rel=1e-9)


def test_several_limits_hold_at_once():
    random = np.random.default_rng(0)
    perturbation = np.sort(random.random((30, 2)), axis=1)[:, ::-1]
    costs = {name: np.sort(random.random((30, 2)), axis=1) for name in ("size", "bit_operations", "latency")}
    limits = {name: float(cost.mean(1).sum()) for name, cost in costs.items()}
    rows = allocate(perturbation, costs, limits, np.ones((30, 2), bool))
    for name, cost in costs.items():
        assert cost[range(30), rows].sum() <= limits[name]
    tight = {name: cost[:, 0].sum() * (1.001 if name == "size" else 2.0) for name, cost in costs.items()}
    with pytest.raises(ValueError, match=r"latency must be at least 9.1218, got 0.1"):
        allocate(perturbation, costs, {**tight, "latency": 0.1}, np.ones((30, 2), bool))


def test_groups_are_joined_through_shared_layers():
    assert groups(5, [(0, 2), (2, 4)]) == [(0, 2, 4), (1,), (3,)]


@pytest.mark.slow
def test_the_linear_program_grows_well_with_the_number_of_layers():
    random = np.random.default_rng(0)
    seconds = {}
    for layers in (60, 2000):
        perturbation = np.sort(10.0 ** random.uniform(-8.0, 0.0, (layers, 2)), axis=1)[:, ::-1]
        cost = random.integers(1000, 100_000, (layers, 1)) * np.array([[4.0, 8.0]])
        arguments = perturbation, {"size": cost}, {"size": cost.mean(1).sum()}, np.ones((layers, 2), bool)
        times = []
        for _ in range(5):
            start = time.perf_counter()
            rows = allocate(*arguments)
            times.append(time.perf_counter() - start)
        seconds[layers] = min(times)
        assert cost[range(layers), rows].sum() <= cost.mean(1).sum()
    assert seconds[2000] < 500.0 * seconds[60]


@pytest.fixture(scope="module")
def problem():
    return optimize.QuantizationProblem(MLP, X, Y, bits=WIDTHS, fixed={}, budget=HALF)


@pytest.fixture(scope="module")
def blocks(problem):
    """The exact blocks of the Hessian."""
    hessian = jax.hessian(problem.mean_loss)(problem.weights)
    return [np.asarray(hessian[i][i]).reshape(w.size, w.size) for i, w in enumerate(problem.weights)]


@pytest.mark.slow
def test_traces_are_those_of_the_exact_hessian(problem, blocks):
    traces, errors, products = block_traces(problem, KEY, probes=400, tolerance=0.0)
    assert products == 400
    exact = np.array([np.trace(block) for block in blocks])
    assert np.all(np.abs(traces - exact) < 4.0 * errors)
    assert np.all(errors < 0.2 * np.abs(exact))


def test_probes_stop_when_all_traces_are_known_well_enough(problem):
    _, errors, products = block_traces(problem, KEY, probes=400, tolerance=0.5)
    assert products < 400
    assert products % 16 == 0
    assert errors.shape == (3,)


@pytest.mark.slow
def test_eigenvalues_are_those_of_the_exact_hessian(problem, blocks):
    values, _ = block_eigenvalues(problem, KEY, 1e-3, 100)
    np.testing.assert_allclose(values, [np.linalg.eigvalsh(block)[-1] for block in blocks], rtol=1e-3)


def test_losses_of_allocations_are_those_of_rounded_weights(problem):
    allocations = [(2, 8, 4), (8, 8, 8)]
    found = problem.losses(allocations)
    for bits, loss in zip(allocations, found, strict=True):
        assert loss == pytest.approx(float(problem.mean_loss(problem.rounded(bits))), rel=1e-5)
    assert abs(found[1] - float(problem.mean_loss())) < 1e-2 < abs(found[0] - float(problem.mean_loss()))
    with pytest.raises(ValueError, match="bits must be 3 of"):
        problem.losses([(2, 5, 4)])


@pytest.mark.parametrize(
    "method",
    [
        optimize.Hawq(trace_probes=16),
        optimize.DivergenceBits(),
        optimize.RandomBits(),
        optimize.LargestFirstBits(),
    ],
)
def test_every_method_keeps_the_budget(problem, method):
    allocation = method.allocate(problem, KEY)
    sizes = [layer.parameters * b / 8 for layer, b in zip(problem.layers, allocation.bits, strict=True)]
    assert sum(sizes) <= sum(layer.parameters for layer in problem.layers) * 5 / 8
    if allocation.perturbation is not None:
        assert np.all(allocation.perturbation >= 0.0)
        assert np.all(np.diff(allocation.perturbation, axis=1) <= 1e-6)


def test_layers_of_one_addition_share_their_width():
    targets = (jnp.arange(40) % 3).astype(jnp.int32)
    free = optimize.QuantizationProblem(RESIDUAL, PICTURES, targets, fixed={}, budget=HALF)
    assert free.tied == ((0, 2),)
    bits = optimize.RandomBits().allocate(free, KEY).bits
    assert bits[0] == bits[2]
    assert optimize.QuantizationProblem(RESIDUAL, PICTURES).tied == ()


def test_latencies_of_a_table_are_kept(tmp_path):
    names = [f"layers.{i}.weight" for i in range(3)]
    lines = [f"{name},{b},{b * (i + 1) / 10}" for i, name in enumerate(names) for b in (4, 8)]
    (tmp_path / "device.csv").write_text("\n".join(["layer,bits,ms", *lines]))
    table = optimize.read_latencies(tmp_path / "device.csv")
    budget = optimize.Budget(latency=3.3, latencies=table)
    problem = optimize.QuantizationProblem(MLP, X, Y, fixed={}, budget=budget)
    bits = optimize.DivergenceBits().allocate(problem, KEY).bits
    assert sum(table[name, b] for name, b in zip(names, bits, strict=True)) <= 3.3
    assert max(bits) == 8
    with pytest.raises(ValueError, match=r"\('layers.1.weight', 2\) is missing"):
        optimize.QuantizationProblem(
            MLP, X, bits=(2,), budget=optimize.Budget(latency=1.0, latencies={("layers.0.weight", 2): 1.0})
        )
    for text, message in (
        ("layer,width,ms\n", "columns layer, bits and ms"),
        ("layer,bits,ms\na,4,fast\n", "line 2: .* is no measurement"),
        ("layer,bits,ms\na,4,1\na,4,2\n", "line 3: .* is there twice"),
        ("layer,bits,ms\na,4,nan\n", "line 2"),
    ):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(ValueError, match=message):
            optimize.read_latencies(tmp_path / "bad.csv")


def negative(scores, label):
    return -jnp.sum(scores**2)


def test_a_negative_trace_counts_as_zero_and_is_told():
    problem = optimize.QuantizationProblem(MLP, X, Y, loss=negative, fixed={}, budget=HALF)
    with pytest.warns(UserWarning, match=r"the Hessian of layer layers.0.weight has the trace -"):
        allocation = optimize.Hawq(trace_probes=16).allocate(problem, KEY)
    assert np.min(allocation.perturbation) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optimize.Budget(size=-1.0), "size must be a number > 0"),
        (lambda: optimize.Budget(latency=1.0), "latency and latencies must be given together"),
        (lambda: optimize.Share(1.5), r"fraction must be a number in \[0, 1\]"),
        (lambda: optimize.Hawq(trace_probes=1), "trace_probes must be an integer >= 2"),
        (lambda: optimize.UniformBits(1), r"bits must be an integer in \[2, 8\]"),
    ],
)
def test_bad_numbers_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_budgets_out_of_reach_are_told(problem):
    tight = optimize.QuantizationProblem(MLP, X, Y, bits=WIDTHS, fixed={}, budget=optimize.Budget(size=28))
    for method, message in (
        (optimize.UniformBits(8), "8 for all layers cost more than the budget"),
        (optimize.RandomBits(draws=1), "none of 1 random allocations"),
    ):
        with pytest.raises(ValueError, match=message):
            method.allocate(tight, jax.random.key(0))
