r"""How well a prediction agrees with an observation: larger is better.

A prediction `u` is compared through its maps: for thresholds `tau_1, tau_2, ...` the level sets `1[u >= tau_c]`, each
against one channel of the observation. Three of the measures need inner products with the observation only,

    Dice          mean_c 2 x_c.y_c / (x_c.x_c + y_c.y_c)             0 where both are empty
    L2            -|x - y|^2 / (2 noise^2)
    Bernoulli     sum y log a + (1 - y) log(1 - a)
    with          a = 1/2 + 1/2 sign(d) (1 - exp(-(d / width)^2)),   d = u - tau_c

so that an observation is compared with a whole database by one product of a matrix and a vector.
"""

import abc
from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_number

# Keeps log(a) and log(1 - a) finite in float32.
_SMALLEST = 1e-6


class AbstractSimilarity(eqx.Module):
    """What an `InverseProblem` and a `DatabaseQuery` compare with."""

    thresholds: eqx.AbstractVar[tuple[float, ...] | None]

    # Whether maps may be replaced by linear codes of them.
    linear: ClassVar[bool] = False

    @property
    def differentiable(self) -> bool:
        """Whether its gradients tell the way: those of level sets are zero."""
        return self.thresholds is None

    @abc.abstractmethod
    def maps(self, prediction: Array) -> Float[Array, "channels *shape"]:
        """What is compared of a prediction."""

    @abc.abstractmethod
    def compare(self, x: Array, y: Array) -> Float[Array, ""]:
        """The agreement of the maps `x` of a prediction with the observation `y`, or of codes of both."""

    def score(self, prediction: Array, observation: Array) -> Float[Array, ""]:
        """The agreement of a prediction with an observation."""
        return self.compare(self.maps(prediction), self.channels(observation))

    def channels(self, observation: Array) -> Float[Array, "channels *shape"]:
        """An observation with an axis of channels."""
        return observation[None] if self.thresholds is None else observation

    def check_observation(self, observation: Array) -> None:
        """Raises `ValueError` for anything but a mask of zeros and ones for each threshold, none of them empty."""
        if self.thresholds is None:
            return
        masks, count = np.asarray(observation), len(self.thresholds)
        if masks.ndim < 2 or masks.shape[0] != count:
            raise ValueError(f"observation must hold {count} masks, one per threshold, got shape {masks.shape}")
        if not ((masks == 0.0) | (masks == 1.0)).all():
            raise ValueError("observation must hold masks of zeros and ones, it has other values")
        empty = np.flatnonzero(~masks.reshape(count, -1).any(1))
        if len(empty):
            raise ValueError(f"observation must not be empty, mask {empty[0]} is")

    def check_shapes(self, prediction: tuple[int, ...], observation: tuple[int, ...]) -> None:
        """Raises `ValueError` when the shapes do not fit."""
        wanted = prediction if self.thresholds is None else (len(self.thresholds), *prediction)
        if observation != wanted:
            raise ValueError(
                f"observation must have shape {wanted} for predictions of shape {prediction}, got {observation}"
            )

    def index(self, codes: Float[Array, "n channels *shape"]) -> Any:
        """Codes of a database in the form that `search` takes."""
        return codes

    def search(self, index: Any, code: Array) -> Float[Array, " n"]:
        """The agreement of all codes of a database with one."""
        return jax.lax.map(lambda x: self.compare(x, code), index, batch_size=32)


class AbstractInnerProduct(AbstractSimilarity):
    """A measure made of inner products of rows with the observation."""

    linear: ClassVar[bool] = True

    def row(self, x: Array) -> tuple[Array, Array]:
        """Of one channel: what is multiplied with the observation, and what does not depend on it."""
        return x, jnp.sum(x * x)

    @abc.abstractmethod
    def combine(self, xy: Array, own: Array, yy: Array) -> Array:
        """The measure from products `(channels, ...)`; sums or means over the channels."""

    def compare(self, x: Array, y: Array) -> Float[Array, ""]:
        rows, own = jax.vmap(self.row)(_flat(x))
        y = _flat(y)
        return self.combine(jnp.sum(rows * y, 1), own, jnp.sum(y * y, 1))

    def index(self, codes: Float[Array, "n channels *shape"]) -> tuple[Array, Array]:
        flat = codes.reshape(*codes.shape[:2], -1)
        rows, own = jax.vmap(jax.vmap(self.row), 1)(flat)
        return rows, own

    def search(self, index: tuple[Array, Array], code: Array) -> Float[Array, " n"]:
        rows, own = index
        y = _flat(code)
        xy = jax.lax.dot_general(rows, y, (((2,), (1,)), ((0,), (0,))))
        return self.combine(xy, own, jnp.sum(y * y, 1)[:, None])


class AbstractLevelSets(AbstractSimilarity):
    """Level sets of a prediction against masks, one for each threshold."""

    thresholds: eqx.AbstractVar[tuple[float, ...]]

    def maps(self, prediction: Array) -> Float[Array, "channels *shape"]:
        return level_sets(prediction, self.thresholds)


class Dice(AbstractInnerProduct, AbstractLevelSets):
    """Mean over the level sets of the overlap with their masks, `2 |A and B| / (|A| + |B|)`, in [0, 1].

    **Arguments:** `thresholds`: one for each mask of the observation. The default is that of brain tumours: whole
    tumour and tumour core. With one threshold and one mask, that part alone counts.

    **Raises:** `TypeError`, `ValueError` for thresholds that are no numbers.

    Source: Ezhov et al. 2022, arXiv 2205.04550.

    >>> u = jnp.array([0.9, 0.7, 0.3, 0.0])
    >>> float(Dice((0.2,)).score(u, jnp.array([[1.0, 1.0, 0.0, 0.0]])))
    0.800000011920929
    """

    thresholds: tuple[float, ...] = eqx.field(static=True)

    def __init__(self, thresholds: Sequence[float | int] = (0.2, 0.6)):
        self.thresholds = settle_thresholds(thresholds)

    def combine(self, xy: Array, own: Array, yy: Array) -> Array:
        both = own + yy
        return jnp.mean(jnp.where(both > 0.0, 2.0 * xy / jnp.where(both > 0.0, both, 1.0), 0.0), axis=0)


class SquaredError(AbstractInnerProduct):
    """`-|x - y|^2 / (2 noise^2)`: the log-likelihood of independent Gaussian errors up to a constant, the order of L2.

    **Arguments:** `noise`: the standard deviation of an error, in the unit of the observation; `thresholds`: compare
    level sets with masks instead of values.

    **Raises:** `TypeError`, `ValueError` for a noise that is not positive.

    >>> float(SquaredError(0.5).score(jnp.array([1.0, 2.0]), jnp.array([1.0, 1.0])))
    -2.0
    """

    noise: Any
    thresholds: tuple[float, ...] | None = eqx.field(static=True)

    def __init__(self, noise: float | int = 1.0, thresholds: Sequence[float | int] | None = None):
        self.noise = check_number("noise", noise, minimum=0.0, exclusive=True)
        self.thresholds = None if thresholds is None else settle_thresholds(thresholds)

    def maps(self, prediction: Array) -> Float[Array, "channels *shape"]:
        return prediction[None] if self.thresholds is None else level_sets(prediction, self.thresholds)

    def combine(self, xy: Array, own: Array, yy: Array) -> Array:
        return -jnp.sum(own - 2.0 * xy + yy, axis=0) / (2.0 * self.noise**2)


class Bernoulli(AbstractInnerProduct):
    """The log-likelihood of masks whose voxels are drawn one by one, with a probability that rises through a threshold.

    **Arguments:** `thresholds`: one for each mask; `width`: of the rise, in the unit of the prediction.

    **Raises:** `TypeError`, `ValueError` for a width that is not positive.

    Source: the imaging model of Lipkova et al. 2019, arXiv 1807.00499. The script of Ezhov et al. 2022 has a width of 1
    and adds up `a y`, which a tumour that fills the brain maximises; this is the likelihood.

    >>> sure = Bernoulli((0.5,), width=0.1)
    >>> masks = jnp.array([[1.0, 0.0]])
    >>> bool(sure.score(jnp.array([0.9, 0.1]), masks) > sure.score(jnp.array([0.6, 0.4]), masks))
    True
    """

    thresholds: tuple[float, ...] = eqx.field(static=True)
    width: Any

    def __init__(self, thresholds: Sequence[float | int] = (0.2, 0.6), width: float | int = 1.0):
        self.thresholds = settle_thresholds(thresholds)
        self.width = check_number("width", width, minimum=0.0, exclusive=True)

    @property
    def differentiable(self) -> bool:
        return True

    def maps(self, prediction: Array) -> Float[Array, "channels *shape"]:
        d = jnp.stack([prediction - level for level in self.thresholds])
        a = 0.5 + 0.5 * jnp.sign(d) * -jnp.expm1(-((d / self.width) ** 2))
        return jnp.clip(a, _SMALLEST, 1.0 - _SMALLEST)

    def row(self, x: Array) -> tuple[Array, Array]:
        # Means of blocks are probabilities again; other codes may leave (0, 1).
        x = jnp.clip(x, _SMALLEST, 1.0 - _SMALLEST)
        return jnp.log(x) - jnp.log1p(-x), jnp.sum(jnp.log1p(-x))

    def combine(self, xy: Array, own: Array, yy: Array) -> Array:
        return jnp.sum(xy + own, axis=0)


def settle_thresholds(thresholds: Any) -> tuple[float, ...]:
    """Thresholds as numbers."""
    if not isinstance(thresholds, Sequence) or isinstance(thresholds, str) or not len(thresholds):
        raise TypeError(f"thresholds must be one or more numbers, got {thresholds!r}")
    return tuple(check_number(f"thresholds[{i}]", level) for i, level in enumerate(thresholds))


def level_sets(prediction: Array, thresholds: Sequence[float]) -> Float[Array, "channels *shape"]:
    """Where a prediction reaches each threshold."""
    return jnp.stack([prediction >= level for level in thresholds]).astype(jnp.float32)


def _flat(x: Array) -> Array:
    return x.reshape(x.shape[0], -1)
