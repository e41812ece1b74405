"""Safety properties that are stated in Python and not in a file."""

from typing import Any

import numpy as np

from ..core import check_array, check_integer
from ..interop import LinearInequalities, Region, SafetyProperty
from ._bound import margins
from ._sets import Box


def unsafe_box(lower: Any, upper: Any, weights: Any, offsets: Any) -> SafetyProperty:
    """The property that a counterexample in a box has `weights y <= offsets` in every row.

    **Arguments:** `lower`, `upper`: the box, of the shape of the input, flattened in C order; `weights`: shape `(rows,
    outputs)`; `offsets`: shape `(rows,)`.

    **Returns:** a `SafetyProperty`.

    **Raises:** `TypeError`, `ValueError` when they do not fit or are not finite, or `lower > upper`.

    >>> unsafe_box([0.0], [1.0], [[1.0, -1.0]], [0.0]).violated([0.5], [1.0, 2.0])
    True
    """
    box = _box(lower, upper)
    w = np.asarray(check_array("weights", weights, ndim=2), np.float64)
    b = np.asarray(check_array("offsets", offsets, shape=(len(w),)), np.float64)
    rows = LinearInequalities(np.zeros((len(w), box.lower.size)), w, b)
    return SafetyProperty((Region(box.lower, box.upper, (rows,)),))


def misclassified(lower: Any, upper: Any, label: int, classes: int) -> SafetyProperty:
    """The property that a counterexample in a box has another class with a score that is at least that of the label.

    **Arguments:** `lower`, `upper`: the box, of the shape of the input, flattened in C order; `label`: the right class;
    `classes`: their number, at least 2.

    **Returns:** a `SafetyProperty`.

    **Raises:** `TypeError`, `ValueError` when they do not fit or are not finite, or `lower > upper`.

    >>> prop = misclassified([0.0], [1.0], label=1, classes=3)
    >>> prop.violated([0.5], [0.0, 2.0, 1.0]), prop.violated([0.5], [0.0, 2.0, 2.0])
    (False, True)
    """
    box = _box(lower, upper)
    check_integer("classes", classes, minimum=2)
    rows = margins(check_integer("label", label, minimum=0, maximum=classes - 1), classes)
    unsafe = [
        LinearInequalities(np.zeros((1, box.lower.size)), np.asarray(row, np.float64)[None], np.zeros(1))
        for row in rows
    ]
    return SafetyProperty((Region(box.lower, box.upper, tuple(unsafe)),))


def _box(lower: Any, upper: Any) -> Box:
    low = np.asarray(check_array("lower", lower), np.float64)
    high = np.asarray(check_array("upper", upper, shape=low.shape), np.float64)
    return Box(low.ravel(), high.ravel())
