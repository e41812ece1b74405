"""A net of two layers all of whose weights are trained: what random weights save.

    f(x) = n^(-1/2) sum_i c_i s(a_i.x - b_i) + c_0,     (a, b, c) by Adam on the mean squared error

Kingma & Ba 2015, *Adam*, arXiv 1412.6980, with a cosine schedule. The weights start as those of `Symmetric`.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ..core import Paper, check_integer, check_number, float64
from ..core import fit as run_fit
from . import _papers
from ._data import ScatteredData
from ._draw import Symmetric
from ._fit import AbstractFitMethod, Approximation, settled
from ._random_features import RandomFeatures, check_features, hidden


class TrainedNet(AbstractFitMethod):
    """All weights by gradient descent. Not convex: it depends on its start, and costs thousands of passes.

    **Arguments:** `width`: neurons; `bandwidth`: of the first weights, in units of the box; `steps`: of Adam, each on
    all data; `learning_rate`: at the beginning; `activation`: `s`.

    **Returns:** a frozen method for `approximate.fit`.

    **Raises:** `TypeError`, `ValueError` for hyper-parameters out of range; `SolverError` when a loss is not finite.

    Source: Kingma & Ba 2015, arXiv 1412.6980.

    >>> import jax
    >>> import numpy as np
    >>> from perturbax import approximate
    >>> x = np.linspace(0.0, 1.0, 50)
    >>> data = approximate.ScatteredData(x, np.sin(9.0 * x))
    >>> fitted = approximate.fit(data, approximate.TrainedNet(20, steps=50), key=jax.random.key(0))
    >>> fitted.stats["evaluations"]
    50
    """

    width: int = 100
    bandwidth: float | int = 30.0
    steps: int = 3000
    learning_rate: float = 1e-2
    activation: Callable = eqx.field(static=True, default=jax.nn.sigmoid)

    draws: ClassVar[bool] = True
    papers: ClassVar[tuple[Paper, ...]] = (_papers.ADAM,)

    def __check_init__(self):
        check_features(self.width, self.bandwidth, self.activation)
        check_integer("steps", self.steps, minimum=1)
        check_number("learning_rate", self.learning_rate, minimum=0.0, exclusive=True)

    def approximate(self, problem: ScatteredData, key: Any) -> Approximation:
        draw_key, c_key, fit_key = jax.random.split(key, 3)
        with float64():
            x, y = (jnp.asarray(part) for part in (problem.unit(problem.x), problem.y))
            a, b = Symmetric()(draw_key, self.width, jnp.asarray(float(self.bandwidth)), x, y)
            c = jax.random.normal(c_key, (self.width, y.shape[1]), x.dtype) * jnp.std(y)
            done = run_fit(
                _loss,
                _Net(a, b, c, jnp.mean(y, 0), self.activation),
                (x, y),
                steps=self.steps,
                optimizer=optax.adam(optax.cosine_decay_schedule(self.learning_rate, self.steps)),
                key=fit_key,
                chunk=self.steps,
                progress=False,
                throw=False,
            )
        net = done.model
        a, b, c, c_0 = (np.asarray(part) for part in (net.a, net.b, net.c, net.c_0))
        # The constant as one more neuron, which is always on.
        on = float(jax.device_get(self.activation(np.ones(1, np.float32)))[0])
        grown = (len(a) + 1) / len(a)
        function = RandomFeatures(
            np.vstack([a, np.zeros_like(a[:1])]),
            np.append(b, -1.0),
            np.vstack([c * grown**0.5, c_0[None] * (len(a) + 1) ** 0.5 / on]),
            self.activation,
        )
        return settled(problem, function, stats={"evaluations": self.steps})


class _Net(eqx.Module):
    a: Float[Array, "n m"]
    b: Float[Array, " n"]
    c: Float[Array, "n k"]
    c_0: Float[Array, " k"]
    activation: Callable = eqx.field(static=True)

    def __call__(self, x: Float[Array, "N m"]) -> Float[Array, "N k"]:
        return hidden(x, self.a, self.b, self.activation) @ self.c + self.c_0


def _loss(net: _Net, batch: tuple[Array, Array], key: Any = None) -> Array:
    x, y = batch
    return jnp.mean(jnp.square(net(x) - y))
