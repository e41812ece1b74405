"""`fit`: the promises of the one training loop."""

import os
import signal
import subprocess
import sys
import textwrap

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from perturbax import core

X = np.random.default_rng(0).normal(size=(96, 3)).astype(np.float32)
Y = np.sin(X @ np.array([1.0, -2.0, 0.5], np.float32))

# One object for all tests: with another optimiser, though of equal numbers, the same program is compiled again.
ADAM = optax.adam(1e-2)


def make_model(key):
    return eqx.nn.MLP(3, "scalar", 8, 1, key=key)


def loss(model, batch, key):
    x, y = batch
    noise = 0.01 * jax.random.normal(key, x.shape)
    return jnp.mean((jax.vmap(model)(x + noise) - y) ** 2)


def fit(model=None, data=(X, Y), loss=loss, **options):
    options = {
        "steps": 40,
        "batch_size": 16,
        "optimizer": ADAM,
        "key": jax.random.key(1),
        "chunk": 10,
        "progress": False,
    } | options
    return core.fit(loss, make_model(jax.random.key(0)) if model is None else model, data, **options)


def assert_same(a, b, **tolerance):
    a, b = (jax.tree.leaves(eqx.filter(tree, eqx.is_array)) for tree in (a, b))
    assert len(a) == len(b) > 0
    for x, y in zip(a, b, strict=True):
        (np.testing.assert_allclose if tolerance else np.testing.assert_array_equal)(x, y, **tolerance)


def test_it_is_the_plain_optax_loop():
    """One route of our own, one without any of it: the same updates on the same full batches."""
    ours = fit(batch_size=None, loss=lambda model, batch, key: loss(model, batch, jax.random.key(0)), steps=25)
    params, static = eqx.partition(make_model(jax.random.key(0)), eqx.is_inexact_array)
    state, losses = ADAM.init(params), []
    step = jax.jit(jax.value_and_grad(lambda p: loss(eqx.combine(p, static), (X, Y), jax.random.key(0))))
    for _ in range(25):
        value, gradient = step(params)
        updates, state = ADAM.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        losses.append(float(value))
    np.testing.assert_allclose(ours.losses, losses, rtol=1e-5)
    assert_same(eqx.filter(ours.model, eqx.is_inexact_array), params, rtol=1e-4, atol=1e-6)


def test_the_length_of_a_chunk_changes_no_bit():
    assert_same(fit(chunk=7).model, fit(chunk=40).model)


def test_every_epoch_draws_every_element_once():
    def draw(model, batch, key):
        return jnp.sum(model * 0.0), batch

    done = fit(jnp.zeros(1), np.arange(12), draw, steps=6, batch_size=4, chunk=4, loss_has_aux=True)
    first, second = done.aux[:3].ravel(), done.aux[3:].ravel()
    assert sorted(first) == sorted(second) == list(range(12))
    assert list(first) != list(second)


def test_a_stopped_run_resumes_to_equal_bits(tmp_path):
    options = {"ema": 0.9, "validation": (X[:20], Y[:20])}
    whole = fit(**options)
    path = tmp_path / "run.npz"
    part = fit(**options, checkpoint=path, callback=lambda so_far: so_far.steps >= 20)
    assert part.steps == 20
    resumed = fit(**options, checkpoint=path)
    assert_same(resumed, whole)
    assert resumed.steps == 40
    assert resumed.best_step == whole.best_step
    assert list(resumed.validation_steps) == [10, 20, 30, 40]


def test_a_finished_run_is_read_and_made_longer(tmp_path):
    path = tmp_path / "run.npz"
    fit(checkpoint=path)
    before = path.stat().st_mtime_ns
    assert_same(fit(checkpoint=path).model, fit().model)
    assert path.stat().st_mtime_ns == before
    assert_same(fit(checkpoint=path, steps=55).model, fit(steps=55).model)
    with pytest.raises(ValueError, match=r"steps must be >= 55, what checkpoint .* has made, got 40"):
        fit(checkpoint=path)
    assert fit(checkpoint=path, resume=False, steps=10).steps == 10


def test_the_data_and_auxiliary_values_resume_too(tmp_path):
    def draw(key):
        return jax.random.normal(key, (4, 3))

    def loss(model, x, key):
        return jnp.mean((x @ model) ** 2), {"mean": x.mean()}

    options = {"data": draw, "loss": loss, "batch_size": None, "loss_has_aux": True}
    whole = fit(jnp.ones(3), **options)
    fit(jnp.ones(3), **options, checkpoint=tmp_path / "a", callback=lambda so_far: True)
    resumed = fit(jnp.ones(3), **options, checkpoint=tmp_path / "a")
    assert_same(resumed, whole)
    assert resumed.aux["mean"].shape == (40,)


def test_ctrl_c_keeps_a_checkpoint_and_resume_continues(tmp_path):
    path = tmp_path / "run.npz"

    def interrupt(so_far):
        if so_far.steps == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(checkpoint=path, callback=interrupt)
    assert "stopped after step 20" in caught.value.__notes__[0]
    assert str(path) in caught.value.__notes__[0]
    seen = []
    assert_same(fit(checkpoint=path, callback=lambda so_far: seen.append(so_far.steps)).model, fit().model)
    assert seen == [30, 40]


@pytest.mark.slow
def test_a_signal_from_outside_keeps_a_checkpoint(tmp_path):
    script = textwrap.dedent(
        """
        import sys, jax, jax.numpy as jnp, optax
        from perturbax import core
        print("ready", flush=True)
        core.fit(lambda m, x, k: jnp.sum((m - x.mean()) ** 2), jnp.zeros(3), jnp.ones(8), steps=10**9, chunk=20,
            optimizer=optax.sgd(1e-3), key=jax.random.key(0), checkpoint=sys.argv[1], progress=False,
            callback=lambda so_far: print(so_far.steps, flush=True))
        """
    )
    path = tmp_path / "run.npz"
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while child.stdout.readline().strip() not in {"200", ""}:
        pass
    child.send_signal(signal.SIGINT)
    # What it still prints must be read, or it would wait for us while we wait for it.
    _, error = child.communicate(timeout=60)
    assert "KeyboardInterrupt" in error
    assert f"{path} keeps the run" in error
    assert path.exists()


@pytest.mark.parametrize("bad_step", [0, 7, 10, 23])
def test_a_loss_that_is_not_finite_stops_with_the_last_good_state(bad_step, tmp_path):
    def poisoned(params, batch, key):
        slope, count = params
        return jnp.where(count >= bad_step, jnp.nan, jnp.mean((slope * batch - 1.0) ** 2)) + 0.0 * count

    def optimizer():
        count = optax.GradientTransformation(
            lambda params: optax.EmptyState(), lambda updates, state, params: ((updates[0], jnp.ones(())), state)
        )
        return optax.chain(optax.sgd(0.1), count)

    start = (jnp.array(0.0), jnp.array(0.0))
    options = {"data": np.ones(4, np.float32), "loss": poisoned, "batch_size": None, "optimizer": optimizer()}
    path = tmp_path / "run.npz"
    with pytest.raises(core.SolverError, match=rf"step {bad_step + 1} of 40 .*run.npz keeps.*NaN or infinite"):
        fit(start, **options, checkpoint=path)
    assert path.exists()
    done = fit(start, **options, throw=False)
    assert done.steps == bad_step == len(done.losses)
    assert np.isfinite(done.losses).all()
    assert done.result == core.Result.nonfinite
    assert done.model[1] == bad_step
    if bad_step:
        assert_same(done.model, fit(start, **options, steps=bad_step).model)


def test_parameters_that_are_not_finite_are_never_returned():
    """The gradient of a finite loss can be NaN: then the next loss is NaN too, or the run just ends."""

    def loss(model, batch, key):
        return jnp.sqrt(jnp.maximum(model - 0.0, 0.0)) + 0.0 * batch.sum()

    for steps in (1, 4):
        done = fit(jnp.array(0.0), np.ones(4), loss, steps=steps, batch_size=None, throw=False)
        assert jnp.isfinite(done.model)
        assert done.result == core.Result.nonfinite
        assert done.steps == 0


def test_vmap_over_seeds_equals_separate_runs():
    keys = jax.random.split(jax.random.key(5), 3)
    options = {
        "steps": 30,
        "batch_size": 16,
        "optimizer": ADAM,
        "chunk": 10,
        "ema": 0.9,
        "validation": (X[:20], Y[:20]),
        "progress": False,
    }
    together = core.fit_seeds(loss, make_model, (X, Y), keys=keys, **options)
    assert together.losses.shape == (3, 30)
    for i, key in enumerate(keys):
        model_key, fit_key = jax.random.split(key)
        alone = core.fit(loss, make_model(model_key), (X, Y), key=fit_key, **options)
        own = jax.tree.map(lambda x, i=i: x[i], eqx.filter((together.model, together.ema_model), eqx.is_array))
        assert_same(own, (alone.model, alone.ema_model), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(together.losses[i], alone.losses, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(together.validation_losses[i], alone.validation_losses, rtol=1e-4, atol=1e-6)
        assert together.best_step[i] == alone.best_step


def test_a_seed_that_fails_stops_alone(tmp_path):
    def loss(model, batch, key):
        limit, x = model
        return jnp.where(x > limit, jnp.nan, -x) + 0.0 * batch.sum()

    model = (jnp.array([jnp.float32(1e9), 0.45, 1e9]), jnp.zeros(3))
    options = {
        "data": np.ones(4),
        "loss": loss,
        "batch_size": None,
        "optimizer": optax.sgd(0.1),
        "key": jax.random.split(jax.random.key(0), 3),
        "filter_spec": (False, True),
        "steps": 20,
        "chunk": 6,
    }
    done = fit(model, **options, throw=False)
    np.testing.assert_allclose(done.model[1], [2.0, 0.5, 2.0], rtol=1e-5)
    assert list(np.isfinite(done.losses).sum(axis=1)) == [20, 5, 20]
    with pytest.raises(core.SolverError, match=r"step 6 of 20 .*1 of 3 failed"):
        fit(model, **options)
    fit(model, **options, throw=False, checkpoint=tmp_path / "a", callback=lambda so_far: so_far.steps >= 12)
    assert_same(fit(model, **options, throw=False, checkpoint=tmp_path / "a").losses, done.losses)


def test_four_devices_equal_one():
    script = textwrap.dedent(
        """
        import jax, jax.numpy as jnp, numpy as np, optax, equinox as eqx
        from perturbax import core
        assert jax.device_count() == 4
        x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
        def loss(model, x, key):
            y = x.sum(axis=1) + 0.1 * jax.random.normal(key, x.shape[:1])
            return jnp.mean((jax.vmap(model)(x)[:, 0] - y) ** 2)
        def run(devices):
            return core.fit(loss, eqx.nn.Linear(3, 1, key=jax.random.key(0)), x, steps=30, batch_size=16, chunk=10,
                optimizer=optax.adam(1e-2), key=jax.random.key(1), ema=0.9, devices=devices, progress=False)
        one, four = run(jax.devices()[:1]), run(None)
        assert (one.stats["devices"], four.stats["devices"]) == (1, 4)
        assert len(four.model.weight.sharding.device_set) == 4
        for a, b in zip(*(jax.tree.leaves(eqx.filter(f, eqx.is_inexact_array)) for f in (one, four)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
        try:
            run(jax.devices()[:3])
        except ValueError as error:
            assert "devices must divide the batch" in str(error)
        else:
            raise AssertionError
        """
    )
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr


def test_the_best_state_on_validation_is_returned():
    """The path of plain descent passes the validation's optimum at x = 1 on its way from 0 to 2."""

    def loss(model, batch, key):
        return jnp.sum((model - batch.mean()) ** 2)

    done = fit(
        jnp.array(0.0),
        np.full(4, 2.0),
        loss,
        batch_size=None,
        optimizer=optax.sgd(0.01),
        chunk=5,
        steps=100,
        validation=np.ones(4),
    )
    assert done.best_step == 5 * (1 + int(np.argmin(done.validation_losses)))
    assert 0 < done.best_step < 100
    np.testing.assert_allclose(done.model, 2.0 - 2.0 * 0.98 ** int(done.best_step), rtol=1e-4)


def test_the_average_follows_its_recursion():
    def loss(model, batch, key):
        return jnp.sum(model) + 0.0 * batch.sum()

    done = fit(jnp.array(0.0), np.ones(4), loss, steps=20, optimizer=optax.sgd(1.0), ema=0.7, batch_size=None)
    average = 0.0
    for t in range(20):
        d = min(0.7, (1 + t) / (10 + t))
        average = d * average + (1 - d) * -(t + 1.0)
    np.testing.assert_allclose(done.ema_model, average, rtol=1e-5)


def test_what_the_filter_leaves_out_is_not_trained():
    model = make_model(jax.random.key(0))
    spec = eqx.tree_at(lambda m: m.layers[0], jax.tree.map(lambda _: True, model), False)
    done = fit(model, filter_spec=spec)
    assert_same(done.model.layers[0], model.layers[0])
    assert not np.array_equal(done.model.layers[1].weight, model.layers[1].weight)


def test_a_line_search_gets_what_it_needs():
    done = fit(batch_size=None, optimizer=optax.lbfgs(), steps=30, loss=lambda m, b, k: loss(m, b, jax.random.key(0)))
    assert done.losses[-1] < 0.2 * done.losses[0]


def test_complex_parameters_descend():
    def loss(z, batch, key):
        return jnp.abs(z - (1.0 + 2.0j)) ** 2 + 0.0 * batch.sum()

    done = fit(jnp.array(0.0j), np.ones(4), loss, optimizer=optax.sgd(0.2), batch_size=None)
    np.testing.assert_allclose(done.model, 1.0 + 2.0j, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_narrow_parameters_stay_narrow_in_float64(dtype):
    def loss(model, batch, key):
        return jnp.sum((model - batch.mean().astype(model.dtype)) ** 2)

    with core.float64():
        done = fit(jnp.zeros(2, dtype), np.ones(8), loss, batch_size=4, ema=0.9, steps=20)
    assert done.model.dtype == done.ema_model.dtype == jnp.dtype(dtype)
    assert done.losses.dtype == np.float32


def test_float64_stays_float64():
    with core.float64():
        done = fit(jnp.zeros(2), np.ones(8), lambda m, x, k: jnp.sum((m - x.mean()) ** 2), batch_size=4)
        assert done.model.dtype == done.losses.dtype == np.float64


def test_other_values_do_not_compile_again():
    traced = []

    def counted(model, batch, key):
        traced.append(1)
        return jnp.mean((model - batch) ** 2)

    optimizer = optax.sgd(0.1)
    fit(jnp.zeros(()), np.ones(8), counted, optimizer=optimizer, batch_size=4)
    before = len(traced)
    fit(jnp.ones(()), np.zeros(8), counted, optimizer=optimizer, batch_size=4, key=jax.random.key(9), steps=33)
    assert len(traced) - before <= 1, "only the door may trace the loss again"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be an integer >= 1, got 0"),
        ({"batch_size": 97}, r"batch_size must be an integer in \[1, 96\], got 97"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"ema": 1.5}, r"ema must be a number in \[0, 1\]"),
        ({"chunk": 0}, "chunk must be an integer >= 1"),
        ({"key": 0}, "key must be a JAX PRNG key such as"),
        ({"data": (X, Y[:5])}, "data must have one leading axis"),
        ({"data": (X, np.full(96, np.nan))}, r"data\[1\] must be finite, got 96 NaN"),
        ({"data": (X[:0], Y[:0])}, r"data\[0\] must not be empty"),
        ({"data": (X, "text")}, r"data\[1\] must be an array"),
        ({"data": lambda key: (X, Y)}, "batch_size must be None when data is a function"),
        ({"optimizer": 0.1}, "optimizer must be an Optax transformation"),
        ({"loss": "mse"}, "loss"),
        ({"loss": lambda m, b, k: jax.vmap(m)(b[0])}, "loss must return a real scalar array"),
        ({"loss": lambda m, b, k: 0.0}, "loss must return a real scalar array, got float"),
        ({"loss_has_aux": True}, r"loss must return a pair \(value, aux\)"),
        ({"model": (1, "a")}, "model must have floating arrays"),
        ({"model": jnp.array([1.0, jnp.nan])}, "model must be finite"),
        ({"validation": lambda model, key: jnp.zeros(3)}, r"validation must return a scalar, got shape \(3,\)"),
        ({"validation": X}, "validation must be a pytree of the same structure"),
        ({"checkpoint": "/nowhere/at/all"}, "checkpoint /nowhere/at/all must be in a folder that exists"),
        ({"checkpoint": 3}, "checkpoint must be a path"),
        ({"devices": []}, "devices must not be empty"),
    ],
)
def test_bad_arguments_are_refused_by_name(options, message):
    with pytest.raises((ValueError, TypeError, OSError), match=message):
        fit(**options)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    fit(checkpoint=path)
    with pytest.raises(ValueError, match=r"run.npz is of another run: its batch_size is 16, now it is 8"):
        fit(checkpoint=path, batch_size=8)
    with pytest.raises(ValueError, match="its key is"):
        fit(checkpoint=path, key=jax.random.key(77))
    with pytest.raises(ValueError, match="its parameters is"):
        fit(jnp.zeros(2), checkpoint=path, loss=lambda m, b, k: jnp.sum(m) + b[0].sum())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"run.npz is damaged"):
        fit(checkpoint=path)
    assert path.read_bytes() == content[: len(content) // 2]


def test_the_checkpoint_is_written_between_chunks_at_most_so_often(tmp_path):
    path, seen = tmp_path / "run.npz", []
    fit(checkpoint=path, checkpoint_seconds=0.0, callback=lambda so_far: seen.append(path.exists()))
    assert seen == [False, True, True, True]
    path.unlink()
    seen.clear()
    fit(checkpoint=path, checkpoint_seconds=1e9, callback=lambda so_far: seen.append(path.exists()))
    assert seen == [False] * 4
    assert path.exists()
