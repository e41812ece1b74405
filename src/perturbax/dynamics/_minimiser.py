r"""The minimiser of the model: by exact steps in turn, by Newton's method, and for collapsed features in closed form.

With the best features for `W` put in, the gradient of what is left of the objective is

    g(W) = dL/dW = W (S + lambda_W / K) - C M,      S = Sigma_W + M^T C M   of the best features for W

so that `W - g(W) (S + lambda_W / K)^{-1}` is the exact step, and `S + lambda_W / K` the metric for Newton's system.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.scipy as jsp
import numpy as np
import optimistix as optx
from jaxtyping import Array, Float, Int

from ..core import Iteration, Method, Result, iterate
from ..linalg import conjugate_gradients
from ._collapse_problem import CollapseModel, CollapseProblem, FilteredFeatures
from ._flow import Path

# To which part Newton's system is solved: five steps then gain ten digits.
_INEXACT = 1e-2
# Damping, in the metric in which an exact step has the second derivative 1: the least that is not 0, and its changes.
_LEAST, _CHANGE = 1e-4, 4.0
# Newton's method from the left of a root that it approaches from there takes 5 to 10 steps.
_NEWTON_STEPS = 100


def check_bounded(problem: CollapseProblem, method: Method) -> None:
    """Refuse a problem whose objective falls for ever as features grow."""
    if problem.feature_decay + problem.proximity == 0.0:
        name = type(method).__name__
        raise ValueError(f"feature_decay + proximity must be > 0 for {name}: there is no finite minimiser, got 0")


def check_balanced(problem: CollapseProblem) -> None:
    """Refuse classes of different sizes, for which the closed form does not hold."""
    if not problem.balanced:
        sizes = problem.sizes
        raise ValueError(
            f"labels must hold classes of one size for the closed form, got {sizes.min()} to {sizes.max()} samples; "
            "AlternatingExact takes any"
        )


def one_time(found: Iteration) -> Path:
    """The path of a minimiser that was iterated for."""
    turn = found.state
    stats = {
        "evaluations": int(found.steps) + 1,
        "products": int(turn.products),
        "residual": float(turn.residual),
    }
    return end_only(turn.features, turn.classifier, found.result, stats)


def end_only(h: FilteredFeatures, W: Array, result: Any, stats: dict[str, Any]) -> Path:
    """A path that has its end only."""
    return Path(np.array([np.inf]), jax.tree.map(lambda leaf: leaf[None], h), W[None], result, stats)


class Turn(eqx.Module):
    """Features, the best classifier for them, and `sqrt(N) |dL/dH|`; of Newton's method the `damping` of the next step
    and the `products` with the second derivative so far."""

    features: FilteredFeatures
    classifier: Float[Array, "K d"]
    residual: Float[Array, ""]
    damping: Float[Array, ""]
    products: Int[Array, ""]


@eqx.filter_jit
def alternate(model: CollapseModel, tol: Float[Array, ""], max_steps: int) -> Iteration:
    """Exact steps in turn, until the residual is at most `tol`."""
    return iterate(
        lambda turn: _exact_step(model, turn),
        _first(model),
        done=lambda _, turn: turn.residual <= tol,
        max_steps=max_steps,
        throw=False,
    )


@eqx.filter_jit
def newton(model: CollapseModel, tol: Float[Array, ""], max_steps: int, inner_steps: int) -> Iteration:
    """Newton's steps, each replaced by an exact one where it does not lower the objective at least as far.

    The damping grows after such a step and shrinks after others. It is what leaves a saddle, where the second
    derivative is negative, in few steps.
    """

    def step(turn: Turn) -> Turn:
        exact = _exact_step(model, turn)
        W, products = _newton_step(model, exact.classifier, turn.damping, inner_steps)
        bold = _turn(model, model.features(W), exact)
        goals = [model.objective(turn.features, turn.classifier) for turn in (bold, exact)]
        # Up to rounding, which is all that is left of the difference near the end.
        good = goals[0] <= goals[1] * (1.0 + 4.0 * jnp.finfo(goals[1].dtype).eps)
        taken = jax.tree.map(lambda a, b: jnp.where(good, a, b), bold, exact)
        smaller = jnp.where(turn.damping > _LEAST, turn.damping / _CHANGE, 0.0)
        damping = jnp.where(good, smaller, jnp.maximum(_CHANGE * turn.damping, _LEAST))
        return eqx.tree_at(lambda t: (t.damping, t.products), taken, (damping, turn.products + products))

    return iterate(step, _first(model), done=lambda _, turn: turn.residual <= tol, max_steps=max_steps, throw=False)


def _first(model: CollapseModel) -> Turn:
    zero = jnp.zeros((), model.means0.dtype)
    return _turn(model, model.start, Turn(model.start, model.means0, zero, zero, jnp.zeros((), jnp.int32)))


def _turn(model: CollapseModel, h: FilteredFeatures, last: Turn) -> Turn:
    W = model.classifier(h)
    return Turn(h, W, model.norm(model.velocity(h, W)), last.damping, last.products)


def _exact_step(model: CollapseModel, turn: Turn) -> Turn:
    return _turn(model, model.features(turn.classifier), turn)


def _newton_step(
    model: CollapseModel, W: Float[Array, "K d"], damping: Float[Array, ""], inner_steps: int
) -> tuple[Array, Int[Array, ""]]:
    """The next classifier, and how many products with the second derivative it took."""

    def gradient(W: Array) -> Array:
        h = model.features(W)
        return W @ model.damped_moment(h) - model.shares[:, None] * h.means

    g, product = jax.linearize(gradient, W)
    root = jnp.linalg.cholesky(model.damped_moment(model.features(W)))

    def out(U: Array) -> Array:
        return jsp.linalg.solve_triangular(root, U.T, lower=True, trans=1).T

    def back(V: Array) -> Array:
        return jsp.linalg.solve_triangular(root, V.T, lower=True).T

    def operator(U: Array) -> Array:
        return back(product(out(U))) + damping * U

    found = conjugate_gradients(operator, -back(g), max_steps=inner_steps, rtol=_INEXACT)
    return W + out(found.x), found.applications


@eqx.filter_jit
def predict(model: CollapseModel) -> tuple[FilteredFeatures, Float[Array, "K d"], Result]:
    """Means, filter and classifier to first order in the deviations, for classes of one size."""
    u, s, vt = jnp.linalg.svd(model.means0, full_matrices=False)
    h, w = collapsed(model, s)
    W = (u * w) @ vt
    result = Result.where(jnp.isfinite(h).all(), Result.successful, Result.max_steps)
    return FilteredFeatures((u * h) @ vt, model.features(W).filter), W, result


def collapsed(model: CollapseModel, values: Float[Array, " r"]) -> tuple[Float[Array, " r"], Float[Array, " r"]]:
    r"""The singular values `h` of the means and `w` of the classifier, when the given features are collapsed.

    For classes of one size `W`, `M` and `M0` have the same singular vectors, and for each singular value `s` of `M0`

        w (h^2 + lambda_W) = h,      (lambda_H + beta) - beta s / h - lambda_W / (h^2 + lambda_W)^2 = 0

    where the left side of the second grows with `h`, so that there is one root at most. Newton's method starts at a
    lower bound of it, the larger one of the roots without `lambda_W` and without `s`. Without a root, `h = w = 0`.
    """
    decay, pull, beta = model.classifier_decay, model.feature_decay + model.proximity, model.proximity
    floor = jnp.sqrt(jnp.maximum(jnp.sqrt(decay / pull) - decay, 0.0))

    def root(s: Array) -> Array:
        low = jnp.maximum(beta * s / pull, floor)
        exists = low > 0.0
        start = jnp.where(exists, low, 1.0)
        solver = optx.Newton(rtol=1e-13, atol=1e-13)
        # In the logarithm h stays positive.
        found = optx.root_find(
            _stationarity, solver, jnp.log(start), (decay, pull, beta, s), max_steps=_NEWTON_STEPS, throw=False
        )
        good = (found.result == optx.RESULTS.successful) & exists
        return jnp.where(exists, jnp.where(good, jnp.exp(found.value), jnp.nan), 0.0)

    h = jax.vmap(root)(values)
    return h, jnp.where(h > 0.0, h, 0.0) / jnp.where(h > 0.0, h**2 + decay, 1.0)


def _stationarity(log_h: Array, numbers: Any) -> Array:
    decay, pull, beta, s = numbers
    h = jnp.exp(log_h)
    return pull - beta * s / h - decay / (h**2 + decay) ** 2
