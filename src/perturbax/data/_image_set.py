"""What a loader of pictures returns, and the card that says where they come from."""

import dataclasses
import importlib.metadata

import numpy as np
from jaxtyping import Float, Int

from ..core import check_integer, check_number


@dataclasses.dataclass(frozen=True)
class DataCard:
    """Where data comes from and what may be done with it.

    **Arguments:** `name`; `source`: package and version, or file; `licence`; `n`: how many items; `shape`: of one item;
    `synthetic`: whether it was generated; `note`: what a reader should know.
    """

    name: str
    source: str
    licence: str
    n: int
    shape: tuple[int, ...]
    synthetic: bool
    note: str


@dataclasses.dataclass(frozen=True, eq=False)
class ImageSet:
    """Grey pictures with labels.

    **Arguments:** `images`: shape `(n, height, width)`, float32 in [-1, 1]; `labels`: shape `(n,)`, int32; `card`.
    """

    images: Float[np.ndarray, "n height width"]
    labels: Int[np.ndarray, " n"]
    card: DataCard

    def __len__(self) -> int:
        return self.images.shape[0]

    @property
    def flat(self) -> Float[np.ndarray, "n pixels"]:
        """The pictures as rows."""
        return self.images.reshape(len(self), -1)

    @property
    def classes(self) -> int:
        """How many classes the labels name, which are `0 ... classes - 1`."""
        return int(self.labels.max()) + 1

    def split(self, test: float = 0.2, *, seed: int = 0) -> "tuple[ImageSet, ImageSet]":
        """A training and a test part, the same share of every class in each.

        **Arguments:** `test`: share of the test part, between 0 and 1; `seed`: of the permutation.

        **Returns:** the training part and the test part.

        **Raises:** `ValueError` when the share is not inside `(0, 1)`.

        >>> from perturbax.data import digits
        >>> train, test = digits().split(0.25)
        >>> len(train), len(test)
        (1348, 449)
        """
        check_number("test", test, minimum=0.0, maximum=1.0, exclusive=True)
        order = np.random.default_rng(check_integer("seed", seed, minimum=0)).permutation(len(self))
        # Sorted by class, every item's position in [0, 1) is spread evenly: taking a share of it is a stratified draw.
        order = order[np.argsort(self.labels[order], kind="stable")]
        chosen = np.zeros(len(self), dtype=bool)
        chosen[order] = np.diff(np.floor(np.arange(len(self) + 1) * test + 1e-9)) > 0
        return self._take(~chosen, "training part"), self._take(chosen, "test part")

    def _take(self, chosen: np.ndarray, part: str) -> "ImageSet":
        card = dataclasses.replace(self.card, n=int(chosen.sum()), note=f"{part}; {self.card.note}")
        return ImageSet(self.images[chosen], self.labels[chosen], card)


def make_image_set(
    name: str, pixels: np.ndarray, largest: float, labels: np.ndarray, *, source: str, licence: str, note: str
) -> ImageSet:
    """Pictures with values in `0 ... largest` as a read-only `ImageSet`."""
    images = (pixels / (largest / 2.0) - 1.0).astype(np.float32)
    labels = labels.astype(np.int32)
    images.setflags(write=False)
    labels.setflags(write=False)
    return ImageSet(images, labels, DataCard(name, source, licence, *_extent(images), synthetic=False, note=note))


def _extent(images: np.ndarray) -> tuple[int, tuple[int, ...]]:
    return images.shape[0], images.shape[1:]


def package_source(package: str) -> str:
    """`package==version`, as installed."""
    return f"{package}=={importlib.metadata.version(package)}"
