"""Nets whose hidden weights are drawn once from a bounded domain, the band.

Li, Sonoda, Cao, Wang & Liang 2023, *How Powerful are Shallow Neural Networks with Bandlimited Random Weights?*,
arXiv 2008.08427. The net

    f_n(x) = n^(-1/2) sum_{i=1}^n c_i s(a_i.x - b_i),     (a_i, b_i) drawn from Q, which depends on the bandwidth lam

has only `c` to fit, by linear least squares. A target whose ridgelet spectrum lies outside of `Q` has a floor that more
neurons do not lower, as long as the coefficients stay bounded; too large a domain wastes neurons. `error_floor` gives
the floor. Of several bandwidths the one with the least generalised cross-validation is taken.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax

from ..core import Paper, check_instance
from . import _papers
from ._draw import AbstractDraw, Symmetric
from ._fit import AbstractFitMethod, Approximation
from ._random_features import check_features, fit_features, settle_bandwidth
from ._readout import AbstractReadout, LeastSquares

# Of the study; the candidates of Wang & Li 2017 reach to 250.
LADDER = (1.0, 5.0, 10.0, 30.0, 50.0, 100.0, 150.0, 200.0, 500.0, 2000.0)


class BandlimitedRandomNet(AbstractFitMethod):
    """A random net with a choice of its bandwidth.

    Also known as extreme learning machine, random vector functional link or random kitchen sinks.

    **Arguments:**

    - `width`: neurons `n`.
    - `bandwidth`: `lam` in units of the box `[0, 1]^m`, or several to choose from by generalised cross-validation.
    - `draw`: the law of the hidden weights: `Symmetric()` (the paper's), `Support()`, `Fourier()`, `Normal()` or
      `Informed()`.
    - `activation`: `s`, such as `jax.nn.sigmoid`, `jnp.tanh`, `jax.nn.relu`, `jnp.cos` or `bump`.
    - `readout`: `LeastSquares()` or `Ridge()`.

    **Returns:** a frozen method for `approximate.fit`; all fits are in `candidates`.

    **Raises:** `TypeError`, `ValueError` for hyper-parameters out of range.

    Source: Li et al. 2023, arXiv 2008.08427; the choice of the bandwidth is ours.

    >>> import jax
    >>> import numpy as np
    >>> from perturbax import approximate
    >>> x = np.linspace(0.0, 1.0, 100)
    >>> data = approximate.ScatteredData(x, np.exp(-np.square(20.0 * x - 9.0)))
    >>> fitted = approximate.fit(data, approximate.BandlimitedRandomNet(40), key=jax.random.key(0))
    >>> bool(fitted.stats["bandwidth"] > 5.0)
    True
    """

    width: int = 800
    bandwidth: float | int | tuple[float | int, ...] = LADDER
    draw: AbstractDraw = Symmetric()
    activation: Callable = eqx.field(static=True, default=jax.nn.sigmoid)
    readout: AbstractReadout = LeastSquares()

    draws: ClassVar[bool] = True
    papers: ClassVar[tuple[Paper, ...]] = (_papers.BANDLIMITED,)

    def __check_init__(self):
        check_features(self.width, self.bandwidth, self.activation)
        check_instance("draw", self.draw, AbstractDraw, "a law such as Symmetric()")
        check_instance("readout", self.readout, AbstractReadout, "a readout such as LeastSquares()")

    def approximate(self, problem: Any, key: Any) -> Approximation:
        return fit_features(
            problem,
            key,
            width=self.width,
            bandwidths=settle_bandwidth(self.bandwidth),
            draw=self.draw,
            activation=self.activation,
            readout=self.readout,
        )
