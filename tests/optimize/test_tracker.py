"""The tracker as a callback of `core.fit`: what it records, several runs at once, failures, and when it ends a run."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from perturbax import core, nn, optimize

X, Y = jnp.eye(3), jnp.array([1.0, 0.0, 2.0])
KEY = jax.random.key(2)


def loss(model, batch, key):
    return 0.5 * jnp.mean((model(batch[0]) - batch[1]) ** 2)


def start(key):
    return nn.DiagonalLinear(*jax.random.normal(key, (2, 3)))


@pytest.fixture(scope="module")
def several():
    tracker = optimize.SharpnessTracker(X, Y)
    keys = jax.random.split(KEY, 2)
    done = core.fit_seeds(loss, start, (X, Y), keys=keys, steps=30, chunk=10, optimizer=SGD, callback=tracker)
    return tracker, done


SGD = optax.sgd(0.5)


def test_it_measures_after_every_chunk_and_changes_nothing(several):
    tracker, done = several
    assert tracker.steps.tolist() == [10, 20, 30]
    plain = core.fit_seeds(loss, start, (X, Y), keys=jax.random.split(KEY, 2), steps=30, chunk=10, optimizer=SGD)
    np.testing.assert_array_equal(plain.model.a, done.model.a)
    assert tracker.history.trace.shape == (3, 2)
    assert tracker.history.samples == 3
    for run in range(2):
        model = nn.DiagonalLinear(done.model.a[run], done.model.b[run])
        alone = optimize.sharpness(optimize.LeastSquares(model, X, Y), optimize.ExactSharpness(), key=KEY)
        for name in ("trace", "squared_norm", "top", "sample_squared_norm", "loss"):
            assert getattr(tracker.history, name)[-1, run] == pytest.approx(float(getattr(alone, name)), rel=1e-5)


def test_bounds_take_a_whole_history(several):
    tracker, _ = several
    rates = optimize.SharpBound().largest_rate(tracker.history, 1.0)
    assert rates.shape == (3, 2)
    assert (np.asarray(rates) <= np.asarray(optimize.TraceBound().largest_rate(tracker.history, 1.0)) * 1.001).all()


def test_a_run_that_failed_is_recorded_as_such():
    def make(key):
        # From 1e19 the squares overflow in the second run only.
        first = jax.random.key_data(key)[0] == jax.random.key_data(KEYS[0])[0]
        return nn.DiagonalLinear(jnp.where(first, 1.0, 1e19) * jnp.ones(3), jnp.ones(3))

    KEYS = jax.vmap(jax.random.split)(jax.random.split(KEY, 2))[:, 0]
    tracker = optimize.SharpnessTracker(X, Y, until=1e9)
    done = core.fit_seeds(
        loss,
        make,
        (X, Y),
        keys=jax.random.split(KEY, 2),
        steps=20,
        chunk=10,
        optimizer=SGD,
        callback=tracker,
        throw=False,
    )
    assert np.isfinite(tracker.history.trace[-1, 0])
    assert np.isnan(tracker.history.trace[-1, 1])
    # The run that failed does not keep the other one going.
    assert done.steps == 10


def test_it_ends_a_run_that_has_converged():
    tracker = optimize.SharpnessTracker(X, Y, until=1e-3, method=optimize.ProbedSharpness(probes=2, steps=2), key=KEY)
    model = nn.DiagonalLinear(jnp.ones(3), jnp.ones(3))
    done = core.fit(loss, model, (X, Y), steps=500, optimizer=SGD, key=KEY, chunk=10, callback=tracker)
    assert tracker.history.loss[-1] <= 1e-3 < tracker.history.loss[-2]
    assert done.steps == tracker.steps[-1] < 500
    assert tracker.history.trace.shape == tracker.steps.shape


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="until must be a number >= 0"):
        optimize.SharpnessTracker(X, Y, until=-1.0)
    with pytest.raises(TypeError, match="key"):
        optimize.SharpnessTracker(X, Y, key=3)
    with pytest.raises(TypeError, match="method"):
        optimize.SharpnessTracker(X, Y, method="exact")
    with pytest.raises(ValueError, match="history is empty"):
        _ = optimize.SharpnessTracker(X, Y).history
    wrong = optimize.SharpnessTracker(X, X)
    with pytest.raises(ValueError, match="targets must have the shape"):
        core.fit(
            loss, nn.DiagonalLinear(jnp.ones(3), jnp.ones(3)), (X, Y), steps=5, optimizer=SGD, key=KEY, callback=wrong
        )


def test_batches_are_drawn_with_replacement():
    draw = optimize.DrawWithReplacement((jnp.arange(4.0), jnp.ones((4, 2))), batch_size=2)
    batches = np.asarray(jax.vmap(lambda key: draw(key)[0])(jax.random.split(KEY, 4000)))
    counts = np.array([[np.mean((batches == [i, j]).all(1)) for j in range(4)] for i in range(4)])
    np.testing.assert_allclose(counts, 1.0 / 16.0, atol=0.02)
    with pytest.raises(ValueError, match="arrays must have one leading axis"):
        optimize.DrawWithReplacement((X, Y[:2]))
    with pytest.raises(ValueError, match="batch_size"):
        optimize.DrawWithReplacement(X, 0)
