"""k-medoids by partitioning around medoids (PAM): greedy starts, then the best swap until none helps.

For medoids `m_1, ..., m_K` of a dissimilarity `d` the cost is `C_K = sum_i min_k d(x_i, x_{m_k})`. With `d1_i`, `d2_i`
the dissimilarities of `i` to its nearest and second nearest medoid, a swap of medoid `k` for point `c` changes it by

    sum_i [min(d1_i, d_ic) - d1_i]  +  sum_{i nearest to k} [min(d2_i, d_ic) - min(d1_i, d_ic)],

for all `k` and `c` together one matrix product.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core import check_array, check_integer, check_key, float64, iterate, raise_if_failed

# A gain below this share of the cost is rounding.
_ROUNDING = 1e-12
_MAX_SWAPS = 10_000


class Medoids(eqx.Module):
    """What `k_medoids` returns.

    - `medoids`: their indices; `labels`: the position in `medoids` of the one that each point belongs to.
    - `cost`: the sum of the dissimilarities of all points to their medoids; `swaps`: of the best start.
    """

    medoids: Int[np.ndarray, " K"]
    labels: Int[np.ndarray, " M"]
    cost: float
    swaps: int


def k_medoids(
    dissimilarity: Any, clusters: int, *, key: Any, restarts: int = 10, start: Any = None, most: int | None = None
) -> Medoids:
    """Medoids of a dissimilarity matrix: the cheapest result of several starts of PAM.

    One start is greedy, the others draw each medoid with a probability that grows with the squared dissimilarity to
    those that are there.

    **Arguments:**

    - `dissimilarity`: shape `(M, M)`, symmetric, >= 0; `clusters`: at most `M`; `key`: JAX PRNG key.
    - `restarts`: number of random starts.
    - `start`: medoids of a smaller number of clusters, which the greedy start then completes: with it the cost of a
      sequence of growing numbers never rises.
    - `most`: the largest number of clusters that will be asked for: calls with the same one share one compilation.

    **Returns:** a `Medoids`.

    **Raises:** `ValueError` or `TypeError` for arguments that do not fit.

    Source: Schubert & Rousseeuw 2021, *Fast and eager k-medoids clustering*, arXiv 2008.05171.

    >>> import jax, numpy as np
    >>> x = np.array([0.0, 0.1, 5.0, 5.2, 5.4])
    >>> found = k_medoids(np.abs(x[:, None] - x), 2, key=jax.random.key(0))
    >>> sorted(found.medoids.tolist()), round(found.cost, 3)
    ([0, 3], 0.5)
    """
    d = check_dissimilarity("dissimilarity", dissimilarity)
    clusters = check_integer("clusters", clusters, minimum=1, maximum=d.shape[0])
    restarts = check_integer("restarts", restarts, minimum=0)
    most = clusters if most is None else check_integer("most", most, minimum=clusters)
    given = np.zeros(0, int) if start is None else check_array("start", start, ndim=1, kind="integer", nonempty=False)
    if given.size > clusters or (given.size and (given.min() < 0 or given.max() >= d.shape[0])):
        raise ValueError(f"start must hold at most {clusters} indices of medoids, got {np.asarray(given).tolist()}")
    with float64():
        first = np.zeros(most, np.int32)
        first[: given.size] = given
        medoids, labels, cost, swaps, result = _best(
            jnp.asarray(d),
            jnp.asarray(first),
            jnp.asarray(given.size),  # numbers would be compiled in
            jnp.asarray(clusters),
            jax.random.split(check_key("key", key), restarts),
        )
    raise_if_failed(result, "k_medoids")
    return Medoids(np.asarray(medoids)[:clusters].astype(int), np.asarray(labels).astype(int), float(cost), int(swaps))


def check_dissimilarity(name: str, value: Any) -> Float[np.ndarray, "M M"]:
    """A finite, symmetric matrix without negative entries."""
    d = np.asarray(check_array(name, value, ndim=2), np.float64)
    if d.shape[0] != d.shape[1]:
        raise ValueError(f"{name} must have shape (M, M), got {d.shape}")
    if d.min() < 0.0 or not np.allclose(d, d.T, rtol=1e-8, atol=1e-12):
        raise ValueError(f"{name} must be symmetric and >= 0, got a smallest entry of {d.min():.3g}")
    return d


@eqx.filter_jit
def _best(
    d: Float[Array, "M M"], first: Int[Array, " most"], given: Any, clusters: Any, keys: Any
) -> tuple[Int[Array, " most"], Int[Array, " M"], Float[Array, ""], Int[Array, ""], Any]:
    greedy = _grow(d, first, given, lambda scores, _: jnp.argmin(scores), None)
    starts = greedy[None]
    if keys.shape[0]:
        drawn = jax.lax.map(lambda key: _grow(d, jnp.zeros_like(first), 0, _draw, key), keys)
        starts = jnp.concatenate([starts, drawn])
    ends = jax.lax.map(lambda medoids: _swap(d, medoids, clusters), starts)
    best = jnp.argmin(ends.state[1])
    medoids = ends.state[0][best]
    distances = _to_medoids(d, medoids, clusters)
    # A point that repeats a medoid is as near to either; a medoid belongs to itself, so that no cluster is empty.
    index = jnp.where(jnp.arange(medoids.size) < clusters, medoids, d.shape[0])
    labels = distances.argmin(0).astype(jnp.int32).at[index].set(jnp.arange(medoids.size, dtype=jnp.int32), mode="drop")
    result = jax.tree.map(lambda leaf: leaf[best], ends.result)
    return medoids, labels, ends.state[1][best], ends.steps[best], result


def _grow(d: Float[Array, "M M"], medoids: Int[Array, " most"], given: Any, choose: Any, key: Any) -> Any:
    """Medoids beyond the first `given`, one after another."""
    place = jnp.arange(medoids.size)
    nearest = jnp.where(place[:, None] < given, d[medoids], jnp.inf).min(0)
    taken = jnp.zeros(d.shape[0], bool).at[jnp.where(place < given, medoids, d.shape[0])].set(True, mode="drop")

    def add(k: Any, carry: Any) -> Any:
        medoids, nearest, taken = carry
        costs = jnp.where(taken, jnp.inf, jnp.minimum(nearest[:, None], d).sum(0))
        weights = jnp.where(taken, -jnp.inf, 2.0 * jnp.log(jnp.maximum(nearest, jnp.finfo(d.dtype).tiny)))
        new = choose(costs, (weights, None if key is None else jax.random.fold_in(key, k))).astype(jnp.int32)
        grown = (medoids.at[k].set(new), jnp.minimum(nearest, d[new]), taken.at[new].set(True))
        return jax.tree.map(lambda a, b: jnp.where(k < given, a, b), carry, grown)

    return jax.lax.fori_loop(0, medoids.size, add, (medoids, nearest, taken))[0]


def _draw(costs: Any, weights_and_key: Any) -> Any:
    weights, key = weights_and_key
    return jax.random.categorical(key, jnp.where(jnp.isposinf(weights), 0.0, weights))


def _to_medoids(d: Float[Array, "M M"], medoids: Int[Array, " most"], clusters: Any) -> Float[Array, "most M"]:
    return jnp.where(jnp.arange(medoids.size)[:, None] < clusters, d[medoids], jnp.inf)


def _swap(d: Float[Array, "M M"], medoids: Int[Array, " most"], clusters: Any) -> Any:
    place = jnp.arange(medoids.size)

    def step(state: Any) -> Any:
        medoids, cost, _ = state
        distances = _to_medoids(d, medoids, clusters)
        label, d1 = distances.argmin(0), distances.min(0)
        own = label[None, :] == place[:, None]
        d2 = jnp.where(own, jnp.inf, distances).min(0)
        joined = jnp.minimum(d1[:, None], d)
        change = joined.sum(0) - d1.sum() + own.astype(d.dtype) @ (jnp.minimum(d2[:, None], d) - joined)
        change = jnp.where(place[:, None] < clusters, change, jnp.inf)
        k, c = jnp.unravel_index(change.argmin(), change.shape)
        better = change[k, c] < -_ROUNDING * cost
        swapped = jnp.where(better, medoids.at[k].set(c.astype(medoids.dtype)), medoids)
        return swapped, jnp.where(better, _to_medoids(d, swapped, clusters).min(0).sum(), cost), better

    begin = (medoids, _to_medoids(d, medoids, clusters).min(0).sum(), jnp.array(True))
    return iterate(step, begin, done=lambda _, state: ~state[2], max_steps=_MAX_SWAPS, throw=False)
