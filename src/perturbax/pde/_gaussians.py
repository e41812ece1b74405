r"""A field of Gaussians: features that a small network reads, with derivatives in closed form.

With $r = x - \mu_i$ and $p = \Sigma_i^{-1} r$,

    G_i = exp(-r.p / 2),   dG_i/dx_a = -p_a G_i,   d2G_i/dx_a dx_b = (p_a p_b - (Sigma_i^-1)_ab) G_i,

the features are $z(x) = \sum_i f_i G_i(x)$ and $u = \mathrm{MLP}(z)$. Through each layer $h = \tanh(a)$ of the network
value and derivatives go as $h_a = h' a_a$ and $h_{ab} = h'' a_a a_b + h' a_{ab}$ with $h' = 1 - h^2$, $h'' = -2 h h'$.
Derivatives above the second are found by differentiation.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_instance, check_integer, check_number, precision, settle_arrays, to_host
from ._collocation import AbstractCollocation
from ._covariance import AbstractCovariance, AbstractShape
from ._dense import Dense, check_hidden
from ._jet import AbstractClosedForm, Index, automatic
from ._problem import PDEProblem
from ._solve import PDESolution


class GaussianSet(eqx.Module):
    """Gaussians on `[-1, 1]^d` with a vector of features each."""

    mean: Float[Array, "n d"]
    shape: AbstractShape
    features: Float[Array, "n k"]

    def jet(self, x: Float[Array, " d"], indices: tuple[Index, ...]) -> dict[Index, Float[Array, " k"]]:
        """The sums of the features, and their derivatives up to the second."""
        rates = self.shape.precision()
        r = x - self.mean
        p = self.shape.apply(r)
        G = jnp.exp(-0.5 * jnp.sum(r * p, -1))
        factors = {index: _factor(p, rates, index) for index in indices}
        return {index: (factor * G) @ self.features for index, factor in factors.items()}


class GaussianNetwork(AbstractClosedForm):
    """A dense network that reads the features of one or more sets of Gaussians.

    **Arguments:** `sets`: the Gaussians; `dense`: the network.
    """

    sets: tuple[GaussianSet, ...]
    dense: Dense

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, " m"]:
        return self.dense(jnp.concatenate([one.jet(x, ((),))[()] for one in self.sets]))

    def derivatives(self, x: Float[Array, " d"], indices: tuple[Index, ...]) -> dict[Index, Any]:
        if any(len(index) > 2 for index in indices):
            return automatic(self.__call__, x, indices)
        needed = tuple(sorted({(), *indices, *((axis,) for index in indices for axis in index)}))
        parts = [one.jet(x, needed) for one in self.sets]
        jet = {index: jnp.concatenate([part[index] for part in parts]) for index in needed}
        for layer in self.dense.layers[:-1]:
            jet = _through_tanh(_through(layer, jet))
        return _through(self.dense.layers[-1], jet)


class AbstractGaussians(AbstractCollocation):
    """A method that fits a `GaussianNetwork`. Its fields are those of `PIG`."""

    def __check_init__(self):
        method: Any = self
        check_integer("n_gaussians", method.n_gaussians, minimum=1)
        check_integer("features", method.features, minimum=1)
        check_integer("sets", method.sets, minimum=1)
        if method.features % method.sets:
            raise ValueError(f"sets must divide features, {method.features}, got {method.sets}")
        check_instance("covariance", method.covariance, AbstractCovariance, "a covariance such as Diagonal()")
        check_hidden(method.hidden)
        check_number("sigma", method.sigma, minimum=0.0, exclusive=True)
        check_number("feature_std", method.feature_std, minimum=0.0, exclusive=True)

    def network(self, problem: PDEProblem, key: Any) -> GaussianNetwork:
        method: Any = self
        dense_key, *keys = jax.random.split(key, method.sets + 1)
        sets = tuple(self._draw(problem.dimension, key) for key in keys)
        return GaussianNetwork(sets, Dense(method.features, method.hidden, problem.fields, key=dense_key))

    def _draw(self, dimension: int, key: Any) -> GaussianSet:
        method: Any = self
        mean_key, feature_key = jax.random.split(key)
        mean = jax.random.uniform(mean_key, (method.n_gaussians, dimension), minval=-1.0, maxval=1.0)
        shape = method.covariance.start(method.n_gaussians, dimension, method.sigma)
        width = method.features // method.sets
        features = method.feature_std * jax.random.normal(feature_key, (method.n_gaussians, width))
        return GaussianSet(mean, shape, features)


def gaussians(solution: PDESolution) -> tuple[Any, Any]:
    """The Gaussians of a solution by `PIG`, in the coordinates of its problem.

    **Arguments:** `solution`: what `pde.solve` returned.

    **Returns:** means `(n, dimension)` and covariances `(n, dimension, dimension)`, of all sets.

    **Raises:** `TypeError` for the solution of a method without Gaussians.

    >>> from perturbax import pde
    >>> method = pde.PIG(n_gaussians=5, optimiser=pde.LM(1), points=pde.FixedPoints(20, 8))
    >>> gaussians(pde.solve(pde.catalogue.helmholtz(), method, key=jax.random.key(0)))[1].shape
    (5, 2, 2)
    """
    network = getattr(solution.model, "network", None)
    check_instance("the network of solution", network, GaussianNetwork, "one with Gaussians, of PIG or FixedGaussians")
    assert isinstance(network, GaussianNetwork)
    with precision(solution.precision):
        sets, domain = settle_arrays((network.sets, solution.problem.domain))
        mean = jnp.concatenate([one.mean for one in sets])
        covariance = jnp.linalg.inv(jnp.concatenate([one.shape.precision() for one in sets]))
        half = 0.5 * (domain.upper - domain.lower)
        found = domain.from_unit(mean), covariance * half[:, None] * half
    return to_host(found)


def _factor(p: Float[Array, "n d"], rates: Float[Array, "n d d"], index: Index) -> Array:
    """A derivative of the Gaussians over the Gaussians."""
    if index == ():
        return jnp.ones(p.shape[0])
    if len(index) == 1:
        return -p[:, index[0]]
    a, b = index
    return p[:, a] * p[:, b] - rates[:, a, b]


def _through(layer: Any, jet: dict[Index, Array]) -> dict[Index, Array]:
    return {index: layer(part) if index == () else part @ layer.weight for index, part in jet.items()}


def _through_tanh(jet: dict[Index, Array]) -> dict[Index, Array]:
    h = jnp.tanh(jet[()])
    first = 1.0 - h**2
    second = -2.0 * h * first
    found: dict[Index, Array] = {(): h}
    for index, part in jet.items():
        if len(index) == 1:
            found[index] = first * part
        elif len(index) == 2:
            found[index] = second * jet[index[:1]] * jet[index[1:]] + first * part
    return found
