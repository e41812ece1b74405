"""Dyadic numbers: close to their ratios, and products that agree with exact integers bit for bit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax import core
from perturbax.optimize._dyadic import dyadic, multiply

LIMIT = 2**31 - 1
product = jax.jit(multiply, static_argnums=(3, 4))


def exact(z, m, e, low=-LIMIT, high=LIMIT):
    return [
        min(max((int(a) * int(b) + (1 << (int(c) - 1))) >> int(c), low), high) for a, b, c in zip(z, m, e, strict=True)
    ]


def test_products_are_those_of_exact_integers():
    rng = np.random.default_rng(0)
    size = 20_000
    z = rng.integers(-(2**31), 2**31, size) >> rng.integers(0, 31, size)
    m, e = rng.integers(2**30, 2**31 + 1, size), rng.integers(1, 63, size)
    edges = [-(2**31), -(2**31) + 1, -3, -2, -1, 0, 1, 2, 3, LIMIT]
    z[: 10 * 62 * 2] = np.tile(np.repeat(edges, 62), 2)
    e[: 10 * 62 * 2], m[: 10 * 62 * 2] = np.tile(np.arange(1, 63), 20), np.repeat([2**30, 2**31], 620)
    arrays = z.astype(np.int32), m.astype(np.uint32), e.astype(np.int32)
    assert np.asarray(product(*arrays, -LIMIT, LIMIT)).tolist() == exact(z, m, e)
    assert np.asarray(product(*arrays, -8, 7)).tolist() == exact(z, m, e, -8, 7)


@given(st.integers(-(2**31), LIMIT), st.floats(2.0**-31, 2.0**29))
def test_a_product_is_the_nearest_integer(z, ratio):
    m, e = dyadic(ratio)
    assert 1 <= e <= 62
    assert abs(int(m) * 2.0 ** -int(e) / ratio - 1.0) <= 2.0**-31
    found = int(product(jnp.asarray(z, jnp.int32), m, e, -LIMIT, LIMIT))
    assert abs(found - min(max(z * (int(m) / 2 ** int(e)), -LIMIT), LIMIT)) <= 0.5


def test_rounding_in_float64_differs_at_ties_only_and_by_one():
    rng = np.random.default_rng(1)
    z, ratio = rng.integers(-(2**20), 2**20, 50_000), np.exp(rng.uniform(-12.0, 0.0, 50_000))
    z[:100], ratio[:100] = np.arange(-50, 50), 0.5
    m, e = dyadic(ratio)
    ours = np.asarray(product(z.astype(np.int32), m, e, -LIMIT, LIMIT))
    scaled = z * (m / 2.0**e)
    apart = ours - np.round(scaled)
    assert np.abs(apart).max() == 1
    assert np.abs(np.abs(scaled - np.floor(scaled)) - 0.5)[apart != 0].max() < 1e-3


def test_products_need_neither_float_nor_int64():
    shapes = [jax.ShapeDtypeStruct((3, 4), jnp.int32), jax.ShapeDtypeStruct((4,), jnp.uint32)]
    shapes.append(jax.ShapeDtypeStruct((4,), jnp.int32))
    assert core.find_floats(lambda z, m, e: multiply(z, m, e, 0, 15), *shapes) == ()
    widths = {
        v.dtype.itemsize for q in core.flatten(lambda *a: multiply(*a, 0, 15), *shapes).equations for v in q.outputs
    }
    assert max(widths) == 4
    with core.float64():
        m, e = dyadic(np.full(4, 0.3))
        wide = product(jnp.full((3, 4), -100, jnp.int32), jnp.asarray(m), jnp.asarray(e), -LIMIT, LIMIT)
    assert wide.dtype == jnp.int32
    assert np.unique(wide).tolist() == [-30]


def test_ratios_out_of_range():
    m, e = dyadic([2.0**-40, 2.0**-32])
    assert (int(m[0]), int(e[0]), int(e[1])) == (0, 1, 62)
    for bad in (0.0, -1.0, 2.0**30, np.inf, np.nan):
        with pytest.raises(ValueError, match="ratio must be"):
            dyadic([0.5, bad])
