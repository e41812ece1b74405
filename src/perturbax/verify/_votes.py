"""Votes of a classifier on noisy copies of images, counted chunk after chunk in the memory of one chunk.

Draw `j` of image `i` has the noise of the key `fold_in(fold_in(key, i), j)`. So the counts depend neither on the size
of a chunk, nor on the devices that it is split over, nor on where a run was stopped.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int

# Chunks between two moments at which the progress bar and the checkpoint have their turn.
_CHUNKS = 16


class HostClassifier(eqx.Module):
    """A classifier of another library, called outside of compiled programs with NumPy arrays.

    **Arguments:** `function`: from float32 of shape `(batch, ...)` to scores `(batch, classes)`, or to integer labels
    `(batch,)`, as anything that NumPy can read.

    **Raises:** `TypeError` when it cannot be called.

    >>> HostClassifier(lambda x: x - x.mean())(np.array([[-1.0, 2.0]])).tolist()
    [[-1.5, 1.5]]
    """

    function: Callable[[Any], Any]

    def __check_init__(self):
        if not callable(self.function):
            raise TypeError(f"function must be callable as function(x), got {type(self.function).__name__}")

    def __call__(self, x: Any) -> np.ndarray:
        return np.asarray(self.function(np.asarray(x)))


class Voters(eqx.Module):
    """A classifier, images, and the noise between them.

    **Arguments:** `classifier`; `x`: images, shape `(images, ...)`; `sigma`: standard deviation of the noise; `offset`:
    number of the first image; `classes`; `batch`: noisy images in a chunk; `mesh`: over which a chunk is split.
    """

    classifier: Any
    x: Float[Array, "images ..."]
    sigma: Float[Array, ""]
    offset: Int[Array, ""]
    classes: int = eqx.field(static=True)
    batch: int = eqx.field(static=True)
    mesh: Mesh | None = eqx.field(static=True)

    @property
    def span(self) -> int:
        """The most draws that `count` takes at once."""
        return _CHUNKS * self.batch

    def count(self, key: Any, rows: np.ndarray, first: int, draws: int, done: int, count: int) -> np.ndarray:
        """Votes by image and class, with those for no class at all in the last column.

        Each image of `rows` has the draws `first` to `first + draws - 1`, one image after the other; counted are those
        from place `done` of this order on, `count` of them.
        """
        padded = np.zeros(len(self.x), np.int32)
        padded[: len(rows)] = rows
        start, skipped = divmod(done, draws)
        numbers = (jnp.int32(n) for n in (first, draws, start, skipped, count))
        span = _Span(key, jnp.asarray(padded), *numbers)
        counted = self._on_host(span) if isinstance(self.classifier, HostClassifier) else _count(self, span)
        return np.asarray(counted, np.int64)[: len(rows)]

    def _on_host(self, span: "_Span") -> np.ndarray:
        counts = np.zeros((len(self.x), self.classes + 1), np.int64)
        # The noise is one program for all classifiers.
        drawing = Voters(None, self.x, self.sigma, self.offset, self.classes, self.batch, None)
        for chunk in range(-(-int(span.count) // self.batch)):
            noisy, places, real = (np.asarray(a) for a in _chunk(drawing, span, jnp.int32(chunk)))
            votes = _votes(np, self.classifier(noisy[real]), self.classes)
            np.add.at(counts, (places[real], votes), 1)
        return counts


class _Span(eqx.Module):
    """Draws that are counted at once: `count` of them, from draw `skipped` of the row at place `start` on."""

    key: Any
    rows: Int[Array, " images"]
    first: Int[Array, ""]
    draws: Int[Array, ""]
    start: Int[Array, ""]
    skipped: Int[Array, ""]
    count: Int[Array, ""]


def settle_mesh(devices: Sequence[Any] | None, batch: int) -> Mesh | None:
    """All local devices when they divide a chunk, or those that are asked for."""
    chosen = jax.local_devices() if devices is None else list(devices)
    if not chosen:
        raise ValueError("devices must not be empty")
    if batch % len(chosen):
        if devices is not None:
            raise ValueError(f"devices must divide a chunk, got {len(chosen)} devices for a chunk of {batch}")
        return None
    return None if devices is None and len(chosen) == 1 else Mesh(np.asarray(chosen), ("draws",))


def settle_classes(classifier: Any, x: Array, classes: int | None) -> int:
    """How many classes the classifier tells apart, from what it returns."""
    if isinstance(classifier, HostClassifier):
        returned = classifier(np.asarray(x[:1]))
    else:
        if not callable(classifier):
            raise TypeError(f"classifier must be a function of images, got {type(classifier).__name__}")
        try:
            returned = eqx.filter_eval_shape(classifier, jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype))
        except jax.errors.JAXTypeError as error:
            raise TypeError(
                "classifier must be a function that JAX can trace; give one of another library as "
                f"verify.HostClassifier(classifier): {str(error).splitlines()[0]}"
            ) from None
    shape, dtype = getattr(returned, "shape", None), getattr(returned, "dtype", None)
    if shape is not None and dtype is not None:
        if len(shape) == 2 and shape[0] == 1 and jnp.issubdtype(dtype, np.floating):
            if classes not in (None, shape[1]):
                raise ValueError(f"classes must be the number of scores, {shape[1]}, got {classes}")
            return int(shape[1])
        if shape == (1,) and jnp.issubdtype(dtype, np.integer):
            if classes is None:
                raise ValueError("classes must be given for a classifier that returns labels")
            return classes
    raise ValueError(
        "classifier must return scores of shape (batch, classes) or integer labels of shape (batch,), "
        f"got {shape} of {dtype} for a batch of 1"
    )


@eqx.filter_jit
def _count(voters: Voters, span: _Span) -> Int[Array, "images columns"]:
    def body(chunk: Array, counts: Array) -> Array:
        noisy, places, real = _noisy(voters, span, chunk)
        votes = _votes(jnp, voters.classifier(noisy), voters.classes)
        return counts.at[places, votes].add(real.astype(jnp.int32))

    counts = jnp.zeros((len(voters.x), voters.classes + 1), jnp.int32)
    return lax.fori_loop(0, (span.count + voters.batch - 1) // voters.batch, body, counts)


def _noisy(voters: Voters, span: _Span, chunk: Array) -> tuple[Array, Array, Array]:
    """A chunk of noisy images, their places among the rows, and which of them count: the last chunk may be short."""
    item = chunk * voters.batch + jnp.arange(voters.batch, dtype=jnp.int32)
    ahead, draw = jnp.divmod(span.skipped + item, span.draws)
    places = jnp.minimum(span.start + ahead, len(voters.x) - 1)
    images = span.rows[places]

    def noise(image: Array, draw: Array) -> Array:
        key = jax.random.fold_in(jax.random.fold_in(span.key, image + voters.offset), span.first + draw)
        return jax.random.normal(key, voters.x.shape[1:], voters.x.dtype)

    noisy = voters.x[images] + voters.sigma * jax.vmap(noise)(images, draw)
    if voters.mesh is not None:
        noisy = eqx.filter_shard(noisy, NamedSharding(voters.mesh, PartitionSpec("draws")))
    return noisy, places, item < span.count


_chunk = eqx.filter_jit(_noisy)


def _votes(xp: Any, returned: Any, classes: int) -> Any:
    """Classes, and `classes` for what is none: a score that is not a number, a label out of range."""
    if returned.ndim == 1:
        return xp.where((returned >= 0) & (returned < classes), returned, classes)
    return xp.where(xp.isnan(returned).any(-1), classes, returned.argmax(-1))
