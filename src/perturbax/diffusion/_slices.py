"""A network of images, used on volumes."""

from collections.abc import Callable
from typing import Any

import equinox as eqx

from ._door import check_callable


class Slicewise(eqx.Module):
    """A network of images as one of volumes, all slices of the batch in one call.

    **Arguments:** `model`: callable `(x, time)` on images `(batch, *image)`, of any framework.

    **Raises:** `TypeError` when it is not callable.

    >>> import numpy as np
    >>> float(Slicewise(lambda x, t: x * x.shape[0])(np.ones((2, 3, 4, 4)), 0.5).max())  # six slices
    6.0
    """

    model: Callable

    def __check_init__(self):
        check_callable("model", self.model, "model(x, time)")

    def __call__(self, x: Any, time: Any) -> Any:
        return self.model(x.reshape(-1, *x.shape[2:]), time).reshape(x.shape)
