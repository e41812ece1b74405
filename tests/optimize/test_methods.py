"""Each method against formulas in NumPy on the same choices, and what every method promises."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

from perturbax import optimize
from perturbax.core import float64
from perturbax.optimize import tsallis_inf
from perturbax.optimize._compiled import compiled, pack
from perturbax.optimize.chebcb import boxed_least_squares
from perturbax.optimize.tsallis_inf import tsallis_probabilities

from .conftest import GRID

KEY = jax.random.key(0)
LEARNERS = {
    "TsallisINF": optimize.TsallisINF(grid=GRID),
    "reduced variance": optimize.TsallisINF(grid=GRID, estimator=optimize.ReducedVariance()),
    "Exp3": optimize.Exp3(grid=GRID),
    "UCB1": optimize.UCB1(grid=GRID),
    "ChebCB": optimize.ChebCB((0.0, 1.0), grid=GRID, terms=3),
    "Binned": optimize.Binned(optimize.TsallisINF(grid=GRID), (0.0, 1.0), bins=2),
}


def by_bisection(costs, eta):
    """The probabilities of Tsallis-INF between the two ends that `x` must lie between."""

    def weights(x):
        return 4.0 / (eta * (costs - costs.min() - x)) ** 2

    ends = -2.0 * np.sqrt(costs.size) / eta, -2.0 / eta
    return weights(
        scipy.optimize.brentq(lambda x: weights(x).sum() - 1.0, 1.001 * ends[0], 0.999 * ends[1], xtol=1e-15)
    )


def arms_of(tuning):
    return np.searchsorted(np.array(GRID), tuning.values)


@pytest.fixture(scope="module")
def tunings(table):
    return {name: optimize.tune(table, method, key=KEY) for name, method in LEARNERS.items()}


@pytest.fixture(scope="module")
def probabilities():
    with float64():
        return jax.jit(tsallis_probabilities)


@given(st.lists(st.floats(0.0, 1e6), min_size=2, max_size=6), st.integers(1, 10**6))
def test_the_probabilities_of_tsallis_inf_are_the_root_on_the_right_branch(probabilities, costs, t):
    costs = np.resize(np.array(costs), 6)
    eta = 2.0 / np.sqrt(t)
    with float64():
        p = np.asarray(probabilities(jnp.asarray(costs), eta))
    assert p.sum() == pytest.approx(1.0, abs=1e-11)
    assert (p > 0.0).all()
    low, high = costs.min() - 2.0 * np.sqrt(6.0) / eta, costs.min() - 2.0 / eta
    x = scipy.optimize.brentq(
        lambda x: (4.0 / (eta * (costs - x)) ** 2).sum() - 1.0, low * (1 + 1e-9) - 1e-6, high, xtol=1e-14
    )
    np.testing.assert_allclose(p, 4.0 / (eta * (costs - x)) ** 2, rtol=1e-5, atol=1e-9)


def test_newton_takes_a_handful_of_steps(monkeypatch):
    """From arms that are all alike to one that leads, or one that falls behind, nine steps are enough."""
    monkeypatch.setattr(tsallis_inf, "_NEWTON", 9)
    # A function of its own: what was compiled with more steps must not be found again.
    limited = jax.jit(lambda costs, eta: tsallis_probabilities(costs, eta))
    costs = (
        np.zeros(20),
        np.r_[0.0, np.full(19, 1e4)],
        np.linspace(0.0, 30.0, 20),
        np.r_[0.0, 0.0, np.full(18, 50.0)],
    )
    with float64():
        totals = [float(limited(jnp.asarray(one), eta).sum()) for one in costs for eta in (2.0, 0.1, 2e-3)]
    np.testing.assert_allclose(totals, 1.0, rtol=0.0, atol=1e-13)


@pytest.mark.parametrize("name", ["TsallisINF", "reduced variance", "Exp3"])
def test_importance_weighted_methods_are_their_formulas(table, tunings, name):
    tuning = tunings[name]
    k, total, d = np.zeros(5), 0.0, 5
    for t, (arm, cost, p) in enumerate(zip(arms_of(tuning), tuning.costs, tuning.probabilities, strict=True), 1):
        s = total / (t - 1) if total > 0.0 else 1.0
        if name == "Exp3":
            weights = np.exp(-np.sqrt(np.log(d) / (d * t)) * (k - k.min()) / s)
            wanted, eta = weights / weights.sum(), None
        else:
            eta = 2.0 / np.sqrt(t)
            wanted = by_bisection(k / s, eta)
        np.testing.assert_allclose(p, wanted, rtol=1e-7, atol=1e-12)
        B = s * (p >= eta**2) if name == "reduced variance" else np.zeros(5)
        k = k + B
        k[arm] += (cost - 1.0 - B[arm]) / p[arm]
        total += cost - 1.0


def test_ucb1_is_its_formula(tunings):
    tuning = tunings["UCB1"]
    arms, plays, totals = arms_of(tuning), np.zeros(5), np.zeros(5)
    for t, (arm, cost) in enumerate(zip(arms, tuning.costs, strict=True)):
        if t < 5:
            assert arm == t
        else:
            bound = totals / plays / tuning.costs[:t].max() - np.sqrt(2.0 * np.log(t) / plays)
            assert bound[arm] == pytest.approx(bound.min(), abs=1e-12)
        plays[arm] += 1
        totals[arm] += cost


def test_chebcb_from_sums_is_chebcb_from_all_data(table, tunings):
    """In every round against the raw data: least squares, SciPy's with bounds where they are violated, and the rate.

    With few data the bounded fit is not unique, so its residual is compared.
    """
    tuning, method, m, d = tunings["ChebCB"], LEARNERS["ChebCB"], 3, 5
    contexts, arms, costs = np.asarray(table.contexts), arms_of(tuning), tuning.costs
    features = np.polynomial.chebyshev.chebvander(2.0 * contexts - 1.0, m - 1)
    scale, predicted, boxes = 0.0, [], 0
    with float64():
        programs = compiled(method, str(jax.random.key_impl(KEY)))
        state, data = method.init(), jax.random.key_data(KEY)
        for t in range(60):
            y = np.asarray(state.theta) @ features[t]
            p = 1.0 / (d + float(state.eta) * (y - y.min()))
            p[y.argmin()] = 1.0 - (p.sum() - p[y.argmin()])
            np.testing.assert_allclose(tuning.probabilities[t], p, rtol=1e-9, atol=1e-12)
            choice = programs.ask(pack(state), contexts[t], data, t)
            state = programs.unpack(programs.tell(pack(state), choice, costs[t]))
            predicted.append(y[arms[t]])

            seen, theta = costs[: t + 1], np.asarray(state.theta)
            K, spread = seen.max(), seen.max() - seen.min()
            N = 2.0 + 4.0 * spread / K * (1.0 + np.log(m))
            changed, scale = scale != K * N, K * N
            bounds = np.r_[1.0 / N, 2.0 * spread / (scale * np.arange(1, m))]
            r = 0.0
            for i in range(d) if changed else [arms[t]]:
                phi, target = features[: t + 1][arms[: t + 1] == i], (seen[arms[: t + 1] == i] - 1.0) / scale
                free = np.linalg.lstsq(phi, target, rcond=1e-6)[0] if len(phi) else np.zeros(m)
                if (np.abs(free) > bounds).any():
                    r = ((phi @ theta[i] - target) ** 2).sum()
                    box = np.maximum(bounds, 1e-300)
                    least = 2.0 * scipy.optimize.lsq_linear(phi, target, (-box, box), tol=1e-14).cost
                    assert r == pytest.approx(least, rel=1e-5, abs=1e-12)
                    assert (np.abs(theta[i]) <= bounds).all()
                    boxes += 1
                else:
                    np.testing.assert_allclose(theta[i], free, rtol=1e-6, atol=1e-9)
            R = ((np.array(predicted) - seen / scale) ** 2).sum()
            alpha = (np.pi + 2.0 / np.pi * np.log(2.0 * m + 1.0)) * spread / (2.0 * scale * (m + 1))
            eta = 2.0 * (t + 1) * np.sqrt(d * (t + 1) / max(R - r + 2.0 * alpha**2 * (t + 1), 1e-12))
            assert float(state.eta) == pytest.approx(eta, rel=1e-6)
    assert boxes >= 3


def test_box_constrained_least_squares_are_those_of_scipy():
    """Also for features that are nearly or wholly dependent, where only the residual is unique."""
    random = np.random.default_rng(0)
    with float64():
        solve = jax.jit(boxed_least_squares)
        for _ in range(40):
            count, width = random.integers(1, 30), 10.0 ** -random.integers(0, 3)
            z = random.uniform(-1.0, 1.0) * (1.0 - width) + width * random.uniform(-1.0, 1.0, count)
            rows, target = np.polynomial.chebyshev.chebvander(z, 5), 0.3 * random.random(count)
            bounds = np.r_[random.uniform(0.05, 0.5), random.uniform(0.01, 0.3) / np.arange(1, 6)]
            theta = np.asarray(solve(rows.T @ rows, rows.T @ target, bounds, np.zeros(6)))
            assert (np.abs(theta) <= bounds).all()
            least = 2.0 * scipy.optimize.lsq_linear(rows, target, (-bounds, bounds), tol=1e-14, max_iter=1000).cost
            assert ((rows @ theta - target) ** 2).sum() == pytest.approx(least, rel=1e-6, abs=1e-12)


def test_in_the_first_round_all_arms_are_alike(tunings):
    for name in ("TsallisINF", "Exp3", "ChebCB", "Binned"):
        np.testing.assert_allclose(tunings[name].probabilities[0], 0.2, rtol=1e-9)


def test_bins_are_tuners_of_their_own(table, tunings):
    """The instances of a bin, by themselves, with the keys of their rounds."""
    tuning = tunings["Binned"]
    method, rounds = LEARNERS["Binned"].tuner, np.flatnonzero(np.asarray(table.contexts) >= 0.5)
    with float64():
        ask, tell, state = jax.jit(method.ask), jax.jit(method.tell), method.init()
        for t in rounds[:40]:
            choice = ask(state, 0.0, jax.random.fold_in(KEY, int(t)))
            assert float(choice.value) == tuning.values[t]
            state = tell(state, choice, tuning.costs[t])


def test_costs_that_are_all_the_same_keep_exploring_without_nan(table):
    flat = optimize.CostTable(np.full((200, 5), 7.0), GRID, table.contexts)
    least = optimize.CostTable(np.ones((200, 5)), GRID, table.contexts)
    for costs in (flat, least):
        for name, method in LEARNERS.items():
            tuning = optimize.tune(costs, method, key=KEY)
            assert np.isfinite(tuning.probabilities).all()
            assert len(set(tuning.values)) >= 4, name


def test_contextual_methods_learn_the_best_value_of_each_context(table, tunings):
    """The costs are smallest at `1 + 0.8 c`."""
    late = slice(150, None)
    best = np.asarray(table.costs)[late].min(1).mean()
    fixed = np.asarray(table.costs)[late].mean(0).min()
    assert best < tunings["ChebCB"].costs[late].mean() < fixed < tunings["UCB1"].costs[late].mean()
    chosen = tunings["ChebCB"].values[late]
    assert np.corrcoef(chosen, np.asarray(table.contexts)[late])[0, 1] > 0.5


def test_seconds_may_be_costs(table):
    seconds = optimize.CostTable(1e-3 * np.asarray(table.costs), GRID, table.contexts)
    method = optimize.TsallisINF(grid=GRID, least_cost=0.0)
    tuning = optimize.tune(seconds, method, key=KEY)
    assert tuning.costs[100:].mean() < 1e-3 * np.asarray(table.costs)[100:].mean()
    with pytest.raises(ValueError, match="costs must be >= least_cost"):
        optimize.tune(seconds, optimize.TsallisINF(grid=GRID), key=KEY)


def test_references_are_what_they_say(table):
    costs = np.asarray(table.costs)
    best = optimize.tune(table, optimize.BestInHindsight(grid=GRID), key=KEY)
    assert best.total == costs.sum(0).min()
    assert best.stats["evaluations"] == 6 * 200
    fixed = optimize.tune(table, optimize.Fixed(1.2), key=KEY)
    np.testing.assert_array_equal(fixed.costs, costs[:, 1])
    own = optimize.tune(table, optimize.GoldenSection(grid=GRID, sections=2), key=KEY)
    np.testing.assert_array_equal(own.costs, costs.min(1))
    assert own.stats["evaluations"] == 200 * 8
    oracle = optimize.tune(table, optimize.AsymptoticOracle(lambda c: 0.9 * c), key=KEY)
    np.testing.assert_allclose(oracle.values, 2.0 / (1.0 + np.sqrt(1.0 - (0.9 * table.contexts) ** 2)), rtol=1e-12)
    assert (np.diff(fixed.regret(own)) >= 0.0).all()


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: optimize.TsallisINF(grid=[1.0, 1.0]), "grid"),
        (lambda: optimize.TsallisINF(grid=[]), "grid"),
        (lambda: optimize.UCB1(grid=[1.0, np.nan]), "grid"),
        (lambda: optimize.TsallisINF(least_cost=-1.0), "least_cost"),
        (lambda: optimize.Exp3(least_cost=np.inf), "least_cost"),
        (lambda: optimize.ChebCB((1.0, 0.0)), "interval"),
        (lambda: optimize.ChebCB((0.0, 1.0), terms=0), "terms"),
        (lambda: optimize.Binned(optimize.TsallisINF(), (0.0, np.inf)), "interval"),
        (lambda: optimize.Binned(optimize.TsallisINF(), (0.0, 1.0), bins=0), "bins"),
        (lambda: optimize.Binned(optimize.ChebCB((0.0, 1.0)), (0.0, 1.0)), "tuner"),
        (lambda: optimize.GoldenSection(grid=[1.0, 1.5]), "grid"),
        (lambda: optimize.GoldenSection(sections=1), "sections"),
    ],
)
def test_bad_hyper_parameters_are_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()
