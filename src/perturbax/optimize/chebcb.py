r"""ChebCB: a Chebyshev regression of the cost for each arm, and exploration by inverse gaps.

A context `c` in `[a, b]` has the features `phi(c) = (T_0(z), ..., T_{m-1}(z))` with `z = 2 (c - a) / (b - a) - 1`, and
arm `i` of `d` the coefficients `theta_i`, which predict the scaled excess cost `(l - l_min) / (K N)`. Round `t` plays

    y_i = theta_i . phi(c),    i* = argmin y,    p_i = 1 / (d + eta (y_i - y_i*))  for i != i*,   p_i* the rest.

With the largest cost `K` so far and the Lipschitz constant `L = (largest - smallest cost) / (b - a)`,

    N       = 2 + 4 (b - a) L / K (1 + log m)
    theta_i = argmin sum_{u: i_u = i} (theta . phi_u - (l_u - l_min) / (K N))^2
              such that |theta_0| <= 1 / N,   |theta_j| <= 2 (b - a) L / (K N j)
    alpha   = (pi + (2 / pi) log(2 m + 1)) (b - a) L / (2 K N (m + 1))
    eta     = 2 t sqrt(d t / (R - r + 2 alpha^2 t))

with the squared error `R` of the predictions `y` made so far (against `l / (K N)`, as in the code of the paper), the
squared residual `r` of the last constrained fit of this round, and `eta = 0`, that is uniform play, in the first round.
Only the arm that was played is fitted again, and all when `K N` changed. Least squares of smallest norm come first, the
constraints where they are violated.

Costs enter through `sum phi phi^T`, `sum l phi` and sums of squares, so a round takes `O(d m + m^3)`, not `O(t)`.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..core import Paper, check_integer
from ._papers import LEARNING_TO_RELAX, SQUARE_CB
from ._tuner import RELAXATIONS, AbstractBandit, Choice, as_grid, as_interval, check_least

# Two or three times the number of coefficients are usual.
_PIVOTS = 100
# Eigenvalues of sum phi phi^T below this, relative to the largest, are directions that no context has shown.
_RANK = 1e-12
_SMALLEST = 1e-12


class _Fits(eqx.Module):
    """What is known of the arms: `G = sum phi phi^T`, `h = sum e phi`, `q = sum e^2` with the excess costs `e`."""

    G: Float[Array, "*arms m m"]
    h: Float[Array, "*arms m"]
    q: Float[Array, "*arms"]


class _State(eqx.Module):
    rounds: Int[Array, ""]
    fits: _Fits
    theta: Float[Array, "arms m"]
    eta: Float[Array, ""]
    smallest: Float[Array, ""]
    largest: Float[Array, ""]
    scale: Float[Array, ""]
    yy: Float[Array, ""]
    yl: Float[Array, ""]
    ll: Float[Array, ""]


class ChebCB(AbstractBandit):
    """The contextual bandit for one smooth context: it learns the best value as a function of it.

    Where instances differ by a known number (a diffusion coefficient, a time step, a shift) it becomes better than any
    fixed value. The context must be one number; a cost that is not smooth in it takes `Binned`.

    **Arguments:**

    - `interval`: from the smallest to the largest context; what lies outside is clipped.
    - `grid`: the values to choose from, ascending.
    - `terms`: number `m` of Chebyshev polynomials.
    - `least_cost`: what a solve costs at least: 1 iteration; 0 for seconds.

    **Returns:** a frozen method for `optimize.tune` and `optimize.Tuner`.

    **Raises:** `ValueError`, `TypeError` for a grid or interval that does not ascend, or numbers out of range.

    Source: Khodak et al. 2024, arXiv 2310.02246; exploration by Foster & Rakhlin 2020, arXiv 2002.04926.

    >>> import jax
    >>> import numpy as np
    >>> from perturbax import optimize
    >>> contexts = np.tile([0.0, 1.0], 300)
    >>> costs = np.where(contexts[:, None] == 0.0, [5.0, 25.0], [25.0, 5.0])
    >>> table = optimize.CostTable(costs, values=[1.2, 1.8], contexts=contexts)
    >>> method = optimize.ChebCB(interval=(0.0, 1.0), grid=[1.2, 1.8], terms=2)
    >>> tuning = optimize.tune(table, method, key=jax.random.key(0))
    >>> bool((tuning.costs[-100:] == 5.0).mean() > 0.9)
    True
    """

    interval: tuple[float, float] = eqx.field(converter=as_interval)
    grid: tuple[float, ...] = eqx.field(default=RELAXATIONS, converter=as_grid)
    terms: int = 6
    least_cost: float = 1.0

    needs_context: ClassVar[bool] = True
    papers: ClassVar[tuple[Paper, ...]] = (LEARNING_TO_RELAX, SQUARE_CB)

    def __check_init__(self):
        check_integer("terms", self.terms, minimum=1)
        check_least(self.least_cost)

    @property
    def least(self) -> float:
        return self.least_cost

    @property
    def domain(self) -> tuple[float, float]:
        return self.interval

    def init(self) -> _State:
        d, m, zero = len(self.grid), self.terms, jnp.zeros(())
        fits = _Fits(jnp.zeros((d, m, m)), jnp.zeros((d, m)), jnp.zeros(d))
        start = _State(jnp.zeros((), jnp.int32), fits, jnp.zeros((d, m)), zero, zero + jnp.inf, zero, zero, *[zero] * 3)
        return start

    def ask(self, state: _State, context: Float[Array, ""], key: Any) -> Choice:
        context = jnp.clip(context, *self.interval)
        y = state.theta @ self._features(context)
        best = jnp.argmin(y)
        p = 1.0 / (len(self.grid) + state.eta * (y - y[best]))
        p = p.at[best].set(0.0)
        return self.draw(p.at[best].set(1.0 - jnp.sum(p)), context, key, predicted=y)

    def tell(self, state: _State, choice: Choice, cost: Float[Array, ""]) -> _State:
        d, m, i, y = len(self.grid), self.terms, choice.arm, choice.predicted
        phi, excess = self._features(choice.context), cost - self.least_cost
        G, h, q = state.fits.G, state.fits.h, state.fits.q
        fits = _Fits(G.at[i].add(jnp.outer(phi, phi)), h.at[i].add(excess * phi), q.at[i].add(excess**2))

        K, smallest = jnp.maximum(state.largest, cost), jnp.minimum(state.smallest, cost)
        spread = K - smallest  # (b - a) L
        N = 2.0 + 4.0 * spread / jnp.maximum(K, _SMALLEST) * (1.0 + jnp.log(m))
        scale = jnp.maximum(K, _SMALLEST) * N
        bounds = jnp.concatenate([1.0 / N[None], 2.0 * spread / (scale * jnp.arange(1, m))])

        def one() -> tuple[Array, Array]:
            theta, r, boxed = _fit(jax.tree.map(lambda leaf: leaf[i], fits), scale, bounds)
            return state.theta.at[i].set(theta), jnp.where(boxed, r, 0.0)

        def every() -> tuple[Array, Array]:
            theta, r, boxed = jax.vmap(lambda arm: _fit(arm, scale, bounds))(fits)
            last = d - 1 - jnp.argmax(boxed[::-1])
            return theta, jnp.where(jnp.any(boxed), r[last], 0.0)

        theta, r = jax.lax.cond(scale != state.scale, every, one)
        t = state.rounds + 1
        yy, yl, ll = state.yy + y**2, state.yl + y * cost, state.ll + cost**2
        R = yy - 2.0 * yl / scale + ll / scale**2
        alpha = (jnp.pi + 2.0 / jnp.pi * jnp.log(2.0 * m + 1.0)) * spread / (2.0 * scale * (m + 1))
        eta = 2.0 * t * jnp.sqrt(d * t / jnp.maximum(R - r + 2.0 * alpha**2 * t, _SMALLEST))
        return _State(t, fits, theta, eta, smallest, K, scale, yy, yl, ll)

    def _features(self, context: Float[Array, ""]) -> Float[Array, " m"]:
        low, high = self.interval
        z = jnp.clip(2.0 * (context - low) / (high - low) - 1.0, -1.0, 1.0)
        return jnp.cos(jnp.arange(self.terms) * jnp.arccos(z))


def _fit(arm: _Fits, scale: Array, bounds: Array) -> tuple[Float[Array, " m"], Float[Array, ""], Bool[Array, ""]]:
    """Coefficients of an arm, the squared residual, and whether a bound was violated without the constraints."""
    h = arm.h / scale
    values, vectors = jnp.linalg.eigh(arm.G)
    seen = values > _RANK * values[-1]
    free = vectors @ (jnp.where(seen, 1.0 / jnp.where(seen, values, 1.0), 0.0) * (vectors.T @ h))
    boxed = jnp.any(jnp.abs(free) > bounds)
    theta = jax.lax.cond(boxed, lambda: boxed_least_squares(arm.G, h, bounds, free), lambda: free)
    r = arm.q / scale**2 - 2.0 * theta @ h + theta @ arm.G @ theta
    return theta, r, boxed


def boxed_least_squares(
    G: Float[Array, "m m"], h: Float[Array, " m"], bounds: Float[Array, " m"], start: Float[Array, " m"]
) -> Float[Array, " m"]:
    """The minimiser of `theta.G theta / 2 - theta.h` with `|theta| <= bounds`, by active sets.

    The minimum over the free coefficients, or the way to it until one of them meets its bound and is held there; at the
    minimum the held one that pulls inwards most is let go. Ends at the exact solution, where descent by coordinates
    would crawl: features of contexts that are close are nearly dependent.
    """
    G = G + _RANK * jnp.trace(G) * jnp.eye(h.size)
    tolerance = _RANK * jnp.max(jnp.abs(h))

    def pivot(carry: Any) -> Any:
        count, theta, free, _ = carry
        both = free[:, None] & free[None, :]
        p = jnp.linalg.solve(jnp.where(both, G, jnp.eye(h.size)), jnp.where(free, h - G @ theta, 0.0))
        room = jnp.where(p > 0.0, bounds - theta, bounds + theta) / jnp.where(p == 0.0, 1.0, jnp.abs(p))
        room = jnp.where(free & (p != 0.0), room, jnp.inf)
        first = jnp.argmin(room)
        met = room[first] < 1.0
        theta = jnp.clip(theta + jnp.minimum(room[first], 1.0) * p, -bounds, bounds)
        theta = theta.at[first].set(jnp.where(met, jnp.sign(p[first]) * bounds[first], theta[first]))
        inwards = jnp.where(theta > 0.0, G @ theta - h, h - G @ theta)
        inwards = jnp.where(free | (bounds == 0.0), 0.0, inwards)
        most = jnp.argmax(inwards)
        loose = ~met & (inwards[most] > tolerance)
        free = jnp.where(met, free.at[first].set(False), free.at[most].set(free[most] | loose))
        return count + 1, theta, free, met | loose

    def unfinished(carry: Any) -> Any:
        return carry[3] & (carry[0] < _PIVOTS)

    theta = jnp.clip(start, -bounds, bounds)
    return jax.lax.while_loop(unfinished, pivot, (0, theta, jnp.abs(theta) < bounds, jnp.array(True)))[1]
