"""`verify.bound`: exact where it must be, sound everywhere, compiled once, and clear about what it refuses."""

import equinox as eqx
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, nn, verify

from .conftest import KEY, assert_sound

METHODS = (verify.IBP(), verify.CROWN(verify.IBP()), verify.CROWN())
CENTRE = np.array([0.3, -0.2, 0.5], np.float32)


def box(radius, centre=CENTRE):
    return verify.Box(centre - np.float32(radius), centre + np.float32(radius))


def numpy_crown(weights, biases, lower, upper):
    """CROWN with adaptive slopes for a ReLU network, written apart from the library: rows of matrices, one layer after
    the other, intersected with interval arithmetic."""
    weights, biases = [np.asarray(w, np.float64).T for w in weights], [np.asarray(b, np.float64) for b in biases]
    bounds = []
    box = (lower.astype(np.float64), upper.astype(np.float64))
    for layer in range(len(weights)):
        found = []
        for sign in (1.0, -1.0):
            A, d = sign * weights[layer], sign * biases[layer]
            for i in reversed(range(layer)):
                low, high = bounds[i]
                mixed = (low < 0) & (high > 0)
                upper_slope = np.where(mixed, high / np.where(mixed, high - low, 1.0), low >= 0)
                lower_slope = np.where(mixed, high > -low, low >= 0)
                P, N = np.maximum(A, 0), np.minimum(A, 0)
                d = d + N @ np.where(mixed, -upper_slope * low, 0.0)
                A = P * lower_slope + N * upper_slope
                d, A = d + A @ biases[i], A @ weights[i]
            found.append(d + np.maximum(A, 0) @ box[0] + np.minimum(A, 0) @ box[1])
        h = [np.maximum(end, 0) for end in bounds[-1]] if layer else box
        c, r = (h[0] + h[1]) / 2, (h[1] - h[0]) / 2
        middle, spread = weights[layer] @ c + biases[layer], np.abs(weights[layer]) @ r
        bounds.append((np.maximum(found[0], middle - spread), np.minimum(-found[1], middle + spread)))
    return bounds


@pytest.mark.parametrize("radius", [0.01, 0.3, 2.0])
def test_crown_equals_an_independent_crown(network, radius):
    weights, biases = [layer.weight for layer in network.layers], [layer.bias + 0.1 for layer in network.layers]
    network = eqx.tree_at(lambda n: [layer.bias for layer in n.layers], network, biases)
    inputs = box(radius)
    expected = numpy_crown(weights, biases, inputs.lower, inputs.upper)
    found = verify.bound(network, inputs, verify.CROWN())
    np.testing.assert_allclose(found.lower, expected[-1][0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.upper, expected[-1][1], rtol=1e-4, atol=1e-5)


def test_linear_functions_have_exact_bounds():
    kernel = jax.random.normal(KEY, (2, 1, 2, 2))

    def linear(x):
        y = jax.lax.conv_general_dilated(x[None, None], kernel, (1, 1), "SAME")[0]
        y = jnp.cumsum(y[:, ::-1, 1:], 1).reshape(-1) - y.mean()
        return jnp.concatenate([y, jnp.pad(y, (1, 0), constant_values=2.0)[:3]]) * 3.0 + 1.0

    lower = jax.random.normal(KEY, (3, 3))
    inputs = verify.Box(lower, lower + 0.5)
    A = jax.jacobian(linear)(lower).reshape(-1, 9)
    b = linear(jnp.zeros((3, 3)))
    exact = b + jnp.minimum(A * lower.reshape(-1), A * (lower.reshape(-1) + 0.5)).sum(1)
    found = verify.bound(linear, inputs, verify.CROWN())
    np.testing.assert_allclose(found.lower, exact, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.linear.lower_coefficients.reshape(-1, 9), A, atol=1e-5)
    np.testing.assert_allclose(found.linear.upper_constant, b, atol=1e-5)


def test_a_monotone_chain_has_exact_intervals():
    def chain(x):
        return jnp.sqrt(jnp.exp(jnp.tanh(2.0 * x + 1.0)) + 1.0)

    low, high = np.float32([-0.3]), np.float32([0.7])
    found = verify.bound(chain, verify.Box(low, high), verify.IBP())
    np.testing.assert_allclose([found.lower, found.upper], [chain(low), chain(high)], rtol=1e-6)


def test_a_point_is_bounded_by_its_value(network):
    for method in METHODS[::2]:
        found = verify.bound(network, box(0.0), method)
        np.testing.assert_allclose([found.lower, found.upper], [network(jnp.asarray(CENTRE))] * 2, rtol=1e-5, atol=1e-6)


@hypothesis.settings(max_examples=5)
@hypothesis.given(st.integers(0, 2**31 - 1), st.floats(0.001, 2.0))
def test_bounds_of_random_networks_are_sound_and_ordered(seed, radius):
    key = jax.random.key(seed)
    network = nn.MLP(3, (6, 5), 2, key=key, activation=jax.nn.relu)
    inputs = box(radius, np.asarray(jax.random.normal(key, (3,))))
    assert_sound(network, inputs, *METHODS, key=key)
    interval, _, crown = (verify.bound(network, inputs, method) for method in METHODS)
    assert np.all(interval.lower <= crown.lower)
    assert np.all(interval.upper >= crown.upper)


def test_the_linear_bounds_hold_the_function(network):
    inputs = box(0.4)
    linear = verify.bound(network, inputs, verify.CROWN()).linear
    xs = jax.vmap(inputs.sample)(jax.random.split(KEY, 200))
    ys = jax.vmap(network)(xs)
    assert np.all(ys >= xs @ linear.lower_coefficients.T + linear.lower_constant - 1e-5)
    assert np.all(ys <= xs @ linear.upper_coefficients.T + linear.upper_constant + 1e-5)


def test_a_specification_bounds_margins(network):
    rows = verify.margins(1, 2)
    found = verify.bound(network, box(0.2), verify.CROWN(), specification=rows)
    whole = verify.bound(lambda x: jnp.diff(network(x)), box(0.2), verify.CROWN())
    np.testing.assert_allclose(found.lower, whole.lower, atol=1e-5)


def test_a_batch_has_the_bounds_of_its_instances(network):
    centres = np.asarray(jax.random.normal(KEY, (4, 3)))
    radii = np.float32([0.1, 0.2, 0.3, 0.4])
    for method in METHODS[::2]:
        found = verify.bound(network, verify.Ball(centres, radii), method, batched=True)
        one = verify.bound(network, verify.Ball(centres[2], radii[2]), method)
        np.testing.assert_allclose(found.lower[2], one.lower, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_chunks_of_rows_change_nothing(network):
    whole, parts = (verify.bound(network, box(0.2), verify.CROWN(chunk=chunk)) for chunk in (1024, 3))
    np.testing.assert_allclose(whole.lower, parts.lower, atol=1e-6)


def test_a_network_is_compiled_once_for_all_its_weights(network):
    other = jax.tree.map(lambda x: x + 0.1 if eqx.is_array(x) else x, network)
    traced = []

    class Counted(eqx.Module):
        network: nn.MLP

        def __call__(self, x):
            traced.append(1)
            return self.network(x)

    for model in (network, other):
        for radius in (0.1, 0.2):
            verify.bound(Counted(model), box(radius), verify.CROWN())
    assert len(traced) <= 2  # its shape, then its program


def test_bounds_are_differentiable(network):
    def width(network, radius):
        found = verify.bound(network, verify.Ball(CENTRE, radius), verify.CROWN())
        return (found.upper - found.lower).sum()

    def weight(network):
        return network.layers[0].weight

    def moved(size):
        return eqx.tree_at(weight, network, weight(network) + size * direction)

    radius = jnp.float32(0.3)
    direction = jax.random.normal(KEY, weight(network).shape)
    slope, by_radius = eqx.filter_jit(eqx.filter_grad(lambda both: width(*both)))((network, radius))
    difference = (width(moved(1e-3), radius) - width(moved(-1e-3), radius)) / 2e-3
    np.testing.assert_allclose((weight(slope) * direction).sum(), difference, rtol=2e-2)
    assert by_radius > 0


def test_what_cannot_be_bounded_is_refused(network):
    with pytest.raises(TypeError, match="f must be a function"):
        verify.bound(3, box(0.1), verify.IBP())
    with pytest.raises(TypeError, match="method must be a method such as"):
        verify.bound(network, box(0.1), "crown")
    with pytest.raises(TypeError, match="inputs must contain a set"):
        verify.bound(network, CENTRE, verify.IBP())
    with pytest.raises(TypeError, match="f must return one floating array"):
        verify.bound(lambda x: network(x).argmax(), box(0.1), verify.IBP())
    with pytest.raises(ValueError, match=r"lower must be <= upper, got 1 > 0 at index \(1,\)"):
        verify.Box(np.array([0.0, 1.0]), np.array([0.0, 0.0]))
    with pytest.raises(ValueError, match="radius must be a number >= 0"):
        verify.Ball(CENTRE, -1.0)
    with pytest.raises(ValueError, match="chunk"):
        verify.CROWN(chunk=0)
    with pytest.raises(core.MissingRuleError, match=r"'while' at test_bound.py:\d+ .*verify.register"):
        verify.bound(lambda x: jax.lax.while_loop(lambda x: x[0] < 3.0, lambda x: x + 1, x), box(0.1), verify.IBP())
    with pytest.raises(ValueError, match="constant"):
        verify.bound(lambda x: jnp.ones(2), box(0.1), verify.CROWN())
    with pytest.raises(ValueError, match="leading axis"):
        verify.bound(network, {"x": box(0.1), "y": box(0.1, CENTRE[:2])}, verify.IBP(), batched=True)
    with pytest.raises(ValueError, match="radius must be a number, got an array"):
        verify.bound(network, verify.Ball(CENTRE, CENTRE**2), verify.IBP())
    with pytest.raises(ValueError, match="label must be in"):
        verify.margins(3, 3)


@pytest.mark.parametrize("f", [jnp.log, lambda x: 1.0 / x])
def test_a_set_beyond_the_domain_is_refused_with_its_line(f):
    for method in METHODS[:1]:
        with pytest.raises(ValueError, match=r"at test_bound.py:\d+ .* is not bounded on these inputs"):
            verify.bound(lambda x: f(x), verify.Box(np.float32([-1.0]), np.float32([1.0])), method)
