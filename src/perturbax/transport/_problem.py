"""The problem of a bridge: two distributions, known by samples, and the process that is to join them."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array, check_instance, check_number
from ._door import settle
from ._reference import AbstractLinearReference, AbstractReference, Brownian

# Moments and reports of a sampler are taken from this many points.
_DRAWN = 10_000


class BridgeProblem(eqx.Module):
    """The Schrödinger bridge problem: among all processes with the law of `x0` at time 0 and that of `x1` at time 1,
    find the one that is closest to the reference in Kullback-Leibler divergence.

    With the Brownian reference its ends solve entropic optimal transport,

        min over couplings of E |x_0 - x_1|^2 / 2 + eps KL(coupling | product of the ends).

    **Arguments:**

    - `x0`, `x1`: unpaired samples of shapes `(n, d)` and `(m, d)`, or samplers: functions `(key, n) -> (n, d)` that can
      be compiled.
    - `epsilon`: variance of the reference per unit of time, in the squared unit of the data. Small ones come close to
      optimal transport, large ones to the independent coupling.
    - `reference`: `Brownian()`, `OrnsteinUhlenbeck(rate, mean)` or `DriftReference(function)`, as far as the method
      takes it.

    **Raises:** `ValueError` or `TypeError` when the dimensions disagree or an argument is not what it should be.

    >>> BridgeProblem(np.zeros((5, 2)), np.ones((7, 2)), epsilon=0.1).size
    2
    """

    x0: Any
    x1: Any
    epsilon: Any
    reference: AbstractReference = Brownian()

    def __check_init__(self):
        check_number("epsilon", self.epsilon, minimum=0.0, exclusive=True)
        check_instance("reference", self.reference, AbstractReference, "a reference process such as Brownian()")
        sizes = [size_of(name, value) for name, value in (("x0", self.x0), ("x1", self.x1))]
        if sizes[0] != sizes[1]:
            raise ValueError(f"x1 must have the {sizes[0]} dimensions of x0, got {sizes[1]}")
        self.reference.check_size(sizes[0])

    @property
    def size(self) -> int:
        """The dimension `d`."""
        return size_of("x0", self.x0)

    def points(self, key: Any, most: int | None = None) -> tuple[Float[Array, "n d"], Float[Array, "m d"]]:
        """Points of both ends, as arrays: all samples or at most `most` of them, in random order; from samplers
        exactly `most`, which is 10 000 by default."""
        keys = jax.random.split(key)
        return _points(self.x0, keys[0], most), _points(self.x1, keys[1], most)

    def batches(self, size: int) -> "Batches":
        """A function of a key that draws `size` points of each end, independently and with replacement."""
        x0, x1 = (value if callable(value) else settle(value) for value in (self.x0, self.x1))
        return Batches(x0, x1, size)


class Batches(eqx.Module):
    """Draws of both ends for a step of training, inside of `jit`."""

    x0: Any
    x1: Any
    size: int

    def __call__(self, key: Any) -> tuple[Float[Array, "batch d"], Float[Array, "batch d"]]:
        keys = jax.random.split(key)
        return self._draw(self.x0, keys[0]), self._draw(self.x1, keys[1])

    def _draw(self, end: Any, key: Any) -> Float[Array, "batch d"]:
        if callable(end):
            return settle(end(key, self.size))
        index = jax.random.randint(key, (self.size,), 0, end.shape[0])
        return end.at[index].get(mode="promise_in_bounds")


class Frame(NamedTuple):
    """The means of both ends, and one standard deviation for both: the units in which things are fitted.

    One factor for all coordinates keeps the cost what it is, with `epsilon / scale^2`; a shift of each end adds to it
    nothing that depends on the coupling.
    """

    start: Float[np.ndarray, " d"]
    end: Float[np.ndarray, " d"]
    scale: float

    @classmethod
    def of(cls, x0: Any, x1: Any) -> "Frame":
        x0, x1 = (np.asarray(x, np.float64) for x in (x0, x1))
        start, end = x0.mean(0), x1.mean(0)
        scale = float(np.sqrt((np.square(x0 - start).mean() + np.square(x1 - end).mean()) / 2.0))
        if scale == 0.0:
            raise ValueError("x0 and x1 must not both be constant; their standard deviation is 0")
        return cls(start, end, scale)


def check_reference(problem: BridgeProblem, method: Any, kind: type[AbstractReference]) -> None:
    """Refuse a reference that a method cannot take."""
    if not isinstance(problem.reference, kind):
        name = type(method).__name__
        wanted = {
            Brownian: "the reference Brownian()",
            AbstractLinearReference: "Brownian() or OrnsteinUhlenbeck(...) as reference",
        }[kind]
        raise ValueError(f"{name} needs {wanted}, got {type(problem.reference).__name__}")


def size_of(name: str, value: Any) -> int:
    wanted = f"{name} must be samples of shape (n, d) or a sampler (key, n) -> (n, d)"
    if isinstance(value, type):
        raise TypeError(f"{wanted}, got the class {value.__name__}")
    if not callable(value):
        return check_array(name, value, ndim=2).shape[1]
    drawn = eqx.filter_eval_shape(lambda key: value(key, 3), jax.random.key(0))
    if not isinstance(drawn, jax.ShapeDtypeStruct) or len(drawn.shape) != 2 or drawn.shape[0] != 3:
        raise ValueError(f"{wanted}, got {getattr(drawn, 'shape', type(drawn).__name__)} for n = 3")
    return drawn.shape[1]


def _points(end: Any, key: Any, most: int | None) -> Float[Array, "n d"]:
    if callable(end):
        return settle(end(key, most or _DRAWN))
    end = settle(end)
    if most is None or end.shape[0] <= most:
        return end
    return end[jax.random.choice(key, end.shape[0], (most,), replace=False)]
