"""`certify`: how far each image may be changed before a smoothed classifier changes its mind. The verb, its solution
and the base of its methods.

The smoothed classifier of a classifier `f` is `g(x) = argmax_c P(f(x + eps) = c)` with `eps ~ N(0, sigma^2 I)`. Where
the probability of a class is at least `p > 1/2`, `g` is that class on the whole ball of radius `sigma Phi^-1(p)` in the
Euclidean norm (Cohen, Rosenfeld & Kolter 2019).
"""

import abc
import bisect
import math
import os
import time
import warnings
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import special

from ..core import (
    Method,
    check_array,
    check_instance,
    check_integer,
    check_key,
    check_number,
    digest,
)
from ..core import (
    progress as progress_bar,
)
from ._ballot import Ballot
from ._votes import HostClassifier, Voters, settle_classes, settle_mesh

_ABSTAIN = -1

# Draws are numbered by integers of 32 bits.
_MOST = 2**31 - 1


class Certificate(eqx.Module):
    """What `certify` returns, in the order of the images.

    - `label`: class of the smoothed classifier, -1 where it abstains.
    - `radius`: of the ball, in the Euclidean norm and the unit of the images, in which the label is the same; 0 where
      it abstains.
    - `p_lower`: lower confidence bound of the probability of the class that got most votes.
    - `abstain`: whether nothing could be proved.
    - `counts`: votes for each class on the draws that the bound stands on; `draws`: their number.
    - `stats`: `"evaluations"`, noisy images that the classifier saw; `"devices"`, `"seconds"`.

    Each image has its own probability `alpha` of an invalid radius: among many images a few must be expected to be
    wrong. For a statement about `m` images at once take `alpha / m`.
    """

    label: Int[np.ndarray, " images"]
    radius: Float[np.ndarray, " images"]
    p_lower: Float[np.ndarray, " images"]
    abstain: Bool[np.ndarray, " images"]
    counts: Int[np.ndarray, "images classes"]
    draws: Int[np.ndarray, " images"]
    stats: dict[str, Any]

    def certified_accuracy(self, labels: Any, radii: Any) -> Float[np.ndarray, "..."]:
        """The part of the images with the right label at radius `r` or more, for each `r` in `radii`.

        **Raises:** `TypeError`, `ValueError` when `labels` are not integers, one for each image.
        """
        right = self._right(labels)
        return (right & (self.radius >= np.asarray(radii, np.float64)[..., None])).mean(-1)

    def average_radius(self, labels: Any) -> float:
        """The mean radius, 0 where the label is wrong (ACR).

        **Raises:** as `certified_accuracy`.
        """
        return float(np.where(self._right(labels), self.radius, 0.0).mean())

    def radius_in(self, p: float | int, size: int) -> Float[np.ndarray, " images"]:
        """The radius of the largest ball of the norm `p` in the Euclidean ball, for images of `size` elements.

        The radius itself for `p <= 2`, `size^(1/p - 1/2)` times it above: for the largest change of an element that is
        `1 / sqrt(size)`.

        **Raises:** `TypeError`, `ValueError` for numbers out of range.
        """
        p = check_number("p", p, minimum=1.0, finite=False)
        size = check_integer("size", size, minimum=1)
        return self.radius * size ** min(0.0, 1.0 / p - 0.5)

    def _right(self, labels: Any) -> np.ndarray:
        labels = np.asarray(check_array("labels", labels, shape=self.label.shape, kind="integer"))
        return ~self.abstain & (self.label == labels)


class AbstractSmoothing(Method):
    """A method of `verify.certify`: how many draws an image gets, and what they prove."""

    sigma: eqx.AbstractVar[float]
    n0: eqx.AbstractVar[int]
    n: eqx.AbstractVar[int]
    alpha: eqx.AbstractVar[float]
    batch_size: eqx.AbstractVar[int]

    def __check_init__(self):
        check_number("sigma", self.sigma, minimum=0.0, exclusive=True)
        check_number("alpha", self.alpha, minimum=0.0, maximum=0.5, exclusive=True)
        for name in ("n0", "n", "batch_size"):
            check_integer(name, getattr(self, name), minimum=1, maximum=_MOST)
        if not self._proves(self.n):
            least = bisect.bisect_left(range(_MOST), True, key=self._proves)
            wanted = f"prove {self.wanted:.6g} at alpha = {self.alpha:g}"
            can = f"must be >= {least} to {wanted}" if least < _MOST else f"cannot be large enough to {wanted}"
            raise ValueError(f"n {can} even when all votes agree, got {self.n}")

    @property
    def wanted(self) -> float:
        """The probability that has to be proved for a certificate to be of use."""
        return 0.5

    @property
    def largest_radius(self) -> float:
        """What is proved when all `n` votes agree."""
        return float(self.sigma * special.ndtri(self.lower(np.array(self.n), np.array(self.n))))

    @abc.abstractmethod
    def lower(self, k: np.ndarray, n: np.ndarray) -> np.ndarray:
        """The lower confidence bound of a probability after `k` votes of `n`."""

    @abc.abstractmethod
    def estimate(self, ask: Any, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Votes `(images, classes)`, draws `(images,)` and lower bounds of the probabilities of the guessed classes.

        `ask(rows, first, draws)` counts votes on the draws `first` to `first + draws - 1` of some images. These draws
        are independent of those that the guesses come from.
        """

    def _proves(self, n: int) -> bool:
        return n > 0 and bool(self.lower(np.array(n), np.array(n)) > self.wanted)


def certify(
    classifier: Any,
    x: Any,
    method: Any,
    *,
    key: Any,
    classes: int | None = None,
    domain: tuple[float, float] = (-math.inf, math.inf),
    offset: int = 0,
    devices: Sequence[Any] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Certificate:
    """Label images by a smoothed classifier, and certify the radius in which no change of the image changes the label.

    A few draws guess the class; others, independent of them, bound its probability from below. The radius of an image
    is invalid with probability `method.alpha` at most, over the draws. The statement is about real arithmetic: normal
    numbers are rounded, as in every implementation.

    **Arguments:**

    - `classifier`: from a batch of images `(b, ...)` to scores `(b, classes)`, or integer labels `(b,)`; a function in
      JAX, or any other as `HostClassifier(function)`.
    - `x`: the images, floating, shape `(images, ...)`.
    - `method`: `Smoothing(sigma)`, or `AdaptiveSmoothing(sigma, target)` that spends no more draws than a radius needs.
    - `key`: of the noise. The same key gives the same certificate in chunks of any size and on any number of devices.
    - `classes`: their number, needed when the classifier returns labels.
    - `domain`: least and largest value of a pixel; images beyond it are warned of, since `sigma` is in their unit.
    - `offset`: number of the first image: images that are certified in parts have the certificates of the whole.
    - `devices`: over which each chunk is split; all local ones by default when their number divides it.
    - `checkpoint`: a file where an unfinished run is kept, to go on from when it is there. It needs a classifier whose
      content can be told, such as a module; else `TypeError`.
    - `progress`: as `show` of `core.progress`.

    **Returns:** a `Certificate`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit, among them a classifier that returns another
    shape or NaN, and a checkpoint of another run.

    Source: Cohen, Rosenfeld & Kolter 2019, arXiv 1902.02918.

    >>> from perturbax import verify
    >>> def classifier(x):  # the sign of the first element
    ...     return jnp.stack([-x[:, 0], x[:, 0]], axis=1)
    >>> found = certify(classifier, np.float32([[1.0, 5.0], [0.0, 9.0]]), verify.Smoothing(0.5, n=1000),
    ...     key=jax.random.key(0))
    >>> found.label.tolist(), found.radius.round(2).tolist()
    ([1, -1], [0.85, 0.0])
    """
    started = time.perf_counter()
    check_instance("method", method, AbstractSmoothing, "a method such as Smoothing(sigma=0.5)")
    images = _settle_images(x, domain)
    check_key("key", key)
    classes = None if classes is None else check_integer("classes", classes, minimum=2)
    classes = settle_classes(classifier, images, classes)
    offset = check_integer("offset", offset, minimum=0)
    batch = min(method.batch_size, len(images) * method.n)
    mesh = None if isinstance(classifier, HostClassifier) else settle_mesh(devices, batch)
    voters = Voters(
        classifier, images, jnp.asarray(method.sigma, images.dtype), jnp.int32(offset), classes, batch, mesh
    )
    signature = "" if checkpoint is None else _signature(voters, method, key)
    guess_key, estimate_key = jax.random.split(key)
    rows = np.arange(len(images), dtype=np.int32)
    with progress_bar(len(images) * (method.n0 + method.n), "certifying", show=progress) as bar:
        ballot = Ballot(voters, bar, checkpoint, signature)

        def ask(rows: np.ndarray, first: int, draws: int) -> np.ndarray:
            return ballot.ask(estimate_key, rows, first, draws)

        try:
            guess = ballot.ask(guess_key, rows, 0, method.n0).argmax(1)
            counts, draws, p_lower = method.estimate(ask, guess)
        finally:
            ballot.keep()
    abstain = p_lower <= 0.5
    stats = {
        "evaluations": ballot.evaluations,
        "devices": 1 if mesh is None else mesh.size,
        "seconds": time.perf_counter() - started,
    }
    return Certificate(
        label=np.where(abstain, _ABSTAIN, guess).astype(np.int32),
        radius=np.where(abstain, 0.0, method.sigma * special.ndtri(np.maximum(p_lower, 0.5))),
        p_lower=p_lower,
        abstain=abstain,
        counts=counts,
        draws=draws,
        stats=stats,
    )


def _settle_images(x: Any, domain: tuple[float, float]) -> Any:
    x = check_array("x", x)
    if x.ndim < 2:
        raise ValueError(f"x must have shape (images, ...), got {tuple(x.shape)}; one image is x[None]")
    low, high = (check_number("domain", end, finite=False) for end in domain)
    least, largest = float(x.min()), float(x.max())
    if least < low or largest > high:
        warnings.warn(
            f"x has values from {least:g} to {largest:g}, outside of [{low:g}, {high:g}]: sigma is in the unit of x",
            stacklevel=3,
        )
    # Cast on the host: JAX caches traces under the dtype that came.
    return x if isinstance(x, jax.Array) else jnp.asarray(x.astype(jax.dtypes.canonicalize_dtype(np.float64)))


def _signature(voters: Voters, method: AbstractSmoothing, key: Any) -> str:
    settings = (type(method).__name__, method, voters.classes, np.asarray(voters.offset))
    try:
        return digest((voters.classifier, np.asarray(voters.x), jax.random.key_data(key), settings))
    except TypeError as error:
        raise TypeError(f"checkpoint needs a classifier whose content can be told: {error}") from None
