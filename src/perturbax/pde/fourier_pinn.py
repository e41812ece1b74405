r"""Physics-informed networks with random Fourier features of several scales.

Wang, Wang & Perdikaris 2021, *On the eigenvector bias of Fourier feature networks*. With rows of $B_s$ drawn from
$N(0, \sigma_s^2)$ and never trained,

    gamma_s(x) = [cos(2 pi B_s x), sin(2 pi B_s x)],   H_s = net(gamma_s(x)),   u = [H_1, ..., H_S] W + b

with one network for all scales. A scale should be near the frequencies of the solution, and the user has to know them.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, check_integer, check_number
from ..nn import Linear
from ._collocation import AbstractCollocation
from ._dense import check_hidden, glorot
from ._lm import LM
from ._optimiser import AbstractOptimiser
from ._papers import FOURIER_FEATURES
from ._problem import PDEProblem
from ._sampler import AbstractSampler, FixedPoints


class FourierNetwork(eqx.Module):
    """A tanh network that reads random Fourier features.

    **Arguments:** `frequencies`: $B_s$ of each scale; `layers`: those of the network; `last`: reads all scales.
    """

    frequencies: Float[Array, "scales features inputs"]
    layers: tuple[Linear, ...]
    last: Linear

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
        phases = 2.0 * jnp.pi * self.frequencies @ x
        h = jnp.concatenate([jnp.cos(phases), jnp.sin(phases)], -1)
        for layer in self.layers:
            h = jnp.tanh(layer(h))
        return self.last(h.reshape(-1))


class FourierPINN(AbstractCollocation):
    """A network on random Fourier features that is fitted to the equation and its conditions.

    **Arguments:**

    - `hidden`: widths of the hidden layers.
    - `scales`: standard deviations of the frequencies, on the domain mapped to `[-1, 1]^d`.
    - `features`: frequencies of each scale.
    - `optimiser`: `LM`, `LBFGS`, `Adam` or a `Chain` of them.
    - `points`: a sampler, such as `FixedPoints` or `FreshPoints`.

    **Returns:** a frozen method for `pde.solve`.

    **Raises:** `ValueError` for sizes that are no positive integers, and scales that are not positive.

    Source: Wang, Wang & Perdikaris 2021 (arXiv 2012.10047).

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.FourierPINN(hidden=(8,), features=4, optimiser=pde.LM(2), points=pde.FixedPoints(50, 20))
    >>> pde.solve(pde.catalogue.helmholtz(), method, key=jax.random.key(0)).stats["parameters"]
    89
    """

    hidden: tuple[int, ...] = (32,)
    scales: tuple[float, ...] = (1.0, 4.0)
    features: int = 16
    optimiser: AbstractOptimiser = LM()
    points: AbstractSampler = FixedPoints()

    papers: ClassVar[tuple[Paper, ...]] = (FOURIER_FEATURES,)

    def __check_init__(self):
        check_hidden(self.hidden)
        check_integer("features", self.features, minimum=1)
        if not self.scales:
            raise ValueError("scales must name at least one, got none")
        for k, scale in enumerate(self.scales):
            check_number(f"scales[{k}]", scale, minimum=0.0, exclusive=True)

    def network(self, problem: PDEProblem, key: Any) -> FourierNetwork:
        draw_key, layer_key, last_key = jax.random.split(key, 3)
        drawn = jax.random.normal(draw_key, (len(self.scales), self.features, problem.dimension))
        frequencies = jnp.asarray(self.scales)[:, None, None] * drawn
        layers = glorot([2 * self.features, *self.hidden], layer_key)
        last = glorot([len(self.scales) * self.hidden[-1], problem.fields], last_key)[0]
        return FourierNetwork(frequencies, layers, last)

    def trainable(self, network: Any) -> Any:
        everything = jax.tree.map(eqx.is_inexact_array, network)
        return eqx.tree_at(lambda net: net.frequencies, everything, False)
