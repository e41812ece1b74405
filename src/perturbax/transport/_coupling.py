"""The problem of an interpolant: samples of two distributions, and how they are paired."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ..core import check_array, check_instance, check_integer, check_number
from ._bridge import Bridge
from ._door import settle
from ._entropic import entropic_potential
from ._path import AbstractPath
from ._problem import size_of

# Units and starts of a sampler are taken from this many points.
_DRAWN = 10_000


class Pairs(NamedTuple):
    """Draws of a coupling; `condition` belongs to `x1`."""

    x0: Float[Array, "n d"]
    x1: Float[Array, "n d"]
    condition: Float[Array, "n c"] | None


class Ends(eqx.Module):
    """The two distributions inside of `jit`: rows, samplers, or `None` where noise is the start."""

    x0: Any
    x1: Any
    condition: Any

    def first(self, key: Any, n: int) -> Float[Array, "n d"]:
        return _draw(self.x0, key, n)[0]

    def second(self, key: Any, n: int) -> tuple[Float[Array, "n d"], Float[Array, "n c"] | None]:
        x1, index = _draw(self.x1, key, n)
        return x1, None if self.condition is None else self.condition[index]


class AbstractPairing(eqx.Module):
    """How starts and ends are paired for training."""

    @abc.abstractmethod
    def draw(self, ends: Ends, key: Any, n: int) -> Pairs:
        """`n` pairs, inside of `jit`."""

    def check(self, coupling: "Coupling") -> None:
        """**Raises:** `ValueError` when the coupling cannot be paired so."""


class Independent(AbstractPairing):
    """Starts and ends are drawn independently.

    >>> Coupling(np.zeros((5, 2)), np.ones((7, 2)), Independent()).size
    2
    """

    def draw(self, ends: Ends, key: Any, n: int) -> Pairs:
        keys = jax.random.split(key)
        x1, condition = ends.second(keys[1], n)
        # Without a start its place is held by zeros, whose coefficient is zero too.
        return Pairs(jnp.zeros_like(x1) if ends.x0 is None else ends.first(keys[0], n), x1, condition)


class Paired(AbstractPairing):
    """Row `i` of `x0` belongs to row `i` of `x1`: paired data, or the pairs of a trained model (rectified flow).

    >>> Coupling(np.zeros((5, 2)), np.ones((5, 2)), Paired()).size
    2
    """

    def draw(self, ends: Ends, key: Any, n: int) -> Pairs:
        index = jax.random.randint(key, (n,), 0, ends.x1.shape[0])
        return Pairs(ends.x0[index], ends.x1[index], None if ends.condition is None else ends.condition[index])

    def check(self, coupling: "Coupling") -> None:
        sizes = [None if end is None or callable(end) else np.shape(end)[0] for end in (coupling.x0, coupling.x1)]
        if None in sizes or sizes[0] != sizes[1]:
            raise ValueError("pairing Paired() needs x0 and x1 as samples with equally many rows")


class OptimalTransport(AbstractPairing):
    """The exact optimal assignment of each minibatch, for the cost `|x_0 - x_1|^2`, by the Hungarian algorithm.

    The bias of the minibatch vanishes only as it grows, and the cost of a step with the cube of its size.

    Source: Tong et al. 2023 (OT-CFM), arXiv 2302.00482.

    >>> Coupling(np.zeros((5, 2)), np.ones((7, 2)), OptimalTransport()).size
    2
    """

    def draw(self, ends: Ends, key: Any, n: int) -> Pairs:
        x0, x1, condition = Independent().draw(ends, key, n)
        # |x - y|^2 without what is the same for all assignments.
        rows, columns = optax.assignment.hungarian_algorithm(-x0 @ x1.T)
        return Pairs(x0[rows], x1[columns], None if condition is None else condition[columns])

    def check(self, coupling: "Coupling") -> None:
        _check_start(coupling, "OptimalTransport()")


class Entropic(AbstractPairing):
    """The entropic plan of each minibatch, by Sinkhorn's algorithm: on `LinearPath(BridgeNoise(epsilon))` the
    interpolant is a Schrödinger bridge, up to the bias of the minibatches.

    **Arguments:** `epsilon`: of the plan, in the squared unit of the data; `iterations`: of Sinkhorn's algorithm.

    **Raises:** `ValueError` when one is not positive; in training `ModuleNotFoundError` without ott-jax.

    >>> Coupling(np.zeros((5, 2)), np.ones((7, 2)), Entropic(0.5)).size
    2
    """

    epsilon: float = 1.0
    iterations: int = 50

    def __check_init__(self):
        check_number("epsilon", self.epsilon, minimum=0.0, exclusive=True)
        check_integer("iterations", self.iterations, minimum=1)

    def draw(self, ends: Ends, key: Any, n: int) -> Pairs:
        draw_key, pair_key = jax.random.split(key)
        x0, x1, condition = Independent().draw(ends, draw_key, n)
        potential, _, _ = entropic_potential(x0, x1, self.epsilon, max_iterations=self.iterations, tolerance=1e-3)
        affinity = potential + (x0 @ x1.T - 0.5 * jnp.square(x1).sum(1)) / self.epsilon
        index = jax.random.categorical(pair_key, affinity)
        return Pairs(x0, x1[index], None if condition is None else condition[index])

    def check(self, coupling: "Coupling") -> None:
        _check_start(coupling, "Entropic()")


class Planned(AbstractPairing):
    """Ends are drawn from the plan of a solved bridge, given the starts: Schrödinger bridges without the bias of
    minibatches, on `LinearPath(BridgeNoise(epsilon))` with the bridge's `epsilon`.

    **Arguments:** `bridge`: what `transport.bridge` returns.

    **Raises:** `TypeError` for anything else.

    >>> from perturbax import transport
    >>> bridge = transport.bridge_of_gaussians([0.0], [[1.0]], [3.0], [[4.0]], epsilon=1.0)
    >>> Coupling(np.zeros((5, 1)), np.ones((7, 1)), Planned(bridge)).size
    1
    """

    bridge: Bridge

    def __check_init__(self):
        check_instance("bridge", self.bridge, Bridge, "a Bridge, as transport.bridge returns")

    def draw(self, ends: Ends, key: Any, n: int) -> Pairs:
        start_key, plan_key = jax.random.split(key)
        x0 = ends.first(start_key, n)
        return Pairs(x0, self.bridge.process.sample(plan_key, x0), None)

    def check(self, coupling: "Coupling") -> None:
        _check_start(coupling, "Planned()")
        if coupling.condition is not None:
            raise ValueError("condition must be None with pairing Planned(), whose ends are not rows of x1")
        if self.bridge.process.size != coupling.size:
            raise ValueError(f"pairing must be a bridge in {coupling.size} dimensions, got {self.bridge.process.size}")


class Coupling(eqx.Module):
    """Two distributions, known by samples, that a path is to join, and their pairing.

    **Arguments:**

    - `x0`, `x1`: samples of shapes `(n, d)` and `(m, d)`, or samplers: functions `(key, n) -> (n, d)` that can be
      compiled. `x0=None` for paths that start from noise or from `x1` itself.
    - `pairing`: `Independent()`, `Paired()`, `OptimalTransport()`, `Entropic(epsilon)` or `Planned(bridge)`.
    - `condition`: shape `(m, c)`, what is known of each row of `x1`; fields and samples are then given it.

    **Raises:** `ValueError` or `TypeError` when shapes disagree or an argument is not what it should be.

    >>> Coupling(None, np.ones((7, 2))).size
    2
    """

    x0: Any
    x1: Any
    pairing: AbstractPairing = Independent()
    condition: Any = None

    def __check_init__(self):
        size = size_of("x1", self.x1)
        if self.x0 is not None and size_of("x0", self.x0) != size:
            raise ValueError(f"x0 must have the {size} dimensions of x1, got {size_of('x0', self.x0)}")
        check_instance("pairing", self.pairing, AbstractPairing, "a pairing such as Independent()")
        if self.condition is not None:
            if callable(self.x1):
                raise ValueError("condition must be None when x1 is a sampler")
            check_array("condition", self.condition, shape=(np.shape(self.x1)[0], None))
        self.pairing.check(self)

    @property
    def size(self) -> int:
        """The dimension `d`."""
        return size_of("x1", self.x1)

    @property
    def ends(self) -> Ends:
        """The settled distributions, to draw from inside of `jit`."""
        x0, x1 = (end if end is None or callable(end) else settle(end) for end in (self.x0, self.x1))
        return Ends(x0, x1, None if self.condition is None else settle(self.condition))

    def units(self, key: Any) -> tuple[np.ndarray, float]:
        """Mean and standard deviation of the distributions together, in which networks compute."""
        ends, keys = self.ends, jax.random.split(key)
        parts = []
        for end, key in zip((ends.x0, ends.x1), keys, strict=True):
            if end is None:
                continue
            parts.append(np.asarray(settle(end(key, _DRAWN)) if callable(end) else end, np.float64))
        means, powers = [part.mean(0) for part in parts], [np.square(part).mean(0) for part in parts]
        centre = np.mean(means, axis=0)
        scale = float(np.sqrt(np.mean(np.mean(powers, axis=0) - np.square(centre))))
        if not scale > 1e-6 * (1.0 + np.abs(centre).max()):
            raise ValueError("x0 and x1 must not both be one point; their standard deviation is 0")
        return centre, scale


class PairBatches(eqx.Module):
    """Batches of pairs for a step of training, inside of `jit`."""

    ends: Ends
    pairing: AbstractPairing
    count: int

    def __call__(self, key: Any) -> Pairs:
        return self.pairing.draw(self.ends, key, self.count)


def check_coupling(coupling: Any, path: AbstractPath) -> None:
    """Refuse a coupling that does not fit a path."""
    check_instance("problem", coupling, Coupling, "a transport.Coupling")
    name = type(path).__name__
    if path.two_sided and coupling.x0 is None:
        raise ValueError(f"x0 must be given for a {name}, which starts from it")
    if not path.two_sided and coupling.x0 is not None:
        start = "from noise" if path.one_sided else "from x1 itself"
        raise ValueError(f"x0 must be None for a {name}, which starts {start}")


def _check_start(coupling: Coupling, pairing: str) -> None:
    if coupling.x0 is None:
        raise ValueError(f"x0 must be given for pairing {pairing}")


def _draw(end: Any, key: Any, n: int) -> tuple[Float[Array, "n d"], Any]:
    if callable(end):
        return settle(end(key, n)), None
    index = jax.random.randint(key, (n,), 0, end.shape[0])
    return end.at[index].get(mode="promise_in_bounds"), index
