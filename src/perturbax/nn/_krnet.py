r"""KRnet: a normalizing flow on a cube whose map is triangular in blocks, as Knothe and Rosenblatt's rearrangement.

Tang, Wan & Liao 2022 and Wan & Wei 2022. From data to prior, with `d` coordinates and `m` of them in a block:

    z = Phi^-1((x + 1) / 2)                                   cube to space; a standard normal prior is uniform there
    stage 1 .. K - 1:  [scale and shift; affine coupling; flip] x depth on the active coordinates,
                       then the last m of them are frozen (squeezing)
    stage K:           scale and shift, then a piecewise quadratic distribution function F on what is active

    coupling:  (a, b) -> (a, b (1 + 0.6 tanh s(a)) + exp(clip(g, -5, 5)) tanh t(a))

`s` and `t` are the interleaved outputs of one ReLU network, `b` the last `m` active coordinates. Every network starts
with a last layer of zeros, so that the flow starts as the identity: exactly uniform. What actnorm would be initialised
to by such data, scale 1 and shift 0, is what it starts with. The paper has a logistic map in the place of `Phi^-1`,
with which no flow is uniform.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import check_integer, check_key
from ._layers import Linear

# F is the identity beyond this many standard deviations.
_REACH = 3.0
_RATE, _CLIP = 0.6, 5.0


class _ScaleShift(eqx.Module):
    log_scale: Float[Array, "*depth a"]
    shift: Float[Array, "*depth a"]

    def __init__(self, active: int):
        self.log_scale, self.shift = jnp.zeros(active), jnp.zeros(active)

    def __call__(self, z: Array) -> tuple[Array, Array]:
        return (z + self.shift) * jnp.exp(self.log_scale), jnp.broadcast_to(self.log_scale.sum(), z.shape[:-1])

    def inverse(self, z: Array) -> Array:
        return z * jnp.exp(-self.log_scale) - self.shift


class _Coupling(eqx.Module):
    """Scale and shift, affine coupling, flip."""

    normal: _ScaleShift
    layers: tuple[Linear, ...]
    log_reach: Float[Array, "*depth b"]

    def __init__(self, active: int, block: int, hidden: int, key: PRNGKeyArray):
        first, second, last = jax.random.split(key, 3)
        self.normal = _ScaleShift(active)
        # He's scale for ReLU.
        self.layers = (
            Linear(active - block, hidden, key=first, scale=6.0**0.5),
            Linear(hidden, hidden, key=second, scale=6.0**0.5),
            Linear(hidden, 2 * block, key=last, scale=0.0),
        )
        self.log_reach = jnp.zeros(block)

    def __call__(self, z: Array) -> tuple[Array, Array]:
        z, log_det = self.normal(z)
        a, b = self._split(z)
        rate, shift = self._conditioned(a)
        b = b * rate + shift
        return jnp.flip(jnp.concatenate([a, b], -1), -1), log_det + jnp.log(rate).sum(-1)

    def inverse(self, z: Array) -> Array:
        a, b = self._split(jnp.flip(z, -1))
        rate, shift = self._conditioned(a)
        return self.normal.inverse(jnp.concatenate([a, (b - shift) / rate], -1))

    def _split(self, z: Array) -> tuple[Array, Array]:
        at = z.shape[-1] - self.log_reach.shape[-1]
        return z[..., :at], z[..., at:]

    def _conditioned(self, a: Array) -> tuple[Array, Array]:
        for layer in self.layers[:-1]:
            a = jax.nn.relu(layer(a))
        both = self.layers[-1](a).reshape(*a.shape[:-1], -1, 2)
        reach = jnp.exp(jnp.clip(self.log_reach, -_CLIP, _CLIP))
        return 1.0 + _RATE * jnp.tanh(both[..., 0]), reach * jnp.tanh(both[..., 1])


class _Quadratic(eqx.Module):
    """A distribution function with a piecewise linear density on `[-3, 3]`, coordinate by coordinate.

    Its slope is 1 at both ends, where it goes on as the identity: it is continuously differentiable everywhere.
    """

    logits: Float[Array, "a inner"]

    def __init__(self, active: int, bins: int):
        self.logits = jnp.zeros((active, bins - 1))

    @property
    def bins(self) -> int:
        return self.logits.shape[-1] + 1

    @property
    def slopes(self) -> Float[Array, "a nodes"]:
        """At all nodes; the trapezoidal rule makes their mean 1."""
        inner = (self.bins - 1) * jax.nn.softmax(self.logits, -1)
        return jnp.pad(inner, ((0, 0), (1, 1)), constant_values=1.0)

    def __call__(self, z: Array) -> tuple[Array, Array]:
        width = 2.0 * _REACH / self.bins
        t = (z + _REACH) / width
        inside = (t > 0.0) & (t < self.bins)
        # Each node has a hat; F is the sum of their integrals from the left end.
        far = jnp.clip(t[..., None] - jnp.arange(self.bins + 1), -1.0, 1.0)
        hats, integrals = 1.0 - jnp.abs(far), 0.5 + far - 0.5 * far * jnp.abs(far)
        integrals = integrals.at[..., 0].add(-0.5)
        value = -_REACH + width * jnp.sum(self.slopes * integrals, -1)
        slope = jnp.where(inside, jnp.sum(self.slopes * hats, -1), 1.0)
        return jnp.where(inside, value, z), jnp.log(slope).sum(-1)

    def inverse(self, y: Array) -> Array:
        slopes, width = self.slopes, 2.0 * _REACH / self.bins
        steps = 0.5 * width * (slopes[:, :-1] + slopes[:, 1:])
        knots = jnp.pad(jnp.cumsum(steps, -1), ((0, 0), (1, 0))) - _REACH
        k = jnp.sum(y[..., None] >= knots[:, 1:-1], -1)
        axis = jnp.arange(y.shape[-1])
        left, rise = slopes[axis, k], (slopes[axis, k + 1] - slopes[axis, k]) / width
        rest = y - knots[axis, k]
        # The root of left t + rise t^2 / 2 = rest that does not cancel.
        t = 2.0 * rest / (left + jnp.sqrt(jnp.maximum(left**2 + 2.0 * rise * rest, 0.0)))
        return jnp.where(jnp.abs(y) < _REACH, -_REACH + width * k + t, y)


class KRNet(eqx.Module):
    r"""A density on `[-1, 1]^d` that is sampled and evaluated exactly; it starts uniform.

    $p(x) = \varphi(T(x)) |\det \nabla T(x)|$ with the map $T$ of this module to a standard normal prior $\varphi$.

    **Arguments:**

    - `dimension`: number of coordinates.
    - `key`: draws the weights.
    - `depth`: couplings in a stage, an even number.
    - `block`: coordinates that are frozen after each stage.
    - `hidden`: width of the two hidden layers of each coupling.
    - `bins`: of the distribution function of the last stage.

    **Raises:** `TypeError`, `ValueError` for sizes that are too small, or an odd depth.

    Source: Tang, Wan & Liao 2022; Wan & Wei 2022 (KRnet).

    >>> flow = KRNet(2, key=jax.random.key(0))
    >>> flow.sample(jax.random.key(1), 5).shape, float(flow.log_density(jnp.zeros(2)))
    ((5, 2), -1.3862943...)
    """

    stages: tuple[_Coupling, ...]
    final: _ScaleShift
    quadratic: _Quadratic
    dimension: int = eqx.field(static=True)
    block: int = eqx.field(static=True)

    def __init__(
        self, dimension: int, *, key: PRNGKeyArray, depth: int = 6, block: int = 1, hidden: int = 32, bins: int = 16
    ):
        self.dimension = check_integer("dimension", dimension, minimum=1)
        self.block = check_integer("block", block, minimum=1, maximum=dimension)
        check_integer("hidden", hidden, minimum=1)
        check_integer("bins", bins, minimum=2)
        if check_integer("depth", depth, minimum=2) % 2:
            raise ValueError(f"depth must be even, so that flips cancel, got {depth}")
        actives = range(dimension, block, -block)
        keys = jax.random.split(check_key("key", key), (len(actives), depth))

        def stage(active: int, keys: Any) -> Any:
            return eqx.filter_vmap(lambda k: _Coupling(active, block, hidden, k))(keys)

        self.stages = tuple(stage(active, own) for active, own in zip(actives, keys, strict=True))
        rest = dimension - block * len(actives)
        self.final, self.quadratic = _ScaleShift(rest), _Quadratic(rest, bins)

    def to_prior(
        self, x: Float[Array, "*batch dimension"]
    ) -> tuple[Float[Array, "*batch dimension"], Float[Array, "*batch"]]:
        """`T(x)` and `log |det T'(x)|`."""
        # A wider margin than that of rounding would lose the mass beyond it.
        margin = jnp.finfo(x.dtype).eps
        z = ndtri(jnp.clip(0.5 * (x + 1.0), margin, 1.0 - margin))
        log_det = (-_log_normal(z) - jnp.log(2.0)).sum(-1)
        frozen = []
        for stage in self.stages:
            z, more = _through(stage, z)
            log_det = log_det + more
            frozen.append(z[..., z.shape[-1] - self.block :])
            z = z[..., : z.shape[-1] - self.block]
        for layer in (self.final, self.quadratic):
            z, more = layer(z)
            log_det = log_det + more
        return jnp.concatenate([z, *reversed(frozen)], -1), log_det

    def from_prior(self, z: Float[Array, "*batch dimension"]) -> Float[Array, "*batch dimension"]:
        """`T^-1(z)`."""
        return 2.0 * ndtr(self._unfold(z)) - 1.0

    def log_density(self, x: Float[Array, "*batch dimension"]) -> Float[Array, "*batch"]:
        """`log p(x)`, for points of the cube."""
        z, log_det = self.to_prior(x)
        return _log_normal(z).sum(-1) + log_det

    def sample(self, key: PRNGKeyArray, n: int) -> Float[Array, "n dimension"]:
        """Independent points."""
        return self.from_prior(jax.random.normal(key, (n, self.dimension)))

    def _unfold(self, z: Array) -> Array:
        active = self.final.shift.shape[-1]
        rest = z[..., active:]
        z = self.final.inverse(self.quadratic.inverse(z[..., :active]))
        for stage in reversed(self.stages):
            z, rest = jnp.concatenate([z, rest[..., : self.block]], -1), rest[..., self.block :]
            z = _back(stage, z)
        return z


def _log_normal(z: Array) -> Array:
    return -0.5 * (jnp.square(z) + jnp.log(2.0 * jnp.pi))


def _through(stage: _Coupling, z: Array) -> tuple[Array, Array]:
    """All couplings of a stage, whose arrays have a leading axis."""

    def step(carry: Any, one: _Coupling) -> Any:
        z, log_det = carry
        z, more = one(z)
        return (z, log_det + more), None

    return jax.lax.scan(step, (z, jnp.zeros(z.shape[:-1], z.dtype)), stage)[0]


def _back(stage: _Coupling, z: Array) -> Array:
    return jax.lax.scan(lambda z, one: (one.inverse(z), None), z, stage, reverse=True)[0]
