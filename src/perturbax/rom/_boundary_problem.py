"""What is known of a submodel: traces on its boundary from full solutions, their parameters, and its stiffness."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Bool, Float, Float32

from ..core import check_array, check_instance, check_integer, check_key
from ._submodel import LinearSubmodel

# Components that vary less than this share of the one that varies most are held, and not generated.
_CONSTANT = 1e-9
# Share of the variance that the modes of the effective rank hold, and traces that each of them should have.
_RANK_VARIANCE, TRACES_PER_MODE = 0.99, 10


class Standardised(NamedTuple):
    """Traces and parameters as methods see them, to fit by and to choose by: centred, the traces divided by one number,
    each parameter by its own."""

    u: Float32[np.ndarray, "n d"]
    p: Float32[np.ndarray, "n q"]
    held_u: Float32[np.ndarray, "m d"]
    held_p: Float32[np.ndarray, "m q"]


class SubmodelProblem(eqx.Module):
    """The problem of generating boundary traces of a submodel.

    **Arguments:**

    - `traces`: displacements on the boundary from full solutions, shape `(n, d_b)`. Components that are constant are
      not generated but put back.
    - `parameters`: known parameters of these solutions, such as loads, shape `(n, q)`; `None` when there are none.
      What is not among them is uncertainty that a generator has to reproduce.
    - `submodel`: its stiffness, for quantities of interest; `None` when only traces are wanted.
    - `validation`: how many traces are set aside to choose between fits; an eighth of them when `None`.

    **Raises:** `TypeError`, `ValueError` when shapes do not fit, a value is not finite, nothing varies, a parameter is
    constant, or less than two traces are left to fit.

    >>> problem = SubmodelProblem([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0], [6.0, 1.0]], [[0.0], [1.0], [2.0], [3.0]])
    >>> problem.varying.tolist(), problem.scale.round(2).tolist()
    ([True, False], 2.24)
    """

    traces: Float[np.ndarray, "n d_b"]
    parameters: Float[np.ndarray, "n q"]
    submodel: LinearSubmodel | None
    validation: int
    varying: Bool[np.ndarray, " d_b"]
    centre: Float[np.ndarray, " d_b"]
    scale: np.float64
    parameter_centre: Float[np.ndarray, " q"]
    parameter_scale: Float[np.ndarray, " q"]

    def __init__(
        self,
        traces: Any,
        parameters: Any = None,
        submodel: LinearSubmodel | None = None,
        validation: int | None = None,
    ):
        self.traces = np.asarray(check_array("traces", traces, ndim=2), np.float64)
        count = len(self.traces)
        given = np.zeros((count, 0)) if parameters is None else parameters
        settled = check_array("parameters", given, shape=(count, None), nonempty=False)
        self.parameters = np.asarray(settled, np.float64)
        if submodel is not None:
            check_instance("submodel", submodel, LinearSubmodel, "a rom.LinearSubmodel(...)")
            if submodel.size != self.traces.shape[1]:
                raise ValueError(
                    f"traces must have {submodel.size} columns, as many as the submodel has boundary components, got "
                    f"{self.traces.shape[1]}"
                )
        self.submodel = submodel
        self.validation = count // 8 if validation is None else check_integer("validation", validation, minimum=0)
        if count - self.validation < 2:
            raise ValueError(f"traces must leave two or more to fit, got {count} with {self.validation} set aside")
        spread = self.traces.std(0)
        self.varying = spread > _CONSTANT * spread.max()
        if not self.varying.any():
            raise ValueError("traces must vary, all rows are equal")
        self.centre = self.traces.mean(0)
        self.scale = np.sqrt(np.square(spread[self.varying]).mean())
        self.parameter_centre, self.parameter_scale = self.parameters.mean(0), self.parameters.std(0)
        constant = np.flatnonzero(self.parameter_scale <= _CONSTANT * np.abs(self.parameters).max(0, initial=0.0))
        if constant.size:
            raise ValueError(f"parameters must vary, column {constant[0]} is constant: leave it out")

    @classmethod
    def sampled(
        cls,
        full_model: Callable[[Any], tuple[Any, Any]],
        count: int,
        *,
        key: Any,
        submodel: LinearSubmodel | None = None,
        validation: int | None = None,
    ) -> "SubmodelProblem":
        """The problem from full solutions that are made now.

        **Arguments:** `full_model`: `full_model(key)` gives a trace `(d_b,)` and its parameters `(q,)`; `count`: how
        many; `key`: JAX PRNG key; the others as above.

        **Returns:** a `SubmodelProblem`.
        """
        if not callable(full_model):
            raise TypeError(f"full_model must be callable as full_model(key), got {type(full_model).__name__}")
        keys = jax.random.split(check_key("key", key), check_integer("count", count, minimum=2))
        found = [full_model(each) for each in keys]
        traces, parameters = (np.stack([np.asarray(pair[i], np.float64) for pair in found]) for i in (0, 1))
        return cls(traces, parameters, submodel, validation)

    @property
    def effective_rank(self) -> int:
        """How many principal components hold 99 % of the variance."""
        squares = np.square(np.linalg.svd(self.traces - self.centre, compute_uv=False))
        return int(np.searchsorted(np.cumsum(squares), _RANK_VARIANCE * squares.sum()) + 1)

    def standardised(self) -> Float[np.ndarray, "n d"]:
        """Traces in units of `scale` around their mean, without constant components."""
        return ((self.traces - self.centre) / self.scale)[:, self.varying]

    def split(self, key: Any) -> Standardised:
        """A random part to choose by, and the rest to fit."""
        order = np.asarray(jax.random.permutation(key, len(self.traces)))
        u = self.standardised().astype(np.float32)[order]
        p = ((self.parameters - self.parameter_centre) / self.parameter_scale).astype(np.float32)[order]
        held = self.validation
        return Standardised(u[held:], p[held:], u[:held], p[:held])
