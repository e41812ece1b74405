"""Operators of imaging: adjoints by the dot test, closed forms, masks, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import systems

KEY = jax.random.key(0)
MASK = systems.point_mask(KEY, (8, 8), acceleration=3)
OPERATORS = {
    "inpainting": systems.Inpainting(MASK),
    "blur": systems.Blur(jnp.arange(15.0).reshape(3, 5), (8, 8)),
    "subsampling": systems.Subsampling(2, (8, 8)),
    "MRI": systems.MRI(MASK),
    "coils": systems.MRI(systems.column_mask(KEY, (8, 8)), systems.coil_maps(4, (8, 8))),
    "complex": systems.MRI(MASK, systems.coil_maps(3, (8, 8)), complex_image=True),
    "two channels": systems.TwoChannel(systems.MRI(MASK, systems.coil_maps(3, (8, 8)), complex_image=True)),
    "volume": systems.Stack(systems.MRI(MASK, systems.coil_maps(2, (8, 8))), depth=3),
    "CT": systems.ParallelBeamCT(8, [0.0, 0.7, 2.0]),
}


def draw(key, like):
    real, imaginary = jax.random.normal(key, (2, *like.shape))
    return real + 1j * imaginary if jnp.issubdtype(like.dtype, jnp.complexfloating) else real


@pytest.mark.parametrize("name", OPERATORS)
def test_the_adjoint_is_the_adjoint(name):
    operator = OPERATORS[name]
    x = draw(jax.random.key(1), jax.ShapeDtypeStruct(operator.shape, operator.dtype))
    y = draw(jax.random.key(2), operator.measured)
    left = jnp.vdot(operator(x), y)
    right = jnp.vdot(x, operator.adjoint(y))
    if operator.dtype != jnp.complex64:  # the real inner product
        left = left.real
    assert complex(left) == pytest.approx(complex(right), rel=1e-5, abs=1e-5)
    assert operator.adjoint(y).dtype == operator.dtype


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_are_linear_and_can_be_mapped(name):
    operator = OPERATORS[name]
    x = jnp.stack([draw(jax.random.key(i), jax.ShapeDtypeStruct(operator.shape, operator.dtype)) for i in range(2)])
    both = jax.jit(jax.vmap(operator))(x)
    np.testing.assert_allclose(operator(2 * x[0] - x[1]), 2 * both[0] - both[1], atol=1e-4)


def test_full_k_space_of_normalised_coils_is_an_isometry():
    operator = systems.MRI(np.ones((8, 8), bool), systems.coil_maps(4, (8, 8)), complex_image=True)
    x = draw(KEY, jax.ShapeDtypeStruct((8, 8), jnp.complex64))
    np.testing.assert_allclose(operator.normal(x), x, atol=1e-5)


def test_maps_that_are_not_normalised_are_with_a_warning():
    with pytest.warns(UserWarning, match="maps are divided"):
        operator = systems.MRI(np.ones((8, 8), bool), 3.0 * systems.coil_maps(2, (8, 8)))
    np.testing.assert_allclose(jnp.square(jnp.abs(operator.maps)).sum(0), 1.0, atol=1e-5)


def test_blur_by_a_delta_is_the_image_and_by_a_shift_is_the_shift():
    x = jax.random.normal(KEY, (6, 6))
    np.testing.assert_allclose(systems.Blur([[1.0]], (6, 6))(x), x, atol=1e-6)
    shifted = systems.Blur([[0.0, 0.0, 1.0]], (6, 6))(x)
    np.testing.assert_allclose(shifted, jnp.roll(x, 1, axis=1), atol=1e-6)


def test_projections_keep_the_mass_and_have_the_symmetry_of_the_beam():
    side = np.linspace(-1, 1, 32)
    image = jnp.asarray(np.exp(-8 * (side[:, None] ** 2 + side[None] ** 2)), jnp.float32)
    ct = systems.ParallelBeamCT(32, np.linspace(0, np.pi, 7), scale=1.0)
    views = ct(image)
    np.testing.assert_allclose(views.sum(1), image.sum(), rtol=2e-3)
    np.testing.assert_allclose(views[0], views[-1][::-1], atol=1e-3)
    np.testing.assert_allclose(views, jnp.broadcast_to(views[0], views.shape), atol=0.02 * float(views.max()))


@pytest.mark.parametrize("make", [systems.column_mask, systems.point_mask])
@pytest.mark.parametrize("deviation", [np.inf, 1 / 3])
def test_masks_measure_their_share_and_the_centre(make, deviation):
    mask = make(KEY, (64, 64), acceleration=4, centre=0.1, deviation=deviation)
    assert mask.mean() == pytest.approx(0.25, abs=0.01)
    assert mask[0, 0]
    spread = np.abs(np.fft.fftfreq(64))[np.nonzero(mask)[1]].mean()
    uniform = np.abs(np.fft.fftfreq(64))[np.nonzero(make(KEY, (64, 64), 4, 0.1))[1]].mean()
    assert spread == uniform if np.isinf(deviation) else spread < uniform


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: systems.Inpainting(np.ones((2, 2))), TypeError, "mask must hold booleans"),
        (lambda: systems.Inpainting(np.zeros((2, 2), bool)), ValueError, "mask must be true somewhere"),
        (lambda: systems.Blur(np.ones((3, 3)), (2, 2)), ValueError, "kernel must have"),
        (lambda: systems.Subsampling(3, (8, 8)), ValueError, "shape must hold multiples"),
        (lambda: systems.MRI(MASK, np.ones((2, 3, 3), complex)), ValueError, "maps must have shape"),
        (lambda: systems.ParallelBeamCT(8, [np.nan]), ValueError, "angles must be finite"),
        (lambda: systems.column_mask(KEY, (8, 8), acceleration=0.5), ValueError, "acceleration must be"),
        (lambda: systems.point_mask(KEY, (8, 8), centre=2.0), ValueError, "centre must be"),
        (lambda: systems.point_mask(KEY, (8, 8), deviation=0.0), ValueError, "deviation must be"),
        (lambda: systems.coil_maps(0, (8, 8)), ValueError, "coils must be"),
        (lambda: systems.coil_maps(2, (8, 8, 8)), ValueError, "shape must have two axes"),
    ],
)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_two_channels_measure_what_the_complex_image_gives():
    complex_ = OPERATORS["complex"]
    image = draw(jax.random.key(1), jax.ShapeDtypeStruct((8, 8), jnp.complex64))
    channels = jnp.stack([image.real, image.imag])
    np.testing.assert_allclose(OPERATORS["two channels"](channels), complex_(image), atol=1e-6)
    back = OPERATORS["two channels"].adjoint(complex_(image))
    wanted = complex_.adjoint(complex_(image))
    np.testing.assert_allclose(back[0] + 1j * back[1], wanted, atol=1e-5)
    with pytest.raises(TypeError, match="operator must take complex images"):
        systems.TwoChannel(OPERATORS["coils"])


def test_a_stack_measures_every_slice():
    volume = jax.random.normal(KEY, (3, 8, 8))
    single = OPERATORS["volume"].operator
    np.testing.assert_allclose(OPERATORS["volume"](volume)[1], single(volume[1]), atol=1e-6)
