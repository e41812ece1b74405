"""A digest is one of content: stable between processes, different for different values."""

import functools
import os
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax.core import digest

SCRIPT = """
import enum, functools, jax, numpy as np, equinox as eqx
from perturbax import core
class Colour(enum.Enum):
    RED = 1
def f(x, y={"a", "b", "c"}):
    return x in {"p", "q", "r"}
value = {"z": 1, "a": (2.5, None, "text", b"bytes", True), "set": {"one", "two", "three"}, "array": np.arange(6.0),
    "key": jax.random.key(3), "model": eqx.nn.Linear(2, 2, key=jax.random.key(0)), "enum": Colour.RED, "f": f,
    "partial": functools.partial(f, y=1), "builtin": len, "type": dict, "dtype": np.dtype("float32"), "jit": jax.jit(f)}
print(core.digest(value))
"""

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_it_is_stable_between_processes_with_other_hash_seeds():
    def run(seed):
        return subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    first = run("1")
    assert len(first) == 65
    assert first == run("77")


@given(values, values)
def test_equal_exactly_when_the_content_is(a, b):
    assert digest(a) == digest(a)
    # Python's repr tells 1, 1.0, True and -0.0 apart where == does not; the order of a dictionary does not count.
    assert (digest(a) == digest(b)) == (canonical(a) == canonical(b))


def canonical(value):
    if isinstance(value, dict):
        return sorted((key, canonical(item)) for key, item in value.items()).__repr__()
    return repr([canonical(item) for item in value]) if isinstance(value, list) else repr(value)


def test_arrays_count_by_dtype_shape_and_content():
    base = np.arange(6.0)
    others = [base.reshape(2, 3), base.astype(np.float32), base + 1, base.tolist(), np.arange(6), base.reshape(3, 2)]
    assert len({digest(x) for x in [base, *others]}) == 7
    assert digest(base) == digest(base.copy()) == digest(np.arange(12.0)[::2] / 2)
    assert digest(jnp.ones(2, jnp.bfloat16)) != digest(jnp.ones(2, jnp.float16))


def test_functions_count_by_source_defaults_and_what_they_close_over():
    def make(factor, shift=0.0):
        def scaled(x, by=shift):
            return factor * x + by

        return scaled

    assert digest(make(2)) == digest(make(2))
    assert len({digest(f) for f in (make(2), make(3), make(2, 1.0), jax.jit(make(2)), make)}) == 5
    assert digest(jax.jit(make(2))) == digest(jax.jit(make(2)))
    assert digest(functools.partial(make, 2)) != digest(functools.partial(make, 3))


def test_a_function_that_calls_itself_ends():
    def factorial(n):
        return 1 if n == 0 else n * factorial(n - 1)

    assert digest(factorial) == digest(factorial)


def test_modules_count_by_type_and_fields():
    key = jax.random.key(0)
    linear = eqx.nn.Linear(2, 2, key=key)
    assert digest(linear) == digest(eqx.nn.Linear(2, 2, key=key))
    assert digest(linear) != digest(eqx.tree_at(lambda m: m.bias, linear, linear.bias + 1))


def test_what_has_no_content_is_refused_by_type():
    with pytest.raises(TypeError, match="a digest of generator is not defined"):
        digest(x for x in ())
    with pytest.raises(TypeError, match="array of objects"):
        digest(np.array([None]))
    with pytest.raises(TypeError, match="outside of jit"):
        jax.jit(digest)(1.0)
