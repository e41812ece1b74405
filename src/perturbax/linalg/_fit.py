"""`fit`: train the network of a solver on one operator, without a single solution.

Training vectors are random mixtures of Ritz vectors, with more weight on the lower half of the spectrum:

    b = sum_j c_j v_j / |.|,     c_j = 9 N(0, 1) for j <= m / 2 + m / 20,  else N(0, 1)

where `(theta_j, v_j)` are `m` Ritz pairs from Lanczos' method, ascending. The loss of a vector is

    L(b) = |b - alpha A f(b)|^2,     alpha = (f.b) / (f.A f)

with `alpha` the line search of the solver: zero when `f(b)` is parallel to `A^-1 b`, and it may exceed 1.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_instance, check_integer, check_key, check_number, float64
from ..core import fit as run_fit
from ._lanczos import ritz_pairs, tridiagonalize
from ._network import Proposal
from ._problem import LinearSystem, SettledSystem, as_operator
from ._solve import AbstractLinearSolver

# Ritz values below this belong to the null space or to rounding, for operators of about unit size.
_SMALLEST = 1e-8


class RitzMixtures(eqx.Module):
    """The training set of DCDM.

    **Arguments:** `vectors`: how many; `ritz`: number `m` of Ritz pairs; `low_weight`: factor on the coefficients of
    the lower half of the spectrum.

    **Raises:** `ValueError` for numbers out of range.

    Source: Kaneda et al. 2023, arXiv 2205.10763; the shift of the half by `m / 20` is that of their code.

    >>> RitzMixtures(vectors=5, ritz=3).draw(np.diag([1.0, 2.0, 3.0]), key=jax.random.key(0)).shape
    (5, 3)
    """

    vectors: int = 20_000
    ritz: int = 10_000
    low_weight: float = 9.0

    def __check_init__(self):
        check_integer("vectors", self.vectors, minimum=1)
        check_integer("ritz", self.ritz, minimum=2)
        check_number("low_weight", self.low_weight, minimum=0.0, exclusive=True)

    def draw(self, operator: Any, *, key: Any) -> Float[np.ndarray, "vectors ..."]:
        """Unit vectors in float32, from a Lanczos run in float64.

        **Arguments:** `operator`: as for `LinearSystem`; `key`: PRNG key.
        """
        key = check_key("key", key)
        operator = as_operator(operator)
        with float64():
            system = LinearSystem(operator, np.zeros(operator.shape)).settle()
            start_key, mix_key = jax.random.split(key)
            start = system.operator(jax.random.normal(start_key, operator.shape))
            steps = min(self.ritz, operator.size)
            pairs = ritz_pairs(tridiagonalize(system.operator, start, steps))
            kept = np.asarray((pairs.values >= _SMALLEST) & (jnp.sum(pairs.vectors.reshape(steps, -1) ** 2, 1) > 0.5))
            V = np.asarray(pairs.vectors)[kept]
            c = np.array(jax.random.normal(mix_key, (self.vectors, V.shape[0])))
            c[:, : V.shape[0] // 2 + V.shape[0] // 20] *= self.low_weight
            b = np.tensordot(c, V, 1)
        norms = np.sqrt(np.square(b).sum(tuple(range(1, b.ndim)), keepdims=True))
        return (b / norms).astype(np.float32)


class FittedSolver(eqx.Module):
    """What `fit` returns: the `method` with its trained network, the `losses` of all steps, and `stats`."""

    method: Any
    losses: Float[np.ndarray, " steps"]
    stats: dict[str, Any]


def fit(
    operator: Any,
    method: AbstractLinearSolver,
    *,
    data: RitzMixtures | None = None,
    key: Any,
    steps: int,
    batch_size: int,
    optimizer: Any,
    **options: Any,
) -> FittedSolver:
    """Train the network of `DCDM`, `FlexibleCG` or `NetworkIteration` on one operator.

    It serves other masks and sizes too: what it has learned is local. Calling it again goes on from the weights, which
    is how a network is tuned to an operator of one's own.

    **Arguments:**

    - `operator`: as for `LinearSystem`.
    - `method`: a method with a network, an Equinox module such as `nn.ResidualUNet` of the operator's dimensions.
    - `data`: how training vectors are made; `RitzMixtures()` by default.
    - `key`: PRNG key.
    - `steps`, `batch_size`, `optimizer` (of Optax) and `options`: as for `core.fit`.

    **Returns:** `FittedSolver`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when a loss is not finite.

    Source: Kaneda et al. 2023, arXiv 2205.10763.

    >>> import optax
    >>> from perturbax import linalg, nn
    >>> method = linalg.DCDM(nn.ResidualUNet(2, width=2, levels=1, key=jax.random.key(0)))
    >>> operator = linalg.Poisson(np.ones((8, 8), bool), open_sides=True)
    >>> data = linalg.RitzMixtures(vectors=16, ritz=20)
    >>> done = linalg.fit(operator, method, data=data, key=jax.random.key(1), steps=3, batch_size=8,
    ...     optimizer=optax.adam(1e-3))
    >>> done.losses.shape, type(done.method).__name__
    ((3,), 'DCDM')
    """
    check_instance("method", method, AbstractLinearSolver, "a method with a network, such as DCDM(network)")
    network = getattr(method, "network", None)
    if network is None:
        raise ValueError(f"method must have a network to train, such as DCDM(network), got {type(method).__name__}")
    data = RitzMixtures() if data is None else data
    check_instance("data", data, RitzMixtures, "a linalg.RitzMixtures")
    operator = as_operator(operator)
    draw_key, fit_key = jax.random.split(check_key("key", key))
    vectors = data.draw(operator, key=draw_key)
    system = LinearSystem(operator, np.zeros(operator.shape, np.float32)).settle()
    model = Trained(network, system)
    trained = eqx.tree_at(
        lambda m: m.network, jax.tree.map(lambda _: False, model), jax.tree.map(eqx.is_inexact_array, network)
    )
    done = run_fit(
        direction_loss,
        model,
        vectors,
        steps=steps,
        batch_size=batch_size,
        optimizer=optimizer,
        key=fit_key,
        filter_spec=trained,
        **options,
    )
    fitted = eqx.tree_at(lambda m: m.network, method, done.model.network)
    return FittedSolver(fitted, done.losses, done.stats)


class Trained(eqx.Module):
    """The network, and the operator that it is trained on."""

    network: Any
    system: SettledSystem


def direction_loss(model: Trained, batch: Float[Array, "batch ..."], key: Any = None) -> Float[Array, ""]:
    """`|b - alpha A f(b)|^2` with `alpha = (f.b) / (f.A f)`, mean over unit vectors `b`."""

    def one(b: Array) -> Array:
        f = model.system.project(Proposal(model.network)(b))
        image = model.system.operator(f)
        alpha = jnp.sum(f * b) / jnp.sum(f * image)
        return jnp.sum(jnp.square(b - alpha * image))

    return jnp.mean(jax.vmap(one)(batch))
