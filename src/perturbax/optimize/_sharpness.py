r"""`sharpness`: how sharp a minimum is, in the measures of stability bounds. The verb and its solution.

With `H_i = J_i^T J_i` of a sample and `H` their mean,

    tr H,      |H|_F^2,      lambda_max(H),      E |H_i|_F^2      (for one output E |g_i|^4)
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core import Method, check_instance, check_key
from ._least_squares import LeastSquares


class Sharpness(eqx.Module):
    """What `sharpness` returns; a tracker stacks many of them.

    - `trace`: `tr H`; `squared_norm`: `|H|_F^2`; `top`: the largest eigenvalue of `H`; `sample_squared_norm`: the mean
      of `|H_i|_F^2`.
    - `rank`: of `H`, or the largest possible one where it was not counted.
    - `loss`: at this point; everything said of a minimum needs it to be zero.
    - `samples`, `outputs`: `n`, and the outputs of a sample.
    - `stats`: `"evaluations"`, products with `H`.
    """

    trace: Float[Array | np.ndarray, "*batch"]
    squared_norm: Float[Array | np.ndarray, "*batch"]
    top: Float[Array | np.ndarray, "*batch"]
    sample_squared_norm: Float[Array | np.ndarray, "*batch"]
    rank: Int[Array | np.ndarray, "*batch"]
    loss: Float[Array | np.ndarray, "*batch"]
    samples: int = eqx.field(static=True)
    outputs: int = eqx.field(static=True)
    stats: dict[str, Any] = eqx.field(default_factory=dict)

    @property
    def frobenius(self) -> Any:
        """`|H|_F`."""
        return self.squared_norm**0.5


class AbstractSharpnessMethod(Method):
    """A method of `optimize.sharpness`."""

    @abc.abstractmethod
    def measure(self, problem: LeastSquares, key: Any) -> Sharpness:
        """The measures at this point."""


def sharpness(problem: LeastSquares, method: AbstractSharpnessMethod, *, key: Any) -> Sharpness:
    """Measure how sharp the loss is where a model stands.

    **Arguments:** `problem`: `LeastSquares(model, inputs, targets)`; `method`: `ExactSharpness()`, or
    `ProbedSharpness()` where the gradients of all samples do not fit into memory; `key`: PRNG key of the probes.

    **Returns:** a `Sharpness`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    >>> import jax
    >>> from perturbax import nn, optimize
    >>> model = nn.DiagonalLinear(jnp.ones(3), jnp.ones(3))
    >>> problem = optimize.LeastSquares(model, jnp.eye(3), jnp.ones(3))
    >>> round(float(optimize.sharpness(problem, optimize.ExactSharpness(), key=jax.random.key(0)).trace), 4)
    2.0
    """
    check_instance("problem", problem, LeastSquares, "a problem LeastSquares(model, inputs, targets)")
    check_instance("method", method, AbstractSharpnessMethod, "a method such as ExactSharpness()")
    return method.measure(problem, check_key("key", key))


def of_gradients(gradients: Float[Array, "n outputs parameters"], loss: Any) -> Sharpness:
    """All measures from the gradients of all samples, by the smaller one of `J J^T` and `J^T J`."""
    n, outputs, size = gradients.shape
    flat = gradients.reshape(n * outputs, size)
    gram = (flat.T @ flat if size <= n * outputs else flat @ flat.T) / n
    values = jnp.linalg.eigvalsh(gram)
    return Sharpness(
        trace=jnp.sum(flat**2) / n,
        squared_norm=jnp.sum(gram**2),
        top=values[-1],
        sample_squared_norm=jnp.mean(jax.vmap(sample_squared_norm)(gradients)),
        rank=jnp.sum(in_range(values, max(flat.shape))).astype(jnp.int32),
        loss=jnp.asarray(loss, gradients.dtype),
        samples=n,
        outputs=outputs,
        stats={"evaluations": 0},
    )


def sample_squared_norm(gradient: Float[Array, "outputs parameters"]) -> Float[Array, ""]:
    """`|H_i|_F^2` of one sample."""
    return jnp.sum((gradient @ gradient.T) ** 2)


def in_range(values: Float[Array, " m"], longest: int) -> Array:
    """Which eigenvalues of a Gram matrix, ascending, are more than rounding, with so many products in a sum."""
    return values > longest * jnp.finfo(values.dtype).eps * jnp.maximum(values[-1], 0.0)
