r"""Bits by how far the predictions move.

Cai et al. 2020, *ZeroQ*, arXiv 2001.00281, measure the sensitivity of a layer by the Kullback-Leibler divergence of the
predictions from those of the network in which only this layer is rounded,

    Omega_i(b) = mean_x KL(softmax f(x) || softmax f_{i,b}(x))

and add the layers up as if they did not interact. The linear program then chooses the widths on the problem's own data;
that ZeroQ distils its data from the network is another matter.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core import Paper
from ._papers import ZEROQ
from ._quantization import QuantizationProblem
from ._quantize import AbstractSensitivity


class DivergenceBits(AbstractSensitivity):
    """The widths by the divergence of predictions under the rounding of one layer at a time. It needs no targets.

    **Returns:** a frozen method for `optimize.quantize`.

    Source: Cai et al. 2020, arXiv 2001.00281, for the sensitivity.

    >>> import jax
    >>> from perturbax import nn, optimize
    >>> x = jax.random.normal(jax.random.key(0), (64, 4))
    >>> model = nn.MLP(4, (8,), 3, key=jax.random.key(1), activation=jax.nn.relu)
    >>> problem = optimize.QuantizationProblem(model, x, budget=optimize.Budget(size=40), fixed={})
    >>> optimize.quantize(problem, optimize.DivergenceBits(), key=jax.random.key(2)).size <= 40
    True
    """

    papers: ClassVar[tuple[Paper, ...]] = (ZEROQ,)

    def perturbation(self, problem: QuantizationProblem, key: Any) -> tuple[np.ndarray, dict[str, Any]]:
        exact = [_predict(problem.network, problem.weights, problem.inputs)]
        omega = np.zeros((len(problem.layers), len(problem.bits)))
        by_width = [problem.rounded([b] * len(problem.layers)) for b in problem.bits]
        for i in range(len(problem.layers)):
            for j, rounded in enumerate(by_width):
                weights = [*problem.weights[:i], rounded[i], *problem.weights[i + 1 :]]
                moved = _predict(problem.network, weights, problem.inputs)
                omega[i, j] = max(float(_divergence(exact[0], moved)), 0.0)
        return omega, {"evaluations": 1 + omega.size}


@eqx.filter_jit
def _predict(network: Any, weights: list[Array], inputs: Array) -> Array:
    """Logarithms of probabilities."""
    scores = jax.lax.map(lambda x: network(weights, x).reshape(-1), inputs, batch_size=min(256, inputs.shape[0]))
    return jax.nn.log_softmax(scores)


@jax.jit
def _divergence(exact: Array, moved: Array) -> Array:
    return jnp.mean(jnp.sum(jnp.exp(exact) * (exact - moved), -1))
