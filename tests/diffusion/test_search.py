"""The search: never worse than the known solvers, the same after an interruption, exact about its budget."""

import functools
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax import diffusion
from perturbax.diffusion import (
    S3,
    USF,
    DensePredictor,
    Evolution,
    GradientTimes,
    RandomSearch,
    SolverSchedule,
    known_schedules,
)
from perturbax.diffusion._archive import Archive
from perturbax.diffusion._evolution import DECISIONS, Space, child, random_schedule
from perturbax.diffusion._schedule import MIN_GAP
from perturbax.diffusion._search import FINALISTS

from .test_compilation import compilations

PROCESS = diffusion.VPLinear()
LOW, HIGH = (float(PROCESS.half_log_snr(t)) for t in (PROCESS.t_max, PROCESS.t_min))
KEY = jax.random.key(0)
MEANS, SHARP = np.array([-1.0, 1.0], np.float32), 0.04
KNOWN = len(known_schedules(3, PROCESS, "eps"))
BUDGET = KNOWN + FINALISTS + 20


def predict(x, t):
    """The data prediction of two narrow Gaussians, coordinate by coordinate."""
    alpha, sigma = PROCESS.alpha(t), PROCESS.sigma(t)
    variance = alpha**2 * SHARP + sigma**2
    weight = jax.nn.sigmoid(2.0 * alpha * x / variance)
    mean = 2.0 * weight - 1.0
    return mean + alpha * SHARP / variance * (x - alpha * mean)


PROBLEM = diffusion.Sampling(predict, PROCESS, shape=(2,), prediction=diffusion.Data())
# Sets of one size share their programs; so many starts, because few are easily fitted by chance.
SIZES = {"samples": 256, "validation": 256, "test": 256}


def find(method, problem=PROBLEM, **options):
    return diffusion.search(problem, method, key=options.pop("key", KEY), **{**SIZES, **options})


@functools.cache
def evolved(seed=0):
    return find(Evolution(steps=3, budget=KNOWN + FINALISTS + 120), key=jax.random.key(seed))


def test_what_is_found_is_better_than_every_known_solver_on_new_noise():
    found = evolved()
    ratios = [one.test_score / one.preset_test_score for one in map(evolved, range(3))]
    assert np.median(ratios) < 0.9
    assert found.schedule.evaluations == 3
    assert found.stats["evaluations"] == len(found.scores) + FINALISTS == KNOWN + FINALISTS + 120
    assert np.all(np.diff(found.history) <= 0)
    assert found.history[-1] == found.scores.min()
    assert found.predictor_rank_correlation is None


def test_the_scores_are_those_of_the_samples():
    """Recomputed with `sample` from the schedule alone."""
    found = evolved()
    starts = jnp.asarray(np.random.default_rng(0).normal(size=(2000, 2)), jnp.float32)
    fine = diffusion.DPMSolverPP(steps=300, grid=diffusion.LogSNR(final="eps"))
    exact = diffusion.sample(PROBLEM, fine, x_T=starts).x

    def score(schedule):
        x = diffusion.sample(PROBLEM, USF(schedule), x_T=starts).x
        return float(np.median(np.sqrt(np.mean((x - exact) ** 2, axis=1))))

    assert score(found.schedule) == pytest.approx(found.test_score, rel=0.5)
    assert score(found.schedule) < score(found.preset_schedule)


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(Evolution(steps=3, budget=BUDGET), marks=pytest.mark.slow),
        S3(steps=3, budget=BUDGET, predictor=DensePredictor(width=8, updates=20)),
        pytest.param(GradientTimes(steps=3, budget=KNOWN + FINALISTS + 14, updates=2), marks=pytest.mark.slow),
    ],
    ids=lambda method: type(method).__name__,
)
def test_a_killed_search_goes_on_to_the_same_result(method, tmp_path, monkeypatch):
    whole = find(method)
    path = tmp_path / "search.json"
    plain, calls = type(method).propose, []

    def dying(self, *arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(type(method), "propose", dying)
        with pytest.raises(KeyboardInterrupt):
            find(method, checkpoint=path)
    kept = json.loads(path.read_text())
    assert len(kept["scores"]) < len(whole.scores)
    resumed = find(method, checkpoint=path)
    assert resumed.schedule == whole.schedule
    np.testing.assert_array_equal(resumed.scores, whole.scores)
    assert resumed.schedules == whole.schedules


def test_a_finished_search_can_be_given_a_larger_budget(tmp_path):
    path = tmp_path / "search.json"
    short = find(RandomSearch(steps=3, budget=BUDGET), checkpoint=path)
    longer = find(RandomSearch(steps=3, budget=BUDGET + 10), checkpoint=path)
    assert len(longer.scores) == len(short.scores) + 10
    np.testing.assert_array_equal(longer.scores[: len(short.scores)], short.scores)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_text("{"), "is damaged"),
        (lambda path: path.write_text("[]"), "is not of a search"),
        (lambda path: path.write_text(path.read_text().replace("steps", "stops")), "of another search: its method"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path, change, message):
    path = tmp_path / "search.json"
    method = RandomSearch(steps=3, budget=BUDGET)
    find(method, checkpoint=path)
    change(path)
    with pytest.raises(ValueError, match=message):
        find(method, checkpoint=path)


def test_a_checkpoint_of_another_model_or_score_is_refused(tmp_path):
    path = tmp_path / "search.json"
    method = RandomSearch(steps=3, budget=BUDGET)
    find(method, checkpoint=path)
    other = diffusion.Sampling(lambda x, t: 0.5 * predict(x, t), PROCESS, (2,), diffusion.Data())
    with pytest.raises(ValueError, match="of another search: its model"):
        find(method, other, checkpoint=path)
    with pytest.raises(ValueError, match="of another search: its score"):
        find(method, score=diffusion.TrajectoryError(steps=90), checkpoint=path)
    assert len(find(method, score=diffusion.TrajectoryError(steps=90), checkpoint=path, resume=False).scores) > KNOWN


def test_the_size_of_a_chunk_does_not_matter():
    schedules = list(known_schedules(3, PROCESS, "eps").values())[::12]
    one, three = (diffusion.score_schedules(PROBLEM, schedules, key=KEY, samples=256, chunk=n) for n in (8, 3))
    np.testing.assert_allclose(one, three, rtol=1e-4)


def test_a_score_that_is_not_a_number_is_the_worst():
    calls = []

    def metric(x):
        calls.append(x.shape)
        return np.nan if len(calls) % 2 else float(np.mean(np.abs(np.abs(x) - 1.0)))

    found = find(RandomSearch(steps=3, budget=BUDGET), score=metric)
    assert calls[0] == (256, 2)
    assert np.isinf(found.scores[::2]).all()
    assert np.isfinite(found.scores[1::2]).all()
    assert not np.isnan(found.validation_score)


def test_a_score_is_averaged_over_repeats():
    calls = []

    def metric(x):
        calls.append(1)
        return float(len(calls) % 2)

    assert set(find(RandomSearch(steps=3, budget=BUDGET), score=metric, repeats=2).scores) == {0.5}


def test_the_frechet_distance_as_a_score():
    real = np.random.default_rng(0).choice([-1.0, 1.0], (400, 2)) + 0.2 * np.random.default_rng(1).normal(size=(400, 2))
    score = diffusion.Frechet(lambda x: np.concatenate([x, x**2], 1), real)
    found = find(Evolution(steps=3, budget=BUDGET), score=score)
    assert found.scores.min() < found.scores[0]


@pytest.fixture(scope="module")
def in_torch():
    torch = pytest.importorskip("torch")

    def model(x, t):
        alpha, sigma = float(PROCESS.alpha(t)), float(PROCESS.sigma(t))
        variance = alpha**2 * SHARP + sigma**2
        mean = 2.0 * torch.sigmoid(2.0 * alpha * x / variance) - 1.0
        return mean + alpha * SHARP / variance * (x - alpha * mean)

    problem = diffusion.Sampling(model, PROCESS, shape=(2,), prediction=diffusion.Data())
    return problem, torch.from_numpy(np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32))


def test_schedules_of_a_torch_denoiser_are_scored_one_by_one(in_torch):
    problem, x_T = in_torch
    schedules, score = list(known_schedules(3, PROCESS, "eps").values())[::20], diffusion.TrajectoryError(steps=30)
    theirs = diffusion.score_schedules(problem, schedules, x_T=x_T, score=score)
    ours = diffusion.score_schedules(PROBLEM, schedules, x_T=jnp.asarray(x_T.numpy()), score=score)
    np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-5)
    with pytest.raises(TypeError, match="needs a JAX model"):
        find(GradientTimes(steps=3), problem, x_T=x_T, samples=4, validation=4, test=4, score=score)


@pytest.mark.slow
def test_a_torch_denoiser_is_searched(in_torch):
    problem, x_T = in_torch
    sizes = {"samples": 4, "validation": 4, "test": 4, "score": diffusion.TrajectoryError(steps=30)}
    foreign = find(Evolution(steps=2, budget=75), problem, x_T=x_T, **sizes)
    ours = find(Evolution(steps=2, budget=75), x_T=jnp.asarray(x_T.numpy()), **sizes)
    np.testing.assert_allclose(foreign.scores[:50], ours.scores[:50], rtol=1e-3, atol=1e-5)


def test_conditions_are_cut_like_the_starts():
    shift = np.linspace(-1.0, 1.0, 12, dtype=np.float32)[:, None]

    def model(x, t, condition):
        return predict(x - PROCESS.alpha(t) * condition, t) + condition

    problem = diffusion.Sampling(model, PROCESS, shape=(2,), prediction=diffusion.Data(), condition=shift)
    x_T = jnp.asarray(np.random.default_rng(0).normal(size=(12, 2)), jnp.float32)
    sizes = {"samples": 4, "validation": 4, "test": 4, "x_T": x_T}
    found = find(RandomSearch(steps=2, budget=75), problem, **sizes)
    last = eqx.tree_at(lambda p: p.condition, problem, shift[8:])
    alone = diffusion.score_schedules(last, [found.schedule], x_T=x_T[8:])
    assert found.test_score == pytest.approx(alone[0], rel=1e-4)
    with pytest.raises(ValueError, match="condition must have a leading axis of 1 or of all samples"):
        find(RandomSearch(steps=2, budget=75), problem, samples=5, validation=4, test=4)


def test_a_second_search_compiles_nothing():
    method = S3(steps=3, budget=BUDGET, predictor=DensePredictor(width=8, updates=20))
    find(method)
    with compilations() as seen:
        find(method, key=jax.random.key(5))
    assert seen == []


def test_descent_improves_on_its_start_and_keeps_the_ends():
    initial = known_schedules(3, PROCESS, "eps")["2M++ midpoint, LogSNR"]
    found = find(GradientTimes(steps=3, budget=KNOWN + FINALISTS + 61, initial=initial, learning_rate=0.1))
    start, polished = found.scores[found.schedules.index(initial)], found.scores[-1]
    assert polished < 0.8 * start
    assert found.costs[-1] == KNOWN + 61 == found.stats["evaluations"] - FINALISTS
    assert found.schedules[-1].half_log_snr[0] == initial.half_log_snr[0]
    assert found.schedules[-1].half_log_snr[-1] == initial.half_log_snr[-1]


def test_the_gradient_through_the_plan_is_the_slope_of_the_loss():
    from perturbax.diffusion._search import Objective
    from perturbax.diffusion._search_runner import Runner
    from perturbax.diffusion.gradient_times import _loss_and_gradient, _moved

    x = jnp.asarray(np.random.default_rng(0).normal(size=(16, 2)), jnp.float32)
    runner, score = Runner(PROBLEM, x), diffusion.TrajectoryError(steps=30)
    objective = Objective(runner, score, score.reference(runner.sampled, "eps"))
    start = known_schedules(4, PROCESS, "eps")["3M++, LogSNR"]
    theta = np.concatenate([np.log(np.diff(start.half_log_snr)), np.full(4, 0.05)])
    _, gradient = _loss_and_gradient(start, theta, objective)

    def loss(theta):
        samples = diffusion.sample(PROBLEM, USF(_moved(start, theta)), x_T=x).x
        return float(score.loss(samples, objective.reference))

    for i in (0, 2, 5, 7):
        e = 1e-2 * np.eye(8)[i]
        assert (loss(theta + e) - loss(theta - e)) / 2e-2 == pytest.approx(gradient[i], rel=0.05, abs=2e-3)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 5]), st.sampled_from(["eps", "zero"]), st.floats(0.0, 1.0))
def test_children_are_valid_and_spend_the_budget(seed, evaluations, final, rate):
    evaluations += final == "zero"
    space, rng = Space(evaluations, LOW, HIGH, final, DECISIONS), np.random.default_rng(seed)
    parents = [random_schedule(space, rng), *list(known_schedules(evaluations, PROCESS, final).values())[::9]]
    for _ in range(5):
        parents.append(child(parents, space, rng, rate))
        nodes = np.array(parents[-1].half_log_snr)
        assert parents[-1].evaluations == evaluations
        assert np.diff(nodes).min() > 0.9 * MIN_GAP
        assert (nodes[0], nodes[-1]) == (LOW, HIGH)


@pytest.mark.parametrize("kept", DECISIONS)
def test_only_the_named_decisions_are_varied(kept):
    space, rng = Space(5, LOW, HIGH, "eps", (kept,)), np.random.default_rng(0)
    parent = known_schedules(5, PROCESS, "eps")["UniPC-3, LogSNR"]
    fields = {
        "time": {"half_log_snr"}, "order": {"orders", "active_points"}, "prediction": {"predictions"},
        "estimate": {"active_points"}, "relaxation": {"relaxations", "coefficients"}, "corrector": {"correctors"},
    }  # fmt: skip
    if kept in ("time", "afs"):  # these move, add and take away whole steps
        return
    for _ in range(20):
        one = child([parent], space, rng, 1.0)
        changed = {name for name in one.__dataclass_fields__ if getattr(one, name) != getattr(parent, name)}
        assert changed <= fields[kept]


@pytest.mark.parametrize("predictor", [diffusion.RecurrentPredictor(updates=60), DensePredictor(updates=60)])
def test_a_predictor_learns_an_order(predictor):
    from scipy.stats import spearmanr

    space, rng = Space(4, LOW, HIGH, "eps", DECISIONS), np.random.default_rng(0)
    schedules = [random_schedule(space, rng) for _ in range(120)]
    scores = [sum(s.orders) + 3.0 * (s.predictions[0] == "data") + 0.1 * s.half_log_snr[1] for s in schedules]
    ranking = predictor.fitted(schedules[:80], [*scores[:79], np.inf], space, 100, seed=0)
    assert spearmanr(ranking(schedules[80:]), scores[80:]).statistic > 0.6
    np.testing.assert_array_equal(ranking(schedules[:3]), ranking(schedules[:3]))


def test_wall_time_stops_a_search():
    found = find(RandomSearch(steps=3, budget=10_000), seconds=0.0)
    assert len(found.scores) == KNOWN


def test_an_archive_gives_its_best():
    one, two = (SolverSchedule([LOW, node, HIGH]) for node in (0.0, 1.0))
    assert Archive((one, two), (2.0, 1.0), (0, 0), (np.nan, np.nan), (1, 2)).best(1) == [two]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: find(S3(steps=3, budget=KNOWN)), "budget must be more than"),
        (lambda: find(diffusion.DDIM()), "method"),
        (lambda: find(S3(), score="fid"), "score"),
        (lambda: find(S3(), samples=1), "samples must be"),
        (lambda: find(S3(), repeats=0), "repeats must be"),
        (lambda: find(S3(), chunk=0), "chunk must be"),
        (lambda: diffusion.score_schedules(PROBLEM, [], key=KEY), "at least one schedule"),
        (lambda: diffusion.score_schedules(PROBLEM, [SolverSchedule([LOW, HIGH])], key=None), "key"),
        (lambda: diffusion.score_schedules(PROBLEM, [SolverSchedule([0.0, HIGH])], key=KEY), "must begin where"),
        (lambda: find(S3(), x_T=np.zeros((5, 2), np.float32)), "x_T must hold samples"),
        (lambda: find(S3(), seconds=-1.0), "seconds must be"),
        (lambda: find(GradientTimes(steps=3), score=lambda x: 0.0), "score must be TrajectoryError"),
        (lambda: S3(steps=0), "steps must be"),
        (lambda: S3(budget=0), "budget must be"),
        (lambda: S3(rate=2.0), "rate must be"),
        (lambda: S3(top_k=0), "top_k must be"),
        (lambda: S3(decisions=("colour",)), r"decisions\[0\] must be"),
        (lambda: Evolution(parents=0), "parents must be"),
        (lambda: GradientTimes(decisions=("order",)), "decisions must be"),
        (lambda: GradientTimes(steps=2, initial=SolverSchedule([LOW, HIGH])), "initial must spend"),
        (lambda: diffusion.TrajectoryError(steps=3), "steps must be"),
        (lambda: diffusion.Frechet(lambda x: x, np.zeros((1, 2))), "real must have 2 samples"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()
