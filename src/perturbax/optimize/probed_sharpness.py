"""Sharpness from products of the Gauss-Newton matrix with vectors.

    |H|_F^2 = tr H^2 = E |H z|^2     for z of random signs

by Hutchinson's estimator, `lambda_max` by Lanczos' method. `tr H = E |J_i|_F^2` and `E |H_i|_F^2` are means over the
samples and take one gradient each, a batch of them at a time.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .. import linalg
from ..core import Paper, check_integer
from ._least_squares import LeastSquares
from ._papers import DYNAMICAL_STABILITY
from ._sharpness import AbstractSharpnessMethod, Sharpness, sample_squared_norm


class ProbedSharpness(AbstractSharpnessMethod):
    """Estimates for models whose gradients of all samples do not fit into memory. `trace` and `sample_squared_norm` are
    exact, `squared_norm` is unbiased, `top` is a lower bound that is close after 30 steps.

    **Arguments:** `probes`: for the squared norm; `steps`: of Lanczos, at most the number of parameters; `batch`:
    samples whose gradients are held at a time.

    **Returns:** a frozen method for `optimize.sharpness` and `optimize.SharpnessTracker`.

    **Raises:** `ValueError` for numbers out of range.

    Source: Hutchinson 1990, Lanczos 1950; the measures are those of Wu & Su 2023, arXiv 2305.17490.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from perturbax import nn, optimize
    >>> model = nn.DiagonalLinear(jnp.ones(2), 2.0 * jnp.ones(2))
    >>> problem = optimize.LeastSquares(model, jnp.eye(2), 2.0 * jnp.ones(2))
    >>> found = optimize.sharpness(problem, optimize.ProbedSharpness(steps=2), key=jax.random.key(0))
    >>> round(float(found.top), 4)
    2.5
    """

    probes: int = 30
    steps: int = 30
    batch: int = 64

    papers: ClassVar[tuple[Paper, ...]] = (DYNAMICAL_STABILITY, *linalg.Hutchinson.papers, *linalg.Lanczos.papers)

    def __check_init__(self):
        check_integer("probes", self.probes, minimum=2)
        check_integer("steps", self.steps, minimum=1)
        check_integer("batch", self.batch, minimum=1)

    def measure(self, problem: LeastSquares, key: Any) -> Sharpness:
        probe_key, start_key = jax.random.split(key)
        product = problem.gauss_newton()
        squared = linalg.trace(
            linalg.MatrixFree(_Squared(product), product.shape), linalg.Hutchinson(self.probes), key=probe_key
        )
        top = linalg.spectrum_of(product, linalg.Lanczos(self.steps), key=start_key)
        trace, sample_norm = _over_samples(problem, self.batch)
        n, outputs = problem.targets.shape[0], problem.outputs
        return Sharpness(
            trace=trace,
            squared_norm=squared.value,
            top=np.asarray(top.values[-1]),
            sample_squared_norm=sample_norm,
            rank=jnp.asarray(min(n * outputs, problem.size), jnp.int32),
            loss=problem.loss(),
            samples=n,
            outputs=outputs,
            stats={"evaluations": 2 * self.probes + self.steps},
        )


class _Squared(eqx.Module):
    product: linalg.MatrixFree

    def __call__(self, v: Array) -> Array:
        return self.product(self.product(v))


@eqx.filter_jit
def _over_samples(problem: LeastSquares, batch: int) -> tuple[Array, Array]:
    def one(x: Array) -> tuple[Array, Array]:
        gradient = problem.sample_gradients(x)
        return jnp.sum(gradient**2), sample_squared_norm(gradient)

    squares, norms = jax.lax.map(one, problem.inputs, batch_size=min(batch, problem.inputs.shape[0]))
    return squares.mean(), norms.mean()
