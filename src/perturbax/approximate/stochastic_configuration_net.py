"""Random nets that grow neuron by neuron, each the best of a pool, with a bandwidth that rises when it has to.

Wang & Li 2017, *Stochastic Configuration Networks: Fundamentals and Algorithms*, arXiv 1702.03180. With the residual
`e` of the least-squares fit so far, a candidate `h = s(a.x - b)` removes the share

    xi(h) = <e, h>^2 / (|h|^2 |e|^2)

of the squared residual at once, and more once all coefficients are solved for again. Candidates are drawn for each
bandwidth of a ladder; the smallest bandwidth of which some candidate has `xi >= delta` is taken, and of it the best
candidate; when none has, the best of all.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core import Paper, check_instance, check_integer, check_number, float64
from . import _papers
from ._data import ScatteredData
from ._draw import AbstractDraw, Symmetric
from ._fit import AbstractFitMethod, Approximation, settled
from ._random_features import RandomFeatures, check_features, hidden, settle_bandwidth
from ._readout import AbstractReadout, LeastSquares


class StochasticConfigurationNet(AbstractFitMethod):
    """Greedy growth of a random net.

    **Arguments:**

    - `width`: neurons to end with.
    - `bandwidth`: the ladder, in units of the box.
    - `pool`: candidates for each neuron and bandwidth.
    - `share`: `delta`, the share of the squared residual that a neuron has to remove.
    - `draw`: the law of the candidates; `activation`: `s`; `readout`: of the final coefficients.

    **Returns:** a frozen method for `approximate.fit`.

    **Raises:** `TypeError`, `ValueError` for hyper-parameters out of range.

    Source: Wang & Li 2017, arXiv 1702.03180; a fixed share in the place of their sequence of contractions.

    >>> import jax
    >>> import numpy as np
    >>> from perturbax import approximate
    >>> x = np.linspace(0.0, 1.0, 60)
    >>> method = approximate.StochasticConfigurationNet(20, (5.0, 30.0), pool=5)
    >>> fitted = approximate.fit(approximate.ScatteredData(x, np.sin(9.0 * x)), method, key=jax.random.key(0))
    >>> fitted.error < 0.05
    True
    """

    width: int = 100
    bandwidth: tuple[float | int, ...] = (0.5, 1.0, 5.0, 10.0, 30.0, 50.0, 100.0, 150.0, 200.0, 250.0)
    pool: int = 20
    share: float = 0.01
    draw: AbstractDraw = Symmetric()
    activation: Callable = eqx.field(static=True, default=jax.nn.sigmoid)
    readout: AbstractReadout = LeastSquares()

    draws: ClassVar[bool] = True
    papers: ClassVar[tuple[Paper, ...]] = (_papers.STOCHASTIC_CONFIGURATION,)

    def __check_init__(self):
        check_features(self.width, self.bandwidth, self.activation)
        check_integer("pool", self.pool, minimum=1)
        check_number("share", self.share, minimum=0.0, maximum=1.0)
        check_instance("draw", self.draw, AbstractDraw, "a law such as Symmetric()")
        check_instance("readout", self.readout, AbstractReadout, "a readout such as LeastSquares()")

    def approximate(self, problem: ScatteredData, key: Any) -> Approximation:
        ladder = settle_bandwidth(self.bandwidth)
        if self.width > len(problem.x):
            raise ValueError(f"width must be at most the number of data, {len(problem.x)}, got {self.width}")
        with float64():
            x, y = (jnp.asarray(part) for part in (problem.unit(problem.x), problem.y))
            a, b, level, c = map(np.asarray, _grow(self, key, x, y, jnp.asarray(ladder)))
        stats = {
            "evaluations": self.width * self.pool * len(ladder),
            "bandwidth": float(np.asarray(ladder)[level].max()),
            "largest_coefficient": float(np.abs(c).max()),
        }
        return settled(problem, RandomFeatures(a, b, c, self.activation), stats=stats)


@eqx.filter_jit
def _grow(
    method: StochasticConfigurationNet, key: Array, x: Array, y: Array, ladder: Array
) -> tuple[Array, Array, Array, Array]:
    N, n = len(x), method.width

    def add(carry: tuple[Array, Array], step: tuple[Array, Array]) -> tuple[tuple[Array, Array], Any]:
        basis, e = carry
        i, key = step
        keys = jax.random.split(key, len(ladder))
        a, b = jax.vmap(lambda key, lam: method.draw(key, method.pool, lam, x, y))(keys, ladder)
        h = jax.vmap(lambda a, b: hidden(x, a, b, method.activation))(a, b)
        size = jnp.maximum(jnp.sum(jnp.square(h), 1), jnp.finfo(x.dtype).tiny)
        removed = jnp.sum(jnp.square(jnp.einsum("lnp,nk->lpk", h, e)), -1) / size
        xi = removed / jnp.maximum(jnp.sum(jnp.square(e)), jnp.finfo(x.dtype).tiny)
        passes = xi.max(1) >= method.share
        level = jnp.where(passes.any(), jnp.argmax(passes), jnp.argmax(xi.max(1)))
        best = jnp.argmax(xi[level])
        q = h[level, :, best]
        for _ in range(2):  # twice is enough for orthogonality to rounding
            q = q - basis @ (basis.T @ q)
        norm = jnp.linalg.norm(q)
        q = jnp.where(norm > 1e-12 * jnp.linalg.norm(h[level, :, best]), q / jnp.where(norm > 0.0, norm, 1.0), 0.0)
        e = e - q[:, None] * (q @ e)
        return (basis.at[:, i].set(q), e), (a[level, best], b[level, best], level)

    start = (jnp.zeros((N, n), x.dtype), y)
    _, (a, b, level) = jax.lax.scan(add, start, (jnp.arange(n), jax.random.split(key, n)))
    return a, b, level, method.readout.solve(hidden(x, a, b, method.activation), y).coefficients
