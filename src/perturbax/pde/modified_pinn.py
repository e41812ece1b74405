"""The modified multi-layer perceptron of physics-informed learning.

Wang, Teng & Perdikaris 2021, *Understanding and mitigating gradient flow pathologies in physics-informed neural
networks*. Two encoders of the input gate every hidden layer,

    U = tanh(x W_U + b_U),   V = tanh(x W_V + b_V),   Z = tanh(H W + b),   H <- (1 - Z) U + Z V,

so that products of inputs reach every depth.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, check_integer
from ..nn import Linear
from ._collocation import AbstractCollocation
from ._dense import glorot
from ._lm import LM
from ._optimiser import AbstractOptimiser
from ._papers import MODIFIED_MLP
from ._problem import PDEProblem
from ._sampler import AbstractSampler, FixedPoints


class GatedNetwork(eqx.Module):
    """A tanh network whose hidden layers are mixed from two encodings of the input.

    **Arguments:** `encoders`: two layers of the input; `layers`: the hidden layers and the last one.
    """

    encoders: tuple[Linear, Linear]
    layers: tuple[Linear, ...]

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
        U, V = (jnp.tanh(layer(x)) for layer in self.encoders)
        H = x
        for layer in self.layers[:-1]:
            Z = jnp.tanh(layer(H))
            H = (1.0 - Z) * U + Z * V
        return self.layers[-1](H)


class ModifiedPINN(AbstractCollocation):
    """A network with gates that is fitted to the equation and its conditions.

    **Arguments:**

    - `width`, `depth`: of the hidden layers.
    - `optimiser`: `LM`, `LBFGS`, `Adam` or a `Chain` of them.
    - `points`: a sampler, such as `FixedPoints` or `FreshPoints`.

    **Returns:** a frozen method for `pde.solve`.

    **Raises:** `ValueError` for sizes that are no positive integers.

    Source: Wang, Teng & Perdikaris 2021 (arXiv 2001.04536).

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.ModifiedPINN(width=8, depth=2, optimiser=pde.LM(2), points=pde.FixedPoints(50, 20))
    >>> pde.solve(pde.catalogue.helmholtz(), method, key=jax.random.key(0)).stats["parameters"]
    153
    """

    width: int = 32
    depth: int = 2
    optimiser: AbstractOptimiser = LM()
    points: AbstractSampler = FixedPoints()

    papers: ClassVar[tuple[Paper, ...]] = (MODIFIED_MLP,)

    def __check_init__(self):
        check_integer("width", self.width, minimum=1)
        check_integer("depth", self.depth, minimum=1)

    def network(self, problem: PDEProblem, key: Any) -> GatedNetwork:
        d = problem.dimension
        first, second, key = jax.random.split(key, 3)
        encoders = glorot([d, self.width], first)[0], glorot([d, self.width], second)[0]
        return GatedNetwork(encoders, glorot([d, *[self.width] * self.depth, problem.fields], key))
