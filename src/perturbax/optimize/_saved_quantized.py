"""Quantised networks in files: integers, dyadic numbers and scales, which run without the model they were made of."""

import dataclasses
import os
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..core import check_instance, read_tree, write_tree
from ._integer_steps import (
    STRUCTURAL,
    AbstractStep,
    AddConstant,
    Clip,
    Convolution,
    FloatIsland,
    FloatRequantise,
    Join,
    Product,
    Requantise,
    Signed,
    Structural,
    Sum,
)
from ._quantize import QuantizedLayer, QuantizedModel

_LABEL = "a quantised network"
_KINDS: dict[str, type[AbstractStep]] = {
    cls.__name__: cls
    for cls in (AddConstant, Clip, Convolution, FloatRequantise, Join, Product, Requantise, Signed, Structural, Sum)
}
_PLAIN = ("output", "input_scale", "input_codes", "input_shape", "output_scale")


def save_quantized(path: str | os.PathLike[str], quantized: QuantizedModel) -> None:
    """Write a quantised network, whole or not at all, as an `.npz` file that NumPy can read too.

    **Arguments:** `path`: of the file; `quantized`: what `quantize` returned.

    **Raises:** `ValueError` for a network with islands in floating point, which are code; `OSError` when the file
    cannot be written.

    >>> import jax, tempfile
    >>> from perturbax import nn, optimize
    >>> model = nn.MLP(4, (8,), 3, key=jax.random.key(1), activation=jax.nn.relu)
    >>> problem = optimize.QuantizationProblem(model, jnp.ones((5, 4)))
    >>> quantized = optimize.quantize(problem, optimize.UniformBits(8), key=jax.random.key(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_quantized(f"{folder}/q.npz", quantized)
    ...     load_quantized(f"{folder}/q.npz").bits
    {'layers.0.weight': 8, 'layers.1.weight': 8}
    """
    check_instance("quantized", quantized, QuantizedModel, "a QuantizedModel that quantize returned")
    if any(isinstance(step, FloatIsland) for step in quantized.steps):
        raise ValueError("quantized has islands in floating point, which are code and cannot be written to a file")
    steps = [
        {"kind": type(step).__name__, **{f.name: getattr(step, f.name) for f in dataclasses.fields(step)}}
        for step in quantized.steps
    ]
    plain = {name: getattr(quantized, name) for name in _PLAIN}
    layers = [tuple(layer) for layer in quantized.layers]
    write_tree(path, {"steps": steps, "layers": layers, **plain}, _LABEL)


def load_quantized(path: str | os.PathLike[str]) -> QuantizedModel:
    """Read what `save_quantized` wrote. Nothing in the file is executed.

    **Arguments:** `path`: of the file.

    **Raises:** `ValueError` when it is damaged or holds something else; `OSError` when it cannot be read.
    """
    tree = read_tree(path, _LABEL)
    try:
        steps = tuple(_step(number, dict(entry)) for number, entry in enumerate(tree["steps"]))
        layers = tuple(QuantizedLayer(*layer) for layer in tree["layers"])
        return QuantizedModel(steps=steps, layers=layers, stats={}, **{name: tree[name] for name in _PLAIN})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{os.fspath(path)} is no quantised network: {error!r}") from None


def _step(number: int, entry: dict[str, Any]) -> AbstractStep:
    kind = entry.pop("kind")
    if kind not in _KINDS or (kind == "Structural" and entry["name"] not in STRUCTURAL):
        raise ValueError(f"step {number} of the file is of an unknown kind {kind!r}")
    if any(not 0 <= place <= number for place in entry["inputs"]):
        raise ValueError(f"step {number} of the file takes values that are not there yet: {entry['inputs']}")
    fields: dict[str, Any] = {k: jnp.asarray(v) if isinstance(v, np.ndarray) else v for k, v in entry.items()}
    return _KINDS[kind](**fields)
