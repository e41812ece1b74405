"""State-space layers: convolution, scan and steps agree with each other and with SciPy; they train and stay stable."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.signal import cont2discrete

from perturbax import core, linalg
from perturbax.nn import ssm

KEY = jax.random.key(0)
N, WIDTH, LENGTH = 8, 3, 21


@pytest.fixture(scope="module")
def perturbed():
    system = ssm.legs(N)
    return ssm.diagonal(system, linalg.diagonalize(system.A, linalg.RandomPTD(0.1), key=KEY, stable=True))


@pytest.fixture(scope="module")
def u():
    return np.random.default_rng(0).normal(size=(LENGTH, WIDTH)).astype(np.float32)


def stepped(layer, u):
    def step(state, u_l):
        y, state = layer.step(state, u_l)
        return state, y

    return jax.lax.scan(step, layer.start(), u)[1]


@pytest.mark.parametrize("discretise", [ssm.ZOH(), ssm.Bilinear()])
def test_s4d_is_the_same_as_convolution_scan_and_steps(perturbed, u, discretise):
    layer = ssm.S4D(WIDTH, perturbed, key=KEY, dt=(0.01, 0.1), discretise=discretise)
    y = eqx.filter_jit(layer)(u)
    np.testing.assert_allclose(eqx.filter_jit(layer.scan)(u), y, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(eqx.filter_jit(stepped)(layer, u), y, rtol=2e-3, atol=2e-3)


def test_s5_is_the_same_as_scan_and_steps_and_takes_batches(perturbed, u):
    layer = ssm.S5(WIDTH, perturbed, key=KEY, dt=(0.01, 0.1))
    y = eqx.filter_jit(layer)(np.stack([u, 2.0 * u]))
    np.testing.assert_allclose(y[1], 2.0 * y[0], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(eqx.filter_jit(stepped)(layer, u), y[0], rtol=2e-3, atol=2e-3)


def test_s4_is_the_same_as_convolution_and_steps_at_even_and_odd_length(u):
    with core.float64():
        layer = ssm.S4(WIDTH, ssm.dplr(N), key=KEY, dt=(0.01, 0.1))
        y = eqx.filter_jit(stepped)(layer, u)
        for length in (LENGTH, LENGTH - 1):
            np.testing.assert_allclose(eqx.filter_jit(layer)(u[:length]), y[:length], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["zoh", "bilinear"])
def test_layers_agree_with_scipy(u, kind):
    system = ssm.legs(N)
    with core.float64():
        C = np.asarray(jax.random.normal(jax.random.split(KEY, 3)[0], (WIDTH, N)))
        if kind == "bilinear":
            layer = ssm.S4(WIDTH, ssm.dplr(N), key=KEY, dt=(0.05, 0.05))
        else:
            found = linalg.diagonalize(system.A, linalg.RandomPTD(0.1), key=KEY, stable=True)
            system = ssm.StateSpace(system.A + found.perturbation, system.B)
            layer = ssm.S4D(WIDTH, ssm.diagonal(system, found), key=KEY, dt=(0.05, 0.05))
        y = np.asarray(eqx.filter_jit(layer)(u.astype(np.float64)))
        D = np.asarray(layer.D)
    for h in range(WIDTH):
        A, B, *_ = cont2discrete((system.A, system.B[:, None], C[h][None], np.zeros((1, 1))), 0.05, method=kind)
        x, out = np.zeros(N), []
        for value in u[:, h]:
            if kind == "bilinear":
                x = A @ x + np.linalg.solve(np.eye(N) - 0.025 * system.A, 0.05 * system.B) * value
            else:
                x = A @ x + B[:, 0] * value
            out.append(C[h] @ x + D[h] * value)
        np.testing.assert_allclose(y[:, h], out, rtol=1e-7, atol=1e-7)


def test_the_kernel_is_the_sum_of_powers_of_all_modes(perturbed):
    with core.float64():
        layer = ssm.S4D(WIDTH, perturbed, key=KEY, dt=(0.01, 0.1))
        log_a, g = (np.asarray(z) for z in layer.discretise(layer.spectrum.values, jnp.exp(layer.log_dt)[:, None]))
        B, C = (np.asarray(pair) @ np.array([1.0, 1.0j]) for pair in (layer.B, layer.C))
        kernel = eqx.filter_jit(lambda layer, length: layer.kernel(length))
        for length in (1, 9, 10, 300):
            wanted = 2.0 * np.einsum("hn,hnl->hl", B * C * g, np.exp(log_a[..., None] * np.arange(length))).real
            np.testing.assert_allclose(kernel(layer, length), wanted, rtol=1e-9, atol=1e-9)


def test_the_transfer_function_of_a_layer_is_that_of_its_start(perturbed):
    s = 1j * np.linspace(-20.0, 20.0, 11)
    with core.float64():
        layers = {
            "diagonal": (ssm.S4D(WIDTH, perturbed, key=KEY), perturbed),
            "low rank": (ssm.S4(WIDTH, ssm.dplr(N), key=KEY), ssm.dplr(N)),
        }
        C = np.asarray(jax.random.normal(jax.random.split(KEY, 3)[0], (WIDTH, N)))
        for layer, start in layers.values():
            wanted = [start.transfer(C[h], s) for h in range(WIDTH)]
            np.testing.assert_allclose(eqx.filter_jit(layer.transfer)(jnp.asarray(s)), wanted, rtol=1e-8)
        many = ssm.S5(2, perturbed, key=KEY)
        B = np.asarray(jax.random.normal(jax.random.split(KEY, 4)[0], (N, 2))) / 2**0.5
        C = np.asarray(jax.random.normal(jax.random.split(KEY, 4)[1], (2, N))) / N**0.5
        # The perturbed matrix itself, from its modes.
        A = 2.0 * ((perturbed.outputs * perturbed.values) @ perturbed.inverse).real
        for i in range(2):
            wanted = [ssm.StateSpace(A, B[:, i]).transfer(C[h], s) for h in range(2)]
            np.testing.assert_allclose(eqx.filter_jit(many.transfer)(jnp.asarray(s))[:, :, i].T, wanted, rtol=1e-8)


def test_unevenly_spaced_steps_are_steps_of_their_own_length(perturbed):
    for layer in (ssm.S4D(1, perturbed, key=KEY, dt=(0.1, 0.1)), ssm.S5(1, perturbed, key=KEY, dt=(0.1, 0.1))):
        held = jnp.array([[1.0], [1.0], [2.0]])
        even = eqx.filter_jit(layer)(held)[-1]
        uneven = eqx.filter_jit(layer.scan)(held[1:], jnp.array([2.0, 1.0]))[-1]
        np.testing.assert_allclose(even, uneven, rtol=1e-3)


@pytest.mark.parametrize("frozen", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_it_trains_stays_stable_and_a_frozen_spectrum_does_not_move(perturbed, frozen):
    model = ssm.SequenceClassifier(1, 4, 2, [lambda key: ssm.S4D(4, perturbed, key=key)], key=KEY)
    x = jax.random.normal(KEY, (32, 12, 1)) + jnp.repeat(jnp.array([-0.5, 0.5]), 16)[:, None, None]
    labels = jnp.repeat(jnp.arange(2), 16)

    def loss(model, batch, key):
        return optax.softmax_cross_entropy_with_integer_labels(model(batch[0]), batch[1]).mean()

    options = {"steps": 30, "batch_size": 16, "optimizer": ssm.optimizer(2e-2), "key": KEY, "chunk": 30}
    filter_spec = ssm.frozen_spectrum(model) if frozen else None
    done = core.fit(loss, model, (x, labels), filter_spec=filter_spec, **options)
    assert done.losses[-5:].mean() < 0.5 * done.losses[:5].mean()
    start, end = (m.blocks[0].layer for m in (model, done.model))
    assert bool(jnp.any(start.spectrum.frequency != end.spectrum.frequency)) != frozen
    assert bool((end.spectrum.values.real < 0.0).all())
    assert bool(jnp.any(start.C != end.C))


def test_the_eigenvalues_move_at_their_own_rate():
    params = ssm.S4D(2, ssm.s4d_lin(4), key=KEY)
    optimizer = ssm.optimizer(1e-1, spectrum_rate=1e-4)
    gradient = jax.tree.map(jnp.ones_like, eqx.filter(params, eqx.is_array))
    updates, _ = optimizer.update(gradient, optimizer.init(gradient), gradient)
    assert float(jnp.abs(updates.spectrum.frequency).max()) < 1e-3 < float(jnp.abs(updates.C).min())
    assert float(jnp.abs(updates.log_dt).max()) < 1e-3


def test_equal_rates_are_one_optimizer_for_which_nothing_is_compiled_again():
    assert ssm.optimizer(1e-2) is ssm.optimizer(1e-2)
    assert ssm.optimizer(1e-2) is not ssm.optimizer(1e-2, weight_decay=0.0)


def test_the_same_program_serves_every_layer_of_a_shape(perturbed, u):
    count = 0

    @eqx.filter_jit
    def call(layer, u):
        nonlocal count
        count += 1
        return layer(u)

    for seed in range(3):
        call(ssm.S4D(WIDTH, perturbed, key=jax.random.key(seed)), u)
    assert count == 1


def test_bad_input_is_refused_by_name(perturbed):
    with pytest.raises(ValueError, match="width must be an integer >= 1"):
        ssm.S4D(0, perturbed, key=KEY)
    with pytest.raises(ValueError, match=r"dt\[1\] must be"):
        ssm.S5(2, perturbed, key=KEY, dt=(0.1, 0.01))
    with pytest.raises(ValueError, match=r"dt\[0\] must be"):
        ssm.S4(2, ssm.dplr(4), key=KEY, dt=(0.0, 0.01))
    with pytest.raises(ValueError, match="layers must make at least one"):
        ssm.SequenceClassifier(1, 2, 2, [], key=KEY)
    with pytest.raises(ValueError, match="weight_decay must be"):
        ssm.optimizer(1e-3, weight_decay=-1.0)
