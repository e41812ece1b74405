"""Checks at the door of every public verb: each returns the settled value or raises an error that names the argument.

A message says what the argument must be and what came: `steps must be an integer >= 3, got 2`.
"""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


def check_integer(name: str, value: Any, *, minimum: int | None = None, maximum: int | None = None) -> int:
    """An integer in a range; booleans and floats are refused.

    **Arguments:** `name`: of the argument; `value`: what came; `minimum`, `maximum`: inclusive bounds.

    **Returns:** a Python `int`.

    **Raises:** `TypeError` when it is no integer, `ValueError` outside the range.

    >>> check_integer("steps", 10, minimum=3)
    10
    """
    wanted = "an integer" + _range_in_words(minimum, maximum, exclusive=False)
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be {wanted}, got {_shown(value)}")
    value = int(value)
    if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
        raise ValueError(f"{name} must be {wanted}, got {value}")
    return value


def check_number(
    name: str,
    value: Any,
    *,
    minimum: int | float | None = None,
    maximum: int | float | None = None,
    exclusive: bool = False,
    finite: bool = True,
) -> Any:
    """A real number in a range. A traced scalar passes as it is.

    **Arguments:** `name`: of the argument; `value`: what came; `minimum`, `maximum`: bounds, not attained when
    `exclusive`; `finite`: refuse infinities.

    **Returns:** a Python `float`, or the tracer.

    **Raises:** `TypeError` when it is no real number, `ValueError` when it is NaN, infinite or outside the range.

    >>> check_number("eta", 0.5, minimum=0.0, maximum=1.0)
    0.5
    """
    if isinstance(value, Tracer) and value.shape == ():
        return value
    wanted = "a number" + _range_in_words(minimum, maximum, exclusive)
    if hasattr(value, "shape") and value.shape == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be {wanted}, got {_shown(value)}")
    number = float(value)
    low = minimum is not None and (number < minimum or (exclusive and number == minimum))
    high = maximum is not None and (number > maximum or (exclusive and number == maximum))
    if math.isnan(number) or (finite and math.isinf(number)) or low or high:
        raise ValueError(f"{name} must be {wanted}, got {number:g}")
    return number


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> Any:
    """One of a few values.

    **Arguments:** `name`: of the argument; `value`: what came; `choices`: what may come.

    **Returns:** the value.

    **Raises:** `ValueError` for anything else.

    >>> check_choice("final", "zero", ("zero", "eps"))
    'zero'
    """
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise ValueError(f"{name} must be {' or '.join(map(repr, choices))}, got {_shown(value)}")
    return value


def check_instance(name: str, value: Any, types: Any, wanted: str) -> Any:
    """An object of a type.

    **Arguments:** `name`: of the argument; `value`: what came; `types`: as for `isinstance`; `wanted`: the type in
    words.

    **Returns:** the value.

    **Raises:** `TypeError` for another type; says so when a class came in the place of an object.

    >>> check_instance("name", "x", str, "a text")
    'x'
    """
    if isinstance(value, types):
        return value
    if isinstance(value, type) and issubclass(value, types):
        raise TypeError(f"{name} must be {wanted}, got the class {value.__name__}; did you mean {value.__name__}()?")
    raise TypeError(f"{name} must be {wanted}, got {_shown(value)}")


def check_array(
    name: str,
    value: Any,
    *,
    shape: tuple[int | None, ...] | None = None,
    ndim: int | None = None,
    finite: bool = True,
    nonempty: bool = True,
    kind: str = "floating",
) -> Any:
    """An array of numbers of a shape. JAX arrays stay JAX arrays, everything else becomes NumPy.

    **Arguments:**

    - `name`: of the argument; `value`: an array or nested lists.
    - `shape`: wanted shape, `None` for a free axis; `ndim`: wanted number of axes.
    - `finite`: refuse NaN and infinities (not looked at in traced arrays); `nonempty`: refuse arrays without elements.
    - `kind`: `"floating"` (integers in lists are made floating, integer arrays are refused), `"integer"`, `"number"`
      (real or complex) or `"any"`.

    **Returns:** the array.

    **Raises:** `TypeError` for another kind, `ValueError` for another shape, an empty or a non-finite array.

    >>> check_array("x", [[1.0, 2.0]], shape=(None, 2)).shape
    (1, 2)
    """
    array = value if isinstance(value, jax.Array) else _as_numpy(name, value)
    if not hasattr(value, "dtype") and kind == "floating" and array.dtype.kind in "iu":
        array = array.astype(np.float64)
    if not _is_of_kind(array, kind):
        raise TypeError(f"{name} must be an array of kind {kind}, got dtype {array.dtype}")
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} axes, got shape {tuple(array.shape)}")
    if shape is not None and not _fits(array.shape, shape):
        sizes = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} must have shape ({sizes}{',' * (len(shape) == 1)}), got {tuple(array.shape)}")
    if nonempty and 0 in array.shape:
        raise ValueError(f"{name} must not be empty, got shape {tuple(array.shape)}")
    if finite and kind != "any" and not isinstance(array, Tracer) and not _all_finite(array):
        count = np.size(array) - np.count_nonzero(np.isfinite(np.asarray(array)))
        raise ValueError(f"{name} must be finite, got {count} NaN or infinite of {np.size(array)} values")
    return array


def check_key(name: str, value: Any) -> Any:
    """A JAX PRNG key, typed or of the old kind.

    **Arguments:** `name`: of the argument; `value`: what came.

    **Returns:** the key.

    **Raises:** `TypeError` for anything else, `ValueError` for a batch of keys.

    >>> import jax
    >>> check_key("key", jax.random.key(0)).shape
    ()
    """
    wanted = f"{name} must be one JAX PRNG key such as jax.random.key(0)"
    if not isinstance(value, jax.Array):
        raise TypeError(f"{wanted}, got {_shown(value)}")
    if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
        if value.shape != ():
            raise ValueError(f"{wanted}, got a batch of keys of shape {value.shape}")
        return value
    if value.dtype != np.uint32 or value.shape != (2,):
        raise TypeError(f"{wanted}, got an array of dtype {value.dtype} and shape {value.shape}")
    return value


def _as_numpy(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be an array or nested lists of equal lengths: {error}") from None
    except (TypeError, RuntimeError) as error:  # such as a torch tensor that requires grad
        raise TypeError(f"{name} must be an array of numbers, got {type(value).__name__}: {error}") from None
    if array.dtype.kind in "OSUMm":
        raise TypeError(f"{name} must be an array of numbers, got {_shown(value)}")
    return array


def _is_of_kind(array: Any, kind: str) -> bool:
    if kind == "floating":
        return jax.dtypes.issubdtype(array.dtype, np.floating)
    if kind == "integer":
        return jax.dtypes.issubdtype(array.dtype, np.integer)
    if kind == "number":
        return jax.dtypes.issubdtype(array.dtype, np.number)
    return True


def _all_finite(array: Any) -> bool:
    # NumPy looks at a CPU array of JAX in place, where JAX would compile for every shape; from another device it would
    # copy the whole array.
    xp: Any = np if _on_host(array) else jnp
    return bool(xp.isfinite(array).all())


def _on_host(array: Any) -> bool:
    return isinstance(array, np.ndarray) or all(device.platform == "cpu" for device in array.devices())


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(w is None or s == w for s, w in zip(shape, wanted, strict=True))


def _range_in_words(minimum: int | float | None, maximum: int | float | None, exclusive: bool) -> str:
    if minimum is not None and maximum is not None:
        brackets = "()" if exclusive else "[]"
        return f" in {brackets[0]}{minimum:g}, {maximum:g}{brackets[1]}"
    if minimum is not None:
        return f" {'>' if exclusive else '>='} {minimum:g}"
    if maximum is not None:
        return f" {'<' if exclusive else '<='} {maximum:g}"
    return ""


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
