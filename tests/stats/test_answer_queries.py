"""Mechanisms that answer queries: what each answers, what it costs, when it stops, and what it refuses."""

import math
import os
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.stats

from perturbax import stats
from perturbax.core import Result

KEY = jax.random.key(0)
M, N = 6, 60


def batch(**changed):
    random = np.random.default_rng(1)
    given = dict(holdout=random.random((M, N)), train=random.random((M, 40)), domain=random.random((M, 8)))
    return stats.QueryBatch(**{**given, **changed})


class Fixed(stats.AbstractAnalyst):
    """Asks for the columns of the records, one after the other."""

    def start(self):
        return jnp.asarray(0)

    def ask(self, state):
        return lambda records: records[:, state]

    def tell(self, state, answer):
        return state + 1


MORE_TYPES = (np.uint8, np.int32, np.float32)
METHODS = [
    stats.Naive(),
    stats.Bonferroni(M),
    stats.Bootstrap(),
    stats.SampleSplit(M),
    stats.LaplaceNoise(0.1),
    stats.GaussianNoise(0.1),
    stats.SparseVector(0.4, epsilon=5.0, count=M),
    stats.SparseValidate(0.05, epsilon=5.0, count=M),
    stats.Thresholdout(0.02, 0.01, M),
    stats.PrivateMultiplicativeWeights(0.02, 0.01, 0.1, M),
    stats.EffectiveRounds(5, 0.05, 0.02),
]


def name(method):
    return type(method).__name__


def methods(*quick):
    """All of them, the ones that are not named as slow: each is compiled anew."""
    marked = [pytest.param(m, id=name(m), marks=[] if name(m) in quick else pytest.mark.slow) for m in METHODS]
    return pytest.mark.parametrize("method", marked)


def test_all_methods_are_tried_here():
    public = [found for found in vars(stats).values() if isinstance(found, type)]
    known = {cls for cls in public if issubclass(cls, stats.AbstractQueryMethod)} - {stats.AbstractQueryMethod}
    assert known == {type(method) for method in METHODS}


@methods("GaussianNoise", "Thresholdout", "PrivateMultiplicativeWeights")
def test_a_session_answers_as_the_batch_of_its_queries_does(method):
    values = batch()
    train = None if isinstance(method, stats.PrivateMultiplicativeWeights) else jnp.asarray(values.train.T)
    if train is None:  # the columns of a domain, of which the holdout are places
        places = np.arange(N) % 8
        session = stats.QuerySession(places, Fixed(), M, domain=jnp.asarray(values.domain.T))
        values = batch(holdout=values.domain[:, places], train=None)
    else:
        session = stats.QuerySession(jnp.asarray(values.holdout.T), Fixed(), M, train=train)
    one = stats.answer_queries(session, method, key=KEY, throw=False)
    other = stats.answer_queries(values, method, key=KEY, throw=False)
    np.testing.assert_allclose(one.answers, other.answers, rtol=1e-5)
    np.testing.assert_array_equal(one.used_holdout, other.used_holdout)
    assert one.budget_left == other.budget_left


@methods("Thresholdout")
def test_answers_are_equal_under_vmap(method):
    keys = jax.random.split(KEY, 3)
    many = eqx.filter_vmap(lambda key: stats.answer_queries(batch(), method, key=key).answers)(keys)
    one = stats.answer_queries(batch(), method, key=keys[1], throw=False).answers
    np.testing.assert_allclose(many[1], one, rtol=1e-6)


def test_methods_that_differ_in_numbers_share_a_compilation():
    traced = []

    class Counting(Fixed):
        def ask(self, state):
            traced.append(state)
            return super().ask(state)

    session = stats.QuerySession(jnp.asarray(batch().holdout.T), Counting(), M)
    first, second = (
        (stats.answer_queries(session, stats.GaussianNoise(sigma), key=jax.random.key(seed)), len(traced))
        for seed, sigma in enumerate((0.1, 0.2))
    )
    assert first[1] == second[1] > 0
    assert not np.allclose(first[0].answers, second[0].answers)


def test_naive_and_declared_answers_are_sample_means():
    for method in (stats.Naive(), stats.Bonferroni(M)):
        answers = stats.answer_queries(batch(), method, key=KEY).answers
        np.testing.assert_allclose(answers, batch().holdout.mean(1), rtol=1e-6)


def test_the_split_uses_each_record_once():
    answers = stats.answer_queries(batch(), stats.SampleSplit(M), key=KEY).answers
    parts = batch().holdout.reshape(M, M, N // M)
    np.testing.assert_allclose(answers, [parts[j, j].mean() for j in range(M)], rtol=1e-6)


@pytest.mark.parametrize(
    ("method", "distribution"),
    [
        (stats.LaplaceNoise(0.3), scipy.stats.laplace(0.5, 0.3)),
        (stats.GaussianNoise(0.3), scipy.stats.norm(0.5, 0.3)),
        (stats.Bootstrap(), scipy.stats.norm(0.5, 0.5 / math.sqrt(1000))),
    ],
    ids=["laplace", "normal", "bootstrap"],
)
def test_noise_has_its_distribution(method, distribution):
    values = np.broadcast_to(np.arange(1000) % 2, (2000, 1000))
    answers = np.asarray(stats.answer_queries(stats.QueryBatch(values), method, key=KEY).answers, float)
    if isinstance(method, stats.Bootstrap):  # a lattice: compare where its steps do not count
        answers = answers + (np.random.default_rng(0).random(answers.size) - 0.5) / 1000
    assert scipy.stats.kstest(answers, distribution.cdf).pvalue > 0.01


def test_without_noise_thresholdout_is_its_definition():
    values = batch()
    method = stats.Thresholdout(0.03, 0.0, M)
    found = stats.answer_queries(values, method, key=KEY)
    train, holdout = values.train.mean(1), values.holdout.mean(1)
    far = np.abs(train - holdout) > 0.03
    assert 0 < far.sum() < M
    np.testing.assert_array_equal(found.used_holdout, far)
    np.testing.assert_allclose(found.answers, np.where(far, holdout, train), rtol=1e-6)
    assert found.budget_left == M - far.sum()


def test_sparse_bits_say_on_which_side_a_mean_is():
    values = stats.QueryBatch(np.repeat([[0.9], [0.1], [0.8], [0.2]], 1000, 1), train=np.full((4, 10), 0.9))
    sure = dict(epsilon=50.0, count=4)
    above = stats.answer_queries(values, stats.SparseVector(0.5, **sure), key=KEY)
    assert above.answers.tolist() == [1.0, 0.0, 1.0, 0.0]
    confirmed = stats.answer_queries(values, stats.SparseValidate(0.3, **sure), key=KEY)
    assert confirmed.answers.tolist() == [1.0, 0.0, 1.0, 0.0]
    assert (above.budget_left, confirmed.budget_left) == (2, 2)


def test_the_noise_of_the_threshold_is_drawn_again_only_after_a_report():
    check = stats.Thresholdout(0.5, 0.1, 10).checks
    watch = check.init(KEY)
    quiet, fired = check(watch, -100.0, KEY)
    assert not fired
    assert (quiet.offset, quiet.left) == (watch.offset, watch.left)
    loud, fired = check(watch, 100.0, KEY)
    assert fired
    assert loud.left == 9
    assert loud.offset != watch.offset


def test_the_chance_of_a_report_is_that_of_its_noise():
    """P(q > T + Lap(2 s) + Lap(4 s)) by the closed form of the sum of two Laplace variables."""
    check, q = stats.Thresholdout(0.1, 0.05, 1).checks, 0.2
    keys = jax.random.split(KEY, 40_000)
    fired = jax.vmap(lambda k: check(check.init(jax.random.fold_in(k, 1)), q, k)[1])(keys)
    a, b, x = 0.1, 0.2, q - 0.1
    tail = (b**2 * math.exp(-x / b) - a**2 * math.exp(-x / a)) / (2 * (b**2 - a**2))
    assert np.mean(fired) == pytest.approx(1 - tail, abs=4 * 0.5 / math.sqrt(40_000))


def test_multiplicative_weights_find_a_concentrated_population():
    """Queries about single records of the domain, again and again: after corrections none are needed any more."""
    rows = np.eye(8)[np.arange(800) % 8]
    places = np.array([0] * 300 + [1] * 100)
    values = stats.QueryBatch(rows[:, places], domain=rows)
    method = stats.PrivateMultiplicativeWeights(0.05, 1e-4, 0.1, 400)
    found = stats.answer_queries(values, method, key=KEY)
    truth = rows[:, places].mean(1)
    assert np.abs(np.asarray(found.answers) - truth).max() < 0.055
    assert not np.asarray(found.used_holdout)[-50:].any()
    weights = jax.nn.softmax(found.state.logarithms)
    np.testing.assert_allclose(weights[:2], [0.75, 0.25], atol=0.06)
    assert float(jax.nn.logsumexp(found.state.logarithms)) == pytest.approx(0.0, abs=1e-5)


def test_corrections_are_no_more_than_the_theorem_allows():
    method = stats.PrivateMultiplicativeWeights.of_threshold(0.1, scale=1e-6, domain=16)
    random = np.random.default_rng(0)
    places = random.choice(16, 500, p=0.5 ** np.arange(1, 17) / (1 - 0.5**16))
    domain = random.integers(0, 2, (2000, 16))
    found = stats.answer_queries(stats.QueryBatch(domain[:, places], domain=domain), method, key=KEY)
    assert 0 < int(found.used_holdout.sum()) <= method.budget == math.ceil(math.log(16) / (2 * 0.1**2))


def test_rounds_end_when_the_validation_set_refutes():
    """Overfitted queries: 1 on the part in use, 0 elsewhere. Each costs a part, and there is none after the last."""
    method = stats.EffectiveRounds(3, 0.2, 1e-4)
    size, _ = method.split(60)
    values = np.zeros((5, 60))
    for j, part in enumerate([0, 1, 2]):
        values[j, part * size : (part + 1) * size] = 1.0
    found = stats.answer_queries(stats.QueryBatch(values), method, key=KEY, throw=False)
    assert found.answers[:2].tolist() == [0.0, 0.0]  # from the fresh part
    assert found.exhausted.tolist() == [False, False, True, True, True]
    assert np.isnan(found.answers[2:]).all()


@pytest.mark.parametrize(
    "method",
    [
        stats.Bonferroni(2),
        stats.SampleSplit(2),
        stats.SparseVector(-1.0, epsilon=100.0, count=2),
        stats.SparseValidate(-1.0, epsilon=100.0, count=2),
        stats.Thresholdout(0.0, 1e-9, 2),
        stats.PrivateMultiplicativeWeights(1e-9, 1e-9, 0.1, 2),
    ],
    ids=name,
)
def test_a_spent_budget_is_an_error_and_never_an_answer(method):
    with pytest.raises(stats.BudgetExhausted, match=rf"budget of {name(method)} was spent before query 2 of {M}"):
        stats.answer_queries(batch(), method, key=KEY)
    found = stats.answer_queries(batch(), method, key=KEY, throw=False)
    assert found.exhausted.tolist() == [False] * 2 + [True] * (M - 2)
    assert np.isnan(found.answers[2:]).all()
    assert not np.isnan(found.answers[:2]).any()
    assert found.result == Result.max_evaluations
    assert (found.budget_left, int(found.stats["evaluations"])) == (0, 2)


def test_answers_are_in_the_units_of_the_values():
    random = np.random.default_rng(0)
    values = random.uniform(-3.0, 5.0, (M, N))
    method = stats.GaussianNoise(0.1)
    unit = stats.answer_queries(stats.QueryBatch((values + 3) / 8), method, key=KEY)
    scaled = stats.answer_queries(stats.QueryBatch(values, bounds=(-3.0, 5.0)), method, key=KEY)
    np.testing.assert_allclose(scaled.answers, unit.answers * 8 - 3, atol=1e-5)
    assert scaled.guarantees()[0].tau == pytest.approx(8 * unit.guarantees()[0].tau)
    free = stats.answer_queries(stats.QueryBatch(values, bounds=(-np.inf, np.inf)), stats.Naive(), key=KEY)
    np.testing.assert_allclose(free.answers, values.mean(1), atol=1e-5)
    assert free.guarantees() == ()


@pytest.mark.parametrize("dtype", [bool, np.int8, *(pytest.param(t, marks=pytest.mark.slow) for t in MORE_TYPES)])
def test_values_of_every_kind_are_held_against_the_bounds(dtype):
    values = np.array([[0, 1], [1, 1], [2, 0]]).astype(dtype)

    def ask(bounds):
        return stats.answer_queries(stats.QueryBatch(values, bounds=bounds), stats.Naive(), key=KEY).answers

    np.testing.assert_allclose(ask((-1000.5, 1000.5)), values.mean(1), atol=1e-3)
    with pytest.raises(ValueError, match=r"query 0 must have finite values in \[0.5, 2\]"):
        ask((0.5, 2.0))
    with pytest.raises(ValueError, match="3 of 3 have not"):
        ask((300.0, 400.0))
    if dtype is not bool:
        with pytest.raises(ValueError, match="query 2 must have finite values"):
            ask((0.0, 1.5))


def test_clipping_is_counted():
    values = np.linspace(-0.5, 1.5, 9)[None]
    found = stats.answer_queries(stats.QueryBatch(values, clip=True), stats.Naive(), key=KEY)
    assert float(found.answers[0]) == pytest.approx(np.clip(values, 0, 1).mean())
    assert int(found.stats["clipped"]) == 4


def test_the_attack_overfits_as_predicted():
    """Sample accuracy of the vote: Phi(sqrt(2 m / (pi n))) naively, less with noise; truth 1/2."""
    n, m, random = 400, 400, np.random.default_rng(0)
    found = {0.0: [], 0.05: []}
    for _ in range(8):
        x, y = (random.choice(np.array([-1, 1], np.int8), shape) for shape in ((n, m), n))
        problem = stats.QuerySession((x, y), stats.SignVote(m), m + 1)
        for sigma, accuracies in found.items():
            method = stats.GaussianNoise(sigma) if sigma else stats.Naive()
            answers = stats.answer_queries(problem, method, key=KEY)
            votes = np.where(x.astype(float) @ np.asarray(answers.analyst_state[1]) >= 0, 1, -1)
            accuracies.append(np.mean(votes == y))
            if not sigma:
                assert float(answers.answers[-1]) == pytest.approx(accuracies[-1])
    for sigma, accuracies in found.items():
        v = 1 / n
        theory = scipy.stats.norm.cdf(math.sqrt(m * 2 / math.pi) * v / math.sqrt(v + 4 * sigma**2))
        assert np.mean(accuracies) == pytest.approx(theory, abs=0.03)


@pytest.mark.parametrize("epsilon", [0.001, 0.1, 2.0])
def test_composition_is_the_smallest_of_its_bounds(epsilon):
    for count in (1, 10, 100_000):
        p = stats.Privacy.composed((epsilon,), count, 1e-6)
        rho = count * epsilon**2 / 2
        assert p.epsilon <= count * epsilon * (1 + 1e-12)
        assert p.epsilon <= rho + 2 * math.sqrt(rho * math.log(1e6)) + 1e-12
        assert p.rho == pytest.approx(rho)
    assert stats.Privacy.composed((epsilon,), 0, 1e-6).epsilon == 0.0


def test_laplace_noise_bounds_the_ratio_of_densities():
    """The definition of privacy, on the densities themselves: neighbours differ by 1/n in the mean."""
    n, method = 50, stats.LaplaceNoise(0.04)
    x = np.linspace(-1, 2, 10_001)
    ratio = scipy.stats.laplace.logpdf(x, 0.5, 0.04) - scipy.stats.laplace.logpdf(x, 0.5 + 1 / n, 0.04)
    spent = method.privacy(stats.SampleSizes(n), 1, 1, 1e-6)
    assert np.abs(ratio).max() == pytest.approx(spent.epsilon)


def test_gaussian_guarantee_is_the_closed_form():
    n, m, sigma = 1000, 2000, 0.05
    (expected,) = [g for g in stats.GaussianNoise(sigma).guarantees(stats.SampleSizes(n), m, 0.05) if g.beta is None]
    assert expected.tau == pytest.approx(math.sqrt(m) / (2 * n * sigma))


def test_the_transfer_bound_beats_every_fixed_split():
    n, m, beta, method = 10**6, 100, 0.05, stats.GaussianNoise(0.01)
    best = method.guarantees(stats.SampleSizes(n), m, beta)[0].tau
    for share in (0.3, 0.03, 0.003):
        failure = share * beta / 2
        alpha = 0.01 * scipy.stats.norm.isf(failure / m / 2)
        epsilon = method.privacy(stats.SampleSizes(n), m, m, failure).epsilon
        assert best <= alpha + math.expm1(epsilon) + 3 * share + 1e-6
    assert 0.01 * 3 < best < 0.1


def test_more_records_never_weaken_a_guarantee():
    for method in (m for m in METHODS if not isinstance(m, stats.Bonferroni)):
        tau = [[g.tau for g in method.guarantees(stats.SampleSizes(n, n, 8), 20, 0.05)] for n in (10**3, 10**4, 10**5)]
        assert (np.diff(np.array(tau), axis=0) <= 1e-9).all()


def test_the_sample_size_is_the_smallest_that_does():
    method = stats.SampleSplit(10)
    n = stats.sample_size(lambda n: method, 10, tau=0.1)
    assert stats.require_accuracy(method, stats.SampleSizes(n), 10, tau=0.1).tau <= 0.1
    with pytest.raises(ValueError, match=rf"holdout has {n - 1} records, too few for tau = 0.1.* {n} would do"):
        stats.require_accuracy(method, stats.SampleSizes(n - 1), 10, tau=0.1)
    with pytest.raises(ValueError, match="not guaranteed for any n"):
        stats.require_accuracy(stats.GaussianNoise(0.1), stats.SampleSizes(100), 10, tau=0.1)


def test_certificates_are_plain():
    text = stats.answer_queries(batch(), stats.Naive(), key=KEY).certificate()
    assert "Nothing is guaranteed for queries that were chosen after seeing answers." in text
    text = stats.answer_queries(batch(), stats.Thresholdout(0.1, 0.01, M), key=KEY).certificate()
    assert f"{M} queries were answered from a holdout of {N} records." in text
    assert "more times" in text


def test_records_of_both_sets_are_warned_of():
    x = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.warns(UserWarning, match="3 different records are both in train and in holdout"):
        stats.QuerySession(x[:10], Fixed(), 3, train=x[7:])


class Agreement(Fixed):
    """Asks whether two columns of a table agree."""

    def ask(self, state):
        return lambda table: table["y"] == table["pred"]


def test_a_session_takes_a_table_of_numbers():
    table = pd.DataFrame({"y": [0, 1, 1, 0], "pred": [0.0, 1.0, 0.0, 0.0]})
    found = stats.answer_queries(stats.QuerySession(table, Agreement(), 2), stats.Naive(), key=KEY)
    assert found.answers.tolist() == [0.75, 0.75]
    with pytest.raises(ValueError, match=r"holdout\['y'\] must hold numbers in a compiled session"):
        stats.QuerySession(table.assign(y="x"), Agreement(), 2)


TABLE = pd.DataFrame({"a": [0.0, 1.0], "b": ["x", None]})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: batch(holdout=np.full((M, N), 2.0)),
            ValueError,
            r"query 0 must have finite values in \[0, 1\] \(6 of 6",
        ),
        (lambda: batch(train=np.full((M, N), np.inf)), ValueError, "query 0 must have finite values"),
        (lambda: batch(train=np.zeros((3, N))), ValueError, r"train must have shape \(6, any\)"),
        (lambda: batch(holdout=np.zeros(N)), ValueError, "holdout must have 2 axes"),
        (lambda: batch(bounds=(1.0, 0.0)), ValueError, "bounds must be a low and a high value"),
        (lambda: batch(bounds=(0.0, np.inf)), ValueError, "bounds must be"),
        (lambda: batch(bounds=(-np.inf, np.inf), clip=True), ValueError, "clip needs finite bounds"),
        (lambda: stats.QuerySession(np.full((3, 2), np.nan), Fixed(), 2), ValueError, "holdout must be finite"),
        (lambda: stats.QuerySession((np.ones((3, 2)), np.ones(4)), Fixed(), 2), ValueError, "columns of one length"),
        (lambda: stats.QuerySession(TABLE, Fixed(), 2), ValueError, r"holdout\['b'\] must not have missing values"),
        (lambda: stats.QuerySession(np.ones((3, 2)), Fixed(), 0), ValueError, "queries must be"),
        (lambda: stats.QuerySession(np.ones((3, 2)), lambda s: s, 2), TypeError, "analyst"),
        (lambda: stats.QuerySession([0.0, 9.0], Fixed(), 2, domain=np.ones((3, 2))), TypeError, "holdout must be"),
        (lambda: stats.QuerySession(np.array([0, 9]), Fixed(), 2, domain=np.ones((3, 2))), ValueError, "places in"),
        (lambda: stats.Thresholdout(0.1, 0.1, 0), ValueError, "budget must be"),
        (lambda: stats.Thresholdout(0.1, 0.1, 1, noise="laplace"), TypeError, "noise"),
        (lambda: stats.GaussianNoise(0.0), ValueError, "sigma must be"),
        (lambda: stats.LaplaceNoise.of_epsilon(-1.0, 10), ValueError, "epsilon must be"),
    ],
)
def test_bad_problems_and_methods_are_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        stats.answer_queries(call(), stats.Naive(), key=KEY)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (stats.SampleSplit(N + 1), f"holdout has {N} records, too few to split for {N + 1} queries"),
        (stats.EffectiveRounds(40, 0.1, 0.1), "40 rounds need at least 80"),
        (stats.Thresholdout(0.1, 0.1, 5), "train is needed"),
        (stats.SparseValidate(0.1, 1.0, 5), "train is needed"),
        (stats.PrivateMultiplicativeWeights(0.1, 0.1, 0.1, 5), "domain is needed"),
    ],
    ids=lambda value: name(value) if not isinstance(value, str) else "",
)
def test_a_problem_that_does_not_suit_the_method_is_refused(method, message):
    with pytest.raises(ValueError, match=message):
        stats.answer_queries(batch(train=None, domain=None), method, key=KEY)


SHARDED = """
import jax, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from perturbax import stats
assert jax.device_count() == 4
mesh = Mesh(np.array(jax.devices()), ("devices",))
values, domain = np.random.default_rng(0).random((8, 100)), np.random.default_rng(1).random((8, 64))
shardings = {"queries": PartitionSpec("devices"), "records": PartitionSpec(None, "devices")}
methods = {"queries": stats.LaplaceNoise(0.1), "records": stats.PrivateMultiplicativeWeights(0.05, 0.01, 0.1, 8)}
for name, method in methods.items():
    one = stats.answer_queries(stats.QueryBatch(values, domain=domain), method, key=jax.random.key(0))
    sharding = NamedSharding(mesh, shardings[name])
    split = [jax.device_put(jax.numpy.asarray(x, "float32"), sharding) for x in (values, domain)]
    four = stats.answer_queries(stats.QueryBatch(split[0], domain=split[1]), method, key=jax.random.key(0))
    np.testing.assert_allclose(four.answers, one.answers, atol=1e-6)
    if name == "queries":
        assert len(four.answers.sharding.device_set) == 4, four.answers.sharding
"""


@pytest.mark.slow
def test_queries_and_domains_on_four_devices_are_answered_as_on_one():
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", SHARDED], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_a_query_of_another_shape_is_refused():
    class Wrong(Fixed):
        def ask(self, state):
            return lambda records: records

    with pytest.raises(ValueError, match="one value for each of the 3 records"):
        stats.answer_queries(stats.QuerySession(np.ones((3, 2)), Wrong(), 2), stats.Naive(), key=KEY)
    with pytest.raises(TypeError, match="method"):
        stats.answer_queries(batch(), stats.Naive, key=KEY)
