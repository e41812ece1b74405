"""`verify`: a proof of a safety property, or a counterexample. The verb, its solution and the base of its methods."""

import abc
import os
from typing import Any

import equinox as eqx
import numpy as np

from ..core import Method, check_instance, check_key, float64
from ._query import Verification


class Verdict(eqx.Module):
    """What `verify` returns.

    - `status`: `"verified"`, `"falsified"` or `"unknown"`.
    - `counterexample`, `output`: for `"falsified"` an input of the problem's shape in float64 and what `f` is there,
      checked in float64 without tolerance, and by the `original` when the problem has one; else `None`.
    - `reason`: for `"unknown"` what stopped the search.
    - `stats`: `"evaluations"`, the subdomains that were bounded; `"attack_evaluations"`, the points that projected
      gradient descent looked at; `"open"`, the subdomains that are left; `"proved"`, the part of the whole that is
      proved, from 0 to 1, where a split halves; `"seconds"`, with compilation.
    """

    status: str = eqx.field(static=True)
    counterexample: np.ndarray | None
    output: np.ndarray | None
    reason: str = eqx.field(static=True)
    stats: dict[str, Any]


class AbstractVerifier(Method):
    """A method of `verify.verify`."""

    @abc.abstractmethod
    def search(self, problem: Verification, key: Any, checkpoint: Any) -> Verdict:
        """Decide the problem. Called under `float64()`."""


def verify(
    problem: Verification,
    method: AbstractVerifier,
    *,
    key: Any,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Verdict:
    """Prove that no input of a property's boxes has an unsafe output, or find one that has.

    All is computed in float64, and `"verified"` is only said where bounds exceed the `margin` of the method. That is
    far above rounding errors of networks of ordinary size, but no directed rounding: the verdict is about the function
    in real arithmetic. `"falsified"` is checked on the function itself.

    **Arguments:**

    - `problem`: the function and the property.
    - `method`: `InputSplitting()` for few inputs, `ActivationSplitting()` for many inputs and piecewise linear
      networks.
    - `key`: of the starting points of the attack that comes first.
    - `checkpoint`: a file where an unfinished search is kept, to go on from when it is there. It needs a function whose
      content can be told, such as a module or a file that was read; else `TypeError`.

    **Returns:** a `Verdict`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit, a checkpoint of another problem, or a function
    that `verify.bound` refuses.

    >>> import jax
    >>> from perturbax import verify
    >>> problem = verify.Verification(lambda x: x**2 - x, verify.unsafe_box([0.0], [1.0], [[1.0]], [-0.3]))
    >>> verify.verify(problem, verify.InputSplitting(), key=jax.random.key(0)).status
    'verified'
    """
    check_instance("problem", problem, Verification, "a verify.Verification")
    check_instance("method", method, AbstractVerifier, "a method such as InputSplitting()")
    check_key("key", key)
    with float64():
        return method.search(problem, key, checkpoint)
