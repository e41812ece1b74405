r"""Random features: nets with hidden weights that are drawn once, fitted to an equation by linear least squares.

Li, Sonoda, Cao, Wang & Liang 2023 (arXiv 2008.08427) for the law of the weights, Dwivedi & Srinivasan 2020 for the fit.
In `u(x) = n^(-1/2) sum_i c_i s(a_i.x - b_i)` only `c` is looked for. The rows of the equation and of its conditions,
with the Jacobian `J` that they have with respect to `c`, are solved by

    min_c |S (R(c_k) + J_k (c - c_k))|^2     or with a penalty on |c|^2,     c_k+1 = c_k + t (c - c_k),

Gauss and Newton's method with `t` halved until `|S R|` falls. Where the equation and the conditions are linear in `u`,
`J` does not change and one step, a linear least-squares problem, is all. `S` scales the rows of each condition so that
their part of `J` has the Frobenius norm of the part of the equation, whose derivatives grow with the bandwidth. Of
several bandwidths the one with the least generalised cross-validation of the last problem is taken, relative to the
mean square of `S R` at zero: with the bandwidth the scales change too.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ..approximate import AbstractDraw, AbstractReadout, BandlimitedRandomNet, LeastSquares, Symmetric
from ..core import Paper, Result, check_instance, check_integer, check_number
from ._error import relative_l2
from ._field import Theta, field
from ._history import known_at
from ._least_squares import Points, condition, equation, rows, rows_and_jacobian
from ._papers import EXTREME_LEARNING
from ._problem import PDEProblem
from ._random_network import RandomNetwork
from ._sampler import FixedPoints
from ._solve import AbstractPDEMethod, PDESolution, derivative_at

# A Jacobian that changes by less, relative to its largest entry, is that of a linear problem; a loss that falls to
# more than this share of the last one has settled.
_SAME, _SETTLED = 1e-12, 0.99
_HALVINGS = 10


class RandomFeatures(AbstractPDEMethod):
    """Random features, of which only the output layer is fitted: a physics-informed extreme learning machine.

    For smooth solutions of linear equations in few dimensions: one singular value decomposition for each bandwidth, and
    errors of 1e-6 and less. Fronts need many neurons, since none of them moves.

    **Arguments:**

    - `width`: neurons; fewer than rows, or cross-validation has nothing to judge by.
    - `bandwidth`: of the hidden weights on the domain mapped to `[0, 1]^d`, or several to choose from.
    - `draw`: their law: `approximate.Symmetric()`, `Support()`, `Fourier()`, `Normal()`, or `Informed()`, which looks
      at the spectrum of what zero leaves of the equation.
    - `activation`: as often differentiable as the equation asks: `jax.nn.sigmoid`, `jnp.tanh`, `jnp.cos`.
    - `readout`: `approximate.LeastSquares()` or `Ridge()`.
    - `points`: `FixedPoints`.
    - `steps`: of Gauss and Newton's method, at most; a linear problem takes one.

    **Returns:** a frozen method for `pde.solve`. `stats` has the `"bandwidth"` that was chosen, the effective `"rank"`,
    the `"largest_coefficient"`, whose size times the rounding of the precision is the error that is left, and the
    `"scores"` of all bandwidths.

    **Raises:** `TypeError`, `ValueError` for hyper-parameters out of range, and when used, when there are not more rows
    than the rank to choose a bandwidth by; `SolverError`, when used, when the steps do not suffice.

    Source: Li et al. 2023 (arXiv 2008.08427); Dwivedi & Srinivasan 2020 (arXiv 1907.03507); the scaling of the rows and
    the choice of the bandwidth are ours.

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.RandomFeatures(width=40, points=pde.FixedPoints(100, 2))
    >>> solution = pde.solve(pde.catalogue.poisson(1, frequency=3.0), method, key=jax.random.key(0))
    >>> solution.stats["steps"], pde.solution_error(solution).relative_l2 < 1e-3
    (1, True)
    """

    width: int = 300
    bandwidth: float | int | tuple[float | int, ...] = BandlimitedRandomNet.bandwidth
    draw: AbstractDraw = Symmetric()
    activation: Callable = eqx.field(static=True, default=jax.nn.sigmoid)
    readout: AbstractReadout = LeastSquares()
    points: FixedPoints = FixedPoints()
    steps: int = 20

    papers: ClassVar[tuple[Paper, ...]] = (*BandlimitedRandomNet.papers, EXTREME_LEARNING)

    def __check_init__(self):
        check_integer("width", self.width, minimum=1)
        check_integer("steps", self.steps, minimum=1)
        if not self._bandwidths:
            raise ValueError("bandwidth must be a positive number or several, got none")
        for bandwidth in self._bandwidths:
            check_number("bandwidth", bandwidth, minimum=0.0, exclusive=True)
        if not callable(self.activation):
            raise TypeError(f"activation must be a function such as jax.nn.sigmoid, got {self.activation!r}")
        check_instance("draw", self.draw, AbstractDraw, "a law such as approximate.Symmetric()")
        check_instance("readout", self.readout, AbstractReadout, "a readout such as approximate.LeastSquares()")
        check_instance("points", self.points, FixedPoints, "a FixedPoints(...)")

    @property
    def _bandwidths(self) -> tuple[Any, ...]:
        return tuple(self.bandwidth) if isinstance(self.bandwidth, tuple | list) else (self.bandwidth,)

    def solve(self, problem: PDEProblem, key: Any, progress: bool | None) -> PDESolution:
        started, cpu_started = time.perf_counter(), time.process_time()
        if not jax.config.read("jax_enable_x64"):
            message = "RandomFeatures in float32 cannot tell its features apart; precision='float64' can"
            warnings.warn(message, stacklevel=3)
        draw_key, point_key = jax.random.split(key)
        points, _ = self.points.start(problem, point_key)
        bandwidths = jnp.asarray([float(one) for one in self._bandwidths])
        theta, fitted = _fit_all(
            problem, draw_key, points, bandwidths, self.draw, self.readout, self.activation, self.width, self.steps
        )
        scores = np.nan_to_num(np.asarray(fitted.score), nan=np.inf, posinf=np.inf)
        if len(scores) > 1 and not np.isfinite(scores).any() and np.isfinite(np.asarray(fitted.loss)).any():
            rank = int(np.asarray(fitted.rank).max())
            raise ValueError(f"points must give more rows than the rank of the features, {rank}, to choose a bandwidth")
        best = int(np.argmin(scores))
        theta, chosen = (jax.tree.map(lambda leaf: leaf[best], tree) for tree in (theta, fitted))
        model = field(problem, theta)
        history = {
            "step": int(chosen.steps),
            "seconds": time.perf_counter() - started,
            "cpu_seconds": time.process_time() - cpu_started,
            "evaluations": int(fitted.evaluations.sum()),
            "loss": float(chosen.loss),
        }
        if (known := known_at(problem)) is not None:
            history["error"] = relative_l2(np.asarray(derivative_at(model, (), known[0])), known[1])
        settled = Result.where(chosen.settled, Result.successful, Result.max_steps)
        return PDESolution(
            problem,
            model,
            theta.unknown,
            {name: np.asarray([value]) for name, value in history.items()},
            points,
            None,
            Result.where(jnp.isfinite(chosen.loss), settled, Result.nonfinite),
            {
                "steps": int(chosen.steps),
                "evaluations": int(fitted.evaluations.sum()),
                "parameters": theta.network.c.size + sum(np.size(leaf) for leaf in jax.tree.leaves(theta.unknown)),
                "bandwidth": float(bandwidths[best]),
                "rank": float(chosen.rank),
                "largest_coefficient": float(jnp.abs(theta.network.c).max()),
                "scores": {float(one): float(score) for one, score in zip(bandwidths, scores, strict=True)},
            },
        )


class Fitted(NamedTuple):
    """How the fit for a bandwidth went; `evaluations` of all rows or of their Jacobian."""

    score: Any
    rank: Any
    loss: Any
    steps: Any
    settled: Any
    evaluations: Any


@eqx.filter_jit
def _fit_all(
    problem: PDEProblem,
    key: Array,
    points: Points,
    bandwidths: Float[Array, " candidates"],
    draw: AbstractDraw,
    readout: AbstractReadout,
    activation: Callable,
    width: int,
    steps: int,
) -> tuple[Theta, Fitted]:
    def one(bandwidth: Array) -> tuple[Theta, Fitted]:
        zero = jnp.zeros((width, problem.fields), points.x.dtype)
        theta = Theta(
            RandomNetwork(jnp.zeros((width, problem.dimension)), zero[:, 0], zero, activation), problem.unknown
        )
        left = jax.vmap(lambda x: equation(problem, theta, x))(points.x)
        a, b = draw(key, width, bandwidth, 0.5 * (problem.domain.to_unit(points.x) + 1.0), left)
        return gauss_newton(
            problem, Theta(RandomNetwork(a, b, zero, activation), problem.unknown), points, readout, steps
        )

    return jax.lax.map(one, bandwidths)


def gauss_newton(
    problem: PDEProblem, theta: Theta, points: Points, readout: AbstractReadout, most: int
) -> tuple[Theta, Fitted]:
    """The output layer, and the unknown coefficients, by steps from where they are."""
    output = eqx.tree_at(lambda net: net.c, jax.tree.map(lambda _: False, theta.network), True)
    wanted = Theta(output, jax.tree.map(eqx.is_inexact_array, theta.unknown))
    trained, frozen = eqx.partition(theta, wanted)
    first, unravel = ravel_pytree(trained)

    def system(flat: Array) -> tuple[Array, Array]:
        return rows_and_jacobian(problem, unravel(flat), frozen, points)

    R, J = system(first)
    S = row_scales(problem, theta, points, J)

    start = jnp.mean(jnp.square(S * R))
    start = jnp.where(start > 0.0, start, 1.0)

    def loss(flat: Array) -> Array:
        return jnp.sum(jnp.square(S * rows(problem, eqx.combine(unravel(flat), frozen), points)))

    def step(carry: Any) -> Any:
        k, flat, R, J, fitted = carry
        solved = readout.solve(S[:, None] * J, (S * (J @ flat - R))[:, None])
        direction = solved.coefficients[:, 0] - flat
        now = jnp.sum(jnp.square(S * R))

        def shorter(trial: Any) -> Any:
            halvings, _ = trial
            return halvings + 1, loss(flat + 0.5 ** (halvings + 1) * direction)

        halvings, after = jax.lax.while_loop(
            lambda trial: ~(trial[1] < now) & (trial[0] < _HALVINGS), shorter, (0, loss(flat + direction))
        )
        fell = after < now
        flat = jnp.where(fell, flat + 0.5**halvings * direction, flat)
        R, J_next = system(flat)
        linear = jnp.max(jnp.abs(J_next - J)) <= _SAME * jnp.max(jnp.abs(J))
        settled = linear | ~fell | (after > _SETTLED * now)
        # A direction that is not finite lowers nothing either, but nothing has settled.
        left = jnp.where(jnp.isfinite(direction).all(), jnp.sum(jnp.square(R)), jnp.nan)
        evaluations = fitted.evaluations + halvings + 2
        fitted = Fitted(solved.score / start, solved.rank, left, k + 1, settled, evaluations)
        return k + 1, flat, R, J_next, fitted

    begun = jnp.zeros((), R.dtype), jnp.zeros((), jnp.int32)
    fitted = Fitted(begun[0], begun[0], begun[0], begun[1], jnp.array(False), begun[1] + 1)
    _, flat, _, _, fitted = jax.lax.while_loop(
        lambda carry: (carry[0] < most) & ~carry[4].settled, step, (begun[1], first, R, J, fitted)
    )
    return eqx.combine(unravel(flat), frozen), fitted


def row_scales(
    problem: PDEProblem, theta: Theta, points: Points, J: Float[Array, "rows parameters"]
) -> Float[Array, " rows"]:
    """Factors of all rows that give each condition, but for its weight, the Frobenius norm of the equation in `J`."""
    sizes = [points.x.shape[0] * problem.equations]
    for number, sites in enumerate(points.sites):
        shape = jax.eval_shape(lambda site, number=number: condition(problem, theta, number, site), _first(sites))
        sizes.append(sites.x.shape[0] * shape.size)
    weights = [problem.weight, *(one.weight for one in problem.conditions)]
    starts = np.cumsum([0, *sizes])
    norms = [
        jnp.linalg.norm(J[a:b]) / weight**0.5 for a, b, weight in zip(starts[:-1], starts[1:], weights, strict=True)
    ]
    scales = [
        jnp.where((norm > 0.0) & (norms[0] > 0.0), norms[0] / jnp.where(norm > 0.0, norm, 1.0), 1.0) for norm in norms
    ]
    return jnp.concatenate([jnp.full(size, scale) for size, scale in zip(sizes, scales, strict=True)])


def _first(sites: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[0], sites)
