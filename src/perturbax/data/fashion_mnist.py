"""70,000 pictures of clothes, 28 x 28 pixels, read from the four idx files that Debian and Ubuntu package."""

import pathlib

from ..core import check_choice
from ._idx import read_idx
from ._image_set import ImageSet, make_image_set

_DEBIAN_FOLDER = pathlib.Path("/usr/share/datasets/fashion-mnist")
_PREFIX = {"train": "train", "test": "t10k"}


def fashion_mnist(split: str = "train", folder: str | pathlib.Path | None = None) -> ImageSet:
    """Fashion-MNIST, `pixel / 127.5 - 1`.

    **Arguments:** `split`: "train" (60,000 pictures) or "test" (10,000); `folder`: where the files
    `train-images-idx3-ubyte.gz`, `train-labels-idx1-ubyte.gz`, `t10k-...` are (with or without `.gz`); the folder of
    the Debian package by default. Any set in the layout of MNIST can be read so.

    **Returns:** pictures of 28 x 28 pixels with labels 0 to 9.

    **Raises:** `FileNotFoundError` naming the Debian package when nothing is there; `ValueError` naming the file and
    the position when one is damaged.

    Source: Xiao, Rasul & Vollgraf 2017.
    """
    check_choice("split", split, tuple(_PREFIX))
    place = _DEBIAN_FOLDER if folder is None else pathlib.Path(folder)
    images_path = _find(place, f"{_PREFIX[split]}-images-idx3-ubyte")
    images, labels = read_idx(images_path), read_idx(_find(place, f"{_PREFIX[split]}-labels-idx1-ubyte"))
    if images.ndim != 3 or labels.ndim != 1 or images.shape[0] != labels.shape[0]:
        raise ValueError(
            f"{images_path} holds pictures of shape {images.shape} and its labels have shape {labels.shape}; wanted "
            "(n, height, width) and (n,)"
        )
    return make_image_set(
        "fashion-mnist",
        images,
        255.0,
        labels,
        source="Debian dataset-fashion-mnist" if folder is None else "idx files given by the user",
        licence="MIT" if folder is None else "as the files given",
        note=f"the {split} files",
    )


def _find(folder: pathlib.Path, name: str) -> pathlib.Path:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"{folder / name}.gz is not there: apt-get install dataset-fashion-mnist (Debian, Ubuntu), or give the folder "
        "that holds the idx files"
    )
