"""What every exported method of every package promises, checked for all of them in the same way.

A package with methods says in `tests/conformance/<package>.py` how they are tried, with three functions:

- `make(cls) -> method`: the smallest useful instance of a method's class (usually `cls()` with few steps);
- `run(method, key) -> pytree`: the method on a tiny problem, through the package's public verb;
- `poison(method, key) -> dict`: for each input of that verb, by its name, a function without arguments that makes the
  same call with that input made non-finite. The call must raise an error that names the input.

A new method of a package that is here already needs nothing: it is tried as soon as it is exported.
"""

import dataclasses
import doctest
import importlib.util
import math
from functools import cache
from pathlib import Path

import jax
import numpy as np
import pytest

from perturbax import core

METHODS = core.registered_methods()
TABLES = Path(__file__).parent / "conformance"

every_method = pytest.mark.parametrize("name", sorted(METHODS))


@cache
def table(name: str):
    """The package's module in tests/conformance."""
    package = name.split(".")[0]
    path = TABLES / f"{package}.py"
    assert path.is_file(), f"{name} is exported, so {path.relative_to(TABLES.parent.parent)} must say how to try it"
    spec = importlib.util.spec_from_file_location(f"conformance_{package}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fields_of(cls):
    return [field for field in dataclasses.fields(cls) if field.init]


def test_there_are_methods():
    assert METHODS


@every_method
def test_frozen(name):
    cls = METHODS[name]
    method = table(name).make(cls)
    for field in fields_of(cls):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(method, field.name, getattr(method, field.name))


@every_method
def test_documented(name):
    cls = METHODS[name]
    text = cls.__dict__.get("__doc__") or ""
    assert text.strip(), f"{name} has no docstring of its own"
    assert "**Returns:**" in text or "**Raises:**" in text
    assert "source:" in text.lower(), "the docstring names its source: paper and equation or algorithm"
    if fields_of(cls):
        assert "**Arguments:**" in text
    undocumented = [field.name for field in fields_of(cls) if f"`{field.name}`" not in text]
    assert not undocumented, f"arguments that the docstring of {name} does not explain: {undocumented}"


@every_method
def test_citable(name):
    cls = METHODS[name]
    entry = core.cite(cls)
    assert entry.startswith("@")
    assert core.cite(table(name).make(cls)) == entry


@every_method
def test_example_runs(name):
    cls = METHODS[name]
    examples = doctest.DocTestParser().get_doctest(cls.__doc__ or "", {}, name, None, None)
    assert examples.examples, f"the docstring of {name} has no example"
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    result = runner.run(examples, out=said.append)
    assert result.failed == 0, "".join(said)


@every_method
def test_same_key_same_answer(name):
    method = table(name).make(METHODS[name])
    key = jax.random.key(7)
    first, second = (jax.tree.leaves(table(name).run(method, key)) for _ in range(2))
    assert len(first) == len(second) > 0
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@every_method
def test_non_finite_input_is_refused_by_name(name):
    method = table(name).make(METHODS[name])
    calls = table(name).poison(method, jax.random.key(7))
    assert calls
    for argument, call in calls.items():
        with pytest.raises((ValueError, TypeError)) as caught:
            call()
        assert argument in str(caught.value), f"the message does not name {argument}: {caught.value}"


@every_method
def test_non_finite_hyper_parameter_is_refused_by_name(name):
    method = table(name).make(METHODS[name])
    for field in fields_of(METHODS[name]):
        value = getattr(method, field.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        with pytest.raises((ValueError, TypeError)) as caught:
            dataclasses.replace(method, **{field.name: math.nan})
        assert field.name in str(caught.value), f"the message does not name {field.name}: {caught.value}"
