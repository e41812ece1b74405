r"""Networks of few neurons from functions of small Barron norm.

Barron's theorem by Maurey's draw: of `u = sum_k Re(a_k exp(i w_k . x))` with `A = sum_k |a_k|` draw `N` waves with
probability `|a_k| / A`, and

    u_N(x) = A / N sum_j cos(w_j . x + phase_j)

is `u` in the mean. Its squared error in L2 is `(|v|^2 - |u|^2) / N` with `|v|^2` the mean of the square of one neuron,
at most `A^2 / N` in any dimension.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_instance, check_integer, check_key, precision, settle_arrays, to_host
from ._solve import PDESolution
from ._sparse_waves import WaveField
from ._spectral_grid import GridField


class CosineNetwork(eqx.Module):
    """A network of one hidden layer of cosines, `scale sum_j cos(weights_j . x + biases_j)`.

    Called with a point `(dimension,)` it gives `(1,)`.
    """

    weights: Float[Array | np.ndarray, "neurons dimension"]
    biases: Float[Array | np.ndarray, " neurons"]
    scale: Float[Array | np.ndarray, ""]

    def __call__(self, x: Float[Array | np.ndarray, " dimension"]) -> Float[Array, "1"]:
        hidden = jnp.cos(jnp.asarray(self.weights) @ x + self.biases)
        return jnp.asarray(self.scale * jnp.sum(hidden))[None]


def barron_norm(solution: PDESolution) -> float:
    r"""The Barron norm of a solution, $\sum_n (1 + |n|) |\hat u_n|$ with $n$ in turns per side of the domain.

    **Arguments:** `solution`: what `pde.solve` returned for `BarronFlow` or another method on waves.

    **Returns:** a number. Where the solution is zero on the boundary it is that of the odd reflection.

    **Raises:** `TypeError` for the solution of another method.

    Source: Marwah, Lipton, Lu & Risteski 2023 (arXiv 2210.12101).

    >>> from perturbax import pde
    >>> method = pde.BarronFlow(pde.SpectralGrid(8), iterations=3)
    >>> solution = pde.solve(pde.catalogue.semilinear(1), method, key=jax.random.key(0))
    >>> barron_norm(solution) > 1.0
    True
    """
    frequencies, amplitudes = _cosines(solution)
    return float((1.0 + np.linalg.norm(frequencies, axis=-1)) @ np.abs(amplitudes))


def compress(solution: PDESolution, neurons: int, *, key: Any) -> CosineNetwork:
    r"""A network with one hidden layer of `neurons` cosines, drawn from the waves of a solution.

    The mean square error is $(\|a\|_1^2 \kappa - \|u\|^2) / N$ over the draws, with $\|a\|_1$ the sum of the amplitudes
    and $\kappa$ the mean square of a neuron, 1/2 but for a constant: it does not depend on the dimension.

    **Arguments:** `solution`: what `pde.solve` returned for `BarronFlow` or another method on waves; `neurons`: how
    many; `key`: JAX PRNG key.

    **Returns:** a `CosineNetwork`, a pytree that can be trained further.

    **Raises:** `TypeError`, `ValueError` for other arguments, and for the solution 0.

    Source: Barron 1993, Universal approximation bounds for superpositions of a sigmoidal function.

    >>> from perturbax import pde
    >>> method = pde.BarronFlow(pde.SpectralGrid(8), iterations=3)
    >>> solution = pde.solve(pde.catalogue.semilinear(1), method, key=jax.random.key(0))
    >>> compress(solution, 20, key=jax.random.key(1)).weights.shape
    (20, 1)
    """
    neurons = check_integer("neurons", neurons, minimum=1)
    check_key("key", key)
    frequencies, amplitudes = _cosines(solution)
    sizes = np.abs(amplitudes)
    if not sizes.any():
        raise ValueError("solution must not be 0")
    with precision(solution.precision):
        domain = settle_arrays(solution.problem.domain)
        k = jax.random.choice(key, len(sizes), (neurons,), p=jnp.asarray(sizes / sizes.sum()))
        weights = 2.0 * jnp.pi * jnp.asarray(frequencies)[k] / (domain.upper - domain.lower)
        biases = jnp.angle(jnp.asarray(amplitudes)[k]) - weights @ domain.lower
        return to_host(CosineNetwork(weights, biases, jnp.asarray(sizes.sum() / neurons)))


def _cosines(solution: PDESolution) -> tuple[np.ndarray, np.ndarray]:
    check_instance("solution", solution, PDESolution, "what pde.solve returned")
    kinds = (WaveField, GridField)
    model: Any = check_instance("the model of solution", solution.model, kinds, "a sum of waves, such as BarronFlow's")
    with precision(solution.precision):
        frequencies, amplitudes = settle_arrays(model).cosines()
    return np.asarray(frequencies), np.asarray(amplitudes)
