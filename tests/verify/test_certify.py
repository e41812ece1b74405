"""Certificates: bounds that fail as seldom as they say, radii that are true, and votes that do not depend on how."""

import os
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from perturbax import verify
from perturbax.verify._confidence import betting_lower, clopper_pearson_lower
from perturbax.verify._votes import _count

KEY = jax.random.key(0)


class Linear(eqx.Module):
    """Two scores, whose smoothed classifier is known: its ball ends at the plane `<w, x> = 0`."""

    w: jax.Array

    def __call__(self, x):
        margin = x @ self.w
        return jnp.stack([-margin, margin], axis=1)

    def distance(self, x):
        return np.abs(np.asarray(x) @ np.asarray(self.w)) / np.linalg.norm(self.w)


LINEAR = Linear(jnp.array([3.0, 4.0]))
POINTS = np.float32([[1.0, 0.5], [-0.2, -0.3], [0.1, 0.0], [2.0, -1.4]])
BOUNDS = (betting_lower, clopper_pearson_lower)
METHOD = verify.Smoothing(0.5, n0=20, n=300, alpha=0.01, batch_size=128)


@pytest.mark.parametrize("alpha", [0.001, 0.05])
def test_the_bound_for_a_fixed_number_of_draws_fails_with_at_most_alpha(alpha):
    p = np.concatenate([np.linspace(0.001, 0.999, 500), [0.5, 1.0 - 1e-6]])
    for n in (1, 7, 40, 300):
        k = np.arange(n + 1)
        lower = clopper_pearson_lower(k, np.array(n), alpha)
        failure = (stats.binom.pmf(k, n, p[:, None]) * (lower > p[:, None])).sum(1)
        assert failure.max() <= alpha
        # Just below a bound the probability of k or more is alpha: nothing is given away.
        np.testing.assert_allclose(stats.binom.sf(k[1:] - 1, n, lower[1:]), alpha, rtol=1e-6)


def test_the_bound_is_that_of_scipy():
    for k, n in ((0, 10), (3, 10), (10, 10), (990, 1000)):
        reference = stats.binomtest(k, n, alternative="greater").proportion_ci(0.999, "exact").low
        np.testing.assert_allclose(clopper_pearson_lower(np.array(k), np.array(n), 0.001), reference, rtol=1e-9)


@pytest.mark.parametrize("alpha", [0.01, 0.2])
def test_the_bound_for_all_numbers_of_draws_ever_fails_with_at_most_alpha(alpha):
    bounds, fixed = ([bound(np.arange(n + 1), np.array(n), alpha) for n in range(1, 101)] for bound in BOUNDS)
    failures = [ever_fails(bounds, p) for p in (0.03, 0.3, 0.5, 0.77, 0.98)]
    assert 0.0 < max(failures) <= alpha
    # The bound for a number of draws that is fixed would not pass.
    assert ever_fails(fixed, 0.5) > 1.5 * alpha


def ever_fails(bounds, p):
    """The probability that one of the bounds, by number of draws and count, exceeds p."""
    at_large, failed = np.array([1.0]), 0.0  # the law of the count while no bound has failed
    for lower in bounds:
        at_large = np.append(at_large * (1.0 - p), 0.0) + np.append(0.0, at_large * p)
        failed += at_large[lower > p].sum()
        at_large = np.where(lower > p, 0.0, at_large)
    return failed


def test_the_capital_is_what_the_stakes_earn():
    k, n, alpha = 30, 40, 0.05
    q = float(betting_lower(np.array(k), np.array(n), alpha))
    u = (np.arange(200_000) + 0.5) / 200_000
    capital = np.mean((1.0 + u * (1.0 - q) / q) ** k * (1.0 - u) ** (n - k))
    np.testing.assert_allclose(capital, 1.0 / alpha, rtol=1e-6)


def test_a_linear_classifier_has_its_distance_to_the_plane():
    found = verify.certify(LINEAR, POINTS, verify.Smoothing(0.5, n=20_000), key=KEY)
    distance = LINEAR.distance(POINTS)
    assert found.label.tolist() == [1, 0, 1, 1]
    assert np.all(found.radius <= distance)
    # sigma Phi^-1(p_) is short of the distance by the width of the bound.
    p = special.ndtr(distance / 0.5)
    short = 0.5 * (special.ndtri(p) - special.ndtri(np.maximum(p - 5.0 * np.sqrt(p * (1 - p) / 20_000) - 5e-4, 0.5)))
    assert np.all(found.radius >= distance - short)
    assert found.stats["evaluations"] == 4 * 20_100
    assert found.counts.sum(1).tolist() == found.draws.tolist() == [20_000] * 4


@pytest.mark.parametrize(
    "method",
    [
        verify.Smoothing(1.0, n0=18, n=18, alpha=0.05, batch_size=8192),
        verify.AdaptiveSmoothing(1.0, target=0.2, n0=5, n=60, alpha=0.05, first=10, batch_size=8192),
    ],
    ids=lambda method: type(method).__name__,
)
def test_radii_are_too_large_as_seldom_as_they_say(method):
    # Near the plane the guess is as often wrong as right. Were the draws that guess those that are counted, the bound
    # would stand on the larger of two counts, and fail nearly twice as often.
    images, errors = 6000, []
    for distance in (0.0, 0.01, 0.3):
        x = np.tile(np.float32([0.6 * distance, 0.8 * distance]), (images, 1))
        found = verify.certify(LINEAR, x, method, key=KEY)
        right = found.label == 1
        wrong = ~found.abstain & (~right if distance else found.label >= 0)
        errors.append(np.mean(wrong | (right & (found.radius > distance + 1e-6))))
    assert max(errors) <= 0.05 + 3.0 * np.sqrt(0.05 * 0.95 / images), errors
    assert max(errors) > 0.01


@pytest.mark.parametrize("kind", [verify.Smoothing, verify.AdaptiveSmoothing])
def test_no_draw_is_used_twice(kind):
    seen = []
    watching = verify.HostClassifier(lambda x: (seen.append(x), np.asarray(LINEAR(jnp.asarray(x))))[1])
    wanted = {"target": 0.4} if kind is verify.AdaptiveSmoothing else {}
    found = verify.certify(watching, POINTS[:2], kind(0.5, n0=30, n=900, alpha=0.01, **wanted), key=KEY)
    drawn = np.concatenate(seen[1:])
    assert len(np.unique(drawn, axis=0)) == len(drawn) == 60 + found.draws.sum() > 600


def test_adaptive_draws_stop_when_they_are_enough():
    x = np.float32([[3.0, 3.0], [0.3, 0.3], [0.0, 0.0]])
    method = verify.AdaptiveSmoothing(0.5, target=0.25, n=20_000, batch_size=256)
    found = verify.certify(LINEAR, x, method, key=KEY)
    assert found.draws[0] == 100
    assert 100 < found.draws[1] < 2000
    assert found.draws[2] < 2000
    assert found.radius[0] >= 0.25
    assert 0.25 <= found.radius[1] <= LINEAR.distance(x)[1]
    assert found.abstain[2]
    assert found.stats["evaluations"] == 3 * 100 + found.draws.sum()
    assert found.counts.sum(1).tolist() == found.draws.tolist()


def same(a, b):
    for name in ("label", "radius", "p_lower", "abstain", "counts", "draws"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_votes_depend_on_the_key_and_on_nothing_else():
    whole = verify.certify(LINEAR, POINTS, METHOD, key=KEY)
    for batch in (37, 5000):
        method = verify.Smoothing(0.5, n0=20, n=300, alpha=0.01, batch_size=batch)
        same(verify.certify(LINEAR, jnp.asarray(POINTS), method, key=KEY), whole)
    last = verify.certify(LINEAR, POINTS[2:], METHOD, key=KEY, offset=2)
    np.testing.assert_array_equal(last.counts, whole.counts[2:])
    assert np.any(verify.certify(LINEAR, POINTS, METHOD, key=jax.random.key(1)).counts != whole.counts)
    assert np.any(whole.counts[0] != whole.counts[1])


def test_classifiers_of_other_libraries_and_labels_count_the_same_votes():
    whole, w = verify.certify(LINEAR, POINTS, METHOD, key=KEY), np.asarray(LINEAR.w)
    scores = verify.HostClassifier(lambda x: np.stack([-(x @ w), x @ w], axis=1))
    same(verify.certify(scores, POINTS, METHOD, key=KEY), whole)
    labels = verify.HostClassifier(lambda x: (x @ w > 0).astype(np.int64))
    same(verify.certify(labels, POINTS, METHOD, key=KEY, classes=2), whole)
    same(verify.certify(lambda x: LINEAR(x).argmax(1), POINTS, METHOD, key=KEY, classes=2), whole)
    with pytest.raises(TypeError, match=r"verify\.HostClassifier"):
        verify.certify(lambda x: np.asarray(x), POINTS, METHOD, key=KEY)


def test_all_images_and_phases_are_one_program():
    images = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    method = verify.AdaptiveSmoothing(0.7, target=0.3, n0=11, n=500, batch_size=64)
    before = _count._cached._cache_size()
    first = verify.certify(LINEAR, images, method, key=KEY)
    verify.certify(Linear(LINEAR.w + 1.0), images + 1.0, method, key=jax.random.key(3))
    assert len(set(first.draws)) > 1
    assert _count._cached._cache_size() == before + 1


class Stops:
    """A classifier that is stopped at a batch."""

    def __init__(self, at):
        self.left, self.seen = at, 0

    def __call__(self, x):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        self.seen += len(x)
        return np.asarray(LINEAR(jnp.asarray(x)))


@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_run_that_was_stopped_goes_on(tmp_path, monkeypatch, at):
    # The chunk of 16 between two checkpoints becomes one.
    monkeypatch.setattr("perturbax.verify._votes._CHUNKS", 1)
    monkeypatch.setattr("perturbax.verify._certify.digest", lambda tree: "the same")
    whole = verify.certify(LINEAR, POINTS, METHOD, key=KEY)
    path, stopped, rest = tmp_path / "run.npz", Stops(at), Stops(-1)
    with pytest.raises(KeyboardInterrupt):
        verify.certify(verify.HostClassifier(stopped), POINTS, METHOD, key=KEY, checkpoint=path)
    same(verify.certify(verify.HostClassifier(rest), POINTS, METHOD, key=KEY, checkpoint=path), whole)
    # Each shape is tried on one image first.
    assert stopped.seen + rest.seen == 4 * 320 + 2
    again = Stops(1)
    same(verify.certify(verify.HostClassifier(again), POINTS, METHOD, key=KEY, checkpoint=path), whole)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    verify.certify(LINEAR, POINTS, METHOD, key=KEY, checkpoint=path)
    for changed in (
        {"x": POINTS + 1.0},
        {"key": jax.random.key(1)},
        {"method": verify.Smoothing(0.6, n0=20, n=300, alpha=0.01)},
        {"classifier": Linear(LINEAR.w + 1.0)},
    ):
        call = {"classifier": LINEAR, "x": POINTS, "method": METHOD, "key": KEY, **changed}
        with pytest.raises(ValueError, match="is of other images, another classifier or other settings"):
            verify.certify(**call, checkpoint=path)


SPLIT = """
import jax
import numpy as np
from perturbax import core, verify

core.enable_compilation_cache()
assert jax.device_count() == 4
x = np.float32([[1.0, 0.5], [-0.2, -0.3], [0.1, 0.0]])
sizes = []
def classifier(x):
    jax.debug.inspect_array_sharding(x, callback=lambda sharding: sizes.append(sharding.shard_shape(x.shape)))
    return x
method = verify.Smoothing(0.5, n0=20, n=300, alpha=0.01, batch_size=128)
four = verify.certify(classifier, x, method, key=jax.random.key(0))
one = verify.certify(classifier, x, method, key=jax.random.key(0), devices=jax.devices()[:1])
assert sizes == [(32, 2), (128, 2)], sizes
assert four.stats["devices"] == 4 and one.stats["devices"] == 1
np.testing.assert_array_equal(four.counts, one.counts)
try:
    verify.certify(classifier, x, method, key=jax.random.key(0), devices=jax.devices()[:3])
except ValueError as error:
    assert "3 devices for a chunk of 128" in str(error)
else:
    raise AssertionError
"""


@pytest.mark.slow
def test_four_devices_count_the_votes_of_one():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", SPLIT], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_memory_is_that_of_a_chunk():
    def temporary(images):
        voters = verify._votes.Voters(LINEAR, jnp.zeros((images, 2)), jnp.float32(1.0), jnp.int32(0), 2, 256, None)
        zero = jnp.int32(0)
        span = verify._votes._Span(KEY, jnp.zeros(images, jnp.int32), zero, zero + 10**6, zero, zero, zero + 4096)
        return _count.lower(voters, span).compile().compiled.memory_analysis().temp_size_in_bytes

    assert temporary(2) < 2 * temporary(1)


def test_a_certificate_tells_accuracy_and_norms():
    found = verify.certify(LINEAR, POINTS, METHOD, key=KEY)
    labels = np.array([1, 0, 0, 1])
    right = np.array([True, True, False, True]) & ~found.abstain
    np.testing.assert_allclose(found.average_radius(labels), (found.radius * right).mean())
    curve = found.certified_accuracy(labels, [0.0, 0.2, 99.0])
    np.testing.assert_allclose(curve, [right.mean(), (right & (found.radius >= 0.2)).mean(), 0.0])
    np.testing.assert_allclose(found.radius_in(np.inf, 4), found.radius / 2.0)
    np.testing.assert_allclose(found.radius_in(1, 4), found.radius)
    np.testing.assert_allclose(found.radius_in(4, 16), found.radius * 16 ** (1 / 4 - 1 / 2))
    with pytest.raises(TypeError, match="labels"):
        found.average_radius([0.5, 0.5, 0.5, 0.5])
    with pytest.raises(ValueError, match="p must be"):
        found.radius_in(0.5, 4)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"x": POINTS[:, 0]}, ValueError, "x must have shape"),
        ({"x": POINTS * np.nan}, ValueError, "x must be finite"),
        ({"x": POINTS.astype(int)}, TypeError, "x must be an array of kind floating"),
        ({"method": "smoothing"}, TypeError, "method must be"),
        ({"classifier": 3}, TypeError, "classifier must be a function"),
        ({"classifier": lambda x: x.sum()}, ValueError, "classifier must return scores"),
        ({"classifier": lambda x: x[:, :, None]}, ValueError, "classifier must return scores"),
        ({"classifier": lambda x: x.argmax(1)}, ValueError, "classes must be given"),
        ({"classes": 3}, ValueError, "classes must be the number of scores, 2"),
        ({"classifier": lambda x: x / 0.0 * 0.0}, ValueError, "classifier must give numbers"),
        ({"classifier": lambda x: x.argmax(1) + 1, "classes": 2}, ValueError, "classifier must give numbers"),
        ({"offset": -1}, ValueError, "offset"),
        ({"checkpoint": "nowhere/run.npz"}, ValueError, "checkpoint nowhere/run.npz must be in a folder that exists"),
        ({"devices": []}, ValueError, "devices must not be empty"),
        ({"checkpoint": "x.npz", "classifier": verify.HostClassifier(Stops(-1))}, TypeError, "content can be told"),
        ({"classifier": verify.HostClassifier(Stops(-1)), "classes": 3}, ValueError, "number of scores, 2"),
    ],
)
def test_what_cannot_be_certified_is_refused(changed, error, message):
    with pytest.raises(error, match=message):
        verify.certify(**{"classifier": LINEAR, "x": POINTS, "method": METHOD, "key": KEY, **changed})


def test_images_in_another_unit_are_warned_of():
    with pytest.warns(UserWarning, match=r"x has values from -1.4 to 2, outside of \[0, 1\]"):
        verify.certify(LINEAR, POINTS, METHOD, key=KEY, domain=(0.0, 1.0))


def test_methods_that_could_never_prove_anything_are_refused():
    with pytest.raises(ValueError, match=r"n must be >= 10 to prove 0.5 at alpha = 0.001"):
        verify.Smoothing(0.5, n=9)
    assert verify.Smoothing(0.5, n=10).largest_radius > 0.0
    with pytest.raises(ValueError, match=r"n must be >= \d+ to prove 0.97725"):
        verify.AdaptiveSmoothing(0.5, target=1.0, n=100)
    with pytest.raises(ValueError, match="n cannot be large enough"):
        verify.AdaptiveSmoothing(0.5, target=10.0)
    for name, value in (("sigma", 0.0), ("alpha", 0.0), ("alpha", 0.5), ("n0", 0), ("batch_size", 0)):
        with pytest.raises(ValueError, match=name):
            verify.Smoothing(**{"sigma": 0.5, name: value})
    with pytest.raises(ValueError, match="target"):
        verify.AdaptiveSmoothing(0.5, target=-1.0)
