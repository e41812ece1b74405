"""Precision is scoped: nothing that happens inside changes what is outside."""

import jax
import jax.numpy as jnp
import pytest

from perturbax import core


def test_float64_ends_with_its_block_even_by_an_error():
    @core.float64()
    def fail():
        assert jnp.zeros(1).dtype == jnp.float64
        raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert jnp.zeros(1).dtype == jnp.float32


def test_it_decorates_and_nests():
    @core.float64()
    def inner():
        with core.precision("float32"):
            narrow = jnp.zeros(1).dtype
        return narrow, jnp.zeros(1).dtype

    for _ in range(2):
        assert inner() == (jnp.float32, jnp.float64)
    assert not jax.config.jax_enable_x64


def test_another_name_is_refused():
    # A TypeError where annotations are checked as well, as in this suite.
    with pytest.raises((ValueError, TypeError), match=r"name|precision"), core.precision("float16"):
        pass
