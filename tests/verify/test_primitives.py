"""Every relaxation holds its function, and the kinds of networks that are built of them have sound bounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import verify
from perturbax.core import flatten, float64, interpret
from perturbax.verify._interval import INTERVAL
from perturbax.verify._relax import relaxation
from perturbax.verify._scalar import SCALARS, integer_power

from .conftest import KEY, assert_sound

POSITIVE = {"log", "sqrt", "rsqrt", "power -2", "power -3", "log1p"}
FUNCTIONS = {**SCALARS, **{f"power {y}": integer_power(y) for y in (3, 4, -2, -3)}}


def some_of(everything, *quick):
    """All names as parameters, those that are not quick for the slow tests only."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in sorted(everything)]


def intervals(name, count=60):
    """Intervals of all sizes, on both sides of 0 and across, as one array."""
    centre, radius = np.random.default_rng(0).normal(size=(2, count)) * np.geomspace(0.02, 4.0, count)
    low, high = centre - abs(radius), centre + abs(radius)
    if name in POSITIVE:
        low, high = abs(centre) + 0.05, abs(centre) + abs(radius) + 0.05
    return verify.Interval(jnp.float32(low), jnp.float32(high))


@pytest.mark.parametrize("name", some_of(FUNCTIONS, "exp", "tanh", "gelu", "sin", "power -2"))
def test_lines_and_range_hold_the_function(name):
    scalar, x = FUNCTIONS[name], intervals(name)
    grid = x.lower + jnp.linspace(0.0, 1.0, 200)[:, None] * (x.upper - x.lower)
    values = scalar.function(grid)
    slack = 2e-6 * (1.0 + jnp.abs(values))
    found = jax.jit(scalar.range)(x)
    assert np.all(values >= found.lower - slack)
    assert np.all(values <= found.upper + slack)
    np.testing.assert_allclose(found.lower, values.min(0), rtol=1e-2, atol=2e-3)
    np.testing.assert_allclose(found.upper, values.max(0), rtol=1e-2, atol=2e-3)
    lines = jax.jit(scalar.lines)
    for place in (0.5, 0.0, 0.9):
        line = lines(x, jnp.float32(place))
        slack = 4e-6 * (1.0 + jnp.abs(values) + jnp.abs(line.lower_slope * grid) + jnp.abs(line.upper_slope * grid))
        assert np.all(values >= line.lower_slope * grid + line.lower_offset - slack)
        assert np.all(values <= line.upper_slope * grid + line.upper_offset + slack)


@pytest.mark.parametrize("name", some_of(FUNCTIONS, "tanh"))
def test_lines_hold_the_function_to_the_rounding_errors_of_float64(name):
    """A proof is made in float64: a place that is right to float32 is no excuse there."""
    with float64():
        scalar, few = FUNCTIONS[name], intervals(name)
        low = np.concatenate([few.lower, [0.1] if name in POSITIVE else [-0.1]]).astype(np.float64)
        x = verify.Interval(jnp.asarray(low), jnp.asarray(np.append(few.upper, 20.0).astype(np.float64)))
        grid = x.lower + jnp.linspace(0.0, 1.0, 1000)[:, None] * (x.upper - x.lower)
        values, lines = scalar.function(grid), jax.jit(scalar.lines)
        for place in (0.5, 0.9):
            line = lines(x, place)
            below, above = line.lower_slope * grid, line.upper_slope * grid
            slack = 1e-12 * (1.0 + jnp.abs(values) + jnp.abs(below) + jnp.abs(above))
            assert np.all(values >= below + line.lower_offset - slack)
            assert np.all(values <= above + line.upper_offset + slack)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exp", "tanh", "gelu", "silu", "sin"])
def test_lines_are_as_tight_as_the_envelope(name):
    """In the middle of the interval no line is farther from the envelope than a few percent of its depth there."""
    scalar, x = FUNCTIONS[name], intervals(name)
    x = jax.tree.map(lambda end: jnp.clip(end, -3.0, 3.0), x)
    x = verify.Interval(x.lower, jnp.maximum(x.upper, x.lower + 0.1))
    middle, lines = 0.5 * (x.lower + x.upper), scalar.lines(x, 0.5)
    t = jnp.linspace(0.0, 0.5, 200)
    left, right = (scalar.function(middle + s * t[:, None] * (x.upper - x.lower)) for s in (-1, 1))
    share = (t[:, None] / jnp.maximum(t[:, None] + t[None], 1e-9))[..., None]
    chords = right[None] * share + left[:, None] * (1.0 - share)
    for sign, slope, offset in (
        (1, lines.upper_slope, lines.upper_offset),
        (-1, lines.lower_slope, lines.lower_offset),
    ):
        envelope = (sign * chords).max((0, 1))
        depth = jnp.abs(scalar.function(middle) * sign - envelope) + (x.upper - x.lower) ** 2
        assert np.all(sign * (slope * middle + offset) - envelope <= 0.02 * depth + 1e-5)


def affine(key, inputs, outputs):
    return jax.random.normal(key, (outputs, inputs)) / inputs**0.5


W, U, V = (affine(key, 4, 8) for key in jax.random.split(KEY, 3))
KERNEL = 0.5 * jax.random.normal(KEY, (2, 1, 2, 2))


def normalised(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 0.1)


def attention(x):
    query, keys, values = (x @ m[:4].T for m in (W, U, V))
    return jax.nn.softmax(query @ keys.T) @ values


def gated(xs):
    def step(h, x):
        z, r = jnp.split(jax.nn.sigmoid(W @ x + U @ h), 2)
        return (1.0 - z) * h + z * jnp.tanh(V[:4] @ (r * h)), None

    return jax.lax.scan(step, jnp.zeros(4), xs)[0]


def pooled(x):
    y = jax.lax.conv_general_dilated(x[None, None], KERNEL, (1, 1), "SAME")
    y = jax.nn.relu(y * 1.3 - 0.2)
    y = jax.lax.reduce_window(y, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    return jax.lax.reduce_window(y, 0.0, jax.lax.add, (1, 1, 2, 1), (1, 1, 1, 1), "VALID").reshape(-1)


NETWORKS = {
    "residual": (lambda x: x + U.T @ jax.nn.gelu(W @ jax.nn.leaky_relu(x)), (4,)),
    "layer norm": (lambda x: W @ normalised(x), (4,)),
    "attention": (attention, (3, 4)),
    "recurrent": (gated, (2, 4)),
    "pooling": (pooled, (4, 4)),
    "periodic": (lambda x: jnp.sin(U.T @ jnp.cos(3.0 * W @ x)), (4,)),
    "quotient": (lambda x: x[0] / (1.0 + jnp.exp(x[1:])) + jnp.sqrt(1.0 + x[2] ** 2), (4,)),
    "extremes": (lambda x: jnp.maximum(x[:2], x[2:]) - jnp.min(jnp.abs(x)) + jnp.clip(x[0] * x[1], -0.1, 0.2), (4,)),
    "losses": (lambda x: jnp.stack([jax.nn.logsumexp(W @ x), jax.nn.log_softmax(U @ x)[3]]), (4,)),
    "branches": (lambda x: jnp.where(x > 0.2, x**3, jnp.tanh(x)) + jax.nn.softplus(x) * jax.nn.elu(x), (4,)),
}


@pytest.mark.parametrize("name", some_of(NETWORKS, "extremes"))
def test_bounds_of_networks_are_sound_and_ordered(name):
    f, shape = NETWORKS[name]
    centre = jax.random.normal(KEY, shape)
    methods = verify.IBP(), verify.ForwardLinear(), verify.CROWN(verify.IBP())
    for radius in (0.02, 0.4):
        inputs = verify.Box(centre - radius, centre + radius)
        assert_sound(f, inputs, *methods)
        bounds = [verify.bound(f, inputs, method) for method in methods]
        for found in bounds[1:]:
            assert np.all(bounds[0].lower <= found.lower + 1e-6)
            assert np.all(bounds[0].upper >= found.upper - 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_dear_methods_are_sound_and_ordered(name):
    f, shape = NETWORKS[name]
    centre = jax.random.normal(KEY, shape)
    methods = verify.CROWN(), verify.AlphaCROWN(steps=15), verify.PlainCROWN()
    for radius in (0.02, 0.4):
        inputs = verify.Box(centre - radius, centre + radius)
        if name not in ("attention", "quotient"):  # whose quotients have no bound without intervals
            assert_sound(f, inputs, methods[2])
        assert_sound(f, inputs, *methods[:2])
        crown, alpha = (verify.bound(f, inputs, method) for method in methods[:2])
        assert np.all(crown.lower <= alpha.lower + 1e-6)
        assert np.all(crown.upper >= alpha.upper - 1e-6)


@pytest.mark.slow
def test_softmax_is_found_and_stays_a_probability():
    found = verify.bound(jax.nn.softmax, verify.Box(np.full(4, -300.0), np.full(4, 300.0)), verify.CROWN())
    assert np.all((found.lower >= 0) & (found.upper <= 1.0))


def test_a_function_that_only_looks_alike_is_not_taken_for_it():
    def shifted(x):
        return x * jax.nn.sigmoid(1.1 * x)

    assert_sound(shifted, verify.Box(np.full(3, -4.0), np.full(3, 1.0)), verify.CROWN())


def test_a_registered_primitive_has_bounds():
    def f(x):
        return jax.lax.lgamma(x)

    inputs = verify.Box(np.float32([2.0]), np.float32([4.0]))
    verify.register("lgamma", scalar=verify.Scalar(jax.lax.lgamma, (1,), extrema=(1.4616321,)))
    assert_sound(f, inputs, verify.IBP(), verify.CROWN())
    with pytest.raises(TypeError, match="scalar or interval"):
        verify.register("lgamma")
    with pytest.raises(TypeError, match="name of a primitive"):
        verify.register(jnp.sin, interval=lambda equation, x: (x,))


@pytest.mark.parametrize("exponent", [2.0, pytest.param(3.0, marks=pytest.mark.slow)])
def test_a_whole_number_as_floating_exponent_takes_negative_bases(exponent):
    inputs = verify.Box(np.float32([-1.0]), np.float32([1.5]))
    assert_sound(lambda x: jax.lax.pow(x, exponent), inputs, verify.IBP(), verify.CROWN())


@pytest.mark.parametrize("exponent", [0.5, -2.0])
def test_a_base_beyond_the_domain_of_a_power_is_refused(exponent):
    with pytest.raises(ValueError, match="pow at"):
        verify.bound(
            lambda x: jax.lax.pow(x, exponent), verify.Box(np.float32([-1.0]), np.float32([1.5])), verify.IBP()
        )


def test_a_choice_by_what_is_not_known_is_undecided():
    # An infinite exponential times zero is NaN, with which every comparison is false.
    def overflowing(x):
        return jnp.stack([jnp.where(test, 1.0, 5.0) for test in tests(jnp.exp(100.0 * x[0]) * x[1])])

    def tests(z):
        return z > 0.0, z >= 1.0, z < 1.0, z <= 0.0, z == 0.0, z != 0.0

    found = verify.bound(overflowing, verify.Box(np.zeros(2), np.ones(2)), verify.IBP())
    np.testing.assert_array_equal([found.lower, found.upper], [np.ones(6), np.full(6, 5.0)])


def test_a_number_as_a_boolean_is_undecided_where_it_may_be_zero():
    low, high = np.float32([-1.0, 1.0, -2.0, 0.0, 0.0]), np.float32([1.0, 2.0, -1.0, 1.0, 0.0])
    found = verify.bound(lambda x: x * 0.0 + jnp.where(x.astype(bool), 1.0, 5.0), verify.Box(low, high), verify.IBP())
    np.testing.assert_array_equal(found.lower, [1.0, 1.0, 1.0, 1.0, 5.0])
    np.testing.assert_array_equal(found.upper, [5.0, 1.0, 1.0, 5.0, 5.0])


def test_choices_that_are_known_go_together_with_those_that_are_not():
    def chosen(x):
        return x * 0.0 + jnp.where(jnp.concatenate([jnp.array([True, False]), x[2:] > 0.0]), 1.0, 5.0)

    found = verify.bound(chosen, verify.Box(-np.ones(4, np.float32), np.float32([1.0, 1.0, 1.0, -0.5])), verify.IBP())
    np.testing.assert_array_equal(found.lower, [1.0, 5.0, 1.0, 5.0])
    np.testing.assert_array_equal(found.upper, [1.0, 5.0, 5.0, 5.0])


@pytest.mark.slow
def test_derivatives_of_networks_have_bounds():
    slope = jax.jacfwd(lambda x: jnp.tanh(W @ x))
    centre = 0.3 * jax.random.normal(KEY, (4,))
    assert_sound(slope, verify.Box(centre - 0.1, centre + 0.1), verify.CROWN(verify.IBP()))


PAIRS = {"product": jnp.multiply, "maximum": jnp.maximum, "minimum": jnp.minimum}


@pytest.mark.parametrize("name", sorted(PAIRS))
def test_planes_of_two_operands_hold_them(name):
    x, y, radius = jax.random.normal(KEY, (3, 500))
    sets = [verify.Interval(c - abs(radius), c + abs(radius)) for c in (x, y)]
    program = flatten(PAIRS[name], x, y)

    @jax.jit
    def gaps(place, steps):
        known = interpret(program, INTERVAL, sets)
        planes = relaxation(program.equations[-1], known, lambda equation, values: place)
        at = [x + abs(radius) * steps[0], y + abs(radius) * steps[1]]
        below = sum(a * z for a, z in zip(planes.lower, at, strict=True)) + planes.lower_offset
        above = sum(a * z for a, z in zip(planes.upper, at, strict=True)) + planes.upper_offset
        return PAIRS[name](*at) - below, above - PAIRS[name](*at)

    corners = np.random.default_rng(0).uniform(-1, 1, size=(40, 2, 500)).astype(np.float32).round(1)
    for place in (0.0, 0.3, 1.0):
        for steps in corners:
            for gap in gaps(jnp.float32(place), steps):
                assert np.all(gap >= -2e-5)
