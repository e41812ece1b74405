r"""`elasticities`: by how much each weight of the model moves collapse; `matching_proximity`: which one explains it.

With the prediction to first order in the deviations, `tr Sigma_W / tr Sigma_B` is a smooth function of the weights, and

    e_X = d log(tr Sigma_W / tr Sigma_B) / d log X,      X = lambda_W, lambda_H, beta

by automatic differentiation through the roots of the closed form.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import brentq

from ..core import SolverError, check_instance, check_number, float64
from ._collapse_problem import CollapseModel, CollapseProblem
from ._minimiser import check_balanced, newton, predict

# A match is looked for in factors of 10 from 1 on, until features ignore the given ones, or hardly leave them.
_DECADES = 7
_STEPS, _INNER_STEPS, _RESIDUAL = 200, 500, 1e-9


class Elasticities(eqx.Module):
    """What `elasticities` returns: the predicted `nc1_trace`, and for each weight by how many per cent it changes when
    the weight grows by one per cent."""

    nc1_trace: float
    classifier_decay: float
    feature_decay: float
    proximity: float


def elasticities(problem: CollapseProblem) -> Elasticities:
    """How the predicted within-class variability depends on the weights of the model.

    **Arguments:** `problem`: with classes of one size and positive weights, near collapse.

    **Returns:** `Elasticities`, in float64.

    **Raises:** `TypeError` for something else; `ValueError` for classes of different sizes or a weight of zero;
    `SolverError` when the closed form is not found.

    Source: the question is that of Tirer, Huang & Niles-Weed 2023, arXiv 2210.16658.

    >>> h = 1.3 * np.eye(4, 8) + 0.05 * np.random.default_rng(0).normal(size=(10, 4, 8))
    >>> found = elasticities(CollapseProblem(h.reshape(40, 8), np.arange(40) % 4, 0.05, 0.05, 0.01))
    >>> found.feature_decay < found.classifier_decay < 0.0 < found.proximity
    True
    """
    check_instance("problem", problem, CollapseProblem, "a problem CollapseProblem(...)")
    check_balanced(problem)
    names = ("classifier_decay", "feature_decay", "proximity")
    logarithms = [np.log(check_number(n, getattr(problem, n), minimum=0.0, exclusive=True)) for n in names]
    with float64():
        value, slopes = _slopes(jnp.asarray(np.array(logarithms)), problem.settle())
    if not np.isfinite(value):
        raise SolverError("elasticities: the closed form of collapsed features was not found")
    return Elasticities(float(np.exp(value)), *map(float, slopes))


def matching_proximity(problem: CollapseProblem, nc1_trace: float) -> float:
    """The proximity at which the minimiser has a within-class variability that was measured behind a layer.

    **Arguments:** `problem`: with the features before the layer; its own `proximity` does not matter; `nc1_trace`:
    `tr Sigma_W / tr Sigma_B` behind it.

    **Returns:** `beta`, to a relative `1e-7`.

    **Raises:** `TypeError`, `ValueError` when the variability is not positive or not below that of the given features,
    which the model never raises; `SolverError` when a minimiser does not converge.

    >>> h = np.eye(4) + 0.05 * np.random.default_rng(0).normal(size=(10, 4, 4))
    >>> before = CollapseProblem(h.reshape(40, 4), np.arange(40) % 4)
    >>> round(matching_proximity(before, 0.001), 4) < round(matching_proximity(before, 0.002), 4)
    True
    """
    check_instance("problem", problem, CollapseProblem, "a problem CollapseProblem(...)")
    target = check_number("nc1_trace", nc1_trace, minimum=0.0, exclusive=True)
    with float64():
        model, tol = problem.settle(), jnp.asarray(_RESIDUAL)
        before = float(model.nc1_trace(model.start))
        if target >= before:
            raise ValueError(f"nc1_trace must be below that of the given features, {before:.4g}, got {target:.4g}")

        def excess(log_beta: float) -> float:
            changed = eqx.tree_at(lambda model: model.proximity, model, jnp.asarray(np.exp(log_beta)))
            value, good = _variability(changed, tol)
            if not good:
                raise SolverError(f"matching_proximity: no minimiser was found at the proximity {np.exp(log_beta):.3g}")
            return float(value) - np.log(target)

        # The variability grows with the proximity.
        direction = -1.0 if excess(0.0) > 0.0 else 1.0
        for decade in range(1, _DECADES + 1):
            inner, outer = (direction * np.log(10.0) * at for at in (decade - 1, decade))
            if direction * excess(outer) >= 0.0:
                return float(np.exp(brentq(excess, inner, outer, xtol=1e-7)))
        raise SolverError(f"matching_proximity: no proximity gives a variability of {target:.4g}")


@eqx.filter_jit
def _slopes(logarithms: Float[Array, "3"], model: CollapseModel) -> tuple[Array, Array]:
    def value(logarithms: Array) -> Array:
        weights = tuple(jnp.exp(logarithms))
        changed = eqx.tree_at(lambda m: (m.classifier_decay, m.feature_decay, m.proximity), model, weights)
        return jnp.log(changed.nc1_trace(predict(changed)[0]))

    return jax.value_and_grad(value)(logarithms)


@eqx.filter_jit
def _variability(model: CollapseModel, tol: Array) -> tuple[Array, Any]:
    found = newton(model, tol, _STEPS, _INNER_STEPS)
    return jnp.log(model.nc1_trace(found.state.features)), found.state.residual <= tol
