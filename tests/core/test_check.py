"""Door checks: what passes is settled, what does not is refused by name with what came and what is wanted."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax import core


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(-5, 5))
def test_an_integer_passes_exactly_in_its_range(value, low, high):
    for given_ in (value, np.int32(value), np.uint8(value) if value >= 0 else value):
        if low <= value <= high:
            assert type(core.check_integer("n", given_, minimum=low, maximum=high)) is int
        else:
            with pytest.raises(ValueError, match=rf"n must be an integer in \[{low}, {high}\], got {value}"):
                core.check_integer("n", given_, minimum=low, maximum=high)


@pytest.mark.parametrize("value", [True, np.True_, 2.0, "2", None, [2], np.array([2])])
def test_what_is_no_integer_is_a_type_error(value):
    with pytest.raises(TypeError, match=r"steps must be an integer >= 3, got .*\("):
        core.check_integer("steps", value, minimum=3)


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), jnp.array(0.5), np.array(0.5)])
def test_numbers_of_all_kinds_become_floats(value):
    assert core.check_number("x", value) == 0.5
    assert type(core.check_number("x", value)) is float


@pytest.mark.parametrize(
    ("options", "value", "message"),
    [
        ({}, np.nan, "x must be a number, got nan"),
        ({}, np.inf, "x must be a number, got inf"),
        ({"minimum": 0.0, "exclusive": True}, 0.0, "x must be a number > 0, got 0"),
        ({"maximum": 1.0}, 1.5, "x must be a number <= 1, got 1.5"),
        ({"minimum": 0.0, "maximum": 1.0}, -1, r"x must be a number in \[0, 1\], got -1"),
        ({"minimum": 0.0, "finite": False}, np.nan, "x must be a number >= 0, got nan"),
    ],
)
def test_numbers_out_of_range_are_refused(options, value, message):
    with pytest.raises(ValueError, match=message):
        core.check_number("x", value, **options)


def test_numbers_may_be_infinite_and_traced_when_that_makes_sense():
    assert core.check_number("x", np.inf, minimum=0.0, finite=False) == np.inf
    assert jax.jit(lambda x: core.check_number("x", x, minimum=0.0) + 1.0)(-1.0) == 0.0
    for value in (True, "1", None, 1j, np.ones(2)):
        with pytest.raises(TypeError, match="x must be a number"):
            core.check_number("x", value)


def test_choices_are_strict():
    assert core.check_choice("final", "zero", ("zero", "eps")) == "zero"
    with pytest.raises(ValueError, match=r"final must be 'zero' or 'eps', got 'none' \(str\)"):
        core.check_choice("final", "none", ("zero", "eps"))
    with pytest.raises(ValueError, match="order must be 1 or 2, got True"):
        core.check_choice("order", True, (1, 2))


def test_a_class_in_the_place_of_an_object_is_explained():
    with pytest.raises(TypeError, match=r"got the class dict; did you mean dict\(\)\?"):
        core.check_instance("method", dict, dict, "a mapping")


def test_arrays_keep_their_framework():
    assert isinstance(core.check_array("x", jnp.ones(2)), jax.Array)
    assert isinstance(core.check_array("x", np.ones(2, np.float32)), np.ndarray)
    assert core.check_array("x", [1, 2]).dtype == np.float64
    assert core.check_array("x", jnp.ones(2, jnp.bfloat16)).dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("value", "options", "error", "message"),
    [
        (np.ones((2, 3)), {"shape": (None, 2)}, ValueError, r"x must have shape \(any, 2\), got \(2, 3\)"),
        (np.ones(3), {"shape": (2,)}, ValueError, r"x must have shape \(2,\), got \(3,\)"),
        (np.ones(3), {"ndim": 2}, ValueError, r"x must have 2 axes, got shape \(3,\)"),
        (np.ones((0, 2)), {}, ValueError, r"x must not be empty, got shape \(0, 2\)"),
        (np.array([1.0, np.nan, np.inf]), {}, ValueError, "x must be finite, got 2 NaN or infinite of 3 values"),
        (jnp.array([jnp.nan]), {}, ValueError, "x must be finite"),
        (np.array([1, 2]), {}, TypeError, "x must be an array of kind floating, got dtype int64"),
        (np.array([1.0]), {"kind": "integer"}, TypeError, "x must be an array of kind integer, got dtype float64"),
        ([[1.0], [1.0, 2.0]], {}, ValueError, "x must be an array or nested lists of equal lengths"),
        (np.array([None]), {}, TypeError, "x must be an array of numbers"),
        ("text", {"kind": "any"}, TypeError, "x must be an array of numbers"),
        (None, {}, TypeError, "x must be an array of numbers"),
        (jax.random.key(0), {}, TypeError, "x must be an array of kind floating"),
    ],
)
def test_bad_arrays_are_refused(value, options, error, message):
    with pytest.raises(error, match=message):
        core.check_array("x", value, **options)


def test_an_array_on_a_device_is_looked_at_there(monkeypatch):
    check = importlib.import_module("perturbax.core._check")
    good, bad = jnp.ones((2, 3)), jnp.array([1.0, jnp.inf])

    def refusing(function):
        def call(array, *arguments, **options):
            assert array is not good, "copied to the host"
            return function(array, *arguments, **options)

        return call

    monkeypatch.setattr(check, "_on_host", lambda array: False)
    with monkeypatch.context() as patch:
        for name in ("asarray", "isfinite"):
            patch.setattr(np, name, refusing(getattr(np, name)))
        assert core.check_array("x", good) is good
    with pytest.raises(ValueError, match="x must be finite, got 1 NaN or infinite of 2 values"):
        core.check_array("x", bad)


def test_a_traced_array_passes_with_its_shape_checked():
    assert jax.jit(lambda x: core.check_array("x", x, shape=(2,)))(jnp.array([jnp.nan, 1.0])).shape == (2,)
    with pytest.raises(ValueError, match="x must have shape"):
        jax.jit(lambda x: core.check_array("x", x, shape=(3,)))(jnp.ones(2))


def test_keys_of_both_kinds_pass_and_nothing_else():
    for key in (jax.random.key(0), jax.random.PRNGKey(0)):
        assert core.check_key("key", key) is key
    for bad in (0, None, np.zeros(2, np.uint32), jnp.zeros(2), jnp.zeros(3, jnp.uint32)):
        with pytest.raises(TypeError, match=r"key must be one JAX PRNG key such as jax.random.key\(0\), got"):
            core.check_key("key", bad)
    with pytest.raises(ValueError, match=r"batch of keys of shape \(2,\)"):
        core.check_key("key", jax.random.split(jax.random.key(0)))
