r"""Traces and largest eigenvalues of the blocks `H_i` of the Hessian that belong to the weights of single layers.

    H v,   v = (v_1, ..., v_L) of independent signs:      E v_i . (H v)_i = tr H_ii

since `E v_i v_j^T = 0` for `i != j`: one product with the whole Hessian serves all layers, where `linalg.trace` of each
block would take a product for each.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import raise_if_failed
from ._largest_eigenvalue import largest_eigenvalue
from ._quantization import QuantizationProblem, mean_loss

# Probes between two looks at the scatter.
_ROUND = 16


def block_traces(
    problem: QuantizationProblem, key: Any, probes: int, tolerance: float
) -> tuple[Float[np.ndarray, " layers"], Float[np.ndarray, " layers"], int]:
    """The traces of all layers, their standard errors, and the number of products with the Hessian: at most `probes`,
    and fewer as soon as every relative standard error is at most `tolerance`."""
    values = np.zeros((0, len(problem.layers)))
    while len(values) < probes:
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(
            jnp.arange(len(values), min(len(values) + _ROUND, probes))
        )
        found = _probe(problem.network, problem.loss, problem.weights, (problem.inputs, problem.targets), keys)
        values = np.concatenate([values, np.asarray(found, np.float64)])
        mean, error = values.mean(0), values.std(0, ddof=1) / len(values) ** 0.5
        if np.all(error <= tolerance * np.abs(mean)):
            break
    return mean, error, len(values)


def block_eigenvalues(
    problem: QuantizationProblem, key: Any, tolerance: float, max_restarts: int
) -> tuple[Float[np.ndarray, " layers"], int]:
    """The largest eigenvalue of the block of each layer, and the number of products with the Hessian."""
    values, evaluations = [], 0
    for i, layer in enumerate(problem.layers):
        start = jax.random.normal(jax.random.fold_in(key, i), layer.weight.shape).reshape(-1)
        data = problem.inputs, problem.targets
        found = _largest(problem.network, problem.loss, problem.weights, data, start, tolerance, i, max_restarts)
        raise_if_failed(found.result, f"the largest eigenvalue of the Hessian of {layer.name}")
        values.append(float(found.value))
        evaluations += int(found.evaluations)
    return np.array(values), evaluations


@eqx.filter_jit
def _probe(network: Any, loss: Any, weights: list[Array], data: Any, keys: Array) -> Float[Array, "probes layers"]:
    def one(key: Array) -> Array:
        signs = [
            jax.random.rademacher(jax.random.fold_in(key, i), weight.shape, weight.dtype)
            for i, weight in enumerate(weights)
        ]
        gradient = jax.grad(lambda weights: mean_loss(network, loss, weights, data))
        product = jax.jvp(gradient, (weights,), (signs,))[1]
        return jnp.stack([jnp.vdot(v, h) for v, h in zip(signs, product, strict=True)])

    return jax.lax.map(one, keys)


@eqx.filter_jit
def _largest(
    network: Any, loss: Any, weights: list[Array], data: Any, start: Array, tolerance: Any, i: int, max_restarts: int
) -> Any:
    def gradient(weight: Array) -> Array:
        return jax.grad(lambda w: mean_loss(network, loss, [*weights[:i], w, *weights[i + 1 :]], data))(weight)

    def product(v: Array) -> Array:
        return jax.jvp(gradient, (weights[i],), (v.reshape(weights[i].shape),))[1].reshape(-1)

    return largest_eigenvalue(product, start, tolerance, max_restarts)
