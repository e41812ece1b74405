"""Arrays of other frameworks, reached without importing the frameworks."""

import sys
from types import ModuleType
from typing import Any

import numpy as np


def namespace_of(array: Any) -> ModuleType:
    """The module that an array's type comes from: `numpy`, `torch`, `cupy` ...

    **Arguments:** `array`: an array of any framework.

    **Returns:** its top-level module.

    >>> import numpy as np
    >>> namespace_of(np.zeros(2)).__name__
    'numpy'
    """
    return sys.modules[type(array).__module__.partition(".")[0]]


def like(reference: Any, array: np.ndarray) -> Any:
    """A NumPy array as an array of the reference's framework, dtype and device, through DLPack.

    **Arguments:** `reference`: an array of any framework; `array`: what to convert.

    **Returns:** an array of the reference's type.

    **Raises:** `TypeError` when the framework offers no `from_dlpack`.

    >>> import numpy as np
    >>> like(np.zeros(2, np.float32), np.ones(2)).dtype
    dtype('float32')
    """
    if isinstance(reference, np.ndarray):
        return np.asarray(array, dtype=reference.dtype)
    module = namespace_of(reference)
    if not hasattr(module, "from_dlpack"):
        raise TypeError(f"arrays of {module.__name__} cannot be made from NumPy: it has no from_dlpack")
    converted = module.from_dlpack(np.ascontiguousarray(array))
    if hasattr(converted, "to"):
        return converted.to(device=reference.device, dtype=reference.dtype)
    return converted.astype(reference.dtype)


def concatenate(first: Any, second: Any) -> Any:
    """Two arrays of one framework joined along the leading axis.

    >>> import numpy as np
    >>> concatenate(np.zeros((1, 2)), np.ones((2, 2))).shape
    (3, 2)
    """
    return namespace_of(first).concatenate((first, second))
